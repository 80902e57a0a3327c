/* odd_registrar.test.mjs: two registrars of the test's own that do what a good one does not: forged and
 * stale tokens, challenges that are not the page's, answers that come too late. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import net from "node:net";
import { freePorts } from "./ports.mjs";
import { setScene } from "./scene.mjs";
import { openUdp, overTcp, phoneSdp } from "./sipclient.mjs";
import { webSdp } from "./websdp.mjs";
import { openWs } from "./wsclient.mjs";

const ports = [];
const scene = setScene({
	local: false,
	browser: null,
	config: async () => {
		ports.push(await freePorts(1), await freePorts(1));
		return {
			registrar: { mode: "central", targets: ports.map((port) => `sip:127.0.0.1:${port}`).join(", ") },
			calls: { page_timeout: 300 },
		};
	},
});

/** Accepts every REGISTER and remembers the token in its Path; answers pings. */
async function openRegistrar(port) {
	const registrar = scene.add(`registrar ${port}`, await openUdp(scene.gateway.sip, { user: "bob", port }));
	const take = registrar.take.bind(registrar);
	registrar.take = (text) => {
		take(text);
		const message = registrar.received.at(-1);
		message.at = Date.now();
		if (message.method === "OPTIONS") registrar.respond(message, 200);
		if (message.method !== "REGISTER") return;
		registrar.token = /<sip:([^@]+)@/.exec(message.header("path"))[1];
		const headers = { Contact: `${message.header("contact")};expires=60`, Path: message.header("path") };
		registrar.respond(message, 200, { headers: { ...headers, ...registrar.more } });
	};
	return registrar;
}

/** Both registrars; the gateway asks the first one first. */
async function open() {
	const both = [await openRegistrar(ports[0]), await openRegistrar(ports[1])];
	const from = scene.gateway.child.lines.length;
	if (/does not answer/.test(scene.gateway.log)) await scene.gateway.child.waitForLine(new RegExp(`${ports[0]}.* answers`), { from, ms: 12_000 });
	return both;
}

async function page(user) {
	const client = scene.add(`ws ${user}`, await openWs(`ws://127.0.0.1:${scene.gateway.http}/sip`, { user }));
	assert.equal((await client.register()).status, 200);
	return client;
}

const fresh = () => ({ callId: randomBytes(6).toString("hex") });
const routeTo = (token) => ({ Route: `<sip:${token}@${scene.gateway.server};lr;ob>`, "Content-Type": "application/sdp" });
const inviteBy = (client, token, uri = "sip:alice@x.invalid") =>
	client.ask("INVITE", { ...fresh(), uri, headers: routeTo(token), body: phoneSdp(9) });

/** The page's INVITE and its way to the end of the call, without waiting for it. */
function invite(client, { headers = {}, body = webSdp(), ...options } = fresh()) {
	const uri = "sip:bob@hookswitch";
	return client.ask("INVITE", { uri, headers: { "Content-Type": "application/sdp", ...headers }, body, ms: 15_000, ...options });
}

scene.test("a token leads to its page; changed, elsewhere than in Route, from a stranger or another page it does not", async () => {
	const [registrar] = await open();
	const alice = await page("alice");
	const { token } = registrar;
	assert.match(token, /^[\w-]{48}$/);

	const busy = inviteBy(registrar, token);
	const rung = await alice.waitForRequest("INVITE");
	assert.doesNotMatch(rung.text, new RegExp(token), "the page sees no token");
	alice.respond(rung, 486);
	assert.equal((await busy).status, 486);

	for (const at of [0, 10, 23, 47]) {
		const forged = token.slice(0, at) + (token[at] === "A" ? "B" : "A") + token.slice(at + 1);
		assert.equal((await inviteBy(registrar, forged)).status, 403, `character ${at}`);
	}
	const inUri = await registrar.ask("INVITE", { ...fresh(), uri: `sip:${token}@${scene.gateway.server}`, headers: { "Content-Type": "application/sdp" }, body: phoneSdp(9) });
	assert.equal(inUri.status, 404);
	const stranger = scene.add("stranger", await openUdp(scene.gateway.sip));
	assert.equal((await inviteBy(stranger, token)).status, 403);

	const bob = await page("bob");
	const calls = alice.received.length;
	const asked = invite(bob, { ...fresh(), headers: { Route: routeTo(token).Route } });
	const seen = await registrar.waitForRequest("INVITE");
	assert.doesNotMatch(seen.text, new RegExp(token), "a page's Route goes nowhere");
	registrar.respond(seen, 486);
	assert.equal((await asked).status, 486);
	assert.equal(alice.received.slice(calls).some(({ method }) => method === "INVITE"), false);
});

