/* database_down.test.mjs: Kamailio's PostgreSQL goes and comes back. It is away for as long as the checks
 * take, not for a fixed time: nothing here depends on how long (what Kamailio knows of a user lasts an hour). */
import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startKamailio } from "./kamailio.mjs";
import { ACCOUNTS, assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";
import { openWs } from "./wsclient.mjs";

const accounts = { ...ACCOUNTS, newcomer: "nut-pie" };
let kamailio;
const scene = setScene({
	local: false,
	accounts,
	config: async () => {
		kamailio = await startKamailio({ accounts });
		return { registrar: { mode: "central", targets: `sip:${kamailio.server}` } };
	},
});
after(() => kamailio?.stop());

const ws = async (user) =>
	scene.add(`ws ${user}`, await openWs(`ws://127.0.0.1:${scene.gateway.http}/sip`, { user, password: accounts[user] }));

async function assertTwoWay(page, phone) {
	await page.waitFor("talking");
	await delay(700);
	assertHeard(await page.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

scene.test("without the database new users get 503 with Retry-After; calls go on, and those who are known call and stay", async () => {
	const phone = await scene.phone("1000", { server: kamailio.server });
	const spare = await scene.phone("1001", { server: kamailio.server });
	const alice = await scene.page("alice");
	const bob = await ws("bob");
	const newcomer = await ws("newcomer");
	assert.equal((await bob.register()).status, 200);
	await alice.call("1000");
	await phone.waitFor("CALL_ESTABLISHED");
	await alice.waitFor("talking");

	await kamailio.database.stop();
	const begun = Date.now();
	const refused = await newcomer.register();
	assert.equal(refused.status, 503, refused.first);
	const seconds = Number(refused.header("retry-after"));
	assert.ok(seconds >= 5 && seconds <= 60, `Retry-After: ${refused.header("retry-after")}`);
	assert.ok(Date.now() - begun < 5_000, "it does not wait for the database");

	await assertTwoWay(alice, phone);
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
	assert.equal((await bob.register()).status, 200, "a refresh");

	await alice.call("1001");
	await spare.waitFor("CALL_ESTABLISHED");
	await assertTwoWay(alice, spare);
	const closed = spare.events.length;
	spare.hangUp();
	await alice.waitFor("idle");

	spare.dial("alice");
	await alice.answer();
	await spare.waitFor("CALL_ESTABLISHED", { from: closed });
	await assertTwoWay(alice, spare);
	await alice.hangUp();

	await kamailio.database.start();
	let answer = await newcomer.register();
	for (const end = Date.now() + 15_000; answer.status === 503 && Date.now() < end; answer = await newcomer.register()) await delay(500);
	assert.equal(answer.status, 200, "five seconds after a failure it is asked again");
});
