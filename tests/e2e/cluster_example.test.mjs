/* cluster_example.test.mjs: examples/cluster/run, stop and dial, as a user has them; on a network of its own,
 * as other tests' browsers break off what they load when an interface of theirs comes or goes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { lstatSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { launchChromium, openPage } from "./chromium.mjs";
import { Cluster } from "./cluster.mjs";
import { enterInternet } from "./internet.mjs";
import { draw, merge, messagesOf } from "./ladder.mjs";
import { assertHeard } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ } from "./tone.mjs";

await enterInternet(import.meta.url);
execFileSync("ip", ["link", "set", "lo", "up"]);

const POLICY = "/usr/sbin/policy-rc.d";
const GATEWAYS = ["gateway1", "gateway2"];
const DRAWING = new URL("../../examples/cluster/call.svg", import.meta.url);
const POLICY_BEFORE = policy();
const cluster = new Cluster();
let said;
let browser;
before(async () => {
	said = await cluster.run();
	browser = await launchChromium(); // once the network is as it will be
});
after(async () => {
	await browser?.close();
	await cluster.stop();
});

function policy() {
	try {
		const { ino, mode, mtimeMs } = lstatSync(POLICY);
		return { ino, mode, mtimeMs, text: readFileSync(POLICY, "utf8") };
	} catch {
		return null;
	}
}

/** How loud it is, in dB. */
function level({ samples }) {
	return 10 * Math.log10(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length + 1e-9);
}

/** What a gateway recorded of its last call, once that has ended. */
async function recordOf(gateway) {
	for (;;) {
		const record = await cluster.command(gateway, "trace", "last");
		if (record.includes("* call: ended")) return record;
		await delay(50);
	}
}

