/* coturn.mjs: a real TURN server (Debian's coturn) with the configuration of examples/cluster. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";
import { tempFolder } from "./temp.mjs";

const PROGRAM = process.env.TURNSERVER ?? "/usr/bin/turnserver";
const SAMPLE = fileURLToPath(new URL("../../examples/cluster/turnserver.conf", import.meta.url));

/** @param listen the address clients come to; @param relays those that relays are opened on
 *  @param peers whom it may reach; @param certificate PEM file, with its key
 *  @param more lines that are laid over the configuration
 *  @returns a Child that listens; stop() it */
export async function startCoturn({ listen, relays, peers, secret, certificate, key, more = [] }) {
	if (!existsSync(PROGRAM)) throw new Error("no turnserver: install Debian's package coturn or set TURNSERVER");
	const folder = tempFolder("coturn");
	const file = path.join(folder, "turnserver.conf");
	const own = [
		`listening-ip=${listen}`,
		...relays.map((each) => `relay-ip=${each}`),
		...peers.map((each) => `allowed-peer-ip=${each}`),
		`static-auth-secret=${secret}`,
		`cert=${certificate}`,
		`pkey=${key}`,
		`userdb=${path.join(folder, "turndb")}`,
		`pidfile=${path.join(folder, "pid")}`,
		"verbose",
		...more,
	];
	writeFileSync(file, `${readFileSync(SAMPLE, "utf8")}\n${own.join("\n")}\n`, { mode: 0o600 });
	const child = new Child(PROGRAM, ["-c", file]);
	await child.waitForLine(/Total General servers/);
	await child.waitForLine(/DB connection success/);
	return child;
}
