/* run.mjs: see run. Every point is a call of its own; some run at a time, one system after the
 * other, and in each the seed decides which packets are lost. */
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { freePorts } from "../e2e/ports.mjs";
import { measure, openPhone } from "./measure.mjs";
import { plot } from "./plot.mjs";
import { RTPENGINE_OPTIONS, startHookswitch, startRtpengine } from "./systems.mjs";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");
const { values: given } = parseArgs({
	options: {
		full: { type: "boolean", default: false },
		seeds: { type: "string", default: "1" },
		seconds: { type: "string", default: "20" },
		warm: { type: "string", default: "8" },
		"at-once": { type: "string", default: "4" },
		only: { type: "string", default: "" },
		points: { type: "string", default: "" },
		srtp: { type: "string", default: "all" },
		redundancy: { type: "boolean", default: false },
		out: { type: "string", default: path.join(root, "build-gcc/quality") },
	},
});

const SYSTEMS = {
	hookswitch: { title: "Hookswitch", start: startHookswitch },
	rtpengine: { title: "rtpengine, as it comes", start: (phones) => startRtpengine(phones, RTPENGINE_OPTIONS.plain) },
	"rtpengine-buffer": { title: "rtpengine, jitter buffer", start: (phones) => startRtpengine(phones, RTPENGINE_OPTIONS.buffer) },
	"rtpengine-dtx": { title: "rtpengine, DTX delay", start: (phones) => startRtpengine(phones, RTPENGINE_OPTIONS.dtx) },
};
const LOSS = given.full ? [0, 1, 2, 3, 5, 7, 10, 15, 20, 25, 30] : [0, 1, 2, 5, 10, 20, 30];
const JITTER = given.full ? [0, 5, 10, 15, 20, 30, 40, 50, 60] : [10, 20, 30, 40, 50, 60];
const SEEDS = given.seeds.split(",");
const POINTS = [
	...LOSS.map((loss) => ({ kind: "loss", x: loss, name: `loss-${loss}`, network: { loss } })),
	...JITTER.map((jitter) => ({ kind: "jitter", x: jitter, name: `jitter-${jitter}`, network: { jitter } })),
	{ kind: "other", name: "bursts of 5 packets, 5 %", network: { loss: 5, burst: 5 } },
	{ kind: "other", name: "200 ms gone each 4 s", network: { "outage-at": 450, "outage-for": 10, "outage-every": 200 } },
	{ kind: "other", name: "5 % lost, jitter 20 ms", network: { loss: 5, jitter: 20 } },
	{ kind: "other", name: "15 s gone", network: { "outage-at": 500, "outage-for": 750, seconds: 35 } },
	// What the phone says, over a bad network between it and the gateway, heard by the browser.
	...[0, 2, 5, 10].map((loss) => ({ kind: "phone", name: `phone-loss-${loss}`, network: { way: "phone", loss } })),
	...[10, 30].map((jitter) => ({ kind: "phone", name: `phone-jitter-${jitter}`, network: { way: "phone", jitter } })),
	{ kind: "phone", name: "phone-outages", network: { way: "phone", "outage-at": 450, "outage-for": 10, "outage-every": 200 } },
].filter((point) => !given.points || given.points.split(",").includes(point.name));

const program = path.join(process.env.HOOKSWITCH_BIN ?? path.join(root, "build-gcc"), "tests/quality/quality_call");
const name = (point) => point.name.replaceAll(/[^a-z0-9]+/g, "-");

/** One result of those of all seeds: the mean of each number. */
function mean(results) {
	const there = results.filter((result) => result !== undefined);
	if (!there.length || there.length < results.length) return undefined;
	return Object.fromEntries(Object.keys(there[0]).map((key) => [key, there.reduce((sum, result) => sum + result[key], 0) / there.length]));
}

