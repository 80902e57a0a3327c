/* torture.test.mjs: the messages of RFC 4475 and of RFC 5118, asked of the running program over UDP and
 * TCP. What each deserves is in the verdicts.json beside them; it was written before the program was first
 * asked. After each message the program must still answer. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openUdp, openTcp } from "./sipclient.mjs";
import { setScene } from "./scene.mjs";

const folderOf = (rfc) => path.join(path.dirname(fileURLToPath(import.meta.url)), "../sip", rfc);
const verdictsOf = (folder) => JSON.parse(readFileSync(path.join(folder, "verdicts.json"), "utf8"));
const namesIn = (folder) => readdirSync(folder).filter((name) => name.endsWith(".dat")).map((name) => name.slice(0, -4));
const [FOLDER, IPV6_FOLDER] = [folderOf("rfc4475"), folderOf("rfc5118")];
const [VERDICTS, IPV6_VERDICTS] = [verdictsOf(FOLDER), verdictsOf(IPV6_FOLDER)];
const [NAMES, IPV6_NAMES] = [namesIn(FOLDER), namesIn(IPV6_FOLDER)];
const CONFIG = { sip: { domains: "example.com, example.net, example.org" } };

/* Messages with the same branch and sent-by are one transaction (RFC 3261 §17.2.3), over whatever they
 * come: so each transport has programs of its own, one for the second of pairs in these messages. */
const SECOND = ["regescrt", "cparam02"];
const scenes = { udp: [], tcp: [] };
for (const list of Object.values(scenes)) for (let i = 0; i < 2; i++) list.push(setScene({ config: CONFIG, browser: null }));

async function assertAlive(gateway) {
	const probe = await openUdp(gateway.sip);
	assert.equal((await probe.ask("OPTIONS", { ms: 2000 })).status, 200);
	await probe.close();
	assert.equal(gateway.child.code, undefined, "the gateway runs");
}

const callIdOf = (text) => /^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)/im.exec(text)?.[1].trim();

/** Sends a message and checks its answer.
 * @param status null: none
 * @returns what else was received */
async function ask(gateway, open, bytes, status, callId) {
	const client = await open(gateway.sip);
	client.send(bytes);
	const isFinal = (m) => m.status >= 200;
	if (status === null) {
		await assertAlive(gateway); // later than any answer
		await delay(50);
		assert.deepEqual(client.received.map((m) => m.first), []);
	} else {
		const answer = await client.waitFor(isFinal, { ms: 2000 });
		assert.equal(answer.status, status, answer.first);
		if (callId) assert.equal(answer.header("call-id"), callId);
		await assertAlive(gateway);
	}
	await client.close();
	return client.received;
}

for (const [transport, open] of [["udp", openUdp], ["tcp", openTcp]]) {
	const [scene, second] = scenes[transport];
	scene.test(`RFC 4475 over ${transport.toUpperCase()}: each of the 49 gets its verdict, and the next is answered`, async () => {
		assert.equal(NAMES.length, 49);
		assert.deepEqual(Object.keys(VERDICTS).sort(), [...NAMES].sort());
		const wrong = [];
		for (const name of NAMES) {
			const verdict = VERDICTS[name];
			let bytes = readFileSync(path.join(FOLDER, `${name}.dat`));
			/* the RFC's own file lacks its empty line: a stream would wait for it */
			if (name === "baddn" && transport === "tcp") bytes = Buffer.concat([bytes, Buffer.from("\r\n")]);
			const status = verdict[transport] === undefined ? verdict.status : verdict[transport];
			const gateway = (SECOND.includes(name) ? second : scene).gateway;
			await ask(gateway, open, bytes, status, callIdOf(bytes.toString("latin1"))).catch((error) =>
				wrong.push(`${name}: ${error.message}; but ${verdict.rests_on}`),
			);
		}
		assert.deepEqual(wrong, []);
	});

	scene.test(`RFC 5118 over ${transport.toUpperCase()}: each gets its verdict`, async () => {
		assert.deepEqual(Object.keys(IPV6_VERDICTS).sort(), [...IPV6_NAMES].sort());
		const wrong = [];
		for (const name of IPV6_NAMES) {
			const { status, rests_on } = IPV6_VERDICTS[name];
			const bytes = readFileSync(path.join(IPV6_FOLDER, `${name}.dat`));
			await ask(scene.gateway, open, bytes, status, callIdOf(bytes.toString("latin1"))).catch((error) => wrong.push(`${name}: ${error.message}; but ${rests_on}`));
		}
		assert.deepEqual(wrong, []);
	});
}

/* RFC 4475 §3.1.1.8: what is one datagram with something behind it is two messages in a stream. */
scenes.tcp[1].test("two requests in one segment of TCP get two answers", async () => {
	const client = await openTcp(scenes.tcp[1].gateway.sip);
	client.send(readFileSync(path.join(FOLDER, "dblreq.dat")));
	await client.waitFor((m) => m.header("cseq")?.endsWith("REGISTER") && m.status === 401);
	await client.waitFor((m) => m.header("cseq")?.endsWith("INVITE") && m.status === 401);
	await client.close();
});
