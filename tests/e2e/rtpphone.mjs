/* rtpphone.mjs: a desk phone of few lines that can be listened to all the time: it takes one call,
 * says a tone in G.711 and keeps what it hears, also when the call is on hold or its codec, its address
 * or the direction change. */
import dgram from "node:dgram";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "./ports.mjs";
import { openUdp } from "./sipclient.mjs";
import { aLaw, fromALaw, fromULaw, PHONE_HZ, synthesize, uLaw } from "./tone.mjs";

const RATE = 8000;
const STEP_MS = 20;
const STEP = (RATE * STEP_MS) / 1000;
const CODECS = { PCMA: { pt: 8, encode: aLaw, decode: fromALaw }, PCMU: { pt: 0, encode: uLaw, decode: fromULaw } };
const MIRRORED = { sendrecv: "sendrecv", sendonly: "recvonly", recvonly: "sendonly", inactive: "inactive" };

const directionOf = (sdp) => /^a=(sendrecv|sendonly|recvonly|inactive)/m.exec(sdp)?.[1] ?? "sendrecv";

/** @param server the gateway's port
 *  @returns an RtpPhone, registered */
export async function startRtpPhone({ server, user = "1000", password, hz = PHONE_HZ }) {
	const phone = new RtpPhone(await openUdp(server, { user, password }), hz);
	await phone.listen();
	const { status } = await phone.sip.register();
	if (status !== 200) throw new Error(`the phone's REGISTER got ${status}`);
	return phone;
}

class RtpPhone {
	codec = "PCMA";
	direction = "sendrecv"; // its own
	#version = 1;
	#heard = []; // pieces of sound, as they come
	#remote; // where the gateway listens
	#sent = 0; // packets

	constructor(sip, hz) {
		this.sip = sip;
		this.tone = synthesize(1, RATE, [[hz, 0.4]]).samples; // whole periods: it can go round
		sip.onRequest = (request) => this.#onRequest(request);
	}

	/** What came and went, for the report of a failed test. */
	get log() {
		return this.sip.received.map((message) => `<<< ${message.text}`);
	}

	/** Opens a port for its audio: the first, or another one. */
	async listen() {
		const socket = dgram.createSocket("udp4");
		const port = await freePorts(2);
		await new Promise((resolve) => socket.bind(port, "127.0.0.1", resolve));
		socket.on("message", (packet) => this.#take(packet));
		this.socket?.close();
		this.socket = socket;
		this.port = port;
	}

	#take(packet) {
		const codec = Object.values(CODECS).find(({ pt }) => pt === (packet[1] & 0x7f));
		if (codec) this.#heard.push(codec.decode(packet.subarray(12)));
	}

	/** What it hears from now on for so long. */
	async hear(ms) {
		const from = this.#heard.length;
		await delay(ms);
		const samples = Float32Array.from(this.#heard.slice(from).flatMap((piece) => [...piece]));
		return { samples, rate: RATE };
	}

	#sdp(direction) {
		const { pt } = CODECS[this.codec];
		return `v=0\r\no=- 1 ${this.#version++} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio ${this.port} RTP/AVP ${pt}\r\na=${direction}\r\n`;
	}

	#listenTo(sdp) {
		this.#remote = Number(/^m=audio (\d+)/m.exec(sdp)[1]);
	}

	#onRequest(request) {
		if (request.method === "INVITE" && this.invite) this.#follow(request);
		else if (request.method === "INVITE") this.#answer(request);
		else if (request.method === "BYE") this.sip.respond(request, 200);
	}

	#answer(invite) {
		this.invite = invite;
		this.#listenTo(invite.body);
		this.sip.respond(invite, 200, { body: this.#sdp(this.direction) });
		this.started = performance.now();
		this.timer = setInterval(() => this.#speak(), STEP_MS / 2);
	}

	/* The gateway's re-INVITE: answered as a phone does that wants nothing itself. It speaks on when it
	 * is held; who holds must not hear it. */
	#follow(again) {
		this.told = directionOf(again.body);
		this.#listenTo(again.body);
		this.sip.respond(again, 200, { body: this.#sdp(this.direction === "sendrecv" ? MIRRORED[this.told] : this.direction) });
	}

	#speak() {
		for (const due = (performance.now() - this.started) / STEP_MS; this.#sent < due; this.#sent++) {
			if (!/^send/.test(this.direction)) continue;
			const at = (this.#sent * STEP) % RATE;
			const packet = Buffer.alloc(12 + STEP);
			packet[0] = 0x80;
			packet[1] = CODECS[this.codec].pt;
			packet.writeUInt16BE(this.#sent & 0xffff, 2);
			packet.writeUInt32BE((this.#sent * STEP) >>> 0, 4);
			packet.writeUInt32BE(0x700, 8);
			packet.set(CODECS[this.codec].encode({ samples: this.tone.subarray(at, at + STEP) }), 12);
			this.socket.send(packet, this.#remote, "127.0.0.1");
		}
	}

	/** In the call's dialog. */
	#ask(method, body = "") {
		const uri = /<([^>]+)>/.exec(this.invite.header("contact"))[1];
		const headers = { From: `${this.invite.header("to")};tag=${this.sip.tag}`, To: this.invite.header("from") };
		if (body) headers["Content-Type"] = "application/sdp";
		return this.sip.ask(method, { uri, headers, body, callId: this.invite.header("call-id") });
	}

	/** Offers anew: another direction, codec, or (move) another port.
	 * @returns the direction of the gateway's answer */
	async offer({ direction = this.direction, codec = this.codec, move = false } = {}) {
		Object.assign(this, { direction, codec });
		if (move) await this.listen();
		const answer = await this.#ask("INVITE", this.#sdp(direction));
		if (answer.status !== 200) throw new Error(`the phone's re-INVITE got ${answer.first}`);
		this.#listenTo(answer.body);
		return directionOf(answer.body);
	}

	async hangUp() {
		clearInterval(this.timer);
		return this.#ask("BYE");
	}

	async stop() {
		clearInterval(this.timer);
		this.socket.close();
		await this.sip.close();
	}
}
