/* turn.test.mjs: a browser behind a NAT that lets no UDP through to the gateway speaks with a desk phone by
 * way of a real coturn, over UDP, TCP and TLS; and what coturn refuses. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Authority } from "./authority.mjs";
import { startCoturn } from "./coturn.mjs";
import { enterInternet, GATEWAY, makeInternet, OFFICE, TURN, TURN6 } from "./internet.mjs";
import { ACCOUNTS, assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";
import { credentials, TurnClient } from "./turnclient.mjs";
import { openWs } from "./wsclient.mjs";

await enterInternet(import.meta.url);

const SECRET = "north-by-northwest";
const HTTPS = 8443;
const PAGE = `https://${GATEWAY}:${HTTPS}/?raw=1`;
const DIRECT = `-p udp -d ${GATEWAY}`; // what the router never lets through
const authority = new Authority();
const ours = authority.issue(GATEWAY, TURN);
let internet;
let coturn;

async function turnOn({ secret = SECRET, certificate = ours, more } = {}) {
	await coturn?.stop();
	coturn = await startCoturn({ listen: TURN, relays: [TURN, TURN6], peers: [GATEWAY], secret, ...certificate, more });
}

/** `run` while coturn is another; as it was before, after. */
async function withTurn(settings, run) {
	await turnOn(settings);
	try {
		await run();
	} finally {
		await turnOn();
	}
}

const scene = setScene({
	config: async () => {
		internet = await makeInternet();
		await turnOn();
		return {
			web: { https: `${GATEWAY}:${HTTPS}`, certificate: ours.certificate, key: ours.key },
			media: { address: GATEWAY },
			turn: { urls: `turn:${TURN}?transport=udp, turn:${TURN}?transport=tcp, turns:${TURN}?transport=tcp`, secret: SECRET, ttl: 600 },
		};
	},
	/* certificates are checked: no flag and no setting says otherwise */
	browser: () => ({ wrap: (program) => internet.wrap(program), env: { HOME: authority.home() } }),
});
after(async () => {
	await coturn?.stop();
	await internet?.remove();
});

const openAlice = () => scene.page("alice", { url: PAGE, ignoreHTTPSErrors: false });

const openPhone = () => scene.phone("1000", { namespace: OFFICE });

/** The pair that sound goes by, as the browser tells it. */
async function selectedPair(page) {
	const stats = await page.stats();
	const { selectedCandidatePairId } = stats.transport[0];
	const pair = stats["candidate-pair"].find(({ id }) => id === selectedCandidatePairId);
	return {
		local: stats["local-candidate"].find(({ id }) => id === pair.localCandidateId),
		remote: stats["remote-candidate"].find(({ id }) => id === pair.remoteCandidateId),
	};
}

async function assertRelayed(page, phone, protocol) {
	const { local, remote } = await selectedPair(page);
	assert.equal(local.candidateType, "relay");
	assert.equal(local.relayProtocol, protocol);
	assert.equal(local.address, TURN);
	assert.equal(remote.address, GATEWAY);
	assertHeard(await page.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1.5), BROWSER_HZ, [PHONE_HZ]);
}

for (const [protocol, ...rules] of [
	["udp", DIRECT],
	["tcp", "-p udp"],
	["tls", "-p udp", "-p tcp --dport 3478"],
])
	scene.test(`a page whose network lets ${rules.join(" and ")} not pass calls through TURN over ${protocol}`, async () => {
		internet.block(...rules);
		const phone = await openPhone();
		const alice = await openAlice();
		await alice.call("1000");
		await alice.waitFor("talking");
		await delay(1500); // the best of the paths is chosen
		await assertRelayed(alice, phone, protocol);
		assert.ok(internet.blocked() > 0, "the direct way was tried and barred");
		await alice.hangUp();
		await phone.waitFor("CALL_CLOSED");
	});

scene.test("a phone calls such a page", async () => {
	internet.block(DIRECT);
	const phone = await openPhone();
	const alice = await openAlice();
	phone.dial("alice");
	await alice.answer();
	await phone.waitFor("CALL_ESTABLISHED");
	await delay(1500);
	await assertRelayed(alice, phone, "udp");
	phone.hangUp();
	await alice.waitFor("idle");
});

/** The token of the page's last REGISTER. */
const tokenOf = (page) => /^Hookswitch-Token: (\S+)$/im.exec(page.sip(/^<<< SIP\/2\.0 200[\s\S]*\bCSeq: \d+ REGISTER/i).at(-1).replaceAll("\r", ""))[1];

/** What the gateway answers the page, when it asks with that token. */
const askFor = (page, token) =>
	page.page.evaluate(async (bearer) => {
		const response = await fetch("/api/v1/ice-servers", { headers: { Authorization: `Bearer ${bearer}` } });
		return { status: response.status, ...(await response.json()) };
	}, token);

/** Lets the browser open relays with the first of the servers, and waits until it has tried all.
 * @returns { relays, errors }: protocols of relays, and the numbers of what went wrong */
const gather = (page, iceServers) =>
	page.page.evaluate(async (servers) => {
		const connection = new RTCPeerConnection({ iceServers: servers, iceTransportPolicy: "relay" });
		const relays = [];
		const errors = [];
		connection.addEventListener("icecandidateerror", ({ errorCode }) => errors.push(errorCode));
		const done = new Promise((resolve) =>
			connection.addEventListener("icecandidate", ({ candidate }) => (candidate ? relays.push(candidate.relayProtocol) : resolve())),
		);
		connection.addTransceiver("audio");
		await connection.setLocalDescription();
		await done;
		connection.close();
		return { relays, errors };
	}, iceServers);

scene.test("a page asks with its token, as long as it is registered", async () => {
	const alice = await openAlice();
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
	internet.block("-p udp", "-p tcp --dport 3478");
	const alice = await openAlice();
	const [server] = (await askFor(alice, tokenOf(alice))).iceServers;
	const overTls = [{ ...server, urls: server.urls.filter((url) => url.startsWith("turns:")) }];
	const strangers = new Authority().issue(TURN);
	const ofAnother = authority.issue(GATEWAY);

	assert.deepEqual((await gather(alice, overTls)).relays, ["tls"]);
	for (const certificate of [strangers, ofAnother])
		await withTurn({ certificate }, async () => {
			const { relays, errors } = await gather(alice, overTls);
			assert.deepEqual(relays, []);
			assert.ok(errors.length > 0 && errors.every((each) => each === 701), errors.join());
			await coturn.waitForLine(/closed .*user <>.*:5349.*TLS\/TCP/); // it came, and went without a word
		});
	assert.deepEqual((await gather(alice, overTls)).relays, ["tls"]);
});

scene.test("coturn refuses credentials of another secret, and the call that has no way ends by itself", async () => {
	internet.block("-p udp");
	const phone = await openPhone();
	const alice = await openAlice();
	await withTurn({ secret: "south-by-southeast" }, async () => {
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
	internet.block(DIRECT);
	await alice.call("1000"); // the next one is as good as any
	await alice.waitFor("talking");
	await delay(1000);
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
	await withTurn({ more: ["stale-nonce=2"] }, async () => {
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
