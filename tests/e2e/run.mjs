/* run.mjs [--allow-skip] [--folder=FOLDER] [--jobs=N] [PATTERN...]: runs the test files, N at a time (2:
 * they wait most of the time), and prints "ok FILE: TEST", "not ok FILE: TEST" or "skip FILE: TEST: why"
 * for each test, and the time of each file. PATTERN chooses files. What a failing test wrote follows its
 * line. Files that run at a time have ports of their own. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { RANGE } from "./ports.mjs";

const option = (name, otherwise) => process.argv.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? otherwise;
const here = path.resolve(option("folder", path.dirname(fileURLToPath(import.meta.url))));
const FILE_MS = 240_000;
const patterns = process.argv.slice(2).filter((word) => !word.startsWith("-"));
const files = readdirSync(here)
	.filter((name) => name.endsWith(".test.mjs"))
	.filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)))
	.sort();
const jobs = Math.max(1, Math.min(Number(option("jobs", "2")), files.length));

/** The ports of one of the jobs. */
function portsOf(slot) {
	const [first, last] = RANGE;
	const size = Math.floor((last - first + 1) / jobs / 2) * 2;
	return `${first + slot * size}-${first + (slot + 1) * size - 1}`;
}

async function run(name, slot) {
	const title = name.replace(".test.mjs", "");
	const begun = Date.now();
	const lines = []; // printed at the end: files do not mix
	const child = spawn(process.execPath, ["--test-reporter=tap", path.join(here, name)], {
		stdio: ["ignore", "pipe", "pipe"],
		env: { ...process.env, HOOKSWITCH_TEST_PORTS: portsOf(slot) },
	});
	const timer = setTimeout(() => {
		lines.push(`not ok ${title}: all of it: still running after ${FILE_MS / 1000} s`);
		failed = true;
		child.kill("SIGTERM");
	}, FILE_MS);
	let failed = false;
	let count = 0;
	let isFailing = false; // inside the report of a failed test
	const closed = new Promise((resolve) => child.once("close", resolve)); // before the reading: it may end first

	createInterface({ input: child.stderr }).on("line", (line) => lines.push(line));
	for await (const line of createInterface({ input: child.stdout })) {
		const result = /^(ok|not ok) \d+ - (.*?)(?: # (SKIP|TODO)\b ?(.*))?$/.exec(line);
		if (result) {
			const [, verdict, test, directive, why] = result;
			isFailing = verdict === "not ok";
			failed ||= isFailing;
			count++;
			lines.push(directive === "SKIP" ? `skip ${title}: ${test}: ${why}` : `${verdict} ${title}: ${test}`);
		} else if (/^(# Subtest|TAP version|1\.\.)/.test(line)) isFailing = false;
		else if (isFailing || (line.startsWith("# ") && !/^# (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(line)))
			lines.push(line);
	}
	const code = await closed;
	clearTimeout(timer);
	if ((code !== 0 && !failed) || count === 0) {
		lines.push(`not ok ${title}: all of it: ended with ${code} after ${count} tests`);
		failed = true;
	}
	lines.push(`${title}: ${Math.round((Date.now() - begun) / 1000)} s`);
	console.log(lines.join("\n"));
	return !failed;
}

let good = files.length > 0;
if (!good) console.log(`not ok no test file fits ${patterns.join(" ")}`);
const queue = [...files];
async function work(slot) {
	for (let name = queue.shift(); name; name = queue.shift()) good = (await run(name, slot)) && good;
}
await Promise.all(Array.from({ length: jobs }, (_, slot) => work(slot)));
process.exit(good ? 0 : 1);
