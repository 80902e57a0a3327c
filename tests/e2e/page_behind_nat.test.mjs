/* page_behind_nat.test.mjs: a browser at home, behind a NAT, without STUN or TURN: the gateway's address is
 * all it needs. What it says of its own is an address of its home. */
import assert from "node:assert/strict";
import { after } from "node:test";
import { Authority } from "./authority.mjs";
import { enterInternet, GATEWAY, makeInternet, OFFICE } from "./internet.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

await enterInternet(import.meta.url);

const HTTPS = 8443;
const authority = new Authority();
const ours = authority.issue(GATEWAY);
let internet;
const scene = setScene({
	config: async () => {
		internet = await makeInternet();
		return {
			web: { https: `${GATEWAY}:${HTTPS}`, certificate: ours.certificate, key: ours.key },
			media: { address: GATEWAY },
		};
	},
	browser: () => ({ wrap: (program) => internet.wrap(program), env: { HOME: authority.home() } }),
});
after(() => internet?.remove());

async function cast() {
	const phone = await scene.phone("1000", { namespace: OFFICE });
	const alice = await scene.page("alice", { url: `https://${GATEWAY}:${HTTPS}/?raw=1`, ignoreHTTPSErrors: false });
	return { phone, alice };
}

async function assertBothHear({ phone, alice }) {
	await alice.waitFor("talking");
	await phone.waitFor("CALL_ESTABLISHED");
	assertHeard(await alice.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

scene.test("a page behind a NAT calls a phone: both hear", async () => {
	const { phone, alice } = await cast();
	await alice.call("1000");
	await assertBothHear({ phone, alice });
});

scene.test("a phone calls a page behind a NAT: both hear, at once", async () => {
	const { phone, alice } = await cast();
	const from = scene.gateway.child.lines.length;
	phone.dial("alice");
	await alice.waitFor("incoming");
	await alice.answer();
	const answered = performance.now();
	await scene.gateway.child.waitForLine(/callee media connected 198\.51\.100\.2:\d+ host -> 198\.51\.100\.1:\d+ prflx/, { from });
	const s = (performance.now() - answered) / 1000;
	assert.ok(s < 1.5, `media after ${s.toFixed(1)} s`);
	await assertBothHear({ phone, alice });
	assert.doesNotMatch(alice.sip(/^>>> SIP\/2\.0 200 /)[0], /198\.51\.100\.1 /, "it does not know its public address");
});
