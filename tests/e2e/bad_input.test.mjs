/* bad_input.test.mjs: whatever arrives by UDP, TCP or WebSocket while a call is up, the call goes on. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import dgram from "node:dgram";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";
import { openWs } from "./wsclient.mjs";

const scene = setScene();

const sip = (first, ...lines) => Buffer.from([first, ...lines, "", ""].join("\r\n"), "latin1");
const via = (transport) => `Via: SIP/2.0/${transport} 127.0.0.1:9;branch=z9hG4bK${randomBytes(4).toString("hex")}`;
const REST = ["From: <sip:x@hookswitch>;tag=1", "To: <sip:1000@hookswitch>", "Call-ID: bad"];

const malformed = (transport) => [
	Buffer.alloc(0),
	Buffer.from([0]),
	Buffer.alloc(20, 0xff),
	randomBytes(1200),
	Buffer.from("GET / HTTP/1.1\r\n\r\n"),
	Buffer.from("INVITE sip:1000@hookswitch SIP/2.0"), // no end
	sip("INVITE sip:1000@hookswitch SIP/2.0"), // no headers
	sip("INVITE sip:1000@hookswitch SIP/9.9", via(transport), ...REST, "CSeq: 1 INVITE", "Content-Length: 0"),
	sip("INVITE sip:1000@hookswitch SIP/2.0", via(transport), ...REST, "CSeq: 99999999999999 INVITE", "Content-Length: 0"),
	sip("INVITE sip:1000@hookswitch SIP/2.0", via(transport), ...REST, "CSeq: 1 BYE", "Content-Length: 0"),
	sip("OPTIONS sip:\u0000@hookswitch SIP/2.0", via(transport), ...REST, "CSeq: 1 OPTIONS", "Content-Length: 0"),
	sip("OPTIONS sip:hookswitch SIP/2.0", ...Array.from({ length: 500 }, () => via(transport)), ...REST, "CSeq: 1 OPTIONS", "Content-Length: 0"),
	sip("OPTIONS sip:hookswitch SIP/2.0", via(transport), ...REST, "CSeq: 1 OPTIONS", `X: ${"y".repeat(30_000)}`, "Content-Length: 0"),
	sip("BYE sip:1000@hookswitch SIP/2.0", via(transport), ...REST, "CSeq: 1 BYE", "Content-Length: 0"),
	sip("CANCEL sip:1000@hookswitch SIP/2.0", via(transport), ...REST, "CSeq: 1 CANCEL", "Content-Length: 0"),
	sip("ACK sip:1000@hookswitch SIP/2.0", via(transport), ...REST, "CSeq: 1 ACK", "Content-Length: 0"),
	sip("SIP/2.0 200 OK", via(transport), ...REST, "CSeq: 1 INVITE", "Content-Length: 0"),
	sip("SIP/2.0 999 What", via(transport), ...REST, "CSeq: 1 INVITE", "Content-Length: 0"),
	sip("REGISTER sip:hookswitch SIP/2.0", via(transport), ...REST, "CSeq: 1 REGISTER", 'Authorization: Digest username="', "Content-Length: 0"),
	sip("MESSAGE sip:1000@hookswitch SIP/2.0", via(transport), ...REST, "CSeq: 1 MESSAGE", "Content-Length: -5"), // last: TCP ends here
];

async function callUp() {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	return { alice, phone };
}

async function assertUnharmed({ alice, phone }) {
	await delay(500);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
	assert.equal(scene.gateway.child.code, undefined, "the gateway runs");
}

scene.test("over UDP", async () => {
	const call = await callUp();
	const socket = dgram.createSocket("udp4").unref();
	for (const bytes of malformed("UDP")) await new Promise((done) => socket.send(bytes, scene.gateway.sip, "127.0.0.1", done));
	socket.close();
	await assertUnharmed(call);
});

scene.test("over TCP, each on a connection of its own", async () => {
	const call = await callUp();
	for (const bytes of malformed("TCP")) {
		const socket = net.connect(scene.gateway.sip, "127.0.0.1").on("error", () => undefined);
		await new Promise((done) => socket.once("connect", done));
		socket.end(bytes);
	}
	await assertUnharmed(call);
});

scene.test("over WebSocket, as text and as binary", async () => {
	const call = await callUp();
	for (const bytes of malformed("WS"))
		for (const message of [bytes, bytes.toString("latin1")]) {
			const client = await openWs(`ws://127.0.0.1:${scene.gateway.http}/`);
			client.send(message);
			await client.close();
		}
	await assertUnharmed(call);
});

scene.test("a message of 100 KB closes its WebSocket and no other", async () => {
	const call = await callUp();
	const client = await openWs(`ws://127.0.0.1:${scene.gateway.http}/`);
	client.send("x".repeat(100_000));
	assert.equal((await client.whenClosed).code, 1009);
	await assertUnharmed(call);
});

scene.test("a request with a missing header gets 400, a method nobody knows 405 or 501", async () => {
	const client = await openWs(`ws://127.0.0.1:${scene.gateway.http}/`, { user: "alice", password: scene.accounts.alice });
	await client.register();
	assert.equal((await client.ask("OPTIONS", { headers: { "Max-Forwards": "x" } })).status, 400);
	assert.ok([405, 501].includes((await client.ask("FROBNICATE")).status));
	await client.close();
});

scene.test("noise on the media ports does not harm the call", async () => {
	const call = await callUp();
	const socket = dgram.createSocket("udp4").unref();
	const [first, last] = scene.gateway.mediaPorts;
	for (let port = first; port <= last; port++)
		for (const byte of [0, 22, 128, 200, 255]) {
			const bytes = randomBytes(172);
			bytes[0] = byte;
			await new Promise((done) => socket.send(bytes, port, "127.0.0.1", done));
		}
	await assertUnharmed(call);
	socket.close();
});
