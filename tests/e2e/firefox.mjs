/* firefox.mjs: a real Firefox (Debian's firefox-esr), steered by WebDriver BiDi.
 *
 * Its AudioContext runs only where there is a sound device: a PulseAudio of the test's own, with a
 * sink that swallows everything, is that device. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Bidi } from "./bidi.mjs";
import { Child } from "./child.mjs";
import { hooks, WebPhone } from "./chromium.mjs";
import { tempFolder } from "./temp.mjs";
import { BROWSER_HZ } from "./tone.mjs";

const PROGRAM = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
const PULSEAUDIO = process.env.PULSEAUDIO ?? "/usr/bin/pulseaudio";
const PREFS = {
	"app.update.enabled": false,
	"browser.shell.checkDefaultBrowser": false,
	"browser.startup.page": 0,
	"datareporting.policy.dataSubmissionEnabled": false,
	"extensions.update.enabled": false,
	"network.captive-portal-service.enabled": false, // nothing leaves this machine
	"network.connectivity-service.enabled": false,
	"browser.safebrowsing.malware.enabled": false,
	"browser.safebrowsing.phishing.enabled": false,
	"services.settings.server": "http://127.0.0.1:9/",
	"toolkit.telemetry.enabled": false,
	"toolkit.telemetry.server": "",
	"media.gmp-manager.updateEnabled": false,
	"media.autoplay.default": 0, // sound without a click
	"media.autoplay.blocking_policy": 0,
	"media.navigator.permission.disabled": true,
	"media.navigator.streams.fake": true,
	"media.peerconnection.ice.loopback": true,
	"media.peerconnection.ice.obfuscate_host_addresses": false,
};

/** Firefox gathers no candidate on a machine without a default route: one with the loopback interface
 * only gets a pair of virtual ones, that lead nowhere, for the time of the test.
 * @returns how to remove it */
function makeRoute() {
	const ip = (line) => execFileSync("ip", line.split(" "), { stdio: ["ignore", "ignore", "pipe"] });
	const hasDefault = (text) => text.split("\n").some((line) => /^\S+\t00000000\t/.test(line));

	if (hasDefault(readFileSync("/proc/net/route", "utf8"))) return () => undefined;
	try {
		ip("link add hookswitch0 type veth peer name hookswitch1");
		ip("addr add 192.0.2.9/24 dev hookswitch0");
		ip("link set hookswitch0 up");
		ip("link set hookswitch1 up");
		ip("route add default via 192.0.2.1");
	} catch (error) {
		throw new Error(`Firefox needs a default route, and none could be made: ${error.stderr ?? error}`);
	}
	return () => void ip("link del hookswitch0");
}

/** @returns a Firefox; close() it */
export async function launchFirefox() {
	for (const [program, name] of [[PROGRAM, "firefox-esr"], [PULSEAUDIO, "pulseaudio"]])
		if (!existsSync(program)) throw new Error(`no ${program}: install Debian's package ${name}`);
	const folder = tempFolder("firefox");
	const profile = path.join(folder, "profile");
	const socket = path.join(folder, "pulse.socket");
	mkdirSync(profile);
	writeFileSync(
		path.join(profile, "user.js"),
		Object.entries(PREFS).map(([key, value]) => `user_pref(${JSON.stringify(key)}, ${JSON.stringify(value)});\n`).join(""),
	);
	const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder, PULSE_SERVER: `unix:${socket}`, MOZ_CRASHREPORTER_DISABLE: "1" };
	const modules = ["-L", "module-null-sink", "-L", `module-native-protocol-unix auth-anonymous=1 socket=${socket}`];
	const removeRoute = makeRoute();
	const pulse = new Child(PULSEAUDIO, ["-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-vv", ...modules], { env });
	const firefox = new Firefox(pulse, removeRoute);
	try {
		await pulse.waitForLine(/Daemon startup complete/);
		const args = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0", "about:blank"];
		firefox.child = new Child(PROGRAM, args, { env });
		const [, url] = await firefox.child.waitForLine(/WebDriver BiDi listening on (ws:\S+)/, { ms: 30_000 });
		await firefox.bidi.connect(url);
	} catch (error) {
		await firefox.close();
		throw error;
	}
	return firefox;
}

class Firefox {
	bidi = new Bidi();

	constructor(pulse, removeRoute) {
		this.pulse = pulse;
		this.removeRoute = removeRoute;
	}

	/** Opens the phone page.
	 * @returns a WebPhone */
	async open(url, { hz = BROWSER_HZ, amplitude = 0.4 } = {}) {
		const page = await this.bidi.open(url, hooks({ hz, amplitude, microphone: "tone", rate: 0 }));
		const phone = new WebPhone(page, { close: () => page.close() });
		await this.bidi.onLog((text) => phone.log.push(`console: ${text}`));
		return phone;
	}

	async close() {
		this.bidi.close();
		await this.child?.stop();
		await this.pulse.stop();
		this.removeRoute();
	}
}
