/* page.ts: the face of the phone. It shows what Phone says and passes on what the user does;
 * everything it knows about a call it asks the Phone. Text of others goes in by textContent. */
import { type EndedEvent, Phone, type PhoneState, Problem } from "./phone.ts";
import { addRecent, duration } from "./recent.ts";
import { Tones } from "./tones.ts";

const STATE_WORDS: Record<PhoneState, string> = {
  offline: "Signed out",
  connecting: "Connecting…",
  idle: "Ready",
  calling: "Calling…",
  ringing: "Ringing…",
  early: "Not answered yet",
  incoming: "Incoming call",
  answering: "Answering…",
  talking: "In call",
};
const holdWords = (call?: Phone) => [...(call?.held ? ["on hold"] : []), ...(call?.heldByPeer ? ["held by peer"] : [])];
const IN_CALL: PhoneState[] = ["calling", "ringing", "early", "answering", "talking"];

function get<T extends Element = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element as unknown as T;
}

const user = get<HTMLInputElement>("user");
const password = get<HTMLInputElement>("password");
const server = get<HTMLInputElement>("server");
const domain = get<HTMLInputElement>("domain");
const number = get<HTMLInputElement>("number");
const signInButton = get<HTMLButtonElement>("sign-in-button");
const parameters = new URLSearchParams(location.search);
const tones = new Tones();

let phone: Phone | undefined;
let isSignedIn = false;
let calledName = ""; // of who is calling us, if the phone told a name
let ticking: ReturnType<typeof setInterval> | undefined;

/* --- what is said --- */

function showProblem(problem: unknown): void {
  get("problem-text").textContent = problem instanceof Error ? problem.message : String(problem);
  get("problem").dataset.reason = problem instanceof Problem ? problem.reason : "failed";
  get("problem").hidden = false;
}

function hideProblem(): void {
  get("problem").hidden = true;
  get("problem-text").textContent = "";
}

/** Runs what a button asks for; what goes wrong is said, not thrown. */
async function tryTo(action: () => void | Promise<void>): Promise<void> {
  hideProblem();
  get("note").hidden = true;
  tones.unlock();
  try {
    await action();
  } catch (error) {
    showProblem(error);
  }
}

/* --- what is shown --- */

function focusFor(state: PhoneState): void {
  const hasKeyboard = matchMedia("(pointer: fine)").matches; // else the screen keyboard would jump up
  if (state === "incoming") get("answer").focus();
  else if (IN_CALL.includes(state)) get("screen").focus();
  else if (state === "idle" && hasKeyboard) number.focus();
  else if (state === "offline" && hasKeyboard) (user.value ? password : user).focus();
}

function showCall(): void {
  const peer = phone?.peer ?? "";
  const isMuted = phone?.muted ?? false;
  const state = phone?.state ?? "offline";

  get("peer").textContent = calledName && calledName !== peer ? `${calledName} (${peer})` : peer;
  get("initial").textContent = (calledName || peer.replace(/^sips?:/i, "")).charAt(0).toUpperCase();
  get("state").textContent = [STATE_WORDS[state], ...holdWords(phone), ...(isMuted ? ["muted"] : [])].join(", ");
  document.body.dataset.held = phone?.held ? "us" : phone?.heldByPeer ? "peer" : "";
  get("hold").setAttribute("aria-pressed", String(phone?.held ?? false));
  get("hold-icon").setAttribute("href", phone?.held ? "#i-play" : "#i-pause");
  get("codec").textContent = phone?.codec ?? "";
  get("mute").setAttribute("aria-pressed", String(isMuted));
  get("mute-icon").setAttribute("href", isMuted ? "#i-mic-off" : "#i-mic");
}

function showTimer(): void {
  const since = phone?.talkingSince;
  get("timer").textContent = since === undefined ? "" : duration(Date.now() - since);
}

function showAccount(): void {
  const registered = phone?.registered ?? false;
  get("account-name").textContent = phone?.user ?? "";
  get("account").dataset.registered = String(registered);
  get("line").textContent = registered ? "Ready" : "Reconnecting…";
}

function showState(state: PhoneState, previous: PhoneState): void {

  if (state === "offline") isSignedIn = false;
  else if (state !== "connecting") isSignedIn = true; // "connecting" again later is a lost line
  document.body.dataset.state = state;
  document.body.dataset.call = IN_CALL.includes(state) ? "on" : "off";
  document.title = state === "incoming" ? `${phone?.peer} is calling – Hookswitch` : "Hookswitch";
  get("sign-in").hidden = isSignedIn;
  get("phone").hidden = !isSignedIn;
  get("account").hidden = !isSignedIn;
  get<HTMLButtonElement>("call").disabled = state !== "idle";
  signInButton.disabled = state === "connecting";
  signInButton.textContent = state === "connecting" ? "Signing in…" : "Sign in";

  if (state === "ringing") tones.ringback();
  else if (state === "incoming") tones.ring();
  else tones.stop();

  clearInterval(ticking);
  if (state === "talking") ticking = setInterval(showTimer, 250);
  if (state !== "incoming" && !IN_CALL.includes(state)) calledName = "";
  if (!IN_CALL.includes(previous) && IN_CALL.includes(state)) get("keys").textContent = "";
  showTimer();
  showCall();
  showAccount();
  focusFor(state);
}

