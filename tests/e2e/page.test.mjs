/* page.test.mjs: the phone page in a real browser, against a stand-in that only passes SIP between
 * pages. What is proven here is the page: its words, its controls, its sound. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { launchChromium, openPage } from "./chromium.mjs";
import { startStandIn } from "./stand_in.mjs";
import { BROWSER_HZ, judge, PHONE_HZ } from "./tone.mjs";

const ACCOUNTS = { alice: "apple", bob: "berry", carol: "cherry" };
let browser;
let server;
let url;

before(async () => {
	server = await startStandIn({ accounts: ACCOUNTS });
	url = `http://localhost:${server.port}/?raw=1`;
	browser = await launchChromium();
});

after(async () => {
	await browser?.close();
	await server?.stop();
});

/** A page, signed in unless `user` is missing; closed with the test. */
async function page(t, user, options = {}) {
	const phone = await openPage(browser, options.url ?? url, options);
	t.after(() => phone.close());
	if (user) await phone.signIn(user, ACCOUNTS[user]);
	return phone;
}

async function callUp(t) {
	const alice = await page(t, "alice", { hz: BROWSER_HZ });
	const bob = await page(t, "bob", { hz: PHONE_HZ });
	await alice.call("bob");
	await alice.waitFor("ringing");
	await bob.answer();
	await alice.waitFor("talking");
	return { alice, bob };
}

test("a call: ring, answer, hear each other, hang up", async (t) => {
	const { alice, bob } = await callUp(t);
	const [atAlice, atBob] = await Promise.all([alice.hear(1000), bob.hear(1000)]);
	const verdicts = [judge(atAlice, PHONE_HZ, [BROWSER_HZ]), judge(atBob, BROWSER_HZ, [PHONE_HZ])];
	for (const { ok, why } of verdicts) assert.ok(ok, why);

	const seen = await alice.seen();
	assert.equal(seen.peer, "bob");
	assert.match(seen.codec, /^Opus/);
	assert.match(seen.timer, /^00:0\d$/);

	await bob.hangUp();
	await alice.waitFor("idle");
	assert.equal((await alice.seen()).reason, "");
	assert.match(await alice.page.textContent("#recent-list"), /bob.*Outgoing/);
});

test("mute silences the microphone and is shown", async (t) => {
	const { alice, bob } = await callUp(t);
	await alice.mute();
	assert.equal(await alice.page.getAttribute("#mute", "aria-pressed"), "true");
	await delay(300);
	assert.equal(judge(await bob.hear(500), BROWSER_HZ, [PHONE_HZ]).ok, false);
	await alice.mute();
	await delay(300);
	assert.equal(judge(await bob.hear(500), BROWSER_HZ, [PHONE_HZ]).ok, true);
});

test("everything can be done from the keyboard", async (t) => {
	const alice = await page(t);
	const bob = await page(t, "bob");
	const keys = alice.page.keyboard;

	await alice.page.focus("#user");
	await keys.type("alice");
	await keys.press("Tab");
	await keys.type(ACCOUNTS.alice);
	await keys.press("Enter");
	await alice.waitFor("idle");
	await keys.type("bob"); // the number field has the focus
	await keys.press("Enter");
	await bob.waitFor("incoming");
	await bob.page.keyboard.press("Enter"); // the focus is on Answer
	await bob.waitFor("talking");
	await alice.waitFor("talking");
	await keys.press("5");
	await keys.press("#");
	assert.equal(await alice.page.textContent("#keys"), "5#");
	await keys.press("m");
	assert.equal(await alice.page.getAttribute("#mute", "aria-pressed"), "true");
	await keys.press("Escape");
	await alice.waitFor("idle");
	await bob.waitFor("idle");
});

test("the dial pad writes the number", async (t) => {
	const alice = await page(t, "alice");
	for (const key of "10*#") await alice.pressKey(key);
	assert.equal(await alice.page.inputValue("#number"), "10*#");
	await alice.page.click("#erase");
	assert.equal(await alice.page.inputValue("#number"), "10*");
});

