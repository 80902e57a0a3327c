/* dtls_roles.test.mjs: who shakes hands with whom, and what happens when the certificate is another
 * than promised. The browser is Chromium; what its page says to the gateway is changed on the way. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene();

/** A page whose scripts run after `script`. */
async function pageWith(user, script) {
	const page = await scene.page();
	await page.page.addInitScript(script);
	await page.page.reload();
	await page.signIn(user, scene.accounts[user]);
	return page;
}

const role = async (page) => (await page.stats()).transport[0].dtlsRole;
const setupOf = (text) => /^a=setup:(\w+)/m.exec(text)?.[1];

async function assertTwoWay(page, phone) {
	await page.waitFor("talking");
	await delay(1000);
	assertHeard(await page.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

scene.test("a browser that offers actpass shakes hands with us as the server", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await assertTwoWay(alice, phone);
	assert.equal(await role(alice), "client");
	assert.equal(setupOf(alice.sip(/^<<< SIP\/2\.0 200 .*[\s\S]*CSeq: \d+ INVITE/)[0]), "passive");
});

scene.test("a browser that offers passive shakes hands with us as the client", async () => {
	const phone = await scene.phone();
	const alice = await pageWith("alice", () => {
		const send = WebSocket.prototype.send;
		WebSocket.prototype.send = function (text) {
			send.call(this, text.replaceAll("a=setup:actpass", "a=setup:passive"));
		};
	});
	await alice.call("1000");
	await assertTwoWay(alice, phone);
	assert.equal(await role(alice), "server");
	assert.equal(setupOf(alice.sip(/^<<< SIP\/2\.0 200 .*[\s\S]*CSeq: \d+ INVITE/)[0]), "active");
});

scene.test("a called browser that answers passive shakes hands with us as the client", async () => {
	const phone = await scene.phone();
	const alice = await pageWith("alice", () => {
		const create = RTCPeerConnection.prototype.createAnswer;
		RTCPeerConnection.prototype.createAnswer = async function (...args) {
			const { type, sdp } = await create.apply(this, args);
			return { type, sdp: sdp.replaceAll("a=setup:active", "a=setup:passive") };
		};
	});
	phone.dial("alice");
	await alice.answer();
	await assertTwoWay(alice, phone);
	assert.equal(await role(alice), "server");
	assert.equal(setupOf(alice.sip(/^<<< INVITE /)[0]), "actpass");
});

/* RFC 5763 §5: somebody stands between us and the page. */
for (const isCaller of [true, false])
	scene.test(`a certificate that ${isCaller ? "the calling" : "the called"} page did not promise: the call ends within 2 s, and the log says why`, async () => {
		const phone = await scene.phone();
		const alice = await pageWith("alice", () => {
			const send = WebSocket.prototype.send;
			WebSocket.prototype.send = function (text) {
				send.call(this, text.replaceAll(/(?<=a=fingerprint:sha-256 )../g, (byte) => (byte === "00" ? "01" : "00")));
			};
		});
		const from = scene.gateway.child.lines.length;
		if (isCaller) await alice.call("1000");
		else {
			phone.dial("alice");
			await alice.waitFor("incoming");
			await alice.page.click("#answer");
		}
		await scene.gateway.child.waitForLine(/ICE pair/, { from });
		const began = performance.now();
		await scene.gateway.child.waitForLine(/media failed: .*fingerprint/, { from });
		await phone.waitFor("CALL_CLOSED");
		await alice.waitFor("idle");
		const s = (performance.now() - began) / 1000;
		assert.ok(s <= 2, `ended after ${s.toFixed(1)} s`);
		assert.ok(!scene.gateway.child.lines.slice(from).some((line) => /calle[er] media connected .*(AES|AEAD)/.test(line)), "no keys were used");
	});
