/* turn_refused.test.mjs: what a real coturn with the configuration of examples/cluster refuses, and what
 * becomes of a call that has no way then. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { enterInternet, GATEWAY, TURN, TURN6 } from "./internet.mjs";
import { credentials, TurnClient } from "./turnclient.mjs";
import { askFor, assertRelayed, gather, ONLY, SECRET, setTurnScene, tokenOf } from "./turn_scene.mjs";

await enterInternet(import.meta.url);

const world = setTurnScene();
const { scene } = world;

scene.test("coturn refuses credentials of another secret, and the call that has no way ends by itself", async () => {
	world.internet.block("-p udp");
	const phone = await world.openPhone();
	const alice = await world.openAlice();
	await world.withTurn({ secret: "south-by-southeast" }, async () => {
		const [server] = (await askFor(alice, tokenOf(alice))).iceServers;
		const { relays, errors } = await gather(alice, [{ ...server, urls: server.urls.filter((url) => url.endsWith("tcp")) }]);
		assert.deepEqual(relays, []);
		assert.ok(errors.includes(401), errors.join());

		await alice.call("1000");
		await phone.waitFor("CALL_ESTABLISHED");
		await phone.waitFor("CALL_CLOSED", { ms: 40_000 });
		assert.equal(await alice.problem(), "sound-lost");
		await alice.waitFor("idle");
	});
	world.internet.block(...ONLY.udp);
	await alice.call("1000"); // the next one is as good as any
	await alice.waitFor("talking");
	await assertRelayed(alice, phone, "udp");
});

async function client() {
	const made = await TurnClient.open({ address: TURN, port: 3478 });
	return scene.add("turn client", made);
}
const soon = () => Math.floor(Date.now() / 1000) + 600;

scene.test("coturn takes what is computed from the secret, until it ends", async () => {
	assert.equal(await (await client()).allocate(credentials(SECRET, "alice", soon() - 601)), 401);
	assert.equal(await (await client()).allocate(credentials("another-secret-of-16", "alice", soon())), 401);
	const good = await client();
	assert.equal(await good.allocate(credentials(SECRET, "alice", soon())), 200);
	assert.ok(good.hasFingerprint);
});

scene.test("what was allocated stays when its credentials end, also with another nonce", async () => {
	await world.withTurn({ more: ["stale-nonce=2"] }, async () => {
		const short = await client();
		assert.equal(await short.allocate(credentials(SECRET, "alice", Math.floor(Date.now() / 1000) + 2)), 200);
		while (Date.now() / 1000 < Number(short.credentials.username.split(":")[0]) + 3) await delay(200);
		assert.equal(await (await client()).allocate(short.credentials), 401, "they ended");
		assert.equal(await short.refresh(), 200);
		assert.equal(await short.permit(GATEWAY), 200);
		assert.ok(short.nonces > 1);
	});
});

scene.test("coturn relays to the gateway and to nobody else", async () => {
	const v4 = await client();
	const v6 = await client();
	assert.equal(await v4.allocate(credentials(SECRET, "mallory", soon())), 200);
	assert.equal(await v6.allocate(credentials(SECRET, "mallory", soon()), { ipv6: true }), 200);
	assert.equal(await v4.permit(GATEWAY), 200);

	const denied4 = `0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1
		172.31.255.255 192.0.0.1 192.0.2.1 192.168.0.1 192.168.77.2 198.18.0.1 ${TURN} 198.51.100.1 203.0.113.1 224.0.0.1
		239.255.255.250 240.0.0.1 255.255.255.255 8.8.8.8`;
	for (const peer of denied4.split(/\s+/)) assert.equal(await v4.permit(peer), 403, peer);
	const denied6 = `:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:${TURN} ::ffff:8.8.8.8
		64:ff9b::7f00:1 64:ff9b:1::a00:1 100::1 2001::1 2001:db8::1 2002:7f00:1::1 fc00::1 fd00::1 fe80::1 fec0::1 ff02::1
		${TURN6} 2a00::1`;
	for (const peer of denied6.split(/\s+/)) assert.equal(await v6.permit(peer), 403, peer);
});

scene.test("coturn gives one user so many allocations and no more", async () => {
	const answers = [];
	for (let i = 0; i < 13; i++) answers.push(await (await client()).allocate(credentials(SECRET, "greedy", soon() + i)));
	assert.deepEqual(answers, [...Array(12).fill(200), 486]);
	assert.equal(await (await client()).allocate(credentials(SECRET, "modest", soon())), 200);
});