function showNumber(): void {
  number.classList.toggle("long", number.value.length > 13);
}

function onEnded(event: EndedEvent): void {
  get("keys").textContent = "";
  get("recent").hidden = false;
  addRecent(get<HTMLOListElement>("recent-list"), event, (peer) => {
    number.value = peer;
    showNumber();
    number.focus();
  });
  if (event.problem) showProblem(event.problem);
}

/* --- what is done --- */

async function signIn(): Promise<void> {
  const wantsRaw = parameters.get("raw") === "1"; // no processing: music, or tones of a test
  const next = new Phone({
    url: server.value.trim().split(/[\s,]+/), // one or several gateways
    domain: domain.value.trim(),
    user: user.value.trim(),
    password: password.value,
    audio: get<HTMLAudioElement>("remote"),
    constraints: wantsRaw ? { echoCancellation: false, noiseSuppression: false, autoGainControl: false } : {},
  });

  phone = next;
  next.on("state", ({ state, previous }) => showState(state, previous));
  next.on("registered", showAccount);
  next.on("call", showCall);
  next.on("ended", onEnded);
  next.on("problem", ({ problem }) => showProblem(problem));
  next.on("incoming", ({ displayName }) => {
    hideProblem();
    calledName = displayName;
    showCall();
  });
  await next.signIn();
}

function pressKey(key: string): void {
  const button = document.querySelector(`[data-key="${CSS.escape(key)}"]`);

  button?.classList.add("down");
  setTimeout(() => button?.classList.remove("down"), 120);
  tones.unlock();
  tones.key(key);
  if (phone?.state === "talking" || phone?.state === "early") {
    try {
      phone.sendDigit(key);
      get("keys").textContent += key;
    } catch (error) {
      showProblem(error);
    }
  } else if (phone?.state === "idle" || phone?.state === "connecting") {
    number.setRangeText(key, number.selectionStart ?? number.value.length, number.selectionEnd ?? number.value.length, "end");
    showNumber();
  }
}

function onKeyDown(event: KeyboardEvent): void {
  const state = phone?.state ?? "offline";
  const isPlain = !event.ctrlKey && !event.altKey && !event.metaKey;

  if (event.key === "Escape" && (state === "incoming" || IN_CALL.includes(state))) {
    event.preventDefault();
    phone?.hangUp();
  } else if ((state === "talking" || state === "early") && isPlain && !event.repeat) {
    if (/^[0-9*#]$/.test(event.key)) {
      event.preventDefault();
      pressKey(event.key);
    } else if (event.key.toLowerCase() === "m") phone?.mute(!phone.muted);
    else if (event.key.toLowerCase() === "h") phone?.hold(!phone.held);
  }
}

/** `hookswitch --dev` serves the account of its demo; any other server has no such file. */
async function lookForDemo(): Promise<void> {
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  let demo: Record<string, unknown>;

  try {
    const response = await fetch("/demo.json", { cache: "no-store" });
    if (!response.ok) return;
    demo = await response.json();
  } catch {
    return;
  }
  if (phone || !text(demo?.user) || (user.value && user.value !== demo.user)) return;

  user.value = text(demo.user);
  password.value = text(demo.password);
  if (!number.value) number.value = text(demo.call);
  showNumber();
  get("note").textContent =
    `This is a demonstration. Its account ${user.value} signs in by itself.` +
    (number.value ? ` Press Call to ring ${number.value}.` : "");
  get("note").hidden = false;
  await signIn().catch(showProblem);
}

function start(): void {
  server.value = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host || "localhost:8080"}/sip`;
  user.value = parameters.get("user") ?? "";
  number.value = parameters.get("call") ?? "";
  showNumber();

  get("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!phone || phone.state === "offline") void tryTo(signIn);
  });
  get("dial-form").addEventListener("submit", (event) => {
    event.preventDefault();
    void tryTo(async () => phone?.call(number.value));
  });
  get("answer").addEventListener("click", () => void tryTo(async () => phone?.answer()));
  get("decline").addEventListener("click", () => void tryTo(() => phone?.decline()));
  get("hang-up").addEventListener("click", () => void tryTo(() => phone?.hangUp()));
  get("mute").addEventListener("click", () => void tryTo(() => phone?.mute(!phone.muted)));
  get("hold").addEventListener("click", () => void tryTo(() => phone?.hold(!phone.held)));
  get("sign-out").addEventListener("click", () => void tryTo(() => phone?.signOut()));
  get("problem-close").addEventListener("click", hideProblem);
  get("erase").addEventListener("click", () => {
    number.value = number.value.slice(0, -1);
    showNumber();
  });
  get("pad").addEventListener("click", (event) => {
    const key = (event.target as Element).closest<HTMLElement>("[data-key]")?.dataset.key;
    if (key) pressKey(key);
  });
  number.addEventListener("input", showNumber);
  document.addEventListener("keydown", onKeyDown);
  document.addEventListener("click", () => {
    const audio = get<HTMLAudioElement>("remote"); // a click unlocks sound that was blocked
    if (audio.srcObject && audio.paused) void audio.play().then(hideProblem, () => undefined);
  });
  addEventListener("pagehide", () => phone?.signOut());

  focusFor("offline");
  void lookForDemo();
}

start();