const registrations = (gateway) => [...cluster.log(gateway).matchAll(/^(\S+) .*registrar: user="sip:alice@.* expires=[1-9]/gm)];

async function page(t, user, { port = 443, ...options } = {}) {
	const phone = await openPage(browser, `${cluster.url(port)}?raw=1`, options);
	t.after(() => phone.close());
	await phone.signIn(user, cluster.accounts[user]);
	return phone;
}

test("run says where the page is, who may sign in, and whom to dial", () => {
	assert.ok(said.includes(`https://${cluster.network}.10/`), said);
	assert.match(said, /browser warns/);
	for (const user of ["alice", "bob"]) assert.ok(said.includes(`${user}, password ${cluster.accounts[user]}`), said);
});

test("run again says what is running", async () => {
	const again = await cluster.run();
	assert.match(again, /Running already/);
	assert.ok(again.includes(`https://${cluster.network}.10/`));
});

test("through the balancer, a page calls both desk phones and is called by both", async (t) => {
	const alice = await page(t, "alice");
	for (const phone of ["1000", "2000"]) {
		await alice.call(phone);
		await alice.waitFor("talking");
		await delay(500);
		const dB = level(await alice.hear(2500));
		assert.ok(dB > -40, `${phone} says something, at ${dB.toFixed(0)} dB`);
		await alice.hangUp();
		await alice.waitFor("idle");
		await cluster.dial(phone, "alice");
		await alice.waitFor("incoming");
		assert.equal((await alice.seen()).peer, phone);
		await alice.answer();
		await cluster.dial(phone, "hangup");
		await alice.waitFor("idle");
	}
});

test("pages are told of coturn, which gives them relays by UDP and TCP", async (t) => {
	const alice = await page(t, "alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await alice.hangUp();
	const urls = await alice.page.evaluate(() => window.e2e.connections.at(-1).getConfiguration().iceServers.flatMap((server) => server.urls));
	assert.deepEqual(urls, [`turn:${cluster.network}.13?transport=udp`, `turn:${cluster.network}.13?transport=tcp`, `turns:${cluster.network}.13`]);
	const relays = await alice.page.evaluate(async () => {
		const { iceServers } = window.e2e.connections.at(-1).getConfiguration();
		const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
		connection.addTransceiver("audio");
		await connection.setLocalDescription();
		let found = [];
		/* not until gathering ends: the third way, TLS, is given up late where nobody trusts the example's CA */
		for (const begun = Date.now(); found.length < 2 && Date.now() - begun < 10_000; await new Promise((resolve) => setTimeout(resolve, 50)))
			found = [...(await connection.getStats()).values()].filter(({ type }) => type === "local-candidate");
		connection.close();
		return found.map(({ address, relayProtocol }) => `${address} ${relayProtocol}`);
	});
	for (const protocol of ["udp", "tcp"]) assert.ok(relays.includes(`${cluster.network}.13 ${protocol}`), relays.join(", "));
});

/* HOOKSWITCH_DRAW=1 writes the drawing anew. Before bob has left a contact of a page that has gone. */
test("each message of a call takes the path that is drawn in the documentation", async (t) => {
	const [alice, bob] = [await page(t, "alice", { port: 8441 }), await page(t, "bob", { port: 8442 })];
	await alice.call("bob");
	await bob.answer();
	await alice.waitFor("talking");
	await alice.hangUp();
	await bob.waitFor("idle");
	const records = await Promise.all(GATEWAYS.map(recordOf));
	const drawn = draw(merge(...records.map(messagesOf)));
	if (process.env.HOOKSWITCH_DRAW) writeFileSync(DRAWING, drawn);
	assert.equal(drawn, readFileSync(DRAWING, "utf8"));
});

test("pages on two gateways call each other and hear each other", async (t) => {
	const alice = await page(t, "alice", { port: 8441, hz: BROWSER_HZ });
	const bob = await page(t, "bob", { port: 8442, hz: PHONE_HZ });
	const begun = GATEWAYS.map((gateway) => cluster.log(gateway).length);
	await alice.call("bob");
	await bob.answer();
	await alice.waitFor("talking");
	for (const [i, gateway] of GATEWAYS.entries()) while (!/ media connected .* DTLS-SRTP/.test(cluster.log(gateway).slice(begun[i]))) await delay(50);
	await delay(700);
	assertHeard(await alice.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(await bob.hear(1500), BROWSER_HZ, [PHONE_HZ]);
	await alice.hangUp();
	await bob.waitFor("idle");
	for (const [gateway, user] of [["gateway1", "alice"], ["gateway2", "bob"]])
		assert.match(cluster.log(gateway), new RegExp(`user="sip:${user}@.* remote=${cluster.network}\\.1:`), `${user} is at ${gateway}, and from here`);
});

test("a gateway that drains sends its page to the other one, where it is called", async (t) => {
	const alice = await page(t, "alice");
	const newest = (gateway) => registrations(gateway).at(-1)?.[1] ?? "";
	const [from, to] = newest("gateway1") > newest("gateway2") ? ["gateway1", "gateway2"] : ["gateway2", "gateway1"];
	const { length } = registrations(to);
	await cluster.command(from, "drain");
	while (registrations(to).length === length) await delay(100);
	await alice.waitFor("idle");
	await cluster.dial("1000", "alice");
	await alice.answer();
	await cluster.dial("1000", "hangup");
	await alice.waitFor("idle");
});

test("stop leaves nothing, and doing it twice is fine", async () => {
	assert.equal(await cluster.stop(), 0);
	assert.deepEqual(cluster.left(), []);
	assert.equal(await cluster.stop(), 0);
	assert.deepEqual(policy(), POLICY_BEFORE);
});

test("after a run that failed, stop leaves nothing", async (t) => {
	const other = new Cluster();
	t.after(() => other.stop());
	const run = other.begin("/bin/false");
	assert.equal(await run.ended(60_000), 1);
	assert.match(run.text, /gateway1 did not start/);
	assert.match(run.text, /stop removes/);
	assert.ok(other.left().length > 5, "what had started goes on");
	assert.equal(await other.begin().ended(60_000), 1, "run does not start on top of it");
	assert.equal(await other.stop(), 0);
	assert.deepEqual(other.left(), []);
});

test("after a run that was killed, stop leaves nothing", async (t) => {
	const other = new Cluster();
	t.after(() => other.stop());
	const run = other.begin();
	await run.waitForLine(/^ +registrar /, { ms: 60_000 });
	run.kill("SIGKILL");
	await other.stop();
	assert.deepEqual(other.left(), []);
});

test("while run is at work, stop ends it first", async (t) => {
	const other = new Cluster();
	t.after(() => other.stop());
	const run = other.begin();
	await run.waitForLine(/^ +database /, { ms: 60_000 });
	assert.equal(await other.stop(), 0);
	assert.notEqual(await run.ended(), 0);
	assert.deepEqual(other.left(), []);
});
