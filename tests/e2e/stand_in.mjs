/* stand_in.mjs: just enough of a server to prove page and harness without a gateway.
 *
 * It serves web/dist and passes SIP between pages (a stateless proxy, RFC 3261 §16.11); media
 * goes from page to page. It is no model of a gateway: nothing here is checked twice. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";

const DIST = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../web/dist");
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const CSP = "default-src 'self'; connect-src 'self' ws: wss: http: https:";
const REALM = "hookswitch";

const md5 = (text) => createHash("md5").update(text).digest("hex");
const userOf = (uri) => decodeURIComponent(/sips?:([^@;>]+)@/.exec(uri)?.[1] ?? "");

function headersOf(head, name) {
	return head.filter((line) => line.toLowerCase().startsWith(`${name}:`)).map((line) => line.slice(line.indexOf(":") + 1).trim());
}

function reply(head, status, extra = []) {
	const kept = head.filter((line) => /^(via|from|call-id|cseq):/i.test(line));
	const to = head.find((line) => /^to:/i.test(line));
	const tagged = /;tag=/.test(to) || status.startsWith("100") ? to : `${to};tag=standin`;
	return [`SIP/2.0 ${status}`, ...kept, tagged, ...extra, "Content-Length: 0", "", ""].join("\r\n");
}

/** @param accounts { user: password }
 *  @param demo what to serve as /demo.json, if anything
 *  @returns { port, stop() } */
export async function startStandIn({ port = 0, accounts = {}, demo } = {}) {
	const flows = new Map(); // account or contact user -> socket
	const branches = new Map(); // our branch -> socket the request came from

	const server = http.createServer(async (request, response) => {
		const name = request.url.split("?")[0];
		if (name === "/demo.json" && demo) {
			response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(demo));
			return;
		}
		try {
			const file = path.join(DIST, name === "/" ? "index.html" : path.normalize(name));
			const body = await readFile(file);
			response.writeHead(200, { "content-type": TYPES[path.extname(file)], "content-security-policy": CSP }).end(body);
		} catch {
			response.writeHead(404).end();
		}
	});

	function register(socket, head) {
		const user = userOf(headersOf(head, "to")[0]);
		const contact = headersOf(head, "contact")[0];
		const digest = headersOf(head, "authorization")[0];
		const field = (name) => new RegExp(`\\b${name}="?([^",]+)`).exec(digest ?? "")?.[1];
		const ha2 = md5(`REGISTER:${field("uri")}`);
		const ha1 = md5(`${user}:${REALM}:${accounts[user]}`);
		const good = field("qop")
			? md5(`${ha1}:${field("nonce")}:${field("nc")}:${field("cnonce")}:auth:${ha2}`)
			: md5(`${ha1}:${field("nonce")}:${ha2}`);

		if (!digest || !(user in accounts) || field("response") !== good)
			return reply(head, "401 Unauthorized", [`WWW-Authenticate: Digest realm="${REALM}", nonce="abc", qop="auth"`]);
		flows.set(user, socket);
		flows.set(userOf(contact), socket);
		return reply(head, "200 OK", [`Contact: ${contact.replace(/;expires=\d+/, "")};expires=120`]);
	}

	function route(socket, head, body) {
		const [method, uri] = head[0].split(" ");
		const user = userOf(uri);
		const to = flows.get(user);

		if (!to || to.readyState !== 1) {
			if (method === "ACK") return;
			socket.send(reply(head, user in accounts ? "480 Temporarily Unavailable" : "404 Not Found"));
			return;
		}
		const theirs = /branch=([^;,\s]+)/.exec(headersOf(head, "via")[0])[1];
		const branch = `z9hG4bK${md5(theirs)}`;
		branches.set(branch, socket);
		const rest = head.slice(1);
		to.send([head[0], `Via: SIP/2.0/WS standin.invalid;branch=${branch}`, ...rest, "", body].join("\r\n"));
	}

	function onMessage(socket, text) {
		const split = text.indexOf("\r\n\r\n");
		if (split <= 0) return;
		const head = text.slice(0, split).split("\r\n");
		const body = text.slice(split + 4);

		if (head[0].startsWith("SIP/2.0")) {
			const via = head.findIndex((line) => /^via:/i.test(line));
			const back = branches.get(/branch=([^;,\s]+)/.exec(head[via])?.[1]);
			head.splice(via, 1);
			if (back?.readyState === 1) back.send([...head, "", body].join("\r\n"));
		} else if (head[0].startsWith("REGISTER ")) socket.send(register(socket, head));
		else route(socket, head, body);
	}

	const sockets = new WebSocketServer({ server, handleProtocols: (names) => (names.has("sip") ? "sip" : false) });
	sockets.on("connection", (socket) => socket.on("message", (data) => onMessage(socket, data.toString())));
	await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));

	return {
		port: server.address().port,
		/** Cuts all connections, as a server that dies does. */
		cut() {
			for (const socket of sockets.clients) socket.terminate();
		},
		async stop() {
			this.cut();
			server.closeAllConnections?.();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
