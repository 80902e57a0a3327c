/* turnclient.mjs: a small TURN client over UDP (RFC 8489, RFC 8656): it allocates, and asks for
 * permissions. */
import { createHash, createHmac, randomBytes } from "node:crypto";
import dgram from "node:dgram";
import net from "node:net";

const COOKIE = 0x2112a442;
const ALLOCATE = 0x003;
const REFRESH = 0x004;
const CREATE_PERMISSION = 0x008;
const A = { USERNAME: 0x06, INTEGRITY: 0x08, ERROR: 0x09, LIFETIME: 0x0d, PEER: 0x12, REALM: 0x14, NONCE: 0x15, FAMILY: 0x17, TRANSPORT: 0x19, FINGERPRINT: 0x8028 };

/** Name and password as the gateway makes them: good until `until`, in seconds since the epoch. */
export function credentials(secret, user, until) {
	const username = `${until}:${user}`;
	return { username, password: createHmac("sha1", secret).update(username).digest("base64") };
}

/** An IPv6 address as 16 bytes; an IPv4 one as 4. */
function addressBytes(address) {
	if (net.isIPv4(address)) return Buffer.from(address.split(".").map(Number));
	const [head, tail] = address.split("::").map((part) => (part ? part.split(":") : []));
	const words = (part) => part.flatMap((word) => (word.includes(".") ? hexOf(word) : [parseInt(word, 16)]));
	const [first, last] = [words(head), words(tail ?? [])];
	const all = [...first, ...Array(8 - first.length - last.length).fill(0), ...last];
	return Buffer.concat(all.map((word) => Buffer.from([word >> 8, word & 255])));
}
function hexOf(v4) {
	const [a, b, c, d] = v4.split(".").map(Number);
	return [a * 256 + b, c * 256 + d];
}

function attribute(type, value) {
	const bytes = Buffer.from(value);
	const head = Buffer.alloc(4);
	head.writeUInt16BE(type, 0);
	head.writeUInt16BE(bytes.length, 2);
	return Buffer.concat([head, bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

/* XOR-PEER-ADDRESS (RFC 8489 §14.2) */
function peerAttribute(address, port, transaction) {
	const bytes = addressBytes(address);
	const mask = Buffer.concat([Buffer.from("2112a442", "hex"), transaction]);
	const head = Buffer.from([0, bytes.length === 4 ? 1 : 2, (port >> 8) ^ 0x21, (port & 255) ^ 0x12]);
	return attribute(A.PEER, Buffer.concat([head, bytes.map((byte, i) => byte ^ mask[i])]));
}

function parse(message) {
	const all = {};
	for (let at = 20; at + 4 <= message.length; ) {
		const [type, n] = [message.readUInt16BE(at), message.readUInt16BE(at + 2)];
		all[type] ??= message.subarray(at + 4, at + 4 + n);
		at += 4 + n + ((4 - (n % 4)) % 4);
	}
	const error = all[A.ERROR];
	return { all, status: error ? error[2] * 100 + error[3] : 200 };
}

export class TurnClient {
	#server;
	#socket;
	#answers = new Map();
	#realm;
	#nonce;
	nonces = 1; // that the server gave us

	/** @param server { address, port } */
	static async open(server) {
		const client = new TurnClient();
		client.#server = server;
		client.#socket = dgram.createSocket("udp4").on("message", (bytes) => client.#answers.get(bytes.toString("hex", 8, 20))?.(parse(bytes)));
		await new Promise((resolve) => client.#socket.bind(0, server.address, resolve));
		return client;
	}

	async #ask(method, attributes) {
		const transaction = randomBytes(12);
		const body = [...attributes(transaction)];
		const message = (extra) => {
			const head = Buffer.alloc(8);
			const length = body.reduce((sum, each) => sum + each.length, 0);
			head.writeUInt16BE(method, 0);
			head.writeUInt16BE(length + extra, 2);
			head.writeUInt32BE(COOKIE, 4);
			return Buffer.concat([head, transaction, ...body]);
		};
		if (this.#nonce) {
			const { username, password } = this.credentials;
			body.push(attribute(A.USERNAME, username), attribute(A.REALM, this.#realm), attribute(A.NONCE, this.#nonce));
			const key = createHash("md5").update(`${username}:${this.#realm}:${password}`).digest();
			body.push(attribute(A.INTEGRITY, createHmac("sha1", key).update(message(24)).digest()));
		}
		const answer = new Promise((resolve, reject) => {
			this.#answers.set(transaction.toString("hex"), resolve);
			setTimeout(() => reject(new Error("the TURN server does not answer")), 5_000).unref();
		});
		this.#socket.send(message(0), this.#server.port, this.#server.address);
		return answer;
	}

	/** With these credentials.
	 * @returns 200 or the error's number */
	async allocate(given, { ipv6 = false } = {}) {
		const what = () => [attribute(A.TRANSPORT, [17, 0, 0, 0]), ...(ipv6 ? [attribute(A.FAMILY, [2, 0, 0, 0])] : [])];
		this.credentials = given;
		const challenge = await this.#ask(ALLOCATE, what);
		if (challenge.status !== 401) return challenge.status;
		this.#realm = challenge.all[A.REALM].toString();
		this.#nonce = challenge.all[A.NONCE];
		const answer = await this.#ask(ALLOCATE, what);
		this.hasFingerprint = A.FINGERPRINT in answer.all;
		return answer.status;
	}

	/** Like #ask(), once more when our nonce has become too old. */
	async #askOn(method, attributes) {
		const answer = await this.#ask(method, attributes);
		if (answer.status !== 438) return answer;
		this.nonces++;
		this.#nonce = answer.all[A.NONCE];
		return this.#ask(method, attributes);
	}

	/** May packets come from and go to this peer? 200, or the error's number: 403 is "no". */
	async permit(peer) {
		return (await this.#askOn(CREATE_PERMISSION, (transaction) => [peerAttribute(peer, 5060, transaction)])).status;
	}

	/** Keeps the allocation for ten minutes more. 200, or the error's number. */
	async refresh() {
		return (await this.#askOn(REFRESH, () => [attribute(A.LIFETIME, [0, 0, 2, 88])])).status;
	}

	close() {
		return new Promise((resolve) => this.#socket.close(resolve));
	}
}
