/* call_endings.test.mjs: every way a call ends, seen from both sides. */
import assert from "node:assert/strict";
import { freePorts } from "./ports.mjs";
import { setScene } from "./scene.mjs";
import { startSipp } from "./sipp.mjs";

const [busyPort, declinePort] = [await freePorts(1), await freePorts(1)];
const scene = setScene({
	config: {
		calls: { page_timeout: 3, ring_timeout: 8 },
		"phone busy": { contact: `sip:busy@127.0.0.1:${busyPort}` },
		"phone decline": { contact: `sip:decline@127.0.0.1:${declinePort}` },
	},
});

async function callUp() {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await phone.waitFor("CALL_ESTABLISHED");
	await alice.waitFor("talking");
	return { alice, phone };
}

scene.test("the browser hangs up", async () => {
	const { alice, phone } = await callUp();
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
});

scene.test("the phone hangs up", async () => {
	const { alice, phone } = await callUp();
	phone.hangUp();
	await alice.waitFor("idle");
	assert.equal((await alice.seen()).reason, "");
});

scene.test("the browser gives up while the phone rings", async () => {
	const phone = await scene.phone("1000", { autoAnswer: false });
	const alice = await scene.page("alice");
	await alice.call("1000");
	await phone.waitFor("CALL_INCOMING");
	await alice.waitFor("ringing");
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
});

scene.test("the phone gives up while the browser rings", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	phone.dial("alice");
	await alice.waitFor("incoming");
	phone.hangUp();
	assert.equal(await alice.problem(), "missed");
	await alice.waitFor("idle");
});

scene.test("the phone is busy", async () => {
	const sipp = scene.add("busy", await startSipp("busy", { port: busyPort }));
	const alice = await scene.page("alice");
	await alice.call("busy");
	assert.equal(await alice.problem(), "busy");
	await sipp.ended;
});

scene.test("the phone declines", async () => {
	const sipp = scene.add("decline", await startSipp("decline", { port: declinePort }));
	const alice = await scene.page("alice");
	await alice.call("decline");
	assert.equal(await alice.problem(), "declined");
	await sipp.ended;
});

scene.test("the browser declines", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	phone.dial("alice");
	await alice.waitFor("incoming");
	await alice.decline();
	const { param } = await phone.waitFor("CALL_CLOSED");
	assert.match(param, /603/);
});

scene.test("the browser is busy", async () => {
	const { alice } = await callUp();
	const second = await scene.phone("1001");
	second.dial("alice");
	const { param } = await second.waitFor("CALL_CLOSED");
	assert.match(param, /486/);
	assert.equal((await alice.seen()).state, "talking");
});

scene.test("nobody answers: the caller hears so, the phone stops ringing", async () => {
	const phone = await scene.phone("1000", { autoAnswer: false });
	const alice = await scene.page("alice");
	await alice.call("1000");
	await phone.waitFor("CALL_INCOMING");
	assert.equal(await alice.problem(), "not-reachable");
	await phone.waitFor("CALL_CLOSED");
});

scene.test("an unknown number is 404, for page and phone", async () => {
	const alice = await scene.page("alice");
	await alice.call("4711");
	assert.equal(await alice.problem(), "unknown-number");
	const phone = await scene.phone();
	phone.dial("4711");
	assert.match((await phone.waitFor("CALL_CLOSED")).param, /404/);
});

scene.test("a known number that is not registered is 480, for page and phone", async () => {
	const alice = await scene.page("alice");
	await alice.call("1001");
	assert.equal(await alice.problem(), "not-reachable");
	const phone = await scene.phone();
	phone.dial("bob");
	assert.match((await phone.waitFor("CALL_CLOSED")).param, /480/);
});

scene.test("a page that is closed hangs up", async () => {
	const { alice, phone } = await callUp();
	await alice.page.close();
	await phone.waitFor("CALL_CLOSED");
});

scene.test("a page that dies without a word: BYE at the phone after page_timeout", async () => {
	const { alice, phone } = await callUp();
	await alice.crash();
	await phone.waitFor("CALL_CLOSED", { ms: 12_000 });
});

scene.test("a phone that dies while ringing does not hold the caller for ever", async () => {
	const phone = await scene.phone("1000", { autoAnswer: false });
	const alice = await scene.page("alice");
	await alice.call("1000");
	await phone.waitFor("CALL_INCOMING");
	phone.child.kill("SIGKILL");
	assert.equal(await alice.problem(), "not-reachable");
	await alice.waitFor("idle");
});
