/* central_silent.test.mjs: two of three targets say nothing; a Kamailio is the third. */
import assert from "node:assert/strict";
import dgram from "node:dgram";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startKamailio } from "./kamailio.mjs";
import { freePorts } from "./ports.mjs";
import { ACCOUNTS, assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const silent = [];
let kamailio;

async function openSilent() {
	const port = await freePorts(1);
	const socket = dgram.createSocket("udp4");
	const heard = [];
	socket.on("message", (data) => heard.push(data.toString().split(" ")[0]));
	await new Promise((resolve) => socket.bind(port, "127.0.0.1", resolve));
	silent.push({ port, socket, heard });
	return `sip:127.0.0.1:${port}`;
}

const scene = setScene({
	local: false,
	config: async () => {
		kamailio = await startKamailio({ accounts: ACCOUNTS });
		const targets = [await openSilent(), await openSilent(), `sip:localhost:${kamailio.port}`]; // a name, too
		return { registrar: { mode: "central", targets: targets.join(", "), realms: "hookswitch" } };
	},
});
after(async () => {
	for (const { socket } of silent) socket.close();
	await kamailio?.stop();
});

/* First in this file: the pings have not told anything yet. */
scene.test("a page signs in and calls all the same, and soon without delay", async () => {
	const desk = await scene.phone("1000", { server: kamailio.server });
	const alice = await scene.page();
	await alice.signIn("alice", ACCOUNTS.alice);
	const begun = Date.now();
	await alice.call("1000");
	await desk.waitFor("CALL_ESTABLISHED", { ms: 5_000 });
	await alice.waitFor("talking");
	assert.ok(Date.now() - begun < 5_000, `${Date.now() - begun} ms`);
	await delay(2500); // longer than a target is waited for: a running call has nothing to do with them
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(desk.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
	for (const { heard } of silent) assert.ok(heard.includes("OPTIONS"));
	await alice.hangUp();
	await desk.waitFor("CALL_CLOSED");
});

scene.test("with the last target gone, too, a call fails within seconds and a running one goes on", async () => {
	const desk = await scene.phone("1000", { server: kamailio.server });
	const alice = await scene.page("alice");
	const bob = await scene.page("bob");
	await alice.call("1000");
	await desk.waitFor("CALL_ESTABLISHED", { ms: 5_000 });
	await alice.waitFor("talking");
	await kamailio.stop();
	const begun = Date.now();
	await bob.call("alice");
	await bob.problem();
	assert.ok(Date.now() - begun < 8_000, `${Date.now() - begun} ms`);
	assert.equal((await alice.seen()).state, "talking");
});
