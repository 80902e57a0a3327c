/* plot.mjs: score against loss and against jitter, as one SVG. */
const WIDTH = 940, HEIGHT = 420, LEFT = 60, TOP = 50, W = 380, H = 290, GAP = 90;
const COLOURS = { best: "#111111", hookswitch: "#0a7d3c", rtpengine: "#c0392b", "rtpengine-buffer": "#e08e0b", "rtpengine-dtx": "#7d3c98" };

const escape = (text) => String(text).replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);

function panel(kind, left, most, unit, points, lines) {
	const x = (value) => left + (value / most) * W;
	const y = (value) => TOP + H - (value / 100) * H;
	const out = [];

	for (let value = 0; value <= 100; value += 20)
		out.push(`<line x1="${left}" x2="${left + W}" y1="${y(value)}" y2="${y(value)}" stroke="#ddd"/><text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${value}</text>`);
	for (let value = 0; value <= most; value += 10) out.push(`<text x="${x(value)}" y="${TOP + H + 18}" text-anchor="middle">${value}</text>`);
	out.push(`<text x="${left + W / 2}" y="${TOP + H + 38}" text-anchor="middle">${escape(unit)}</text>`);
	for (const [key, at] of Object.entries(lines)) {
		const dots = points.filter((point) => (point.kind === kind || (kind === "jitter" && point.name === "loss-0")) && at(point) !== undefined).sort((a, b) => a.x - b.x);
		const colour = COLOURS[key] ?? "#333";
		const dash = key === "best" ? ' stroke-dasharray="3 5"' : "";
		out.push(`<polyline fill="none" stroke="${colour}" stroke-width="2"${dash} points="${dots.map((point) => `${x(point.x).toFixed(1)},${y(at(point)).toFixed(1)}`).join(" ")}"/>`);
		for (const point of dots) out.push(`<circle cx="${x(point.x).toFixed(1)}" cy="${y(at(point)).toFixed(1)}" r="3" fill="${colour}"/>`);
	}
	return out.join("\n");
}

/** @param all { system: { point name: result } }; the best possible is of Hookswitch's packets, or
 *  of the first system's */
export function plot(points, all, titles) {
	const first = all.hookswitch ? "hookswitch" : Object.keys(all)[0];
	const lines = {};
	for (const key of Object.keys(all)) lines[key] = (point) => all[key][point.name]?.points;
	lines.best = (point) => all[first][point.name]?.best; // on top of the others
	const legend = Object.keys(lines).map((key, i) => {
		const at = LEFT + i * 180;
		return `<line x1="${at}" x2="${at + 24}" y1="22" y2="22" stroke="${COLOURS[key] ?? "#333"}" stroke-width="3"/><text x="${at + 30}" y="26">${escape(key === "best" ? "best possible" : titles[key])}</text>`;
	});
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
		'<rect width="100%" height="100%" fill="white"/>',
		...legend,
		panel("loss", LEFT, 30, "packets lost, %", points, lines),
		panel("jitter", LEFT + W + GAP, 60, "jitter, standard deviation, ms", points, lines),
		"</svg>", "",
	].join("\n");
}
