/* call_browser_to_phone.test.mjs: a browser calls a desk phone, and each hears the other. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, firstHeard, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene();

for (const codec of ["PCMA", "PCMU", "G722"])
	scene.test(`a browser and a phone with ${codec} hear each other`, async () => {
		const phone = await scene.phone("1000", { codec });
		const alice = await scene.page("alice");
		await alice.call("1000");
		await phone.waitFor("CALL_ESTABLISHED");
		await alice.waitFor("talking");
		await delay(500);
		assertHeard(await alice.hear(1500), PHONE_HZ, [BROWSER_HZ]);
		assertHeard(tail(phone.heard(), 1.5), BROWSER_HZ, [PHONE_HZ]);
		assert.match((await alice.seen()).codec, /^Opus/);
		await alice.hangUp();
		await phone.waitFor("CALL_CLOSED");
	});

/* The page's Opus is asked for 16 kHz then, not for a telephone's 8. */
scene.test("with G722 each hears what a telephone's band does not hold", async () => {
	const phone = await scene.phone("1000", { codec: "G722", hz: 5300 });
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await alice.setTone(6100);
	await delay(2000);
	assertHeard(await alice.hear(1000), 5300, [6100, 2700]);
	assertHeard(tail(phone.heard(), 1), 6100, [5300, 1900]);
});

scene.test("a change of tone arrives: what is heard is the running call", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await alice.setTone(1500);
	await delay(1800);
	assertHeard(tail(phone.heard(), 1), 1500, [BROWSER_HZ, PHONE_HZ]);
});

scene.test("the first sound comes less than two seconds after Call is pressed", async () => {
	await scene.phone();
	const alice = await scene.page("alice");
	const pressed = await alice.now();
	await alice.call("1000");
	await alice.waitFor("talking");
	await delay(1500);
	const recording = await alice.hear();
	const ms = recording.since + firstHeard(recording.samples, recording.rate, PHONE_HZ) * 1000 - pressed;
	assert.ok(ms < 2000, `${Math.round(ms)} ms`);
});

scene.test("ICE and DTLS are done while the phone rings, with one SDP and one tag", async () => {
	const phone = await scene.phone("1000", { autoAnswer: false });
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("ringing");
	await alice.page.waitForFunction(() => window.e2e.connections.at(-1).connectionState === "connected");
	assert.equal((await alice.seen()).state, "ringing");
	phone.accept();
	await alice.waitFor("talking");
	await delay(300);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);

	const responses = alice.sip(/^<<< SIP\/2\.0 [\s\S]*\bCSeq: \d+ INVITE/i).filter((text) => !/^<<< SIP\/2\.0 100/.test(text));
	const bodies = responses.map((text) => text.split("\r\n\r\n")[1]).filter(Boolean);
	assert.equal(bodies.length, 2, "SDP stands in one 18x and in the 200");
	assert.equal(bodies[0], bodies[1]);
	assert.equal(new Set(responses.map((text) => /^To:.*tag=([^;\s]+)/im.exec(text)[1])).size, 1);
});

scene.test("nothing of the browser's SDP reaches the phone, and its INVITE fits a packet", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	const [invite] = phone.requests("INVITE");
	assert.match(invite, /^m=audio \d+ RTP\/AVP /m);
	assert.doesNotMatch(invite, /candidate|fingerprint|ice-ufrag|\.invalid|a=ssrc|a=extmap/);
	assert.ok(invite.length < 1300, `${invite.length} bytes`);
});

scene.test("two calls after each other, and the second is as good as the first", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	for (let i = 0; i < 2; i++) {
		const from = phone.events.length;
		await alice.call("1000");
		await alice.waitFor("talking");
		await delay(500);
		assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
		await alice.hangUp();
		await phone.waitFor("CALL_CLOSED", { from });
		await alice.waitFor("idle");
	}
});

scene.test("over https and wss it is the same", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice", { url: `${scene.gateway.secureUrl}?raw=1` });
	await alice.call("1000");
	await alice.waitFor("talking");
	await delay(500);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
});

scene.test("a muted browser is silent at the phone, and the call goes on", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await alice.mute();
	await delay(1500);
	assert.throws(() => assertHeard(tail(phone.heard(), 0.8), BROWSER_HZ, [PHONE_HZ]));
	await alice.mute();
	await delay(1500);
	assertHeard(tail(phone.heard(), 0.8), BROWSER_HZ, [PHONE_HZ]);
});
