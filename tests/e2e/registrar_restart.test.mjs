/* registrar_restart.test.mjs: Kamailio is restarted while calls run and clients are registered. */
import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Crowd } from "./crowd.mjs";
import { startGateway } from "./gateway.mjs";
import { startKamailio } from "./kamailio.mjs";
import { ACCOUNTS, assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const MANY = 100;
const EXPIRES_S = 20; // clients come again 5 s before
const SPREAD_S = 12; // over which the clients sign in
const AWAY_S = 5;
const crowdAccounts = Object.fromEntries(Array.from({ length: MANY }, (_, i) => [`user${i}`, `pie${i}`]));
const accounts = { ...ACCOUNTS, carol: "cherry-pie", 1002: "third-phone", ...crowdAccounts };

let kamailio;
let byTcp; // beside scene.gateway, which asks Kamailio by UDP
const scene = setScene({
	local: false,
	accounts,
	config: async () => {
		kamailio = await startKamailio({ accounts });
		const registrar = { mode: "central", max_expires: EXPIRES_S, min_expires: 10 };
		byTcp = await startGateway({ voicePorts: 20, config: { registrar: { ...registrar, targets: `sip:${kamailio.server};transport=tcp` } } });
		return { registrar: { ...registrar, targets: `sip:${kamailio.server}` }, log: { level: "info" } };
	},
});
after(async () => {
	assert.equal(await byTcp?.stop(), 0);
	await kamailio?.stop();
});

async function call(gateway, user, number) {
	const phone = await scene.phone(number, { server: kamailio.server });
	const page = await scene.page(user, { url: `${gateway.url}?raw=1` });
	await page.call(number);
	await phone.waitFor("CALL_ESTABLISHED");
	await page.waitFor("talking");
	return { page, phone };
}

async function assertTwoWay({ page, phone }) {
	assertHeard(await page.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

/** The most of these moments that fall into one second. */
const most = (moments) => Math.max(...moments.map((from) => moments.filter((at) => at >= from && at < from + 1000).length));

scene.test("Kamailio restarted: calls go on and end well, by UDP and TCP; registrations come back spread over time", async (t) => {
	const crowd = scene.add("crowd", new Crowd(crowdAccounts, () => [scene.gateway.url.replace("http", "ws")]));
	const signIn = async () => {
		for (const member of crowd.members) {
			member.start();
			await delay((SPREAD_S * 1000) / MANY);
		}
	};
	const signingIn = signIn(); // meanwhile
	const calls = [
		await call(scene.gateway, "alice", "1000"),
		await call(byTcp, "bob", "1001"),
		await call(byTcp, "carol", "1002"),
	];
	await signingIn;
	await crowd.until(({ at }) => at);

	await kamailio.halt();
	await delay(AWAY_S * 1000);
	await Promise.all(calls.map(assertTwoWay)); // while it is away
	await kamailio.start();
	const back = Date.now();
	await Promise.all(calls.map(assertTwoWay));

	const [udp, tcp, other] = calls;
	await udp.page.hangUp();
	await udp.phone.waitFor("CALL_CLOSED");
	tcp.phone.hangUp();
	await tcp.page.waitFor("idle", "connecting"); // it may have been told to register later
	await other.page.hangUp();
	await other.phone.waitFor("CALL_CLOSED");

	/* of those who were told to come later, when they will: some are back already, half a minute is not waited */
	await crowd.until(({ since, again }) => since > back || again > back, 30_000);
	const moments = crowd.members.map(({ registered, again }) => registered.find((at) => at > back) ?? again).sort((a, b) => a - b);
	const refused = crowd.members.filter(({ log }) => log.some((line) => /50\d/.test(line)));
	const returned = refused.filter(({ since }) => since > back);
	t.diagnostic(`${refused.length} of ${MANY} were told to come later, ${returned.length} of them are back; the last comes after ${((moments.at(-1) - back) / 1000).toFixed(1)} s, at most ${most(moments)} in a second`);
	assert.ok(returned.length > 0, "none of them came back");
	assert.ok(refused.length > 10, `only ${refused.length} came while it was away`);
	/* what waits for its answer when Kamailio is back has come within two seconds of 15; the rest came
	 * at its own time, or at one by lot */
	assert.ok(most(moments) <= MANY * 0.4, `${most(moments)} in one second`);
});
