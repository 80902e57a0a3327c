/* Both kinds of SIP legs in one call: a page calls a desk phone, over a network in
 * memory, on a clock of our own, with sessions that only write down what they get. */
#include "gateway/call.h"
#include "gateway/sip_leg.h"
#include "tests/check.h"
#include "tests/gateway/legs/fake_sessions.h"
#include "tests/sip/fake_transport.h"

/* The page's session is the first, the phone's the second. */
static struct fake_session *const of_page = &fake_sessions[0];
static struct fake_session *const of_phone = &fake_sessions[1];

/* ---- the call ---- */

struct fixture {
	struct sip_endpoint *endpoint;
	struct config *config;
	struct sip_leg_shared shared;
	struct call *call;
	int taken; /* what sip_leg_take() gave */
	struct cause refusal, cause;
	unsigned ended;
	struct sip_msg *at_page, *at_phone; /* the INVITE of the page; the phone's */
};

static struct fake_net net;
static struct fake_flow page, phone;

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
	struct fixture *f = arg;

	f->ended++;
	f->cause = *cause;
	f->call = NULL;
	call_free(call);
}

static const struct call_events call_events = { on_state, on_join, on_ended };

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct fixture *f = arg;
	struct call_config config = {
		.events = &call_events,
		.arg = f,
		.timers = sip_endpoint_timers(f->endpoint),
		.ring_timeout_ms = f->config->calls.ring_timeout_ms,
		.id = "0123456789abcdef0123456789abcdef",
	};

	f->at_page = sip_msg_ref(request);
	f->taken = sip_leg_take(&f->shared, tx, config.id, &config.caller, &f->refusal);
	if (f->taken) {
		sip_respond(tx, &(struct sip_answer){ .status = f->refusal.status });
		return;
	}
	CHECK_EQ(sip_leg_to(&f->shared,
			    &(struct sip_leg_target){ .flow = &phone.flow,
						      .uri = STR("sip:1000@192.0.2.20:5062"),
						      .from_user = STR("alice"),
						      .to_user = STR("1000"),
						      .near = config.caller->session,
						      .max_forwards = 69 },
			    config.id, &config.callee),
		 0);
	CHECK_EQ(call_new(&config, &f->call), 0);
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	struct fixture *f = arg;

	sip_legs_flow_closed(&f->shared, flow);
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
	CHECK(!str_empty(sip_call_id));
}

static const char *page_sdp(void)
{
	static char text[16384];
	char path[512];

	snprintf(path, sizeof(path), "%s/sdp/samples/chromium-jssip-offer.sdp", TESTS_FOLDER);
	FILE *file = fopen(path, "rb");
	size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[n] = '\0';
	return text;
}

#define PHONE_SDP(formats)                                                                         \
	"v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n"              \
	"m=audio 4000 RTP/AVP " formats "\r\n"

static uint64_t net_clock(void *arg)
{
	(void)arg;
	return net.now_ms;
}

