/* namespace.mjs: a network of a phone's own, with one cable to this machine that can be pulled.
 *
 *   gateway 198.18.x.y+1 ──veth── 198.18.x.y+2 phone
 *
 * Its names and addresses come from the number of the test's process (RFC 2544's range, that is nobody's
 * network). It goes with the process; what a killed one left behind goes when the next is made. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

const PREFIX = "hookswitch-";
let made; // of this process

function ip(...words) {
	try {
		return execFileSync("ip", words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
	} catch (error) {
		throw new Error(`a network namespace needs root: ip ${words.join(" ")}: ${error.stderr ?? error}`);
	}
}

const isThere = (pid) => existsSync(`/proc/${pid}`);

function removeLeftOver() {
	for (const [, name, pid] of ip("netns", "list").matchAll(new RegExp(`^(${PREFIX}(\\d+))\\b`, "gm")))
		if (!isThere(pid)) ip("netns", "del", name);
}

/** @returns the Namespace of this process; remove() it */
export function makeNamespace() {
	if (made) throw new Error("one namespace at a time");
	removeLeftOver();
	made = new Namespace(process.pid);
	try {
		made.make();
	} catch (error) {
		made.remove();
		throw error;
	}
	return made;
}

process.on("exit", () => made?.remove());

class Namespace {
	constructor(pid) {
		const subnet = (pid % 2 ** 15) * 4;
		const address = (n) => `198.${18 + (subnet >> 16)}.${(subnet >> 8) & 255}.${(subnet & 255) + n}`;
		this.name = `${PREFIX}${pid}`;
		this.cable = `hs${pid}`;
		this.gateway = address(1);
		this.address = address(2);
		/** What stands before a command that runs in it. */
		this.enter = ["ip", "netns", "exec", this.name];
	}

	make() {
		const inside = ["-n", this.name];
		ip("link", "set", "lo", "up");
		ip("netns", "add", this.name);
		ip("link", "add", this.cable, "type", "veth", "peer", "name", "eth0", "netns", this.name);
		ip("addr", "add", `${this.gateway}/30`, "dev", this.cable);
		ip("link", "set", this.cable, "up");
		ip(...inside, "addr", "add", `${this.address}/30`, "dev", "eth0");
		ip(...inside, "link", "set", "lo", "up");
		this.plugIn();
	}

	unplug = () => void ip("-n", this.name, "link", "set", "eth0", "down");
	plugIn = () => void ip("-n", this.name, "link", "set", "eth0", "up");

	remove() {
		made = undefined;
		for (const words of [["link", "del", this.cable], ["netns", "del", this.name]])
			try {
				ip(...words);
			} catch {} // it was not made
	}
}
