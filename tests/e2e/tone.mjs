/* tone.mjs: which tones a recording holds, and how loud.
 *
 * Levels are in dBFS: 0 is a sine of full scale. Each side of a call sends a frequency of its
 * own, so a call that is looped back, crossed, silent or swapped cannot pass for a good one. */

export const BROWSER_HZ = 1100;
export const PHONE_HZ = 700;
const WANTED_ABOVE = -30; // dBFS
const OTHERS_BELOW = 18; // dB under the wanted one
const BLOCK_S = 0.1;

/** @returns the level of `hz` in mono `samples` (-1 to 1), by Goertzel over a Hann window */
export function level(samples, rate, hz) {
	const n = samples.length;
	const w = (2 * Math.PI * hz) / rate;
	const c = 2 * Math.cos(w);
	let s1 = 0;
	let s2 = 0;
	let weight = 0;

	if (n === 0) return -Infinity;
	for (let i = 0; i < n; i++) {
		const hann = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / n);
		const s0 = samples[i] * hann + c * s1 - s2;
		s2 = s1;
		s1 = s0;
		weight += hann;
	}
	const power = s1 * s1 + s2 * s2 - c * s1 * s2;
	const amplitude = (2 * Math.sqrt(Math.max(power, 0))) / weight;
	return amplitude > 0 ? 20 * Math.log10(amplitude) : -Infinity;
}

/** Cuts `samples` into blocks of 100 ms. */
function* blocks(samples, rate) {
	const size = Math.round(rate * BLOCK_S);
	for (let at = 0; at + size <= samples.length; at += size) yield samples.subarray(at, at + size);
}

/** @returns the number of 100 ms blocks, in the middle of the sound, in which `hz` is missing */
export function gaps(samples, rate, hz) {
	const heard = [...blocks(samples, rate)].map((block) => level(block, rate, hz) > WANTED_ABOVE - 6);
	const first = heard.indexOf(true);
	const last = heard.lastIndexOf(true);
	return first < 0 ? heard.length : heard.slice(first, last).filter((is) => !is).length;
}

/** @returns seconds until `hz` is heard for the first time; Infinity if never */
export function firstHeard(samples, rate, hz) {
	let at = 0;
	for (const block of blocks(samples, rate)) {
		if (level(block, rate, hz) > WANTED_ABOVE) return at * BLOCK_S;
		at++;
	}
	return Infinity;
}

/** The last `seconds` of a recording. */
export function tail({ samples, rate }, seconds) {
	return { samples: samples.subarray(-Math.round(seconds * rate)), rate };
}

/** Judges a recording: `wanted` must be there and each of `others` must not.
 * @returns { ok, why }, `why` with the measured levels */
export function judge({ samples, rate }, wanted, others) {
	const have = level(samples, rate, wanted);
	const rest = others.map((hz) => [hz, level(samples, rate, hz)]);
	const why = [[wanted, have], ...rest].map(([hz, dB]) => `${hz} Hz ${dB.toFixed(1)} dBFS`).join(", ");
	const ok = have > WANTED_ABOVE && rest.every(([, dB]) => dB <= have - OTHERS_BELOW);
	return { ok, why: `${why} (${(samples.length / rate).toFixed(2)} s)` };
}

/** Reads a WAV file of 16-bit or float samples, first channel. A file still being written (whose
 * sizes are not filled in) is read as far as it goes.
 * @returns { samples, rate } */
export function parseWav(buffer) {
	let at = 12;
	let format;

	if (buffer.toString("latin1", 0, 4) !== "RIFF" || buffer.toString("latin1", 8, 12) !== "WAVE")
		throw new Error("not a WAV file");
	while (at + 8 <= buffer.length) {
		const id = buffer.toString("latin1", at, at + 4);
		const size = buffer.readUInt32LE(at + 4);
		const body = at + 8;
		if (id === "fmt ")
			format = {
				tag: buffer.readUInt16LE(body),
				channels: buffer.readUInt16LE(body + 2),
				rate: buffer.readUInt32LE(body + 4),
				bytes: buffer.readUInt16LE(body + 14) / 8,
			};
		if (id === "data") {
			const end = size === 0 || body + size > buffer.length ? buffer.length : body + size;
			const step = format.bytes * format.channels;
			const samples = new Float32Array(Math.floor((end - body) / step));
			for (let i = 0; i < samples.length; i++)
				samples[i] =
					format.bytes === 2 ? buffer.readInt16LE(body + i * step) / 32768 : buffer.readFloatLE(body + i * step);
			return { samples, rate: format.rate };
		}
		at = body + size + (size % 2);
	}
	return { samples: new Float32Array(0), rate: format?.rate ?? 8000 };
}

