/* bidi.mjs: a page of a browser that speaks WebDriver BiDi, with as much of Playwright's Page as
 * WebPhone needs. */
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";

const WAIT_MS = 15_000;

export class Bidi {
	#socket;
	#next = 1;
	#waiting = new Map();
	#listeners = new Set();

	/** @param url "ws://127.0.0.1:PORT", as the browser printed it */
	async connect(url) {
		this.#socket = new WebSocket(`${url}/session`, { perMessageDeflate: false });
		await new Promise((resolve, reject) => this.#socket.once("open", resolve).once("error", reject));
		this.#socket.on("message", (data) => this.#onMessage(JSON.parse(data)));
		this.#socket.on("close", () => {
			for (const { reject } of this.#waiting.values()) reject(new Error("the browser has gone"));
		});
		await this.send("session.new", { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
	}

	#onMessage({ id, result, type, error, message, method, params }) {
		if (id === undefined || id === null) {
			for (const listener of this.#listeners) listener(method, params);
			return;
		}
		const { resolve, reject } = this.#waiting.get(id);
		this.#waiting.delete(id);
		if (type === "error") reject(new Error(`${error}: ${message}`));
		else resolve(result);
	}

	send(method, params) {
		const id = this.#next++;
		this.#socket.send(JSON.stringify({ id, method, params }));
		return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
	}

	/** Calls `listener(text)` for what pages write to their console. */
	async onLog(listener) {
		this.#listeners.add((method, { text } = {}) => method === "log.entryAdded" && listener(text));
		await this.send("session.subscribe", { events: ["log.entryAdded"] });
	}

	/** Opens a page in a context of its own, `script` (an expression) running before its scripts. */
	async open(url, script) {
		const { userContext } = await this.send("browser.createUserContext", {});
		const { context } = await this.send("browsingContext.create", { type: "tab", userContext });
		await this.send("script.addPreloadScript", { functionDeclaration: `() => { ${script}; }`, contexts: [context] });
		await this.send("browsingContext.navigate", { context, url, wait: "complete" });
		return new BidiPage(this, context, userContext);
	}

	close = () => this.#socket?.close();
}

class BidiPage {
	#bidi;
	#context;
	#userContext;

	constructor(bidi, context, userContext) {
		this.#bidi = bidi;
		this.#context = context;
		this.#userContext = userContext;
	}

	/** @param fn runs in the page; what it takes and gives is JSON */
	async evaluate(fn, argument) {
		const call = `(${fn})(${argument === undefined ? "" : JSON.stringify(argument)})`;
		const answer = await this.#bidi.send("script.evaluate", {
			expression: `(async () => JSON.stringify((await ${call}) ?? null))()`,
			target: { context: this.#context },
			awaitPromise: true,
			userActivation: true,
		});
		if (answer.type === "exception") throw new Error(answer.exceptionDetails.text);
		return JSON.parse(answer.result.value);
	}

	/** Waits until `fn` gives something true. */
	async waitForFunction(fn, argument) {
		const until = Date.now() + WAIT_MS;
		while (!(await this.evaluate(fn, argument))) {
			if (Date.now() > until) throw new Error(`${WAIT_MS} ms passed before ${fn}`);
			await delay(50);
		}
	}

	/** Sets a field's value as typing does. */
	fill = (selector, value) =>
		this.evaluate(
			([sel, text]) => {
				const field = document.querySelector(sel);
				field.value = text;
				field.dispatchEvent(new Event("input", { bubbles: true }));
			},
			[selector, value],
		);

	click = (selector) => this.evaluate((sel) => document.querySelector(sel).click(), selector);

	locator = (selector) => ({
		waitFor: () => this.waitForFunction((sel) => document.querySelector(sel) !== null, selector),
	});

	close = () => this.#bidi.send("browser.removeUserContext", { userContext: this.#userContext });
}
