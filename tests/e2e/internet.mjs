/* internet.mjs: a small internet of the test's own: servers, a router that does NAT and filters, and a
 * home behind it, with a browser or a phone.
 *
 *   servers 198.51.100.2, .3 ──── 198.51.100.1 router 192.168.77.1 ──── 192.168.77.2 home
 *   (this process and its children)      NAT, filter
 *
 * The test file runs in a network namespace that it enters by starting itself again; the other two are
 * held by a child each. All of them are nameless, so that they, their cables and rules are gone with the
 * last process in them, however that ended. */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";
import { tempFolder } from "./temp.mjs";

export const GATEWAY = "198.51.100.2";
export const TURN = "198.51.100.3";
export const TURN6 = "2a00::3"; // on no cable
/** Where desk phones are, for startBaresip(): beside the gateway. */
export const OFFICE = { address: GATEWAY, enter: [] };
const ROUTER = "198.51.100.1";
const HOME = "192.168.77.2";
const INSIDE = "HOOKSWITCH_INTERNET";

/** The rest of the file runs in a network namespace: call it before anything else.
 * @param url of the test file: import.meta.url */
export async function enterInternet(url) {
	if (process.env[INSIDE]) return;
	const rights = process.getuid() === 0 ? [] : ["--map-root-user"];
	/* it ends with us, even if we are killed */
	const child = spawn("setpriv", ["--pdeathsig", "TERM", "unshare", "--net", ...rights, process.execPath, ...process.execArgv, fileURLToPath(url)], {
		stdio: "inherit",
		env: { ...process.env, [INSIDE]: "1" },
	});
	process.on("SIGTERM", () => child.kill("SIGTERM"));
	process.exit(await new Promise((resolve) => child.once("close", (code) => resolve(code ?? 1))));
}

function run(words) {
	try {
		return execFileSync(words[0], words.slice(1), { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
	} catch (error) {
		throw new Error(`${words.join(" ")}: ${error.stderr || error}`);
	}
}

/** A network namespace, held by a child that ends when our end of its standard input does. */
async function hold() {
	const child = new Child("unshare", ["--net", "sh", "-c", "echo held; exec cat"], { input: null });
	await child.waitForLine(/held/);
	const enter = ["nsenter", "--target", String(child.pid), "--net"];
	return { child, enter, run: (line) => run([...enter, ...line.split(" ")]) };
}

export async function makeInternet() {
	const here = (line) => run(line.split(" "));
	const [router, home] = [await hold(), await hold()];

	here("ip link set lo up");
	here(`ip link add servers type veth peer name outside netns ${router.child.pid}`);
	for (const address of [`${GATEWAY}/24`, `${TURN}/24`]) here(`ip addr add ${address} dev servers`);
	here(`ip -6 addr add ${TURN6}/128 dev lo nodad`);
	here("ip link set servers up");

	router.run(`ip link add inside type veth peer name eth0 netns ${home.child.pid}`);
	for (const line of [`addr add ${ROUTER}/24 dev outside`, "addr add 192.168.77.1/24 dev inside", "link set outside up", "link set inside up"])
		router.run(`ip ${line}`);
	router.run("sysctl -qw net.ipv4.ip_forward=1");
	router.run("iptables -t nat -A POSTROUTING -o outside -j MASQUERADE");

	for (const line of ["link set lo up", `addr add ${HOME}/24 dev eth0`, "link set eth0 up", "route add default via 192.168.77.1"])
		home.run(`ip ${line}`);
	return new Internet(router, home);
}

class Internet {
	#router;
	#home;

	constructor(router, home) {
		this.#router = router;
		this.#home = home;
	}

	/** The router lets nothing through that one of these fits (as for iptables), in either direction.
	 *  Connections that were made before are cut, too. */
	block(...rules) {
		this.#router.run("iptables -F FORWARD");
		for (const rule of rules) this.#router.run(`iptables -A FORWARD ${rule} -j DROP`);
	}

	/** Packets that the router's n-th rule dropped. */
	blocked(n = 1) {
		return Number(this.#router.run(`iptables -L FORWARD ${n} -v -n -x`).trim().split(/\s+/)[0]);
	}

	/** Where a phone behind the NAT is, for startBaresip(), whose console we reach from here. What comes from
	 *  a server goes to it by the router's NAT only. */
	home() {
		run(["ip", "route", "replace", `${HOME}/32`, "via", ROUTER]);
		this.block("-i outside -p udp -m conntrack --ctstate NEW");
		return { address: HOME, enter: this.#home.enter };
	}

	/** A program that runs behind the NAT.
	 * @returns its path */
	wrap(program) {
		const file = path.join(tempFolder("behind-nat"), "run");
		writeFileSync(file, `#!/bin/sh\nexec ${this.#home.enter.join(" ")} ${program} "$@"\n`);
		chmodSync(file, 0o755);
		return file;
	}

	async remove() {
		for (const { child } of [this.#router, this.#home]) await child.stop();
	}
}
