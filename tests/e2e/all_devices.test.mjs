/* all_devices.test.mjs: one user with several pages and phones. */
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, tail } from "./tone.mjs";

const scene = setScene();

scene.test("two pages and two phones of one user ring at once, and each may answer", async () => {
	const tones = [700, 900, 1500, 1900];
	const bob = await scene.page("bob");
	const pages = [await scene.page("alice", { hz: tones[0] }), await scene.page("alice", { hz: tones[1] })];
	const options = { autoAnswer: false };
	const phones = [await scene.phone("alice", { ...options, hz: tones[2] }), await scene.phone("alice", { ...options, hz: tones[3] })];
	const devices = [...pages, ...phones];

	for (const [i, device] of devices.entries()) {
		const seen = phones.map((phone) => phone.events.length);
		await bob.call("alice");
		await Promise.all([
			...pages.map((page) => page.waitFor("incoming")),
			...phones.map((phone, j) => phone.waitFor("CALL_INCOMING", { from: seen[j] })),
		]);
		if (i < 2) await device.answer();
		else device.accept();
		await bob.waitFor("talking");
		await delay(500);
		assertHeard(await bob.hear(800), tones[i], [BROWSER_HZ, ...tones.filter((hz) => hz !== tones[i])]);
		for (const [j, page] of pages.entries()) if (i !== j) await page.waitFor("idle");
		for (const [j, phone] of phones.entries()) if (i !== j + 2) await phone.waitFor("CALL_CLOSED", { from: seen[j] });
		if (i < 2) assertHeard(await device.hear(800), BROWSER_HZ, tones);
		else {
			await delay(1000);
			assertHeard(tail(device.heard(), 0.8), BROWSER_HZ, tones);
		}
		await bob.hangUp();
		if (i < 2) await device.waitFor("idle");
		else await device.waitFor("CALL_CLOSED", { from: seen[i - 2] });
		await bob.waitFor("idle");
	}
});
