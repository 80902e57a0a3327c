/* sipp.mjs: SIPp (Debian's sip-tester) as a phone that does exactly what its scenario says. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { Child } from "./child.mjs";
import { freePorts } from "./ports.mjs";
import { tempFolder } from "./temp.mjs";

const PROGRAM = process.env.SIPP ?? "/usr/bin/sipp";
const SCENARIOS = path.join(path.dirname(fileURLToPath(import.meta.url)), "scenarios");

/** Whether a UDP socket on 127.0.0.1 has this port (SIPp does not say when it is ready). */
async function isBound(port) {
	const hex = port.toString(16).toUpperCase().padStart(4, "0");
	return readFileSync("/proc/net/udp", "utf8").includes(`0100007F:${hex} `);
}

/** Starts a scenario of scenarios/. One that waits for a call is ready when this returns.
 * @param scenario name without ".xml"
 * @param server "ADDRESS:PORT" it sends to; none for a scenario that only waits for a call
 * @param port its SIP port, if the test must know before
 * @param user the phone's number; scenarios that register use `password`
 * @param keys { name: value }, put in for {name} in the scenario
 * @param ms the longest it may take
 * @returns { port, ended }: `ended` resolves with the messages when the scenario was followed to its
 * end and rejects with what went wrong otherwise; stop() ends it before */
export async function startSipp(scenario, { server, port, user = "1000", password = "none", keys = {}, ms = 30_000 } = {}) {
	if (!existsSync(PROGRAM)) throw new Error("no sipp: install Debian's package sip-tester or set SIPP");
	const folder = tempFolder("sipp");
	port ??= await freePorts(1);
	const media = await freePorts(4);
	const file = path.join(folder, `${scenario}.xml`);
	const text = readFileSync(path.join(SCENARIOS, `${scenario}.xml`), "utf8");
	writeFileSync(file, text.replace(/\{(\w+)\}/g, (_, name) => keys[name]));
	const args = ["-sf", file, "-m", "1", "-nostdin", "-trace_msg", "-trace_err"];
	args.push("-i", "127.0.0.1", "-p", String(port), "-mi", "127.0.0.1", "-mp", String(media));
	args.push("-s", user, "-au", user, "-ap", password, "-timeout", `${Math.ceil(ms / 1000)}s`, "-timeout_error");
	if (server) args.push(server);

	const child = new Child(PROGRAM, args, { cwd: folder, env: { ...process.env, TERM: "dumb" } });
	const written = (what) =>
		readdirSync(folder)
			.filter((name) => name.endsWith(`_${what}.log`))
			.map((name) => readFileSync(path.join(folder, name), "utf8"))
			.join("\n");
	const ended = child.ended(ms + 5_000).then((code) => {
		if (code === 0) return written("messages");
		throw new Error(`sipp ${scenario} ended with ${code}\n${written("errors")}\n${written("messages").slice(-6000)}`);
	});
	ended.catch(() => undefined); // who wants to know awaits it
	while (child.code === undefined && !(await isBound(port))) await delay(20);
	if (child.code) throw new Error(`sipp ${scenario} ended with ${child.code} before it was ready\n${child.tail()}`);
	return { port, ended, messages: () => written("messages"), stop: () => child.stop() };
}
