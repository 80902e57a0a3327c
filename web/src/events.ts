/* events.ts: the states of a phone and what it tells of them. */
import type { Problem } from "./problem.ts";

export type PhoneState =
  | "offline"
  | "connecting"
  | "idle"
  | "calling"
  | "ringing"
  | "early" // the far side can be heard before it answered
  | "incoming"
  | "answering"
  | "talking";

export class StateEvent extends Event {
  constructor(readonly state: PhoneState, readonly previous: PhoneState) {
    super("state");
  }
}

/** "registered": the line to the server came or went. */
export class RegisteredEvent extends Event {
  constructor(readonly registered: boolean) {
    super("registered");
  }
}

export class IncomingEvent extends Event {
  constructor(readonly peer: string, readonly displayName: string) {
    super("incoming");
  }
}

/** Some fact of the running call changed: codec, muted, stream. */
export class CallEvent extends Event {
  constructor() {
    super("call");
  }
}

/** The call was held or resumed, by us or by the peer; both may hold at a time. */
export class HeldEvent extends Event {
  constructor(readonly held: boolean, readonly heldByPeer: boolean) {
    super("held");
  }
}

export class EndedEvent extends Event {
  constructor(readonly peer: string, readonly isIncoming: boolean, readonly talkedMs: number, readonly problem?: Problem) {
    super("ended");
  }
}

/** Something to tell the user that is not the result of a method. */
export class ProblemEvent extends Event {
  constructor(readonly problem: Problem) {
    super("problem");
  }
}

export interface PhoneEvents {
  state: StateEvent;
  registered: RegisteredEvent;
  incoming: IncomingEvent;
  call: CallEvent;
  held: HeldEvent;
  ended: EndedEvent;
  problem: ProblemEvent;
}