test("declining tells the caller", async (t) => {
	const alice = await page(t, "alice");
	const bob = await page(t, "bob");
	await alice.call("bob");
	await bob.waitFor("incoming");
	await bob.decline();
	assert.equal(await alice.problem(), "declined");
	await bob.waitFor("idle");
});

test("giving up tells the callee", async (t) => {
	const alice = await page(t, "alice");
	const bob = await page(t, "bob");
	await alice.call("bob");
	await bob.waitFor("incoming");
	await alice.waitFor("ringing");
	await alice.hangUp();
	assert.equal(await bob.problem(), "missed");
	assert.equal((await alice.seen()).reason, "");
});

test("a closed page hangs up", async (t) => {
	const { alice, bob } = await callUp(t);
	await alice.page.close({ runBeforeUnload: false });
	await bob.waitFor("idle");
});

test("unknown numbers and absent people are told apart", async (t) => {
	const alice = await page(t, "alice");
	await alice.call("nobody");
	assert.equal(await alice.problem(), "unknown-number");
	await alice.page.click("#problem-close");
	await alice.call("carol");
	assert.equal(await alice.problem(), "not-reachable");
});

test("a wrong password is said, and the right one works after it", async (t) => {
	const alice = await page(t);
	await alice.startSignIn("alice", "wrong");
	assert.equal(await alice.problem(), "wrong-password");
	await delay(1500);
	const registers = alice.log.filter((line) => line.startsWith(">>> REGISTER"));
	assert.equal(registers.length, 2, "once without, once with the password, then no more");
	await alice.signIn("alice", ACCOUNTS.alice);
	assert.equal((await alice.seen()).reason, "");
});

for (const [error, reason] of [
	["NotAllowedError", "microphone-denied"],
	["NotFoundError", "microphone-missing"],
])
	test(`${error} of the microphone is told as ${reason}`, async (t) => {
		const alice = await page(t, "alice", { microphone: error });
		await alice.call("bob");
		assert.equal(await alice.problem(), reason);
		await alice.waitFor("idle");
	});

test("a server that is not there: what to check", async (t) => {
	const alice = await page(t);
	await alice.page.click("#advanced summary");
	await alice.page.fill("#server", "wss://127.0.0.1:9/sip");
	await alice.startSignIn("alice", "x");
	assert.equal(await alice.problem(), "unreachable");
	assert.match((await alice.seen()).problem, /certificate/);
	await alice.waitFor("offline");
});

test("a lost connection is shown and repaired", async (t) => {
	const alice = await page(t, "alice");
	server.cut();
	await alice.waitFor("connecting");
	assert.equal(await alice.page.textContent("#line"), "Reconnecting…");
	await alice.waitFor("idle");
});

test("the demonstration's account signs in by itself and says so", async (t) => {
	const demo = await startStandIn({ accounts: ACCOUNTS, demo: { user: "alice", password: "apple", call: "1000" } });
	t.after(() => demo.stop());
	const alice = await page(t, undefined, { url: `http://localhost:${demo.port}/` });
	await alice.waitFor("idle");
	assert.equal(await alice.page.inputValue("#number"), "1000");
	assert.match(await alice.page.textContent("#note"), /demonstration/);
});

test("the address fills in user and number, and breaks no rule of the page's policy", async (t) => {
	const alice = await page(t, undefined, { url: `${url}&user=alice&call=bob` });
	assert.equal(await alice.page.inputValue("#user"), "alice");
	await alice.signIn("alice", ACCOUNTS.alice);
	assert.equal(await alice.page.inputValue("#number"), "bob");
	const wrong = alice.log.filter((line) => /^(console error|error)/.test(line) && !/404/.test(line));
	assert.deepEqual(wrong, []);
});

test("what the user types is shown as text", async (t) => {
	const alice = await page(t, "alice");
	await alice.call("<img/src=x>");
	await alice.problem();
	assert.match(await alice.page.textContent("#recent-list"), /<img/);
	assert.equal(await alice.page.locator("main img").count(), 0);
});
