/* two_legs.c: see two_legs.h. */
#include "tests/gateway/legs/two_legs.h"

#include "tests/gateway/need.h"

#include <stdio.h>

struct fake_net two_net;

static struct fake_flow page_flow, phone_flow;

uint64_t two_net_clock(void *arg)
{
	(void)arg;
	return two_net.now_ms;
}

static void on_state(void *arg, struct call *call, enum call_state from, enum call_state to)
{
	(void)arg;
	(void)call;
	(void)from;
	(void)to;
}

static void on_join(void *arg, struct call *call, struct leg *caller, struct leg *callee)
{
	(void)arg;
	(void)call;
	session_join(NULL, caller->session, callee->session);
}

static void on_ended(void *arg, struct call *call, const struct cause *cause)
{
	struct two_legs *t = arg;

	t->ended++;
	t->cause = *cause;
	t->call = NULL;
	call_free(call);
}

static const struct call_events call_events = { on_state, on_join, on_ended };

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct two_legs *t = arg;
	struct call_config config = {
		.events = &call_events,
		.arg = t,
		.timers = sip_endpoint_timers(t->endpoint),
		.ring_timeout_ms = t->config->calls.ring_timeout_ms,
		.id = "0123456789abcdef0123456789abcdef",
	};
	struct sip_leg_target target = {
		.flow = &phone_flow.flow,
		.uri = STR("sip:1000@192.0.2.20:5062"),
		.from_user = STR("alice"),
		.to_user = STR("1000"),
		.max_forwards = 69,
	};

	if (request->method != SIP_INVITE) { /* a dialog that has ended */
		sip_respond(tx, &(struct sip_answer){ .status = 481 });
		return;
	}
	t->taken = sip_leg_take(&t->shared, tx, config.id, &config.caller, &t->refusal);
	if (t->taken) {
		sip_respond(tx, &(struct sip_answer){ .status = t->refusal.status });
		return;
	}
	target.near = config.caller->session;
	NEED(sip_leg_to(&t->shared, &target, config.id, &config.callee) == 0);
	NEED(call_new(&config, &t->call) == 0);
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	struct two_legs *t = arg;

	sip_legs_flow_closed(&t->shared, flow);
}

static const struct sip_endpoint_events endpoint_events = {
	.on_request = on_request,
	.on_flow_closed = on_flow_closed,
};

static void on_note(void *arg, const char *call_id, const char *leg, const char *text)
{
	(void)arg;
	(void)call_id;
	(void)leg;
	(void)text;
}

static void on_dialog(void *arg, const char *call_id, struct str sip_call_id)
{
	(void)arg;
	(void)call_id;
	NEED(!str_empty(sip_call_id));
}

/* ---- descriptions ---- */

static void replace(char *text, size_t cap, const char *what, const char *with)
{
	char *at = strstr(text, what);
	size_t n = strlen(what), m = strlen(with), rest;

	if (!at || strlen(text) + m >= cap)
		abort();
	rest = strlen(at + n) + 1;
	memmove(at + m, at + n, rest);
	memcpy(at, with, m);
}

static const char *page_sdp(unsigned version, const char *direction, const char *setup)
{
	static char text[16384];
	char path[512], line[64];

	snprintf(path, sizeof(path), "%s/sdp/samples/chromium-jssip-offer.sdp", TESTS_FOLDER);
	FILE *file = fopen(path, "rb");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[n] = '\0';
	snprintf(line, sizeof(line), "1648210531121937434 %u IN", version);
	replace(text, sizeof(text), "1648210531121937434 2 IN", line);
	snprintf(line, sizeof(line), "a=%s", direction);
	replace(text, sizeof(text), "a=sendrecv", line);
	replace(text, sizeof(text), "a=setup:actpass", setup);
	return text;
}

const char *page_offers(unsigned version, const char *direction)
{
	return page_sdp(version, direction, "a=setup:actpass");
}

const char *page_answers(unsigned version, const char *direction)
{
	return page_sdp(version, direction, "a=setup:active");
}

