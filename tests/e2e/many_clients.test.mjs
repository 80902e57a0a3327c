/* many_clients.test.mjs: more than one gateway can be lost, and more than a few clients be there: real
 * WebSockets over TLS, two gateways, one Kamailio. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Crowd } from "./crowd.mjs";
import { startGateway } from "./gateway.mjs";
import { startKamailio } from "./kamailio.mjs";
import { openUdp, phoneSdp } from "./sipclient.mjs";

const MANY = 1_000;
const SOME = 50;
const accountsOf = (name, n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`${name}${i}`, `pie${i}`]));
const some = accountsOf("some", SOME);
const many = accountsOf("many", MANY);
const password = "phone-pie";

let kamailio;
const gateways = [];
let phone;

before(async () => {
	kamailio = await startKamailio({ accounts: { phone: password, ...some, ...many } });
	for (let i = 0; i < 2; i++)
		gateways.push(
			await startGateway({
				voicePorts: 20,
				config: { registrar: { mode: "central", targets: `sip:${kamailio.server}` }, log: { level: "info" } },
			}),
		);
	phone = await openUdp(kamailio.port, { user: "phone", password });
});
after(async () => {
	await phone?.close();
	for (const gateway of gateways) assert.equal(await gateway.stop(), 0);
	await kamailio?.stop();
});

const urlOf = (gateway) => `wss://localhost:${gateway.https}/sip`;

/** The resident memory of a gateway, in KiB. */
const memoryOf = ({ child }) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))[1]);

/** Each is rung by the phone at Kamailio, itself and nobody else. */
async function assertCallable(crowd, called) {
	for (const member of called) {
		const before = crowd.members.map(({ calls }) => calls);
		const answer = await phone.invite(member.user, { body: phoneSdp(9), callId: `call-${member.user}-${member.calls}` });
		assert.equal(answer.status, 486, `${member.user}: ${answer.first}`);
		const rung = crowd.members.filter(({ calls }, i) => calls > before[i]);
		assert.deepEqual(rung.map(({ user }) => user), [member.user]);
	}
}

test("a gateway is killed with 50 clients: all are there again through the other within 30 s, and are rung", async (t) => {
	const [first, second] = gateways;
	const crowd = new Crowd(some, () => [urlOf(first), urlOf(second)]);
	try {
		await crowd.signIn();
		assert.ok(crowd.members.every(({ at }) => at === urlOf(first)));
		await assertCallable(crowd, crowd.members.slice(0, 3));

		const killed = Date.now();
		await first.killHard();
		await crowd.until(({ at }) => at === urlOf(second), 30_000);
		const last = Math.max(...crowd.members.map(({ since }) => since));
		t.diagnostic(`registered again after ${((last - killed) / 1000).toFixed(1)} s`);
		await assertCallable(crowd, crowd.members);
	} finally {
		await crowd.close();
		await first.start();
	}
});

test("1,000 clients are registered at the same time through two gateways", async (t) => {
	const empty = gateways.map(memoryOf);
	const urls = gateways.map(urlOf);
	const crowd = new Crowd(many, (i) => (i % 2 ? [...urls].reverse() : urls));
	try {
		const ms = await crowd.signIn(8);
		for (const url of urls) assert.equal(crowd.members.filter(({ at }) => at === url).length, MANY / 2);
		const known = () => kamailio.database.sql("select count(distinct username) from location where username like 'many%' and expires > now();");
		for (const asked = Date.now(); (await known()).trim() !== String(MANY) && Date.now() - asked < 15_000; );
		assert.equal((await known()).trim(), String(MANY), "what Kamailio has written down");
		await assertCallable(crowd, crowd.members.filter((_, i) => i % 97 === 0));

		assert.equal(crowd.members.filter(({ at }) => at).length, MANY, "all at the same time");
		assert.deepEqual(new Set(crowd.members.flatMap(({ log }) => log)), new Set(["200"]), "none was refused");
		const kib = gateways.map((gateway, i) => (memoryOf(gateway) - empty[i]) / (MANY / 2));
		t.diagnostic(`${MANY} in ${(ms / 1000).toFixed(1)} s; ${kib.map((n) => n.toFixed(0)).join(" and ")} KiB of a gateway's memory for each`);
		for (const n of kib) assert.ok(n < 100, `${n} KiB for a client`);
	} finally {
		await crowd.close();
	}
});
