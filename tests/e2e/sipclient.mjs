/* sipclient.mjs: raw SIP over UDP, TCP or WebSocket. It sends what the test writes, well-formed or not,
 * and shows what comes back; only digest and the framing of TCP are done for the test. */
import { createHash, randomBytes } from "node:crypto";
import dgram from "node:dgram";
import net from "node:net";

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

/** Over UDP, from a port of its own.
 * @param server the gateway's port on 127.0.0.1
 * @param host its own address
 * @returns a SipClient */
export async function openUdp(server, { user = "1000", password = "", domain = "hookswitch", host = "127.0.0.1", port = 0 } = {}) {
	const socket = dgram.createSocket("udp4").unref();
	await new Promise((resolve, reject) => socket.once("error", reject).bind(port, host, resolve));
	const address = `${host}:${socket.address().port}`;
	const client = new SipClient(
		{
			via: `UDP ${address}`,
			send: (bytes) => socket.send(bytes, server, "127.0.0.1"),
			close: () => new Promise((resolve) => socket.close(resolve)),
		},
		{ user, password, domain, contact: `sip:${user}@${address}` },
	);
	socket.on("message", (bytes) => client.take(bytes.toString()));
	return client;
}

/** Over one TCP connection. */
export async function openTcp(server, { user = "1000", password = "", domain = "hookswitch" } = {}) {
	const socket = net.connect(server, "127.0.0.1").unref();
	await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
	return overTcp(socket, { user, password, domain });
}

/** Over a connection that is open: also one that was accepted. */
export function overTcp(socket, { user = "1000", password = "", domain = "hookswitch" } = {}) {
	const address = `127.0.0.1:${socket.localPort}`;
	const client = new SipClient(
		{
			via: `TCP ${address}`,
			send: (bytes) => socket.write(bytes),
			close: async () => socket.closed || new Promise((resolve) => socket.once("close", resolve).destroy()),
		},
		{ user, password, domain, contact: `sip:${user}@${address};transport=tcp` },
	);
	let buffer = "";
	socket.on("error", () => undefined);
	socket.on("data", (bytes) => {
		buffer += bytes.toString("latin1");
		for (;;) {
			buffer = buffer.replace(/^(\r\n)+/, "");
			const end = buffer.indexOf("\r\n\r\n");
			if (end < 0) return;
			const length = Number(/^(?:content-length|l)\s*:\s*(\d+)/im.exec(buffer.slice(0, end))?.[1] ?? 0);
			if (buffer.length < end + 4 + length) return;
			client.take(buffer.slice(0, end + 4 + length));
			buffer = buffer.slice(end + 4 + length);
		}
	});
	return client;
}

export class SipClient {
	received = []; // parsed
	onRequest; // told of each request, if the test sets it
	#waiters = new Set();
	#cseq = 0;

	/** @param transport { via, send(bytes), close() }, via as in "UDP 127.0.0.1:5062"
	 *  @param settings { user, password, domain, contact } */
	constructor(transport, settings) {
		Object.assign(this, { transport }, settings);
		this.callId = random();
		this.tag = random();
	}

