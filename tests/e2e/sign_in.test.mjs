/* sign_in.test.mjs: accounts, passwords, connections: what happens before any call. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { setScene } from "./scene.mjs";
import { openWs } from "./wsclient.mjs";

const scene = setScene();
const ws = (options) => openWs(`ws://127.0.0.1:${scene.gateway.http}/any/path`, options);

scene.test("a wrong password is said in the page, once; the right one works after it", async () => {
	const alice = await scene.page();
	await alice.startSignIn("alice", "wrong");
	assert.equal(await alice.problem(), "wrong-password");
	await delay(1000);
	assert.equal(alice.sip(/^>>> REGISTER/).length, 2);
	await alice.signIn("alice", scene.accounts.alice);
});

scene.test("an unknown user gets the same words", async () => {
	const page = await scene.page();
	await page.startSignIn("mallory", "x");
	assert.equal(await page.problem(), "wrong-password");
});

scene.test("an account added while the gateway runs works at once", async () => {
	await scene.gateway.addAccount("carol", "cherry-pie");
	const page = await scene.page();
	await page.signIn("carol", "cherry-pie");
});

scene.test("the page needs no address of the server, and breaks no rule of its policy", async () => {
	const alice = await scene.page("alice");
	assert.equal(await alice.page.inputValue("#server"), `ws://localhost:${scene.gateway.http}/sip`);
	const wrong = alice.log.filter((line) => /^(console error|error)/.test(line) && !/404/.test(line));
	assert.deepEqual(wrong, []);
});

scene.test("a page whose server comes back signs in again by itself", async () => {
	const alice = await scene.page("alice");
	await scene.gateway.stop();
	await alice.waitFor("connecting");
	await scene.gateway.start();
	await alice.page.locator('body[data-state="idle"]').waitFor({ state: "attached", timeout: 40_000 });
});

scene.test("digest over a raw WebSocket: challenge, accept, refuse", async () => {
	const client = await ws({ user: "alice", password: scene.accounts.alice });
	const challenge = await client.ask("REGISTER", { to: "sip:alice@hookswitch" });
	assert.equal(challenge.status, 401);
	assert.match(challenge.header("www-authenticate"), /realm="hookswitch"/);
	assert.equal(challenge.headers["www-authenticate"].length, 1, "JsSIP and SIP.js read the first challenge only");
	assert.equal((await client.register()).status, 200);
	assert.notEqual((await client.register({ password: "wrong" })).status, 200);
	await client.close();
});

scene.test("a WebSocket without the subprotocol sip is refused", async () => {
	await assert.rejects(ws({ protocols: [] }));
	await assert.rejects(ws({ protocols: ["chat"] }));
});

scene.test("pages of foreign origins are refused, the own host is not", async () => {
	await assert.rejects(ws({ headers: { Origin: "https://evil.example" } }), { statusCode: 403 });
	await assert.rejects(ws({ headers: { Origin: "null" } }), { statusCode: 403 });
	const client = await ws({ headers: { Origin: "http://127.0.0.1:1234" } });
	await client.close();
});

scene.test("keep-alives are answered: CRLF by CRLF, ping by pong", async () => {
	const client = await ws();
	const crlf = new Promise((resolve) => client.socket.once("message", (data) => resolve(data.toString())));
	client.send("\r\n\r\n");
	assert.equal(await crlf, "\r\n");
	const pong = new Promise((resolve) => client.socket.once("pong", (data) => resolve(data.toString())));
	client.socket.ping("hello");
	assert.equal(await pong, "hello");
	await client.close();
});
