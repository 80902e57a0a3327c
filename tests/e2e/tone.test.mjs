/* tone.test.mjs: the judge of recordings must not be deceived. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { aLaw, BROWSER_HZ, firstHeard, fromALaw, fromULaw, gaps, judge, level, parseWav, PHONE_HZ, synthesize, uLaw, writeWav } from "./tone.mjs";

const RATE = 8000;
const own = [BROWSER_HZ, 0.2];
const other = [PHONE_HZ, 0.2];

test("a sine of full scale is 0 dBFS at every rate", () => {
	for (const rate of [8000, 16000, 48000]) {
		const { samples } = synthesize(1, rate, [[BROWSER_HZ, 1]]);
		assert.ok(Math.abs(level(samples, rate, BROWSER_HZ)) < 0.1);
	}
});

test("the wanted tone alone passes", () => {
	assert.equal(judge(synthesize(1, RATE, [own]), BROWSER_HZ, [PHONE_HZ]).ok, true);
});

test("the other side's tone instead (a call that is looped back) fails", () => {
	assert.equal(judge(synthesize(1, RATE, [other]), BROWSER_HZ, [PHONE_HZ]).ok, false);
});

test("both tones (crossed calls) fail", () => {
	assert.equal(judge(synthesize(1, RATE, [own, other]), BROWSER_HZ, [PHONE_HZ]).ok, false);
});

test("silence, and nothing at all, fail", () => {
	assert.equal(judge(synthesize(1, RATE, []), BROWSER_HZ, [PHONE_HZ]).ok, false);
	assert.equal(judge(synthesize(0, RATE, []), BROWSER_HZ, [PHONE_HZ]).ok, false);
});

test("noise fails", () => {
	const noise = synthesize(1, RATE, []);
	let x = 1;
	for (let i = 0; i < noise.samples.length; i++) {
		x = (x * 16807) % 2147483647;
		noise.samples[i] = (x / 2147483647 - 0.5) * 0.8;
	}
	assert.equal(judge(noise, BROWSER_HZ, [PHONE_HZ]).ok, false);
});

test("too quiet fails", () => {
	assert.equal(judge(synthesize(1, RATE, [[BROWSER_HZ, 0.02]]), BROWSER_HZ, [PHONE_HZ]).ok, false);
});

test("the same tone at double speed fails", () => {
	assert.equal(judge(synthesize(1, RATE, [[2 * BROWSER_HZ, 0.3]]), BROWSER_HZ, [PHONE_HZ]).ok, false);
});

test("gaps are counted in the middle, not at the ends", () => {
	const { samples } = synthesize(2, RATE, [own]);
	samples.fill(0, 0, 0.3 * RATE);
	samples.fill(0, 1.8 * RATE);
	assert.equal(gaps(samples, RATE, BROWSER_HZ), 0);
	samples.fill(0, 1 * RATE, 1.2 * RATE);
	assert.equal(gaps(samples, RATE, BROWSER_HZ), 2);
	assert.equal(firstHeard(samples, RATE, BROWSER_HZ).toFixed(1), "0.3");
});

test("a WAV file is read as it was written, also while its sizes are missing", () => {
	const file = writeWav(synthesize(0.5, RATE, [own]));
	assert.ok(judge(parseWav(file), BROWSER_HZ, [PHONE_HZ]).ok);
	file.writeUInt32LE(0, 40);
	assert.equal(parseWav(file).samples.length, 0.5 * RATE);
});

test("G.711 of both laws is read as it was written, and not by the other one", () => {
	const { samples } = synthesize(0.1, RATE, [[PHONE_HZ, 0.4]]);
	const error = (read) => Math.max(...read.map((x, i) => Math.abs(x - samples[i])));
	for (const [write, read, other] of [[aLaw, fromALaw, fromULaw], [uLaw, fromULaw, fromALaw]]) {
		assert.ok(error(read(write({ samples }))) < 0.01);
		assert.ok(error(other(write({ samples }))) > 0.1);
	}
});
