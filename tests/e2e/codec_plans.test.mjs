/* codec_plans.test.mjs: what is relayed and what is translated, under each plan and with all
 * transcoders in use; who translates says so in what it counted of each side's packets. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";
import { webSdp } from "./websdp.mjs";
import { openWs } from "./wsclient.mjs";

const relay = setScene({ config: { media: { plan: "relay" } } });
const opus = setScene({ config: { media: { plan: "opus" } }, browser: null });
const one = setScene({ config: { media: { workers: 1, transcoders: 1 } }, browser: null });
const withBrowser = (scene) => Object.assign(scene, { browser: relay.browser });

const relayed = ({ packets, relayed, decoded }) => assert.ok(relayed > 50 && decoded === 0, `of ${packets} ${relayed} relayed, ${decoded} decoded`);
const translated = ({ packets, relayed, decoded }) => assert.ok(decoded > 50 && relayed === 0, `of ${packets} ${relayed} relayed, ${decoded} decoded`);

async function assertTwoWay(page, phone) {
	await delay(1500);
	assertHeard(await page.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 0.8), BROWSER_HZ, [PHONE_HZ]);
}

/** One calls the other; both are heard and each packet was treated like `as` says. */
async function call(scene, codec, as, { byPhone = false } = {}) {
	const from = scene.gateway.child.lines.length;
	const phone = await scene.phone("1000", { codec });
	const alice = await withBrowser(scene).page("alice");
	if (byPhone) {
		phone.dial("alice");
		await alice.answer();
	} else {
		await alice.call("1000");
	}
	await alice.waitFor("talking");
	await phone.waitFor("CALL_ESTABLISHED");
	await assertTwoWay(alice, phone);
	await alice.hangUp();
	(await scene.gateway.mediaCounts(from)).forEach(as);
	const [, said] = await scene.gateway.child.waitForLine(/callee agreed (\w+)/, { from });
	return said;
}

for (const [codec, byPhone] of [["PCMA", false], ["G722", true], ["opus", false], ["opus", true]])
	relay.test(`plan relay: a ${byPhone ? "phone calls a page" : "page calls a phone"} with ${codec}, and nothing is translated`, async () => {
		assert.equal(await call(relay, codec, relayed, { byPhone }), codec);
	});

opus.test("plan opus: a phone that has Opus gets it relayed", async () => {
	assert.equal(await call(opus, "opus", relayed), "opus");
});

opus.test("plan opus: for a phone without it is translated, and the page hears Opus alone", async () => {
	assert.equal(await call(opus, "PCMA", translated), "PCMA");
	assert.equal(await call(opus, "PCMA", translated, { byPhone: true }), "opus");
});

one.test("with no transcoder left the next call is relayed; when one is given back, the next is translated", async () => {
	const first = await one.phone("1000");
	const alice = await withBrowser(one).page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await assertTwoWay(alice, first);

	let from = one.gateway.child.lines.length;
	const second = await one.phone("1001");
	const bob = await one.page("bob");
	await bob.call("1001");
	await bob.waitFor("talking");
	await one.gateway.child.waitForLine(/no transcoder is left/, { from });
	await assertTwoWay(bob, second);
	await bob.hangUp();
	await second.waitFor("CALL_CLOSED");
	(await one.gateway.mediaCounts(from)).forEach(relayed);

	from = one.gateway.child.lines.length;
	await alice.hangUp();
	await first.waitFor("CALL_CLOSED");
	(await one.gateway.mediaCounts(from)).forEach(translated);

	from = one.gateway.child.lines.length;
	await bob.call("1000");
	await bob.waitFor("talking");
	await assertTwoWay(bob, first);
	await bob.hangUp();
	(await one.gateway.mediaCounts(from)).forEach(translated);
});

one.test("with no transcoder left and no codec in common: 503 with Retry-After", async () => {
	const phone = await one.phone("1000");
	const alice = await withBrowser(one).page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await one.phone("1001");
	const bob = await openWs(`ws://127.0.0.1:${one.gateway.http}/`, { user: "bob", password: one.accounts.bob });
	await bob.register();
	const answer = await bob.invite("1001", { body: webSdp({ codecs: [[111, "opus/48000/2"]] }) });
	assert.equal(answer.status, 503);
	assert.match(answer.header("retry-after"), /^\d+/);
	assert.match(answer.header("reason"), /No transcoder is left/);
	await bob.close();
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
});
