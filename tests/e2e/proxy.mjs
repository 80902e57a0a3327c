/* proxy.mjs: a TCP proxy between a page and the gateway, to be cut as networks are. */
import net from "node:net";
import { freePorts } from "./ports.mjs";

/** @param target the gateway's port
 *  @returns a Proxy that listens on `port` */
export async function startProxy(target) {
	const proxy = new Proxy(target, await freePorts(1));
	await proxy.listen();
	return proxy;
}

class Proxy {
	#pairs = new Set(); // { page, gateway }
	#ghosts = new Set(); // connections to the gateway whose page has gone unseen
	#server;

	constructor(target, port) {
		Object.assign(this, { target, port, refusing: false });
	}

	listen() {
		this.#server = net.createServer((page) => this.#join(page));
		return new Promise((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
	}

	#join(page) {
		if (this.refusing) {
			page.destroy();
			return;
		}
		const gateway = net.connect(this.target, "127.0.0.1");
		const pair = { page, gateway };
		const over = () => {
			this.#pairs.delete(pair);
			page.destroy();
			if (!this.#ghosts.has(gateway)) gateway.destroy();
		};
		this.#pairs.add(pair);
		for (const socket of [page, gateway]) socket.on("error", () => undefined).on("close", over);
		page.pipe(gateway, { end: false });
		gateway.pipe(page, { end: false });
	}

	/** Ends all connections.
	 * @param unseen the gateway is not told: to it they are open, and nothing comes any more */
	cut({ unseen = false } = {}) {
		for (const { page, gateway } of this.#pairs) {
			if (unseen) {
				this.#ghosts.add(gateway);
				gateway.unpipe(page);
				gateway.resume(); // what it sends is lost
			} else gateway.destroy();
			page.destroy();
		}
	}

	async close() {
		this.#server.close();
		this.cut();
		for (const gateway of this.#ghosts) gateway.destroy();
	}
}
