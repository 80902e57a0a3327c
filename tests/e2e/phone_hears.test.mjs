/* phone_hears.test.mjs: what a desk phone hears, and what it lets be heard, after each change in
 * mid-call: holds, another port, another codec. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { startRtpPhone } from "./rtpphone.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, level, PHONE_HZ } from "./tone.mjs";

const scene = setScene();
const SETTLE_MS = 1000; // what was on its way, and the other side's re-INVITE
const LISTEN_MS = 800;

async function talking() {
	const phone = scene.add("phone", await startRtpPhone({ server: scene.gateway.sip, password: scene.accounts[1000] }));
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await assertHear({ alice, phone }, true, true);
	return { alice, phone };
}

function assertEar(who, recording, hears, own, other) {
	if (hears) {
		assert.ok(recording.samples.length > (recording.rate * LISTEN_MS * 0.8) / 1000, `${who} got ${recording.samples.length} samples`);
		assertHeard(recording, other, [own]);
	} else {
		const dB = level(recording.samples, recording.rate, other);
		assert.ok(dB < -50, `${who} hears ${other} Hz at ${dB.toFixed(1)} dBFS`);
	}
}

/** Does the page hear the phone, and the phone the page? */
async function assertHear({ alice, phone }, page, desk) {
	await delay(SETTLE_MS);
	const [atPage, atPhone] = await Promise.all([alice.hear(LISTEN_MS), phone.hear(LISTEN_MS)]);
	assertEar("the page", atPage, page, BROWSER_HZ, PHONE_HZ);
	assertEar("the phone", atPhone, desk, PHONE_HZ, BROWSER_HZ);
}

scene.test("a page holds and resumes", async () => {
	const both = await talking();
	await both.alice.hold();
	await assertHear(both, false, false);
	assert.equal(both.phone.told, "sendonly");
	await both.alice.hold(false);
	await assertHear(both, true, true);
	assert.equal(both.phone.told, "sendrecv");
	await both.phone.hangUp();
	await both.alice.waitFor("idle");
});

scene.test("a phone holds and resumes, both ways", async () => {
	const both = await talking();
	assert.equal(await both.phone.offer({ direction: "sendonly" }), "recvonly");
	await assertHear(both, true, false); // who is held hears what the phone plays
	assert.equal(await both.phone.offer({ direction: "sendrecv" }), "sendrecv");
	await assertHear(both, true, true);
	assert.equal(await both.phone.offer({ direction: "inactive" }), "inactive");
	await assertHear(both, false, false);
	assert.equal(await both.phone.offer({ direction: "sendrecv" }), "sendrecv");
	await assertHear(both, true, true);
});

scene.test("both hold, and each lets go of its own hold only", async () => {
	const both = await talking();
	await both.alice.hold();
	await assertHear(both, false, false);
	await both.phone.offer({ direction: "inactive" });
	await both.alice.page.click("#hold");
	await both.alice.waitForHold("peer");
	await assertHear(both, false, false);
	assert.equal(await both.phone.offer({ direction: "sendrecv" }), "sendrecv");
	await assertHear(both, true, true);
});

scene.test("a phone that moves its audio to another port is sent it there", async () => {
	const both = await talking();
	assert.equal(await both.phone.offer({ move: true }), "sendrecv");
	await assertHear(both, true, true);
});

scene.test("a phone that changes its codec goes on hearing and being heard", async () => {
	const both = await talking();
	for (const codec of ["PCMU", "PCMA"]) {
		await both.phone.offer({ codec });
		await assertHear(both, true, true);
	}
	await both.alice.hold(); // and with the hold of the other side in between
	await assertHear(both, false, false);
	await both.phone.offer({ codec: "PCMU" });
	await both.alice.hold(false);
	await assertHear(both, true, true);
});
