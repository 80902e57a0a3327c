/* user_agent.ts: what the phone needs of a SIP library, and JsSIP as that library.
 *
 * Phone knows these interfaces only; its tests hand it a fake of them. */
import * as JsSIP from "jssip";
import { heardToken } from "./ice_servers.ts";
import type { SipEnd, SipMessage } from "./problem.ts";

export interface UserAgentConfig {
  /** Of the WebSocket. Of several gateways one is taken by lot, and another when it fails. */
  url: string | readonly string[];
  domain: string;
  user: string;
  password: string;
  displayName?: string;
}

export interface UserAgentEvents {
  connecting: unknown;
  connected: unknown;
  disconnected: { error?: boolean; code?: number };
  registered: unknown;
  accepted: { url: string; token?: string }; // each 200 to a REGISTER, and where it came from
  unregistered: unknown;
  registrationFailed: { response?: SipMessage | null; cause?: string };
  newRTCSession: { originator: string; session: Session };
}

export interface UserAgent {
  start(): void;
  stop(): void;
  register(): void;
  /** @throws TypeError for a target that is no address */
  call(target: string, options: object): Session;
  on<E extends keyof UserAgentEvents>(event: E, listener: (detail: UserAgentEvents[E]) => void): unknown;
}

export interface SessionEvents {
  peerconnection: { peerconnection: RTCPeerConnection };
  icecandidate: { ready: () => void };
  progress: { originator: string; response: SipMessage | null };
  accepted: unknown;
  hold: { originator: string };
  unhold: { originator: string };
  failed: SipEnd;
  ended: SipEnd;
}

export interface Session {
  readonly remote_identity: { display_name: string; uri: { user: string } };
  answer(options: object): void;
  terminate(options?: { status_code?: number }): void;
  mute(what: { audio: boolean }): void;
  unmute(what: { audio: boolean }): void;
  /** @returns false when it cannot be now; `done` comes when the far side has agreed */
  hold(options: object, done: () => void): boolean;
  unhold(options: object, done: () => void): boolean;
  sendDTMF(key: string, options: object): void;
  on<E extends keyof SessionEvents>(event: E, listener: (detail: SessionEvents[E]) => void): unknown;
}

/** The addresses of config.url; never none. */
export function urlsOf({ url }: UserAgentConfig): readonly string[] {
  return typeof url === "string" || url.length === 0 ? [String(url)] : url;
}

/** @throws TypeError when config.url holds what is not a ws: or wss: address */
export function jssip(config: UserAgentConfig): UserAgent {
  const sockets = urlsOf(config).map((url) => new JsSIP.WebSocketInterface(url));
  const ua = new JsSIP.UA({
    sockets,
    uri: `sip:${encodeURIComponent(config.user)}@${config.domain}`,
    authorization_user: config.user,
    password: config.password,
    display_name: config.displayName,
    register: true,
    register_expires: 120,
    session_timers: false,
    no_answer_timeout: 180, // the gateway's ring_timeout decides, not the page
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 20,
    user_agent: "Hookswitch phone",
  });
  /* JsSIP tells of the first 200 to a REGISTER on a socket; a token is in each. */
  const tell = (detail: UserAgentEvents["accepted"]) => (ua as unknown as { emit(event: string, detail: object): void }).emit("accepted", detail);
  for (const socket of sockets)
    listen(socket, (message) => {
      const accepted = heardToken(message);
      if (accepted) tell({ ...accepted, url: socket.url });
    });
  return ua as unknown as UserAgent;
}

/** `heard` gets each message after JsSIP, which sets the socket's ondata at each connection. */
function listen(socket: object, heard: (message: string) => void): void {
  let pass: (data: unknown) => void = () => undefined;
  Object.defineProperty(socket, "ondata", {
    get: () => pass,
    set: (fn: typeof pass) => {
      pass = (data) => {
        fn(data);
        if (typeof data === "string") heard(data);
      };
    },
  });
}
