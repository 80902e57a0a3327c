/* page_moved.test.mjs: a page whose WebSocket is lost in mid-call, and one that goes for good
 * (freeswitch #1558, JsSIP #738: the call is lost, or its BYE goes to the dead socket). */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { launchChromium, openPage } from "./chromium.mjs";
import { startProxy } from "./proxy.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const PAGE_S = 8;
const RECONNECT_S = 10;
const scene = setScene({ config: { calls: { page_timeout: PAGE_S, reconnect_timeout: RECONNECT_S } } });

/** A page that reaches the gateway through a proxy, talking with a phone. */
async function callUp() {
	const proxy = scene.add("proxy", await startProxy(scene.gateway.http));
	const phone = await scene.phone();
	const alice = await scene.page("alice", { url: `http://localhost:${proxy.port}/?raw=1` });
	await alice.call("1000");
	await alice.waitFor("talking");
	await phone.waitFor("CALL_ESTABLISHED");
	return { alice, phone, proxy };
}

const logged = (pattern, from, ms = 15_000) => scene.gateway.child.waitForLine(pattern, { from, ms });

async function assertTwoWay({ alice, phone }) {
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

for (const unseen of [false, true])
	scene.test(`the socket is lost${unseen ? " unseen by the gateway" : ""}: the page registers again, the call goes on, the phone's BYE finds it`, async () => {
		const call = await callUp();
		const { alice, phone, proxy } = call;
		const from = scene.gateway.child.lines.length;
		proxy.cut({ unseen });
		await logged(/moved to a new WebSocket/, from);
		assert.equal((await alice.seen()).state, "talking");
		await assertTwoWay(call);
		phone.hangUp();
		await alice.waitFor("idle");
		await phone.waitFor("CALL_CLOSED");
		await logged(/talking -> ending/, from);
		assert.equal(alice.sip(/^<<< BYE /).length, 1);
	});

scene.test("after a move the page hangs up, and can be called again", async () => {
	const { alice, phone, proxy } = await callUp();
	const from = scene.gateway.child.lines.length;
	proxy.cut();
	await logged(/moved to a new WebSocket/, from);
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
	await alice.waitFor("idle");
	phone.dial("alice");
	await alice.answer();
	phone.hangUp();
	await alice.waitFor("idle");
});

scene.test("the socket is lost for good: the call goes on as long as the voice does, up to reconnect_timeout", async () => {
	const call = await callUp();
	const { phone, proxy } = call;
	proxy.refusing = true;
	proxy.cut();
	const went = performance.now();
	await delay(2000);
	await assertTwoWay(call);
	await phone.waitFor("CALL_CLOSED", { ms: RECONNECT_S * 1000 });
	const s = (performance.now() - went) / 1000;
	assert.ok(s >= RECONNECT_S - 1 && s <= RECONNECT_S + 2, `BYE after ${s.toFixed(1)} s`);
});

scene.test("a socket lost while it rings: the phone is told at once", async () => {
	const proxy = scene.add("proxy", await startProxy(scene.gateway.http));
	const phone = await scene.phone("1000", { autoAnswer: false });
	const alice = await scene.page("alice", { url: `http://localhost:${proxy.port}/?raw=1` });
	await alice.call("1000");
	await phone.waitFor("CALL_INCOMING");
	proxy.cut();
	await phone.waitFor("CALL_CLOSED", { ms: 2000 });
});

async function assertGone(phone, went) {
	await phone.waitFor("CALL_CLOSED", { ms: (PAGE_S + 4) * 1000 });
	const s = (performance.now() - went) / 1000;
	assert.ok(s <= PAGE_S + 2, `BYE after ${s.toFixed(1)} s`);
}

scene.test("the tab is closed: BYE within page_timeout + 2 s", async () => {
	const { alice, phone } = await callUp();
	const went = performance.now();
	await alice.page.close();
	await assertGone(phone, went);
});

scene.test("the tab crashes: BYE within page_timeout + 2 s; a new one can be called at once", async () => {
	const { alice, phone } = await callUp();
	const other = await scene.phone("1001");
	const went = performance.now();
	await alice.crash();
	const again = await scene.page("alice");
	other.dial("alice");
	await again.waitFor("incoming");
	assert.ok(performance.now() - went < PAGE_S * 1000, "called before the old call has ended");
	await again.answer();
	await assertGone(phone, went);
	assert.equal((await again.seen()).state, "talking");
	other.hangUp();
	await again.waitFor("idle");
});

scene.test("the page is reloaded: it can be called again at once, and the call of the old one ends", async () => {
	const { alice, phone } = await callUp();
	const other = await scene.phone("1001");
	const went = performance.now();
	await alice.page.reload();
	await alice.signIn("alice", scene.accounts.alice);
	other.dial("alice");
	await alice.answer();
	await assertGone(phone, went);
	assert.equal((await alice.seen()).state, "talking");
	other.hangUp();
	await alice.waitFor("idle");
});

/* Nothing closes the WebSocket, nothing comes any more, and nobody answers our BYE (RFC 7675's consent). */
scene.test("the machine vanishes, its socket stays open to the gateway: BYE within 32 s", async () => {
	const { alice, phone, proxy } = await callUp();
	proxy.refusing = true;
	proxy.cut({ unseen: true });
	const went = performance.now();
	await alice.crash();
	await phone.waitFor("CALL_CLOSED", { ms: 40_000 });
	const s = (performance.now() - went) / 1000;
	assert.ok(s <= 32, `BYE after ${s.toFixed(1)} s`);
});

scene.test("the browser is killed: BYE within page_timeout + 2 s", async () => {
	const browser = await launchChromium();
	const phone = await scene.phone();
	const alice = await openPage(browser, `${scene.gateway.url}?raw=1`);
	await alice.signIn("alice", scene.accounts.alice);
	await alice.call("1000");
	await alice.waitFor("talking");
	const gone = new Promise((resolve) => browser.once("disconnected", resolve));
	const went = performance.now();
	(await browser.newBrowserCDPSession()).send("Browser.crash").catch(() => undefined);
	await gone;
	await assertGone(phone, went);
});
