/* baresip.mjs: a real desk phone (Debian's baresip-core), steered through its ctrl_tcp module.
 *
 * It plays a tone of its own and writes what it hears to a WAV file. It is on 127.0.0.1, or in a network
 * namespace. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Child } from "./child.mjs";
import { freePorts } from "./ports.mjs";
import { tempFolder } from "./temp.mjs";
import { parseWav, PHONE_HZ, synthesize, writeWav } from "./tone.mjs";

const PROGRAM = process.env.BARESIP ?? "/usr/bin/baresip";
const MODULES = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"].find(existsSync);
const SOUND = { G722: [16000, 1], opus: [48000, 2] };
const TONE_S = 300; // baresip hangs up at the end of its file

function config({ folder, address, sipPort, rtpPort, controlPort, source, rate, channels, authority }) {
	return `poll_method epoll
sip_listen ${address}:${sipPort}
net_interface ${address}
call_local_timeout 120
call_max_calls 4
audio_source aufile,${source}
audio_srate ${rate}
audio_channels ${channels}
audio_level no
audio_buffer 20-160
rtp_tos 184
rtp_ports ${rtpPort}-${rtpPort + 39}
rtcp_mux no
jitter_buffer_delay 1-5
${authority ? `sip_cafile ${authority}\n` : ""}rtp_stats no
module_path ${MODULES}
module g711.so
module g722.so
module opus.so
module aufile.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen ${address}:${controlPort}
snd_path ${folder}/heard
`;
}

/** @param server "ADDRESS:PORT" of the registrar; without it the phone stands alone
 *  @param transport to the registrar: udp, tcp or tls
 *  @param authority for tls: PEM file of whom it trusts
 *  @param sipPort its own port, if the test must know before
 *  @param codec PCMA, PCMU, G722 (which samples at 16 kHz) or opus
 *  @param autoAnswer false: the test calls accept()
 *  @param namespace where it lives, see namespace.mjs
 *  @param wav file to play instead of the tone (the codec's rate and channels, 16 bit)
 *  @returns a Baresip, registered if there is a server */
export async function startBaresip({
	user = "1000",
	password = "none", // an empty one makes it ask on standard input
	server,
	domain = "hookswitch",
	codec = "PCMA",
	hz = PHONE_HZ,
	autoAnswer = true,
	wav,
	register = true,
	transport = "udp",
	authority,
	sipPort,
	namespace,
} = {}) {
	if (!existsSync(PROGRAM)) throw new Error("no baresip: install Debian's package baresip-core or set BARESIP");
	const folder = tempFolder("baresip");
	sipPort ??= await freePorts(2);
	const rtpPort = await freePorts(40);
	const controlPort = await freePorts(1);
	const address = namespace?.address ?? "127.0.0.1";
	const [rate, channels] = SOUND[codec] ?? [8000, 1];
	const source = wav ?? path.join(folder, "tone.wav");
	const options = [
		`auth_user=${user}`,
		`auth_pass=${password}`,
		`answermode=${autoAnswer ? "auto" : "manual"}`,
		`audio_codecs=${codec}/${rate}/${channels}`,
		`regint=${server && register ? 60 : 0}`,
		"ptime=20",
	];
	if (server) options.push(`outbound="sip:${server};transport=${transport}"`);

	mkdirSync(path.join(folder, "heard"));
	if (!wav) writeFileSync(source, writeWav(synthesize(TONE_S, rate, [[hz, 0.4]]), channels));
	writeFileSync(path.join(folder, "config"), config({ folder, address, sipPort, rtpPort, controlPort, source, rate, channels, authority }));
	writeFileSync(path.join(folder, "accounts"), `<sip:${user}@${server ? domain : `${address}:${sipPort}`}>;${options.join(";")}\n`);
	writeFileSync(path.join(folder, "contacts"), "");

	const [program, ...args] = [...(namespace?.enter ?? []), "stdbuf", "-oL", PROGRAM, "-f", folder, "-s"]; // or its lines come late
	const child = new Child(program, args);
	const phone = new Baresip(child, { folder, address, sipPort, user });
	try {
		await child.waitForLine(/baresip is ready/);
		await phone.connect(controlPort);
		/* may have happened before we were connected: the line is in the log then */
		if (server && register) await child.waitForLine(/\{\d+\/(UDP|TCP|TLS)\/v4\} 200 /);
	} catch (error) {
		await phone.stop();
		throw error;
	}
	return phone;
}

