/* crowd.mjs: many small SIP-over-WSS clients in one process. Each registers and keeps its registration,
 * in the times and manner of JsSIP, comes back through the next gateway when its own has gone, and
 * refuses calls as busy. */
import { setTimeout as delay } from "node:timers/promises";
import { openWs } from "./wsclient.mjs";

const RETRY_S = 5; // when the server names no time

export class Crowd {
	members;

	/** @param accounts { user: password }, one client each
	 *  @param urlsOf (i) => the gateways of the i-th, in the order in which it asks them */
	constructor(accounts, urlsOf) {
		this.members = Object.entries(accounts).map(([user, password], i) => new Member(user, password, urlsOf(i)));
	}

	/** Signs all in, `atATime` of them at a time.
	 * @returns how long it took, in ms */
	async signIn(atATime = 10) {
		const begun = Date.now();
		const waiting = [...this.members];
		const work = async () => {
			for (let member = waiting.shift(); member; member = waiting.shift()) {
				member.start();
				await member.until((m) => m.at);
			}
		};
		await Promise.all(Array.from({ length: atATime }, work));
		return Date.now() - begun;
	}

	/** Waits until `fits` is true of all.
	 * @throws Error that says of how many it is not */
	async until(fits, ms = 30_000) {
		const end = Date.now() + ms;
		await Promise.all(this.members.map((member) => member.until(fits, end - Date.now()))).catch(() => {
			const late = this.members.filter((member) => !fits(member));
			throw new Error(`not so after ${ms} ms: ${late.length} of ${this.members.length}, ${late[0]?.user}: ${late[0]?.log.join(", ")}`);
		});
	}

	async close() {
		await Promise.all(this.members.map((member) => member.leave()));
	}
}

class Member {
	at; // the address of the gateway through which it is registered
	since; // when, in ms since the epoch
	again; // when it will come again, after it was told to come later
	registered = []; // the moment of each REGISTER that was accepted
	calls = 0; // that rang here
	log = []; // what it was told
	#leaving = new AbortController();
	#watchers = new Set();
	#client;
	#life;

	constructor(user, password, urls) {
		Object.assign(this, { user, password, urls });
	}

	start() {
		this.#life ??= this.#live().catch((error) => {
			if (!this.#leaving.signal.aborted) throw error;
		});
	}

	/** Waits until `fits(this)`. */
	until(fits, ms = 30_000) {
		if (fits(this)) return Promise.resolve();
		return new Promise((resolve, reject) => {
			const done = (fn, value) => {
				clearTimeout(timer);
				this.#watchers.delete(look);
				fn(value);
			};
			const look = () => fits(this) && done(resolve);
			const timer = setTimeout(() => done(reject, new Error(`${this.user}: ${this.log.slice(-5).join(", ")}`)), ms);
			this.#watchers.add(look);
		});
	}

	#changed() {
		for (const look of [...this.#watchers]) look();
	}

	#wait = (ms) => delay(ms, undefined, { signal: this.#leaving.signal });

	async #live() {
		for (let attempt = 0, turn = 0; !this.#leaving.signal.aborted; turn++) {
			const url = this.urls[turn % this.urls.length];
			if (turn > 0) await this.#wait(Math.min(Math.max(1000 * Math.random() * 2 ** ++attempt, 1_000), 20_000));
			try {
				this.#client = await openWs(url, { user: this.user, password: this.password, contact: this.contact });
			} catch (error) {
				this.log.push(`${url}: ${error.message}`);
				continue;
			}
			attempt = 0;
			this.contact = this.#client.contact;
			this.#answerCalls(this.#client);
			await Promise.race([this.#client.whenClosed, this.#stayRegistered(this.#client, url)]);
			this.log.push(`closed ${this.#client.closed?.code}`);
			this.at = undefined;
			this.#changed();
		}
	}

	async #stayRegistered(client, url) {
		while (!client.closed) {
			const answer = await client.register().catch((error) => ({ error }));
			if (client.closed) break;
			client.received.length = 0;
			this.log.push(`${answer.status ?? answer.error.message}`);
			if (answer.status !== 200) {
				const seconds = Number(answer.header?.("retry-after")) || RETRY_S;
				const ms = seconds * 1000 * (1 + Math.random() / 4);
				this.again = Date.now() + ms;
				this.#changed();
				await this.#wait(ms);
				continue;
			}
			this.again = undefined;
			this.at = url;
			this.since = Date.now();
			this.registered.push(this.since);
			this.#changed();
			const expires = Number(/expires=(\d+)/i.exec(answer.header("contact"))?.[1] ?? 120);
			await this.#wait(expires > 64 ? expires * 500 + Math.random() * (expires / 2 - 32) * 1000 : expires * 1000 - 5_000);
		}
	}

	#answerCalls(client) {
		const take = client.take.bind(client);
		client.take = (text) => {
			take(text);
			const message = client.received.at(-1);
			if (message.method === "INVITE") {
				this.calls++;
				client.respond(message, 486);
			} else if (message.method === "CANCEL") client.respond(message, 200);
		};
	}

	/** Goes without a word to the registrar. */
	async leave() {
		this.#leaving.abort();
		this.#client?.drop();
		await this.#life;
	}
}
