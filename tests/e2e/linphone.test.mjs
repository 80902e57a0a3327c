/* linphone.test.mjs: a desk phone of another brand: calls both ways, keys, hold. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { startLinphone } from "./linphone.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, level, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene();
const KEY_5 = [770, 1336]; // Hz

async function linphone() {
	const settings = { user: "1000", password: scene.accounts[1000], server: scene.gateway.server };
	return scene.add("linphone", await startLinphone(settings));
}

async function assertBothHear(alice, phone) {
	await delay(1500);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

scene.test("a browser calls linphone, each hears the other, and the browser hangs up", async () => {
	const phone = await linphone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await phone.waitFor(/to LinphoneCallIncomingReceived/);
	await alice.waitFor("ringing");
	phone.command("answer");
	await phone.waitFor(/to LinphoneCallStreamsRunning/);
	phone.talk();
	await alice.waitFor("talking");
	await assertBothHear(alice, phone);
	await alice.hangUp();
	await phone.waitFor(/to LinphoneCallReleased/);
});

scene.test("linphone calls a browser, each hears the other, keys arrive, and linphone hangs up", async () => {
	const phone = await linphone();
	const alice = await scene.page("alice");
	phone.command("call alice");
	await alice.answer();
	await phone.waitFor(/to LinphoneCallStreamsRunning/);
	phone.talk();
	await assertBothHear(alice, phone);

	for (const key of "15#") {
		await alice.pressKey(key);
		await delay(400);
	}
	await phone.waitFor(/Receiving tone # from/);
	assert.equal(phone.keys(), "15#");

	const listening = alice.hear(1500); // Chromium plays telephone events as tones
	await delay(300);
	phone.command("5");
	const { samples, rate } = await listening;
	let best = -Infinity;
	for (let at = 0; at + rate / 10 <= samples.length; at += rate / 50) {
		const block = samples.subarray(at, at + rate / 10);
		best = Math.max(best, Math.min(...KEY_5.map((hz) => level(block, rate, hz))));
	}
	assert.ok(best > -30, `the two tones of 5 reach ${best.toFixed(1)} dBFS`);

	phone.command("terminate");
	await alice.waitFor("idle");
});

scene.test("linphone holds and resumes", async () => {
	const phone = await linphone();
	const alice = await scene.page("alice");
	phone.command("call alice");
	await alice.answer();
	await phone.waitFor(/to LinphoneCallStreamsRunning/);
	phone.talk();
	await delay(500);
	const from = phone.child.lines.length;
	phone.command("pause");
	await phone.waitFor(/to LinphoneCallPaused/);
	await delay(500);
	assert.match(await alice.localSdp(), /^a=recvonly/m); // a held one may hear music, linphone's file
	phone.command("resume");
	await phone.waitFor(/to LinphoneCallStreamsRunning/, { from });
	phone.talk();
	await assertBothHear(alice, phone);
	assert.match(await alice.localSdp(), /^a=sendrecv/m);
	phone.command("terminate");
	await alice.waitFor("idle");
});
