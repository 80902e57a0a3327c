/* cluster.mjs: examples/cluster as a user starts it, under a name and in a network of its own. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";
import { program } from "./gateway.mjs";
import { tempFolder } from "./temp.mjs";

const EXAMPLE = fileURLToPath(new URL("../../examples/cluster/", import.meta.url));
const NODES = ["database", "registrar", "turn", "balancer", "gateway1", "gateway2", "phone1", "phone2"];
const MS = 90_000;

/* If the test is killed, its cluster must not stay. */
const standing = new Set();
process.on("exit", () => {
	for (const cluster of standing) execFileSync(path.join(EXAMPLE, "stop"), cluster.options, { timeout: 30_000 });
});

export class Cluster {
	#spaces = new Set(); // that it ever had: "net:[INODE]"

	constructor() {
		const number = 64 + Math.floor(Math.random() * 180);
		this.name = `t${number}x${process.pid % 1000}`;
		this.network = `10.89.${number}`;
		this.folder = tempFolder("cluster");
		chmodSync(this.folder, 0o711); // its programs run as users of their own
		this.state = path.join(this.folder, "state");
		this.options = ["--name", this.name, "--state", this.state];
	}

	url = (port = 443) => `https://${this.network}.10:${port}/`;
	log = (node) => readFileSync(path.join(this.state, "log", `${node}.log`), "utf8");
	namespace = (node) => `hookswitch-${this.name}-${node}`;

	get accounts() {
		const lines = readFileSync(path.join(this.state, "accounts"), "utf8").trim().split("\n");
		return Object.fromEntries(lines.map((line) => line.split(" ")));
	}

	/** Starts `run`; the caller waits. */
	begin(file = program()) {
		standing.add(this);
		return new Child(path.join(EXAMPLE, "run"), ["--yes", ...this.options, "--network", this.network, "--program", file]);
	}

	async run() {
		const child = this.begin();
		const code = await child.ended(MS);
		if (code !== 0) throw new Error(`run ended with ${code}\n${child.tail()}`);
		return child.text;
	}

	/** @returns its exit code */
	async stop() {
		this.#look();
		const code = await new Child(path.join(EXAMPLE, "stop"), this.options).ended(MS);
		standing.delete(this);
		return code;
	}

	/** Makes a desk phone dial, or hang up ("hangup"). */
	async dial(phone, number) {
		const child = new Child(path.join(EXAMPLE, "dial"), [...this.options, phone, number]);
		if ((await child.ended()) !== 0) throw new Error(child.tail());
	}

	/** Runs `hookswitch ARGS` at a gateway that runs. */
	async command(gateway, ...args) {
		const config = path.join(this.state, gateway, "hookswitch.conf");
		const child = new Child("ip", ["netns", "exec", this.namespace(gateway), path.join(this.state, "program/hookswitch"), "--config", config, ...args]);
		if ((await child.ended(MS)) !== 0) throw new Error(child.tail());
		return child.text;
	}

	#look() {
		for (const node of NODES) {
			const file = `/run/netns/${this.namespace(node)}`;
			if (existsSync(file)) this.#spaces.add(`net:[${statSync(file).ino}]`);
		}
	}

	/** What is there of it, in words: nothing after stop(). */
	left() {
		const left = [];
		if (existsSync(this.state)) left.push(this.state);
		if (existsSync("/run/netns"))
			left.push(...readdirSync("/run/netns").filter((name) => name.startsWith(`hookswitch-${this.name}-`)));
		left.push(...[...readFileSync("/proc/self/net/dev", "utf8").matchAll(/^ *(\S+):/gm)].map(([, name]) => name).filter((name) => name.startsWith(`hw-${this.name}`)));
		for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
			try {
				const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
				if (words.includes(`${this.state}/`) || this.#spaces.has(readlinkSync(`/proc/${pid}/ns/net`))) left.push(`${pid} ${words}`);
			} catch {
				/* it has ended */
			}
		return left;
	}
}