static bool start(struct fixture *f, const char *sdp)
{
	struct config_error error;

	*f = (struct fixture){ 0 };
	fake_sessions_reset();
	fake_net_init(&net);
	f->endpoint = fake_endpoint(&net, &endpoint_events, f);
	if (!f->endpoint || config_parse("test", "/", "", 0, &f->config, &error) != 0)
		return false;
	f->shared = (struct sip_leg_shared){
		.endpoint = f->endpoint,
		.config = f->config,
		.on_note = on_note,
		.on_dialog = on_dialog,
		.arg = f,
	};
	fake_flow_open(&page, &net, f->endpoint, &fake_ws, "192.0.2.1:8080", "192.0.2.10:50000");
	fake_flow_open(&phone, &net, f->endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.20:5062");
	fake_receive(&page,
		     "INVITE sip:1000@hookswitch SIP/2.0\n"
		     "Via: SIP/2.0/WS page.invalid;branch=z9hG4bKpage\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:alice@hookswitch>;tag=page\n"
		     "To: <sip:1000@hookswitch>\n"
		     "Call-ID: page-call\n"
		     "CSeq: 1 INVITE\n"
		     "Contact: <sip:alice@page.invalid;transport=ws>\n"
		     "Content-Type: application/sdp\n"
		     "\n%s",
		     sdp);
	return true;
}

static void stop(struct fixture *f)
{
	call_free(f->call);
	CHECK_EQ(fake_sessions_open(), 0);
	CHECK(!f->shared.first);
	sip_msg_unref(f->at_page);
	sip_msg_unref(f->at_phone);
	if (page.flow.open)
		fake_flow_close(&page);
	if (phone.flow.open)
		fake_flow_close(&phone);
	sip_endpoint_free(f->endpoint);
	config_free(f->config);
}

/* Both sessions are there, and the phone has its INVITE. */
static bool dialed(struct fixture *f)
{
	if (!start(f, page_sdp()) || f->taken)
		return false;
	fake_session_ready(of_page);
	fake_session_ready(of_phone);
	fake_advance(&net, 0);
	f->at_phone = fake_take(&phone);
	return f->at_phone && f->at_phone->method == SIP_INVITE;
}

static void phone_says(struct fixture *f, unsigned status, const char *sdp)
{
	fake_reply(&phone, f->at_phone, status, "phone", "Contact: <sip:1000@192.0.2.20:5062>\r\n",
		   sdp);
	fake_advance(&net, 0);
}

static bool ringing(struct fixture *f)
{
	if (!dialed(f))
		return false;
	phone_says(f, 180, NULL);
	return fake_count(&page, "SIP/2.0 180") == 1;
}

/* The last message of that beginning sent to `flow`; the caller's reference. */
static struct sip_msg *last_of(const struct fake_flow *flow, const char *begins)
{
	for (size_t i = flow->n_sent; i-- > 0;)
		if (str_starts(fake_text(flow, i), str_of(begins)))
			return fake_sent(flow, i);
	return NULL;
}

static void page_sends(const char *method, unsigned cseq)
{
	struct sip_msg *ok = last_of(&page, "SIP/2.0 200");

	if (!ok)
		abort();
	fake_receive(&page,
		     "%s sip:hookswitch@192.0.2.1:8080;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/WS page.invalid;branch=z9hG4bK%s\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:alice@hookswitch>;tag=page\n"
		     "To: <sip:1000@hookswitch>;tag=%.*s\n"
		     "Call-ID: page-call\n"
		     "CSeq: %u %s\n\n",
		     method, method, STR_ARG(ok->to_tag), cseq, method);
	sip_msg_unref(ok);
	fake_advance(&net, 0);
}

static bool talking_with(struct fixture *f, const char *sdp)
{
	if (!ringing(f))
		return false;
	phone_says(f, 200, sdp);
	page_sends("ACK", 1);
	of_page->config.events->on_connected(of_page->config.arg, "path", "srtp");
	return call_state(f->call) == CALL_TALKING && fake_count(&phone, "ACK ") == 1;
}

static bool talking(struct fixture *f)
{
	return talking_with(f, PHONE_SDP("8"));
}

static bool says(const struct fake_flow *flow, const char *begins, const char *what)
{
	struct sip_msg *msg = last_of(flow, begins);
	bool found = false;

	for (size_t i = 0; msg && !found && i < msg->text.n; i++)
		found = str_starts(str_skip(msg->text, i), str_of(what));
	sip_msg_unref(msg);
	return found;
}

/* The phone answers what the gateway sent it last, if that is of this method. */
static void phone_answers(const char *method, unsigned status)
{
	struct sip_msg *msg = last_of(&phone, method);

	if (msg)
		fake_reply(&phone, msg, status, NULL, "", NULL);
	sip_msg_unref(msg);
	fake_advance(&net, 0);
}

/* ---- the tests ---- */

static void nothing_above_100_before_the_phone_rings(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_advance(&net, 1000);
	CHECK_EQ(fake_count(&page, "SIP/2.0 100"), 1);
	CHECK_EQ(page.n_sent, 1);
	stop(&f);
}

static void the_phone_is_called_when_its_session_is_ready(void)
{
	struct fixture f;

	REQUIRE(start(&f, page_sdp()));
	fake_session_ready(of_page);
	CHECK_EQ(phone.n_sent, 0);
	fake_session_ready(of_phone);
	CHECK_EQ(fake_count(&phone, "INVITE "), 1);
	CHECK(!says(&phone, "INVITE ", "page")); /* nothing of the page */
	CHECK(!says(&phone, "INVITE ", "opus"));
	CHECK(says(&phone, "INVITE ", "Max-Forwards: 69\r\n"));
	CHECK(fake_text(&phone, 0).n < 1300);
	stop(&f);
}

/* JsSIP breaks on a second description, SIP.js on a changed tag. */
static void one_description_toward_a_calling_page(void)
{
	struct sip_msg *m;
	struct fixture f;
	struct str sdp = { NULL, 0 };
	char *first = NULL, *tag = NULL;
	unsigned bodies = 0, rings = 0;

	REQUIRE(dialed(&f));
	phone_says(&f, 180, NULL);
	phone_says(&f, 180, NULL);
	phone_says(&f, 183, PHONE_SDP("8"));
	phone_says(&f, 200, PHONE_SDP("8"));
	while ((m = fake_take(&page))) {
		if (m->status > 100) {
			rings += m->status < 200;
			if (!tag)
				tag = str_dup(m->to_tag);
			CHECK(str_eq(m->to_tag, str_of(tag)));
			if (!str_empty(m->body)) {
				bodies++;
				if (!first)
					first = str_dup(m->body);
				sdp = m->body;
				CHECK(str_eq(sdp, str_of(first)));
				CHECK(m->status == 180 || m->status == 200);
			}
		}
		sip_msg_unref(m);
	}
	CHECK_EQ(rings, 3);
	CHECK_EQ(bodies, 2); /* the first 18x and the 200 */
	CHECK_EQ(fake_count(&page, "SIP/2.0 183"), 1);
	CHECK_EQ(of_page->remotes, 1);
	CHECK_EQ(of_phone->remotes, 1);
	CHECK(n_fake_joins >= 1);
	free(first);
	free(tag);
	stop(&f);
}

/* `ringback = gateway`: the tone is the calling page's session's, from the first 180 that
 * no early media came before. */
static void ringback_is_the_gateways_if_it_is_told_so(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	phone_says(&f, 180, NULL);
	CHECK_EQ(of_page->sound, BRIDGE_SILENCE); /* the page makes it */
	stop(&f);

	REQUIRE(dialed(&f));
	f.config->calls.ringback = CONFIG_RINGBACK_GATEWAY;
	phone_says(&f, 180, NULL);
	CHECK_EQ(of_page->sound, BRIDGE_RINGBACK);
	CHECK_EQ(fake_count(&page, "SIP/2.0 183"), 1);
	CHECK_EQ(fake_count(&page, "SIP/2.0 180"), 0); /* a page would make a tone besides */
	CHECK_EQ(of_phone->sound, BRIDGE_SILENCE);
	stop(&f);

	REQUIRE(dialed(&f));
	f.config->calls.ringback = CONFIG_RINGBACK_GATEWAY;
	phone_says(&f, 183, PHONE_SDP("8"));
	phone_says(&f, 180, NULL);
	CHECK_EQ(of_page->sound, BRIDGE_SILENCE); /* there is an announcement */
	stop(&f);
}

static void a_page_that_hangs_up(void)
{
	struct fixture f;

	REQUIRE(talking(&f));
	page_sends("BYE", 2);
	CHECK_EQ(fake_count(&page, "SIP/2.0 200"), 2);
	CHECK_EQ(fake_count(&phone, "BYE "), 1);
	CHECK_EQ(f.ended, 0);
	phone_answers("BYE ", 200);
	CHECK_EQ(f.ended, 1);
	CHECK_EQ(f.cause.status, 200);
	CHECK_EQ(fake_sessions_open(), 0);
	stop(&f);
}

static void a_phone_that_hangs_up(void)
{
	struct fixture f;
	struct sip_msg *bye;

	REQUIRE(talking(&f));
	fake_receive(&phone,
		     "BYE sip:hookswitch@192.0.2.1:5060 SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.20:5062;branch=z9hG4bKbye\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:1000@192.0.2.1>;tag=phone\n"
		     "To: <sip:alice@192.0.2.1>;tag=%.*s\n"
		     "Call-ID: %.*s\n"
		     "CSeq: 1 BYE\n\n",
		     STR_ARG(f.at_phone->from_tag), STR_ARG(f.at_phone->call_id));
	fake_advance(&net, 0);
	CHECK_EQ(fake_count(&phone, "SIP/2.0 200"), 1);
	bye = last_of(&page, "BYE ");
	REQUIRE(bye);
	CHECK(says(&page, "BYE ", "Reason: SIP;cause=200"));
	fake_reply(&page, bye, 200, NULL, "", NULL);
	sip_msg_unref(bye);
	CHECK_EQ(f.ended, 1);
	stop(&f);
}

static void a_page_that_gives_up(void)
{
	struct fixture f;

	REQUIRE(ringing(&f));
	fake_receive(&page, "CANCEL sip:1000@hookswitch SIP/2.0\n"
			    "Via: SIP/2.0/WS page.invalid;branch=z9hG4bKpage\n"
			    "Max-Forwards: 70\n"
			    "From: <sip:alice@hookswitch>;tag=page\n"
			    "To: <sip:1000@hookswitch>\n"
			    "Call-ID: page-call\n"
			    "CSeq: 1 CANCEL\n\n");
	fake_advance(&net, 0);
	CHECK_EQ(fake_count(&page, "SIP/2.0 200"), 1);
	CHECK_EQ(fake_count(&page, "SIP/2.0 487"), 1);
	CHECK_EQ(fake_count(&phone, "CANCEL "), 1);
	phone_answers("CANCEL ", 200);
	CHECK_EQ(f.ended, 0);
	phone_says(&f, 487, NULL);
	CHECK_EQ(f.ended, 1);
	CHECK_EQ(f.cause.status, 487);
	stop(&f);
}

static void a_busy_phone(void)
{
	struct fixture f;

	REQUIRE(ringing(&f));
	phone_says(&f, 486, NULL);
	CHECK_EQ(fake_count(&page, "SIP/2.0 486"), 1);
	CHECK(says(&page, "SIP/2.0 486", "Reason: SIP;cause=486"));
	CHECK_EQ(f.ended, 1);
	stop(&f);
}

/* A browser answers a challenge of any realm, so it must not see one. */
static void a_phones_challenge_is_not_passed_on(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_reply(&phone, f.at_phone, 401, "phone",
		   "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n", NULL);
	fake_advance(&net, 0);
	CHECK_EQ(fake_count(&page, "SIP/2.0 403"), 1);
	CHECK(!says(&page, "SIP/2.0 403", "WWW-Authenticate"));
	stop(&f);
}

static void nobody_answers_the_phone(void)
{
	struct fixture f;

	REQUIRE(ringing(&f));
	fake_advance(&net, f.config->calls.ring_timeout_ms);
	CHECK_EQ(fake_count(&page, "SIP/2.0 480"), 1);
	CHECK(says(&page, "SIP/2.0 480", "Reason: SIP;cause=480;text=\"No answer\""));
	CHECK_EQ(fake_count(&phone, "CANCEL "), 1);
	CHECK(says(&phone, "CANCEL ", "Reason: "));
	phone_says(&f, 487, NULL);
	CHECK_EQ(f.ended, 1);
	stop(&f);
}

static void a_dead_phone_ends_the_call_in_32_seconds(void)
{
	struct fixture f;

	REQUIRE(dialed(&f));
	fake_advance(&net, 33000);
	CHECK_EQ(fake_count(&page, "SIP/2.0 480"), 1);
	CHECK_EQ(f.ended, 1);
	stop(&f);
}

static void an_offer_without_a_codec_of_ours_is_refused_with_the_reason(void)
{
	struct fixture f;
	char *sdp = str_dup(str_of(page_sdp()));

	for (char *p = sdp; (p = strstr(p, "RTP/SAVPF 111 63 9 0 8 13")); p++)
		memcpy(p, "RTP/SAVPF 63 13 13 13 13 ", 25);
	REQUIRE(start(&f, sdp));
	CHECK_EQ(f.taken != 0, true);
	CHECK_EQ(f.refusal.status, 488);
	CHECK_EQ(f.refusal.warn, 305);
	CHECK_EQ(fake_count(&page, "SIP/2.0 488"), 1);
	CHECK_EQ(n_fake_sessions, 0);
	free(sdp);
	stop(&f);
}

static void an_answer_without_a_codec_of_ours_ends_both_sides(void)
{
	struct fixture f;

	REQUIRE(ringing(&f));
	phone_says(&f, 200, PHONE_SDP("18"));
	CHECK_EQ(fake_count(&phone, "ACK "), 1);
	CHECK_EQ(fake_count(&phone, "BYE "), 1);
	phone_answers("BYE ", 200);
	CHECK_EQ(fake_count(&page, "SIP/2.0 488"), 1);
	CHECK(says(&page, "SIP/2.0 488", "Warning: 305 hookswitch \"no audio codec in common"));
	CHECK_EQ(f.ended, 1);
	stop(&f);
}

static void media_that_cannot_be_set_up_ends_the_call(void)
{
	struct fixture f;

	REQUIRE(ringing(&f));
	of_page->config.events->on_failed(of_page->config.arg, "wrong fingerprint");
	fake_advance(&net, 0);
	CHECK_EQ(fake_count(&page, "SIP/2.0 500"), 1);
	CHECK_EQ(fake_count(&phone, "CANCEL "), 1);
	phone_says(&f, 487, NULL);
	CHECK_EQ(f.ended, 1);
	stop(&f);
}

static void a_page_that_goes_while_it_rings_gives_up(void)
{
	struct fixture f;

	REQUIRE(ringing(&f));
	fake_flow_close(&page);
	fake_advance(&net, 0);
	CHECK_EQ(fake_count(&phone, "CANCEL "), 1);
	phone_says(&f, 487, NULL);
	CHECK_EQ(f.ended, 1);
	stop(&f);
}

static void a_page_that_goes_in_mid_call_has_its_time(void)
{
	struct fixture f;
	uint64_t went;

	REQUIRE(talking(&f));
	went = net.now_ms;
	fake_flow_close(&page);
	fake_advance(&net, SESSION_QUIET_MS);
	of_page->config.events->on_quiet(of_page->config.arg, true);
	fake_run(&net, went + f.config->calls.page_timeout_ms - 1);
	CHECK_EQ(fake_count(&phone, "BYE "), 0);
	fake_run(&net, went + f.config->calls.page_timeout_ms);
	CHECK_EQ(fake_count(&phone, "BYE "), 1);
	CHECK(says(&phone, "BYE ", "text=\"Page gone\""));
	phone_answers("BYE ", 200);
	fake_advance(&net, 33000);
	CHECK_EQ(f.ended, 1);
	stop(&f);
}

static void a_page_that_is_heard_may_come_back_on_another_socket(void)
{
	static struct fake_flow again;
	struct fixture f;
	uint64_t id;

	REQUIRE(talking(&f));
	id = page.flow.id;
	fake_flow_close(&page);
	fake_advance(&net, f.config->calls.reconnect_timeout_ms - 1);
	CHECK_EQ(fake_count(&phone, "BYE "), 0);
	fake_flow_open(&again, &net, f.endpoint, &fake_ws, "192.0.2.1:8080", "192.0.2.10:50001");
	sip_legs_flow_moved(&f.shared, id, &again.flow);
	fake_advance(&net, 10 * f.config->calls.reconnect_timeout_ms);
	CHECK_EQ(f.ended, 0);
	call_hang_up(f.call, &cause_shutdown);
	fake_advance(&net, 0);
	CHECK_EQ(fake_count(&again, "BYE "), 1);
	call_free(f.call);
	f.call = NULL;
	fake_flow_close(&again);
	stop(&f);
}

static void page_sends_info(unsigned cseq, const char *type, const char *body)
{
	struct sip_msg *ok = last_of(&page, "SIP/2.0 200");
	char mem[64] = "";

	if (!ok)
		abort();
	if (type)
		snprintf(mem, sizeof(mem), "Content-Type: %s\n", type);
	fake_receive(&page,
		     "INFO sip:hookswitch@192.0.2.1:8080;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/WS page.invalid;branch=z9hG4bKinfo%u\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:alice@hookswitch>;tag=page\n"
		     "To: <sip:1000@hookswitch>;tag=%.*s\n"
		     "Call-ID: page-call\n"
		     "CSeq: %u INFO\n"
		     "%s\n%s",
		     cseq, STR_ARG(ok->to_tag), cseq, mem, body);
	sip_msg_unref(ok);
	fake_advance(&net, 0);
}

#define PHONE_SDP_EVENTS PHONE_SDP("8 101\r\na=rtpmap:101 telephone-event/8000")

static void keys_by_info_go_to_the_phone_each_once(void)
{
	struct fixture f;

	REQUIRE(talking_with(&f, PHONE_SDP_EVENTS));
	page_sends_info(2, "application/dtmf-relay", "Signal=5\r\nDuration=170\r\n");
	CHECK_STR(str_of(of_phone->keys), "5");
	CHECK_EQ(of_phone->key_ms, 170);
	page_sends_info(2, "application/dtmf-relay", "Signal=5\r\nDuration=170\r\n"); /* again */
	page_sends_info(3, "application/dtmf", "#");
	CHECK_STR(str_of(of_phone->keys), "5#");
	CHECK_EQ(of_page->n_keys, 0);
	CHECK_EQ(fake_count(&phone, "INFO "), 0);
	stop(&f);
}

static void a_key_for_a_phone_that_takes_none_is_answered_all_the_same(void)
{
	struct fixture f;

	REQUIRE(talking(&f));
	page_sends_info(2, "application/dtmf-relay", "Signal=5\r\nDuration=170\r\n");
	CHECK(says(&page, "SIP/2.0 200", "CSeq: 2 INFO\r\n"));
	CHECK_EQ(of_phone->n_keys, 0);
	stop(&f);
}

static void an_info_that_is_no_key_is_refused_and_the_call_goes_on(void)
{
	struct fixture f;

	REQUIRE(talking(&f));
	page_sends_info(2, "application/dtmf-relay", "Signal=five\r\n");
	CHECK_EQ(fake_count(&page, "SIP/2.0 400"), 1);
	page_sends_info(3, "text/plain", "5");
	CHECK_EQ(fake_count(&page, "SIP/2.0 415"), 1);
	CHECK(says(&page, "SIP/2.0 415", "Accept: application/dtmf-relay, application/dtmf\r\n"));
	page_sends_info(4, "text/plain\nInfo-Package: foo", "5");
	CHECK_EQ(fake_count(&page, "SIP/2.0 469"), 1);
	CHECK_EQ(of_phone->n_keys, 0);
	CHECK_EQ(call_state(f.call), CALL_TALKING);
	stop(&f);
}

/* The stack's timers run when one is due; the answer may come long after. */
static void quiet_before_the_answer_does_not_shorten_the_wait_for_the_ack(void)
{
	struct fixture f;

	REQUIRE(ringing(&f));
	sip_endpoint_timers(f.endpoint)->clock = net_clock;
	net.now_ms += 40000; /* nothing was due */
	fake_reply(&phone, f.at_phone, 200, "phone", "Contact: <sip:1000@192.0.2.20:5062>\r\n",
		   PHONE_SDP("8"));
	fake_advance(&net, 31000);
	CHECK_EQ(fake_count(&page, "BYE "), 0);
	CHECK(fake_count(&page, "SIP/2.0 200") > 5);
	fake_advance(&net, 1500);
	CHECK_EQ(fake_count(&page, "BYE "), 1);
	stop(&f);
}

static void phone_reoffers(const struct fixture *f, unsigned cseq, const char *sdp)
{
	fake_receive(&phone,
		     "INVITE sip:hookswitch@192.0.2.1:5060 SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.20:5062;branch=z9hG4bKre%u\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:1000@192.0.2.1>;tag=phone\n"
		     "To: <sip:alice@192.0.2.1>;tag=%.*s\n"
		     "Call-ID: %.*s\n"
		     "CSeq: %u INVITE\n"
		     "Contact: <sip:1000@192.0.2.20:5062>\n"
		     "Content-Type: application/sdp\n\n%s",
		     cseq, STR_ARG(f->at_phone->from_tag), STR_ARG(f->at_phone->call_id), cseq,
		     sdp);
	fake_advance(&net, 0);
}

static void phone_acks(const struct fixture *f, unsigned cseq)
{
	fake_receive(&phone,
		     "ACK sip:hookswitch@192.0.2.1:5060 SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.20:5062;branch=z9hG4bKack%u\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:1000@192.0.2.1>;tag=phone\n"
		     "To: <sip:alice@192.0.2.1>;tag=%.*s\n"
		     "Call-ID: %.*s\n"
		     "CSeq: %u ACK\n\n",
		     cseq, STR_ARG(f->at_phone->from_tag), STR_ARG(f->at_phone->call_id), cseq);
	fake_advance(&net, 0);
}

static void a_refresh_is_answered_with_the_same_description(void)
{
	struct fixture f;
	struct sip_msg *one, *two;

	REQUIRE(talking(&f));
	for (unsigned i = 1; i <= 2; i++) {
		phone_reoffers(&f, i, PHONE_SDP("8"));
		CHECK_EQ(fake_count(&phone, "SIP/2.0 200"), i);
	}
	one = fake_sent(&phone, phone.n_sent - 2);
	two = fake_sent(&phone, phone.n_sent - 1);
	CHECK(!str_empty(one->body) && str_eq(one->body, two->body));
	CHECK_EQ(fake_count(&page, "INVITE "), 0); /* the page hears nothing of it */
	sip_msg_unref(one);
	sip_msg_unref(two);
	stop(&f);
}

/* The page's description with other ICE credentials; `what` of both: 1 ufrag, 2 pwd. */
static const char *page_sdp_restarting(unsigned what)
{
	static char text[16384];
	const char *const names[] = { "a=ice-ufrag:", "a=ice-pwd:" };

	snprintf(text, sizeof(text), "%s", page_sdp());
	for (unsigned i = 0; i < 2; i++)
		for (char *at = text; (what & (1u << i)) && (at = strstr(at, names[i]));) {
			at += strlen(names[i]);
			*at = *at == 'x' ? 'y' : 'x';
		}
	return text;
}

static void page_reoffers(unsigned cseq, const char *method, const char *sdp)
{
	struct sip_msg *ok = last_of(&page, "SIP/2.0 200");

	if (!ok)
		abort();
	fake_receive(&page,
		     "%s sip:hookswitch@192.0.2.1:8080;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/WS page.invalid;branch=z9hG4bKre%u\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:alice@hookswitch>;tag=page\n"
		     "To: <sip:1000@hookswitch>;tag=%.*s\n"
		     "Call-ID: page-call\n"
		     "CSeq: %u %s\n"
		     "Contact: <sip:alice@page.invalid;transport=ws>\n"
		     "Content-Type: application/sdp\n\n%s",
		     method, cseq, STR_ARG(ok->to_tag), cseq, method, sdp);
	sip_msg_unref(ok);
	fake_advance(&net, 0);
}

/* havfo/WEBRTC-to-SIP #19: a restart that reaches the phone ends calls. */
static void an_ice_restart_is_answered_here_with_new_credentials(void)
{
	static const char *const methods[] = { "INVITE", "UPDATE" };

	for (size_t i = 0; i < 2; i++) {
		struct fixture f;
		unsigned remotes;
		size_t sent;

		REQUIRE(talking(&f));
		sent = phone.n_sent;
		remotes = of_page->remotes;
		page_reoffers(2, methods[i], page_sdp_restarting(3));
		CHECK_EQ(of_page->remotes, remotes + 1);
		CHECK_EQ(fake_count(&page, "SIP/2.0 200"), 1); /* of the first INVITE: it waits */
		fake_session_restarted(of_page);
		fake_advance(&net, 0);
		CHECK_EQ(fake_count(&page, "SIP/2.0 200"), 2);
		CHECK(says(&page, "SIP/2.0 200", "a=ice-ufrag:frag2\r\n"));
		CHECK(says(&page, "SIP/2.0 200", "a=ice-pwd:zyxwvutsrqponmlkjihgfe\r\n"));
		CHECK(says(&page, "SIP/2.0 200", "a=setup:passive\r\n"));
		CHECK(says(&page, "SIP/2.0 200", "a=ssrc:12345 "));
		CHECK_EQ(phone.n_sent, sent);
		CHECK_EQ(call_state(f.call), CALL_TALKING);
		stop(&f);
	}
}

static void half_an_ice_restart_is_refused_and_the_call_goes_on(void)
{
	for (unsigned half = 1; half <= 2; half++) {
		struct fixture f;
		unsigned remotes;

		REQUIRE(talking(&f));
		remotes = of_page->remotes;
		page_reoffers(2, "UPDATE", page_sdp_restarting(half));
		CHECK_EQ(fake_count(&page, "SIP/2.0 488"), 1);
		CHECK_EQ(of_page->remotes, remotes);
		CHECK_EQ(call_state(f.call), CALL_TALKING);
		stop(&f);
	}
}

static void a_phone_that_is_unplugged_ends_the_call_after_its_time(void)
{
	struct fixture f;
	uint64_t last;

	REQUIRE(talking(&f));
	sip_endpoint_timers(f.endpoint)->clock = net_clock;
	last = net.now_ms;
	fake_advance(&net, SESSION_QUIET_MS);
	of_phone->config.events->on_quiet(of_phone->config.arg, true);
	fake_run(&net, last + f.config->calls.phone_timeout_ms - 1);
	CHECK_EQ(fake_count(&page, "BYE "), 0);
	fake_run(&net, last + f.config->calls.phone_timeout_ms);
	CHECK_EQ(fake_count(&page, "BYE "), 1);
	CHECK(says(&page, "BYE ", "Reason: SIP;cause=408;text=\"Phone gone\""));
	CHECK_EQ(fake_count(&phone, "BYE "), 1);
	stop(&f);
}

static void a_phone_that_is_heard_again_in_time_keeps_the_call(void)
{
	struct fixture f;

	REQUIRE(talking(&f));
	fake_advance(&net, SESSION_QUIET_MS);
	of_phone->config.events->on_quiet(of_phone->config.arg, true);
	fake_advance(&net, f.config->calls.phone_timeout_ms - SESSION_QUIET_MS - 1);
	of_phone->config.events->on_quiet(of_phone->config.arg, false);
	fake_advance(&net, 10 * f.config->calls.phone_timeout_ms);
	CHECK_EQ(f.ended, 0);
	stop(&f);
}

static void a_phone_that_announced_silence_may_be_silent(void)
{
	static const char *const silent[] = { "a=recvonly\r\n", "a=inactive\r\n" };

	for (size_t i = 0; i < 2; i++) {
		struct fixture f;
		char sdp[512];

		REQUIRE(talking(&f));
		snprintf(sdp, sizeof(sdp), "%s%s", PHONE_SDP("8"), silent[i]);
		phone_reoffers(&f, 1, sdp);
		phone_acks(&f, 1);
		struct sip_msg *hold = last_of(&page, "INVITE "); /* that the page refuses */
		REQUIRE(hold);
		fake_reply(&page, hold, 488, NULL, "", NULL);
		sip_msg_unref(hold);
		fake_advance(&net, SESSION_QUIET_MS);
		of_phone->config.events->on_quiet(of_phone->config.arg, true);
		fake_run(&net, net.now_ms + 10 * f.config->calls.phone_timeout_ms);
		CHECK_EQ(fake_count(&page, "BYE "), 0);
		stop(&f);
	}
}

TESTS(nothing_above_100_before_the_phone_rings, the_phone_is_called_when_its_session_is_ready,
      one_description_toward_a_calling_page, ringback_is_the_gateways_if_it_is_told_so,
      a_page_that_hangs_up, a_phone_that_hangs_up, a_page_that_gives_up, a_busy_phone,
      a_phones_challenge_is_not_passed_on, nobody_answers_the_phone,
      a_dead_phone_ends_the_call_in_32_seconds,
      a_phone_that_is_unplugged_ends_the_call_after_its_time,
      a_phone_that_is_heard_again_in_time_keeps_the_call,
      a_phone_that_announced_silence_may_be_silent,
      an_ice_restart_is_answered_here_with_new_credentials,
      half_an_ice_restart_is_refused_and_the_call_goes_on, keys_by_info_go_to_the_phone_each_once,
      a_key_for_a_phone_that_takes_none_is_answered_all_the_same,
      an_info_that_is_no_key_is_refused_and_the_call_goes_on,
      an_offer_without_a_codec_of_ours_is_refused_with_the_reason,
      an_answer_without_a_codec_of_ours_ends_both_sides, media_that_cannot_be_set_up_ends_the_call,
      a_page_that_goes_while_it_rings_gives_up, a_page_that_goes_in_mid_call_has_its_time,
      a_page_that_is_heard_may_come_back_on_another_socket,
      quiet_before_the_answer_does_not_shorten_the_wait_for_the_ack,
      a_refresh_is_answered_with_the_same_description)
