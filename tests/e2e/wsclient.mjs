/* wsclient.mjs: a raw SIP-over-WebSocket client (RFC 7118). It sends what the test writes, well-formed
 * or not, and shows what comes back; only REGISTER and digest are done for the test. */
import { createHash, randomBytes } from "node:crypto";
import WebSocket from "ws";

const md5 = (text) => createHash("md5").update(text).digest("hex");
const random = () => randomBytes(6).toString("hex");

/** Splits a SIP message; headers by lower-case name, each a list. */
export function parseSip(text) {
	const split = text.indexOf("\r\n\r\n");
	const [first, ...lines] = text.slice(0, split < 0 ? undefined : split).split("\r\n");
	const headers = {};
	for (const line of lines) {
		const colon = line.indexOf(":");
		(headers[line.slice(0, colon).trim().toLowerCase()] ??= []).push(line.slice(colon + 1).trim());
	}
	const status = /^SIP\/2\.0 (\d{3})/.exec(first)?.[1];
	return {
		first,
		status: status && Number(status),
		method: status ? undefined : first.split(" ")[0],
		headers,
		header: (name) => headers[name.toLowerCase()]?.[0],
		body: split < 0 ? "" : text.slice(split + 4),
		text,
	};
}

/** @param protocols the subprotocols to ask for; [] for none
 *  @throws Error with `statusCode` when the server answers the handshake with something else than 101 */
export async function openWs(url, { protocols = ["sip"], headers = {}, user = "alice", password = "", domain = "hookswitch" } = {}) {
	const socket = new WebSocket(url, protocols, { headers, rejectUnauthorized: false, perMessageDeflate: false });
	await new Promise((resolve, reject) => {
		socket.once("open", resolve);
		socket.once("error", reject);
		socket.once("unexpected-response", (_request, response) => {
			response.resume();
			reject(Object.assign(new Error(`the handshake got ${response.statusCode}`), { statusCode: response.statusCode }));
		});
	});
	return new WsClient(socket, { user, password, domain });
}

export class WsClient {
	received = []; // parsed
	closed; // { code, reason } once closed
	#waiters = new Set();
	#cseq = 0;

	constructor(socket, { user, password, domain }) {
		Object.assign(this, { socket, user, password, domain });
		this.contact = `sip:${random()}@${random()}.invalid;transport=ws`;
		this.callId = random();
		this.tag = random();
		socket.on("error", () => undefined);
		socket.on("message", (data) => this.#take(parseSip(data.toString())));
		this.whenClosed = new Promise((resolve) =>
			socket.on("close", (code, reason) => resolve((this.closed = { code, reason: reason.toString() }))),
		);
	}

	#take(message) {
		this.received.push(message);
		for (const waiter of this.#waiters) waiter(message);
	}

	/** Any bytes; a string goes as text, a Buffer as binary. */
	send(bytes) {
		this.socket.send(bytes);
	}

	/** Waits for the first message that fits, received already or to come.
	 * @param from index in `received` of the first that counts */
	waitFor(fits, { ms = 5_000, from = 0 } = {}) {
		const past = this.received.slice(from).find(fits);
		if (past) return Promise.resolve(past);
		return new Promise((resolve, reject) => {
			const waiter = (message) => {
				if (!fits(message)) return;
				clearTimeout(timer);
				this.#waiters.delete(waiter);
				resolve(message);
			};
			const timer = setTimeout(() => {
				this.#waiters.delete(waiter);
				reject(new Error(`nothing fitting within ${ms} ms; received: ${this.received.map((m) => m.first).join(" | ")}`));
			}, ms);
			this.#waiters.add(waiter);
		});
	}

	/** The text of a request, ready to send; `headers` replace or add lines by name, null removes. */
	request(method, { uri = `sip:${this.domain}`, to, headers = {}, body = "", callId = this.callId, branch = `z9hG4bK${random()}` } = {}) {
		const lines = {
			Via: `SIP/2.0/WS ${random()}.invalid;branch=${branch}`,
			"Max-Forwards": "70",
			From: `<sip:${this.user}@${this.domain}>;tag=${this.tag}`,
			To: `<${to ?? uri}>`,
			"Call-ID": callId,
			CSeq: `${++this.#cseq} ${method}`,
			Contact: `<${this.contact}>`,
			...headers,
			"Content-Length": String(Buffer.byteLength(body)),
		};
		const head = Object.entries(lines)
			.filter(([, value]) => value !== null)
			.map(([name, value]) => `${name}: ${value}\r\n`);
		return `${method} ${uri} SIP/2.0\r\n${head.join("")}\r\n${body}`;
	}

	/** Sends a request and waits for its final response. */
	async ask(method, options = {}) {
		const text = this.request(method, options);
		const { headers } = parseSip(text);
		const from = this.received.length;
		this.send(text);
		return this.waitFor(
			(m) => m.status >= 200 && m.header("cseq") === headers.cseq[0] && m.header("call-id") === headers["call-id"][0],
			{ from, ms: options.ms },
		);
	}

	/** The Authorization header that answers `challenge` (MD5, qop=auth or none). */
	authorization(challenge, method, uri, { nc = "00000001", password = this.password } = {}) {
		const field = (name) => new RegExp(`\\b${name}="?([^",]+)`, "i").exec(challenge)?.[1];
		const [realm, nonce] = [field("realm"), field("nonce")];
		const ha1 = md5(`${this.user}:${realm}:${password}`);
		const ha2 = md5(`${method}:${uri}`);
		const cnonce = random();
		const qop = field("qop");
		const response = qop ? md5(`${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`) : md5(`${ha1}:${nonce}:${ha2}`);
		const parts = [`username="${this.user}"`, `realm="${realm}"`, `nonce="${nonce}"`, `uri="${uri}"`, `response="${response}"`, "algorithm=MD5"];
		if (qop) parts.push("qop=auth", `nc=${nc}`, `cnonce="${cnonce}"`);
		return `Digest ${parts.join(", ")}`;
	}

	/** REGISTER with the answer to the challenge.
	 * @returns the final response, whatever it is */
	async register({ expires = 120, password } = {}) {
		const uri = `sip:${this.domain}`;
		const to = `sip:${this.user}@${this.domain}`;
		const headers = { Expires: String(expires) };
		const first = await this.ask("REGISTER", { uri, to, headers });
		if (first.status !== 401) return first;
		const Authorization = this.authorization(first.header("www-authenticate"), "REGISTER", uri, { password });
		return this.ask("REGISTER", { uri, to, headers: { ...headers, Authorization } });
	}

	close() {
		this.socket.close();
		return this.whenClosed;
	}

	/** Drops the connection without a word. */
	drop() {
		this.socket.terminate();
	}
}
