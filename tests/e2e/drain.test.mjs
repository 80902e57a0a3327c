/* drain.test.mjs: a gateway that is about to end lets running calls finish and takes no new ones. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { startProxy } from "./proxy.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { openUdp, phoneSdp } from "./sipclient.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";
import { openWs } from "./wsclient.mjs";

const scene = setScene({ config: { calls: { drain_timeout: 60 } } });

async function restart(seconds, delaySeconds = 0) {
	assert.equal(await scene.gateway.stop(), 0);
	const text = readFileSync(scene.gateway.file, "utf8");
	const lines = `drain_delay = ${delaySeconds}\ndrain_timeout = ${seconds}`;
	writeFileSync(scene.gateway.file, text.replace(/(drain_delay = \d+\n)?drain_timeout = \d+/, lines));
	await scene.gateway.start();
}

async function callUp({ port = scene.gateway.http } = {}) {
	const phone = await scene.phone();
	const alice = await scene.page("alice", { url: `http://localhost:${port}/?raw=1` });
	await alice.call("1000");
	await phone.waitFor("CALL_ESTABLISHED");
	await alice.waitFor("talking");
	return { alice, phone };
}

async function assertTwoWay({ alice, phone }) {
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
}

const probe = async (name) => (await fetch(`${scene.gateway.url}${name}`)).status;
const draining = (calls) => scene.gateway.child.waitForLine(new RegExp(`draining: calls=${calls}`));

function assertSentAway(answer) {
	assert.equal(answer.status, 503, answer.first);
	const seconds = Number(answer.header("retry-after"));
	assert.ok(seconds >= 5 && seconds <= 30, `Retry-After: ${answer.header("retry-after")}`);
}

scene.test("SIGTERM with drain_timeout: the call goes on, all that is new is sent away, the last hang-up ends it", async () => {
	const bob = await openWs(scene.gateway.url.replace("http", "ws"), { user: "bob", password: scene.accounts.bob });
	assert.equal((await bob.register()).status, 200);
	const spare = await openUdp(scene.gateway.sip, { user: "1001", password: scene.accounts[1001] });
	assert.equal((await spare.register()).status, 200);
	const call = await callUp();
	assert.deepEqual([await probe("healthz"), await probe("readyz")], [200, 200]);

	scene.gateway.child.kill("SIGTERM");
	await draining(1);
	assert.equal((await bob.whenClosed).code, 1012);
	assert.deepEqual([await probe("healthz"), await probe("readyz")], [200, 503]);
	assertSentAway(await spare.invite("1000", { body: phoneSdp(9000) }));
	assertSentAway(await spare.register());
	assertSentAway(await spare.ask("OPTIONS")); // a dispatcher turns to others
	assert.notEqual((await spare.register({ expires: 0 })).status, 503, "who leaves may leave");
	await assert.rejects(openWs(scene.gateway.url.replace("http", "ws")), { statusCode: 503 });

	await delay(1500);
	await assertTwoWay(call);
	assert.equal((await call.alice.seen()).state, "talking");
	await call.alice.hangUp();
	await call.phone.waitFor("CALL_CLOSED");
	assert.equal(await scene.gateway.child.ended(), 0);
	await spare.close();
	await scene.gateway.start();
});

scene.test("a page that loses its socket while the gateway drains comes back to its call", async () => {
	const proxy = scene.add("proxy", await startProxy(scene.gateway.http));
	const call = await callUp({ port: proxy.port });
	scene.gateway.child.kill("SIGTERM");
	await draining(1);
	proxy.cut();
	await scene.gateway.child.waitForLine(/moved to a new WebSocket/, { ms: 15_000 });
	await delay(1500);
	await assertTwoWay(call);
	call.phone.hangUp();
	await call.phone.waitFor("CALL_CLOSED");
	assert.equal(await scene.gateway.child.ended(), 0);
	await scene.gateway.start();
});

scene.test("at drain_timeout both sides get BYE, and it ends with 0", async () => {
	await restart(3);
	const { alice, phone } = await callUp();
	const begun = Date.now();
	scene.gateway.child.kill("SIGTERM");
	assert.equal(await scene.gateway.child.ended(), 0);
	const ms = Date.now() - begun;
	assert.ok(ms >= 2_900 && ms < 9_000, `${ms} ms`);
	await phone.waitFor("CALL_CLOSED");
	for (const byes of [() => phone.requests("BYE"), () => alice.sip(/^<<< BYE /)]) {
		while (byes().length === 0 && Date.now() - begun < 12_000) await delay(50); // they are written down a little later
		assert.equal(byes().length, 1);
	}
	await scene.gateway.start();
});

scene.test("hookswitch drain without drain_timeout waits for the calls; SIGTERM then ends them", async () => {
	await restart(0);
	const { phone } = await callUp();
	assert.equal(await scene.gateway.run(["drain"]), "draining: 1 call running");
	assert.equal(await probe("readyz"), 503);
	await delay(2000);
	assert.equal(await scene.gateway.run(["drain"]), "draining: 1 call running", "it is asked again");
	scene.gateway.child.kill("SIGTERM");
	assert.equal(await scene.gateway.child.ended(), 0);
	await phone.waitFor("CALL_CLOSED");
	await assert.rejects(scene.gateway.run(["drain"]), /no gateway runs/);
	await scene.gateway.start();
});

scene.test("drain_delay: load balancers and dispatchers are told first, and all else goes on until then", async () => {
	await restart(60, 2);
	const url = scene.gateway.url.replace("http", "ws");
	const bob = await openWs(url, { user: "bob", password: scene.accounts.bob });
	const spare = await openUdp(scene.gateway.sip, { user: "1001", password: scene.accounts[1001] });
	assert.equal((await spare.ask("OPTIONS")).status, 200);
	const begun = Date.now();
	scene.gateway.child.kill("SIGTERM");
	await scene.gateway.child.waitForLine(/about to drain: calls=0/);
	assertSentAway(await spare.ask("OPTIONS"));
	assert.deepEqual([await probe("healthz"), await probe("readyz")], [200, 503]);
	assert.equal((await bob.ask("OPTIONS")).status, 200, "a page's connection is as good as ever");
	assert.equal((await bob.register()).status, 200);
	await (await openWs(url)).close();
	assert.equal((await spare.invite("bob", { body: phoneSdp(9000), ack: false, ms: 300 }).catch(() => undefined)), undefined);
	await bob.waitForRequest("INVITE");
	assert.equal(bob.closed, undefined);
	assert.ok(Date.now() - begun < 1_900, "too slow a machine to tell");

	await draining(1); // the call of just now
	bob.respond(await bob.waitForRequest("INVITE"), 486);
	assert.equal((await bob.whenClosed).code, 1012);
	assert.equal(await scene.gateway.child.ended(), 0);
	assert.ok(Date.now() - begun >= 1_900);
	await spare.close();
	await scene.gateway.start();
});

scene.test("a second SIGTERM while draining ends it at once, with code 1", async () => {
	await restart(60);
	await callUp();
	scene.gateway.child.kill("SIGTERM");
	await draining(1);
	const begun = Date.now();
	scene.gateway.child.kill("SIGTERM");
	assert.equal(await scene.gateway.child.ended(), 1);
	assert.ok(Date.now() - begun < 1_000, `${Date.now() - begun} ms`);
	await scene.gateway.start();
});
