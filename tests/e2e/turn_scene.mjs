/* turn_scene.mjs: a gateway and a coturn with a browser behind a NAT: what the tests of TURN share.
 *
 * The file's tests run in a network namespace: `await enterInternet(import.meta.url)` comes first. */
import assert from "node:assert/strict";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Authority } from "./authority.mjs";
import { startCoturn } from "./coturn.mjs";
import { GATEWAY, makeInternet, OFFICE, TURN, TURN6 } from "./internet.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";

export const SECRET = "north-by-northwest";
/** What the router bars, so that one way to the TURN server is left and none by UDP to the gateway. */
export const ONLY = {
	udp: [`-p udp -d ${GATEWAY}`, "-p tcp --dport 3478", "-p tcp --dport 5349"],
	tcp: ["-p udp", "-p tcp --dport 5349"],
	tls: ["-p udp", "-p tcp --dport 3478"],
};
const HTTPS = 8443;
const PAGE = `https://${GATEWAY}:${HTTPS}/?raw=1`;

export function setTurnScene() {
	const authority = new Authority();
	const ours = authority.issue(GATEWAY, TURN);
	const world = {
		authority,
		internet: undefined, // see internet.mjs
		coturn: undefined,

		async turnOn({ secret = SECRET, certificate = ours, more } = {}) {
			await world.coturn?.stop();
			world.coturn = await startCoturn({ listen: TURN, relays: [TURN, TURN6], peers: [GATEWAY], secret, ...certificate, more });
		},

		/** `run` while coturn is another; as it was before, after. */
		async withTurn(settings, run) {
			await world.turnOn(settings);
			try {
				await run();
			} finally {
				await world.turnOn();
			}
		},

		openAlice: () => world.scene.page("alice", { url: PAGE, ignoreHTTPSErrors: false }),
		openPhone: () => world.scene.phone("1000", { namespace: OFFICE }),
	};
	world.scene = setScene({
		config: async () => {
			world.internet = await makeInternet();
			await world.turnOn();
			return {
				web: { https: `${GATEWAY}:${HTTPS}`, certificate: ours.certificate, key: ours.key },
				media: { address: GATEWAY },
				turn: { urls: `turn:${TURN}?transport=udp, turn:${TURN}?transport=tcp, turns:${TURN}?transport=tcp`, secret: SECRET, ttl: 600 },
			};
		},
		/* certificates are checked: no flag and no setting says otherwise */
		browser: () => ({ wrap: (program) => world.internet.wrap(program), env: { HOME: authority.home() } }),
	});
	after(async () => {
		await world.coturn?.stop();
		await world.internet?.remove();
	});
	return world;
}

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

/** Page and phone hear each other by way of coturn, which the page reaches by `protocol`. */
export async function assertRelayed(page, phone, protocol) {
	await page.page.waitForFunction(() => window.e2e.connections.at(-1).connectionState === "connected");
	await delay(700); // there is something to hear
	const { local, remote } = await selectedPair(page);
	assert.equal(local.candidateType, "relay");
	assert.equal(local.relayProtocol, protocol);
	assert.equal(local.address, TURN);
	assert.equal(remote.address, GATEWAY);
	assertHeard(await page.hear(1500), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1.5), BROWSER_HZ, [PHONE_HZ]);
}

/** The token of the page's last REGISTER. */
export const tokenOf = (page) => /^Hookswitch-Token: (\S+)$/im.exec(page.sip(/^<<< SIP\/2\.0 200[\s\S]*\bCSeq: \d+ REGISTER/i).at(-1).replaceAll("\r", ""))[1];

/** What the gateway answers the page, when it asks with that token. */
export const askFor = (page, token) =>
	page.page.evaluate(async (bearer) => {
		const response = await fetch("/api/v1/ice-servers", { headers: { Authorization: `Bearer ${bearer}` } });
		return { status: response.status, ...(await response.json()) };
	}, token);

/** Lets the browser open relays with the first of the servers, and waits until it has tried all.
 * @returns { relays, errors }: protocols of relays, and the numbers of what went wrong */
export const gather = (page, iceServers) =>
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
