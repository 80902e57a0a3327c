/* two_gateways.test.mjs: two gateways before one Kamailio. Browsers at different ones call each
 * other, a phone reaches each, and a page goes to the other one when its own drains or dies. */
import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startGateway } from "./gateway.mjs";
import { startKamailio } from "./kamailio.mjs";
import { startProxy } from "./proxy.mjs";
import { ACCOUNTS, assertHeard, setScene } from "./scene.mjs";
import { openUdp } from "./sipclient.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

let kamailio;
let second; // beside scene.gateway, the first
let alone; // it knows its users itself
const scene = setScene({
	local: false,
	config: async () => {
		kamailio = await startKamailio({ accounts: ACCOUNTS });
		const config = {
			registrar: { mode: "central", targets: `sip:${kamailio.server}` },
			calls: { drain_timeout: 60 },
		};
		second = await startGateway({ config, voicePorts: 20 });
		alone = await startGateway({ accounts: ACCOUNTS, voicePorts: 20 });
		return config;
	},
});
after(async () => {
	assert.equal(await second?.stop(), 0);
	assert.equal(await alone?.stop(), 0);
	await kamailio?.stop();
});

const desk = () => scene.phone("1000", { server: kamailio.server });
const pageAt = (gateway, user, options = {}) => scene.page(user, { url: `${gateway.url}?raw=1`, ...options });
const sipUrl = (port) => `ws://localhost:${port}/sip`;

async function assertTwoWay(page, phone) {
	await page.waitFor("talking");
	await delay(700);
	assertHeard(await page.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

/* 48 characters of a flow token, as it stands in Path and Route. */
const TOKEN = /[A-Za-z0-9_-]{48}@/;

scene.test("browsers at two gateways call each other: Opus, relayed by both and decoded by none", async () => {
	const marks = [scene.gateway, second].map((gateway) => gateway.child.lines.length);
	const alice = await pageAt(scene.gateway, "alice", { hz: BROWSER_HZ });
	const bob = await pageAt(second, "bob", { hz: PHONE_HZ });
	await alice.call("bob");
	await bob.answer();
	await alice.waitFor("talking");
	await delay(500);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(await bob.hear(1000), BROWSER_HZ, [PHONE_HZ]);
	await alice.setTone(6500); // narrow band would not let it through
	await delay(500);
	assertHeard(await bob.hear(1000), 6500, [BROWSER_HZ, PHONE_HZ]);
	assert.match((await alice.seen()).codec, /opus/i);
	await bob.hangUp();
	await alice.waitFor("idle");

	for (const [i, gateway] of [scene.gateway, second].entries()) {
		const legs = await gateway.mediaCounts(marks[i]);
		assert.equal(legs.length, 2);
		for (const { packets, relayed, decoded } of legs) {
			assert.ok(relayed > 50, `${relayed} of ${packets} relayed`);
			assert.equal(decoded, 0);
		}
	}
	assert.match(await second.trace(), TOKEN, "in the Route of Kamailio's INVITE");
	for (const page of [alice, bob]) assert.equal(page.sip(TOKEN).length, 0, "no page sees a token");
});

scene.test("a phone at Kamailio and a browser at either gateway call each other, both ways", async () => {
	const phone = await desk();
	for (const [user, gateway] of [
		["alice", scene.gateway],
		["bob", second],
	]) {
		const page = await pageAt(gateway, user);
		let from = phone.events.length;
		await page.call("1000");
		await phone.waitFor("CALL_ESTABLISHED", { from });
		await assertTwoWay(page, phone);
		await page.hangUp();
		await phone.waitFor("CALL_CLOSED", { from });

		from = phone.events.length;
		phone.dial(user);
		await page.answer();
		await phone.waitFor("CALL_ESTABLISHED", { from });
		await assertTwoWay(page, phone);
		phone.hangUp();
		await page.waitFor("idle");
		await page.close();
	}
	assert.doesNotMatch(phone.child.text, TOKEN, "the phone sees no token");
});

scene.test("one page, unchanged, works with a gateway that knows its users and with one that asks Kamailio", async () => {
	const page = await scene.page(undefined, { url: `${alone.url}?raw=1` }); // one context, one document
	for (const [gateway, server] of [
		[alone, alone.server],
		[scene.gateway, kamailio.server],
	]) {
		const phone = await scene.phone("1000", { server });
		await page.page.goto(`${gateway.url}?raw=1`);
		await page.signIn("alice", ACCOUNTS.alice);
		await page.call("1000");
		await phone.waitFor("CALL_ESTABLISHED");
		await assertTwoWay(page, phone);
		const from = phone.events.length;
		await page.hangUp();
		await phone.waitFor("CALL_CLOSED");
		phone.dial("alice");
		await page.answer();
		await phone.waitFor("CALL_ESTABLISHED", { from });
		await assertTwoWay(page, phone);
		phone.hangUp();
		await page.waitFor("idle");
		await phone.stop();
	}
	const files = await Promise.all([alone, scene.gateway].map(async ({ url }) => (await fetch(`${url}page.js`)).text()));
	assert.equal(files[0], files[1]);
});

scene.test("a page that loses its socket in a call at Kamailio comes back to it", async () => {
	const phone = await desk();
	const proxy = scene.add("proxy", await startProxy(scene.gateway.http));
	const from = scene.gateway.child.lines.length;
	const alice = await scene.page("alice", { url: `http://localhost:${proxy.port}/?raw=1` });
	await alice.call("1000");
	await phone.waitFor("CALL_ESTABLISHED");
	await assertTwoWay(alice, phone);
	proxy.cut();
	await scene.gateway.child.waitForLine(/moved to a new WebSocket/, { from, ms: 15_000 });
	await assertTwoWay(alice, phone);
	phone.hangUp(); // its BYE finds the new socket
	await alice.waitFor("idle");
	phone.dial("alice"); // and so does a new call
	await alice.answer();
	await alice.hangUp();
});

scene.test("a page that knows both gateways goes to the other one when its own drains, after its call", async () => {
	const phone = await desk();
	const urls = [sipUrl(scene.gateway.http), sipUrl(second.http)];
	const gateways = [scene.gateway, second];
	const marks = gateways.map(({ child }) => child.lines.length);
	const alice = await scene.page();
	await alice.page.evaluate(() => (document.getElementById("advanced").open = true));
	await alice.page.fill("#server", urls.join(" "));
	await alice.signIn("alice", ACCOUNTS.alice);
	const mine = /registrar: user="?sip:alice@/;
	const at = gateways.find(({ child }, i) => child.lines.slice(marks[i]).some((line) => mine.test(line)));
	const other = at === second ? scene.gateway : second;
	const from = other.child.lines.length;

	await alice.call("1000");
	await phone.waitFor("CALL_ESTABLISHED");
	at.child.kill("SIGTERM");
	await at.child.waitForLine(/draining: calls=1/);
	const dispatcher = await openUdp(at.sip);
	assert.equal((await dispatcher.ask("OPTIONS")).status, 503, "Kamailio's dispatcher would turn away");
	await dispatcher.close();
	await assertTwoWay(alice, phone);
	assert.equal(other.child.lines.slice(from).some((line) => mine.test(line)), false, "not before its call is over");
	const calls = phone.events.length;
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
	assert.equal(await at.child.ended(), 0);

	await other.child.waitForLine(mine, { from, ms: 15_000 });
	await alice.waitFor("idle");
	phone.dial("alice");
	await alice.answer();
	await phone.waitFor("CALL_ESTABLISHED", { from: calls });
	await assertTwoWay(alice, phone);
	await alice.hangUp();
	await at.start();
});
