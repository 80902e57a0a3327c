/* demo.test.mjs: examples/demo/run as a newcomer uses it: in a copy of the sources in which nothing was
 * built, with its own ports (8080, 8443, 5060), which must be free. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Child } from "../e2e/child.mjs";
import { launchChromium, openPage } from "../e2e/chromium.mjs";
import { tempFolder } from "../e2e/temp.mjs";
import { parseWav } from "../e2e/tone.mjs";

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const PORTS = [8080, 8443, 5060];
const LOOPBACK = ["0100007F", "00000000000000000000000001000000"]; // as in /proc/net/tcp
const BUILD_MS = 200_000;
const FRAME_S = 0.02;

const folder = tempFolder("demo");
const copy = path.join(folder, "hookswitch");
const temp = path.join(folder, "tmp");
let browser;

/** Lines of /proc/net/tcp and udp of sockets that wait: [address, port]. */
function listening() {
	const table = (name, state) =>
		readFileSync(`/proc/net/${name}`, "utf8")
			.split("\n")
			.slice(1)
			.map((line) => line.trim().split(/\s+/))
			.filter((words) => words[3] === state)
			.map((words) => words[1].split(":"))
			.map(([address, port]) => [address, parseInt(port, 16)]);
	return [...table("tcp", "0A"), ...table("tcp6", "0A"), ...table("udp", "07"), ...table("udp6", "07")];
}

/** The processes of a group that have not ended. */
function members(group) {
	return readdirSync("/proc")
		.filter((name) => /^\d+$/.test(name))
		.filter((pid) => {
			try {
				const [state, , pgrp] = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
				return Number(pgrp) === group && state !== "Z";
			} catch {
				return false; // gone meanwhile
			}
		});
}

/** In a process group of its own, as a terminal starts it. */
function start(...args) {
	const env = { ...process.env, TMPDIR: temp };
	return new Child("examples/demo/run", args, { cwd: copy, env, detached: true });
}

async function assertNothingLeft(demo) {
	assert.deepEqual(members(demo.pid), [], "processes are left");
	assert.deepEqual(readdirSync(temp), [], "temporary folders are left");
	assert.deepEqual(listening().filter(([, port]) => PORTS.includes(port)), [], "ports are taken");
}

/** The loudness of each 20 ms, in dB, not below -50. */
function envelope({ samples, rate }) {
	const size = Math.round(rate * FRAME_S);
	const out = [];
	for (let at = 0; at + size <= samples.length; at += size) {
		let sum = 0;
		for (let i = at; i < at + size; i++) sum += samples[i] ** 2;
		out.push(Math.max(-50, 10 * Math.log10(sum / size + 1e-9)));
	}
	return out;
}

function correlation(x, y) {
	const mean = (list) => list.reduce((a, b) => a + b, 0) / list.length;
	const [mx, my] = [mean(x), mean(y)];
	let [xy, xx, yy] = [0, 0, 0];
	for (let i = 0; i < x.length; i++) {
		xy += (x[i] - mx) * (y[i] - my);
		xx += (x[i] - mx) ** 2;
		yy += (y[i] - my) ** 2;
	}
	return xy / Math.sqrt(xx * yy || 1);
}

/** How well the loudness of what was heard follows some part of `said`: 1 is perfectly. */
function likeness(heard, said) {
	const [part, whole] = [envelope(heard), envelope(said)];
	let best = 0;
	for (let at = 0; at + part.length <= whole.length; at++)
		best = Math.max(best, correlation(part, whole.slice(at, at + part.length)));
	return best;
}

before(async () => {
	const taken = listening().filter(([, port]) => PORTS.includes(port));
	assert.deepEqual(taken, [], "the demo's ports 8080, 8443 and 5060 must be free for this test");
	mkdirSync(copy);
	mkdirSync(temp);
	/* What a clone would hold, with what is not committed yet. */
	execFileSync("bash", ["-c", `git ls-files -coz --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -c -T - | tar -x -C "${copy}"`], { cwd: ROOT });
	browser = await launchChromium();
});
after(() => browser?.close());

