/* wsclient.mjs: a raw SIP-over-WebSocket client (RFC 7118). */
import { randomBytes } from "node:crypto";
import WebSocket from "ws";
import { SipClient } from "./sipclient.mjs";

const random = () => randomBytes(6).toString("hex");

/** @param protocols the subprotocols to ask for; [] for none
 *  @param contact its address, that of an earlier connection for a client that comes back
 *  @param options of the connection, such as localAddress
 *  @throws Error with `statusCode` when the server answers the handshake with something else than 101 */
export async function openWs(
	url,
	{
		protocols = ["sip"],
		headers = {},
		user = "alice",
		password = "",
		domain = "hookswitch",
		contact = `sip:${random()}@${random()}.invalid;transport=ws`,
		...options
	} = {},
) {
	const socket = new WebSocket(url, protocols, { headers, rejectUnauthorized: false, perMessageDeflate: false, ...options });
	await new Promise((resolve, reject) => {
		socket.once("open", resolve);
		socket.once("error", reject);
		socket.once("unexpected-response", (_request, response) => {
			response.resume();
			reject(Object.assign(new Error(`the handshake got ${response.statusCode}`), { statusCode: response.statusCode }));
		});
	});
	return new WsClient(socket, { user, password, domain, contact });
}

export class WsClient extends SipClient {
	closed; // { code, reason } once closed

	constructor(socket, settings) {
		super({ via: `WS ${random()}.invalid`, send: (bytes) => socket.send(bytes) }, settings);
		this.socket = socket;
		socket.on("error", () => undefined);
		socket.on("message", (data) => this.take(data.toString()));
		this.whenClosed = new Promise((resolve) =>
			socket.on("close", (code, reason) => resolve((this.closed = { code, reason: reason.toString() }))),
		);
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