	/** A message came. */
	take(text) {
		const message = parseSip(text);
		this.received.push(message);
		for (const waiter of this.#waiters) waiter(message);
		if (message.method) this.onRequest?.(message);
	}

	/** Any bytes, as one datagram or message. */
	send(bytes) {
		this.transport.send(bytes);
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
			Via: `SIP/2.0/${this.transport.via};branch=${branch}`,
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

	/** Sends a request and waits for its final response; that of an INVITE gets its ACK unless
	 * `ack` is false. */
	async ask(method, options = {}) {
		const text = this.request(method, options);
		const { headers } = parseSip(text);
		const from = this.received.length;
		this.send(text);
		const answer = await this.waitFor(
			(m) => m.status >= 200 && m.header("cseq") === headers.cseq[0] && m.header("call-id") === headers["call-id"][0],
			{ from, ms: options.ms },
		);
		if (method === "INVITE" && options.ack !== false) this.ack(answer, options.uri, headers.via[0]);
		return answer;
	}

	/** The Authorization header that answers `challenge`, in its own algorithm (qop=auth or none). */
	authorization(challenge, method, uri, { nc = "00000001", user = this.user, password = this.password } = {}) {
		const field = (name) => new RegExp(`\\b${name}="?([^",]+)`, "i").exec(challenge)?.[1];
		const algorithm = field("algorithm") ?? "MD5";
		const hash = (text) => createHash(algorithm === "SHA-256" ? "sha256" : "md5").update(text).digest("hex");
		const [realm, nonce] = [field("realm"), field("nonce")];
		const ha1 = hash(`${user}:${realm}:${password}`);
		const ha2 = hash(`${method}:${uri}`);
		const cnonce = random();
		const qop = field("qop");
		const response = qop ? hash(`${ha1}:${nonce}:${nc}:${cnonce}:auth:${ha2}`) : hash(`${ha1}:${nonce}:${ha2}`);
		const parts = [`username="${user}"`, `realm="${realm}"`, `nonce="${nonce}"`, `uri="${uri}"`, `response="${response}"`, `algorithm=${algorithm}`];
		if (qop) parts.push("qop=auth", `nc=${nc}`, `cnonce="${cnonce}"`);
		return `Digest ${parts.join(", ")}`;
	}

	/** A request, and again with credentials when it is challenged; an INVITE's refusals get their ACK.
	 * @param challenge picks one of the challenges
	 * @returns the final response, whatever it is */
	async askWithDigest(method, { password, as, challenge = (all) => all[0], ...options } = {}) {
		const uri = options.uri ?? `sip:${this.domain}`;
		const first = await this.ask(method, { ...options, uri });
		if (first.status !== 401 && first.status !== 407) return first;
		const name = first.status === 401 ? "WWW-Authenticate" : "Proxy-Authenticate";
		const value = this.authorization(challenge(first.headers[name.toLowerCase()]), method, uri, { password, user: as });
		const headers = { ...options.headers, [first.status === 401 ? "Authorization" : "Proxy-Authorization"]: value };
		return this.ask(method, { ...options, uri, headers });
	}

	/** REGISTER with the answer to the challenge.
	 * @returns the final response, whatever it is */
	register({ expires = 120, to = `sip:${this.user}@${this.domain}`, headers = {}, ...options } = {}) {
		return this.askWithDigest("REGISTER", { to, headers: { Expires: String(expires), ...headers }, ...options });
	}

	/** Says goodbye to the registrar and closes. */
	async leave() {
		await this.register({ expires: 0 });
		await this.close();
	}

	/** INVITE with SDP.
	 * @returns the final response; its ACK has been sent */
	invite(number, { body, headers = {}, ...options } = {}) {
		const uri = `sip:${number}@${this.domain}`;
		const type = body ? { "Content-Type": "application/sdp" } : {};
		return this.askWithDigest("INVITE", { uri, to: uri, body, headers: { ...type, ...headers }, ms: 15_000, ...options });
	}

	/** The ACK of a final response to INVITE (RFC 3261 §13.2.2.4, §17.1.1.3). */
	ack(response, uri, via) {
		const good = response.status < 300;
		const target = good ? /<([^>]+)>/.exec(response.header("contact"))[1] : uri;
		const headers = {
			Via: good ? `SIP/2.0/${this.transport.via};branch=z9hG4bK${random()}` : via,
			From: response.header("from"),
			To: response.header("to"),
			CSeq: `${parseInt(response.header("cseq"), 10)} ACK`,
		};
		this.send(this.request("ACK", { uri: target, headers, callId: response.header("call-id") }));
	}

	/** The BYE of a dialog in which we called: `response` is the 200 of the INVITE. */
	bye(response) {
		const uri = /<([^>]+)>/.exec(response.header("contact"))[1];
		const headers = { From: response.header("from"), To: response.header("to") };
		return this.ask("BYE", { uri, headers, callId: response.header("call-id") });
	}

	/** Answers a request that was received. */
	respond(request, status, { headers = {}, body = "", tag = this.tag } = {}) {
		const kept = ["via", "from", "call-id", "cseq"].flatMap((name) => request.headers[name].map((value) => `${name}: ${value}\r\n`));
		const to = request.header("to");
		const lines = { To: /;tag=/.test(to) ? to : `${to};tag=${tag}`, Contact: `<${this.contact}>`, ...headers };
		if (body) lines["Content-Type"] = "application/sdp";
		const more = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
		this.send(`SIP/2.0 ${status} X\r\n${kept.join("")}${more.join("")}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
	}

	/** Waits for a request of `method`, past or to come. */
	waitForRequest(method, options) {
		return this.waitFor((message) => message.method === method, options);
	}

	close() {
		return this.transport.close();
	}
}

/** A phone's SDP: `codecs` as [payload type, rtpmap or ""]. */
export function phoneSdp(port, codecs = [[8, "PCMA/8000"]], address = "127.0.0.1") {
	const maps = codecs.filter(([, map]) => map).map(([pt, map]) => `a=rtpmap:${pt} ${map}\r\n`);
	const types = codecs.map(([pt]) => pt).join(" ");
	return `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP ${types}\r\n${maps.join("")}`;
}