test("from a fresh copy to the announcement in the ear, in less than two seconds from the press", async (t) => {
	const demo = start();
	await demo.waitForLine(/^ *Stop +Ctrl-C/, { ms: BUILD_MS });

	const said = demo.text;
	assert.ok(said.indexOf("http://localhost:8080/") < said.indexOf("https://localhost:8443/"), "http stands first");
	assert.match(said, /https:\/\/localhost:8443\/ .*warns.*certificate/);
	assert.match(said, /Sign in +alice, password \S{16}/);
	assert.match(said, /Dial +1000/);
	for (const [address, port] of listening())
		if (PORTS.includes(port)) assert.ok(LOOPBACK.includes(address), `port ${port} listens on ${address}`);

	/* A person: opens the page, presses Call. Nothing is typed. The microphone is Chromium's own. */
	const page = await openPage(browser, "http://localhost:8080/", { microphone: "" });
	await page.waitFor("idle");
	assert.equal(await page.page.inputValue("#number"), "1000");
	const pressed = await page.now();
	await page.page.click("#call");
	await page.waitFor("talking");
	await delay(7000);
	const heard = await page.hear();
	const first = envelope(heard).findIndex((dB) => dB > -40);
	assert.ok(first >= 0, "nothing was heard");
	const ms = heard.since + first * FRAME_S * 1000 - pressed;
	t.diagnostic(`from the press to the first sound: ${Math.round(ms)} ms`);
	assert.ok(ms < 2000, `${Math.round(ms)} ms from the press to the first sound`);

	const [made] = readdirSync(temp).filter((name) => name.startsWith("hookswitch-demo-"));
	const words = parseWav(readFileSync(path.join(temp, made, "announcement.wav")));
	const round = { samples: words.samples.subarray(0, 30 * words.rate), rate: words.rate };
	const part = { samples: heard.samples.subarray(heard.samples.length - 5 * heard.rate), rate: heard.rate };
	const like = likeness(part, round);
	assert.ok(like > 0.85, `what was heard follows the announcement by ${like.toFixed(2)}`);

	/* Ctrl-C, in the middle of the call: the terminal tells the whole group. */
	const begun = Date.now();
	process.kill(-demo.pid, "SIGINT");
	assert.equal(await demo.ended(20_000), 130);
	assert.ok(Date.now() - begun < 15_000, `it took ${Date.now() - begun} ms to stop`);
	await assertNothingLeft(demo);
	await page.close();
});

test("a port that is taken is named in plain words", async () => {
	const other = net.createServer();
	await new Promise((resolve) => other.listen(8080, "127.0.0.1", resolve));
	const demo = start();
	assert.equal(await demo.ended(BUILD_MS), 1);
	await new Promise((resolve) => other.close(resolve));
	assert.match(demo.text, /127\.0\.0\.1:8080: the port is taken by another program/);
	await assertNothingLeft(demo);
});

test("SIGTERM to the script alone stops everything, too", async () => {
	const demo = start();
	await demo.waitForLine(/^ *Stop +Ctrl-C/, { ms: BUILD_MS });
	demo.kill("SIGTERM");
	assert.equal(await demo.ended(20_000), 143);
	await assertNothingLeft(demo);
});

test("when Hookswitch ends, so does the demo, and says so", async () => {
	const demo = start();
	await demo.waitForLine(/^ *Stop +Ctrl-C/, { ms: BUILD_MS });
	const gateway = members(demo.pid).find((pid) => /hookswitch\0--config/.test(readFileSync(`/proc/${pid}/cmdline`, "latin1")));
	process.kill(Number(gateway), "SIGKILL");
	assert.equal(await demo.ended(20_000), 1);
	assert.match(demo.text, /Hookswitch ended/);
	assert.deepEqual(members(demo.pid), []);
	assert.deepEqual(readdirSync(temp).filter((name) => name.startsWith("hookswitch-demo-")), []);
});

test("a build folder that the demo did not make is left alone", async () => {
	const foreign = path.join(folder, "foreign");
	mkdirSync(foreign);
	writeFileSync(path.join(foreign, "thesis.txt"), "years of work");
	const demo = start("--build", foreign);
	assert.equal(await demo.ended(), 1);
	assert.match(demo.text, /did not make it/);
	assert.deepEqual(readdirSync(foreign), ["thesis.txt"]);
});

test("a word it does not know is said, with code 2", async () => {
	const demo = start("--frobnicate");
	assert.equal(await demo.ended(), 2);
	assert.match(demo.text, /--frobnicate/);
});
