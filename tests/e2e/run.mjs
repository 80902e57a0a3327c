/* run.mjs [--allow-skip] [--folder=FOLDER] [PATTERN...]: runs the test files one after the other (they
 * share two cores with browsers and phones) and prints "ok FILE: TEST", "not ok FILE: TEST" or
 * "skip FILE: TEST: why" for each test, and the time of each file. PATTERN chooses files. What a
 * failing test wrote follows its line. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const folder = process.argv.find((word) => word.startsWith("--folder="))?.slice("--folder=".length);
const here = folder ? path.resolve(folder) : path.dirname(fileURLToPath(import.meta.url));
const FILE_MS = 240_000;
const patterns = process.argv.slice(2).filter((word) => !word.startsWith("-"));
const files = readdirSync(here)
	.filter((name) => name.endsWith(".test.mjs"))
	.filter((name) => patterns.length === 0 || patterns.some((pattern) => name.includes(pattern)))
	.sort();

async function run(name) {
	const title = name.replace(".test.mjs", "");
	const begun = Date.now();
	const child = spawn(process.execPath, ["--test-reporter=tap", path.join(here, name)], { stdio: ["ignore", "pipe", "inherit"] });
	const timer = setTimeout(() => {
		console.log(`not ok ${title}: all of it: still running after ${FILE_MS / 1000} s`);
		failed = true;
		child.kill("SIGTERM");
	}, FILE_MS);
	let failed = false;
	let count = 0;
	let isFailing = false; // inside the report of a failed test
	const closed = new Promise((resolve) => child.once("close", resolve)); // before the reading: it may end first

	for await (const line of createInterface({ input: child.stdout })) {
		const result = /^(ok|not ok) \d+ - (.*?)(?: # (SKIP|TODO)\b ?(.*))?$/.exec(line);
		if (result) {
			const [, verdict, test, directive, why] = result;
			isFailing = verdict === "not ok";
			failed ||= isFailing;
			count++;
			console.log(directive === "SKIP" ? `skip ${title}: ${test}: ${why}` : `${verdict} ${title}: ${test}`);
		} else if (/^(# Subtest|TAP version|1\.\.)/.test(line)) isFailing = false;
		else if (isFailing || (line.startsWith("# ") && !/^# (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(line)))
			console.log(line);
	}
	const code = await closed;
	clearTimeout(timer);
	console.log(`${title}: ${Math.round((Date.now() - begun) / 1000)} s`);
	if ((code !== 0 && !failed) || count === 0) {
		console.log(`not ok ${title}: all of it: ended with ${code} after ${count} tests`);
		failed = true;
	}
	return !failed;
}

let good = files.length > 0;
if (!good) console.log(`not ok no test file fits ${patterns.join(" ")}`);
for (const name of files) good = (await run(name)) && good;
process.exit(good ? 0 : 1);
