/* firefox.test.mjs: calls with a real Firefox: audio both ways, keys. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { launchFirefox } from "./firefox.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, firstHeard, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene({ browser: null });
let firefox;
before(async () => void (firefox = await launchFirefox()));
after(() => firefox?.close());

async function alice() {
	const page = scene.add("firefox", await firefox.open(`${scene.gateway.url}?raw=1`));
	await page.signIn("alice", scene.accounts.alice);
	return page;
}

/* Firefox begins to send a while after the answer; how long is not what is judged here. */
async function untilHeard(phone, hz) {
	for (let i = 0; i < 80; i++) {
		const { samples, rate } = phone.heard();
		if (firstHeard(samples, rate, hz) < Infinity) return;
		await delay(100);
	}
}

async function assertBothHear(page, phone) {
	await untilHeard(phone, BROWSER_HZ);
	await delay(1500);
	assertHeard(await page.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

scene.test("Firefox calls a phone: each hears the other, keys arrive once each and in order", async () => {
	const phone = await scene.phone();
	const page = await alice();
	await page.call("1000");
	await phone.waitFor("CALL_ESTABLISHED");
	await page.waitFor("talking");
	await assertBothHear(page, phone);
	assert.match((await page.seen()).codec, /^Opus/);
	for (const key of "159*0#") {
		await page.pressKey(key);
		await delay(250);
	}
	await phone.waitFor("CALL_DTMF_START", { where: ({ param }) => param === "#" });
	await delay(300);
	assert.equal(phone.keys(), "159*0#");
	await page.hangUp();
	await phone.waitFor("CALL_CLOSED");
});

scene.test("a phone calls Firefox: each hears the other, keys arrive, the phone hangs up", async () => {
	const phone = await scene.phone();
	const page = await alice();
	phone.dial("alice");
	await page.answer();
	await phone.waitFor("CALL_ESTABLISHED");
	await assertBothHear(page, phone);
	for (const key of "42#") {
		await page.pressKey(key);
		await delay(250);
	}
	await phone.waitFor("CALL_DTMF_START", { where: ({ param }) => param === "#" });
	await delay(300);
	assert.equal(phone.keys(), "42#");
	phone.hangUp();
	await page.waitFor("idle");
});
