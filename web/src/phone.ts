/* phone.ts: a telephone without a face. One account, one call at a time.
 *
 *   offline ──signIn──► connecting ──registered──► idle ◄──────────────── end of any call
 *      ▲                    ▲                      │  │
 *      └──signOut, refused──┴───socket lost────────┘  ├─call──► calling ─180─► ringing
 *                                                     │            └──183──┬──────┘ 183, or sound
 *                                                     │                    ▼
 *                                                     │                  early ─200─► talking
 *                                                     └─INVITE─► incoming ─answer─► answering ─┘
 *
 * The state changes in #enter only. A lost socket does not end a call: the state goes to
 * "connecting" once the call is over, and `registered` tells what the line is doing meanwhile. */
import { type Call, newCall } from "./call.ts";
import {
  CallEvent,
  EndedEvent,
  HeldEvent,
  IncomingEvent,
  type PhoneEvents,
  type PhoneState,
  ProblemEvent,
  RegisteredEvent,
  StateEvent,
} from "./events.ts";
import { IceServers } from "./ice_servers.ts";
import { browser, type Platform } from "./platform.ts";
import {
  callProblem,
  endProblem,
  microphoneProblem,
  Problem,
  signInProblem,
  type SipMessage,
  unreachable,
} from "./problem.ts";
import { mediaFacts } from "./stats.ts";
import { type Session, type UserAgent, type UserAgentConfig, urlsOf } from "./user_agent.ts";

export * from "./events.ts";
export { Problem } from "./problem.ts";

export interface PhoneConfig extends UserAgentConfig {
  audio?: Pick<HTMLAudioElement, "srcObject" | "play">; // plays the far side
  constraints?: MediaTrackConstraints; // of the microphone
  iceServers?: RTCIceServer[]; // in place of those the gateway lends
}

