/* central.test.mjs: a real Kamailio owns the users; browsers register through the gateway. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startKamailio } from "./kamailio.mjs";
import { ACCOUNTS, assertHeard, setScene } from "./scene.mjs";
import { openUdp, phoneSdp } from "./sipclient.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";
import { webSdp } from "./websdp.mjs";
import { openWs } from "./wsclient.mjs";

let kamailio;
const scene = setScene({
	local: false,
	config: async () => {
		kamailio = await startKamailio({ accounts: ACCOUNTS });
		return {
			registrar: { mode: "central", targets: `sip:${kamailio.server}`, realms: "hookswitch" },
			turn: { urls: "turn:192.0.2.20", secret: "north-by-northwest" },
		};
	},
});
after(() => kamailio?.stop());

const phone = (user = "1000", options = {}) => scene.phone(user, { server: kamailio.server, ...options });
const ws = (user) =>
	openWs(`ws://127.0.0.1:${scene.gateway.http}/sip`, { user, password: ACCOUNTS[user] }).then((client) => scene.add(`ws ${user}`, client));
const sdp = (port) => phoneSdp(port);

scene.test("a page signs in at Kamailio, and is not shown the Path", async () => {
	const alice = await scene.page("alice");
	const [ok] = alice.sip(/^<<< SIP\/2\.0 200[\s\S]*\bCSeq: \d+ REGISTER/i);
	assert.match(ok, /^Contact:/im);
	assert.doesNotMatch(ok, /^(Path|Service-Route):/im);
	assert.match(ok, /expires=(1[01]\d|120)\b/i, "no longer than max_expires");
});

scene.test("registered at Kamailio, a page may ask for TURN servers; signed out, it may not", async () => {
	const ask = (token) => fetch(`http://127.0.0.1:${scene.gateway.http}/api/v1/ice-servers`, { headers: { Authorization: `Bearer ${token}` } });
	const client = await ws("bob");
	const answer = await client.register();
	assert.equal(answer.status, 200);
	const token = answer.header("Hookswitch-Token");
	const response = await ask(token);
	assert.equal(response.status, 200);
	assert.match((await response.json()).iceServers[0].username, /^\d+:bob@hookswitch$/);
	assert.equal((await client.register({ expires: 0 })).status, 200);
	assert.equal((await ask(token)).status, 401);
});

scene.test("a wrong password is said in the page, once; the right one works after it", async () => {
	const alice = await scene.page();
	await alice.startSignIn("alice", "wrong");
	assert.equal(await alice.problem(), "wrong-password");
	await alice.signIn("alice", ACCOUNTS.alice);
});

scene.test("a wrong password is 401 again, each time, at REGISTER and at INVITE, and nobody is signed in by it", async () => {
	const mallory = await ws("alice");
	for (let i = 0; i < 3; i++) assert.equal((await mallory.register({ password: `guess${i}` })).status, 401);
	assert.equal((await mallory.invite("1000", { body: webSdp() })).status, 403, "not registered");
	assert.equal((await mallory.register()).status, 200, "which forgives the wrong ones");
	assert.equal((await mallory.invite("1000", { body: webSdp(), password: "guess", callId: "another" })).status, 407);
	await mallory.leave();
});

scene.test("after five wrong passwords in a row the next waits; another user does not", async () => {
	const mallory = await ws("1001");
	for (let i = 0; i < 5; i++) assert.equal((await mallory.register({ password: `guess${i}` })).status, 401);
	const held = await mallory.register({ password: "guess5" });
	assert.equal(held.status, 503);
	const seconds = Number(held.header("retry-after"));
	assert.ok(seconds > 0 && seconds <= 12, `${seconds} s`);
	const bob = await ws("bob");
	assert.equal((await bob.register()).status, 200);
	await bob.leave();
});

scene.test("a page calls a phone at Kamailio, answering its challenge, and they hear each other", async () => {
	const desk = await phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await desk.waitFor("CALL_ESTABLISHED");
	await alice.waitFor("talking");
	await delay(500);
	assertHeard(await alice.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(desk.heard(), 1.5), BROWSER_HZ, [PHONE_HZ]);
	const invites = alice.sip(/^>>> INVITE /);
	assert.equal(invites.length, 2, "with the credentials, once more");
	assert.match(invites[1], /^Proxy-Authorization: Digest/im);
	const [atDesk] = desk.requests("INVITE");
	assert.match(atDesk, /^From: <sip:alice@hookswitch>/im);
	assert.doesNotMatch(atDesk, /\.invalid|Proxy-Authorization/i);
	await alice.hangUp();
	await desk.waitFor("CALL_CLOSED");
});

scene.test("a phone at Kamailio calls a page, and they hear each other", async () => {
	const desk = await phone();
	const alice = await scene.page("alice");
	desk.dial("alice");
	await alice.waitFor("incoming");
	assert.equal((await alice.seen()).peer, "1000");
	await alice.answer();
	await desk.waitFor("CALL_ESTABLISHED");
	await delay(700);
	assertHeard(await alice.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(desk.heard(), 1.5), BROWSER_HZ, [PHONE_HZ]);
	desk.hangUp();
	await alice.waitFor("idle");
});

scene.test("a page calls a page through Kamailio, in Opus all the way", async () => {
	const alice = await scene.page("alice", { hz: BROWSER_HZ });
	const bob = await scene.page("bob", { hz: PHONE_HZ });
	const from = scene.gateway.child.lines.length;
	await alice.call("bob");
	await bob.answer();
	await alice.waitFor("talking");
	await delay(500);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(await bob.hear(1000), BROWSER_HZ, [PHONE_HZ]);
	const agreed = scene.gateway.child.lines.slice(from).filter((line) => /agreed /.test(line));
	assert.ok(agreed.length >= 4 && agreed.every((line) => /agreed opus\/48000/.test(line)), agreed.join("\n"));
	await alice.hangUp();
	await bob.waitFor("idle");
});

scene.test("a user in two tabs: both ring, one answers, the other stops", async () => {
	const desk = await phone();
	const [here, there] = [await scene.page("alice"), await scene.page("alice")];
	desk.dial("alice");
	await Promise.all([here.waitFor("incoming"), there.waitFor("incoming")]);
	await here.answer();
	assert.equal(await there.problem(), "answered-elsewhere");
	await there.waitFor("idle");
	await delay(500);
	assertHeard(await here.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	await here.hangUp();
	await desk.waitFor("CALL_CLOSED");
});

scene.test("a page that declines, an unknown number, one that is not registered", async () => {
	const desk = await phone();
	const alice = await scene.page("alice");
	desk.dial("alice");
	await alice.waitFor("incoming");
	await alice.decline();
	await desk.waitFor("CALL_CLOSED");
	await alice.waitFor("idle");
	const client = await ws("bob");
	assert.equal((await client.register()).status, 200);
	assert.equal((await client.invite("nobody", { body: await offer() })).status, 404);
	assert.equal((await client.invite("1001", { body: await offer() })).status, 480);
});

scene.test("after a page was killed, its user's second call fails within a second", async () => {
	const desk = await phone();
	const alice = await scene.page("alice");
	await alice.context.close(); // without a word
	await delay(300); // it is noticed
	const seconds = [];
	for (let i = 0; i < 2; i++) {
		const from = desk.events.length;
		const begun = Date.now();
		desk.dial("alice");
		const closed = await desk.waitFor("CALL_CLOSED", { from });
		seconds.push((Date.now() - begun) / 1000);
		assert.match(closed.param, /480/);
	}
	assert.ok(seconds[1] < 1, `${seconds} s`);
});

scene.test("a busy page is busy, whatever is left of its user's killed one", async () => {
	const gone = await ws("alice");
	assert.equal((await gone.register()).status, 200);
	gone.drop();
	await gone.whenClosed;
	const here = await ws("alice");
	assert.equal((await here.register()).status, 200);
	const caller = scene.add("caller", await openUdp(kamailio.port, { user: "1000", password: ACCOUNTS[1000] }));
	const answer = caller.invite("alice", { body: sdp(9) });
	here.respond(await here.waitForRequest("INVITE"), 486);
	assert.equal((await answer).status, 486);
	await here.leave();
});

scene.test("what did not come from the registrar, or with a token that is none, is refused", async () => {
	const client = await ws("bob");
	assert.equal((await client.register()).status, 200);
	const stranger = await openUdp(scene.gateway.sip);
	scene.add("stranger", stranger);
	const uri = client.contact;
	const token = "A".repeat(48);
	const route = { Route: `<sip:${token}@${scene.gateway.server};lr;ob>`, "Content-Type": "application/sdp" };
	assert.equal((await stranger.ask("INVITE", { uri, headers: route, body: sdp(9) })).status, 403);
	assert.equal((await stranger.ask("REGISTER", {})).status, 403);
	assert.equal((await client.ask("INVITE", { uri: "sip:1000@hookswitch", body: "" })).status, 488);
});

scene.test("the keys of the tokens are the owner's only, and are not in the log", async () => {
	const file = path.join(scene.gateway.folder, "state", "token-keys");
	assert.equal(statSync(file).mode & 0o777, 0o600);
	const secret = /^key \d+ \d+ ([0-9a-f]{64})$/m.exec(readFileSync(file, "utf8"))[1];
	assert.ok(!scene.gateway.log.includes(secret));
});

scene.test("a page's MESSAGE reaches the other page through Kamailio, in its own name; other methods are 405", async () => {
	const [alice, bob] = [await ws("alice"), await ws("bob")];
	for (const client of [alice, bob]) assert.equal((await client.register()).status, 200);
	const headers = { "Content-Type": "text/plain;charset=UTF-8", From: `"The boss" <sip:boss@hookswitch>;tag=${alice.tag}` };
	const uri = "sip:bob@hookswitch";
	const answer = alice.askWithDigest("MESSAGE", { uri, headers, body: "Grüße" });
	const request = await bob.waitForRequest("MESSAGE");
	assert.match(request.header("from"), /^<sip:alice@hookswitch>;tag=/);
	assert.equal(request.header("content-type"), "text/plain;charset=UTF-8");
	assert.equal(request.body, "Grüße");
	for (const name of ["authorization", "proxy-authorization", "route"]) assert.equal(request.header(name), undefined);
	bob.respond(request, 200);
	assert.equal((await answer).status, 200);

	assert.equal((await alice.askWithDigest("MESSAGE", { uri, headers, body: "x", password: "wrong" })).status, 407);
	assert.equal((await alice.askWithDigest("MESSAGE", { uri: "sip:1001@hookswitch", headers, body: "x" })).status, 480);
	assert.equal((await alice.ask("OPTIONS", { uri })).header("server"), "Hookswitch/0.1.0");
	const refused = await alice.ask("PUBLISH", { uri });
	assert.equal(refused.status, 405);
	assert.match(refused.header("allow"), /\bMESSAGE\b/);
});

/* An SDP that a gateway accepts of a browser; nobody speaks behind it. */
async function offer() {
	const page = await scene.page();
	return page.page.evaluate(async () => {
		const connection = new RTCPeerConnection();
		connection.addTransceiver("audio");
		await connection.setLocalDescription();
		return connection.localDescription.sdp;
	});
}
