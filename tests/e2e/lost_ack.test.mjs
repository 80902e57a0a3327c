/* lost_ack.test.mjs: a caller who never acknowledges the answer (RFC 3261 §13.3.1.4). */
import assert from "node:assert/strict";
import { setScene } from "./scene.mjs";
import { openUdp, phoneSdp } from "./sipclient.mjs";

const scene = setScene();

scene.test("a phone whose ACK never comes: the 200 repeats for 32 seconds, then both sides get BYE", async () => {
	const phone = await openUdp(scene.gateway.sip, { user: "1000", password: scene.accounts[1000] });
	const alice = await scene.page("alice");
	const asking = phone.invite("alice", { body: phoneSdp(9000), ack: false });
	await alice.answer();
	const answered = Date.now();
	assert.equal((await asking).status, 200);
	const bye = await phone.waitForRequest("BYE", { ms: 40_000 });
	const seconds = (Date.now() - answered) / 1000;
	phone.respond(bye, 200);
	assert.ok(seconds > 31 && seconds < 35, `${seconds} s`);
	const repeats = phone.received.filter((message) => message.status === 200 && /INVITE/.test(message.header("cseq"))).length;
	assert.ok(repeats >= 10, `${repeats} times 200: at 0, 0.5, 1.5, 3.5, then each 4 seconds`);
	await alice.waitFor("idle");
	assert.equal(alice.sip(/^<<< BYE /).length, 1);
	await phone.close();
});
