/* registrar_config.test.mjs: what examples/cluster/kamailio.cfg does beside registering browsers: trunks, a
 * PBX, floods, whom it trusts. Everyone is a raw client at an address of his own. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { startKamailio } from "./kamailio.mjs";
import { freePorts } from "./ports.mjs";
import { openUdp, phoneSdp } from "./sipclient.mjs";

const ACCOUNTS = { alice: "apple-pie", bob: "berry-pie" };
const [PBX, TRUNK, SPARE, FLOOD] = ["127.0.0.3", "127.0.0.2", "127.0.0.6", "127.0.0.5"];
const INSIDE = "127.0.1."; // a phone for each number
const SECRET = "shared with a gateway";
const NUMBER = "+493012345678";
let kamailio;
let ports;
let phones = 0;

before(async () => {
	ports = { pbx: await freePorts(1), trunk: await freePorts(1), spare: await freePorts(1) };
	kamailio = await startKamailio({
		accounts: ACCOUNTS,
		dispatcher: [
			`1 sip:${PBX}:${ports.pbx}`,
			`2 sip:${TRUNK}:${ports.trunk} 0 10`,
			`2 sip:${SPARE}:${ports.spare} 0 5`,
			"3 sip:127.0.0.1",
		],
		defines: { WITH_EPHEMERAL: "yes", EPHEMERAL_SECRET: SECRET },
	});
});
after(() => kamailio?.stop());

/** @returns a client that is closed with its test */
async function client(t, options) {
	const made = await openUdp(kamailio.port, options);
	t.after(() => made.close());
	return made;
}
async function phone(t, user, host = `${INSIDE}${++phones}`) {
	const made = await openUdp(kamailio.port, { user, password: ACCOUNTS[user], host });
	t.after(() => made.leave()); // or the next test's calls would ring there
	return made;
}
const trunk = (t) => client(t, { user: "carrier", host: TRUNK, port: ports.trunk, domain: "carrier.example" });

/** Answers the next INVITE. */
async function answer(callee, status = 200) {
	const invite = await callee.waitForRequest("INVITE");
	callee.respond(invite, status, status === 200 ? { body: phoneSdp(9), headers: { "Record-Route": invite.headers["record-route"].join(", ") } } : {});
	return invite;
}

test("a call to a number outside goes to the trunk, which sees this server alone, and ends", async (t) => {
	const [alice, carrier] = [await phone(t, "alice"), await trunk(t)];
	const asked = answer(carrier);
	const ok = await alice.invite(NUMBER, { body: phoneSdp(9), ack: false });
	const invite = await asked;
	assert.equal(ok.status, 200);
	assert.ok(invite.first.startsWith(`INVITE sip:${NUMBER}@${TRUNK}:${ports.trunk} `), invite.first);
	const head = invite.text.split("\r\n\r\n")[0];
	assert.ok(!head.includes(INSIDE), head);
	assert.match(invite.header("contact"), /127\.0\.0\.8/);
	const route = { Route: ok.headers["record-route"].reverse().join(", ") };
	const within = { uri: /<([^>]+)>/.exec(ok.header("contact"))[1], to: undefined };
	const from = { ...route, From: ok.header("from"), To: ok.header("to") };
	const begun = alice.request("BYE", { ...within, headers: from, callId: ok.header("call-id") });
	alice.send(begun);
	const bye = await carrier.waitForRequest("BYE");
	assert.ok(!bye.text.includes(INSIDE), bye.text);
	carrier.respond(bye, 200);
	assert.equal((await alice.waitFor((m) => m.status && / BYE$/.test(m.header("cseq")))).status, 200);
});

test("a trunk in trouble is passed over; what it said is not what the caller hears", async (t) => {
	const [alice, carrier] = [await phone(t, "alice"), await trunk(t)];
	const spare = await client(t, { user: "spare", host: SPARE, port: ports.spare });
	const asked = Promise.all([answer(carrier, 503), answer(spare, 486)]);
	assert.equal((await alice.invite(NUMBER, { body: phoneSdp(9) })).status, 486);
	await asked;
});

