/* jssip.js: a page with JsSIP as it comes from npm: it waits for the end of ICE gathering, and sends
 * keys as INFO unless told otherwise. window.client is what clients.mjs steers. */
import * as JsSIP from "jssip";

const DOMAIN = "hookswitch";
const MEDIA = { mediaConstraints: { audio: true, video: false } };

class Client {
	events = []; // in order: registered, incoming, 180, 183, answered, ended
	#ua;
	#session;

	async signIn(url, user, password) {
		this.#ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@${DOMAIN}`, password });
		this.#ua.on("registered", () => this.events.push("registered"));
		this.#ua.on("unregistered", () => this.events.push("unregistered"));
		this.#ua.on("newRTCSession", ({ originator, session }) => this.#follow(session, originator === "remote"));
		this.#ua.start();
	}

	#follow(session, isIncoming) {
		this.#session = session;
		if (isIncoming) this.events.push("incoming");
		else session.on("progress", ({ response }) => this.events.push(String(response.status_code)));
		session.on("accepted", () => this.events.push("answered"));
		session.on("ended", () => this.events.push("ended"));
		session.on("failed", ({ cause }) => this.events.push("ended", cause));
		const listen = (connection) =>
			connection.addEventListener("track", ({ streams }) => (document.getElementById("remote").srcObject = streams[0]));
		if (session.connection) listen(session.connection);
		else session.on("peerconnection", ({ peerconnection }) => listen(peerconnection));
	}

	refresh = () => this.#ua.register();
	signOut = () => this.#ua.unregister();
	call = async (to) => void this.#ua.call(`sip:${to}@${DOMAIN}`, MEDIA);
	answer = () => this.#session.answer(MEDIA);
	decline = () => this.#session.terminate({ status_code: 603 });
	hangUp = () => this.#session.terminate();
	hold = (on) =>
		new Promise((resolve, reject) => {
			if (!(on ? this.#session.hold({}, resolve) : this.#session.unhold({}, resolve))) reject(new Error("not ready"));
		});
	info = (key) => this.#session.sendDTMF(key);
	key = (key) => this.#session.sendDTMF(key, { transportType: "RFC2833" });

	get isTalking() {
		return this.#session?.isEstablished() ?? false;
	}
}

window.client = new Client();
