/* ringback.test.mjs: `ringback = gateway`: the tone comes as early media (183), for pages that make
 * none; the own page makes none then. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { buildClients, openClient } from "./clients.mjs";
import { assertOneDescription } from "./client_tests.mjs";
import { tonesOf, watchTones } from "./page_tones.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, firstHeard, level, PHONE_HZ, tail } from "./tone.mjs";

const RINGBACK_HZ = 425;
const scene = setScene({ config: { web: { root: await buildClients() }, calls: { ringback: "gateway" } } });

for (const [library, options] of [["jssip", {}], ["sipjs", { early: true }]])
	scene.test(`${library}${options.early ? " with earlyMedia" : ""} hears the tone while the phone rings, and the phone after the answer`, async () => {
		const phone = await scene.phone("1000", { autoAnswer: false });
		const alice = await openClient(scene, library, "alice");
		await alice.do("call", "1000", options);
		await alice.waitFor("183");
		await delay(6500); // a second of tone in five, whichever way the two clocks lie
		const rung = await alice.hear();
		const [first, last] = [firstHeard(rung.samples, rung.rate, RINGBACK_HZ), rung.samples.length / rung.rate];
		assert.ok(first < 2, `the tone is heard after ${first} s of ${last}`);
		const bursts = [];
		for (let at = 0; at + 0.1 < last; at += 0.1) {
			const block = rung.samples.subarray(at * rung.rate, (at + 0.1) * rung.rate);
			bursts.push(level(block, rung.rate, RINGBACK_HZ) > -40);
		}
		const share = bursts.filter(Boolean).length / bursts.length;
		assert.ok(share > 0.1 && share < 0.4, `heard in ${Math.round(share * 100)} % of the time`);
		phone.accept();
		await alice.waitFor("answered");
		await delay(500);
		assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ, RINGBACK_HZ]);
		await delay(200);
		assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ, RINGBACK_HZ]);
		assertOneDescription(alice);
	});

scene.test("the page makes no tone of its own then", async () => {
	const phone = await scene.phone("1000", { autoAnswer: false });
	const alice = await scene.page();
	await watchTones(alice);
	await alice.signIn("alice", scene.accounts.alice);
	await alice.call("1000");
	await alice.waitFor("early");
	assert.equal(await tonesOf(alice, RINGBACK_HZ), 0);
	await delay(500);
	assert.equal(await tonesOf(alice, RINGBACK_HZ), 0);
	phone.accept();
	await alice.waitFor("talking");
	await delay(400);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ, RINGBACK_HZ]);
});
