/* sipjs.js: a page with SIP.js as it comes from npm: its SessionManager, told nothing that its
 * documentation does not tell. window.client is what clients.mjs steers. */
import { SessionState, Web } from "sip.js";

const DOMAIN = "hookswitch";

class Client {
	events = []; // in order: registered, incoming, 180, 183, answered, ended
	#manager;
	#session;

	async signIn(url, user, password) {
		this.#manager = new Web.SessionManager(url, {
			aor: `sip:${user}@${DOMAIN}`,
			media: { constraints: { audio: true, video: false }, remote: () => ({ audio: document.getElementById("remote") }) },
			userAgentOptions: { authorizationUsername: user, authorizationPassword: password, logLevel: "warn" },
			delegate: {
				onRegistered: () => this.events.push("registered"),
				onUnregistered: () => this.events.push("unregistered"),
				onCallCreated: (session) => (this.#session = session),
				onCallReceived: () => this.events.push("incoming"),
				onCallAnswered: () => this.events.push("answered"),
				onCallHangup: () => this.events.push("ended"),
			},
		});
		await this.#manager.connect();
		await this.#manager.register();
	}

	/** REGISTER again: the challenge that the library remembers is answered with nc=1 again. */
	refresh = () => this.#manager.register();
	signOut = () => this.#manager.unregister();

	/** @param early applies SDP of a 183 (`earlyMedia`) */
	async call(to, { early = false } = {}) {
		const onProgress = (response) => this.events.push(String(response.message.statusCode));
		await this.#manager.call(`sip:${to}@${DOMAIN}`, { earlyMedia: early }, { requestDelegate: { onProgress } });
	}

	answer = () => this.#manager.answer(this.#session);
	decline = () => this.#manager.decline(this.#session);
	hangUp = () => this.#manager.hangup(this.#session);
	hold = (on) => (on ? this.#manager.hold(this.#session) : this.#manager.unhold(this.#session));
	info = (key) => this.#manager.sendDTMF(this.#session, key);
	key(key) {
		if (!this.#session.sessionDescriptionHandler.sendDtmf(key)) throw new Error("no telephone-event");
	}

	get isTalking() {
		return this.#session?.state === SessionState.Established;
	}
}

window.client = new Client();
