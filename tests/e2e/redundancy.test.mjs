/* redundancy.test.mjs: Chromium sends its Opus twice over (RED, RFC 2198) because the answer, or the
 * offer, lists it first; nobody hears a difference, and we never send it. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { startGateway } from "./gateway.mjs";
import { ACCOUNTS, assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene();

/** What the last calls' web legs got. */
const ofWeb = (counts) => counts.filter(({ of }) => of === "web");

/** Nearly each packet of a leg said its predecessor again. */
function assertRedundant(counts) {
	for (const { red, packets, lost, recovered } of counts) {
		assert.ok(red > 50 && red > packets - 5, `${red} of ${packets}`);
		assert.equal(lost, 0);
		assert.equal(recovered, 0);
	}
}

scene.test("a browser that calls a phone says each packet again, and the phone hears it once", async () => {
	const from = scene.gateway.child.lines.length;
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await delay(500);
	assertHeard(await alice.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1.5), BROWSER_HZ, [PHONE_HZ]);

	/* What it gets is Opus, and of its network it is told the truth. */
	const { "inbound-rtp": [inbound], "remote-inbound-rtp": reports = [], codec } = await alice.stats();
	assert.match(codec.find(({ id }) => id === inbound.codecId).mimeType, /opus/i);
	for (const { packetsLost } of reports) assert.equal(packetsLost, 0);
	assert.match(await scene.gateway.trace(), /agreed opus\/48000 .* red=63/);
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
	const counts = await scene.gateway.mediaCounts(from);
	assert.equal(ofWeb(counts).length, 1);
	assertRedundant(ofWeb(counts));
	assert.ok(counts.every(({ of, red }) => of === "web" || red === 0));
});

scene.test("a called browser does it too", async () => {
	const from = scene.gateway.child.lines.length;
	const alice = await scene.page("alice");
	const phone = await scene.phone();
	phone.dial("alice");
	await alice.waitFor("incoming");
	await alice.answer();
	await alice.waitFor("talking");
	await delay(1500);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
	assertRedundant(ofWeb(await scene.gateway.mediaCounts(from)));
});

scene.test("between browsers Opus alone goes on", async () => {
	const from = scene.gateway.child.lines.length;
	const alice = await scene.page("alice");
	const bob = await scene.page("bob", { hz: PHONE_HZ });
	await alice.call("bob");
	await bob.waitFor("incoming");
	await bob.answer();
	await alice.waitFor("talking");
	await delay(500);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(await bob.hear(1000), BROWSER_HZ, [PHONE_HZ]);
	for (const page of [alice, bob]) {
		const { "inbound-rtp": [inbound], codec } = await page.stats();
		assert.match(codec.find(({ id }) => id === inbound.codecId).mimeType, /opus/i);
	}
	await alice.hangUp();
	await bob.waitFor("idle");
	const counts = ofWeb(await scene.gateway.mediaCounts(from));
	assert.equal(counts.length, 2);
	assertRedundant(counts);
});

/** Bits per second of payload that the page sends while it talks with a phone of another gateway, and
 * what was counted there. */
async function talkOn(media) {
	const gateway = await startGateway({ accounts: ACCOUNTS, config: { media } });

	try {
		const phone = await scene.phone("1000", { server: gateway.server });
		const alice = await scene.page("alice", { url: `${gateway.url}?raw=1` });
		await alice.call("1000");
		await alice.waitFor("talking");
		const bytes = async () => (await alice.stats())["outbound-rtp"][0].bytesSent;
		await delay(700);
		const [first, since] = [await bytes(), performance.now()];
		await delay(1500);
		const rate = ((await bytes()) - first) * 8000 / (performance.now() - since);
		await alice.hangUp();
		await phone.waitFor("CALL_CLOSED");
		return { rate, counts: ofWeb(await gateway.mediaCounts(0)) };
	} finally {
		await gateway.stop();
	}
}

scene.test("redundancy = off: each packet is said once; browser_bitrate is what the browser spends", async () => {
	for (const bitrate of [10000, 60000]) {
		const { rate, counts } = await talkOn({ redundancy: "off", browser_bitrate: bitrate });
		assert.equal(counts[0].red, 0);
		assert.ok(rate > 0.6 * bitrate && rate < 1.4 * bitrate, `${Math.round(rate)} of ${bitrate} bit/s`);
	}
});
