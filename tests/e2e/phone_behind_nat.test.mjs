/* phone_behind_nat.test.mjs: a desk phone behind a NAT registers and talks, although its SDP names an
 * address that nobody else knows. */
import assert from "node:assert/strict";
import { after } from "node:test";
import { enterInternet, GATEWAY, makeInternet } from "./internet.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

await enterInternet(import.meta.url);

const SIP = `${GATEWAY}:5060`;
let internet;
const scene = setScene({
	config: async () => {
		internet = await makeInternet();
		return { sip: { udp: SIP, tcp: SIP }, media: { address: `127.0.0.1, ${GATEWAY}` } };
	},
});
after(() => internet?.remove());

async function assertBothHear(alice, phone, from) {
	await alice.waitFor("talking");
	await phone.waitFor("CALL_ESTABLISHED");
	await scene.gateway.child.waitForLine(/behind a NAT: 198\.51\.100\.2:\d+ -> 198\.51\.100\.1:\d+/, { from });
	assertHeard(await alice.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

for (const transport of ["udp", "tcp"])
	scene.test(`a page calls a phone behind a NAT that registered over ${transport}: both hear`, async () => {
		const phone = await scene.phone("1000", { server: SIP, namespace: internet.home(), transport });
		const alice = await scene.page("alice");
		const from = scene.gateway.child.lines.length;
		await alice.call("1000");
		await assertBothHear(alice, phone, from);
	});

scene.test("a phone behind a NAT calls a page: both hear, although its SDP names an address of its home", async () => {
	const phone = await scene.phone("1000", { server: SIP, namespace: internet.home() });
	const alice = await scene.page("alice");
	const from = scene.gateway.child.lines.length;
	phone.dial("alice");
	await alice.waitFor("incoming");
	await alice.answer();
	await assertBothHear(alice, phone, from);
	assert.match(await scene.gateway.trace(), /c=IN IP4 192\.168\.77\.2/);
});
