/* ice_servers.test.mjs: TURN servers lent by the gateway: when they are asked for, with what, and
 * that no call waits for them in vain. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { heardToken } from "../src/ice_servers.ts";
import { Phone } from "../src/phone.ts";
import { FakePlatform, FakeSession } from "./fakes.mjs";

const CONFIG = { url: "wss://gateway.example:8443/sip", domain: "hookswitch", user: "alice", password: "secret" };
const SERVERS = [{ urls: ["turn:turn.example"], username: "1790000000:alice", credential: "xyz" }];
const turn = () => new Promise((resolve) => setImmediate(resolve)); // lets pending promises run
const answerWith = (body, status = 200) => async () => ({ ok: status === 200, status, json: async () => body });

/** A phone that is registered, with a token. */
async function signedIn({ config = {}, token = "first", answer = answerWith({ iceServers: SERVERS, ttl: 600 }) } = {}) {
  const platform = new FakePlatform();
  const phone = new Phone({ ...CONFIG, ...config }, platform);
  platform.answer = answer;
  const done = phone.signIn();
  platform.agent.emit("registered");
  platform.agent.emit("accepted", { url: config.url ?? CONFIG.url, token: token ?? undefined });
  await done;
  await turn();
  return { phone, platform, agent: platform.agent };
}

/** console.warn's lines during `fn`. */
async function warnings(fn) {
  const lines = [];
  const warn = console.warn;
  console.warn = (...words) => lines.push(words.join(" "));
  try {
    await fn();
  } finally {
    console.warn = warn;
  }
  return lines;
}

const serversOf = (session) => session.options.pcConfig.iceServers;

test("TURN servers: asked for after registering, with the token, and handed to the calls", async () => {
  const { phone, platform, agent } = await signedIn();
  assert.equal(platform.asked.length, 1);
  const [{ url, options }] = platform.asked;
  assert.equal(url, "https://gateway.example:8443/api/v1/ice-servers");
  assert.equal(options.headers.Authorization, "Bearer first");
  assert.equal(options.cache, "no-store");
  await phone.call("1000");
  assert.deepEqual(serversOf(agent.sessions[0]), SERVERS);
  assert.equal(platform.asked.length, 1, "they are still good");
});

test("TURN servers: a called phone has them, too", async () => {
  const { phone, agent } = await signedIn();
  const session = agent.ring(new FakeSession("1000"));
  await phone.answer();
  const [, options] = session.did.find(([what]) => what === "answer");
  assert.deepEqual(options.pcConfig.iceServers, SERVERS);
});

test("TURN servers: over plain ws the question is plain http", async () => {
  const { platform } = await signedIn({ config: { url: "ws://localhost:8080/sip" } });
  assert.equal(platform.asked[0].url, "http://localhost:8080/api/v1/ice-servers");
});

test("TURN servers: asked for again before a call, when their time is up, with the newest token", async () => {
  const { phone, platform, agent } = await signedIn();
  platform.advance(569_000);
  agent.emit("accepted", { url: "wss://other.example/sip", token: "second" });
  await turn();
  assert.equal(platform.asked.length, 1, "not before it is time");
  platform.advance(1_000); // half a minute before their end
  const fresh = [{ urls: ["turn:other.example"], username: "1790000600:alice", credential: "abc" }];
  platform.answer = answerWith({ iceServers: fresh, ttl: 600 });
  await phone.call("1000");
  assert.equal(platform.asked[1].url, "https://other.example/api/v1/ice-servers", "where the line is now");
  assert.equal(platform.asked[1].options.headers.Authorization, "Bearer second");
  assert.deepEqual(serversOf(agent.sessions[0]), fresh);
});

test("TURN servers: a gateway without them is not asked", async () => {
  const { phone, platform, agent } = await signedIn({ token: null });
  await phone.call("1000");
  assert.deepEqual(platform.asked, []);
  assert.deepEqual(serversOf(agent.sessions[0]), []);
});

test("TURN servers: those of the configuration are used instead, and nobody is asked", async () => {
  const own = [{ urls: "turn:own.example", username: "u", credential: "p" }];
  const { phone, platform, agent } = await signedIn({ config: { iceServers: own } });
  await phone.call("1000");
  assert.deepEqual(serversOf(agent.sessions[0]), own);
  assert.deepEqual(platform.asked, []);
});

for (const [what, answer] of [
  ["the network fails", async () => { throw new TypeError("Failed to fetch"); }],
  ["the gateway refuses", answerWith({ error: "no" }, 401)],
  ["the gateway answers nonsense", answerWith({ iceServers: "turn:x", ttl: 600 })],
  ["the answer has no end", answerWith({ iceServers: SERVERS })],
  ["the answer is no JSON", async () => ({ ok: true, status: 200, json: async () => JSON.parse("<html>") })],
])
  test(`TURN servers: ${what}: the call goes without them, and the console says so`, async () => {
    const lines = await warnings(async () => {
      const { phone, platform, agent } = await signedIn({ answer });
      await phone.call("1000");
      assert.equal(phone.state, "calling");
      assert.deepEqual(serversOf(agent.sessions[0]), []);
      assert.equal(platform.asked.length, 2, "once more for the call");
    });
    assert.equal(lines.length, 2);
    assert.match(lines[0], /no TURN servers/);
  });

test("TURN servers: a gateway that says nothing holds a call up for three seconds at most", async () => {
  const lines = await warnings(async () => {
    const answer = ({ options }) => new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(new Error("aborted"))));
    const { phone, platform, agent } = await signedIn({ answer });
    const calling = phone.call("1000");
    await turn();
    assert.equal(agent.sessions.length, 0);
    assert.equal(platform.asked.length, 1, "the question that is open is not asked twice");
    platform.advance(3_000);
    await calling;
    assert.equal(agent.sessions.length, 1);
    assert.deepEqual(serversOf(agent.sessions[0]), []);
  });
  assert.equal(lines.length, 1);
});

test("TURN servers: a call hung up while they are asked for gives its microphone back", async () => {
  const { phone, platform, agent } = await signedIn({ answer: answerWith({ iceServers: SERVERS, ttl: 60 }) });
  platform.advance(60_000);
  let answer;
  platform.answer = () => new Promise((resolve) => (answer = resolve));
  const calling = phone.call("1000");
  await turn();
  phone.hangUp();
  answer(await answerWith({ iceServers: SERVERS, ttl: 60 })());
  await calling;
  assert.equal(agent.sessions.length, 0);
  assert.ok(platform.streams[0].tracks[0].stopped);
});

test("a token is heard in the 200 to a REGISTER alone", () => {
  const message = (start, cseq, more = "", body = "") =>
    [start, "Via: SIP/2.0/WSS x;branch=y", `CSeq: ${cseq}`, ...(more ? [more] : []), "Content-Length: 0", "", body].join("\r\n");
  const token = "Hookswitch-Token: abc.def";
  assert.deepEqual(heardToken(message("SIP/2.0 200 OK", "3 REGISTER", token)), { token: "abc.def" });
  assert.deepEqual(heardToken(message("SIP/2.0 200 OK", "3 REGISTER")), { token: undefined });
  assert.equal(heardToken(message("SIP/2.0 401 Unauthorized", "3 REGISTER", token)), undefined);
  assert.equal(heardToken(message("SIP/2.0 200 OK", "3 INVITE", token, "CSeq: 1 REGISTER")), undefined);
  assert.equal(heardToken(message("INVITE sip:a@b SIP/2.0", "3 INVITE", token)), undefined);
  assert.equal(heardToken("\r\n\r\n"), undefined);
});
