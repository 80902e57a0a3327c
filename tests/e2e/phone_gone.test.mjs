/* phone_gone.test.mjs: a desk phone that is unplugged in mid-call: it lives in a network namespace, and
 * its link goes down. The page is told, the call ends. */
import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { enterInternet } from "./internet.mjs";
import { makeNamespace } from "./namespace.mjs";
import { freePorts } from "./ports.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ } from "./tone.mjs";

/* A cable that comes or goes disturbs every browser of the network it is in: ours only. */
await enterInternet(import.meta.url);

const PHONE_S = 7;
const network = makeNamespace();
const sip = await freePorts(1);
const server = `${network.gateway}:${sip}`;
const scene = setScene({
	config: {
		sip: { udp: `127.0.0.1:${sip}, ${server}`, tcp: `127.0.0.1:${sip}` },
		media: { address: `127.0.0.1, ${network.gateway}` },
		calls: { phone_timeout: PHONE_S },
	},
});
after(() => network.remove());

async function callUp() {
	const phone = await scene.phone("1000", { server, namespace: network });
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await phone.waitFor("CALL_ESTABLISHED");
	await delay(500);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	return { alice, phone };
}

scene.test("a phone that is unplugged ends the call after phone_timeout, and the page says so", async () => {
	const { alice, phone } = await callUp();
	const went = performance.now();
	network.unplug();
	try {
		assert.equal(await alice.problem(), "phone-gone");
		const s = (performance.now() - went) / 1000;
		assert.ok(s >= PHONE_S - 1 && s <= PHONE_S + 2, `told after ${s.toFixed(1)} s`);
		await alice.waitFor("idle");
		assert.match(alice.sip(/^<<< BYE /)[0], /Reason: SIP;cause=408;text="Phone gone"/);
		await delay(4000); // meanwhile the kernel says that there is no way to the phone
	} finally {
		network.plugIn();
	}
	await phone.waitFor("CALL_CLOSED"); // it was sent a BYE, too, and again until it is there
});

scene.test("a phone that is plugged in again in time keeps its call", async () => {
	const { alice } = await callUp();
	const from = scene.gateway.child.lines.length;
	network.unplug();
	try {
		await scene.gateway.child.waitForLine(/nothing heard of the peer/, { from });
	} finally {
		network.plugIn();
	}
	await scene.gateway.child.waitForLine(/the peer is heard again/, { from });
	await delay(PHONE_S * 1000);
	assert.equal((await alice.seen()).state, "talking");
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
});
