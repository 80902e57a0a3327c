/* haproxy.test.mjs: behind a real HAProxy, limits and log see whom it serves: by the PROXY protocol before
 * TLS, and by X-Forwarded-For. */
import assert from "node:assert/strict";
import net from "node:net";
import { after } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { HAPROXY_ADDRESS, startHaproxy } from "./haproxy.mjs";
import { assertHeard, setScene } from "./scene.mjs";
import { BROWSER_HZ, PHONE_HZ, tail } from "./tone.mjs";
import { openWs } from "./wsclient.mjs";

const scene = setScene({ config: { web: { trusted_proxies: HAPROXY_ADDRESS, proxy_protocol: "https" } } });
let haproxy;
after(() => haproxy?.stop());

/** A test with HAProxy before the gateway. */
function test(name, run) {
	scene.test(name, async () => {
		haproxy ??= await start();
		await run();
	});
}

function start() {
	const tls = `server gateway 127.0.0.1:${scene.gateway.https}`;
	const check = ["option httpchk", "http-check send meth GET uri /readyz"];
	return startHaproxy({
		v1: ["mode tcp", ...check, `${tls} send-proxy check check-ssl verify none`],
		v2: ["mode tcp", ...check, `${tls} send-proxy-v2 check check-ssl verify none`],
		v2more: ["mode tcp", `${tls} send-proxy-v2 proxy-v2-options unique-id,authority,crc32c check check-send-proxy`],
		http: ["mode http", "option forwardfor", ...check, `server gateway 127.0.0.1:${scene.gateway.http} check`],
	});
}

const url = (name) => (name === "http" ? `http://localhost:${haproxy.ports.http}/` : `https://localhost:${haproxy.ports[name]}/`);

/** A client that HAProxy (or the gateway) sees come from `from`. */
const client = async (port, { from, secure = false, headers }) =>
	scene.add(
		`client ${from}`,
		await openWs(`${secure ? "wss" : "ws"}://127.0.0.1:${port}/sip`, {
			headers,
			localAddress: from,
			user: "bob",
			password: scene.accounts.bob,
		}),
	);

/** Where the gateway says the last registration came from. */
async function registeredFrom(player) {
	const from = scene.gateway.child.lines.length;
	assert.equal((await player.register()).status, 200);
	const [, address] = await scene.gateway.child.waitForLine(/registrar: user="bob".* remote=([\d.]+):\d+/, { from });
	return address;
}

async function callThrough(name) {
	const from = scene.gateway.child.lines.length;
	const phone = await scene.phone();
	const alice = await scene.page("alice", { url: `${url(name)}?raw=1` });
	const [, flow, address] = await scene.gateway.child.waitForLine(/registrar: user="alice".* flow=(WSS?) remote=([\d.]+):/, { from });
	assert.deepEqual([flow, address], [name === "http" ? "WS" : "WSS", "127.0.0.1"], "the browser's, not HAProxy's");
	await alice.call("1000");
	await phone.waitFor("CALL_ESTABLISHED");
	await alice.waitFor("talking");
	await delay(500);
	assertHeard(await alice.hear(1000), PHONE_HZ, [BROWSER_HZ]);
	assertHeard(tail(phone.heard(), 1), BROWSER_HZ, [PHONE_HZ]);
	await alice.hangUp();
	await phone.waitFor("CALL_CLOSED");
	assert.ok(!scene.gateway.child.lines.slice(from).some((line) => line.includes(`${HAPROXY_ADDRESS}:`)));
}

test("TCP mode, PROXY protocol version 2: a page loads, registers and calls over TLS", () => callThrough("v2"));

test("HTTP mode, X-Forwarded-For: a page loads, registers and calls", () => callThrough("http"));

test("each client has its own address, by each version of the header, and in the trace", async () => {
	const names = ["v1", "v2", "v2more"];
	for (const [i, name] of names.entries()) {
		const player = await client(haproxy.ports[name], { from: `127.0.0.${70 + i}`, secure: true });
		assert.equal(await registeredFrom(player), `127.0.0.${70 + i}`);
		if (i > 0) continue;
		await player.invite("nobody", { body: "v=0\r\n" });
		assert.match(await scene.gateway.trace(), /127\.0\.0\.70:\d+/);
	}
});

test("what a client wrote into X-Forwarded-For counts for nothing, through HAProxy and past it", async () => {
	const headers = { "X-Forwarded-For": "203.0.113.7, 127.0.0.9" };
	const through = await client(haproxy.ports.http, { from: "127.0.0.75", headers });
	assert.equal(await registeredFrom(through), "127.0.0.75");
	await through.close();
	const past = await client(scene.gateway.http, { from: "127.0.0.76", headers });
	assert.equal(await registeredFrom(past), "127.0.0.76");
});

/** Connects to the https listener, writes, and waits for the end. */
async function cutOff(localAddress, text) {
	const socket = net.connect({ port: scene.gateway.https, host: "127.0.0.1", localAddress });
	let received = 0;
	socket.on("error", () => undefined).on("data", (bytes) => (received += bytes.length));
	socket.write(text);
	await new Promise((resolve) => socket.once("close", resolve));
	assert.equal(received, 0);
}

test("a connection without the header, or from elsewhere, is closed, and the log says why", async () => {
	const hello = Buffer.from("160301020001000", "hex");
	await cutOff(HAPROXY_ADDRESS, hello);
	await scene.gateway.child.waitForLine(/warn {2}web: closed: no PROXY header peer=127\.0\.0\.9:\d+ listener=https:/);
	await cutOff("127.0.0.1", "PROXY TCP4 203.0.113.7 127.0.0.1 4000 443\r\n");
	await scene.gateway.child.waitForLine(/warn {2}web: closed: not of trusted_proxies peer=127\.0\.0\.1:\d+ listener=https:/);
});

test("HAProxy's own health checks pass, and say nothing in the log", async () => {
	const from = scene.gateway.child.lines.length;
	await delay(1000); // three of each
	assert.deepEqual(haproxy.log.filter((line) => /is DOWN/.test(line)), []);
	assert.deepEqual(scene.gateway.child.lines.slice(from).filter((line) => /warn|error/.test(line)), []);
});
