/* scene.mjs: what most tests need: a gateway, a browser, pages and desk phones; and, when a test
 * fails, what each of them saw. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBaresip } from "./baresip.mjs";
import { launchChromium, openPage } from "./chromium.mjs";
import { startGateway } from "./gateway.mjs";
import { gaps, judge } from "./tone.mjs";

export const ACCOUNTS = { alice: "apple-pie", bob: "berry-pie", 1000: "desk-phone", 1001: "spare-phone" };

/** Starts gateway and browser before the tests of a file and stops them after.
 * @param config as for startGateway, or a function that gives it
 * @param local false: the gateway knows none of the accounts
 * @param browser options for launchChromium, or a function that gives them; null for none */
export function setScene({ config, accounts = ACCOUNTS, local = true, browser = {} } = {}) {
	const scene = new Scene(accounts);

	before(async () => {
		scene.gateway = await startGateway({
			accounts: local ? accounts : {},
			config: typeof config === "function" ? await config() : config,
		});
		if (browser) scene.browser = await launchChromium(typeof browser === "function" ? await browser() : browser);
	});
	after(async () => {
		await scene.browser?.close();
		const code = await scene.gateway?.stop();
		if (scene.gateway) assert.equal(code, 0, `the gateway ended with ${code}\n${scene.gateway.child.tail(30)}`);
	});
	return scene;
}

class Scene {
	#players = [];

	constructor(accounts) {
		this.accounts = accounts;
	}

	/** A test whose players end with it, and tell what they saw if it fails. */
	test(name, run) {
		test(name, async (t) => {
			this.#players = [];
			const from = this.gateway.child.lines.length;
			try {
				await run(t);
			} catch (error) {
				await this.#report(from);
				throw error;
			} finally {
				for (const { player } of this.#players) await (player.close?.() ?? player.stop?.())?.catch(() => undefined);
			}
		});
	}

	async #report(from) {
		const say = (title, text) => console.error(`--- ${title}\n${text}`);
		say("gateway", this.gateway.child.lines.slice(from).slice(-120).join("\n"));
		say("last call", await this.gateway.trace());
		for (const { name, player } of this.#players) say(name, (player.log ?? player.child?.lines ?? []).slice(-40).join("\n"));
	}

	/** Adds a player that the test started itself. */
	add(name, player) {
		this.#players.push({ name, player });
		return player;
	}

	/** A page; signed in when `user` is given. */
	async page(user, { url = `${this.gateway.url}?raw=1`, ...options } = {}) {
		const page = this.add(`page ${user ?? ""}`, await openPage(this.browser, url, options));
		if (user) await page.signIn(user, this.accounts[user]);
		return page;
	}

	/** A desk phone, registered. */
	async phone(user = "1000", options = {}) {
		const settings = { user, password: this.accounts[user], server: this.gateway.server, ...options };
		return this.add(`phone ${user}`, await startBaresip(settings));
	}
}

/** Asserts that a recording holds `wanted`, without holes, and not `others`. */
export function assertHeard(recording, wanted, others) {
	const { ok, why } = judge(recording, wanted, others);
	assert.ok(ok, `${why}; wanted ${wanted} Hz`);
	const holes = gaps(recording.samples, recording.rate, wanted);
	assert.ok(holes <= 1, `${holes} holes of 100 ms in ${why}`);
}
