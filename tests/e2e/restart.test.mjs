/* restart.test.mjs: what outlives the gateway's end, and how it ends. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { startGateway } from "./gateway.mjs";
import { Child } from "./child.mjs";
import { freePorts } from "./ports.mjs";
import { setScene } from "./scene.mjs";
import { openUdp, phoneSdp } from "./sipclient.mjs";
import { tempFolder } from "./temp.mjs";

const PHONES = 100;

test("killed right after the 200 of the last of 100 REGISTERs, it knows all 100 phones after its restart", async () => {
	const gateway = await startGateway();
	after(() => gateway.stop());
	const users = Array.from({ length: PHONES }, (_, i) => `phone${i}`);
	const list = path.join(gateway.folder, "phones.csv");
	writeFileSync(list, ["caller,secret", ...users.map((user) => `${user},secret`)].join("\n"));
	await gateway.run(["account", "import", list]);

	const phones = await Promise.all(users.map((user) => openUdp(gateway.sip, { user, password: "secret" })));
	const answers = await Promise.all(phones.map((phone) => phone.register({ expires: 600 })));
	await gateway.killHard(); // the last 200 has just come
	assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));

	await gateway.start();
	for (const phone of phones) {
		phone.waitForRequest("INVITE", { ms: 60_000 }).then((invite) => phone.respond(invite, 486), () => undefined);
	}
	const caller = await openUdp(gateway.sip, { user: "caller", password: "secret" });
	for (const user of users) {
		const answer = await caller.invite(user, { body: phoneSdp(9000), callId: `call-of-${user}` });
		assert.equal(answer.status, 486, `${user}: ${answer.first}`);
	}
	for (const phone of phones) {
		const invite = phone.received.find((message) => message.method === "INVITE");
		assert.match(invite.first, new RegExp(`^INVITE ${phone.contact.replace(/[.]/g, "\\.")}`), "the Contact is the Request-URI");
		await phone.close();
	}
	await caller.close();
});

const scene = setScene();

scene.test("SIGTERM with a call up: BYE for phone and page, exit code 0", async () => {
	const phone = await scene.phone();
	const alice = await scene.page("alice");
	await alice.call("1000");
	await phone.waitFor("CALL_ESTABLISHED");
	await alice.waitFor("talking");
	assert.equal(await scene.gateway.stop(), 0);
	await phone.waitFor("CALL_CLOSED");
	assert.equal(phone.requests("BYE").length, 1);
	await alice.page.waitForFunction(() => document.body.dataset.state !== "talking");
	assert.equal(alice.sip(/^<<< BYE /).length, 1);
	assert.match(alice.sip(/^<<< BYE /)[0], /^Reason: SIP;cause=503/m);
	await scene.gateway.start();
});

/** A call that cannot end: its phone rings and never answers the CANCEL. */
async function stubbornCall(gateway) {
	const phone = await openUdp(gateway.sip, { user: "1000", password: scene.accounts[1000] });
	await phone.register();
	const caller = await openUdp(gateway.sip, { user: "1001", password: scene.accounts[1001] });
	caller.invite("1000", { body: phoneSdp(9000) }).catch(() => undefined);
	phone.respond(await phone.waitForRequest("INVITE"), 180);
	await caller.waitFor((message) => message.status === 180);
	return { phone, caller };
}

scene.test("a phone that answers no CANCEL delays the end by seconds, not for ever", async () => {
	const { phone, caller } = await stubbornCall(scene.gateway);
	const begun = Date.now();
	assert.equal(await scene.gateway.stop(), 0);
	assert.ok(Date.now() - begun < 8_000, `${Date.now() - begun} ms`);
	await phone.waitForRequest("CANCEL");
	assert.ok(caller.received.some((message) => message.status === 503));
	await scene.gateway.start();
	await Promise.all([phone.leave(), caller.close()]);
});

scene.test("a second signal ends it at once, with code 1", async () => {
	const { phone, caller } = await stubbornCall(scene.gateway);
	scene.gateway.child.kill("SIGTERM");
	await phone.waitForRequest("CANCEL");
	const begun = Date.now();
	scene.gateway.child.kill("SIGTERM");
	assert.equal(await scene.gateway.child.ended(), 1);
	assert.ok(Date.now() - begun < 1_000, `${Date.now() - begun} ms`);
	await scene.gateway.start();
	await Promise.all([phone.leave(), caller.close()]);
});

scene.test("a second signal does not leave the folder of --dev behind", async () => {
	const folder = tempFolder("dev");
	const [sip, http, https, media] = [await freePorts(1), await freePorts(1), await freePorts(1), await freePorts(20)];
	const file = path.join(folder, "dev.conf");
	const on = (port) => `127.0.0.1:${port}`;
	writeFileSync(
		file,
		`[sip]\nudp = ${on(sip)}\ntcp =\n[web]\nhttp = ${on(http)}\nhttps = ${on(https)}\nroot = ${scene.gateway.pages}\n[media]\naddress = 127.0.0.1\nports = ${media}-${media + 19}\n`,
	);
	const dev = new Child(scene.gateway.program, ["--config", file, "--dev"], { env: { ...process.env, TMPDIR: folder } });
	await dev.waitForLine(/^folder /);
	const password = /account phone user=1000 password=(\S+)/.exec(dev.text)[1];
	const made = readdirSync(folder).filter((name) => name.startsWith("hookswitch-dev-"));
	assert.equal(made.length, 1);

	const phone = await openUdp(sip, { user: "1000", password });
	await phone.register();
	const page = await openUdp(sip, { user: "alice", password: /account browser user=alice password=(\S+)/.exec(dev.text)[1] });
	page.invite("1000", { body: phoneSdp(9000) }).catch(() => undefined);
	phone.respond(await phone.waitForRequest("INVITE"), 180);
	await page.waitFor((message) => message.status === 180);
	dev.kill("SIGINT");
	await phone.waitForRequest("CANCEL");
	dev.kill("SIGINT");
	assert.equal(await dev.ended(), 1);
	assert.deepEqual(existsSync(path.join(folder, made[0])) ? readdirSync(path.join(folder, made[0])) : [], [], dev.text);
	await Promise.all([phone.close(), page.close()]);
});