const SIGN_IN_MS = 15_000;
const RETRY_REGISTER_S = 5; // unless the server names a time
const MOST_RETRY_S = 120;
const WATCH_MS = 250;
const AUDIBLE = 2.5e-6; // energy per WATCH_MS: about -50 dBFS
const ICE_MS = 1_000;
const HOLD_RETRY_MS = 200;
const KEYS = /^[0-9*#A-D]$/;

export class Phone extends EventTarget {
  readonly #config: PhoneConfig;
  readonly #platform: Platform;
  readonly #ice: IceServers;
  #state: PhoneState = "offline";
  #registered = false;
  #ua?: UserAgent;
  #call?: Call;
  #signIn?: { resolve: () => void; reject: (problem: Problem) => void; stopTimer: () => void; left: number };

  constructor(config: PhoneConfig, platform: Platform = browser) {
    super();
    this.#config = config;
    this.#platform = platform;
    this.#ice = new IceServers(platform);
  }

  get state(): PhoneState {
    return this.#state;
  }

  /** Whether calls can reach us now. */
  get registered(): boolean {
    return this.#registered;
  }

  get user(): string {
    return this.#config.user;
  }

  /** Whom we are speaking with, or calling; undefined without a call. */
  get peer(): string | undefined {
    return this.#call?.peer;
  }

  get codec(): string | undefined {
    return this.#call?.codec;
  }

  get muted(): boolean {
    return this.#call?.muted ?? false;
  }

  /** Whether we hold the call. Says nothing of `muted`: each is as the user left it. */
  get held(): boolean {
    return this.#call?.held ?? false;
  }

  get heldByPeer(): boolean {
    return this.#call?.heldByPeer ?? false;
  }

  /** The time in ms since the epoch at which the call was answered. */
  get talkingSince(): number | undefined {
    return this.#call?.talkingSince;
  }

  /** The far side's sound, for those who want more than PhoneConfig.audio. */
  get remoteStream(): MediaStream | undefined {
    return this.#call?.remote;
  }

  on<E extends keyof PhoneEvents>(event: E, listener: (event: PhoneEvents[E]) => void): this {
    this.addEventListener(event, listener as (event: Event) => void);
    return this;
  }

  /** Connects and registers. Later losses of the socket are repaired without a word from us.
   * @throws Problem when the server cannot be reached or does not want us; the phone is offline then */
  signIn(): Promise<void> {
    if (this.#state !== "offline") return Promise.reject(new Problem("not-ready", "Already signed in."));

    let ua: UserAgent;
    try {
      ua = this.#platform.userAgent(this.#config);
    } catch {
      return Promise.reject(
        new Problem("bad-address", "The user name or the server address is not valid. An address looks like wss://host:8443/sip."),
      );
    }
    this.#ua = ua;
    const mine = (fn: () => void) => {
      if (this.#ua === ua) fn();
    };
    ua.on("registered", () => mine(() => this.#onRegistered()));
    ua.on("accepted", ({ url, token }) => mine(() => this.#config.iceServers ?? this.#ice.accepted(url, token)));
    ua.on("unregistered", () => mine(() => this.#onUnregistered()));
    ua.on("registrationFailed", ({ response, cause }) => mine(() => this.#onRefused(response, cause)));
    ua.on("disconnected", () => mine(() => this.#onDisconnected()));
    ua.on("newRTCSession", ({ originator, session }) =>
      mine(() => {
        if (originator === "remote") this.#onIncoming(session);
      }),
    );

    return new Promise((resolve, reject) => {
      const stopTimer = this.#platform.after(SIGN_IN_MS, () =>
        mine(() => this.#goOffline(this.#unreachable())),
      );
      this.#signIn = { resolve, reject, stopTimer, left: urlsOf(this.#config).length };
      this.#enter("connecting");
      ua.start();
    });
  }

  /** Ends the call if there is one and leaves the server. Harmless when offline. */
  signOut(): void {
    if (this.#state === "offline") return;
    this.hangUp();
    this.#goOffline(undefined);
  }

  /** Rings `to`. What becomes of it is told by "state" and "ended".
   * @param to a number, a name or a SIP address
   * @throws Problem when the call could not even start */
  async call(to: string): Promise<void> {
    const target = /^sips?:/i.test(to.trim()) ? to.trim() : to.replace(/[\s()/]|(?<=\d)[-.](?=\d)/g, "");
    const ua = this.#ua;

    if (this.#state !== "idle" || !ua)
      throw new Problem("not-ready", this.#call ? "There is a call already." : "The phone is not connected.");
    if (!target) throw new Problem("bad-number", "Enter a number first.");

    const call = newCall(to.trim());
    this.#call = call;
    this.#enter("calling");
    if (!(await this.#prepare(call))) return;

    try {
      call.session = ua.call(target, {
        ...this.#mediaOptions(call),
        /* JsSIP makes the connection before ua.call() returns: too early for session.on() */
        eventHandlers: this.#mediaHandlers(call),
      });
    } catch {
      const problem = new Problem("bad-number", "This is not a number or address that can be called.");
      this.#finish(call, problem);
      throw problem;
    }
    this.#follow(call, call.session);
  }

  /** Takes the incoming call.
   * @throws Problem without a microphone; the caller hears "not reachable" then */
  async answer(): Promise<void> {
    const call = this.#call;
    if (this.#state !== "incoming" || !call?.session) throw new Problem("not-ready", "Nobody is calling.");

    this.#enter("answering");
    if (!(await this.#prepare(call))) return;
    for (const [event, handler] of Object.entries(this.#mediaHandlers(call)))
      call.session.on(event as never, handler as never);
    call.session.answer(this.#mediaOptions(call));
  }

  /** Refuses the incoming call. */
  decline(): void {
    if (this.#state === "incoming") this.#terminate(this.#call, { status_code: 603 });
  }

  /** Ends whatever call there is, in any state. Harmless without one. */
  hangUp(): void {
    if (this.#state === "incoming") this.decline();
    else this.#terminate(this.#call);
  }

  /** Mutes or unmutes the microphone of the running call. */
  mute(muted: boolean): void {
    const call = this.#call;
    if (!call?.session || this.#state === "incoming" || call.muted === muted) return;
    call.muted = muted;
    if (muted) call.session.mute({ audio: true });
    else call.session.unmute({ audio: true });
    this.dispatchEvent(new CallEvent());
  }

  /** Holds or resumes the running call. Of several wishes in a hurry the last one counts; "held"
   * tells what came of it. */
  hold(held: boolean): void {
    const call = this.#call;
    if (!call?.session || this.#state !== "talking") return;
    call.wantsHold = held;
    this.#settleHold(call);
  }

  /** One change at a time: JsSIP ends the call when a second one meets the first. */
  #settleHold(call: Call): void {
    const session = call.session;
    if (this.#call !== call || !session || call.changing || call.held === call.wantsHold) return;

    const done = () => {
      call.changing = false;
      this.#settleHold(call);
    };
    call.changing = true;
    if (call.wantsHold ? session.hold({}, done) : session.unhold({}, done)) return;
    this.#platform.after(HOLD_RETRY_MS, done); // the peer is changing something
  }

  #onHold(call: Call, originator: string, held: boolean): void {
    if (originator === "local") call.held = held;
    else call.heldByPeer = held;
    this.dispatchEvent(new HeldEvent(call.held, call.heldByPeer));
    this.dispatchEvent(new CallEvent());
  }

  /** Sends one key as an RFC 4733 event.
   * @param key 0-9 * # A-D
   * @throws Problem when there is no call, or when the other side takes no events */
  sendDigit(key: string): void {
    const call = this.#call;
    if (!call?.session || (this.#state !== "talking" && this.#state !== "early"))
      throw new Problem("not-ready", "Keys can be sent in a call only.");
    if (!KEYS.test(key)) throw new Problem("bad-number", `There is no key ${key} on a telephone.`);

    const sender = call.connection?.getSenders().find((each) => each.track?.kind === "audio");
    if (sender?.dtmf && !sender.dtmf.canInsertDTMF)
      throw new Problem("no-keys", "The other side does not take keys in this call.");
    call.session.sendDTMF(key, { transportType: "RFC2833", duration: 120, interToneGap: 80 });
  }

  #enter(next: PhoneState): void {
    const previous = this.#state;
    if (next === previous) return;
    this.#state = next;
    this.dispatchEvent(new StateEvent(next, previous));
  }

  /** The state without a call. */
  #rest(): void {
    this.#enter(!this.#ua ? "offline" : this.#registered ? "idle" : "connecting");
  }

  #setRegistered(registered: boolean): void {
    if (registered === this.#registered) return;
    this.#registered = registered;
    this.dispatchEvent(new RegisteredEvent(registered));
  }

  #onRegistered(): void {
    const waiting = this.#signIn;
    this.#signIn = undefined;
    this.#setRegistered(true);
    if (!this.#call) this.#rest();
    waiting?.stopTimer();
    waiting?.resolve();
  }

  #onUnregistered(): void {
    this.#setRegistered(false);
    if (!this.#call) this.#rest();
  }

  #onRefused(response: SipMessage | null | undefined, cause: string | undefined): void {
    const isFinal = [401, 403, 404, 407].includes(response?.status_code ?? 0);
    const ua = this.#ua;

    if (this.#signIn || isFinal) {
      const isLost = !response && cause === "Connection Error";
      if (isLost && this.#signIn && this.#signIn.left > 1) return; // #onDisconnected comes next
      this.#goOffline(isLost ? this.#unreachable() : signInProblem(response));
      return;
    }
    /* A refresh that failed for a moment: JsSIP would not try again by itself. Those whom a
     * server sent away in one moment do not come back in one. */
    this.#onUnregistered();
    const asked = Number.parseInt(response?.getHeader?.("Retry-After") ?? "", 10) || RETRY_REGISTER_S;
    const ms = Math.min(Math.max(asked, 1), MOST_RETRY_S) * 1000 * (1 + this.#platform.random() / 4);
    this.#platform.after(ms, () => {
      if (this.#ua === ua && !this.#registered) ua?.register();
    });
  }

  #unreachable(): Problem {
    return unreachable(urlsOf(this.#config).join(", "));
  }

  /* JsSIP opens the socket again, or that of another gateway, later and later. */
  #onDisconnected(): void {
    if (!this.#signIn) this.#onUnregistered();
    else if (--this.#signIn.left <= 0) this.#goOffline(this.#unreachable());
  }

  #goOffline(problem: Problem | undefined): void {
    const ua = this.#ua;
    const waiting = this.#signIn;

    this.#ua = undefined;
    this.#signIn = undefined;
    if (this.#call) this.#terminate(this.#call);
    this.#setRegistered(false);
    this.#enter("offline");
    ua?.stop();
    waiting?.stopTimer();
    if (waiting) waiting.reject(problem ?? new Problem("not-ready", "Signing in was given up."));
    else if (problem) this.dispatchEvent(new ProblemEvent(problem));
  }

  #onIncoming(session: Session): void {
    if (this.#call) {
      session.terminate({ status_code: 486 });
      return;
    }
    const { display_name: name, uri } = session.remote_identity;
    const call = newCall(uri.user, session);
    this.#call = call;
    this.#follow(call, session);
    this.#enter("incoming");
    this.dispatchEvent(new IncomingEvent(call.peer, name ?? ""));
  }

  /** Microphone and TURN servers.
   * @returns false when the call was ended meanwhile */
  async #prepare(call: Call): Promise<boolean> {
    const iceServers = this.#config.iceServers ?? this.#ice.get(); // meanwhile
    let stream: MediaStream;
    try {
      stream = await this.#platform.microphone({
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        ...this.#config.constraints,
      });
    } catch (error) {
      if (this.#call !== call) return false;
      const problem = microphoneProblem(error);
      this.#terminate(call, { status_code: 480 }, problem);
      throw problem;
    }
    call.iceServers = await iceServers;
    if (this.#call !== call) {
      for (const track of stream.getTracks()) track.stop();
      return false;
    }
    call.microphone = stream;
    return true;
  }

  #mediaOptions(call: Call): object {
    return {
      mediaStream: call.microphone,
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: call.iceServers },
      rtcOfferConstraints: { offerToReceiveAudio: true, offerToReceiveVideo: false },
    };
  }

  #mediaHandlers(call: Call) {
    return {
      peerconnection: ({ peerconnection }: { peerconnection: RTCPeerConnection }) => {
        call.connection = peerconnection;
        peerconnection.addEventListener("track", (event) => this.#onTrack(call, event));
        this.#sendWithoutCandidates(peerconnection);
      },
      /* Send at once: the gateway is reachable, and learns our address from our checks. */
      icecandidate: ({ ready }: { ready: () => void }) => ready(),
    };
  }

  /** JsSIP waits for a candidate or for the end of gathering. A browser that finds neither
   * (one that has the loopback interface only) still can call: say that gathering is over. */
  #sendWithoutCandidates(connection: RTCPeerConnection): void {
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState !== "gathering") return;
      this.#platform.after(ICE_MS, () => {
        if (connection.iceGatheringState === "gathering" && connection.signalingState !== "closed")
          connection.dispatchEvent(new RTCPeerConnectionIceEvent("icecandidate", { candidate: null }));
      });
    });
  }

  #onTrack(call: Call, event: RTCTrackEvent): void {
    const audio = this.#config.audio;

    call.remote = event.streams[0] ?? new MediaStream([event.track]);
    if (audio) {
      audio.srcObject = call.remote;
      audio.play()?.catch((error: { name?: string }) => {
        if (error.name === "NotAllowedError")
          this.dispatchEvent(
            new ProblemEvent(new Problem("sound-blocked", "The browser blocks the sound. Click anywhere on the page.")),
          );
      });
    }
    this.dispatchEvent(new CallEvent());
  }

  #follow(call: Call, session: Session): void {
    const mine = (fn: () => void) => {
      if (this.#call === call) fn();
    };
    session.on("progress", ({ originator, response }) =>
      mine(() => {
        if (originator === "remote") this.#onProgress(call, response?.status_code);
      }),
    );
    session.on("accepted", () =>
      mine(() => {
        call.talkingSince = this.#platform.now();
        this.#enter("talking");
        this.#watch(call);
      }),
    );
    session.on("hold", ({ originator }) => mine(() => this.#onHold(call, originator, true)));
    session.on("unhold", ({ originator }) => mine(() => this.#onHold(call, originator, false)));
    session.on("failed", (end) => mine(() => this.#finish(call, callProblem(end, call.peer, call.isIncoming))));
    session.on("ended", (end) => mine(() => this.#finish(call, endProblem(end))));
  }

  #onProgress(call: Call, status: number | undefined): void {
    if (status === 180 && this.#state === "calling") {
      this.#enter("ringing");
      this.#watch(call);
    }
    if (status === 183 && (this.#state === "calling" || this.#state === "ringing")) {
      this.#enter("early");
      this.#watch(call);
    }
  }

  /** Reads codec and loudness as long as the call lives. */
  #watch(call: Call): void {
    if (call.stopWatching) return;
    call.stopWatching = this.#platform.every(WATCH_MS, () => void this.#look(call));
    void this.#look(call);
  }

  async #look(call: Call): Promise<void> {
    const report = await call.connection?.getStats().catch(() => undefined);
    if (!report || this.#call !== call) return;

    const facts = mediaFacts(report as unknown as Parameters<typeof mediaFacts>[0]);
    const isAudible = facts.energy - call.energy > AUDIBLE;
    call.energy = facts.energy;
    if (isAudible && this.#state === "ringing") this.#enter("early");
    if (facts.codec && facts.codec !== call.codec) {
      call.codec = facts.codec;
      this.dispatchEvent(new CallEvent());
    }
  }

  /** Ends the call at the far side and here; `problem` is why, if it was not the user's wish. */
  #terminate(call: Call | undefined, options?: { status_code?: number }, problem?: Problem): void {
    if (!call) return;
    const session = call.session;
    this.#finish(call, problem);
    try {
      session?.terminate(options);
    } catch {
      /* it ended by itself in the same moment */
    }
  }

  #finish(call: Call, problem: Problem | undefined): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    call.stopWatching?.();
    for (const track of call.microphone?.getTracks() ?? []) track.stop();
    if (this.#config.audio) this.#config.audio.srcObject = null;

    const talkedMs = call.talkingSince === undefined ? 0 : this.#platform.now() - call.talkingSince;
    this.#rest();
    this.dispatchEvent(new EndedEvent(call.peer, call.isIncoming, talkedMs, problem));
  }
}
