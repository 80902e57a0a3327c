/* early_media.test.mjs: what is heard before the answer, by the own page and by libraries as they
 * come; and that ringing is heard exactly once (livekit/sip #102, onsip/SIP.js #193, #851). */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { buildClients, openClient } from "./clients.mjs";
import { assertOneDescription } from "./client_tests.mjs";
import { tonesOf, watchTones } from "./page_tones.mjs";
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

for (const library of ["jssip", "sipjs"])
	scene.test(`${library} hears an announcement and then that the number is busy`, async () => {
		const phone = await sipp("early_busy");
		const alice = await openClient(scene, library, "alice");
		await alice.do("call", "early", { early: true });
		await alice.waitFor("183");
		await delay(300);
		assertHeard(await alice.hear(800), PHONE_HZ, [BROWSER_HZ]);
		await alice.waitFor("ended");
		assert.ok(alice.sip(/^<<< SIP\/2\.0 486/).length > 0);
		await phone.ended;
	});

scene.test("the page says that the number is busy after an announcement", async () => {
	const phone = await sipp("early_busy");
	const alice = await scene.page("alice");
	await alice.call("early");
	await alice.waitFor("early");
	assert.equal(await alice.problem(), "busy");
	await phone.ended;
});

/* RFC 3960 §4: of several early sources one is heard, and the one that answers when it does. */
scene.test("two phones of a user announce: the first is heard, then the one that answers", async () => {
	const [first, second] = [await freePorts(1), await freePorts(1)];
	const user = "bob";
	const register = { user, password: scene.accounts[user], server: scene.gateway.server };
	for (const each of [first, second]) await (await startSipp("register", { ...register, port: each })).ended;
	const loser = scene.add("first", await startSipp("early_loser", { user, port: first, keys }));
	const winner = scene.add("second", await startSipp("early_late", { user, port: second, keys: { file: toneFile(1500) } }));
	const alice = await openClient(scene, "jssip", "alice");
	await alice.do("call", user);
	await alice.waitFor("183");
	await delay(1100); // the second plays, too, by now
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ, 1500]);
	await alice.waitFor("answered");
	await delay(300);
	assertHeard(await alice.hear(1000), 1500, [BROWSER_HZ, PHONE_HZ]);
	assertOneDescription(alice);
	await alice.do("hangUp");
	await Promise.all([loser.ended, winner.ended]);
});

/* --- ringback: heard exactly once --- */

const ringbacks = (page) => tonesOf(page, 425);
const silent = async (page) => {
	const { samples, rate } = await page.hear(800);
	for (const hz of [425, PHONE_HZ, BROWSER_HZ]) assert.ok(level(samples, rate, hz) < -60, `${hz} Hz is heard`);
};

scene.test("while a phone rings (180) the page alone makes the tone, once, until the answer", async () => {
	const phone = await scene.phone("1000", { autoAnswer: false });
	const alice = await scene.page();
	await watchTones(alice);
	await alice.signIn("alice", scene.accounts.alice);
	await alice.call("1000");
	await alice.waitFor("ringing");
	assert.equal(await ringbacks(alice), 1);
	await silent(alice);
	phone.accept();
	await alice.waitFor("talking");
	assert.equal(await ringbacks(alice), 0);
});

scene.test("the page's tone ends where an announcement begins (180, then 183)", async () => {
	const phone = await sipp("early_late");
	const alice = await scene.page();
	await watchTones(alice);
	await alice.signIn("alice", scene.accounts.alice);
	await alice.call("early");
	await alice.waitFor("ringing");
	assert.equal(await ringbacks(alice), 1);
	await alice.waitFor("early");
	assert.equal(await ringbacks(alice), 0);
	await delay(200);
	assertHeard(await alice.hear(800), PHONE_HZ, [BROWSER_HZ]);
	await alice.waitFor("talking");
	assert.equal(await ringbacks(alice), 0);
	await alice.hangUp();
	await phone.ended;
});

scene.test("an announcement from the start (183): the page makes no tone", async () => {
	const phone = await sipp("early_media");
	const alice = await scene.page();
	await watchTones(alice);
	await alice.signIn("alice", scene.accounts.alice);
	await alice.call("early");
	await alice.waitFor("early");
	assert.equal(await ringbacks(alice), 0);
	await alice.waitFor("talking");
	await alice.hangUp();
	await phone.ended;
});
