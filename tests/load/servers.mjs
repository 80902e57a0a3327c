/* servers.mjs: what is under load: Hookswitch, and Kamailio with rtpengine, each a folder of
 * its own and ports of 127.0.0.1. A server has
 *   args   what tells the load generator where it is, and its processes
 *   log(), stop() */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "../e2e/child.mjs";
import { tempFolder } from "../e2e/temp.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.join(here, "../..");

/** Ports from `base` on: SIP, http, https, the phones' SIP, rtpengine's control; media above. */
export const portsFrom = (base) => ({ sip: base, http: base + 1, https: base + 2, phone: base + 3, ng: base + 4, media: [base + 20, base + 1900] });

export const build = () => {
	const folder = process.env.HOOKSWITCH_BUILD ?? path.join(ROOT, "build-gcc");
	for (const program of ["hookswitch", "tests/load/load"])
		if (!existsSync(path.join(folder, program))) throw new Error(`no ${folder}/${program}: build it, or set HOOKSWITCH_BUILD`);
	return folder;
};

async function answers(port, child) {
	const begun = Date.now();
	for (;;) {
		const open = await new Promise((resolve) => {
			const socket = net.connect(port, "127.0.0.1");
			socket.once("connect", () => (socket.destroy(), resolve(true))).once("error", () => resolve(false));
		});
		if (open) return;
		if (Date.now() - begun > 20_000 || child.code !== undefined) throw new Error(`${child.name} does not start\n${child.tail()}`);
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
}

/** @param users how many accounts there are: u00000 and so on */
export async function startHookswitch({ ports, users, workers = 1, transcoders = 5000, calls = 5000, config = "" }) {
	const folder = tempFolder("load");
	const file = path.join(folder, "hookswitch.conf");
	const program = path.join(build(), "hookswitch");
	mkdirSync(path.join(folder, "web"));
	mkdirSync(path.join(folder, "state"));
	writeFileSync(path.join(folder, "users.csv"), Array.from({ length: users }, (_, i) => `u${String(i).padStart(5, "0")},load\n`).join(""));
	writeFileSync(
		file,
		`[gateway]\nstate = state\n[sip]\nudp = 127.0.0.1:${ports.sip}\ntcp =\n[web]\nroot = web\n` +
			`http = 127.0.0.1:${ports.http}\nhttps = 127.0.0.1:${ports.https}\n[media]\naddress = 127.0.0.1\n` +
			`ports = ${ports.media.join("-")}\nworkers = ${workers}\ntranscoders = ${transcoders}\n[calls]\nmax = ${calls}\n` +
			`[phone 2000]\ncontact = sip:2000@127.0.0.1:${ports.phone}\n[log]\nlevel = info\n${config}`,
	);
	const added = new Child(program, ["--config", file, "account", "import", path.join(folder, "users.csv")]);
	if ((await added.ended()) !== 0) throw new Error(added.tail());
	const child = new Child(program, ["--config", file], { cwd: folder });
	await answers(ports.http, child);
	return {
		args: (secure) => [secure ? "--wss" : "--ws", `127.0.0.1:${secure ? ports.https : ports.http}`, "--phone", `127.0.0.1:${ports.phone}`, "--pid", String(child.pid)],
		pids: [child.pid],
		log: () => child.text,
		stop: () => child.stop(10_000),
	};
}

/** @param codec of the phone, or "" where nothing is to be transcoded */
export async function startRtpengine({ ports, codec = "PCMA", threads = 1 }) {
	for (const program of ["/usr/bin/rtpengine", "/usr/sbin/kamailio"])
		if (!existsSync(program)) throw new Error(`no ${program}: see tests/load/README.md`);
	const folder = tempFolder("load");
	const engine = new Child("/usr/bin/rtpengine", [
		"--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=4", "--interface=127.0.0.1", `--listen-ng=127.0.0.1:${ports.ng}`,
		`--port-min=${ports.media[0]}`, `--port-max=${ports.media[1]}`, `--num-threads=${threads}`, "--delete-delay=0",
	]);
	const transcode = codec ? ` codec-mask-all codec-transcode-${codec}` : "";
	const offer = `RTP/AVP replace-origin ICE=remove DTLS=off SDES-off rtcp-mux-demux${transcode} generate-RTCP`;
	mkdirSync(path.join(folder, "run"));
	await new Promise((resolve) => setTimeout(resolve, 1500)); // its control port is UDP
	const kamailio = new Child("/usr/sbin/kamailio", [
		"-DD", "-E", "-m", "256", "-M", "8", "-w", folder, "-Y", path.join(folder, "run"), "-P", path.join(folder, "pid"),
		"-A", `SIP_PORT=${ports.sip}`, "-A", `WS_PORT=${ports.http}`, "-A", `RTPENGINE="udp:127.0.0.1:${ports.ng}"`,
		"-A", `PHONE="sip:2000@127.0.0.1:${ports.phone}"`, "-A", `OFFER="${offer}"`,
		"-f", path.join(here, "kamailio/kamailio.cfg"),
	]);
	const stop = async () => {
		await kamailio.stop(10_000);
		await engine.stop();
	};
	try {
		await answers(ports.http, kamailio);
	} catch (error) {
		await stop();
		throw new Error(`${error.message}\n${engine.tail()}`);
	}
	return {
		args: () => ["--ws", `127.0.0.1:${ports.http}`, "--phone", `127.0.0.1:${ports.phone}`, "--pid", String(kamailio.pid), "--pid", String(engine.pid)],
		pids: [kamailio.pid, engine.pid],
		log: () => `${kamailio.text}\n${engine.text}`,
		stop,
	};
}
