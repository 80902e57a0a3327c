/* keys_by_info.test.mjs: telephone keys that a browser sends by INFO, as JsSIP does unless it is told
 * otherwise: the phone gets RFC 4733, each key once. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { setScene } from "./scene.mjs";

const scene = setScene();

/** The page, its JsSIP told to send keys as it does by default. */
async function pageWithInfo(user) {
	const page = await scene.page();
	await page.context.route("**/page.js", async (route) => {
		const response = await route.fetch();
		const body = (await response.text()).replaceAll(/transportType:\s*"RFC2833"/g, 'transportType:"INFO"');
		await route.fulfill({ response, body });
	});
	await page.page.reload();
	await page.signIn(user, scene.accounts[user]);
	return page;
}

scene.test("keys by INFO arrive at the phone as telephone events, each once and in order", async () => {
	const phone = await scene.phone();
	const alice = await pageWithInfo("alice");
	await alice.call("1000");
	await alice.waitFor("talking");
	await delay(300);
	for (const key of "159*0#") {
		await alice.pressKey(key);
		await delay(250);
	}
	await phone.waitFor("CALL_DTMF_START", { where: ({ param }) => param === "#" });
	await delay(300);
	assert.equal(phone.keys(), "159*0#");
	assert.equal(alice.sip(/^>>> INFO /).length, 6);
	assert.equal(alice.sip(/^<<< SIP\/2\.0 200 [\s\S]*CSeq: \d+ INFO/).length, 6);
	assert.equal(phone.requests("INFO").length, 0);
});
