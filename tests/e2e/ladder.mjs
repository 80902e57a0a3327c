/* ladder.mjs: the messages of one call through two gateways, from what `hookswitch trace` recorded at
 * each, in one order, and drawn.
 *
 *   page A ── gateway 1 ── registrar ── gateway 2 ── page B
 *
 * The gateways' clocks are not compared: each one's order is kept, and what the registrar passes on
 * comes after what it got. So the same call always gives the same drawing. 100 Trying is left out: each
 * hop sends it by itself, if nothing better came within 200 ms. */

const LANES = ["alice's page", "gateway 1", "Kamailio", "gateway 2", "bob's page"];
const PLACES = [
	{ caller: 0, gateway: 1, callee: 2 },
	{ caller: 2, gateway: 3, callee: 4 },
];

/** @param text what `hookswitch trace` printed
 *  @param which 0 or 1: the gateway of the one who calls, or of the one who is called
 *  @returns [{ from, to, key, label }] in order, each once; from and to count the lanes */
export function messagesOf(text, which) {
	const place = PLACES[which];
	const messages = [];
	for (const block of text.split(/^(?=#\d+ )/m).slice(1)) {
		const [, from, to] = /^#\d+ +\d+ ms +(\w+) -> (\w+) /.exec(block);
		const lines = block.split("\n").slice(1).map((line) => line.trim());
		const header = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
		const [first] = lines;
		const method = header("CSeq").split(" ")[1];
		const response = /^SIP\/2\.0 (\d+ .*)$/.exec(first)?.[1];
		if (response?.startsWith("100 ")) continue; // each hop's own, and late ones do not come at all
		const notes = [];
		if (header("Proxy-Authorization")) notes.push("credentials");
		if (/;ob>/.test(header("Route") ?? "")) notes.push("Route: token");
		const media = lines.find((line) => line.startsWith("m="));
		if (media) notes.push(/ UDP\/TLS\//.test(media) ? "SDP: DTLS-SRTP" : "SDP: RTP");
		const what = response ? response + (method === "INVITE" ? "" : ` (${method})`) : first.split(" ")[0];
		const message = {
			from: place[from],
			to: place[to],
			key: `${header("CSeq")} ${response ?? ""}`,
			label: [what, ...notes].join(" · "),
		};
		/* a repetition, when the machine is slow */
		if (!messages.some((other) => other.from === message.from && other.to === message.to && other.key === message.key))
			messages.push(message);
	}
	return messages;
}

/** Both gateways' messages in one order. */
export function merge(first, second) {
	const queues = [[...first], [...second]];
	const merged = [];
	const registrar = 2;
	/** Whether the registrar has it from the other gateway, or made it itself. */
	const mayCome = (message, others) =>
		message.from !== registrar ||
		!others.some((other) => other.to === registrar && other.key === message.key && !merged.includes(other));

	while (queues[0].length + queues[1].length > 0) {
		const ready = [0, 1].filter((i) => queues[i].length > 0 && mayCome(queues[i][0], [first, second][1 - i]));
		const next = ready.find((i) => queues[i][0].from === registrar) ?? ready[0]; // what it has, it passes on at once
		if (next === undefined) throw new Error(`each waits for the other: ${queues.map(([head]) => head?.label).join(", ")}`);
		merged.push(queues[next].shift());
	}
	return merged;
}

const LEFT = 80;
const BETWEEN = 230;
const TOP = 86;
const ROW = 27;
const x = (lane) => LEFT + lane * BETWEEN;
const escape = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** @returns an SVG, for light and dark pages */
export function draw(messages) {
	const width = x(LANES.length - 1) + LEFT;
	const height = TOP + messages.length * ROW + 30;
	const lines = [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12" text-anchor="middle">`,
		"<title>A call from page to page through two gateways and Kamailio, as recorded</title>",
		"<!-- Drawn by tests/e2e/ladder.mjs from what both gateways recorded; cluster_example.test.mjs compares. -->",
		`<rect width="${width}" height="${height}" rx="8" fill="#fff"/>`,
		...LANES.flatMap((name, lane) => [
			`<rect x="${x(lane) - 62}" y="14" width="124" height="30" rx="5" fill="#e8eef7" stroke="#36558f"/>`,
			`<text x="${x(lane)}" y="34" font-weight="bold" fill="#1c2b4a">${escape(name)}</text>`,
			`<path d="M${x(lane)} 44V${height - 14}" stroke="#9db0d0"/>`,
		]),
		...["WSS through HAProxy", "UDP", "UDP", "WSS through HAProxy"].map(
			(name, lane) => `<text x="${x(lane) + BETWEEN / 2}" y="60" fill="#666">${name}</text>`,
		),
	];
	for (const [row, { from, to, label }] of messages.entries()) {
		const y = TOP + row * ROW + 12;
		const step = Math.sign(to - from);
		const tip = x(to) - step;
		const color = /^\d/.test(label) ? "#2e7d32" : "#36558f";
		lines.push(
			`<path d="M${x(from)} ${y}H${tip - step * 7}" stroke="${color}" stroke-width="1.5"/>`,
			`<path d="M${tip} ${y}l${-step * 9} -4v8z" fill="${color}"/>`,
			`<text x="${(x(from) + x(to)) / 2}" y="${y - 5}" fill="#1c1c1c">${escape(label)}</text>`,
		);
	}
	return `${lines.join("\n")}\n</svg>\n`;
}
