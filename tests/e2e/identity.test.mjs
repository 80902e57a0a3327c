/* identity.test.mjs: nobody calls, registers or listens in another's name. */
import assert from "node:assert/strict";
import dgram from "node:dgram";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "./ports.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { openTcp, openUdp, phoneSdp } from "./sipclient.mjs";
import { aLaw, BROWSER_HZ, PHONE_HZ, synthesize, tail } from "./tone.mjs";
import { openWs } from "./wsclient.mjs";
import { webSdp } from "./websdp.mjs";

const scene = setScene();

/* What a caller could claim to be (RFC 3325, RFC 5806, RFC 7044 and habits of many years). */
const CLAIMS = {
	"P-Asserted-Identity": "<sip:boss@hookswitch>",
	"P-Preferred-Identity": "<sip:boss@hookswitch>",
	"Remote-Party-ID": '"Boss" <sip:boss@hookswitch>;party=calling;screen=yes',
	Diversion: "<sip:boss@hookswitch>;reason=unconditional",
	"History-Info": "<sip:boss@hookswitch>;index=1",
	"P-Charging-Vector": "icid-value=boss",
	"P-Access-Network-Info": "boss",
	"X-Internal": "boss",
	Identity: "boss",
	"Referred-By": "<sip:boss@hookswitch>",
	Subject: "boss",
	"Call-Info": "<http://boss/>;purpose=icon",
};

const clients = {
	UDP: (user) => openUdp(scene.gateway.sip, { user, password: scene.accounts[user] }),
	TCP: (user) => openTcp(scene.gateway.sip, { user, password: scene.accounts[user] }),
	WS: (user) => openWs(`ws://127.0.0.1:${scene.gateway.http}/`, { user, password: scene.accounts[user] }),
	WSS: (user) => openWs(`wss://127.0.0.1:${scene.gateway.https}/`, { user, password: scene.accounts[user] }),
};

for (const transport of ["UDP", "TCP", "WS", "WSS"])
	scene.test(`a caller over ${transport} who claims to be somebody else is shown as who he is`, async () => {
		const phone = await clients.UDP("1000");
		await phone.register();
		const caller = await clients[transport]("bob");
		await caller.register();
		const headers = { ...CLAIMS, From: `"Boss" <sip:boss@hookswitch>;tag=${caller.tag}` };
		const body = transport.startsWith("W") ? webSdp() : phoneSdp(9000);
		const asking = caller.invite("1000", { body, headers });
		const invite = await phone.waitForRequest("INVITE");
		assert.match(invite.header("from"), /<sip:bob@/);
		assert.doesNotMatch(invite.text, /boss/i, "of the claims nothing passes");
		for (const name of Object.keys(CLAIMS)) assert.equal(invite.header(name), undefined, name);
		assert.equal(invite.header("call-id") === caller.callId, false, "the phone's dialog is one of its own");
		phone.respond(invite, 486);
		assert.equal((await asking).status, 486);
		await Promise.all([phone.leave(), caller.close()]);
	});

for (const transport of ["UDP", "TCP", "WS", "WSS"])
	scene.test(`a REGISTER over ${transport} for another's address is 403, and changes nothing`, async () => {
		const victim = await clients.UDP("1000");
		await victim.register();
		const thief = await clients[transport]("bob");
		assert.equal((await thief.register({ to: "sip:1000@hookswitch" })).status, 403);
		assert.equal((await thief.register({ to: "sip:1000@hookswitch", expires: 0, headers: { Contact: "*" } })).status, 403);
		assert.equal((await thief.register({ to: "sip:%31000@hookswitch" })).status, 403, "escaped, it is the same");
		/* with the name of the victim in the credentials, but without the password */
		assert.equal((await thief.register({ to: "sip:1000@hookswitch", as: "1000" })).status, 401);

		const caller = await clients.UDP("1001");
		const asking = caller.invite("1000", { body: phoneSdp(9000) });
		victim.respond(await victim.waitForRequest("INVITE"), 486);
		assert.equal((await asking).status, 486);
		assert.equal(thief.received.some((message) => message.method === "INVITE"), false);
		await Promise.all([victim.leave(), thief.close(), caller.close()]);
	});

/** RTP (RFC 3550) with a tone in PCMA, 50 packets a second, to a port or several. */
function speak(hz, ports, from) {
	const sound = aLaw(synthesize(1, 8000, [[hz, 0.6]]));
	let n = 0;
	const timer = setInterval(() => {
		const packet = Buffer.alloc(172);
		packet[0] = 0x80;
		packet[1] = 8;
		packet.writeUInt16BE(n & 0xffff, 2);
		packet.writeUInt32BE((n * 160) >>> 0, 4);
		packet.writeUInt32BE(0x5742414d, 8);
		packet.set(sound.subarray((n % 50) * 160, (n % 50) * 160 + 160), 12);
		for (const port of ports) from.send(packet, port, "127.0.0.1");
		n++;
	}, 20);
	timer.unref();
	return () => clearInterval(timer);
}

scene.test("a stranger who speaks to the phone's port is not heard, and hears nothing", async () => {
	const stranger = dgram.createSocket("udp4").unref();
	await new Promise((done) => stranger.bind(0, "127.0.0.1", done));
	const got = [];
	stranger.on("message", (bytes) => got.push(bytes));
	const [first, last] = scene.gateway.mediaPorts;
	const ports = Array.from({ length: last - first + 1 }, (_, i) => first + i);
	const stop = speak(400, ports, stranger); // from before the call's first second on

	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await delay(1500);
	const heard = await alice.hear(2000);
	stop();
	assertHeard(heard, PHONE_HZ, [BROWSER_HZ, 400]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ, 400]);
	assert.equal(got.length, 0, "nothing is sent to an address that nobody signalled");
	await new Promise((done) => stranger.close(done));
});

/* Some phones send from another port than they listen on: that is heard as long as the signalled one is
 * silent (AST-2017-005: who sends first must not be who is sent to). */
scene.test("media goes to the signalled address only, wherever the phone's own comes from", async () => {
	const signalled = dgram.createSocket("udp4").unref();
	const elsewhere = dgram.createSocket("udp4").unref();
	const port = await freePorts(2);
	await new Promise((done) => signalled.bind(port, "127.0.0.1", done));
	await new Promise((done) => elsewhere.bind(0, "127.0.0.1", done));
	const got = { signalled: [], elsewhere: 0 };
	signalled.on("message", (bytes) => got.signalled.push(bytes));
	elsewhere.on("message", () => got.elsewhere++);

	const phone = await clients.UDP("1000");
	const alice = await scene.page("alice");
	await phone.register();
	await alice.call("1000");
	const invite = await phone.waitForRequest("INVITE");
	phone.respond(invite, 200, { body: phoneSdp(port) });
	await phone.waitForRequest("ACK");
	const there = Number(/^m=audio (\d+)/m.exec(invite.body)[1]);
	const stop = speak(400, [there], elsewhere);
	await alice.waitFor("talking");
	await delay(1500);
	assertHeard(await alice.hear(1000), 400, [BROWSER_HZ]);
	stop();
	assert.equal(got.elsewhere, 0);
	assert.ok(got.signalled.length > 50, `${got.signalled.length} packets`);
	await alice.hangUp();
	phone.respond(await phone.waitForRequest("BYE"), 200);
	await Promise.all([phone.leave(), new Promise((done) => signalled.close(done)), new Promise((done) => elsewhere.close(done))]);
});
