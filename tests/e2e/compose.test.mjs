/* compose.test.mjs: what examples/cluster/compose.yaml and its Dockerfile name is there. They are not run:
 * that takes a Docker engine. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../examples/cluster/", import.meta.url));
const ROOT = path.join(FOLDER, "../..");
const read = (name) => readFileSync(path.join(FOLDER, name), "utf8");
const python = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
const compose = JSON.parse(execFileSync("python3", ["-c", python], { input: read("compose.yaml"), encoding: "utf8" }));
const { services } = compose;

/* As the scripts know them. */
const shell = (line) => execFileSync("bash", ["-c", `. ${FOLDER}/nodes.sh; ${line}`], { encoding: "utf8" }).trim();
const nodes = shell('for node in "${nodes[@]}"; do echo "$node ${host[$node]}"; done').split("\n").map((line) => line.split(" "));

test("each node is a service with its address and its command, and there is no other", () => {
	assert.deepEqual(Object.keys(services).sort(), [...nodes.map(([node]) => node), "secrets"].sort());
	const prefix = compose["x-node"].environment.HOOKSWITCH_NETWORK;
	assert.equal(compose.networks.nodes.ipam.config[0].subnet, `${prefix}.0/24`);
	for (const [node, host] of nodes) {
		assert.deepEqual(services[node].command, [node]);
		assert.equal(services[node].networks.nodes.ipv4_address, `${prefix}.${host}`, node);
		assert.equal(services[node].environment.HOOKSWITCH_NETWORK, prefix);
	}
	assert.deepEqual(services.secrets.command, ["secrets"]);
});

test("the variable and the folder that it sets are those that the scripts read", () => {
	assert.equal(execFileSync("bash", ["-c", `. ${FOLDER}/nodes.sh; options; echo "$network $state"`], {
		encoding: "utf8",
		env: { ...process.env, HOOKSWITCH_NETWORK: "10.89.46" },
	}).trim(), "10.89.46 /var/lib/hookswitch-cluster");
	for (const service of Object.values(services)) assert.deepEqual(service.volumes, ["state:/var/lib/hookswitch-cluster"]);
	assert.ok("state" in compose.volumes);
});

test("who waits for whom is there, and is healthy in a way that somebody checks", () => {
	for (const [name, { depends_on: others }] of Object.entries(services))
		for (const [other, { condition }] of Object.entries(others ?? {})) {
			assert.ok(services[other], `${name} waits for ${other}`);
			if (condition === "service_healthy") assert.ok(services[other].healthcheck, other);
			else assert.equal(condition, "service_completed_successfully");
		}
	assert.ok(read("node").includes('"$state/database/ready"'));
	assert.match(read("haproxy.cfg"), /bind "\$\{BALANCER\}:443"/);
	assert.match(read("node"), /listen=tcp:\$\(address registrar\):5060/);
});

test("a gateway is given more time to stop than it takes to drain", () => {
	const drain = Number(/drain_timeout = (\d+)/.exec(read("node"))[1]);
	for (const gateway of ["gateway1", "gateway2"]) assert.ok(parseInt(services[gateway].stop_grace_period) > drain);
});

test("the Dockerfile's files and programs are in the tree", () => {
	const { context, dockerfile } = services.secrets.build;
	assert.equal(path.resolve(FOLDER, context), path.resolve(ROOT));
	const text = readFileSync(path.join(ROOT, dockerfile), "utf8");
	const home = /^WORKDIR (\S+)$/m.exec(text)[1];
	assert.match(text, new RegExp(`^COPY \\. ${home}$`, "m"));
	const [entry] = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(text)[1]);
	assert.ok(entry.startsWith(`${home}/`));
	accessSync(path.join(ROOT, entry.slice(home.length)), constants.X_OK);
	const [, parts] = /tests\/install ([a-z ]+)/.exec(text);
	const packages = readFileSync(path.join(ROOT, "tests/packages.txt"), "utf8");
	for (const part of parts.trim().split(" ")) assert.match(packages, new RegExp(`^${part} `, "m"));
	for (const name of ["tests/install", "web/package-lock.json", "CMakeLists.txt"]) assert.ok(existsSync(path.join(ROOT, name)));
	assert.match(read("node"), /program=\/usr\/bin\/hookswitch\npages=\/usr\/share\/hookswitch\/web/);
});
