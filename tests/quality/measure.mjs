/* measure.mjs: one measured call through a system: the SIP of both sides; the media is
 * quality_call's. */
import { Child } from "../e2e/child.mjs";
import { openUdp, phoneSdp } from "../e2e/sipclient.mjs";
import { openWs } from "../e2e/wsclient.mjs";

/** What a browser offers, Opus alone: were A-law there, rtpengine would pass it on. */
function offer(local, redundancy) {
	return [
		"v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0",
		`m=audio ${local.port} UDP/TLS/RTP/SAVPF 111 ${redundancy ? "63 " : ""}110`, "c=IN IP4 127.0.0.1", `a=rtcp:${local.port} IN IP4 127.0.0.1`,
		`a=candidate:1 1 udp 2130706431 127.0.0.1 ${local.port} typ host`,
		`a=ice-ufrag:${local.ufrag}`, `a=ice-pwd:${local.pwd}`, `a=fingerprint:sha-256 ${local.fingerprint}`, "a=setup:actpass", "a=mid:0",
		"a=sendrecv", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1",
		...(redundancy ? ["a=rtpmap:63 red/48000/2", "a=fmtp:63 111/111"] : []), "a=rtpmap:110 telephone-event/48000", `a=ssrc:${local.ssrc} cname:talker`,
	].map((line) => `${line}\r\n`).join("");
}

/** What the media needs of an answer. */
function readAnswer(sdp) {
	const get = (pattern, what) => {
		const found = pattern.exec(sdp);
		if (!found) throw new Error(`no ${what} in the answer:\n${sdp}`);
		return found.slice(1);
	};
	const [hash, fingerprint] = get(/^a=fingerprint:(\S+) (\S+)/m, "fingerprint");
	const [pt] = get(/^a=rtpmap:(\d+) opus\/48000/im, "Opus");
	const rate = new RegExp(`^a=fmtp:${pt} .*maxplaybackrate=(\\d+)`, "m").exec(sdp)?.[1] ?? 0;
	const fec = new RegExp(`^a=fmtp:${pt} .*useinbandfec=0`, "m").test(sdp) ? 0 : 1;
	const red = new RegExp(`^m=audio .*SAVPF (\\d+) ${pt}\\b`, "m").exec(sdp)?.[1] ?? 0; // before Opus, as Chromium wants it
	const [setup] = get(/^a=setup:(\S+)/m, "setup");
	return {
		ufrag: get(/^a=ice-ufrag:(\S+)/m, "ufrag")[0],
		pwd: get(/^a=ice-pwd:(\S+)/m, "pwd")[0],
		port: get(/^a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+) typ host/im, "candidate")[0],
		hash, fingerprint, pt, red, rate, fec, role: setup === "active" ? "server" : "client",
	};
}

/** @param phone a SipClient at the port the system knows for `number`
 *  @param network options of quality_call, without "--"
 *  @param redundancy the browser offers RED too, as Chromium does
 *  @returns what quality_call says at the end */
export async function measure({ system, program, number, phone, network, redundancy, out }) {
	const options = Object.entries(network).flatMap(([name, value]) => [`--${name}`, String(value)]);
	const media = new Child(program, [...options, "--out", out], { input: null });
	let browser;
	try {
		const [words] = (await media.waitForLine(/^local .*/, { ms: 60_000 })) ?? [];
		const fields = words.split(" ").slice(1);
		const local = Object.fromEntries(fields.flatMap((word, i) => (i % 2 === 0 ? [[word, fields[i + 1]]] : [])));
		browser = await openWs(system.wsUrl, { user: "alice", password: "wonderland", domain: system.domain(number) });
		if (system.register && (await browser.register()).status !== 200) throw new Error("REGISTER was refused");

		const answering = phone.waitForRequest("INVITE", { from: phone.received.length, ms: 10_000 }).then((invite) => {
			phone.respond(invite, 180);
			phone.respond(invite, 200, { body: phoneSdp(Number(local.phone)) });
			return invite;
		});
		const answer = await browser.invite(number, { body: offer(local, redundancy) });
		if (answer.status !== 200) throw new Error(`INVITE got ${answer.first}`);
		const invite = await answering;
		const remote = readAnswer(answer.body);
		media.write(`remote ${remote.ufrag} ${remote.pwd} ${remote.hash} ${remote.fingerprint} ${remote.role} ${remote.port} ${remote.pt} ${remote.red} ${remote.rate} ${remote.fec}\n`);
		media.write(`phone ${/^m=audio (\d+)/m.exec(invite.body)[1]}\n`);
		await media.waitForLine(/^connected/, { ms: 20_000 });
		const seconds = Number(network.seconds ?? 20) + Number(network.warm ?? 8);
		const [json] = await media.waitForLine(/^\{.*/, { ms: (seconds + 60) * 1000 });
		const bye = phone.waitForRequest("BYE", { ms: 5_000 }).then((request) => phone.respond(request, 200), () => undefined);
		await browser.bye(answer).catch(() => undefined);
		await bye;
		return { ...JSON.parse(json), maxplaybackrate: Number(remote.rate) };
	} catch (error) {
		throw new Error(`${error.message}\n${media.tail()}`);
	} finally {
		await browser?.close();
		await media.stop();
	}
}

/** The phone at `port`, which talks to the system's SIP port `sip`. */
export const openPhone = (sip, number, port) => openUdp(sip, { user: number, port });
