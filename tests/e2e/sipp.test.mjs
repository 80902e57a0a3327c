/* sipp.test.mjs: phones that do what few phones do. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "./ports.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { startSipp } from "./sipp.mjs";
import { tempFolder } from "./temp.mjs";
import { aLaw, BROWSER_HZ, PHONE_HZ, synthesize } from "./tone.mjs";

const [earlyPort, lostPort] = [await freePorts(1), await freePorts(1)];
const scene = setScene({
	config: {
		"phone early": { contact: `sip:early@127.0.0.1:${earlyPort}` },
		"phone lost": { contact: `sip:lost@127.0.0.1:${lostPort}` },
	},
});

scene.test("an announcement before the answer (183) is heard, and the call goes on with it", async () => {
	const file = path.join(tempFolder("tone"), "tone.al");
	writeFileSync(file, aLaw(synthesize(10, 8000, [[PHONE_HZ, 0.4]])));
	const sipp = scene.add("sipp", await startSipp("early_media", { port: earlyPort, keys: { file } }));
	const alice = await scene.page("alice");
	await alice.call("early");
	await alice.waitFor("early");
	await delay(300);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assert.equal((await alice.seen()).state, "early");
	await alice.waitFor("talking");
	await delay(300);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	await alice.hangUp();
	await sipp.ended;
});

scene.test("a phone that repeats its 200 gets its ACK again (RFC 3261 §13.2.2.4)", async () => {
	const sipp = scene.add("sipp", await startSipp("lost_ack", { port: lostPort }));
	const alice = await scene.page("alice");
	await alice.call("lost");
	await alice.waitFor("talking");
	await delay(1500);
	assert.equal((await alice.seen()).state, "talking");
	await alice.hangUp();
	const acks = (await sipp.ended).match(/^ACK sip:/gm).length;
	assert.ok(acks >= 2, `${acks} ACK`);
});
