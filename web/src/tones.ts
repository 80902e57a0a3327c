/* tones.ts: the sounds a telephone makes by itself: ring, ringback and keys (WebAudio, no files). */

interface Cadence {
  frequencies: number[];
  onMs: number[]; // bursts, in turn with offMs
  offMs: number[];
  level: number; // 0 to 1
}

const RINGBACK: Cadence = { frequencies: [425], onMs: [1000], offMs: [4000], level: 0.08 };
const RING: Cadence = { frequencies: [587, 784], onMs: [320, 320], offMs: [180, 2200], level: 0.14 };
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];
const KEYS = "123456789*0#";
const KEY_MS = 110;

export class Tones {
  #context?: AudioContext;
  #playing?: () => void;

  /** To be called in a click or key press: browsers let no sound out before one. */
  unlock(): void {
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") void this.#context.resume();
  }

  ringback(): void {
    this.#play(RINGBACK);
  }

  ring(): void {
    this.#play(RING);
  }

  /** The sound of one key, for the one who presses it. */
  key(key: string): void {
    const index = KEYS.indexOf(key);
    const [row, column] = [ROWS[Math.floor(index / 3)], COLUMNS[index % 3]];
    if (row === undefined || column === undefined) return;
    const voice = this.#voice([row, column]);
    voice?.burst(0, KEY_MS / 1000, 0.05);
    voice?.stopAt(KEY_MS / 1000 + 0.05);
  }

  stop(): void {
    this.#playing?.();
    this.#playing = undefined;
  }

  #play({ frequencies, onMs, offMs, level }: Cadence): void {
    this.stop();
    const voice = this.#voice(frequencies);
    if (!voice) return;

    const bursts = () => {
      let at = 0;
      onMs.forEach((on, i) => {
        voice.burst(at, on / 1000, level);
        at += (on + (offMs[i] ?? 0)) / 1000;
      });
      return at * 1000;
    };
    const timer = setInterval(bursts, bursts());
    this.#playing = () => {
      clearInterval(timer);
      voice.stopAt(0);
    };
  }

  #voice(frequencies: number[]) {
    const context = this.#context;
    if (!context || context.state === "closed") return undefined;

    const gain = new GainNode(context, { gain: 0 });
    gain.connect(context.destination);
    const oscillators = frequencies.map((frequency) => new OscillatorNode(context, { frequency }));
    for (const oscillator of oscillators) {
      oscillator.connect(gain);
      oscillator.start();
    }
    return {
      /** Soft edges, or every burst begins and ends with a click. */
      burst(inS: number, forS: number, level: number) {
        const at = context.currentTime + inS;
        gain.gain.setValueAtTime(0, at);
        gain.gain.linearRampToValueAtTime(level, at + 0.02);
        gain.gain.setValueAtTime(level, at + forS - 0.03);
        gain.gain.linearRampToValueAtTime(0, at + forS);
      },
      stopAt(inS: number) {
        const at = context.currentTime + inS;
        if (inS === 0) {
          gain.gain.cancelScheduledValues(at);
          gain.gain.setTargetAtTime(0, at, 0.01);
        }
        for (const oscillator of oscillators) oscillator.stop(at + 0.06);
      },
    };
  }
}
