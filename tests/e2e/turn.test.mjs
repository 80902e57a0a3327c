/* turn.test.mjs: a browser behind a NAT that lets no UDP through to the gateway speaks with a desk phone by
 * way of a real coturn, over UDP, TCP and TLS. */
import assert from "node:assert/strict";
import { Authority } from "./authority.mjs";
import { enterInternet, GATEWAY, TURN } from "./internet.mjs";
import { ACCOUNTS } from "./scene.mjs";
import { credentials } from "./turnclient.mjs";
import { askFor, assertRelayed, gather, ONLY, SECRET, setTurnScene, tokenOf } from "./turn_scene.mjs";
import { openWs } from "./wsclient.mjs";

await enterInternet(import.meta.url);

const world = setTurnScene();
const { scene } = world;

for (const protocol of ["udp", "tcp", "tls"])
	scene.test(`a page whose network bars the rest calls through TURN over ${protocol}`, async () => {
		world.internet.block(...ONLY[protocol]);
		const phone = await world.openPhone();
		const alice = await world.openAlice();
		await alice.call("1000");
		await alice.waitFor("talking");
		await assertRelayed(alice, phone, protocol);
		assert.ok(world.internet.blocked() > 0, "the direct way was tried and barred");
		await alice.hangUp();
		await phone.waitFor("CALL_CLOSED");
	});

scene.test("a phone calls such a page", async () => {
	world.internet.block(...ONLY.udp);
	const phone = await world.openPhone();
	const alice = await world.openAlice();
	phone.dial("alice");
	await alice.answer();
	await phone.waitFor("CALL_ESTABLISHED");
	await assertRelayed(alice, phone, "udp");
	phone.hangUp();
	await alice.waitFor("idle");
});

scene.test("a page asks with its token, as long as it is registered", async () => {
	const alice = await world.openAlice();
	const token = tokenOf(alice);
	const { status, iceServers, ttl } = await askFor(alice, token);
	assert.equal(status, 200);
	assert.equal(ttl, 600);
	const [{ urls, username, credential }] = iceServers;
	assert.equal(urls.length, 3);
	const until = Number(/^(\d+):alice$/.exec(username)[1]);
	assert.ok(Math.abs(until - Date.now() / 1000 - 600) < 10);
	assert.equal(credential, credentials(SECRET, "alice", until).password);

	const { status: refused, error } = await askFor(alice, token.slice(0, -1));
	assert.equal(refused, 401);
	assert.match(error, /token/);

	const bob = scene.add("bob", await openWs(`ws://127.0.0.1:${scene.gateway.http}/sip`, { user: "bob", password: ACCOUNTS.bob }));
	const his = (await bob.register()).header("Hookswitch-Token");
	assert.equal((await askFor(alice, his)).status, 200);
	assert.equal((await bob.register({ expires: 0 })).status, 200);
	assert.equal((await askFor(alice, his)).status, 401);
	assert.doesNotMatch(scene.gateway.log, new RegExp(`${SECRET}|${credential.replace(/[+/]/g, "\\$&")}`), "no secret in the log");
});

scene.test("the certificate of turns: is checked", async () => {
	world.internet.block(...ONLY.tls);
	const alice = await world.openAlice();
	const [server] = (await askFor(alice, tokenOf(alice))).iceServers;
	const overTls = [{ ...server, urls: server.urls.filter((url) => url.startsWith("turns:")) }];
	const strangers = new Authority().issue(TURN);
	const ofAnother = world.authority.issue(GATEWAY);

	assert.deepEqual((await gather(alice, overTls)).relays, ["tls"]);
	for (const certificate of [strangers, ofAnother])
		await world.withTurn({ certificate }, async () => {
			const { relays, errors } = await gather(alice, overTls);
			assert.deepEqual(relays, []);
			assert.ok(errors.length > 0 && errors.every((each) => each === 701), errors.join());
			await world.coturn.waitForLine(/closed .*user <>.*:5349.*TLS\/TCP/); // it came, and went without a word
		});
	assert.deepEqual((await gather(alice, overTls)).relays, ["tls"]);
});
