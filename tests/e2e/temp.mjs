/* temp.mjs: temporary folders, gone when the test process ends (kept with HOOKSWITCH_KEEP=1). */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

const made = [];
process.on("exit", () => {
	if (process.env.HOOKSWITCH_KEEP) console.error(`# kept: ${made.join(" ")}`);
	else for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

export function tempFolder(what) {
	const folder = mkdtempSync(path.join(os.tmpdir(), `hookswitch-${what}-`));
	made.push(folder);
	return folder;
}
