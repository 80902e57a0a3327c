/* haproxy.mjs: Debian's HAProxy with a configuration of the test's own, as an ordinary program. It asks the
 * gateway from 127.0.0.9, so that the test can tell its connections from those of clients. */
import { existsSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Child } from "./child.mjs";
import { freePorts } from "./ports.mjs";
import { tempFolder } from "./temp.mjs";

const PROGRAM = process.env.HAPROXY ?? "/usr/sbin/haproxy";

/** What HAProxy's connections come from: to be listed in `trusted_proxies`. */
export const HAPROXY_ADDRESS = "127.0.0.9";

/* It says nothing when it is ready. */
function listens(port) {
	const socket = net.connect(port, "127.0.0.1");
	return new Promise((resolve) => socket.once("connect", () => resolve(true)).once("error", () => resolve(false))).finally(() => socket.destroy());
}

/** @param listeners { name: lines of its `listen` section, without bind }; each gets a port of its own
 *  @returns a Haproxy; ports by name; stop() it */
export async function startHaproxy(listeners) {
	if (!existsSync(PROGRAM)) throw new Error("no haproxy: install Debian's package haproxy or set HAPROXY");
	const ports = {};
	let text = [
		"global",
		"\tlog stderr format raw local0 notice",
		"defaults",
		"\ttimeout connect 2s",
		"\ttimeout client 60s",
		"\ttimeout server 60s",
		"\ttimeout tunnel 1h",
		`\tdefault-server source ${HAPROXY_ADDRESS} inter 300 fall 1 rise 1`,
		"",
	].join("\n");
	for (const [name, lines] of Object.entries(listeners)) {
		ports[name] = await freePorts(1);
		text += [`listen ${name}`, `\tbind 127.0.0.1:${ports[name]}`, ...lines.map((line) => `\t${line}`), ""].join("\n");
	}
	const file = path.join(tempFolder("haproxy"), "haproxy.cfg");
	writeFileSync(file, text);
	const child = new Child(PROGRAM, ["-db", "-f", file]);
	for (const begun = Date.now(); !(await listens(Object.values(ports)[0])); await delay(20))
		if (child.code !== undefined || Date.now() - begun > 10_000) throw new Error(`haproxy does not start\n${child.tail()}`);
	return { ports, child, log: child.lines, stop: () => child.stop() };
}
