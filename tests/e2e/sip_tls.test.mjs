/* sip_tls.test.mjs: SIP over TLS: Kamailio as the registrar, both ways, and a desk phone. */
import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Authority } from "./authority.mjs";
import { startBaresip } from "./baresip.mjs";
import { startGateway } from "./gateway.mjs";
import { startKamailio } from "./kamailio.mjs";
import { freePorts } from "./ports.mjs";
import { ACCOUNTS, assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";
import { openWs } from "./wsclient.mjs";

const authority = new Authority();
const ours = authority.issue("127.0.0.1");
let kamailio;
const scene = setScene({
	local: false,
	config: async () => {
		kamailio = await startKamailio({ accounts: ACCOUNTS, tls: authority.issue("127.0.0.1") });
		return {
			sip: { tls: `127.0.0.1:${await freePorts(1)}`, tls_ca: authority.certificate },
			web: ours,
			registrar: { mode: "central", targets: `sip:127.0.0.1:${kamailio.tlsPort};transport=tls`, realms: "hookswitch" },
		};
	},
});
after(() => kamailio?.stop());

async function assertTwoWay(page, phone) {
	await delay(500);
	assertHeard(await page.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

scene.test("a page registers at Kamailio by TLS, calls and is called", async () => {
	const desk = await scene.phone("1000", { server: kamailio.server });
	const alice = await scene.page("alice");
	await alice.call("1000");
	await desk.waitFor("CALL_ESTABLISHED");
	await alice.waitFor("talking");
	await assertTwoWay(alice, desk);
	const trace = await scene.gateway.trace();
	assert.match(trace, new RegExp(`TLS 127\\.0\\.0\\.1:${kamailio.tlsPort}`));
	assert.doesNotMatch(trace, / (UDP|TCP) /);
	await alice.hangUp();
	await desk.waitFor("CALL_CLOSED");

	const from = desk.events.length;
	desk.dial("alice");
	await alice.waitFor("incoming");
	await alice.answer();
	await desk.waitFor("CALL_ESTABLISHED", { from });
	await assertTwoWay(alice, desk);
	desk.hangUp();
	await alice.waitFor("idle");
});

/** A gateway that registers at that Kamailio by TLS, and what becomes of it. */
async function refusedAt(target, keys) {
	const gateway = await startGateway({
		config: {
			sip: { tls: `127.0.0.1:${await freePorts(1)}`, ...keys },
			registrar: { mode: "central", targets: target, realms: "hookswitch" },
		},
	});
	try {
		const [, why] = await gateway.child.waitForLine(new RegExp(`warn {2}tls: closed: (.*) peer=127\\.0\\.0\\.1:${kamailio.tlsPort}`));
		const client = await openWs(gateway.url.replace("http", "ws"), { user: "bob", password: ACCOUNTS.bob });
		assert.ok((await client.ask("REGISTER", { to: "sip:bob@hookswitch", ms: 10_000 })).status >= 500);
		await client.close();
		return why;
	} finally {
		assert.equal(await gateway.stop(), 0);
	}
}

scene.test("a registrar whose certificate is of somebody else, or for another name, is told nothing", async () => {
	const target = `sip:127.0.0.1:${kamailio.tlsPort};transport=tls`;
	assert.match(await refusedAt(target, { tls_ca: new Authority().certificate }), /certificate/);
	assert.equal(await refusedAt(target.replace("127.0.0.1", "localhost"), { tls_ca: authority.certificate }), "its certificate is for another name");
});

scene.test("a desk phone registers by TLS, calls and is called", async () => {
	const port = await freePorts(1);
	const gateway = await startGateway({ accounts: ACCOUNTS, config: { sip: { tls: `127.0.0.1:${port}` }, web: ours } });
	scene.add("built-in gateway", { log: gateway.child.lines, stop: () => gateway.stop() });
	const settings = { server: `127.0.0.1:${port}`, transport: "tls", authority: authority.certificate };
	const desk = scene.add("desk", await startBaresip({ user: "1000", password: ACCOUNTS[1000], ...settings }));
	await gateway.child.waitForLine(/registrar: user="1000".* flow=TLS/);
	const alice = await scene.page("alice", { url: `${gateway.url}?raw=1` });
	await alice.call("1000");
	await desk.waitFor("CALL_ESTABLISHED");
	await alice.waitFor("talking");
	await assertTwoWay(alice, desk);
	await alice.hangUp();
	await desk.waitFor("CALL_CLOSED");

	const from = desk.events.length;
	desk.dial("alice");
	await alice.waitFor("incoming");
	await alice.answer();
	await desk.waitFor("CALL_ESTABLISHED", { from });
	await assertTwoWay(alice, desk);
	desk.hangUp();
	await alice.waitFor("idle");
});
