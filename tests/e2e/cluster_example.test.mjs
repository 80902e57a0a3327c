/* cluster_example.test.mjs: examples/cluster/run, stop and dial, as a user has them. */
import assert from "node:assert/strict";
import { lstatSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { launchChromium, openPage } from "./chromium.mjs";
import { Cluster } from "./cluster.mjs";
import { assertHeard } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ } from "./tone.mjs";

const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_BEFORE = policy();
const cluster = new Cluster();
let browser;
before(async () => (browser = await launchChromium()));
after(async () => {
	await browser?.close();
	await cluster.stop();
});

function policy() {
	try {
		const { ino, mode, mtimeMs } = lstatSync(POLICY);
		return { ino, mode, mtimeMs, text: readFileSync(POLICY, "utf8") };
	} catch {
		return null;
	}
}

/** How loud it is, in dB. */
function level({ samples }) {
	return 10 * Math.log10(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length + 1e-9);
}

const registrations = (gateway) => [...cluster.log(gateway).matchAll(/^(\S+) .*registrar: user="sip:alice@.* expires=[1-9]/gm)];

async function page(user, { port = 443, ...options } = {}) {
	const phone = await openPage(browser, `${cluster.url(port)}?raw=1`, options);
	await phone.signIn(user, cluster.accounts[user]);
	return phone;
}

test("run says where the page is, who may sign in, and whom to dial", async () => {
	const said = await cluster.run();
	assert.ok(said.includes(`https://${cluster.network}.10/`), said);
	assert.match(said, /browser warns/);
	for (const user of ["alice", "bob"]) assert.ok(said.includes(`${user}, password ${cluster.accounts[user]}`), said);
});

test("run again says what is running", async () => {
	const again = await cluster.run();
	assert.match(again, /Running already/);
	assert.ok(again.includes(`https://${cluster.network}.10/`));
});

test("through the balancer, a page calls both desk phones and is called by both", async () => {
	const alice = await page("alice");
	for (const phone of ["1000", "2000"]) {
		await alice.call(phone);
		await alice.waitFor("talking");
		await delay(500);
		const dB = level(await alice.hear(2500));
		assert.ok(dB > -40, `${phone} says something, at ${dB.toFixed(0)} dB`);
		await alice.hangUp();
		await alice.waitFor("idle");
		await cluster.dial(phone, "alice");
		await alice.waitFor("incoming");
		assert.equal((await alice.seen()).peer, phone);
		await alice.answer();
		await cluster.dial(phone, "hangup");
		await alice.waitFor("idle");
	}
	await alice.close();
});

test("pages on two gateways call each other and hear each other", async () => {
	const alice = await page("alice", { port: 8441, hz: BROWSER_HZ });
	const bob = await page("bob", { port: 8442, hz: PHONE_HZ });
	await alice.call("bob");
	await bob.answer();
	await alice.waitFor("talking");
	await delay(700);
	assertHeard(await alice.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(await bob.hear(1500), BROWSER_HZ, [PHONE_HZ]);
	await bob.hangUp();
	await alice.waitFor("idle");
	for (const [gateway, user] of [["gateway1", "alice"], ["gateway2", "bob"]])
		assert.match(cluster.log(gateway), new RegExp(`user="sip:${user}@.* remote=${cluster.network}\\.1:`), `${user} is at ${gateway}, and from here`);
	await Promise.all([alice.close(), bob.close()]);
});

test("a gateway that drains sends its page to the other one, where it is called", async () => {
	const alice = await page("alice");
	const newest = (gateway) => registrations(gateway).at(-1)?.[1] ?? "";
	const [from, to] = newest("gateway1") > newest("gateway2") ? ["gateway1", "gateway2"] : ["gateway2", "gateway1"];
	const { length } = registrations(to);
	await cluster.command(from, "drain");
	while (registrations(to).length === length) await delay(100);
	await alice.waitFor("idle");
	await cluster.dial("1000", "alice");
	await alice.answer();
	await cluster.dial("1000", "hangup");
	await alice.waitFor("idle");
	await alice.close();
});

test("stop leaves nothing, and doing it twice is fine", async () => {
	assert.equal(await cluster.stop(), 0);
	assert.deepEqual(cluster.left(), []);
	assert.equal(await cluster.stop(), 0);
	assert.deepEqual(policy(), POLICY_BEFORE);
});

test("after a run that failed, stop leaves nothing", async (t) => {
	const other = new Cluster();
	t.after(() => other.stop());
	const run = other.begin("/bin/false");
	assert.equal(await run.ended(60_000), 1);
	assert.match(run.text, /gateway1 did not start/);
	assert.match(run.text, /stop removes/);
	assert.ok(other.left().length > 5, "what had started goes on");
	assert.equal(await other.begin().ended(60_000), 1, "run does not start on top of it");
	assert.equal(await other.stop(), 0);
	assert.deepEqual(other.left(), []);
});

test("after a run that was killed, stop leaves nothing", async (t) => {
	const other = new Cluster();
	t.after(() => other.stop());
	const run = other.begin();
	await run.waitForLine(/^ +registrar /, { ms: 60_000 });
	run.kill("SIGKILL");
	await other.stop();
	assert.deepEqual(other.left(), []);
});

test("while run is at work, stop ends it first", async (t) => {
	const other = new Cluster();
	t.after(() => other.stop());
	const run = other.begin();
	await run.waitForLine(/^ +database /, { ms: 60_000 });
	assert.equal(await other.stop(), 0);
	assert.notEqual(await run.ended(), 0);
	assert.deepEqual(other.left(), []);
});
