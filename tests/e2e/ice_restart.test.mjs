/* ice_restart.test.mjs: a browser that changes its network restarts ICE by a re-INVITE. It is answered
 * by the gateway: a new path, the same keys, and the phone hears nothing of it (havfo/WEBRTC-to-SIP #19,
 * rtpengine #614, #1019). */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { setScene } from "./scene.mjs";
import { BROWSER_HZ, gaps, judge, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene();

/** The page, with its JsSIP session in the test's hands. */
async function openPage(user) {
	const page = await scene.page();
	await page.context.route("**/page.js", async (route) => {
		const response = await route.fetch();
		const body = (await response.text()).replace(
			/this\.emit\("newRTCSession",(\w+)\)/,
			'(window.session=$1.session,this.emit("newRTCSession",$1))',
		);
		await route.fulfill({ response, body });
	});
	await page.page.reload();
	await page.signIn(user, scene.accounts[user]);
	return page;
}

const restart = (page, useUpdate) =>
	page.page.evaluate(
		(byUpdate) =>
			new Promise((resolve, reject) => {
				const options = { useUpdate: byUpdate, rtcOfferConstraints: { iceRestart: true } };
				if (!window.session.renegotiate(options, resolve)) reject(new Error("JsSIP is not ready to renegotiate"));
			}),
		useUpdate,
	);

const values = (sdp, name) => [...new Set(sdp.match(new RegExp(`(?<=^a=${name}:).*$`, "gm")))];
const remoteSdp = (page) => page.page.evaluate(() => window.e2e.connections.at(-1).remoteDescription.sdp);

/** The browser's DTLS: its state, the gateway's certificate, and how often the state changed since the last look. */
const dtls = (page) =>
	page.page.evaluate(() => {
		const { transport } = window.e2e.connections.at(-1).getSenders()[0];
		const changes = window.changes ?? 0;
		window.changes = 0;
		transport.onstatechange = () => window.changes++;
		return { state: transport.state, changes, certificate: String(new Uint8Array(transport.getRemoteCertificates()[0])) };
	});

/** The old path serves until the new one does: at most 300 ms are lost. */
function assertHardlyDisturbed(recording, wanted, others) {
	const { ok, why } = judge(recording, wanted, others);
	assert.ok(ok, why);
	const holes = gaps(recording.samples, recording.rate, wanted);
	assert.ok(holes <= 3, `${holes} holes of 100 ms in ${why}`);
}

for (const [how, isCaller] of [["INVITE", true], ["UPDATE", true], ["INVITE", false]])
	scene.test(`a restart by ${how} of the ${isCaller ? "calling" : "called"} page: a new path, the same keys, the phone hears nothing of it`, async () => {
		const phone = await scene.phone();
		const alice = await openPage("alice");
		if (isCaller) await alice.call("1000");
		else phone.dial("alice");
		if (!isCaller) await alice.answer();
		await alice.waitFor("talking");
		await phone.waitFor("CALL_ESTABLISHED");
		await delay(500);
		const sdp = await remoteSdp(alice);
		const before = await dtls(alice);
		const invites = phone.requests("INVITE").length;
		const from = scene.gateway.child.lines.length;

		const listening = alice.hear(3000);
		listening.catch(() => undefined); // the page closes if the test fails before
		await restart(alice, how === "UPDATE");
		await delay(2000);
		assert.ok(scene.gateway.child.lines.slice(from).some((line) => /ICE restart/.test(line)), "ICE was restarted");
		const now = await remoteSdp(alice);
		for (const name of ["ice-ufrag", "ice-pwd"]) assert.notDeepEqual(values(now, name), values(sdp, name), name);
		for (const name of ["fingerprint", "ssrc"]) assert.deepEqual(values(now, name), values(sdp, name), name);
		assert.equal(before.state, "connected");
		assert.deepEqual(await dtls(alice), { ...before, changes: 0 }, "no handshake");

		assertHardlyDisturbed(await listening, PHONE_HZ, [BROWSER_HZ]);
		assertHardlyDisturbed(tail(phone.heard(), 3), BROWSER_HZ, [PHONE_HZ]);
		assert.equal(phone.requests("INVITE").length, invites, "no INVITE at the phone");
		assert.equal(phone.requests("UPDATE").length, 0);
		await alice.hangUp();
		await phone.waitFor("CALL_CLOSED");
	});

scene.test("three restarts in a row", async () => {
	const phone = await scene.phone();
	const alice = await openPage("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	for (let i = 0; i < 3; i++) await restart(alice, false);
	await delay(1500);
	assertHardlyDisturbed(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHardlyDisturbed(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
});

/* ringcentral-web-phone #319: the direction is kept over a restart. */
scene.test("a restart while the page holds: the phone hears nothing of it, and lets go as usual", async () => {
	const phone = await scene.phone();
	const alice = await openPage("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await phone.waitFor("CALL_ESTABLISHED");
	const hold = (on) => alice.page.evaluate((held) => new Promise((resolve) => window.session[held ? "hold" : "unhold"]({}, resolve)), on);
	const told = async (count) => {
		for (let i = 0; i < 100 && phone.requests("INVITE").length < count; i++) await delay(50);
		assert.equal(phone.requests("INVITE").length, count);
	};
	await hold(true);
	await told(2);
	await restart(alice, false);
	assert.match(await remoteSdp(alice), /^a=recvonly/m);
	await delay(1000);
	await told(2);
	await hold(false);
	await told(3);
	await delay(1000);
	/* what the phone hears is not judged: baresip 1.0 records nothing after a re-INVITE */
	assertHardlyDisturbed(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
});