scene.test("the token of a connection that has gone, or of the gateway's last run, is 430", async () => {
	const [registrar] = await open();
	const alice = await page("alice");
	const closed = registrar.token;
	await page("bob");
	const earlier = registrar.token;
	alice.drop();
	const isGone = async () => (await registrar.ask("OPTIONS", { headers: { Route: routeTo(closed).Route }, ...fresh() })).status === 430;
	for (const end = Date.now() + 3_000; Date.now() < end && !(await isGone()); );
	assert.equal((await inviteBy(registrar, closed)).status, 430);
	await scene.gateway.killHard();
	await scene.gateway.start();
	assert.equal((await inviteBy(registrar, earlier)).status, 430);
});

scene.test("a challenge is the page's to answer without auth-int; its answer leaves in the same dialog with the same SDP", async () => {
	const [registrar] = await open();
	const alice = await page("alice");
	const options = fresh();
	const first = invite(alice, options);
	const before = await registrar.waitForRequest("INVITE");
	registrar.respond(before, 407, {
		headers: { "Proxy-Authenticate": 'Digest realm="hookswitch", nonce="n1", qop="auth-int, auth", algorithm=MD5' },
	});
	const challenge = await first;
	assert.equal(challenge.status, 407);
	assert.match(challenge.header("proxy-authenticate"), /realm="hookswitch".*qop="auth"/);
	assert.doesNotMatch(challenge.text, /auth-int/);
	await registrar.waitForRequest("ACK");

	const credentials = alice.authorization(challenge.header("proxy-authenticate"), "INVITE", "sip:bob@hookswitch");
	const again = invite(alice, { ...options, headers: { "Proxy-Authorization": credentials }, body: webSdp() }); // another offer
	const after = await registrar.waitForRequest("INVITE", { from: registrar.received.indexOf(before) + 1 });
	for (const name of ["call-id", "from", "to"]) assert.equal(after.header(name), before.header(name), name);
	assert.equal(parseInt(after.header("cseq"), 10), parseInt(before.header("cseq"), 10) + 1);
	assert.equal(after.first, before.first);
	assert.equal(after.body, before.body);
	assert.equal(after.header("proxy-authorization"), credentials);
	registrar.respond(after, 486);
	assert.equal((await again).status, 486);
});

