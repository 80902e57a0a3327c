/* strangers.test.mjs: who is not part of a call cannot disturb it. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import dgram from "node:dgram";
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

const scene = setScene();
const CALLS = 5;
const BURST_MS = 10;

const u16 = (n) => Buffer.from([n >> 8, n & 255]);
const u24 = (n) => Buffer.from([n >> 16, (n >> 8) & 255, n & 255]);
const vector = (bytes) => Buffer.concat([u16(bytes.length), bytes]);

/** A DTLS 1.2 ClientHello as WebRTC sends it (RFC 6347 §4.2, RFC 5764 §4.1.1). */
function clientHello(ciphers) {
	const extension = (type, body) => Buffer.concat([u16(type), vector(body)]);
	const body = Buffer.concat([
		u16(0xfefd),
		randomBytes(32),
		Buffer.from([0, 0]), // no session, no cookie
		vector(Buffer.concat(ciphers.map(u16))),
		Buffer.from([1, 0]), // no compression
		vector(
			Buffer.concat([
				extension(10, vector(u16(0x0017))), // P-256
				extension(11, Buffer.from([1, 0])),
				extension(13, vector(Buffer.concat([u16(0x0403), u16(0x0804), u16(0x0401)]))),
				extension(14, Buffer.concat([vector(Buffer.concat([u16(7), u16(1)])), Buffer.from([0])])), // use_srtp
				extension(23, Buffer.alloc(0)),
			]),
		),
	]);
	const handshake = Buffer.concat([Buffer.from([1]), u24(body.length), u16(0), u24(0), u24(body.length), body]);
	return Buffer.concat([Buffer.from([22]), u16(0xfefd), Buffer.alloc(8), vector(handshake)]);
}

/** A binding request without credentials worth anything (RFC 8489). */
function stunRequest() {
	const user = Buffer.from("abcd:efgh");
	const attributes = Buffer.concat([u16(6), u16(user.length), user, Buffer.alloc(3), u16(8), u16(20), randomBytes(20)]);
	return Buffer.concat([u16(1), u16(attributes.length), Buffer.from("2112a442", "hex"), randomBytes(12), attributes]);
}

function srtp() {
	const packet = randomBytes(110);
	packet[0] = 0x80;
	packet[1] = 111;
	return packet;
}

/** Sends what `make` makes to all media ports, over and over; a function stops it and gives the number. */
function spray(make) {
	const socket = dgram.createSocket("udp4").unref();
	const [first, last] = scene.gateway.mediaPorts;
	let n = 0;
	socket.on("error", () => undefined); // ports that are closed
	const timer = setInterval(() => {
		for (let port = first; port <= last; port++, n++) socket.send(make(n), port, "127.0.0.1", () => undefined);
	}, BURST_MS).unref();
	return () => {
		clearInterval(timer);
		return n;
	};
}

/* CVE-2023-49786 and its like: a stranger's ClientHello before the browser's ended the call. */
scene.test(`ClientHellos of strangers at all media ports during set-up cost none of ${CALLS} calls`, async (t) => {
	const hellos = [clientHello([0xc02b, 0xc02f]), clientHello([0x0001, 0x0002]), stunRequest()]; // good, bad, neither
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	const stop = spray((n) => hellos[n % hellos.length]);
	const times = [];
	for (let i = 0; i < CALLS; i++) {
		const from = phone.events.length;
		const begun = Date.now();
		await alice.call("1000");
		await phone.waitFor("CALL_ESTABLISHED", { from });
		await alice.waitFor("talking");
		await alice.page.waitForFunction(() => window.e2e.connections.at(-1).connectionState === "connected");
		times.push(Date.now() - begun);
		await delay(500);
		assertHeard(await alice.hear(700), PHONE_HZ, [BROWSER_HZ]);
		assertHeard(tail(phone.heard(), 0.6), BROWSER_HZ, [PHONE_HZ]);
		await alice.hangUp();
		await phone.waitFor("CALL_CLOSED", { from });
		await alice.waitFor("idle");
	}
	t.diagnostic(`connected after ${times.join(", ")} ms; ${stop()} datagrams were sprayed`);
	assert.ok(Math.max(...times) < 3000, `${times}`);
});

scene.test("a phone's call to a page comes up under the same spray", async () => {
	const hello = clientHello([0xc02b, 0xc02f]);
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	const stop = spray(() => hello);
	phone.dial("alice");
	await alice.answer();
	await phone.waitFor("CALL_ESTABLISHED");
	await delay(700);
	stop();
	assertHeard(await alice.hear(700), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 0.6), BROWSER_HZ, [PHONE_HZ]);
});

/* CVE-2021-41105: a hundred bad packets ended a call. */
scene.test("garbage that looks like SRTP, thousands a second for five seconds, harms no call", async (t) => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	const packets = Array.from({ length: 16 }, srtp);
	const stop = spray((n) => packets[n % packets.length]);
	await delay(3000);
	const heard = await alice.hear(2000);
	t.diagnostic(`${stop()} packets were sprayed`);
	assertHeard(heard, PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1.5), BROWSER_HZ, [PHONE_HZ]);
	assert.equal((await alice.seen()).state, "talking");
});
