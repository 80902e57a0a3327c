/* problem.ts: what went wrong, as a code for programs and in plain words for people.
 *
 * Every sentence says what happened and, where one can do something, what to do. */

export type Reason =
  | "bad-address" // the address of the server is not a WebSocket address
  | "unreachable" // the socket did not open, or was lost before signing in
  | "no-answer-from-server"
  | "wrong-password"
  | "refused" // the server knows us and does not want us
  | "not-ready" // the phone is not in a state to do that
  | "bad-number"
  | "insecure-page" // no https: browsers give such a page no microphone
  | "microphone-denied"
  | "microphone-missing"
  | "microphone-busy"
  | "unknown-number"
  | "not-reachable"
  | "busy"
  | "declined"
  | "no-answer"
  | "no-common-codec"
  | "not-allowed"
  | "missed"
  | "answered-elsewhere"
  | "connection-lost"
  | "sound-lost"
  | "phone-gone" // nothing came from the other phone any more
  | "sound-blocked" // the browser wants a click before it plays anything
  | "no-keys" // the other side did not offer telephone-event
  | "failed";

export class Problem extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, words: string) {
    super(words);
    this.name = "Problem";
    this.reason = reason;
  }
}

/** A SIP response or request, as far as the words need it. */
export interface SipMessage {
  status_code?: number;
  reason_phrase?: string;
  getHeader?(name: string): string | undefined;
}

/** How JsSIP reports the end of a call. */
export interface SipEnd {
  originator: string;
  cause?: string;
  message?: SipMessage | null;
}

const CALL_FAILURES: Record<number, [Reason, string]> = {
  403: ["not-allowed", "You are not allowed to call this number."],
  404: ["unknown-number", "This number is not known here. Check it and try again."],
  408: ["no-answer", "No answer. The other phone did not react in time."],
  410: ["unknown-number", "This number is no longer in use."],
  480: ["not-reachable", "Not reachable. The other phone is switched off, signed out, or nobody answered."],
  484: ["unknown-number", "This number is not complete."],
  486: ["busy", "Busy. Try again later."],
  487: ["no-answer", "The call was cancelled before it was answered."],
  488: ["no-common-codec", "The two phones have no sound format (codec) in common."],
  600: ["busy", "Busy. Try again later."],
  603: ["declined", "The call was declined."],
  604: ["unknown-number", "This number does not exist."],
  606: ["no-common-codec", "The two phones have no sound format (codec) in common."],
};

/** The text of a Warning header (RFC 3261 §20.43), or nothing. */
function warningText(message: SipMessage): string | undefined {
  const warning = message.getHeader?.("Warning");
  return warning?.match(/"((?:[^"\\]|\\.)*)"/)?.[1]?.replace(/\\(.)/g, "$1");
}

/** @returns why our outgoing or incoming call failed; undefined when we ended it ourselves */
export function callProblem(end: SipEnd, peer: string, isIncoming: boolean): Problem | undefined {
  if (end.originator === "local" && (end.cause === "Canceled" || end.cause === "Rejected")) return undefined;

  if (isIncoming && end.originator === "remote" && end.cause === "Canceled") {
    const elsewhere = /cause\s*=\s*200\b/.test(end.message?.getHeader?.("Reason") ?? "");
    return elsewhere
      ? new Problem("answered-elsewhere", `The call from ${peer} was answered on another phone.`)
      : new Problem("missed", `You missed a call from ${peer}.`);
  }

  const status = end.message?.status_code;
  if (status) {
    const [reason, words] = CALL_FAILURES[status] ?? [
      "failed" as const,
      `The call failed: ${status} ${end.message?.reason_phrase ?? ""}`.trimEnd() + ".",
    ];
    const warning = end.message && warningText(end.message);
    return new Problem(reason, warning ? `${words} The server says: ${warning}` : words);
  }

  switch (end.cause) {
    case "Connection Error":
      return new Problem("connection-lost", "The connection to the server was lost.");
    case "Request Timeout":
      return new Problem("no-answer", "The server did not answer the call.");
    case "No Answer":
    case "Expires":
      return new Problem("missed", `You missed a call from ${peer}.`);
    case "Incompatible SDP":
    case "Missing SDP":
    case "Bad Media Description":
      return new Problem("no-common-codec", "The two phones have no sound format (codec) in common.");
    default:
      return new Problem("failed", `The call failed: ${end.cause ?? "for an unknown reason"}.`);
  }
}

/** @returns what is worth telling about the end of a call that was up; usually nothing */
export function endProblem(end: SipEnd): Problem | undefined {
  const reason = end.message?.getHeader?.("Reason") ?? "";
  if (end.cause === "RTP Timeout" || /;text="Media lost"/.test(reason))
    return new Problem("sound-lost", "The call ended because the sound could not get through the network.");
  if (/;text="Phone gone"/.test(reason))
    return new Problem("phone-gone", "The call ended because nothing was heard of the other phone any more. It may have lost its network.");
  if (end.cause === "Connection Error" || end.cause === "Request Timeout")
    return new Problem("connection-lost", "The call ended because the connection to the server was lost.");
  return undefined;
}

/** @param response what the registrar answered; null when it did not */
export function signInProblem(response: SipMessage | null | undefined): Problem {
  switch (response?.status_code) {
    case undefined:
    case 408:
      return new Problem("no-answer-from-server", "The server is there, but it did not answer. Try again in a moment.");
    case 401:
    case 404:
    case 407:
      return new Problem("wrong-password", "The user name or the password is wrong.");
    case 403:
      return new Problem("refused", "The server refused this account. The user name or the password may be wrong.");
    default:
      return new Problem(
        "refused",
        `The server refused to sign in: ${response?.status_code} ${response?.reason_phrase ?? ""}`.trimEnd() + ".",
      );
  }
}

/** A page is never told why a socket did not open, so name what one can check. */
export function unreachable(url: string): Problem {
  const secure = url.startsWith("wss:");
  const checks = ["Is the server running?", "Is the address right?"];
  if (secure) checks.push("Was its certificate accepted in this browser?");
  checks.push("Is there a proxy or firewall in between that does not pass WebSockets?");
  return new Problem("unreachable", `Cannot connect to ${url}. ${checks.join(" ")}`);
}

/** @param error what getUserMedia threw */
export function microphoneProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;

  switch ((error as { name?: string } | undefined)?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return new Problem(
        "microphone-denied",
        "The microphone is not allowed for this page. Allow it beside the address in your browser, then call again.",
      );
    case "NotFoundError":
    case "OverconstrainedError":
      return new Problem("microphone-missing", "No microphone was found. Plug one in, then call again.");
    case "NotReadableError":
    case "AbortError":
      return new Problem("microphone-busy", "The microphone cannot be used. Another program may be holding it.");
    default:
      return new Problem("microphone-denied", "The browser did not give this page a microphone.");
  }
}
