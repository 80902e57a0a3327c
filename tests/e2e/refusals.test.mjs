/* refusals.test.mjs: a call that cannot be says why, to whom can read it. */
import assert from "node:assert/strict";
import { setScene } from "./scene.mjs";
import { openUdp, phoneSdp } from "./sipclient.mjs";
import { webSdp } from "./websdp.mjs";
import { openWs } from "./wsclient.mjs";

const scene = setScene({ browser: null, config: { calls: { ring_timeout: 1 } } });

const openPhone = (user) => openUdp(scene.gateway.sip, { user, password: scene.accounts[user] });

async function openPage(user = "alice") {
	const page = await openWs(`ws://127.0.0.1:${scene.gateway.http}/`, { user, password: scene.accounts[user] });
	await page.register();
	return page;
}

const OFFERS = {
	"codecs that nobody knows": [webSdp({ codecs: [[100, "SILK/16000"]] }), phoneSdp(9000, [[18, "G729/8000"]]), /codec/i],
	"no fingerprint": [webSdp({ without: ["fingerprint"] }), null, /fingerprint/i],
	"no ice-ufrag": [webSdp({ without: ["ice-ufrag"] }), null, /ice|ufrag/i],
	"no audio": [webSdp().replace("m=audio", "m=video"), phoneSdp(9000).replace("m=audio", "m=video"), /audio/i],
	"no offer at all": ["", "", /offer/i],
};

for (const [what, [web, plain, why]] of Object.entries(OFFERS))
	scene.test(`an INVITE with ${what} gets 488 and a Warning that says so`, async () => {
		const callee = await openPhone("1000");
		await callee.register();
		for (const [client, body] of [
			[await openPage(), web],
			[await openPhone("1001"), plain],
		]) {
			if (body !== null) {
				const answer = await client.invite("1000", { body });
				assert.equal(answer.status, 488, answer.first);
				assert.match(answer.header("warning"), /^3\d\d \S+ "[^"]+"$/);
				assert.match(answer.header("warning"), why);
			}
			await client.close();
		}
		assert.equal(callee.received.some((message) => message.method === "INVITE"), false, "the callee hears nothing of it");
		await callee.leave();
	});

scene.test("an INVITE whose body is no plain SDP gets 415 and what is accepted (RFC 3261 §8.2.3)", async () => {
	const caller = await openPhone("1001");
	for (const headers of [{ "Content-Type": "multipart/mixed;boundary=x" }, { "Content-Type": "text/plain" }, { "Content-Encoding": "gzip" }]) {
		const answer = await caller.invite("1000", { body: phoneSdp(9000), headers });
		assert.equal(answer.status, 415, answer.first);
		assert.equal(answer.header("accept"), "application/sdp");
	}
	await caller.close();
});

scene.test("a phone that answers with none of the codecs offered: 488 for the caller, BYE for the phone", async () => {
	const callee = await openPhone("1000");
	await callee.register();
	const page = await openPage();
	const asking = page.invite("1000", { body: webSdp() });
	const invite = await callee.waitForRequest("INVITE");
	callee.respond(invite, 200, { body: phoneSdp(9000, [[18, "G729/8000"]]) });
	await callee.waitForRequest("ACK");
	callee.respond(await callee.waitForRequest("BYE"), 200);
	const answer = await asking;
	assert.equal(answer.status, 488);
	assert.match(answer.header("warning"), /codec/i);
	await Promise.all([callee.leave(), page.close()]);
});

scene.test("a phone that nobody answers: 480 with a Reason for the caller, CANCEL for the phone", async () => {
	const callee = await openPhone("1000");
	await callee.register();
	for (const [client, body] of [
		[await openPage(), webSdp()],
		[await openPhone("1001"), phoneSdp(9000)],
	]) {
		const from = callee.received.length;
		const asking = client.invite("1000", { body });
		const invite = await callee.waitForRequest("INVITE", { from });
		callee.respond(invite, 180);
		const cancel = await callee.waitForRequest("CANCEL", { from });
		callee.respond(cancel, 200);
		callee.respond(invite, 487);
		const answer = await asking;
		assert.equal(answer.status, 480);
		assert.match(answer.header("reason"), /^SIP;cause=480;text="No answer"$/);
		await client.close();
	}
	await callee.leave();
});

scene.test("a refusal of the phone reaches the caller as it is, a challenge as 403", async () => {
	const callee = await openPhone("1000");
	await callee.register();
	for (const [theirs, ours] of [[486, 486], [603, 603], [404, 404], [401, 403], [407, 403], [503, 500]]) {
		const page = await openPage();
		const from = callee.received.length;
		const asking = page.invite("1000", { body: webSdp() });
		callee.respond(await callee.waitForRequest("INVITE", { from }), theirs, { headers: { "WWW-Authenticate": 'Digest realm="trap", nonce="1"' } });
		const answer = await asking;
		assert.equal(answer.status, ours, `${theirs} became ${answer.first}`);
		assert.equal(answer.header("www-authenticate"), undefined, "a page would answer any realm");
		await page.close();
	}
	await callee.leave();
});

scene.test("numbers: unknown 404 and unregistered 480, but only for who has said who he is", async () => {
	const caller = await openPhone("1001");
	for (const [number, status] of [["4711", 404], ["bob", 480], ["1000", 480]]) {
		assert.equal((await caller.ask("INVITE", { uri: `sip:${number}@hookswitch`, to: `sip:${number}@hookswitch`, body: phoneSdp(9000) })).status, 401);
		assert.equal((await caller.invite(number, { body: phoneSdp(9000), callId: `to-${number}` })).status, status);
	}
	assert.equal((await caller.invite("1000", { body: phoneSdp(9000), uri: "sip:1000@elsewhere.example", callId: "x" })).status, 404);
	await caller.close();
});