export class Baresip {
	events = []; // { type, param, peeruri, … } as baresip tells them
	#waiters = new Set();
	#control;
	#buffer = "";

	constructor(child, { folder, address, sipPort, user }) {
		this.child = child;
		this.folder = folder;
		this.address = address;
		this.sipPort = sipPort;
		this.user = user;
	}

	/** Its address for a direct call. */
	get uri() {
		return `sip:${this.user}@${this.address}:${this.sipPort}`;
	}

	async connect(port) {
		this.#control = net.connect(port, this.address);
		this.#control.setEncoding("utf8").on("data", (text) => this.#onData(text));
		await new Promise((resolve, reject) => this.#control.once("connect", resolve).once("error", reject));
		this.#control.on("error", () => undefined);
	}

	/* netstrings: LENGTH:JSON, */
	#onData(text) {
		this.#buffer += text;
		for (;;) {
			const colon = this.#buffer.indexOf(":");
			const length = Number(this.#buffer.slice(0, colon));
			if (colon < 0 || this.#buffer.length < colon + 1 + length + 1) return;
			const message = JSON.parse(this.#buffer.slice(colon + 1, colon + 1 + length));
			this.#buffer = this.#buffer.slice(colon + 1 + length + 1);
			if (!message.event) continue;
			this.events.push(message);
			for (const waiter of this.#waiters) waiter(message);
		}
	}

	#command(command, params = "") {
		const json = JSON.stringify({ command, params, token: "t" });
		this.#control.write(`${json.length}:${json},`);
	}

	/** Waits for an event, past or to come.
	 * @param type CALL_INCOMING, CALL_RINGING, CALL_ESTABLISHED, CALL_CLOSED, CALL_DTMF_START, …
	 * @param from index in `events` of the first that counts */
	waitFor(type, { ms = 10_000, from = 0, where = () => true } = {}) {
		const fits = (event) => event.type === type && where(event);
		const past = this.events.slice(from).find(fits);
		if (past) return Promise.resolve(past);
		return new Promise((resolve, reject) => {
			const waiter = (event) => {
				if (!fits(event)) return;
				clearTimeout(timer);
				this.#waiters.delete(waiter);
				resolve(event);
			};
			const timer = setTimeout(() => {
				this.#waiters.delete(waiter);
				const seen = this.events.map((event) => event.type).join(" ");
				reject(new Error(`baresip ${this.user}: no ${type} within ${ms} ms; seen: ${seen}\n${this.child.tail()}`));
			}, ms);
			this.#waiters.add(waiter);
		});
	}

	/** A number (completed by the account) or a SIP address. */
	dial = (to) => this.#command("dial", to);
	accept = () => this.#command("accept");
	hangUp = () => this.#command("hangup");
	hold = () => this.#command("hold");
	resume = () => this.#command("resume");

	/** Presses keys, each 160 ms long, as a person does. */
	async press(keys) {
		for (const key of keys) {
			this.#command("sndcode", key);
			await delay(160);
			this.#command("sndcode", "\u0004"); // baresip's KEYCODE_REL
			await delay(120);
		}
	}

	/** The keys it was sent, each once. */
	keys() {
		return this.events.filter((event) => event.type === "CALL_DTMF_START").map((event) => event.param).join("");
	}

	/** The requests of `method` in its SIP trace, sent and received. */
	requests(method) {
		const plain = this.child.text.replace(/\x1b\[[0-9;]*m/g, "").replace(/\r/g, "");
		return plain.match(new RegExp(`^${method} sip[\\s\\S]*?\\n\\n(?:v=0[\\s\\S]*?(?=\\n[^a-z]|\\n\\n))?`, "gm")) ?? [];
	}

	/** All it heard in its latest call. Audio comes to the file in blocks: take it after the call, or
	 * some time in. */
	heard() {
		const folder = path.join(this.folder, "heard");
		const file = readdirSync(folder).filter((name) => /-dec\.wav$/.test(name)).sort().at(-1);
		return file ? parseWav(readFileSync(path.join(folder, file))) : { samples: new Float32Array(0), rate: 8000 };
	}

	async stop() {
		this.#control?.destroy();
		return this.child.stop();
	}
}
