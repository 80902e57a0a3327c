/* child.mjs: a program started by a test: its output kept, its lines waited for, its end certain. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

const running = new Set();

function childrenOf(pid) {
	try {
		return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/).filter(Boolean).map(Number);
	} catch {
		return [];
	}
}

process.on("exit", () => {
	for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

export class Child {
	lines = []; // stdout and stderr
	code; // once ended: exit code, or the signal's name
	#waiters = new Set();
	#partial = { stdout: "", stderr: "" };
	#process;
	#ended;

	/** @param input its standard input, whole; null: the test writes it, with write() */
	constructor(program, args, { input = "", ...options } = {}) {
		this.name = program.split("/").at(-1);
		this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], ...options });
		running.add(this);
		this.#process.stdin.on("error", () => undefined); // it may end without reading
		if (input !== null) this.#process.stdin.end(input);
		for (const stream of ["stdout", "stderr"])
			this.#process[stream].setEncoding("utf8").on("data", (text) => this.#onText(stream, text));
		this.#ended = new Promise((resolve) => {
			const end = (code) => {
				running.delete(this);
				this.code ??= code;
				for (const waiter of this.#waiters) waiter.onEnd();
				resolve(this.code);
			};
			this.#process.once("error", (error) => {
				this.lines.push(String(error));
				end("not started");
			});
			this.#process.once("close", (code, signal) => end(code ?? signal));
		});
	}

	get pid() {
		return this.#process.pid;
	}

	get text() {
		return this.lines.join("\n");
	}

	/** Writes to its standard input. */
	write = (text) => this.#process.stdin.write(text);

	#onText(stream, text) {
		const parts = (this.#partial[stream] + text).split("\n");
		this.#partial[stream] = parts.pop();
		for (const line of parts) {
			this.lines.push(line);
			for (const waiter of this.#waiters) waiter.onLine(line);
		}
	}

	/** Waits for a line, written already or to come.
	 * @param from index of the first line that counts
	 * @returns the match */
	waitForLine(pattern, { ms = 10_000, from = 0 } = {}) {
		const find = (line) => pattern.exec(line);
		for (const line of this.lines.slice(from)) {
			const match = find(line);
			if (match) return Promise.resolve(match);
		}
		return new Promise((resolve, reject) => {
			const done = (fn, value) => {
				clearTimeout(timer);
				this.#waiters.delete(waiter);
				fn(value);
			};
			const fail = (what) => done(reject, new Error(`${this.name}: ${what} before ${pattern}\n${this.tail()}`));
			const waiter = {
				onLine: (line) => {
					const match = find(line);
					if (match) done(resolve, match);
				},
				onEnd: () => fail(`ended (${this.code})`),
			};
			const timer = setTimeout(() => fail(`${ms} ms passed`), ms);
			if (this.code !== undefined) fail(`ended (${this.code})`);
			else this.#waiters.add(waiter);
		});
	}

	tail(count = 40) {
		return this.lines.slice(-count).join("\n");
	}

	/** SIGKILL is for its own children, too: it cannot end them any more. */
	kill(signal = "SIGTERM") {
		if (this.code !== undefined) return;
		const children = signal === "SIGKILL" ? childrenOf(this.pid) : [];
		this.#process.kill(signal);
		for (const pid of children)
			try {
				process.kill(pid, signal);
			} catch {
				/* it has ended */
			}
	}

	/** Waits for its end, by force after `ms`.
	 * @returns the exit code, or the signal's name */
	async ended(ms = 10_000) {
		const timer = setTimeout(() => this.kill("SIGKILL"), ms);
		const code = await this.#ended;
		clearTimeout(timer);
		return code;
	}

	async stop(ms = 5_000) {
		this.kill("SIGTERM");
		return this.ended(ms);
	}
}