const char *phone_sdp_at(unsigned version, const char *direction, const char *ip, unsigned port,
			 const char *formats)
{
	static char text[512];

	snprintf(text, sizeof(text),
		 "v=0\r\no=- 1 %u IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
		 "m=audio %u RTP/AVP %s\r\na=%s\r\n",
		 version, ip, port, formats, direction);
	return text;
}

const char *phone_sdp(unsigned version, const char *direction)
{
	return phone_sdp_at(version, direction, "192.0.2.20", 4000, "8");
}

/* ---- messages ---- */

struct sip_msg *side_last(const struct side *side, const char *begins)
{
	for (size_t i = side->flow->n_sent; i-- > 0;)
		if (str_starts(fake_text(side->flow, i), str_of(begins)))
			return fake_sent(side->flow, i);
	return NULL;
}

size_t side_got(const struct side *side, const char *begins)
{
	return fake_count(side->flow, begins);
}

struct str side_body(const struct side *side, const char *begins)
{
	static char mem[8][8192];
	static unsigned next;
	struct sip_msg *msg = side_last(side, begins);
	struct str body = { NULL, 0 };

	if (msg) {
		char *to = mem[next++ % 8];

		str_copy(msg->body, to, sizeof(mem[0]));
		body = str_of(to);
	}
	sip_msg_unref(msg);
	return body;
}

bool side_says(const struct side *side, const char *begins, const char *what)
{
	struct sip_msg *msg = side_last(side, begins);
	bool found = false;

	for (size_t i = 0; msg && !found && i < msg->text.n; i++)
		found = str_starts(str_skip(msg->text, i), str_of(what));
	sip_msg_unref(msg);
	return found;
}

bool has_line(struct str text, const char *line)
{
	while (!str_empty(text)) {
		struct str this = str_cut(&text, '\n');

		if (this.n && this.p[this.n - 1] == '\r')
			this.n--;
		if (str_eq(this, str_of(line)))
			return true;
	}
	return false;
}

void side_sends_body(struct side *side, const char *method, const char *headers, const char *body)
{
	if (strcmp(method, "ACK") != 0)
		side->cseq++;
	fake_receive(side->flow,
		     "%s sip:hookswitch@192.0.2.1 SIP/2.0\n"
		     "Via: SIP/2.0/%s;branch=z9hG4bK%s%u\n"
		     "Max-Forwards: 70\n"
		     "From: <%s>;tag=%s\n"
		     "To: <sip:gateway@192.0.2.1>;tag=%s\n"
		     "Call-ID: %s\n"
		     "CSeq: %u %s\n"
		     "Contact: <%s>\n"
		     "%s\n%s",
		     method, side->via, method, side->cseq, side->identity, side->their_tag,
		     side->our_tag, side->call_id, side->cseq, method, side->identity, headers,
		     body);
	fake_advance(&two_net, 0);
}

void side_sends(struct side *side, const char *method, const char *sdp)
{
	side_sends_body(side, method, *sdp ? "Content-Type: application/sdp\n" : "", sdp);
}

void side_answers(struct side *side, unsigned status, const char *headers, const char *sdp)
{
	struct sip_msg *msg = side_last(side, "INVITE ");

	if (!msg)
		abort();
	fake_reply(side->flow, msg, status, NULL, headers, *sdp ? sdp : NULL);
	sip_msg_unref(msg);
	fake_advance(&two_net, 0);
}

void side_replies(struct side *side, const char *begins, unsigned status)
{
	struct sip_msg *msg = side_last(side, begins);

	if (msg)
		fake_reply(side->flow, msg, status, NULL, "", NULL);
	sip_msg_unref(msg);
	fake_advance(&two_net, 0);
}

void phone_says(struct two_legs *t, unsigned status, const char *sdp)
{
	fake_reply(t->phone.flow, t->at_phone, status, t->phone.their_tag,
		   "Contact: <sip:1000@192.0.2.20:5062>\r\n", *sdp ? sdp : NULL);
	fake_advance(&two_net, 0);
}

/* ---- the call ---- */

