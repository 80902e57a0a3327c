/* phone_gone.test.mjs: a desk phone that falls silent in mid-call (unplugged, its network down): the
 * page is told, the call ends. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { setScene } from "./scene.mjs";

const PHONE_S = 7;
const scene = setScene({ config: { calls: { phone_timeout: PHONE_S } } });

async function callUp() {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await phone.waitFor("CALL_ESTABLISHED");
	await delay(500); // it has been heard
	return { alice, phone };
}

scene.test("a phone that stops ends the call after phone_timeout, and the page says so", async () => {
	const { alice, phone } = await callUp();
	const went = performance.now();
	phone.child.kill("SIGSTOP"); // no RTP, no RTCP, no answer to SIP
	try {
		assert.equal(await alice.problem(), "phone-gone");
		const s = (performance.now() - went) / 1000;
		assert.ok(s >= PHONE_S - 1 && s <= PHONE_S + 2, `told after ${s.toFixed(1)} s`);
		await alice.waitFor("idle");
		assert.match(alice.sip(/^<<< BYE /)[0], /Reason: SIP;cause=408;text="Phone gone"/);
	} finally {
		phone.child.kill("SIGCONT");
	}
	await phone.waitFor("CALL_CLOSED"); // it was sent a BYE, too
});

scene.test("a phone that comes back in time keeps its call", async () => {
	const { alice, phone } = await callUp();
	const from = scene.gateway.child.lines.length;
	phone.child.kill("SIGSTOP");
	try {
		await scene.gateway.child.waitForLine(/nothing heard of the peer/, { from });
	} finally {
		phone.child.kill("SIGCONT");
	}
	await scene.gateway.child.waitForLine(/the peer is heard again/, { from });
	await delay(PHONE_S * 1000);
	assert.equal((await alice.seen()).state, "talking");
});
