/* hold.test.mjs: calls on hold and resumed, from either side and from both. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, level, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene();
const SETTLE_MS = 1200; // re-INVITEs, and what was on its way

async function talking({ byPhone = false } = {}) {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	if (byPhone) {
		phone.dial("alice");
		await alice.answer();
	} else {
		await alice.call("1000");
	}
	await alice.waitFor("talking");
	await phone.waitFor("CALL_ESTABLISHED");
	await assertTwoWay(alice, phone);
	return { alice, phone };
}

async function assertTwoWay(alice, phone) {
	await delay(SETTLE_MS);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 0.8), BROWSER_HZ, [PHONE_HZ]);
}

/* baresip 1.0 records nothing more after a re-INVITE: what a phone hears from then on is judged in
 * phone_hears.test.mjs. */
async function assertResumed(alice) {
	await delay(SETTLE_MS);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
}

function assertNot(recording, hz) {
	const dB = level(recording.samples, recording.rate, hz);
	assert.ok(dB < -50, `${hz} Hz is heard at ${dB.toFixed(1)} dBFS`);
}

async function assertSilence(alice) {
	await delay(SETTLE_MS);
	assertNot(await alice.hear(800), PHONE_HZ);
}

for (const byPhone of [false, true])
	scene.test(`a page holds and resumes a call that the ${byPhone ? "phone" : "page"} made`, async () => {
		const { alice, phone } = await talking({ byPhone });
		await alice.hold();
		assert.match((await alice.seen()).words, /on hold/);
		await assertSilence(alice);
		await alice.hold(false);
		await assertResumed(alice);
		phone.hangUp();
		await alice.waitFor("idle");
		assert.equal((await alice.seen()).reason, "");
	});

for (const byPhone of [false, true])
	scene.test(`a phone holds and resumes a call that the ${byPhone ? "phone" : "page"} made; the page shows it`, async () => {
		const { alice, phone } = await talking({ byPhone });
		phone.hold();
		await alice.waitForHold("peer");
		assert.match((await alice.seen()).words, /held by peer/);
		await delay(SETTLE_MS);
		phone.resume();
		await alice.waitForHold("");
		assert.doesNotMatch((await alice.seen()).words, /held/);
		await assertResumed(alice);
	});

scene.test("both hold, and each lets go of its own hold only", async () => {
	const { alice, phone } = await talking();
	await alice.hold();
	await delay(500);
	phone.hold();
	await alice.page.waitForFunction(() => /on hold, held by peer/.test(document.getElementById("state").textContent));
	await assertSilence(alice);
	phone.resume();
	await alice.page.waitForFunction(() => !/held by peer/.test(document.getElementById("state").textContent));
	await assertSilence(alice);
	await alice.hold(false);
	await assertResumed(alice);
});

scene.test("five holds in a hurry end no call", async () => {
	const { alice } = await talking();
	for (let i = 0; i < 5; i++) {
		await alice.page.click("#hold");
		await delay(100);
		await alice.page.click("#hold");
		await delay(100);
	}
	await alice.waitForHold("");
	await assertResumed(alice);
	assert.equal((await alice.seen()).state, "talking");
	assert.deepEqual(alice.sip(/SIP\/2\.0 [45]/).filter((line) => /CSeq: \d+ INVITE/.test(line) && !/ 40[17] /.test(line)), []);
});

scene.test("what the user muted stays muted over a hold", async () => {
	const { alice } = await talking();
	await alice.mute();
	await alice.hold();
	await delay(SETTLE_MS);
	await alice.hold(false);
	await delay(SETTLE_MS);
	assert.match((await alice.seen()).words, /muted/);
	assert.equal(await alice.page.evaluate(() => window.e2e.connections.at(-1).getSenders()[0].track.enabled), false);
	assertHeard(await alice.hear(800), PHONE_HZ, [BROWSER_HZ]);
	await alice.mute();
	await assertResumed(alice);
});

scene.test("a page holds a page", async () => {
	const alice = await scene.page("alice", { hz: BROWSER_HZ });
	const bob = await scene.page("bob", { hz: PHONE_HZ });
	await alice.call("bob");
	await bob.answer();
	await alice.waitFor("talking");
	for (const [holder, held] of [[alice, bob], [bob, alice]]) {
		await holder.hold();
		await held.waitForHold("peer");
		await delay(SETTLE_MS);
		assertNot(await held.hear(800), held === bob ? BROWSER_HZ : PHONE_HZ);
		await holder.hold(false);
		await held.waitForHold("");
		await delay(SETTLE_MS);
		assertHeard(await alice.hear(800), PHONE_HZ, [BROWSER_HZ]);
		assertHeard(await bob.hear(800), BROWSER_HZ, [PHONE_HZ]);
	}
});

scene.test("page and phone hold in the same moment", async () => {
	const { alice, phone } = await talking();
	phone.hold();
	await alice.page.click("#hold");
	await alice.page.waitForFunction(() => /on hold, held by peer/.test(document.getElementById("state").textContent), null, { timeout: 10_000 });
	await assertSilence(alice);
	phone.resume();
	await delay(500);
	await alice.hold(false);
	await alice.page.waitForFunction(() => !/held|on hold/.test(document.getElementById("state").textContent), null, { timeout: 10_000 });
	await assertResumed(alice);
});
