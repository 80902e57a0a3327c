/* From an INVITE to a call: who may call whom, and what happens when the caller
 * changes its mind while the account or the registrar is being asked. Both are
 * fakes that answer when the test says so. */
#include "gateway/auth.h"
#include "gateway/calls.h"
#include "gateway/domains.h"
#include "gateway/log.h"
#include "gateway/registrar.h"
#include "gateway/trace.h"
#include "tests/check.h"
#include "tests/gateway/legs/fake_sessions.h"
#include "tests/gateway/legs/two_legs.h"
#include "tests/sip/fake_transport.h"

/* ---- the account and the registrar ---- */

static struct {
	struct sip_server_tx *tx;
	struct sip_msg *request;
	void (*on_user)(void *arg, struct sip_server_tx *tx, struct sip_msg *request,
			struct str user);
	void *arg;
} asked;

void auth_request(struct auth *auth, struct sip_server_tx *tx, struct sip_msg *request,
		  void (*on_user)(void *arg, struct sip_server_tx *tx, struct sip_msg *request,
				  struct str user),
		  void *arg)
{
	(void)auth;
	asked.tx = tx;
	asked.request = sip_msg_ref(request);
	asked.on_user = on_user;
	asked.arg = arg;
}

static void account_is(const char *user)
{
	struct sip_msg *request = asked.request;

	asked.request = NULL;
	asked.on_user(asked.arg, asked.tx, request, str_of(user));
	sip_msg_unref(request);
}

struct registrar_find {
	bool open;
	void (*on_found)(void *arg, unsigned status, const struct registrar_binding *bindings,
			 size_t n);
	void *arg;
};

static struct registrar_find finds[32];
static size_t n_finds;

static size_t finds_open(void)
{
	size_t n = 0;

	for (size_t i = 0; i < n_finds; i++)
		n += finds[i].open;
	return n;
}

int registrar_find(struct registrar *registrar, struct str user,
		   void (*on_found)(void *arg, unsigned status,
				    const struct registrar_binding *bindings, size_t n),
		   void *arg, struct registrar_find **out)
{
	(void)registrar;
	CHECK_STR(user, "1000");
	if (n_finds == 32)
		abort();
	finds[n_finds] = (struct registrar_find){ true, on_found, arg };
	*out = &finds[n_finds++];
	return 0;
}

void registrar_find_cancel(struct registrar_find *cancelled)
{
	CHECK(cancelled->open);
	cancelled->open = false;
}

/* Its answer to the last question. */
static void registrar_says(unsigned status, const struct registrar_binding *bindings, size_t n)
{
	struct registrar_find *find = &finds[n_finds - 1];

	CHECK(find->open);
	find->open = false;
	find->on_found(find->arg, status, bindings, n);
}

/* ---- the gateway around them ---- */

static struct fake_net net;
static struct fake_flow page, phone, other;

struct fixture {
	struct sip_endpoint *endpoint;
	struct config *config;
	struct domains *domains;
	struct traces *traces;
	struct calls *calls;
	unsigned emptied;
};

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct fixture *f = arg;

	calls_invite(f->calls, tx, request);
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	struct fixture *f = arg;

	if (f->calls)
		calls_flow_closed(f->calls, flow);
}

static void on_wire(void *arg, const struct sip_flow *flow, bool sent, struct str text,
		    struct str call_id)
{
	struct fixture *f = arg;

	traces_wire_of(f->traces, call_id, flow, sent, text);
}

static const struct sip_endpoint_events endpoint_events = { on_request, on_flow_closed, on_wire };

static uint64_t unix_ms(void *arg)
{
	(void)arg;
	return net.now_ms;
}

static int open_flow(void *arg, const struct sip_uri *contact, struct sip_flow **out)
{
	(void)arg;
	(void)contact;
	*out = &phone.flow;
	return 0;
}

static void on_empty(void *arg)
{
	((struct fixture *)arg)->emptied++;
}

