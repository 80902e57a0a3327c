/* hold_music.test.mjs: who is held hears the recording that the configuration names. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { tempFolder } from "./temp.mjs";
import { BROWSER_HZ, PHONE_HZ, synthesize, writeWav } from "./tone.mjs";

const MUSIC_HZ = 1500;
const file = path.join(tempFolder("music"), "music.wav");
writeFileSync(file, writeWav(synthesize(2, 8000, [[MUSIC_HZ, 0.4]])));
const scene = setScene({ config: { calls: { hold_music: file } } });

/* Only pages are listened to: baresip 1.0 records nothing more after a re-INVITE. */
async function assertHearsPhone(alice) {
	await delay(1200);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ, MUSIC_HZ]);
}

for (const codec of ["PCMA", "G722"])
	scene.test(`music for a page that a phone with ${codec} holds`, async () => {
		const phone = await scene.phone("1000", { codec });
		const alice = await scene.page("alice");
		await alice.call("1000");
		await alice.waitFor("talking");
		await assertHearsPhone(alice);

		phone.hold();
		await alice.waitForHold("peer");
		await delay(1200);
		assertHeard(await alice.hear(1000), MUSIC_HZ, [BROWSER_HZ, PHONE_HZ]);
		phone.resume();
		await alice.waitForHold("");
		await assertHearsPhone(alice);
	});

scene.test("music for a page that a page holds", async () => {
	const alice = await scene.page("alice", { hz: BROWSER_HZ });
	const bob = await scene.page("bob", { hz: PHONE_HZ });
	await alice.call("bob");
	await bob.answer();
	await alice.waitFor("talking");
	await alice.hold();
	await bob.waitForHold("peer");
	await delay(1200);
	assertHeard(await bob.hear(1000), MUSIC_HZ, [BROWSER_HZ, PHONE_HZ]);
	await alice.hold(false);
	await bob.waitForHold("");
	await delay(1200);
	assertHeard(await bob.hear(1000), BROWSER_HZ, [PHONE_HZ, MUSIC_HZ]);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ, MUSIC_HZ]);
});
