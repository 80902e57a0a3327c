/* load.mjs: runs the load generator against a server. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { Child } from "../e2e/child.mjs";
import { build } from "./servers.mjs";

/** @returns what it found out, of its --json */
export async function load(server, mode, options = {}) {
	const { secure = false, ...rest } = options;
	const args = [mode, "--json", ...server.args(secure)];
	for (const [name, value] of Object.entries(rest)) {
		if (value === false || value === undefined) continue;
		args.push(`--${name}`);
		if (value !== true) args.push(String(value));
	}
	const child = new Child(path.join(build(), "tests/load/load"), args);
	await child.ended(600_000);
	const line = child.lines.findLast?.((text) => text.startsWith("{")) ?? child.lines.filter((text) => text.startsWith("{")).at(-1);
	if (!line) throw new Error(`load ${args.join(" ")}\n${child.tail()}\n${server.log().split("\n").slice(-20).join("\n")}`);
	return JSON.parse(line);
}

/** The machine, for the head of a table. */
export function machine() {
	const cpu = /model name\s*: (.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "?";
	const cores = readFileSync("/proc/cpuinfo", "utf8").match(/^processor/gm).length;
	const busy = readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3).join(" ");
	return `${cores} cores of ${cpu}, load average ${busy}`;
}
