/* systems.mjs: what is measured: Hookswitch, and Kamailio with rtpengine, each a folder of its
 * own and private ports of 127.0.0.1. A system has
 *   wsUrl    where browsers connect
 *   sip      its port for phones, UDP
 *   domain   (number): of the URI that reaches that phone
 *   register whether browsers must register
 *   log(), stop() */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import dgram from "node:dgram";
import net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "../e2e/child.mjs";
import { startGateway } from "../e2e/gateway.mjs";
import { freePorts } from "../e2e/ports.mjs";
import { tempFolder } from "../e2e/temp.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));

/* Before others, if we may: the measure is of the gateway, not of what else the machine does. */
function hurry(...pids) {
	for (const pid of pids) spawnSync("chrt", ["--all-tasks", "--rr", "--pid", "1", String(pid)], { stdio: "ignore" });
}

/** @param phones { number: SIP port } */
export async function startHookswitch(phones) {
	const config = Object.fromEntries(Object.entries(phones).map(([number, port]) => [`phone ${number}`, { contact: `sip:${number}@127.0.0.1:${port}` }]));
	const gateway = await startGateway({ accounts: { alice: "wonderland" }, config: { ...config, web: { root: here }, log: { level: "info" } } });
	hurry(gateway.child.pid);
	return {
		wsUrl: `ws://127.0.0.1:${gateway.http}/`,
		sip: gateway.sip,
		domain: () => "hookswitch",
		register: true,
		log: () => gateway.log,
		stop: () => gateway.stop(),
	};
}

/* rtpengine(8): "--jitter-buffer: size of the incoming jitter buffer in packets, userspace only";
 * "--dtx-delay: delays processing like a jitter buffer; the decoder is instructed to fill in the
 * missing time". See README.md for what each does here. */
export const RTPENGINE_OPTIONS = { plain: [], buffer: ["--jitter-buffer=10"], dtx: ["--dtx-delay=80", "--dtx-buffer=20", "--dtx-lag=400"] };

const answersTcp = (port) =>
	new Promise((resolve) => {
		const socket = net.connect(port, "127.0.0.1");
		socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
		socket.once("connect", () => socket.destroy());
	});

/* rtpengine's control protocol: a cookie and a bencoded dictionary. */
async function pings(port) {
	const socket = dgram.createSocket("udp4");
	const heard = new Promise((resolve) => {
		socket.once("message", () => resolve(true));
		setTimeout(() => resolve(false), 200);
	});
	socket.send("1 d7:command4:pinge", port, "127.0.0.1");
	const answered = await heard;
	socket.close();
	return answered;
}

export async function startRtpengine(phones, options = RTPENGINE_OPTIONS.plain) {
	for (const program of ["/usr/bin/rtpengine", "/usr/sbin/kamailio"])
		if (!existsSync(program)) throw new Error(`no ${program}: see tests/quality/README.md`);
	const folder = tempFolder("rtpengine");
	const [ng, sip, ws] = [await freePorts(1), await freePorts(1), await freePorts(1)];
	const media = await freePorts(80);
	const engine = new Child("/usr/bin/rtpengine", [
		"--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=5", "--interface=127.0.0.1", `--listen-ng=127.0.0.1:${ng}`,
		`--port-min=${media}`, `--port-max=${media + 79}`, "--num-threads=2", "--delete-delay=0", ...options,
	]);
	let kamailio;
	const stop = async () => {
		await kamailio?.stop();
		await engine.stop();
	};
	const begun = Date.now();
	const again = async () => {
		if (Date.now() - begun > 20_000 || kamailio?.code !== undefined || engine.code !== undefined) {
			await stop();
			throw new Error(`Kamailio and rtpengine do not start\n${kamailio?.tail()}\n${engine.tail()}`);
		}
		await new Promise((resolve) => setTimeout(resolve, 100));
	};
	while (!(await pings(ng))) await again();
	mkdirSync(path.join(folder, "run"));
	kamailio = new Child("/usr/sbin/kamailio", [
		"-DD", "-E", "-m", "32", "-M", "4", "-w", folder, "-Y", path.join(folder, "run"), "-P", path.join(folder, "pid"),
		"-A", `SIP_PORT=${sip}`, "-A", `WS_PORT=${ws}`, "-A", `RTPENGINE="udp:127.0.0.1:${ng}"`, "-f", path.join(here, "rtpengine/kamailio.cfg"),
	]);
	while (!(await answersTcp(ws))) await again();
	hurry(engine.pid);
	return {
		wsUrl: `ws://127.0.0.1:${ws}/`,
		sip,
		domain: (number) => `127.0.0.1:${phones[number]}`,
		register: false,
		log: () => `${kamailio.text}\n${engine.text}`,
		stop,
	};
}
