/* phone.test.mjs: the state machine of the phone, with a fake SIP library and a fake clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Phone } from "../src/phone.ts";
import { FakeConnection, FakePlatform, FakeSession } from "./fakes.mjs";

const CONFIG = { url: "wss://gateway.example/sip", domain: "hookswitch", user: "alice", password: "secret" };
const turn = () => new Promise((resolve) => setImmediate(resolve)); // lets pending promises run

function newPhone(config = {}) {
  const platform = new FakePlatform();
  const phone = new Phone({ ...CONFIG, ...config }, platform);
  const seen = { states: [], ended: [], problems: [], calls: 0 };
  phone.on("state", ({ state }) => seen.states.push(state));
  phone.on("ended", (event) => seen.ended.push(event));
  phone.on("problem", ({ problem }) => seen.problems.push(problem));
  phone.on("call", () => seen.calls++);
  return { phone, platform, seen };
}

async function signedIn(config) {
  const all = newPhone(config);
  const done = all.phone.signIn();
  all.agent = all.platform.agent;
  all.agent.emit("registered");
  await done;
  return all;
}

async function inCall() {
  const all = await signedIn();
  await all.phone.call("1000");
  all.session = all.agent.sessions[0];
  all.connection = new FakeConnection();
  all.session.options.eventHandlers.peerconnection({ peerconnection: all.connection });
  all.session.emit("accepted");
  assert.equal(all.phone.state, "talking");
  return all;
}

function failed(session, status_code, headers = {}) {
  session.emit("failed", {
    originator: "remote",
    message: { status_code, reason_phrase: "Reason", getHeader: (name) => headers[name] },
  });
}

test("signs in: connecting, then idle", async () => {
  const { phone, seen, agent } = await signedIn();
  assert.deepEqual(seen.states, ["connecting", "idle"]);
  assert.deepEqual(agent.did, ["start"]);
  assert.equal(phone.registered, true);
});

test("a wrong password is said once, and the phone stops trying", async () => {
  const { phone, platform, seen } = newPhone();
  const done = phone.signIn();
  platform.agent.emit("registrationFailed", { response: { status_code: 401 } });
  await assert.rejects(done, { reason: "wrong-password" });
  assert.equal(phone.state, "offline");
  assert.deepEqual(platform.agent.did, ["start", "stop"]);
  platform.agent.emit("registered"); // too late: it is nobody's any more
  assert.equal(phone.state, "offline");
  assert.deepEqual(seen.problems, []);
});

test("a socket that does not open names what to check", async () => {
  const { phone, platform } = newPhone();
  const done = phone.signIn();
  platform.agent.emit("disconnected", { error: true, code: 1006 });
  await assert.rejects(done, (problem) => problem.reason === "unreachable" && /certificate/.test(problem.message));
  assert.deepEqual(platform.agent.did, ["start", "stop"]);
});

test("a socket lost before the answer to REGISTER is no silent server", async () => {
  const { phone, platform } = newPhone();
  const done = phone.signIn();
  platform.agent.emit("registrationFailed", { response: null, cause: "Connection Error" });
  await assert.rejects(done, { reason: "unreachable" });
});

test("of several gateways each is tried before signing in fails", async () => {
  const { phone, platform } = newPhone({ url: ["wss://one.example/sip", "wss://two.example/sip"] });
  const done = phone.signIn();
  platform.agent.emit("disconnected", { error: true, code: 1006 });
  assert.equal(phone.state, "connecting");
  platform.agent.emit("disconnected", { error: true, code: 1006 });
  await assert.rejects(done, (problem) => problem.reason === "unreachable" && /one\.example.*two\.example/.test(problem.message));

  const again = phone.signIn();
  platform.agent.emit("registrationFailed", { response: null, cause: "Connection Error" });
  platform.agent.emit("disconnected", { error: true, code: 1012 });
  platform.agent.emit("registered");
  await again;
  assert.equal(phone.state, "idle");
});

test("a server that never answers ends signing in", async () => {
  const { phone, platform } = newPhone();
  const done = phone.signIn();
  platform.advance(14_999);
  assert.equal(phone.state, "connecting");
  platform.advance(1);
  await assert.rejects(done, { reason: "unreachable" });
});

test("an address that is none is refused at once", async () => {
  const { phone } = newPhone({ url: "http://gateway.example" });
  await assert.rejects(phone.signIn(), { reason: "bad-address" });
  assert.equal(phone.state, "offline");
});

test("a lost line shows as connecting and comes back", async () => {
  const { phone, agent, seen } = await signedIn();
  agent.emit("disconnected", { error: true });
  assert.equal(phone.state, "connecting");
  await assert.rejects(phone.call("1000"), { reason: "not-ready" });
  agent.emit("registered");
  assert.deepEqual(seen.states, ["connecting", "idle", "connecting", "idle"]);
});

test("a lost line does not end the call", async () => {
  const { phone, agent, session } = await inCall();
  agent.emit("disconnected", { error: true });
  assert.equal(phone.state, "talking");
  assert.equal(phone.registered, false);
  session.emit("ended", { originator: "remote" });
  assert.equal(phone.state, "connecting");
});

test("a refresh that fails for a moment is tried again", async () => {
  const { phone, agent, platform } = await signedIn();
  agent.emit("registrationFailed", { response: { status_code: 503 } });
  assert.equal(phone.state, "connecting");
  platform.advance(5_000);
  assert.deepEqual(agent.did, ["start", "register"]);
});

test("who is sent away comes back when it was told to, and not in the same moment as all others", async () => {
  const { agent, platform } = await signedIn();
  const sendAway = (seconds) =>
    agent.emit("registrationFailed", { response: { status_code: 503, getHeader: (name) => (name === "Retry-After" ? seconds : undefined) } });
  platform.chance = 0.5;
  sendAway("20");
  platform.advance(22_499);
  assert.deepEqual(agent.did, ["start"]);
  platform.advance(1);
  assert.deepEqual(agent.did, ["start", "register"]);
  platform.chance = 0;
  sendAway("100000");
  platform.advance(120_000);
  assert.deepEqual(agent.did, ["start", "register", "register"]);
});

test("an account removed while signed in goes offline and says so", async () => {
  const { phone, agent, seen } = await signedIn();
  agent.emit("registrationFailed", { response: { status_code: 403 } });
  assert.equal(phone.state, "offline");
  assert.deepEqual(seen.problems.map(({ reason }) => reason), ["refused"]);
});

test("calls: calling, ringing, talking, idle, and the microphone is given back", async () => {
  const { phone, agent, platform, seen } = await signedIn();
  await phone.call(" 1000 ");
  const [session] = agent.sessions;
  assert.equal(session.target, "1000");
  session.emit("progress", { originator: "remote", response: { status_code: 180 } });
  platform.advance(2_000);
  session.emit("accepted");
  assert.equal(phone.talkingSince, 2_000);
  platform.advance(3_000);
  session.emit("ended", { originator: "remote" });
  assert.deepEqual(seen.states.slice(2), ["calling", "ringing", "talking", "idle"]);
  assert.equal(platform.streams[0].tracks[0].stopped, true);
  assert.equal(seen.ended[0].talkedMs, 3_000);
  assert.equal(seen.ended[0].problem, undefined);
});

test("punctuation in a number is not dialled, in a name it is", async () => {
  const { phone, agent } = await signedIn();
  await phone.call("+49 (30) 1-2.3");
  phone.hangUp();
  await phone.call("anna.b-c");
  phone.hangUp();
  await phone.call("sip:1000@example.org");
  assert.deepEqual(agent.sessions.map(({ target }) => target), ["+493012" + "3", "anna.b-c", "sip:1000@example.org"]);
});

test("183 is early media, and 180 after it does not ring again", async () => {
  const { phone, agent } = await signedIn();
  await phone.call("1000");
  const [session] = agent.sessions;
  session.emit("progress", { originator: "remote", response: { status_code: 183 } });
  assert.equal(phone.state, "early");
  session.emit("progress", { originator: "remote", response: { status_code: 180 } });
  assert.equal(phone.state, "early");
});

test("sound during 180 is early media: the page must stop its own ringback", async () => {
  const { phone, agent, platform } = await signedIn();
  await phone.call("1000");
  const [session] = agent.sessions;
  const connection = new FakeConnection();
  session.options.eventHandlers.peerconnection({ peerconnection: connection });
  session.emit("progress", { originator: "remote", response: { status_code: 180 } });
  const received = { type: "inbound-rtp", kind: "audio", totalAudioEnergy: 0 };
  connection.stats.set("in", received);
  platform.advance(250);
  await turn();
  assert.equal(phone.state, "ringing");
  received.totalAudioEnergy = 0.01;
  platform.advance(250);
  await turn();
  assert.equal(phone.state, "early");
});

test("candidates are not waited for", async () => {
  const { phone, agent } = await signedIn();
  await phone.call("1000");
  let sent = false;
  agent.sessions[0].options.eventHandlers.icecandidate({ ready: () => (sent = true) });
  assert.equal(sent, true);
});

for (const [status, reason] of [
  [404, "unknown-number"],
  [408, "no-answer"],
  [480, "not-reachable"],
  [486, "busy"],
  [488, "no-common-codec"],
  [603, "declined"],
  [403, "not-allowed"],
  [500, "failed"],
])
  test(`${status} is told as "${reason}"`, async () => {
    const { phone, agent, seen } = await signedIn();
    await phone.call("1000");
    failed(agent.sessions[0], status);
    assert.equal(phone.state, "idle");
    assert.equal(seen.ended[0].problem.reason, reason);
  });

test("the text of a Warning is passed on", async () => {
  const { phone, agent, seen } = await signedIn();
  await phone.call("1000");
  failed(agent.sessions[0], 488, { Warning: '305 gw "only \\"video\\" was offered"' });
  assert.match(seen.ended[0].problem.message, /The server says: only "video" was offered/);
});

test("hanging up before the answer cancels and is no problem", async () => {
  const { phone, agent, seen } = await signedIn();
  await phone.call("1000");
  phone.hangUp();
  assert.deepEqual(agent.sessions[0].did, [["terminate", undefined]]);
  agent.sessions[0].emit("failed", { originator: "local", cause: "Canceled" }); // JsSIP's echo
  assert.equal(phone.state, "idle");
  assert.equal(seen.ended.length, 1);
  assert.equal(seen.ended[0].problem, undefined);
});

test("hanging up while the microphone is asked for sends nothing", async () => {
  const { phone, agent, platform } = await signedIn();
  const calling = phone.call("1000");
  phone.hangUp();
  await calling;
  assert.equal(agent.sessions.length, 0);
  assert.equal(phone.state, "idle");
  assert.equal(platform.streams[0].tracks[0].stopped, true);
});

for (const [name, reason] of [
  ["NotAllowedError", "microphone-denied"],
  ["NotFoundError", "microphone-missing"],
  ["NotReadableError", "microphone-busy"],
])
  test(`${name} of the microphone is told as "${reason}"`, async () => {
    const { phone, agent, platform } = await signedIn();
    platform.refuse = Object.assign(new Error("x"), { name });
    await assert.rejects(phone.call("1000"), { reason });
    assert.equal(phone.state, "idle");
    assert.equal(agent.sessions.length, 0);
  });

test("a number that is none is refused before anything rings", async () => {
  const { phone } = await signedIn();
  await assert.rejects(phone.call("  "), { reason: "bad-number" });
  await assert.rejects(phone.call("sip:a b"), { reason: "bad-number" });
  assert.equal(phone.state, "idle");
});

test("an incoming call is answered", async () => {
  const { phone, agent, seen } = await signedIn();
  const session = agent.ring(new FakeSession("1000", "Front desk"));
  assert.equal(phone.state, "incoming");
  assert.equal(phone.peer, "1000");
  await phone.answer();
  assert.equal(session.did[0][0], "answer");
  session.emit("accepted");
  assert.deepEqual(seen.states.slice(2), ["incoming", "answering", "talking"]);
});

test("an incoming call is declined with 603", async () => {
  const { phone, agent, seen } = await signedIn();
  const session = agent.ring(new FakeSession());
  phone.decline();
  assert.deepEqual(session.did, [["terminate", 603]]);
  assert.equal(phone.state, "idle");
  assert.equal(seen.ended[0].problem, undefined);
});

test("answering without a microphone tells both sides", async () => {
  const { phone, agent, platform } = await signedIn();
  const session = agent.ring(new FakeSession());
  platform.refuse = Object.assign(new Error("x"), { name: "NotFoundError" });
  await assert.rejects(phone.answer(), { reason: "microphone-missing" });
  assert.deepEqual(session.did, [["terminate", 480]]);
  assert.equal(phone.state, "idle");
});

test("a second caller hears busy and the call goes on", async () => {
  const { phone, agent } = await inCall();
  const second = agent.ring(new FakeSession("1001"));
  assert.deepEqual(second.did, [["terminate", 486]]);
  second.emit("failed", { originator: "local", cause: "Rejected" });
  assert.equal(phone.state, "talking");
});

test("a caller who gives up was missed, unless another phone took the call", async () => {
  const { phone, agent, seen } = await signedIn();
  const cancelled = (reason) => ({
    originator: "remote",
    cause: "Canceled",
    message: { getHeader: (name) => (name === "Reason" ? reason : undefined) },
  });
  agent.ring(new FakeSession()).emit("failed", cancelled(undefined));
  agent.ring(new FakeSession()).emit("failed", cancelled("SIP;cause=200;text=\"Call completed elsewhere\""));
  assert.deepEqual(seen.ended.map(({ problem }) => problem.reason), ["missed", "answered-elsewhere"]);
  assert.equal(phone.state, "idle");
});

test("mutes and unmutes, and tells it once", async () => {
  const { phone, session, seen } = await inCall();
  const before = seen.calls;
  phone.mute(true);
  phone.mute(true);
  assert.equal(phone.muted, true);
  phone.mute(false);
  assert.deepEqual(session.did, [["mute"], ["unmute"]]);
  assert.equal(seen.calls - before, 2);
});

test("holds and resumes, and mute is a fact of its own", async () => {
  const { phone, session } = await inCall();
  const told = [];
  phone.on("held", ({ held, heldByPeer }) => told.push([held, heldByPeer]));
  phone.mute(true);
  phone.hold(true);
  assert.equal(phone.held, true);
  session.agree();
  phone.hold(false);
  session.agree();
  assert.equal(phone.held, false);
  assert.equal(phone.muted, true);
  assert.deepEqual(session.did, [["mute"], ["hold"], ["unhold"]]);
  assert.deepEqual(told, [[true, false], [false, false]]);
  assert.equal(phone.state, "talking");
});

test("a peer that holds is told, beside our own hold", async () => {
  const { phone, session, seen } = await inCall();
  const before = seen.calls;
  session.emit("hold", { originator: "remote" });
  assert.equal(phone.heldByPeer, true);
  assert.equal(phone.held, false);
  assert.equal(seen.calls - before, 1);
  phone.hold(true);
  session.agree();
  session.emit("unhold", { originator: "remote" });
  assert.equal(phone.heldByPeer, false);
  assert.equal(phone.held, true);
});

test("of several wishes to hold the last one counts, one change at a time", async () => {
  const { phone, session } = await inCall();
  phone.hold(true);
  phone.hold(false);
  phone.hold(true);
  phone.hold(false);
  assert.deepEqual(session.did, [["hold"]]);
  session.agree();
  assert.deepEqual(session.did, [["hold"], ["unhold"]]);
  session.agree();
  assert.equal(session.did.length, 2);
});

test("a hold that meets a change of the peer comes after it", async () => {
  const { phone, platform, session } = await inCall();
  session.busy = true;
  phone.hold(true);
  platform.advance(1000);
  assert.deepEqual(session.did, []);
  session.busy = false;
  platform.advance(200);
  assert.deepEqual(session.did, [["hold"]]);
});

test("only a call that talks is held, and the next call is not", async () => {
  const { phone, session } = await inCall();
  phone.hold(true);
  session.emit("ended", { originator: "remote" });
  assert.equal(phone.held, false);
  await phone.call("1000");
  phone.hold(true);
  assert.equal(phone.held, false);
});

test("the next call is not muted", async () => {
  const { phone, session, agent } = await inCall();
  phone.mute(true);
  session.emit("ended", { originator: "remote" });
  await phone.call("1000");
  assert.equal(phone.muted, false);
  assert.equal(agent.sessions.length, 2);
});

test("keys go as RFC 4733 events, in a call only", async () => {
  const { phone, session, connection } = await inCall();
  phone.sendDigit("5");
  phone.sendDigit("#");
  assert.deepEqual(session.did, [["key", "5", "RFC2833"], ["key", "#", "RFC2833"]]);
  assert.throws(() => phone.sendDigit("x"), { reason: "bad-number" });
  connection.sender.dtmf.canInsertDTMF = false;
  assert.throws(() => phone.sendDigit("5"), { reason: "no-keys" });
  phone.hangUp();
  assert.throws(() => phone.sendDigit("5"), { reason: "not-ready" });
});

test("the codec of the call is found in the statistics, and a change is told", async () => {
  const { phone, connection, platform, seen } = await inCall();
  connection.stats.set("out", { type: "outbound-rtp", kind: "audio", codecId: "c" });
  connection.stats.set("c", { type: "codec", mimeType: "audio/opus", clockRate: 48000 });
  platform.advance(250);
  await turn();
  assert.equal(phone.codec, "Opus · 48 kHz");
  connection.stats.set("c", { type: "codec", mimeType: "audio/G722", clockRate: 8000 });
  const before = seen.calls;
  platform.advance(500);
  await turn();
  assert.equal(phone.codec, "G.722 · 16 kHz");
  assert.equal(seen.calls, before + 1);
});

test("nothing ticks after a call", async () => {
  const { phone, platform } = await inCall();
  phone.hangUp();
  assert.equal(platform.timers.size, 0);
});

test("a call that loses its sound says so", async () => {
  const { session, seen } = await inCall();
  session.emit("ended", { originator: "local", cause: "RTP Timeout" });
  assert.equal(seen.ended[0].problem.reason, "sound-lost");
});

test("a phone that fell silent is a problem, as is sound that did not get through; one that hung up is none", async () => {
  for (const [reason, wanted] of [
    ['SIP;cause=408;text="Media lost"', "sound-lost"],
    ['SIP;cause=408;text="Phone gone"', "phone-gone"],
    ['SIP;cause=200;text="Normal call clearing"', undefined],
    [undefined, undefined],
  ]) {
    const { session, seen } = await inCall();
    const message = { getHeader: (name) => (name === "Reason" ? reason : undefined) };
    session.emit("ended", { originator: "remote", cause: "Terminated", message });
    assert.equal(seen.ended[0].problem?.reason, wanted);
  }
});

test("signing out ends the call and leaves", async () => {
  const { phone, agent, session } = await inCall();
  phone.signOut();
  assert.deepEqual(session.did, [["terminate", undefined]]);
  assert.deepEqual(agent.did, ["start", "stop"]);
  assert.equal(phone.state, "offline");
  phone.signOut();
});

test("the microphone is asked for a voice, unless the page wants it raw", async () => {
  const voice = await signedIn();
  await voice.phone.call("1000");
  assert.equal(voice.platform.constraints.echoCancellation, true);
  const raw = await signedIn({ constraints: { echoCancellation: false } });
  await raw.phone.call("1000");
  assert.equal(raw.platform.constraints.echoCancellation, false);
});
