/* platform.ts: what the phone needs of the world besides SIP, and the browser as that world. */
import { Problem } from "./problem.ts";
import { jssip, type UserAgent, type UserAgentConfig } from "./user_agent.ts";

/** What the phone needs of the world; tests bring their own. */
export interface Platform {
  userAgent(config: UserAgentConfig): UserAgent;
  fetch(url: string, options: RequestInit): Promise<Response>;
  microphone(constraints: MediaTrackConstraints): Promise<MediaStream>;
  every(ms: number, fn: () => void): () => void; // returns how to stop it
  after(ms: number, fn: () => void): () => void;
  now(): number; // ms
  random(): number; // from 0 to below 1
}

export const browser: Platform = {
  userAgent: jssip,
  fetch: (url, options) => fetch(url, options),
  async microphone(constraints) {
    if (!navigator.mediaDevices)
      throw new Problem(
        "insecure-page",
        "Browsers give the microphone only to secure pages. Open this page with https:// or on http://localhost.",
      );
    return navigator.mediaDevices.getUserMedia({ audio: constraints, video: false });
  },
  every(ms, fn) {
    const id = setInterval(fn, ms);
    return () => clearInterval(id);
  },
  after(ms, fn) {
    const id = setTimeout(fn, ms);
    return () => clearTimeout(id);
  },
  now: () => Date.now(),
  random: () => Math.random(),
};
