/* ice_servers.ts: the TURN servers that the gateway lends to a page that is registered.
 *
 * A gateway that has some puts a token into its 200 to each REGISTER; the page asks with it over
 * HTTP, after registering and again before a call when the credentials are about to end. What goes
 * wrong is told on the console and never stands in a call's way. */
import type { Platform } from "./platform.ts";

const PATH = "/api/v1/ice-servers";
const ASK_MS = 3_000; // no call waits longer than that
const AHEAD_MS = 30_000; // credentials that end within that are asked for again

/** @returns undefined for any message but a 200 to a REGISTER */
export function heardToken(message: string): { token?: string } | undefined {
  const head = message.slice(0, Math.max(0, message.indexOf("\r\n\r\n")));
  if (!/^SIP\/2\.0 200 /.test(head) || !/^CSeq:\s*\d+\s+REGISTER\s*$/im.test(head)) return undefined;
  return { token: /^Hookswitch-Token:\s*(\S+)\s*$/im.exec(head)?.[1] };
}

export class IceServers {
  readonly #platform: Platform;
  #url = "";
  #token?: string;
  #servers: RTCIceServer[] = [];
  #endsAt = 0;
  #asking?: Promise<void>;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** A REGISTER was accepted with this token; without one the gateway has no TURN server.
   * @param url of the WebSocket: the HTTP side is beside it */
  accepted(url: string, token: string | undefined): void {
    this.#url = url.replace(/^ws/i, "http");
    this.#token = token;
    if (!token) this.#servers = [];
    else void this.get();
  }

  /** Good ones, or none. Never throws. */
  async get(): Promise<RTCIceServer[]> {
    if (this.#token && this.#platform.now() >= this.#endsAt - AHEAD_MS) {
      this.#asking ??= this.#ask(this.#token).finally(() => (this.#asking = undefined));
      await this.#asking;
    }
    return this.#servers;
  }

  async #ask(token: string): Promise<void> {
    const giveUp = new AbortController();
    const stopTimer = this.#platform.after(ASK_MS, () => giveUp.abort());

    this.#servers = [];
    try {
      const response = await this.#platform.fetch(new URL(PATH, this.#url).href, {
        headers: { Authorization: `Bearer ${token}` },
        cache: "no-store",
        credentials: "omit",
        signal: giveUp.signal,
      });
      if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
      const { iceServers, ttl } = await response.json();
      if (!Array.isArray(iceServers) || !(ttl > 0)) throw new Error("the gateway's answer has no iceServers");
      this.#servers = iceServers;
      this.#endsAt = this.#platform.now() + ttl * 1000;
    } catch (error) {
      console.warn("no TURN servers for calls:", error);
    } finally {
      stopTimer();
    }
  }
}
