/* gateway.mjs: a Hookswitch of the test's own: temporary folder, own ports, accounts, log. */
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";
import { freePorts } from "./ports.mjs";
import { tempFolder } from "./temp.mjs";

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const PAGES = path.join(ROOT, "web/dist");
const MEDIA_PORTS = 60;

/** HOOKSWITCH_BIN is the program or the folder it was built in. */
export function program() {
	const given = process.env.HOOKSWITCH_BIN ?? path.join(ROOT, "build-gcc");
	const file = existsSync(given) && statSync(given).isDirectory() ? path.join(given, "hookswitch") : given;
	if (!existsSync(file)) throw new Error(`no ${file}: build the gateway or set HOOKSWITCH_BIN`);
	return file;
}

function ini(sections) {
	return Object.entries(sections)
		.map(([name, keys]) => `[${name}]\n${Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`).join("")}`)
		.join("\n");
}

/** @param accounts { user: password }
 *  @param voicePorts how many ports for voice it gets
 *  @param config { section: { key: value } }, laid over what a test needs
 *  @returns a Gateway that listens; stop() it */
export async function startGateway({ accounts = {}, voicePorts = MEDIA_PORTS, config = {} } = {}) {
	const folder = tempFolder("gateway");
	const file = path.join(folder, "hookswitch.conf");
	const [sip, http, https] = [await freePorts(1), await freePorts(1), await freePorts(1)];
	const media = await freePorts(voicePorts);
	const sections = {
		gateway: { state: path.join(folder, "state") },
		sip: { udp: `127.0.0.1:${sip}`, tcp: `127.0.0.1:${sip}` },
		web: { http: `127.0.0.1:${http}`, https: `127.0.0.1:${https}`, root: PAGES },
		media: { address: "127.0.0.1", ports: `${media}-${media + voicePorts - 1}`, workers: 2 },
		log: { level: "debug" },
	};
	for (const [name, keys] of Object.entries(config)) sections[name] = { ...sections[name], ...keys };
	writeFileSync(file, ini(sections));
	mkdirSync(path.join(folder, "state"));

	const mediaPorts = [media, media + voicePorts - 1];
	const gateway = new Gateway({ folder, file, sip, http, https, mediaPorts, pages: PAGES });
	for (const [user, password] of Object.entries(accounts)) await gateway.addAccount(user, password);
	await gateway.start();
	return gateway;
}

export class Gateway {
	constructor(settings) {
		Object.assign(this, settings); // folder, file, sip, http, https, mediaPorts, pages
		this.program = program();
	}

	/** Where phones register: ADDRESS:PORT of SIP over UDP and TCP. */
	get server() {
		return `127.0.0.1:${this.sip}`;
	}

	get url() {
		return `http://localhost:${this.http}/`;
	}

	get secureUrl() {
		return `https://localhost:${this.https}/`;
	}

	/** Runs `hookswitch --config FILE ARGS` to its end.
	 * @throws Error with its output when the exit code is not 0
	 * @returns its output */
	async run(args, input) {
		const child = new Child(this.program, ["--config", this.file, ...args], { input });
		const code = await child.ended();
		if (code !== 0) throw new Error(`hookswitch ${args.join(" ")} ended with ${code}\n${child.tail()}`);
		return child.text;
	}

	/** Works while the gateway runs, too. */
	addAccount = (user, password) => this.run(["account", "add", user], `${password}\n`);

	/** What happened in the last call, as a ladder. */
	trace = (call = "last") => this.run(["trace", call]).catch((error) => error.message);

	async start() {
		this.child = new Child(this.program, ["--config", this.file]);
		try {
			await this.child.waitForLine(/\blistening\b/);
		} catch (error) {
			await this.stop();
			throw error;
		}
	}

	get log() {
		return this.child.text;
	}

	/** What the log says of the media of the latest call when both its sides are gone: [{ of, relayed, … }].
	 * @param from index of the first line that counts */
	async mediaCounts(from) {
		const { child } = this;
		const [, id] = await child.waitForLine(/call (\w+): media of/, { from });
		const last = child.lines.findIndex((line, i) => i >= from && line.includes(`call ${id}: media of`));
		await child.waitForLine(new RegExp(`call ${id}: media of`), { from: last + 1 });
		return child.lines
			.slice(from)
			.filter((line) => line.includes(`call ${id}: media of`))
			.map((line) => ({
				of: /media of (\w+)/.exec(line)[1],
				...Object.fromEntries([...line.matchAll(/(\w+)=(\d+)/g)].map(([, key, value]) => [key, Number(value)])),
			}));
	}

	/** @returns the exit code: 0 unless something is wrong */
	async stop() {
		return this.child?.stop(15_000); // calls whose far side is silent are given some seconds
	}

	/** As the machine's power fails. */
	async killHard() {
		this.child.kill("SIGKILL");
		return this.child.ended();
	}
}