test("the trunk calls our users unasked, and nobody outside at our cost", async (t) => {
	const [alice, carrier] = [await phone(t, "alice"), await trunk(t)];
	assert.equal((await alice.register()).status, 200);
	const asked = answer(alice, 486);
	carrier.domain = "hookswitch";
	assert.equal((await carrier.ask("INVITE", { uri: "sip:alice@hookswitch", body: phoneSdp(9) })).status, 486);
	await asked;
	carrier.callId = "another";
	assert.equal((await carrier.ask("INVITE", { uri: `sip:${NUMBER}@hookswitch`, body: phoneSdp(9) })).status, 403);
});

test("numbers of the PBX go there, and it calls unasked", async (t) => {
	const [alice, pbx] = [await phone(t, "alice"), await client(t, { user: "2000", host: PBX, port: ports.pbx })];
	const asked = answer(pbx, 486);
	assert.equal((await alice.invite("2000", { body: phoneSdp(9) })).status, 486);
	assert.ok((await asked).first.startsWith(`INVITE sip:2000@${PBX}:${ports.pbx} `));
	assert.equal((await alice.register()).status, 200);
	const rings = answer(alice, 486);
	assert.equal((await pbx.ask("INVITE", { uri: "sip:alice@hookswitch", body: phoneSdp(9) })).status, 486);
	await rings;
});

test("a callee's challenge is 403 for the caller", async (t) => {
	const [alice, bob] = [await phone(t, "alice"), await phone(t, "bob")];
	assert.equal((await bob.register()).status, 200);
	for (const status of [401, 407]) {
		const asked = bob.waitForRequest("INVITE", { from: bob.received.length }).then((invite) =>
			bob.respond(invite, status, { headers: { [status === 401 ? "WWW-Authenticate" : "Proxy-Authenticate"]: 'Digest realm="hookswitch", nonce="x"' } }),
		);
		const refused = await alice.invite("bob", { body: phoneSdp(9) });
		await asked;
		assert.equal(refused.status, 403);
		assert.doesNotMatch(refused.text, /Authenticate/);
	}
});

test("a Path is taken of a gateway only, and its contacts last two minutes at most", async (t) => {
	const headers = { Path: "<sip:token@127.0.0.1:9;lr;ob>", Supported: "path" };
	const [stranger, gateway] = [await phone(t, "alice"), await phone(t, "alice", "127.0.0.1")];
	assert.equal((await stranger.register({ headers })).status, 403);
	const ok = await gateway.register({ headers, expires: 900 });
	assert.equal(ok.status, 200);
	const seconds = ok.headers.contact.flatMap((line) => line.split(",")).filter((contact) => contact.includes(gateway.contact)).map((contact) => Number(/expires=(\d+)/.exec(contact)[1]));
	assert.deepEqual(seconds, [120]);
	const plain = await phone(t, "bob");
	assert.match((await plain.register({ expires: 900 })).header("contact"), /expires=900/);
});

test("nobody registers another or calls in his name", async (t) => {
	const alice = await phone(t, "alice");
	assert.equal((await alice.register({ to: "sip:bob@hookswitch" })).status, 403);
	const mask = { From: "<sip:bob@hookswitch>;tag=1" };
	assert.equal((await alice.invite("bob", { body: phoneSdp(9), headers: mask })).status, 403);
});

test("who knows the shared secret registers by time-limited credentials, for whom they are and while they last", async (t) => {
	const alice = await phone(t, "alice");
	const password = (user) => createHmac("sha1", SECRET).update(user).digest("base64");
	const now = Math.floor(Date.now() / 1000);
	const user = `${now + 60}:alice`;
	assert.equal((await alice.register({ as: user, password: password(user) })).status, 200);
	assert.equal((await alice.register({ as: user, password: "guessed" })).status, 401);
	const old = `${now - 60}:alice`;
	assert.equal((await alice.register({ as: old, password: password(old) })).status, 401);
	const other = `${now + 60}:bob`;
	assert.equal((await alice.register({ as: other, password: password(other) })).status, 403);
});

test("who sends too much is not heard any more, a gateway is", async (t) => {
	const [flood, gateway] = [await client(t, { host: FLOOD }), await client(t)];
	for (let i = 0; i < 200; i++) {
		flood.send(flood.request("OPTIONS", { callId: `flood${i}` }));
		assert.equal((await gateway.ask("OPTIONS", { callId: `many${i}` })).status, 200);
	}
	assert.ok(flood.received.length < 70, `${flood.received.length} answers`);
	await kamailio.child.waitForLine(new RegExp(`${FLOOD}:\\d+ sends too much`));
});
