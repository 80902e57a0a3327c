/* clients.mjs: pages that are not ours: SIP libraries as they come from npm (clients/*.js), bundled
 * and served by the gateway. */
import { cpSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { openPage } from "./chromium.mjs";
import { tempFolder } from "./temp.mjs";

const HERE = path.join(path.dirname(fileURLToPath(import.meta.url)), "clients");
const OWN_PAGE = path.join(HERE, "../../../web/dist");
const LIBRARIES = ["sipjs", "jssip"];

/** Bundles the pages.
 * @returns the folder to serve: LIBRARY.html beside the own page */
export async function buildClients() {
	const folder = tempFolder("clients");
	cpSync(OWN_PAGE, folder, { recursive: true });
	await build({
		entryPoints: LIBRARIES.map((name) => path.join(HERE, `${name}.js`)),
		outdir: folder,
		bundle: true,
		format: "iife",
		target: ["es2022"],
		logLevel: "warning",
	});
	for (const name of LIBRARIES)
		writeFileSync(
			path.join(folder, `${name}.html`),
			`<!doctype html><title>${name}</title><audio id="remote" autoplay></audio><script src="${name}.js"></script>\n`,
		);
	return folder;
}

/** Opens LIBRARY's page. With `user` it is registered when this returns.
 * @param options as for openPage */
export async function openClient(scene, library, user, options = {}) {
	const page = await openPage(scene.browser, `${scene.gateway.url}${library}.html`, options);
	const client = scene.add(`${library} ${user}`, new Client(page));
	await client.do("signIn", scene.gateway.url.replace("http", "ws"), user, scene.accounts[user]);
	await client.waitFor("registered");
	return client;
}

class Client {
	#past = 0; // events that waitFor() has seen

	constructor(page) {
		this.web = page;
	}

	get log() {
		return this.web.log;
	}

	/** Calls a method of the page's window.client. */
	do = (name, ...args) => this.web.page.evaluate(([method, list]) => window.client[method](...list), [name, args]);

	events = () => this.web.page.evaluate(() => window.client.events);
	isTalking = () => this.web.page.evaluate(() => window.client.isTalking);

	/** Waits for an event after the last one that was waited for. */
	async waitFor(event) {
		const at = await this.web.page
			.waitForFunction(([name, from]) => window.client.events.indexOf(name, from) + 1, [event, this.#past])
			.catch(async () => {
				throw new Error(`no "${event}" after ${this.#past} events: ${(await this.events()).join(" ")}`);
			});
		this.#past = await at.jsonValue();
	}

	/** Waits until `count` of its SIP messages fit ("<<< " is what it received). */
	async waitForSip(pattern, count = 1) {
		const until = Date.now() + 10_000;
		while (this.sip(pattern).length < count) {
			if (Date.now() > until) throw new Error(`${this.sip(pattern).length} of ${count} SIP messages ${pattern}`);
			await delay(20);
		}
	}

	hear = (ms) => this.web.hear(ms);
	sip = (pattern) => this.web.sip(pattern);
	close = () => this.web.close();
}
