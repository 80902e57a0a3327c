/* keys.test.mjs: telephone keys (RFC 4733) from browser to phone and back, each once. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { setScene } from "./scene.mjs";
import { level } from "./tone.mjs";

const scene = setScene();
const KEY_5 = [770, 1336]; // Hz

for (const codec of ["PCMA", "PCMU"])
	scene.test(`keys pressed in the page arrive at a phone with ${codec}, each once and in order`, async () => {
		const phone = await scene.phone("1000", { codec });
		const alice = await scene.page("alice");
		await alice.call("1000");
		await alice.waitFor("talking");
		await delay(300);
		for (const key of "159*0#") {
			await alice.pressKey(key);
			await delay(250);
		}
		await phone.waitFor("CALL_DTMF_START", { where: ({ param }) => param === "#" });
		await delay(300);
		assert.equal(phone.keys(), "159*0#");
	});

scene.test("a key pressed fast and twice arrives twice", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await delay(300);
	for (const key of "55#") await alice.pressKey(key);
	await phone.waitFor("CALL_DTMF_START", { where: ({ param }) => param === "#" });
	assert.equal(phone.keys(), "55#");
});

/* Chromium plays received telephone events as tones: they are what the page's user hears. */
scene.test("a key pressed on the phone is heard in the browser", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await delay(500);
	const listening = alice.hear(1500);
	await delay(300);
	await phone.press("5");
	const { samples, rate } = await listening;
	let best = -Infinity;
	for (let at = 0; at + rate / 10 <= samples.length; at += rate / 50) {
		const block = samples.subarray(at, at + rate / 10);
		best = Math.max(best, Math.min(...KEY_5.map((hz) => level(block, rate, hz))));
	}
	assert.ok(best > -30, `the two tones of 5 reach ${best.toFixed(1)} dBFS`);
});
