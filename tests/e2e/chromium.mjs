/* chromium.mjs: a real Chromium whose microphone is a tone and whose ears are measured.
 *
 * The page is driven by its own controls only; what is injected replaces the microphone and
 * listens to the remote track (see page_hooks.js). */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";
import { BROWSER_HZ } from "./tone.mjs";

const EXECUTABLE = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/google-chrome"].find(existsSync);
const HOOKS = await readFile(new URL("./page_hooks.js", import.meta.url), "utf8");

/** page_hooks.js as an expression, called with `settings`. */
export const hooks = (settings) => `(${HOOKS.trim().replace(/^\/\*[\s\S]*?\*\/\s*/, "")})(${JSON.stringify(settings)})`;

/** @param fakeUi false: the microphone is not granted, so the browser hides its addresses (mDNS)
 *  @param wrap gives the program to start in place of Chromium's; @param env more of its environment
 *  @returns a Playwright browser; close() it */
export async function launchChromium({ fakeUi = true, wrap = (program) => program, env = {} } = {}) {
	if (!EXECUTABLE) throw new Error("no Chromium: install Debian's package chromium or set CHROMIUM");
	const args = ["--autoplay-policy=no-user-gesture-required", "--mute-audio"];
	if (process.getuid?.() === 0) args.push("--no-sandbox");
	if (fakeUi)
		args.push(
			"--use-fake-ui-for-media-stream",
			"--use-fake-device-for-media-stream",
			"--allow-loopback-in-peer-connection",
		);
	return chromium.launch({ executablePath: wrap(EXECUTABLE), headless: true, args, env: { ...process.env, ...env } });
}

/** Opens the phone page in a context of its own.
 * @param microphone "tone", or the name of the error that getUserMedia shall throw
 * @returns a WebPhone */
export async function openPage(browser, url, { hz = BROWSER_HZ, amplitude = 0.4, microphone = "tone", ...options } = {}) {
	const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
	const page = await context.newPage();
	const phone = new WebPhone(page, context);

	page.setDefaultTimeout(15_000);
	page.on("console", (message) => phone.log.push(`console ${message.type()}: ${message.text()}`));
	page.on("pageerror", (error) => phone.log.push(`error: ${error.stack}`));
	page.on("websocket", (socket) => {
		socket.on("framesent", ({ payload }) => phone.log.push(`>>> ${payload}`));
		socket.on("framereceived", ({ payload }) => phone.log.push(`<<< ${payload}`));
	});
	await page.addInitScript(hooks({ hz, amplitude, microphone }));
	await page.goto(url);
	return phone;
}

export class WebPhone {
	log = []; // console and SIP, for the report of a failed test

	constructor(page, context) {
		this.page = page;
		this.context = context;
	}

	/** Waits until the page shows one of `states` (the Phone's words: idle, ringing, talking, …). */
	async waitFor(...states) {
		const selector = states.map((state) => `body[data-state="${state}"]`).join(", ");
		await this.page.locator(selector).waitFor({ state: "attached" }).catch(async () => {
			const { state, problem } = await this.seen();
			throw new Error(`the page is "${state}", not "${states.join('" or "')}"; it says: ${problem || "nothing"}`);
		});
	}

	/** What a user sees. */
	async seen() {
		return this.page.evaluate(() => {
			const text = (id) => document.getElementById(id)?.textContent ?? "";
			return {
				state: document.body.dataset.state,
				problem: text("problem-text"),
				reason: document.getElementById("problem")?.hidden ? "" : document.getElementById("problem").dataset.reason,
				peer: text("peer"),
				codec: text("codec"),
				timer: text("timer"),
				words: text("state"),
			};
		});
	}

	/** Fills in the form and presses the button; does not wait. */
	async startSignIn(user, password) {
		await this.page.fill("#user", user);
		await this.page.fill("#password", password);
		await this.page.click("#sign-in-button");
	}

	async signIn(user, password) {
		await this.startSignIn(user, password);
		await this.waitFor("idle");
	}

	async call(number) {
		await this.page.fill("#number", number);
		await this.page.click("#call");
	}

	async answer() {
		await this.waitFor("incoming");
		await this.page.click("#answer");
		await this.waitFor("talking");
	}

	decline = () => this.page.click("#decline");
	hangUp = () => this.page.click("#hang-up");
	mute = () => this.page.click("#mute");

	/** Holds or resumes, and waits until the page says so. */
	async hold(held = true) {
		await this.page.click("#hold");
		await this.waitForHold(held ? "us" : "");
	}

	/** @param who "us", "peer" or "" for nobody */
	waitForHold = (who) => this.page.locator(`body[data-held="${who}"]`).waitFor({ state: "attached" });

	pressKey = (key) => this.page.click(`#pad [data-key="${key}"]`);

	/** Waits for the message of a failure and gives its reason. */
	async problem() {
		await this.page.locator("#problem").waitFor({ state: "visible" });
		return (await this.seen()).reason;
	}

	setTone = (hz) => this.page.evaluate((to) => window.e2e.setTone(to), hz);

	/** Listens for `ms` from now on; without `ms`: all that was heard, `since` then on the page's clock. */
	async hear(ms) {
		const { rate, since, base64 } = await this.page.evaluate((time) => window.e2e.hear(time), ms);
		const bytes = Buffer.from(base64, "base64");
		const samples = new Float32Array(bytes.length / 2);
		for (let i = 0; i < samples.length; i++) samples[i] = bytes.readInt16LE(i * 2) / 32768;
		return { samples, rate, since };
	}

	/** The page's clock, in ms. */
	now = () => this.page.evaluate(() => performance.now());

	/** The SIP messages of this page that fit, in order; "<<< " is what it received. */
	sip = (pattern) => this.log.filter((line) => /^(>>>|<<<) /.test(line) && pattern.test(line));

	/** The statistics of the newest connection, as { type: [entries] }. */
	async stats() {
		return this.page.evaluate(async () => {
			const all = {};
			for (const entry of (await window.e2e.connections.at(-1).getStats()).values())
				(all[entry.type] ??= []).push(entry);
			return all;
		});
	}

	/** What the page offered or answered last. */
	localSdp = () => this.page.evaluate(() => window.e2e.connections.at(-1).localDescription.sdp);

	/** Goes away without a word, as a crashed tab does. */
	async crash() {
		const session = await this.context.newCDPSession(this.page);
		const crashed = new Promise((resolve) => this.page.once("crash", resolve));
		session.send("Page.crash").catch(() => undefined); // its answer never comes
		await crashed;
	}

	close = () => this.context.close();
}
