/* websdp.mjs: what a browser offers, for clients that only signal. */
import { randomBytes } from "node:crypto";

/** @param without names of attributes to leave out
 *  @param codecs as [payload type, rtpmap] */
export function webSdp({ without = [], codecs = [[111, "opus/48000/2"], [8, "PCMA/8000"]] } = {}) {
	const fingerprint = Array.from(randomBytes(32), (byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(":");
	const lines = [
		"v=0",
		"o=- 1 1 IN IP4 127.0.0.1",
		"s=-",
		"t=0 0",
		"a=group:BUNDLE 0",
		`m=audio 9 UDP/TLS/RTP/SAVPF ${codecs.map(([pt]) => pt).join(" ")}`,
		"c=IN IP4 0.0.0.0",
		"a=mid:0",
		"a=rtcp-mux",
		"a=setup:actpass",
		`a=fingerprint:sha-256 ${fingerprint}`,
		"a=ice-ufrag:abcd",
		"a=ice-pwd:abcdefghijklmnopqrstuvwx",
		...codecs.map(([pt, map]) => `a=rtpmap:${pt} ${map}`),
		"a=sendrecv",
		"a=ssrc:1234 cname:x",
	];
	return lines.filter((line) => !without.some((name) => line.startsWith(`a=${name}:`) || line === `a=${name}`)).map((line) => `${line}\r\n`).join("");
}
