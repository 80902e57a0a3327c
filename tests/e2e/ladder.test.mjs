/* ladder.test.mjs: two gateways' records of a call become one drawing, whatever their clocks say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { draw, merge, messagesOf } from "./ladder.mjs";

const block = (number, from, to, first, cseq, ...more) =>
	`#${number}  ${number} ms  ${from} -> ${to}  UDP 192.0.2.1:5060\n    ${[first, `CSeq: ${cseq}`, ...more].join("\n    ")}\n\n`;
const INVITE = "INVITE sip:bob@hookswitch SIP/2.0";
const OK = "SIP/2.0 200 OK";
const RTP = ["", "v=0", "m=audio 9 RTP/AVP 0"];
const FIRST = [
	block(1, "caller", "gateway", INVITE, "7 INVITE", "Proxy-Authorization: (not kept)"),
	block(2, "gateway", "callee", INVITE, "1 INVITE", ...RTP),
	block(3, "callee", "gateway", "SIP/2.0 100 Trying", "1 INVITE"),
	block(4, "callee", "gateway", OK, "1 INVITE"),
	block(5, "callee", "gateway", OK, "1 INVITE"),
	block(6, "gateway", "caller", OK, "7 INVITE"),
];
const SECOND = [
	block(1, "caller", "gateway", INVITE, "1 INVITE", "Route: <sip:x@192.0.2.2;lr;ob>"),
	block(2, "gateway", "callee", INVITE, "1 INVITE", "", "m=audio 9 UDP/TLS/RTP/SAVPF 111"),
	block(3, "callee", "gateway", OK, "1 INVITE"),
	block(4, "gateway", "caller", OK, "1 INVITE"),
];
const of = (first, second) => merge(messagesOf(`head\n${first.join("")}`, 0), messagesOf(`head\n${second.join("")}`, 1));

test("what the registrar passes on comes after what it got; a repetition counts once, 100 Trying not at all", () => {
	assert.deepEqual(
		of(FIRST, SECOND).map(({ from, to, label }) => `${from}${to} ${label}`),
		[
			"01 INVITE · credentials",
			"12 INVITE · SDP: RTP",
			"23 INVITE · Route: token",
			"34 INVITE · SDP: DTLS-SRTP",
			"43 200 OK",
			"32 200 OK",
			"21 200 OK",
			"10 200 OK",
		],
	);
});

test("another order, or another message, is another drawing", () => {
	const drawn = draw(of(FIRST, SECOND));
	assert.notEqual(draw(of([FIRST[0], FIRST[1], FIRST[5], FIRST[3]], SECOND)), drawn);
	assert.notEqual(draw(of(FIRST.slice(0, 5), SECOND)), drawn);
	assert.equal(draw(of(FIRST, SECOND)), drawn);
});

test("a record in which something comes before its cause is refused", () => {
	assert.throws(() => of([FIRST[3], FIRST[1]], [SECOND[0], SECOND[3]]), /waits for the other/);
});