/** A 16-bit WAV file of `samples`, on each of its channels. */
export function writeWav({ samples, rate }, channels = 1) {
	const step = 2 * channels;
	const out = Buffer.alloc(44 + samples.length * step);
	out.write("RIFF", 0);
	out.writeUInt32LE(36 + samples.length * step, 4);
	out.write("WAVEfmt ", 8);
	out.writeUInt32LE(16, 16);
	out.writeUInt16LE(1, 20);
	out.writeUInt16LE(channels, 22);
	out.writeUInt32LE(rate, 24);
	out.writeUInt32LE(rate * step, 28);
	out.writeUInt16LE(step, 32);
	out.writeUInt16LE(16, 34);
	out.write("data", 36);
	out.writeUInt32LE(samples.length * step, 40);
	samples.forEach((x, i) => {
		const value = Math.round(Math.max(-1, Math.min(1, x)) * 32767);
		for (let channel = 0; channel < channels; channel++) out.writeInt16LE(value, 44 + i * step + 2 * channel);
	});
	return out;
}

/** Raw A-law (ITU G.711) of a recording at 8 kHz, as SIPp plays it. */
export function aLaw({ samples }) {
	const bytes = new Uint8Array(samples.length);
	return bytes.map((_, i) => {
		const x = Math.round(Math.max(-1, Math.min(1, samples[i])) * 4095);
		const sign = x >= 0 ? 0x80 : 0;
		const magnitude = Math.abs(x);
		const segment = magnitude < 64 ? (magnitude < 32 ? 0 : 1) : Math.floor(Math.log2(magnitude)) - 4;
		const mantissa = (magnitude >> (segment < 2 ? 1 : segment)) & 15;
		return (sign | (segment << 4) | mantissa) ^ 0x55;
	});
}

/** The sound of A-law octets. */
export const fromALaw = (bytes) =>
	Float32Array.from(bytes, (octet) => {
		const code = octet ^ 0x55;
		const [segment, mantissa] = [(code >> 4) & 7, code & 15];
		const magnitude = segment === 0 ? 2 * mantissa + 1 : (2 * mantissa + 33) << (segment - 1);
		return (code & 0x80 ? magnitude : -magnitude) / 4096;
	});

/** Raw mu-law (ITU G.711) of a recording at 8 kHz. */
export function uLaw({ samples }) {
	return Uint8Array.from(samples, (sample) => {
		const magnitude = Math.min(8158, Math.round(Math.min(1, Math.abs(sample)) * 8158)) + 33;
		const segment = Math.floor(Math.log2(magnitude)) - 5;
		return ~((sample < 0 ? 0x80 : 0) | (segment << 4) | ((magnitude >> (segment + 1)) & 15)) & 0xff;
	});
}

/** The sound of mu-law octets. */
export const fromULaw = (bytes) =>
	Float32Array.from(bytes, (octet) => {
		const code = ~octet & 0xff;
		const magnitude = ((2 * (code & 15) + 33) << ((code >> 4) & 7)) - 33;
		return (code & 0x80 ? -magnitude : magnitude) / 8159;
	});

/** A sum of sines: `tones` is a list of [hz, amplitude]. */
export function synthesize(seconds, rate, tones) {
	const samples = new Float32Array(Math.round(seconds * rate));
	for (let i = 0; i < samples.length; i++)
		samples[i] = tones.reduce((sum, [hz, a]) => sum + a * Math.sin((2 * Math.PI * hz * i) / rate), 0);
	return { samples, rate };
}
