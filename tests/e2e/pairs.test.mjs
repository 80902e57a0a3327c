/* pairs.test.mjs: browser and browser, phone and phone. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { assertOneDescription } from "./client_tests.mjs";
import { buildClients, openClient } from "./clients.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene({ config: { web: { root: await buildClients() } } });

/** Both legs sent their packets on as they were. */
function assertRelayed(counts, kind) {
	assert.deepEqual(counts.map(({ of }) => of), [kind, kind]);
	for (const { packets, relayed, decoded } of counts) {
		assert.ok(relayed > 50, `${relayed} of ${packets} relayed`);
		assert.equal(decoded, 0);
	}
}

const responses = (page) => page.sip(/^<<< SIP\/2\.0 (?!100)[\s\S]*\bCSeq: \d+ INVITE/i);
const bodyOf = (text) => text.split("\r\n\r\n")[1];

scene.test("Opus between browsers is relayed, at full band, with one SDP toward the calling one", async () => {
	const from = scene.gateway.child.lines.length;
	const alice = await scene.page("alice", { hz: BROWSER_HZ });
	const bob = await scene.page("bob", { hz: PHONE_HZ });
	await alice.call("bob");
	await bob.answer();
	await alice.waitFor("talking");
	await delay(500);
	assertHeard(await alice.hear(1200), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(await bob.hear(1200), BROWSER_HZ, [PHONE_HZ]);

	/* a narrow band call (maxplaybackrate) would not let this one through */
	await alice.setTone(6500);
	await delay(500);
	assertHeard(await bob.hear(1000), 6500, [BROWSER_HZ, PHONE_HZ]);

	const bodies = responses(alice).map(bodyOf).filter(Boolean);
	assert.equal(bodies.length, 2, "SDP stands in one 18x and in the 200");
	assert.equal(bodies[0], bodies[1]);
	assert.doesNotMatch(bodies[0], /maxplaybackrate/);
	await bob.hangUp();
	await alice.waitFor("idle");
	assertRelayed(await scene.gateway.mediaCounts(from), "web");
});

scene.test("a browser that talks to a phone sends no wider band than the phone has", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	assert.match(bodyOf(responses(alice).at(-1)), /maxplaybackrate=(8|16)000/);
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
});

scene.test("both users have two pages: the one that answers has the call, relayed, and nobody else hears it", async () => {
	const from = scene.gateway.child.lines.length;
	const [alice, alice2] = [await scene.page("alice"), await scene.page("alice")];
	const [bob, bob2] = [await scene.page("bob", { hz: PHONE_HZ }), await scene.page("bob", { hz: 1500 })];
	await alice.call("bob");
	await Promise.all([bob.waitFor("incoming"), bob2.waitFor("incoming")]);
	await bob2.answer();
	await alice.waitFor("talking");
	await bob.waitFor("idle");
	assert.equal((await bob.seen()).reason, "answered-elsewhere");
	await delay(500);
	assertHeard(await alice.hear(1200), 1500, [BROWSER_HZ, PHONE_HZ]);
	assertHeard(await bob2.hear(1200), BROWSER_HZ, [PHONE_HZ, 1500]);
	assert.equal((await alice2.seen()).state, "idle");

	await alice2.call("bob"); // the other pair, at the same time: bob's first page is free
	await bob.answer();
	await alice2.waitFor("talking");
	await delay(300);
	assertHeard(await alice2.hear(1000), PHONE_HZ, [1500]);
	assertHeard(await alice.hear(1000), 1500, [PHONE_HZ]);
	await alice2.hangUp();
	await bob.waitFor("idle");
	assertRelayed(await scene.gateway.mediaCounts(from), "web");
});

scene.test("JsSIP and SIP.js call each other as they come from npm, relayed, with keys", async () => {
	for (const [caller, callee] of [["jssip", "sipjs"], ["sipjs", "jssip"]]) {
		const from = scene.gateway.child.lines.length;
		const alice = await openClient(scene, caller, "alice", { hz: BROWSER_HZ });
		const bob = await openClient(scene, callee, "bob", { hz: PHONE_HZ });
		await alice.do("call", "bob");
		await bob.waitFor("incoming");
		await bob.do("answer");
		await Promise.all([alice.waitFor("answered"), bob.waitFor("answered")]);
		await delay(700);
		assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
		assertHeard(await bob.hear(1000), BROWSER_HZ, [PHONE_HZ]);
		assertOneDescription(alice);
		await alice.do("key", "5");
		await scene.gateway.child.waitForLine(/caller digit 5 /, { from });
		await bob.do("hangUp");
		await alice.waitFor("ended");
		assertRelayed(await scene.gateway.mediaCounts(from), "web");
		await Promise.all([alice.close(), bob.close()]);
	}
});

for (const [one, other] of [["PCMA", "PCMA"], ["PCMA", "PCMU"]])
	scene.test(`a phone with ${one} calls a phone with ${other}`, async () => {
		const from = scene.gateway.child.lines.length;
		const first = await scene.phone("1000", { codec: one });
		const second = await scene.phone("1001", { codec: other, hz: BROWSER_HZ });
		first.dial("1001");
		await Promise.all([first.waitFor("CALL_ESTABLISHED"), second.waitFor("CALL_ESTABLISHED")]);
		await delay(2000);
		assertHeard(tail(first.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
		assertHeard(tail(second.heard(), 1), PHONE_HZ, [BROWSER_HZ]);
		second.hangUp();
		await first.waitFor("CALL_CLOSED");
		const counts = await scene.gateway.mediaCounts(from);
		if (one === other) assertRelayed(counts, "plain");
		else for (const { decoded, relayed } of counts) assert.ok(decoded > 50 && relayed === 0, `${decoded} decoded`);
	});
