/* fakes.mjs: a SIP library, a microphone and a clock for the phone, all in the test's hand. */
class Emitter {
  listeners = {};

  on(event, listener) {
    (this.listeners[event] ??= []).push(listener);
    return this;
  }

  emit(event, detail = {}) {
    for (const listener of this.listeners[event] ?? []) listener(detail);
  }
}

export class FakeSession extends Emitter {
  did = []; // what the phone asked for, in order
  remote_identity;

  constructor(user = "1000", name = "") {
    super();
    this.remote_identity = { display_name: name, uri: { user } };
  }

  answer = (options) => this.did.push(["answer", options]);
  terminate = (options) => this.did.push(["terminate", options?.status_code]);
  mute = () => this.did.push(["mute"]);
  unmute = () => this.did.push(["unmute"]);
  busy = false; // a re-INVITE of the peer is open
  #agree; // the far side's 200 to a re-INVITE of ours

  /* As JsSIP: false while a change is open, told as done at once and agreed on later. */
  #change(name, done) {
    if (this.busy || this.#agree) return false;
    this.did.push([name]);
    this.#agree = done;
    this.emit(name, { originator: "local" });
    return true;
  }

  hold = (_, done) => this.#change("hold", done);
  unhold = (_, done) => this.#change("unhold", done);

  agree() {
    const done = this.#agree;
    this.#agree = undefined;
    done();
  }
  sendDTMF = (key, { transportType }) => this.did.push(["key", key, transportType]);
}

export class FakeUserAgent extends Emitter {
  did = [];
  sessions = [];

  constructor(config) {
    super();
    this.config = config;
  }

  start = () => this.did.push("start");
  stop = () => this.did.push("stop");
  register = () => this.did.push("register");

  call(target, options) {
    if (/\s/.test(target)) throw new TypeError("invalid target");
    const session = new FakeSession(target);
    session.target = target;
    session.options = options;
    this.sessions.push(session);
    return session;
  }

  ring(session) {
    this.emit("newRTCSession", { originator: "remote", session });
    return session;
  }
}

export class FakeConnection extends EventTarget {
  iceGatheringState = "new";
  stats = new Map();
  sender = { track: { kind: "audio" }, dtmf: { canInsertDTMF: true } };

  getSenders = () => [this.sender];
  getStats = async () => this.stats;
}

class FakeStream {
  tracks = [{ kind: "audio", stopped: false, stop() { this.stopped = true; } }];
  getTracks = () => this.tracks;
}

/** A platform whose time stands still until advance(). */
export class FakePlatform {
  agents = [];
  streams = [];
  timers = new Set();
  time = 0;
  refuse; // what the microphone shall throw

  userAgent = (config) => {
    if (!/^wss?:/.test(config.url)) throw new TypeError("url");
    const agent = new FakeUserAgent(config);
    this.agents.push(agent);
    return agent;
  };

  asked = []; // { url, options } of fetch()
  answer = async () => { throw new TypeError("Failed to fetch"); }; // of fetch()

  fetch = (url, options) => {
    this.asked.push({ url, options });
    return this.answer({ url, options });
  };

  microphone = async (constraints) => {
    this.constraints = constraints;
    if (this.refuse) throw this.refuse;
    const stream = new FakeStream();
    this.streams.push(stream);
    return stream;
  };

  #timer(ms, fn, again) {
    const timer = { due: this.time + ms, ms, fn, again };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  every = (ms, fn) => this.#timer(ms, fn, true);
  after = (ms, fn) => this.#timer(ms, fn, false);
  now = () => this.time;
  chance = 0;
  random = () => this.chance;

  advance(ms) {
    const end = this.time + ms;
    for (;;) {
      const next = [...this.timers].filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0];
      if (!next) break;
      this.time = next.due;
      if (next.again) next.due += next.ms;
      else this.timers.delete(next);
      next.fn();
    }
    this.time = end;
  }

  get agent() {
    return this.agents.at(-1);
  }
}
