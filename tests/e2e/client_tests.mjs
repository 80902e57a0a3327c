/* client_tests.mjs: what every SIP library for browsers must be able to do, as it comes. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { openClient } from "./clients.mjs";
import { assertHeard } from "./scene.mjs";
import { BROWSER_HZ, level, PHONE_HZ, tail } from "./tone.mjs";

export async function assertBothHear(client, phone) {
	await delay(700);
	assertHeard(await client.hear(1200), PHONE_HZ, [BROWSER_HZ]);
	await delay(200);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

/** Both have SDP in one 18x and the same in the 200, and one To tag. */
export function assertOneDescription(client) {
	const responses = client.sip(/^<<< SIP\/2\.0 (?!100)[\s\S]*\bCSeq: \d+ INVITE/i);
	const bodies = responses.map((text) => text.split("\r\n\r\n")[1]).filter(Boolean);
	assert.equal(bodies.length, 2, "SDP stands in one 18x and in the 200");
	assert.equal(bodies[0], bodies[1]);
	assert.equal(new Set(responses.map((text) => /^To:.*tag=([^;\s]+)/im.exec(text)[1])).size, 1);
}

export function clientTests(scene, library) {
	scene.test(`${library} calls a phone, each hears the other, and hangs up`, async () => {
		const phone = await scene.phone("1000", { autoAnswer: false });
		const alice = await openClient(scene, library, "alice");
		await alice.do("call", "1000");
		await alice.waitFor("180");
		phone.accept();
		await alice.waitFor("answered");
		await assertBothHear(alice, phone);
		assertOneDescription(alice);
		await alice.do("hangUp");
		await phone.waitFor("CALL_CLOSED");
		await alice.waitFor("ended");
	});

	scene.test(`${library} is called by a phone, each hears the other, and the phone hangs up`, async () => {
		const phone = await scene.phone();
		const alice = await openClient(scene, library, "alice");
		phone.dial("alice");
		await alice.waitFor("incoming");
		await alice.do("answer");
		await phone.waitFor("CALL_ESTABLISHED");
		await alice.waitFor("answered");
		await assertBothHear(alice, phone);
		phone.hangUp();
		await alice.waitFor("ended");
	});

	scene.test(`${library} gives up while the phone rings, and declines a call`, async () => {
		const phone = await scene.phone("1000", { autoAnswer: false });
		const alice = await openClient(scene, library, "alice");
		await alice.do("call", "1000");
		await alice.waitFor("180");
		await alice.do("hangUp");
		await phone.waitFor("CALL_CLOSED");
		await alice.waitFor("ended");
		const from = phone.events.length;
		phone.dial("alice");
		await alice.waitFor("incoming");
		await alice.do("decline");
		await phone.waitFor("CALL_CLOSED", { from });
	});

	scene.test(`${library}: keys as INFO and as telephone events arrive once each`, async () => {
		const phone = await scene.phone();
		const alice = await openClient(scene, library, "alice");
		await alice.do("call", "1000");
		await alice.waitFor("answered");
		await delay(700);
		for (const [how, key] of [["info", "1"], ["key", "5"], ["info", "*"], ["key", "#"]]) {
			await alice.do(how, key);
			await phone.waitFor("CALL_DTMF_START", { where: ({ param }) => param === key });
			await delay(400);
		}
		assert.equal(phone.keys(), "15*#");
	});

	scene.test(`${library} holds and resumes`, async () => {
		const phone = await scene.phone();
		const alice = await openClient(scene, library, "alice");
		await alice.do("call", "1000");
		await alice.waitFor("answered");
		await delay(500);
		await alice.do("hold", true);
		await alice.web.setTone(1500); // what the phone may not hear
		await delay(1500);
		const { samples, rate } = tail(phone.heard(), 1);
		assert.ok(level(samples, rate, 1500) < -60, "the held phone hears the browser");
		await alice.do("hold", false);
		await alice.web.setTone(BROWSER_HZ);
		await assertBothHear(alice, phone);
		assert.ok(await alice.isTalking());
	});

	/* SIP.js answers the challenge it remembers with nc=00000001 again (onsip/SIP.js #1061). */
	scene.test(`${library} registers again on the same connection, and signs out`, async () => {
		const alice = await openClient(scene, library, "alice");
		for (let times = 2; times < 4; times++) {
			await alice.do("refresh");
			await alice.waitForSip(/^<<< SIP\/2\.0 200 [\s\S]*^CSeq: \d+ REGISTER/m, times);
		}
		const phone = await scene.phone();
		await alice.do("call", "1000");
		await phone.waitFor("CALL_ESTABLISHED");
		await alice.waitFor("answered");
		await alice.do("hangUp");
		await alice.waitFor("ended");
		await alice.do("signOut");
		await alice.waitFor("unregistered");
		phone.dial("alice");
		assert.match((await phone.waitFor("CALL_CLOSED", { where: ({ param }) => /480/.test(param) })).param, /480/);
	});
}
