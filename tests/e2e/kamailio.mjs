/* kamailio.mjs: a real central registrar (Debian's kamailio) with the configuration of
 * examples/cluster and its database, private ports and memory, on 127.0.0.1. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";
import { startDatabase } from "./database.mjs";
import { freePorts } from "./ports.mjs";
import { tempFolder } from "./temp.mjs";

const PROGRAM = process.env.KAMAILIO ?? "/usr/sbin/kamailio";
const SAMPLE = fileURLToPath(new URL("../../examples/cluster/kamailio.cfg", import.meta.url));

/** @param accounts { user: password }
 *  @param dispatcher lines of its list of trusted addresses; those of this machine are gateways
 *  @param tls { certificate, key }, PEM files: it listens with TLS, too, at `tlsPort`
 *  @param defines { NAME: text } for its local configuration
 *  @returns a Kamailio that listens; stop() it */
export async function startKamailio({ accounts = {}, port, tls, dispatcher = ["3 sip:127.0.0.1"], defines = {} } = {}) {
	if (!existsSync(PROGRAM)) throw new Error("no kamailio: install Debian's package kamailio or set KAMAILIO");
	const database = await startDatabase({ accounts });
	const kamailio = new Kamailio(tempFolder("kamailio"), port ?? (await freePorts(1)), database);
	if (tls) kamailio.tlsPort = await freePorts(1);
	const file = (name, lines) => writeFileSync(path.join(kamailio.folder, name), lines.map((line) => `${line}\n`).join(""));

	file("dispatcher.list", dispatcher);
	file("kamailio-local.cfg", [
		`listen=udp:${kamailio.server}`,
		`listen=tcp:${kamailio.server}`,
		...(tls
			? [
					"enable_tls=yes",
					`listen=tls:127.0.0.1:${kamailio.tlsPort}`,
					'loadmodule "tls.so"',
					'modparam("tls", "tls_method", "TLSv1.2+")', // by default 1.0 alone
					`modparam("tls", "certificate", "${tls.certificate}")`,
					`modparam("tls", "private_key", "${tls.key}")`,
				]
			: []),
		`#!define DB_URL "${database.url}"`,
		`#!define DISPATCHER_LIST "${path.join(kamailio.folder, "dispatcher.list")}"`,
		...Object.entries(defines).map(([name, text]) => `#!define ${name} "${text}"`),
	]);
	file("kamailio.cfg", [`import_file "kamailio-local.cfg"`, `include_file "${SAMPLE}"`]);
	mkdirSync(path.join(kamailio.folder, "run"));
	try {
		await kamailio.start();
	} catch (error) {
		await database.stop();
		throw error;
	}
	return kamailio;
}

export class Kamailio {
	constructor(folder, port, database) {
		this.folder = folder;
		this.port = port;
		this.database = database;
	}

	/** ADDRESS:PORT of SIP over UDP and TCP. */
	get server() {
		return `127.0.0.1:${this.port}`;
	}

	async start() {
		const listen = ["-l", `udp:${this.server}`, "-l", `tcp:${this.server}`];
		const place = ["-w", this.folder, "-Y", path.join(this.folder, "run"), "-P", path.join(this.folder, "pid")];
		const args = ["-DD", "-E", "-m", "32", "-M", "4", ...place, ...listen, "-f", path.join(this.folder, "kamailio.cfg")];

		this.child = new Child(PROGRAM, args);
		const asked = Date.now();
		while (!(await this.#answers()))
			if (Date.now() - asked > 10_000 || this.child.code !== undefined) throw new Error(`kamailio does not start\n${this.child.tail()}`);
	}

	async #answers() {
		const { default: dgram } = await import("node:dgram");
		const socket = dgram.createSocket("udp4");
		const heard = new Promise((resolve) => {
			socket.once("message", () => resolve(true));
			setTimeout(() => resolve(false), 200);
		});
		socket.bind(0, "127.0.0.1", () => {
			const { port } = socket.address();
			const text = [
				`OPTIONS sip:${this.server} SIP/2.0`,
				`Via: SIP/2.0/UDP 127.0.0.1:${port};branch=z9hG4bK${Date.now()};rport`,
				"Max-Forwards: 5",
				`From: <sip:test@127.0.0.1>;tag=1`,
				`To: <sip:${this.server}>`,
				`Call-ID: ${Date.now()}`,
				"CSeq: 1 OPTIONS",
				"Content-Length: 0",
			].join("\r\n");
			socket.send(`${text}\r\n\r\n`, this.port, "127.0.0.1");
		});
		const answered = await heard;
		socket.close();
		return answered;
	}

	get log() {
		return this.child.lines;
	}

	/** Ends it and leaves its database; start() comes back. */
	halt(signal = "SIGTERM") {
		this.child.kill(signal);
		return this.child.ended();
	}

	async stop() {
		await this.halt();
		await this.database.stop();
	}
}
