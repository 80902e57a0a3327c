// announcement.mjs IN.wav OUT.wav: IN and a pause in turn for ten minutes, as a desk
// phone's sound: 8 kHz, mono, 16 bits. IN is what espeak-ng writes: mono, 16 bits.
import { readFileSync, writeFileSync } from "node:fs";

const RATE = 8000;
const PAUSE_S = 3;
const LENGTH_S = 600;

function readWav(bytes) {
	for (let at = 12, rate = 0; at + 8 <= bytes.length; ) {
		const name = bytes.toString("latin1", at, at + 4);
		const size = Math.min(bytes.readUInt32LE(at + 4), bytes.length - at - 8);
		if (name === "fmt ") rate = bytes.readUInt32LE(at + 12);
		if (name === "data") {
			const data = bytes.subarray(at + 8, at + 8 + size - (size % 2));
			return { rate, samples: Int16Array.from({ length: data.length / 2 }, (_, i) => data.readInt16LE(2 * i)) };
		}
		at += 8 + size + (size % 2);
	}
	throw new Error("no sound in the file");
}

/** To another rate: each new sample is the mean of those it covers. */
function resample({ rate, samples }) {
	const step = rate / RATE;
	return Int16Array.from({ length: Math.floor(samples.length / step) }, (_, i) => {
		const from = Math.floor(i * step);
		const to = Math.max(from + 1, Math.floor((i + 1) * step));
		let sum = 0;
		for (let k = from; k < to; k++) sum += samples[k];
		return Math.round(sum / (to - from));
	});
}

function wavHeader(bytes) {
	const header = Buffer.alloc(44);
	header.write("RIFF", 0);
	header.writeUInt32LE(36 + bytes, 4);
	header.write("WAVEfmt ", 8);
	header.writeUInt32LE(16, 16);
	header.writeUInt16LE(1, 20); // PCM
	header.writeUInt16LE(1, 22); // mono
	header.writeUInt32LE(RATE, 24);
	header.writeUInt32LE(2 * RATE, 28);
	header.writeUInt16LE(2, 32);
	header.writeUInt16LE(16, 34);
	header.write("data", 36);
	header.writeUInt32LE(bytes, 40);
	return header;
}

const [from, to] = process.argv.slice(2);
const words = resample(readWav(readFileSync(from)));
const round = new Int16Array(words.length + PAUSE_S * RATE);
round.set(words);
const rounds = Math.ceil((LENGTH_S * RATE) / round.length);
const sound = Buffer.from(round.buffer);
writeFileSync(to, Buffer.concat([wavHeader(sound.length * rounds), ...Array(rounds).fill(sound)]));
