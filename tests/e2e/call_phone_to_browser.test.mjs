/* call_phone_to_browser.test.mjs: a desk phone calls a browser, and each hears the other. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene();

for (const codec of ["PCMA", "PCMU", "G722"])
	scene.test(`a phone with ${codec} and a browser hear each other`, async () => {
		const phone = await scene.phone("1000", { codec });
		const alice = await scene.page("alice");
		phone.dial("alice");
		await alice.waitFor("incoming");
		assert.equal((await alice.seen()).peer, "1000");
		await phone.waitFor("CALL_RINGING");
		await alice.answer();
		await phone.waitFor("CALL_ESTABLISHED");
		await delay(700);
		assertHeard(await alice.hear(1500), PHONE_HZ, [BROWSER_HZ]);
		assertHeard(tail(phone.heard(), 1.5), BROWSER_HZ, [PHONE_HZ]);
		phone.hangUp();
		await alice.waitFor("idle");
		assert.equal((await alice.seen()).reason, "");
	});

scene.test("all pages of a user ring; the one that answers has the call, the other stops", async () => {
	const phone = await scene.phone();
	const [here, there] = [await scene.page("alice"), await scene.page("alice")];
	phone.dial("alice");
	await Promise.all([here.waitFor("incoming"), there.waitFor("incoming")]);
	await here.answer();
	assert.equal(await there.problem(), "answered-elsewhere");
	await there.waitFor("idle");
	await delay(500);
	assertHeard(await here.hear(1000), PHONE_HZ, [BROWSER_HZ]);
});

scene.test("a browser calls a browser", async () => {
	const alice = await scene.page("alice", { hz: BROWSER_HZ });
	const bob = await scene.page("bob", { hz: PHONE_HZ });
	await alice.call("bob");
	await bob.answer();
	await alice.waitFor("talking");
	await delay(500);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(await bob.hear(1000), BROWSER_HZ, [PHONE_HZ]);
});
