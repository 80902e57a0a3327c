/* linphone.mjs: a desk phone of another brand (Debian's linphone-cli), steered by its command line.
 *
 * It plays a tone of its own and writes what it hears to a WAV file. Everything is on 127.0.0.1. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Child } from "./child.mjs";
import { freePorts } from "./ports.mjs";
import { tempFolder } from "./temp.mjs";
import { parseWav, PHONE_HZ, synthesize, writeWav } from "./tone.mjs";

const PROGRAM = process.env.LINPHONE ?? "/usr/bin/linphonec";
const TONE_S = 300;

const config = ({ user, password, domain, server, sipPort, rtpPort }) => `[sip]
sip_port=${sipPort}
sip_tcp_port=0
sip_tls_port=0
bind_address=127.0.0.1
guess_hostname=0
contact="phone" <sip:phone@127.0.0.1:${sipPort}>
ipv6_migration_done=1
use_ipv6=0
register_only_when_network_is_up=0
default_proxy=0
[proxy_0]
reg_proxy=<sip:${server}>
reg_route=<sip:${server};lr>
reg_identity=sip:${user}@${domain}
reg_expires=60
reg_sendregister=1
[auth_info_0]
username=${user}
passwd=${password}
[rtp]
audio_rtp_port=${rtpPort}-${rtpPort + 19}
bind_address=127.0.0.1
[net]
firewall_policy=0
dns_srv_enabled=0
[sound]
echocancellation=0
noisegate=0
[video]
enabled=0
capture=0
display=0
`;

/** @param server "ADDRESS:PORT" of the registrar's UDP
 *  @returns a Linphone, registered */
export async function startLinphone({ user = "1000", password, server, domain = "hookswitch", hz = PHONE_HZ } = {}) {
	if (!existsSync(PROGRAM)) throw new Error("no linphonec: install Debian's package linphone-cli or set LINPHONE");
	const folder = tempFolder("linphone");
	const [sipPort, rtpPort] = [await freePorts(1), await freePorts(20)];
	const tone = path.join(folder, "tone.wav");

	mkdirSync(path.join(folder, ".local/share/linphone"), { recursive: true });
	writeFileSync(tone, writeWav(synthesize(TONE_S, 8000, [[hz, 0.4]])));
	writeFileSync(path.join(folder, "linphonerc"), config({ user, password, domain, server, sipPort, rtpPort }));
	const args = ["-oL", PROGRAM, "-c", path.join(folder, "linphonerc"), "-d", "5"]; // its log tells what happens
	const child = new Child("stdbuf", args, { input: null, env: { ...process.env, HOME: folder } });
	const phone = new Linphone(child, { folder, tone });
	try {
		await child.waitForLine(/Warning: video is disabled|linphonec>/);
		phone.command("soundcard use files");
		await phone.waitFor(/to \[LinphoneRegistrationOk\]/);
	} catch (error) {
		await phone.stop();
		throw error;
	}
	return phone;
}

class Linphone {
	constructor(child, { folder, tone }) {
		this.child = child;
		this.folder = folder;
		this.tone = tone;
	}

	/** A line of its command line: "call 1000", "answer", "terminate", or keys to press in a call. */
	command = (line) => this.child.write(`${line}\n`);

	/** Plays its tone and writes what it hears; in a call only. */
	talk() {
		this.command(`play ${this.tone}`);
		this.command(`record ${path.join(this.folder, "heard.wav")}`);
	}

	/** The keys it was sent. */
	keys = () => [...this.child.text.matchAll(/Receiving tone (.) from/g)].map(([, key]) => key).join("");

	waitFor = (pattern, options) => this.child.waitForLine(pattern, options);

	/** What it heard since talk(). Audio comes to the file in blocks. */
	heard() {
		const file = path.join(this.folder, "heard.wav");
		const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
		if (bytes.toString("latin1", 0, 4) === "RIFF") return parseWav(bytes);
		/* still being written, and its header comes last */
		const samples = new Float32Array(Math.max(0, Math.floor((bytes.length - 44) / 2)));
		for (let i = 0; i < samples.length; i++) samples[i] = bytes.readInt16LE(44 + i * 2) / 32768;
		return { samples, rate: this.child.text.includes("->MSOpusEnc") ? 48000 : 8000 }; // of the codec
	}

	async stop() {
		this.command("quit");
		return this.child.stop();
	}
}
