/* trace.test.mjs: `hookswitch trace` tells a real call as a ladder. */
import assert from "node:assert/strict";
import { setScene } from "./scene.mjs";

const scene = setScene();

scene.test("a call is told by its id, by its SIP Call-ID and as the last one", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");

	const ladder = await scene.gateway.run(["trace", "last"]);
	for (const step of [/INVITE/, /180|183|200/, /ACK/, /BYE/, /\bICE\b|\bice\b/i, /DTLS/i, /opus/i, /PCMA/]) assert.match(ladder, step);
	assert.doesNotMatch(ladder, /apple-pie|response="[0-9a-f]{32}"/, "no passwords, no digests");
	assert.match(ladder, /a=ice-ufrag/, "the browser's leg in full");
	assert.match(ladder, /m=audio \d+ RTP\/AVP/, "the phone's leg in full");

	const id = /call ([0-9a-f]{32}):/.exec(scene.gateway.log)[1];
	assert.equal(await scene.gateway.run(["trace", id]), ladder);
	const theirs = /^Call-ID: (\S+)/m.exec(alice.sip(/^>>> INVITE/)[0])[1];
	assert.equal(await scene.gateway.run(["trace", theirs]), ladder);
	await assert.rejects(scene.gateway.run(["trace", "nonsense"]), /no trace of the call "nonsense"/);
});
