/* harness.test.mjs: phone, ear and tools work by themselves, so that what fails elsewhere is the
 * gateway. Two desk phones call each other directly; no gateway takes part. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startBaresip } from "./baresip.mjs";
import { Child } from "./child.mjs";
import { startSipp } from "./sipp.mjs";
import { tempFolder } from "./temp.mjs";
import { aLaw, BROWSER_HZ, judge, PHONE_HZ, synthesize } from "./tone.mjs";

for (const codec of ["PCMA", "PCMU"])
	test(`two desk phones hear each other and their keys in ${codec}`, async (t) => {
		const caller = await startBaresip({ user: "1001", codec, hz: BROWSER_HZ });
		t.after(() => caller.stop());
		const callee = await startBaresip({ user: "1002", codec });
		t.after(() => callee.stop());

		caller.dial(callee.uri);
		await callee.waitFor("CALL_ESTABLISHED");
		await caller.press("15#");
		await delay(1000);
		caller.hangUp();
		await callee.waitFor("CALL_CLOSED");

		const [atCaller, atCallee] = [judge(caller.heard(), PHONE_HZ, [BROWSER_HZ]), judge(callee.heard(), BROWSER_HZ, [PHONE_HZ])];
		assert.ok(atCaller.ok, atCaller.why);
		assert.ok(atCallee.ok, atCallee.why);
		assert.equal(callee.keys(), "15#");
	});

test("a desk phone hears busy from SIPp", async (t) => {
	const sipp = await startSipp("busy");
	t.after(() => sipp.stop());
	const phone = await startBaresip();
	t.after(() => phone.stop());

	phone.dial(`sip:busy@127.0.0.1:${sipp.port}`);
	const closed = await phone.waitFor("CALL_CLOSED");
	assert.match(closed.param, /486/);
	await sipp.ended;
});

test("a desk phone hears SIPp's announcement before the answer, and the call goes on", async (t) => {
	const file = path.join(tempFolder("tone"), "tone.al");
	writeFileSync(file, aLaw(synthesize(10, 8000, [[BROWSER_HZ, 0.4]])));
	const sipp = await startSipp("early_media", { keys: { file } });
	t.after(() => sipp.stop());
	const phone = await startBaresip();
	t.after(() => phone.stop());

	phone.dial(`sip:early@127.0.0.1:${sipp.port}`);
	await phone.waitFor("CALL_PROGRESS");
	await delay(700);
	const early = judge(phone.heard(), BROWSER_HZ, [PHONE_HZ]);
	assert.ok(early.ok, early.why);
	await phone.waitFor("CALL_ESTABLISHED");
	phone.hangUp();
	await sipp.ended;
});

test("SIPp repeats its 200 and sees that it is acknowledged twice", async (t) => {
	const sipp = await startSipp("lost_ack");
	t.after(() => sipp.stop());
	const phone = await startBaresip();
	t.after(() => phone.stop());

	phone.dial(`sip:lost@127.0.0.1:${sipp.port}`);
	await phone.waitFor("CALL_ESTABLISHED");
	await delay(1200);
	phone.hangUp();
	const acks = (await sipp.ended).match(/^ACK sip:/gm).length;
	assert.ok(acks >= 2, `${acks} ACK`);
});

test("a program that ends early fails the wait at once, with its words", async () => {
	const child = new Child("sh", ["-c", "echo oops >&2; exit 3"]);
	await assert.rejects(child.waitForLine(/never/), /ended \(3\)[\s\S]*oops/);
	assert.equal(await child.ended(), 3);
});

test("a program that does not end is ended", async () => {
	const child = new Child("sh", ["-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"]);
	await child.waitForLine(/up/);
	assert.equal(await child.stop(300), "SIGKILL");
});
