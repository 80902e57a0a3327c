/* phones.test.mjs: phones by TCP, phones that do not register, and several at a time. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { startBaresip } from "./baresip.mjs";
import { freePorts } from "./ports.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const [byUdp, byTcp] = [await freePorts(2), await freePorts(2)];
const scene = setScene({
	config: {
		"phone lobby": { contact: `sip:lobby@127.0.0.1:${byUdp}` },
		"phone gate": { contact: `sip:gate@127.0.0.1:${byTcp};transport=tcp` },
	},
});

async function assertBothHear(page, phone) {
	await delay(700);
	assertHeard(await page.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

for (const [name, sipPort, transport] of [["lobby", byUdp, "UDP"], ["gate", byTcp, "TCP"]])
	scene.test(`a phone that does not register is called by its section's name, over ${transport}`, async () => {
		const phone = scene.add(name, await startBaresip({ user: name, sipPort }));
		const alice = await scene.page("alice");
		await alice.call(name);
		await phone.waitFor("CALL_ESTABLISHED");
		await alice.waitFor("talking");
		await assertBothHear(alice, phone);
		assert.match(phone.child.text, new RegExp(`Via: SIP/2.0/${transport} `));
		await alice.hangUp();
		await phone.waitFor("CALL_CLOSED");
	});

scene.test("a phone over TCP registers, calls and is called", async () => {
	const phone = await scene.phone("1000", { transport: "tcp" });
	assert.doesNotMatch(phone.child.text, /SIP\/2\.0\/UDP/);
	const alice = await scene.page("alice");
	await alice.call("1000");
	await phone.waitFor("CALL_ESTABLISHED");
	await alice.waitFor("talking");
	await assertBothHear(alice, phone);
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
	await alice.waitFor("idle");

	const from = phone.events.length;
	phone.dial("alice");
	await alice.answer();
	await phone.waitFor("CALL_ESTABLISHED", { from });
	await assertBothHear(alice, phone);
	phone.hangUp();
	await alice.waitFor("idle");
});

scene.test("pages and phones of one user ring together, and whoever answers has the call", async () => {
	const caller = await scene.phone("1000");
	const pages = [await scene.page("bob"), await scene.page("bob")];
	const phones = [await scene.phone("bob", { autoAnswer: false }), await scene.phone("bob", { autoAnswer: false, transport: "tcp" })];
	const ring = async (from) => {
		caller.dial("bob");
		await Promise.all([...pages.map((page) => page.waitFor("incoming")), ...phones.map((phone, i) => phone.waitFor("CALL_INCOMING", { from: from[i] }))]);
	};

	await ring([0, 0]);
	await pages[0].answer();
	await caller.waitFor("CALL_ESTABLISHED");
	assert.equal(await pages[1].problem(), "answered-elsewhere");
	await Promise.all(phones.map((phone) => phone.waitFor("CALL_CLOSED")));
	await assertBothHear(pages[0], caller);
	const count = caller.events.length;
	await pages[0].hangUp();
	await caller.waitFor("CALL_CLOSED", { from: count });
	await pages[0].waitFor("idle");

	const from = phones.map((phone) => phone.events.length);
	const callerFrom = caller.events.length;
	await ring(from);
	phones[1].accept();
	await caller.waitFor("CALL_ESTABLISHED", { from: callerFrom });
	await Promise.all(pages.map((page) => page.waitFor("idle")));
	await phones[0].waitFor("CALL_CLOSED", { from: from[0] });
	await delay(1000);
	assertHeard(tail(phones[1].heard(), 0.5), PHONE_HZ, [BROWSER_HZ]); // both phones have the phone's tone
	caller.hangUp();
	await phones[1].waitFor("CALL_CLOSED", { from: from[1] });
});