static const char *keep(struct side *side, unsigned at, struct str text)
{
	str_copy(text, side->mem[at], sizeof(side->mem[at]));
	return side->mem[at];
}

bool two_legs_start(struct two_legs *t, const char *sdp)
{
	struct config_error error;

	*t = (struct two_legs){ 0 };
	fake_sessions_reset();
	fake_net_init(&two_net);
	t->endpoint = fake_endpoint(&two_net, &endpoint_events, t);
	if (!t->endpoint || config_parse("test", "/", "", 0, &t->config, &error) != 0)
		return false;
	t->shared = (struct sip_leg_shared){
		.endpoint = t->endpoint,
		.config = t->config,
		.on_note = on_note,
		.on_dialog = on_dialog,
		.arg = t,
	};
	t->page = (struct side){
		.flow = &page_flow,
		.session = &fake_sessions[0],
		.call_id = "page-call",
		.their_tag = "page",
		.identity = "sip:alice@page.invalid",
		.via = "WS page.invalid",
		.cseq = 1,
	};
	t->phone = (struct side){
		.flow = &phone_flow,
		.session = &fake_sessions[1],
		.their_tag = "phone",
		.identity = "sip:1000@192.0.2.20:5062",
		.via = "UDP 192.0.2.20:5062",
	};
	fake_flow_open(&page_flow, &two_net, t->endpoint, &fake_ws, "192.0.2.1:8080",
		       "192.0.2.10:50000");
	fake_flow_open(&phone_flow, &two_net, t->endpoint, &fake_udp, "192.0.2.1:5060",
		       "192.0.2.20:5062");
	fake_receive(&page_flow,
		     "INVITE sip:1000@hookswitch SIP/2.0\n"
		     "Via: SIP/2.0/WS page.invalid;branch=z9hG4bKpage\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:alice@page.invalid>;tag=page\n"
		     "To: <sip:1000@hookswitch>\n"
		     "Call-ID: page-call\n"
		     "CSeq: 1 INVITE\n"
		     "Contact: <sip:alice@page.invalid>\n"
		     "Content-Type: application/sdp\n\n%s",
		     sdp);
	return true;
}

bool two_legs_dial(struct two_legs *t)
{
	if (!two_legs_start(t, page_offers(2, "sendrecv")) || t->taken)
		return false;
	fake_session_ready(t->page.session);
	fake_session_ready(t->phone.session);
	fake_advance(&two_net, 0);
	t->at_phone = side_last(&t->phone, "INVITE ");
	if (!t->at_phone)
		return false;
	t->phone.call_id = keep(&t->phone, 0, t->at_phone->call_id);
	t->phone.our_tag = keep(&t->phone, 1, t->at_phone->from_tag);
	return true;
}

bool two_legs_ring(struct two_legs *t)
{
	struct sip_msg *ringing;

	if (!two_legs_dial(t))
		return false;
	phone_says(t, 180, "");
	ringing = side_last(&t->page, "SIP/2.0 180");
	if (!ringing)
		return false;
	t->page.our_tag = keep(&t->page, 1, ringing->to_tag);
	sip_msg_unref(ringing);
	return true;
}

bool two_legs_talk_with(struct two_legs *t, const char *phones_answer)
{
	if (!two_legs_ring(t))
		return false;
	phone_says(t, 200, phones_answer);
	side_sends(&t->page, "ACK", "");
	t->page.session->config.events->on_connected(t->page.session->config.arg, "path", "srtp");
	return t->call && call_state(t->call) == CALL_TALKING && side_got(&t->phone, "ACK ") == 1;
}

bool two_legs_talk(struct two_legs *t)
{
	return two_legs_talk_with(t, phone_sdp(1, "sendrecv"));
}

void two_legs_stop(struct two_legs *t)
{
	call_free(t->call);
	NEED(fake_sessions_open() == 0);
	NEED(!t->shared.first);
	sip_msg_unref(t->at_phone);
	if (page_flow.flow.open)
		fake_flow_close(&page_flow);
	if (phone_flow.flow.open)
		fake_flow_close(&phone_flow);
	sip_endpoint_free(t->endpoint);
	config_free(t->config);
}
