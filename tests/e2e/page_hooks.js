/* page_hooks.js: runs in the browser before the page does. Replaces the microphone by a tone and
 * listens to what the page's connections receive. It is plain script: it is injected as text. */
(({ hz, amplitude, microphone, rate = 16000 }) => {
	const RATE = rate; // 0: the browser's own (Firefox joins no two)
	const hooks = { connections: [], recordings: [], dtmf: [] };
	Object.defineProperty(window, "e2e", { value: hooks });

	/* --- the microphone --- */
	if (microphone === "tone") {
		navigator.mediaDevices.getUserMedia = async () => {
			hooks.context ??= new AudioContext();
			await hooks.context.resume();
			hooks.oscillator = new OscillatorNode(hooks.context, { frequency: hz });
			hooks.gain = new GainNode(hooks.context, { gain: amplitude });
			const destination = new MediaStreamAudioDestinationNode(hooks.context, { channelCount: 1 });
			hooks.oscillator.connect(hooks.gain).connect(destination);
			hooks.oscillator.start();
			return destination.stream;
		};
	} else if (microphone) {
		navigator.mediaDevices.getUserMedia = async () => {
			throw new DOMException("test", microphone);
		};
	}
	hooks.setTone = (to) => (hooks.oscillator.frequency.value = to);

	/* --- what is heard: one recorder per remote track, from the first sample on --- */
	function record(track) {
		const context = (hooks.ear ??= new AudioContext(RATE ? { sampleRate: RATE } : {}));
		const source = new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([track]) });
		const tap = context.createScriptProcessor(2048, 1, 1); // no worklet: the page's CSP forbids blobs
		const recording = { chunks: [], rate: context.sampleRate, since: 0 };

		tap.onaudioprocess = (event) => {
			const chunk = new Float32Array(event.inputBuffer.getChannelData(0));
			if (recording.chunks.push(chunk) === 1) recording.since = performance.now() - (chunk.length / recording.rate) * 1000;
		};
		source.connect(tap).connect(context.destination);
		recording.keep = { source, tap }; // or the garbage collector takes them
		hooks.recordings.push(recording);
	}

	const Native = window.RTCPeerConnection;
	window.RTCPeerConnection = class extends Native {
		constructor(...args) {
			super(...args);
			hooks.connections.push(this);
			this.addEventListener("track", ({ track }) => track.kind === "audio" && record(track));
		}
	};

	/** Forgets what was heard so far; waits; gives what came meanwhile as base64 of 16-bit samples. */
	hooks.hear = async (ms) => {
		const recording = hooks.recordings.at(-1);
		if (!recording) return { rate: RATE || 48000, base64: "" };
		if (ms !== undefined) {
			recording.chunks.length = 0;
			await new Promise((resolve) => setTimeout(resolve, ms));
		}
		const bytes = [];
		for (const chunk of recording.chunks)
			for (const x of chunk) {
				const v = Math.round(Math.max(-1, Math.min(1, x)) * 32767) & 0xffff;
				bytes.push(String.fromCharCode(v & 255, v >> 8));
			}
		return { rate: recording.rate, since: recording.since, base64: btoa(bytes.join("")) };
	};
})