static bool make(struct fixture *f)
{
	struct config_error error;

	*f = (struct fixture){ 0 };
	asked.tx = NULL;
	n_finds = 0;
	log_set_level(LOG_LEVEL_ERROR);
	fake_sessions_reset();
	fake_net_init(&net);
	f->endpoint = fake_endpoint(&net, &endpoint_events, f);
	if (!f->endpoint || config_parse("test", "/", "", 0, &f->config, &error) != 0 ||
	    domains_new(&(struct domains_config){ .realm = STR("hookswitch") }, &f->domains) != 0 ||
	    traces_new(unix_ms, NULL, &f->traces) != 0)
		return false;
	fake_flow_open(&page, &net, f->endpoint, &fake_ws, "192.0.2.1:8080", "192.0.2.10:50000");
	fake_flow_open(&phone, &net, f->endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.20:5062");
	fake_flow_open(&other, &net, f->endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.21:5062");
	return calls_new(&(struct calls_config){ .endpoint = f->endpoint,
						 .domains = f->domains,
						 .config = f->config,
						 .traces = f->traces,
						 .open_flow = open_flow,
						 .arg = f },
			 &f->calls) == 0;
}

static void unmake(struct fixture *f)
{
	sip_msg_unref(asked.request);
	asked.request = NULL;
	calls_free(f->calls);
	f->calls = NULL;
	CHECK_EQ(fake_sessions_open(), 0);
	CHECK_EQ(finds_open(), 0);
	if (page.flow.open)
		fake_flow_close(&page);
	fake_flow_close(&phone);
	fake_flow_close(&other);
	sip_endpoint_free(f->endpoint);
	traces_free(f->traces);
	domains_free(f->domains);
	config_free(f->config);
}

#define OFFER                                                                                      \
	"v=0\n"                                                                                    \
	"o=- 1 1 IN IP4 192.0.2.20\n"                                                              \
	"s=-\n"                                                                                    \
	"c=IN IP4 192.0.2.20\n"                                                                    \
	"t=0 0\n"                                                                                  \
	"m=audio 4000 RTP/AVP 8"

/* The phone calls; the page is the callee. `more` follows the 8 of the m-line. */
static void invite_with(unsigned number, const char *to, unsigned hops, const char *more)
{
	fake_receive(&phone,
		     "INVITE sip:%s SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.20:5062;branch=z9hG4bK%u\n"
		     "Max-Forwards: %u\n"
		     "From: <sip:2000@hookswitch>;tag=t%u\n"
		     "To: <sip:%s>\n"
		     "Call-ID: call%u\n"
		     "CSeq: 1 INVITE\n"
		     "Contact: <sip:2000@192.0.2.20:5062>\n"
		     "Content-Type: application/sdp\n\n" OFFER "%s\n",
		     to, number, hops, number, to, number, more);
	fake_advance(&net, 0);
}

static void invite(unsigned number, const char *to, unsigned hops)
{
	invite_with(number, to, hops, "");
}

static void cancel(unsigned number)
{
	fake_receive(&phone,
		     "CANCEL sip:1000@hookswitch SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.20:5062;branch=z9hG4bK%u\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:2000@hookswitch>;tag=t%u\n"
		     "To: <sip:1000@hookswitch>\n"
		     "Call-ID: call%u\n"
		     "CSeq: 1 CANCEL\n\n",
		     number, number, number);
	fake_advance(&net, 0);
}

static bool asked_for(struct fixture *f)
{
	if (!make(f))
		return false;
	invite(1, "1000@hookswitch", 70);
	account_is("2000");
	return finds_open() == 1 && calls_count(f->calls) == 1;
}

static const struct registrar_binding *at_page(void)
{
	static struct registrar_binding bindings[2];

	bindings[0] = (struct registrar_binding){ .contact = STR("sip:x@page.invalid"),
						  .flow = &page.flow,
						  .web = true };
	bindings[1] = (struct registrar_binding){ .contact = STR("sip:1000@192.0.2.20:5062"),
						  .flow = &phone.flow };
	return bindings;
}

static size_t refusals(unsigned status)
{
	char begins[32];

	snprintf(begins, sizeof(begins), "SIP/2.0 %u", status);
	return fake_count(&phone, begins);
}

/* ---- the tests ---- */

static void a_found_page_is_called_but_not_the_calling_phone_itself(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	fake_session_ready(&fake_sessions[0]);
	registrar_says(200, at_page(), 2);
	CHECK_EQ(n_fake_sessions, 2);
	CHECK_EQ(fake_sessions[1].config.near.generation, 1);
	fake_session_ready(&fake_sessions[1]);
	CHECK_EQ(fake_count(&page, "INVITE sip:x@page.invalid "), 1);
	CHECK_EQ(fake_count(&phone, "INVITE "), 0);
	char *text = traces_print(f.traces, STR("last"));
	CHECK(text && strstr(text, "INVITE sip:x@page.invalid") && strstr(text, "#1 UDP"));
	free(text);
	unmake(&f);
}

static void who_cannot_be_found(void)
{
	static const struct {
		unsigned found, refused;
	} rows[] = { { 404, 404 }, { 480, 480 }, { 500, 500 } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fixture f;

		REQUIRE(asked_for(&f));
		registrar_says(rows[i].found, NULL, 0);
		fake_advance(&net, 0);
		CHECK_EQ(refusals(rows[i].refused), 1);
		CHECK_EQ(calls_count(f.calls), 0);
		unmake(&f);
	}
}

static void only_the_callers_own_contact_is_nobody(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	registrar_says(200, at_page() + 1, 1);
	fake_advance(&net, 0);
	CHECK_EQ(refusals(480), 1);
	CHECK_EQ(calls_count(f.calls), 0);
	unmake(&f);
}

static void a_foreign_domain_is_not_relayed(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	invite(1, "1000@example.org", 70);
	account_is("2000");
	CHECK_EQ(refusals(404), 1);
	CHECK_EQ(calls_count(f.calls), 0);
	unmake(&f);
}

/* Forwarded with none left it would begin again at 70, and a loop would not end. */
static void hops_are_used_up(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	invite(1, "1000@hookswitch", 1);
	CHECK_EQ(refusals(483), 1);
	CHECK(!asked.request);
	unmake(&f);
}

static void cancelled_while_the_account_is_looked_up(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	invite(1, "1000@hookswitch", 70);
	cancel(1);
	CHECK_EQ(refusals(487), 1);
	account_is("2000");
	fake_advance(&net, 0);
	CHECK_EQ(calls_count(f.calls), 0);
	CHECK_EQ(fake_count(&page, "INVITE "), 0);
	unmake(&f);
}

static void cancelled_while_the_registrar_is_asked(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	cancel(1);
	CHECK_EQ(refusals(487), 1);
	CHECK_EQ(calls_count(f.calls), 0);
	CHECK_EQ(finds_open(), 0);
	unmake(&f);
}

static void found_too_late_for_a_caller_that_was_given_up(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	fake_session_ready(&fake_sessions[0]);
	calls_stop(f.calls, on_empty, &f);
	registrar_says(200, at_page(), 1);
	CHECK_EQ(n_fake_sessions, 1); /* nobody is called any more */
	fake_advance(&net, 0);
	CHECK_EQ(refusals(503), 1);
	CHECK_EQ(f.emptied, 1);
	unmake(&f);
}

static void stopping_refuses_those_who_were_being_asked(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	invite(1, "1000@hookswitch", 70);
	calls_stop(f.calls, on_empty, &f);
	CHECK_EQ(f.emptied, 1);
	account_is("2000");
	CHECK_EQ(refusals(503), 1);
	invite(2, "1000@hookswitch", 70);
	CHECK_EQ(refusals(503), 2);
	CHECK_EQ(calls_count(f.calls), 0);
	unmake(&f);
}

static void stopping_hangs_up_and_tells_when_all_is_over(void)
{
	struct fixture f;

	REQUIRE(asked_for(&f));
	fake_session_ready(&fake_sessions[0]);
	registrar_says(200, at_page(), 1);
	fake_session_ready(&fake_sessions[1]);
	calls_stop(f.calls, on_empty, &f);
	fake_advance(&net, 0);
	CHECK_EQ(refusals(503), 1);
	CHECK_EQ(f.emptied, 0);
	fake_advance(&net, 33000); /* the page never answers our CANCEL */
	CHECK_EQ(f.emptied, 1);
	CHECK_EQ(calls_count(f.calls), 0);
	unmake(&f);
}

static void one_user_has_so_many_calls_and_no_more(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	for (unsigned i = 0; i < CALLS_MOST_PER_USER; i++) {
		invite(i, "1000@hookswitch", 70);
		account_is("2000");
	}
	CHECK_EQ(calls_count(f.calls), CALLS_MOST_PER_USER);
	CHECK_EQ(refusals(486), 0);
	invite(99, "1000@hookswitch", 70);
	account_is("2000");
	CHECK_EQ(refusals(486), 1);
	unmake(&f);
}

#define OPUS " 96\na=rtpmap:96 opus/48000/2"

/* The phone calls the page, which answers with that codec first. */
static bool talk(unsigned number, const char *more, bool opus)
{
	size_t at = n_fake_sessions, answered = fake_count(&phone, "SIP/2.0 200");
	struct sip_msg *msg = NULL;

	invite_with(number, "1000@hookswitch", 70, more);
	account_is("2000");
	if (n_fake_sessions != at + 1)
		return false;
	fake_session_ready(&fake_sessions[at]);
	registrar_says(200, at_page(), 1);
	fake_session_ready(&fake_sessions[at + 1]);
	fake_advance(&net, 0);
	for (size_t i = 0; i < page.n_sent; i++)
		if (str_starts(fake_text(&page, i), STR("INVITE "))) {
			sip_msg_unref(msg);
			msg = fake_sent(&page, i);
		}
	if (!msg)
		return false;
	char *sdp = str_dup(str_of(page_answers(2, "sendrecv")));
	if (!opus) { /* it has lost its Opus */
		char *line = strstr(sdp, " 111 ");

		memmove(line, line + 4, strlen(line + 4) + 1);
	}
	fake_reply(&page, msg, 200, "page", "Contact: <sip:x@page.invalid>\r\n", sdp);
	free(sdp);
	sip_msg_unref(msg);
	fake_advance(&net, 0);
	return fake_count(&phone, "SIP/2.0 200") == answered + 1;
}

static void a_phone_that_offers_opus_has_it_relayed(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	CHECK(talk(1, OPUS, true));
	CHECK(fake_sessions[0].remote.media.send.codec == &codec_opus);
	CHECK_EQ(fake_sessions[0].remote.media.send.pt, 96);
	CHECK(fake_sessions[1].remote.media.send.codec == &codec_opus);
	CHECK(talk(2, "", true)); /* one that does not, is translated for */
	CHECK(fake_sessions[2].remote.media.send.codec == &codec_pcma);
	CHECK(fake_sessions[3].remote.media.send.codec == &codec_opus);
	unmake(&f);
}

static struct str body_at(const struct fake_flow *flow, const char *begins)
{
	static char mem[8192];
	struct str body = { NULL, 0 };

	for (size_t i = 0; i < flow->n_sent; i++) {
		if (!str_starts(fake_text(flow, i), str_of(begins)))
			continue;
		struct sip_msg *msg = fake_sent(flow, i);

		str_copy(msg->body, mem, sizeof(mem));
		body = str_of(mem);
		sip_msg_unref(msg);
	}
	return body;
}

static void hang_up(unsigned number)
{
	struct sip_msg *msg = NULL;
	char call_id[16];

	snprintf(call_id, sizeof(call_id), "call%u", number);
	for (size_t i = 0; i < phone.n_sent && !msg; i++) {
		if (str_starts(fake_text(&phone, i), STR("SIP/2.0 200")))
			msg = fake_sent(&phone, i);
		if (msg && !str_eq(msg->call_id, str_of(call_id))) {
			sip_msg_unref(msg);
			msg = NULL;
		}
	}
	REQUIRE(msg);
	for (unsigned i = 0; i < 2; i++)
		fake_receive(&phone,
			     "%s sip:hookswitch@192.0.2.1 SIP/2.0\n"
			     "Via: SIP/2.0/UDP 192.0.2.20:5062;branch=z9hG4bK%s%u\n"
			     "Max-Forwards: 70\n"
			     "From: <sip:2000@hookswitch>;tag=t%u\n"
			     "To: <sip:1000@hookswitch>;tag=%.*s\n"
			     "Call-ID: call%u\n"
			     "CSeq: %u %s\n\n",
			     i ? "BYE" : "ACK", i ? "BYE" : "ACK", number, number,
			     STR_ARG(msg->to_tag), number, i + 1, i ? "BYE" : "ACK");
	sip_msg_unref(msg);
	fake_advance(&net, 0);
}

static void a_transcoder_is_reserved_and_given_back(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	f.config->media.transcoders = 2;
	f.config->media.workers = 1;
	invite_with(9, "1000@hookswitch", 70, OPUS);
	CHECK_EQ(calls_transcoders(f.calls), 0); /* nobody knows yet who calls */
	account_is("2000");
	CHECK_EQ(calls_transcoders(f.calls), 1);
	cancel(9);
	CHECK_EQ(calls_transcoders(f.calls), 0);

	CHECK(talk(1, OPUS, true)); /* relayed */
	CHECK_EQ(calls_transcoders(f.calls), 0);
	CHECK(talk(2, "", true));
	CHECK_EQ(calls_transcoders(f.calls), 1);
	CHECK(talk(3, "", false)); /* the page has G.722, PCMA alone is offered */
	CHECK_EQ(calls_transcoders(f.calls), 2);
	hang_up(3);
	CHECK_EQ(calls_transcoders(f.calls), 1);
	unmake(&f);
}

static void with_no_transcoder_left_a_call_is_relayed_only(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	f.config->media.transcoders = 1;
	f.config->media.workers = 1;
	CHECK(talk(1, "", true));
	CHECK(has_line(body_at(&page, "INVITE "),
		       "m=audio 20000 UDP/TLS/RTP/SAVPF 111 9 8 0 110 126"));
	CHECK_EQ(calls_transcoders(f.calls), 1);
	CHECK(talk(2, "", true)); /* PCMA is all that the phone has */
	CHECK(has_line(body_at(&page, "INVITE "), "m=audio 20000 UDP/TLS/RTP/SAVPF 8 126"));
	CHECK(fake_sessions[2].remote.media.send.codec == &codec_pcma);
	CHECK(fake_sessions[3].remote.media.send.codec == &codec_pcma);
	CHECK_EQ(calls_transcoders(f.calls), 1);
	hang_up(1);
	CHECK(talk(3, "", true)); /* there is one again */
	CHECK(fake_sessions[5].remote.media.send.codec == &codec_opus);
	unmake(&f);
}

/* A page that calls hears nothing of codecs before the phone has chosen one. */
static void a_page_without_a_transcoder_waits_for_the_phones_choice(void)
{
	struct fixture f;
	struct registrar_binding desk = { .contact = STR("sip:1000@192.0.2.21"),
					  .flow = &other.flow };
	struct sip_msg *msg;

	REQUIRE(make(&f));
	f.config->media.transcoders = 0;
	fake_receive(&page,
		     "INVITE sip:1000@hookswitch SIP/2.0\n"
		     "Via: SIP/2.0/WS page.invalid;branch=z9hG4bKpage\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:alice@page.invalid>;tag=page\n"
		     "To: <sip:1000@hookswitch>\n"
		     "Call-ID: page-call\n"
		     "CSeq: 1 INVITE\n"
		     "Contact: <sip:alice@page.invalid>\n"
		     "Content-Type: application/sdp\n\n%s",
		     page_offers(2, "sendrecv"));
	account_is("alice");
	REQUIRE(n_fake_sessions == 1);
	fake_session_ready(&fake_sessions[0]);
	registrar_says(200, &desk, 1);
	fake_session_ready(&fake_sessions[1]);
	fake_advance(&net, 0);
	REQUIRE(fake_count(&other, "INVITE ") == 1);
	CHECK(has_line(body_at(&other, "INVITE "), "m=audio 20000 RTP/AVP 111 9 8 0 110 101"));
	msg = fake_sent(&other, 0);
	fake_reply(&other, msg, 180, "desk", "Contact: <sip:1000@192.0.2.21>\r\n", NULL);
	fake_advance(&net, 0);
	CHECK_EQ(fake_count(&page, "SIP/2.0 180"), 1);
	CHECK_EQ(body_at(&page, "SIP/2.0 180").n, 0);
	fake_reply(&other, msg, 200, "desk", "Contact: <sip:1000@192.0.2.21>\r\n",
		   phone_sdp(1, "sendrecv"));
	sip_msg_unref(msg);
	fake_advance(&net, 0);
	CHECK(has_line(body_at(&page, "SIP/2.0 200"), "m=audio 20000 UDP/TLS/RTP/SAVPF 8 126"));
	CHECK(fake_sessions[0].remote.media.send.codec == &codec_pcma);
	unmake(&f);
}

TESTS(a_found_page_is_called_but_not_the_calling_phone_itself, who_cannot_be_found,
      only_the_callers_own_contact_is_nobody, a_foreign_domain_is_not_relayed, hops_are_used_up,
      cancelled_while_the_account_is_looked_up, cancelled_while_the_registrar_is_asked,
      found_too_late_for_a_caller_that_was_given_up, stopping_refuses_those_who_were_being_asked,
      stopping_hangs_up_and_tells_when_all_is_over, one_user_has_so_many_calls_and_no_more,
      a_phone_that_offers_opus_has_it_relayed, a_transcoder_is_reserved_and_given_back,
      with_no_transcoder_left_a_call_is_relayed_only,
      a_page_without_a_transcoder_waits_for_the_phones_choice)