/** All points through one system. @returns { point name: result }, the mean of the seeds */
async function measureSystem(key) {
	const lanes = Number(given["at-once"]);
	const numbers = Array.from({ length: lanes }, (_, i) => String(1000 + i));
	const ports = Object.fromEntries(await Promise.all(numbers.map(async (number) => [number, await freePorts(1)])));
	const system = await SYSTEMS[key].start(ports);
	const results = Object.fromEntries(POINTS.map((point) => [point.name, []]));
	const waiting = SEEDS.flatMap((seed) => POINTS.map((point) => [point, seed]));
	try {
		await Promise.all(
			numbers.map(async (number, i) => {
				const phone = await openPhone(system.sip, number, ports[number]);
				for (let next; (next = waiting.shift()); ) {
					const [point, seed] = next;
					const out = path.join(given.out, `${key}.${name(point)}.${seed}`);
					const network = { seed, seconds: given.seconds, warm: given.warm, srtp: given.srtp, ...point.network };
					const result = await measure({ system, program, number, phone, network, redundancy: given.redundancy, out }).catch((error) => {
						console.log(`${key}: ${point.name}, seed ${seed}: ${error.message}`);
						return undefined;
					});
					results[point.name].push(result);
					console.log(`${key}: ${point.name}, seed ${seed}: ${JSON.stringify(result)}`);
				}
				await phone.close();
			}),
		);
	} finally {
		writeFileSync(path.join(given.out, `${key}.log`), system.log());
		await system.stop();
	}
	return Object.fromEntries(Object.entries(results).map(([point, list]) => [point, mean(list)]));
}

const cell = (value, digits = 0) => (value === undefined ? "–" : value.toFixed(digits));

function table(all) {
	const keys = Object.keys(all);
	const rows = POINTS.filter((point) => point.kind !== "phone").map((point) => {
		const cells = keys.flatMap((key) => [cell(all[key][point.name]?.points), cell(all[key][point.name]?.best)]);
		const delays = keys.map((key) => cell(all[key][point.name]?.delay_ms));
		return `| ${point.name} | ${cells.join(" | ")} | ${delays.join(" | ")} |`;
	});
	const head = ["network", ...keys.flatMap((key) => [SYSTEMS[key].title, "best of its packets"]), ...keys.map((key) => `${SYSTEMS[key].title}: ms`)];
	return [`| ${head.join(" | ")} |`, `|${"---|".repeat(head.length)}`, ...rows].join("\n");
}

/** The way from the phone to the browser: points, and what must not change. */
function phoneTable(all) {
	const rows = POINTS.filter((point) => point.kind === "phone").flatMap((point) =>
		Object.keys(all).map((key) => {
			const r = all[key][point.name];
			return `| ${point.name.slice("phone-".length)} | ${SYSTEMS[key].title} | ${[cell(r?.points), cell(r?.best), cell(r?.gain_db, 2), cell(r?.clipped), cell(r?.at_start), cell(r?.wrong_steps), cell(r?.drift_ms), cell(r?.delay_ms)].join(" | ")} |`;
		}),
	);
	const head = ["network", "system", "points", "best of its packets", "level, dB", "clipped samples", "packets in the first 100 ms", "wrong steps", "drift, ms", "delay, ms"];
	return [`| ${head.join(" | ")} |`, `|${"---|".repeat(head.length)}`, ...rows].join("\n");
}

mkdirSync(given.out, { recursive: true });
const all = {};
const chosen = given.only || (given.full ? Object.keys(SYSTEMS).join(",") : "hookswitch,rtpengine");
for (const key of chosen.split(",")) all[key] = await measureSystem(key);
const about = `${new Date().toISOString().slice(0, 16)}Z, ${os.cpus()[0].model} x ${os.cpus().length}, load ${os.loadavg().map((n) => n.toFixed(1)).join(" ")}, seeds ${given.seeds}, ${given.seconds} s a point`;
const text = `${about}\n\n${table(all)}\n\n${phoneTable(all)}\n`;
writeFileSync(path.join(given.out, "table.md"), text);
writeFileSync(path.join(given.out, "results.json"), JSON.stringify({ about, points: POINTS, all }, null, "\t"));
writeFileSync(path.join(given.out, "plot.svg"), plot(POINTS, all, Object.fromEntries(Object.entries(SYSTEMS).map(([key, { title }]) => [key, title]))));
console.log(`\n${text}`);
const disturbed = Object.entries(all).flatMap(([key, results]) => POINTS.filter((point) => results[point.name]?.disturbed > 5).map((point) => `${key} ${point.name}`));
if (disturbed.length) console.log(`the machine was too busy for: ${disturbed.join(", ")}`);
const missing = Object.values(all).some((results) => POINTS.some((point) => !results[point.name]));
process.exit(missing ? 1 : 0);
