/* early_media.test.mjs: what is heard before the answer, by the own page and by libraries as they
 * come; and that ringing is heard exactly once (livekit/sip #102, onsip/SIP.js #193, #851). */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { buildClients, openClient } from "./clients.mjs";
import { assertOneDescription } from "./client_tests.mjs";
import { freePorts } from "./ports.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { startSipp } from "./sipp.mjs";
import { tempFolder } from "./temp.mjs";
import { aLaw, BROWSER_HZ, level, PHONE_HZ, synthesize } from "./tone.mjs";

const port = await freePorts(1);
const folder = tempFolder("tone");
const toneFile = (hz) => {
	const file = path.join(folder, `${hz}.al`);
	writeFileSync(file, aLaw(synthesize(10, 8000, [[hz, 0.4]])));
	return file;
};
const keys = { file: toneFile(PHONE_HZ) };
const scene = setScene({
	config: { web: { root: await buildClients() }, "phone early": { contact: `sip:early@127.0.0.1:${port}` } },
});
const sipp = async (scenario) => scene.add("sipp", await startSipp(scenario, { port, keys }));

for (const [library, options, hearsEarly] of [
	["jssip", {}, true],
	["sipjs", { early: true }, true],
	["sipjs", {}, false],
])
	scene.test(`${library}${options.early ? " with earlyMedia" : ""} ${hearsEarly ? "hears" : "gets over"} an announcement (183) and goes on to talk`, async () => {
		const phone = await sipp("early_media");
		const alice = await openClient(scene, library, "alice");
		await alice.do("call", "early", options);
		await alice.waitFor("183");
		await delay(400);
		const early = await alice.hear(1000);
		if (hearsEarly) assertHeard(early, PHONE_HZ, [BROWSER_HZ]);
		else assert.ok(level(early.samples, early.rate, PHONE_HZ) < -60);
		assert.equal(await alice.isTalking(), false);
		await alice.waitFor("answered");
		await delay(700);
		assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
		assertOneDescription(alice);
		assert.deepEqual((await alice.events()).filter((event) => event === "180"), [], "a 183 stays a 183");
		await alice.do("hangUp");
		await phone.ended;
	});
