/* install.test.mjs: tests/install: what of the machine it may not change. apt-get, dpkg and systemctl are
 * stand-ins, and the machine is a folder. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Child } from "./child.mjs";
import { tempFolder } from "./temp.mjs";

const INSTALL = fileURLToPath(new URL("../install", import.meta.url));
const CLUSTER = fileURLToPath(new URL("../../examples/cluster/", import.meta.url));

class Machine {
	constructor() {
		this.folder = tempFolder("install");
		this.policy = path.join(this.folder, "usr/sbin/policy-rc.d");
		this.clusters = path.join(this.folder, "etc/postgresql-common");
		for (const name of ["bin", "usr/sbin", "run", "etc/systemd/system/multi-user.target.wants", "etc/rc2.d"])
			mkdirSync(path.join(this.folder, name), { recursive: true });
		this.command("dpkg-query", "exit 1");
		this.command("systemctl", `echo "$@" >>${this.folder}/systemctl`);
	}

	command(name, script) {
		const file = path.join(this.folder, "bin", name);
		writeFileSync(file, `#!/bin/sh\n${script}\n`);
		chmodSync(file, 0o755);
	}

	start = (...args) => this.run(INSTALL, ...args);

	run(program, ...args) {
		const env = { ...process.env, PATH: `${this.folder}/bin:${process.env.PATH}`, HOOKSWITCH_INSTALL_ROOT: this.folder };
		return new Child(program, args, { env });
	}

	read = (name) => readFileSync(path.join(this.folder, name), "utf8");
	enable = (unit) => symlinkSync("/dev/null", path.join(this.folder, "etc/systemd/system/multi-user.target.wants", unit));
}

/** An apt-get that notes what policy it meets, and does what more it is told. */
const apt = (more = "") => `[ "$2" = update ] && exit 0
{ echo "$@"; cat "$HOOKSWITCH_INSTALL_ROOT/usr/sbin/policy-rc.d"; ls "$HOOKSWITCH_INSTALL_ROOT/etc/postgresql-common/createcluster.d"; } >"$HOOKSWITCH_INSTALL_ROOT/met"
${more}`;

test("no service starts while it installs, and no cluster is made", async () => {
	const machine = new Machine();
	machine.command("apt-get", apt());
	assert.equal(await machine.start("cluster").ended(), 0);
	assert.match(machine.read("met"), /^exit 101$/m);
	assert.match(machine.read("met"), /^hookswitch\.conf$/m);
	assert.match(machine.read("met"), / haproxy .* postgresql/);
	assert.ok(!existsSync(machine.policy));
	assert.ok(!existsSync(machine.clusters));
});

test("a policy that was there is afterwards what it was, also when apt-get fails", async () => {
	for (const [more, code] of [["", 0], ["exit 100", 1]]) {
		const machine = new Machine();
		machine.command("apt-get", apt(more));
		writeFileSync(machine.policy, "#!/bin/sh\nexit 0\n");
		chmodSync(machine.policy, 0o750);
		const was = lstatSync(machine.policy);
		assert.equal(await machine.start("cluster").ended(), code);
		const is = lstatSync(machine.policy);
		assert.deepEqual([is.ino, is.mode, is.mtimeMs], [was.ino, was.mode, was.mtimeMs]);
		assert.equal(readFileSync(machine.policy, "utf8"), "#!/bin/sh\nexit 0\n");
		assert.match(machine.read("met"), /^exit 101$/m);
	}
});

test("a policy that is a link stays one, also when it leads nowhere", async () => {
	const machine = new Machine();
	machine.command("apt-get", apt());
	symlinkSync("/nowhere", machine.policy);
	assert.equal(await machine.start("cluster").ended(), 0);
	assert.equal(readlinkSync(machine.policy), "/nowhere");
});

test("killed in the middle, the next call puts the policy back, even if nothing is missing", async () => {
	for (const text of ["#!/bin/sh\nexit 0\n", null]) {
		const machine = new Machine();
		machine.command("apt-get", apt(`echo ready >&2; exec sleep 60`));
		if (text) writeFileSync(machine.policy, text);
		const child = machine.start("cluster");
		while (!existsSync(path.join(machine.folder, "met"))) await new Promise((resolve) => setTimeout(resolve, 20));
		child.kill("SIGKILL");
		await child.ended();
		assert.match(readFileSync(machine.policy, "utf8"), /exit 101/);
		assert.equal(await machine.start().ended(), 0);
		assert.equal(existsSync(machine.policy), text !== null);
		if (text) assert.equal(readFileSync(machine.policy, "utf8"), text);
		assert.ok(!existsSync(machine.clusters));
	}
});

test("services that came with it do not start at the next boot; others do", async () => {
	const machine = new Machine();
	machine.enable("ssh.service");
	machine.command("apt-get", apt(`ln -s /dev/null $HOOKSWITCH_INSTALL_ROOT/etc/systemd/system/multi-user.target.wants/haproxy.service`));
	assert.equal(await machine.start("cluster").ended(), 0);
	assert.equal(machine.read("systemctl"), "disable --quiet haproxy.service\n");
});

test("--list says what is missing and touches nothing", async () => {
	const machine = new Machine();
	machine.command("apt-get", "exit 100");
	const child = machine.start("--list", "cluster");
	assert.equal(await child.ended(), 0);
	assert.ok(child.lines.includes("coturn"), child.text);
});

test("the cluster example lists what it would install and, when nobody is there to ask, leaves it", async () => {
	const machine = new Machine();
	machine.command("apt-get", `touch ${machine.folder}/asked`);
	const state = path.join(machine.folder, "state");
	const child = machine.run(`${CLUSTER}run`, "--name", "asks", "--network", "10.89.63", "--state", state);
	assert.equal(await child.ended(), 1);
	assert.match(child.text, /^This installs: .*coturn.*kamailio-postgres-modules/m);
	assert.match(child.text, /--yes/);
	assert.ok(!existsSync(state) && !existsSync(path.join(machine.folder, "asked")));
});

test("run, stop and dial say what they are for, and do not take words they do not know", async () => {
	const machine = new Machine();
	for (const name of ["run", "stop", "dial"]) {
		const help = machine.run(CLUSTER + name, "--help");
		assert.equal(await help.ended(), 0);
		assert.match(help.text, new RegExp(`^${name} .*--name NAME`));
		assert.equal(await machine.run(CLUSTER + name, "--frobnicate").ended(), 2);
	}
});