/* RFC 3261 §18.1.1 */
scene.test("an INVITE with credentials is below 1300 bytes; a longer one goes by TCP, or by UDP where nobody takes TCP", async () => {
	const [registrar] = await open();
	const server = net.createServer();
	const accepted = new Promise((resolve) => server.once("connection", (socket) => resolve(scene.add("tcp", overTcp(socket)))));
	await new Promise((resolve) => server.listen(ports[0], "127.0.0.1", resolve));

	const challenged = async (more, at) => {
		registrar.more = more;
		const alice = await page("alice");
		const options = fresh();
		const from = registrar.received.length;
		const first = invite(alice, options);
		const by = at ? await at() : registrar;
		const before = await by.waitForRequest("INVITE", at ? {} : { from });
		by.respond(before, 407, { headers: { "Proxy-Authenticate": `Digest realm="hookswitch", nonce="${"n".repeat(32)}", qop="auth"` } });
		const credentials = alice.authorization((await first).header("proxy-authenticate"), "INVITE", "sip:bob@hookswitch");
		const again = invite(alice, { ...options, headers: { "Proxy-Authorization": credentials } });
		const after = await by.waitForRequest("INVITE", { from: by.received.indexOf(before) + 1 });
		assert.equal(after.body, before.body);
		assert.match(after.body, /opus\/48000\/2/);
		by.respond(after, 486);
		assert.equal((await again).status, 486);
		return Buffer.byteLength(after.text);
	};
	const route = `<sip:127.0.0.1:${ports[0]};lr>`;
	const size = await challenged({ "Service-Route": route });
	assert.ok(size < 1300, `${size} bytes`);

	const long = { "Service-Route": `${route}, <sip:${"edge.".repeat(60)}example.org;lr>` };
	const longer = await challenged(long, () => accepted);
	assert.ok(longer > 1300, `${longer} bytes`);

	(await accepted).close();
	await new Promise((resolve) => server.close(resolve));
	assert.ok((await challenged(long)) > 1300, "by UDP");
});

scene.test("a challenge of another realm is 403, and the page hears nothing of it", async () => {
	const [registrar] = await open();
	const alice = await page("alice");
	for (const status of [401, 407]) {
		const from = registrar.received.length;
		const asked = invite(alice);
		const seen = await registrar.waitForRequest("INVITE", { from });
		const name = status === 401 ? "WWW-Authenticate" : "Proxy-Authenticate";
		registrar.respond(seen, status, { headers: { [name]: 'Digest realm="elsewhere", nonce="n1", qop="auth"' } });
		const answer = await asked;
		assert.equal(answer.status, 403);
		assert.doesNotMatch(answer.text, /elsewhere|nonce/);
	}
});

scene.test("who answers after another was asked is cancelled, or answered with ACK and BYE; the call goes on", async () => {
	const both = await open();
	const alice = await page("alice");
	for (const late of [180, 200]) {
		const marks = both.map(({ received }) => received.length);
		const begun = Date.now();
		const asked = invite(alice);
		const seen = await Promise.all(both.map((registrar, i) => registrar.waitForRequest("INVITE", { from: marks[i], ms: 6_000 })));
		const ms = Date.now() - begun;
		assert.ok(ms >= 1_900 && ms < 4_000, `${ms} ms`); // the second was asked then
		const slow = seen[0].at < seen[1].at ? 0 : 1; // who was silent is asked last the next time
		const [silent, quick] = [both[slow], both[1 - slow]];
		const [first, second] = [seen[slow], seen[1 - slow]];
		assert.notEqual(first.header("via"), second.header("via"));
		assert.equal(first.header("call-id"), second.header("call-id"));

		quick.respond(second, 180);
		silent.respond(first, late, late === 200 ? { body: phoneSdp(9), tag: "late" } : { tag: "late" });
		if (late === 180) {
			const cancel = await silent.waitForRequest("CANCEL", { from: marks[slow] });
			silent.respond(cancel, 200);
			silent.respond(first, 487, { tag: "late" });
		}
		const ack = await silent.waitForRequest("ACK", { from: marks[slow] });
		assert.match(ack.header("to"), /;tag=late/);
		if (late === 200) silent.respond(await silent.waitForRequest("BYE", { from: marks[slow] }), 200);

		quick.respond(second, 200, { body: phoneSdp(9) });
		const answer = await asked;
		assert.equal(answer.status, 200);
		await quick.waitForRequest("ACK", { from: marks[1 - slow] });
		const bye = alice.bye(answer);
		quick.respond(await quick.waitForRequest("BYE", { from: marks[1 - slow] }), 200);
		assert.equal((await bye).status, 200);
	}
});
