/* call.ts: what the phone knows of its one call. */
import type { Session } from "./user_agent.ts";

export interface Call {
  readonly peer: string;
  readonly isIncoming: boolean;
  session?: Session; // none while the microphone is asked for
  connection?: RTCPeerConnection;
  microphone?: MediaStream;
  iceServers: RTCIceServer[];
  remote?: MediaStream;
  codec?: string;
  energy: number;
  muted: boolean;
  wantsHold: boolean;
  held: boolean;
  heldByPeer: boolean;
  changing: boolean; // the far side has not agreed yet
  talkingSince?: number;
  stopWatching?: () => void;
}

const UNTOUCHED = { iceServers: [], energy: 0, muted: false, wantsHold: false, held: false, heldByPeer: false, changing: false };

export const newCall = (peer: string, session?: Session): Call => ({ peer, isIncoming: session !== undefined, session, ...UNTOUCHED });
