/* database.mjs: a PostgreSQL of the test's own with Kamailio's tables, started as examples/cluster does. */
import { chmodSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";
import { freePorts } from "./ports.mjs";
import { tempFolder } from "./temp.mjs";

const SCRIPT = fileURLToPath(new URL("../../examples/cluster/database", import.meta.url));
const MS = 60_000;
const running = new Set();
process.on("exit", () => {
	for (const pid of running)
		try {
			process.kill(pid, "SIGQUIT"); // at once, its children too
		} catch {
			/* it has ended */
		}
});

/** @param accounts { user: password }
 *  @returns a Database that listens; stop() it */
export async function startDatabase({ accounts = {} } = {}) {
	const database = new Database(tempFolder("database"), await freePorts(1));
	chmodSync(database.folder, 0o711); // the user postgres must be able to enter
	await database.start();
	await database.addUsers(accounts);
	return database;
}

export class Database {
	#pid;

	constructor(folder, port) {
		this.folder = folder;
		this.port = port;
	}

	async #run(verb, args = [], input = "") {
		const child = new Child(SCRIPT, [verb, this.folder, ...args], { input });
		const code = await child.ended(MS);
		if (code !== 0) throw new Error(`database ${verb} ended with ${code}\n${child.tail()}`);
		return child.text;
	}

	/** Also again after stop(): it knows what it knew. */
	async start() {
		this.url = await this.#run("start", ["--listen", `127.0.0.1:${this.port}`]);
		this.#pid = Number(readFileSync(path.join(this.folder, "data/postmaster.pid"), "utf8").split("\n")[0]);
		running.add(this.#pid);
	}

	/** @param accounts { user: password } */
	addUsers(accounts) {
		const lines = Object.entries(accounts).map(([user, password]) => `${user},${password}\n`);
		return this.#run("import", [], lines.join(""));
	}

	deleteUser = (user) => this.#run("delete-user", [user]);

	/** @returns the rows as lines, columns divided by "|" */
	sql = (text) => this.#run("sql", [], text);

	async stop() {
		await this.#run("stop");
		running.delete(this.#pid);
	}
}
