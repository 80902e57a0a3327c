/* hidden_address.test.mjs: a browser that hides its addresses behind mDNS names (microphone not
 * granted, no flags). The gateway learns the address from the connectivity checks
 * (baresip/re PR 917, signalwire/freeswitch PR 927: such names blocked or killed calls). */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene({ browser: { fakeUi: false } });

scene.test("a browser without any visible address hears and is heard", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await delay(700);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
	assert.doesNotMatch(await alice.localSdp(), /^a=candidate:\S+ 1 udp \d+ \d+\.\d+\.\d+\.\d+ /m);
});

scene.test("a phone calls such a browser", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	phone.dial("alice");
	await alice.answer();
	await delay(700);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
});
