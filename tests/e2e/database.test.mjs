/* database.test.mjs: examples/cluster/database: PostgreSQL with a data folder of its own. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before, test } from "node:test";
import { startDatabase } from "./database.mjs";

const md5 = (text) => createHash("md5").update(text).digest("hex");
const AWKWARD = "p,a\\s's\tw\\.ö$$";
let database;

before(async () => (database = await startDatabase({ accounts: { alice: "apple-pie", bob: AWKWARD } })));
after(() => database?.stop());

/** Whether somebody listens on its port. */
const listens = () =>
	new Promise((resolve) => {
		const socket = net.connect(database.port, "127.0.0.1");
		socket.once("connect", () => resolve(true) || socket.destroy()).once("error", () => resolve(false));
	});

test("users are kept as HA1, whatever their passwords hold", async () => {
	const rows = await database.sql("SELECT username, domain, password, ha1 FROM subscriber ORDER BY username;");
	const row = (user, password) => `${user}|hookswitch||${md5(`${user}:hookswitch:${password}`)}`;
	assert.equal(rows, `${row("alice", "apple-pie")}\n${row("bob", AWKWARD)}`);
});

test("a user that is there gets the new password, one that is deleted is gone", async () => {
	await database.addUsers({ alice: "peach-pie", carol: "x" });
	await database.deleteUser("carol");
	const rows = await database.sql("SELECT username, ha1 FROM subscriber WHERE username IN ('alice', 'carol');");
	assert.equal(rows, `alice|${md5("alice:hookswitch:peach-pie")}`);
});

test("a name that is none is refused, and no password stands in a log", async () => {
	await assert.rejects(database.addUsers({ "x'; DROP TABLE subscriber; --": "plum-pie" }), /line 1 is no USER,PASSWORD/);
	assert.doesNotMatch(readFileSync(path.join(database.folder, "data/log"), "utf8"), /plum-pie|apple-pie/);
});

test("what it knows outlives a stop; stopping and starting twice is fine", async () => {
	const { url } = database;
	await database.start();
	assert.equal(database.url, url);
	await database.stop();
	await database.stop();
	assert.equal(await listens(), false);
	await database.start();
	assert.equal(database.url, url);
	assert.equal(await database.sql("SELECT count(*) FROM subscriber;"), "2");
});

test("it does not run as root, and its secrets are their owners' only", async () => {
	const pid = readFileSync(path.join(database.folder, "data/postmaster.pid"), "utf8").split("\n")[0];
	assert.notEqual(statSync(`/proc/${pid}`).uid, 0);
	for (const [name, mode] of [["data", 0o700], ["password", 0o600], ["url", 0o600]])
		assert.equal(statSync(path.join(database.folder, name)).mode & 0o777, mode, name);
});
