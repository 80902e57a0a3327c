/* Calls when a central registrar routes them: who the page is, where its calls go when
 * targets are silent, challenges that are handed to it, and calls that come for it by a
 * flow token. The edge, the targets and the legs are the real ones. */
#include "gateway/calls.h"
#include "gateway/challenge.h"
#include "gateway/domains.h"
#include "gateway/edge.h"
#include "gateway/log.h"
#include "gateway/trace.h"
#include "tests/check.h"
#include "tests/gateway/legs/fake_sessions.h"
#include "tests/sip/fake_transport.h"

static struct fake_net net;
static struct fake_flow page, page2, target[3], stranger;
static struct sip_endpoint *endpoint;
static struct config *config;
static struct domains *domains;
static struct traces *traces;
static struct targets *targets;
static struct token_keys keys;
static struct edge *edge;
static struct calls *calls;

static const char settings[] = "[registrar]\nmode = central\n"
			       "targets = sip:192.0.2.10, sip:192.0.2.11, sip:192.0.2.12\n"
			       "realms = example.org\n";

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	if (request->method == SIP_REGISTER)
		edge_register(edge, tx, request);
	else
		calls_invite(calls, tx, request);
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	(void)arg;
	if (calls)
		calls_flow_closed(calls, flow);
	if (edge)
		edge_flow_closed(edge, flow);
}

static const struct sip_endpoint_events endpoint_events = { .on_request = on_request,
							    .on_flow_closed = on_flow_closed };

static uint64_t unix_ms(void *arg)
{
	(void)arg;
	return net.now_ms;
}

static int open_flow(void *arg, const struct sip_uri *uri, struct sip_flow **out)
{
	(void)arg;
	*out = &target[uri->host.p[uri->host.n - 1] - '0'].flow;
	return 0;
}

static void register_page(struct fake_flow *from, const char *user)
{
	fake_receive(from,
		     "REGISTER sip:example.org SIP/2.0\n"
		     "Via: SIP/2.0/WSS x.invalid;branch=z9hG4bKr%s%u\nMax-Forwards: 70\n"
		     "From: <sip:%s@example.org>;tag=r\nTo: <sip:%s@example.org>\n"
		     "Call-ID: r%u\nCSeq: 1 REGISTER\n"
		     "Contact: <sip:%s@x.invalid;transport=ws>\nContent-Length: 0\n\n",
		     user, (unsigned)from->flow.id, user, user, (unsigned)from->flow.id, user);

	struct sip_msg *copy = fake_last(&target[0]);
	char contact[128];

	CHECK(copy && copy->method == SIP_REGISTER);
	if (!copy)
		return;
	snprintf(contact, sizeof(contact),
		 "Contact: <sip:%s@x.invalid;transport=ws>;expires=120\r\n"
		 "Service-Route: <sip:out@192.0.2.10;lr>\r\n",
		 user);
	fake_reply(&target[0], copy, 200, "reg", contact, NULL);
	sip_msg_unref(copy);
}

static bool set_up(void)
{
	static const char *const addresses[] = { "192.0.2.10:5060", "192.0.2.11:5060",
						 "192.0.2.12:5060" };
	uint8_t secret[TOKEN_SECRET] = { 3 };
	struct config_error error;

	log_set_level(LOG_LEVEL_ERROR);
	fake_sessions_reset();
	fake_net_init(&net);
	endpoint = fake_endpoint(&net, &endpoint_events, NULL);
	if (config_parse("test", "/", settings, strlen(settings), &config, &error) != 0 ||
	    domains_new(&(struct domains_config){ .realm = STR("example.org") }, &domains) != 0 ||
	    traces_new(unix_ms, NULL, &traces) != 0)
		return false;
	fake_flow_open(&page, &net, endpoint, &fake_ws, "192.0.2.1:8080", "198.51.100.1:50000");
	fake_flow_open(&page2, &net, endpoint, &fake_ws, "192.0.2.1:8080", "198.51.100.2:50000");
	fake_flow_open(&stranger, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.66:5060");
	for (size_t i = 0; i < 3; i++)
		fake_flow_open(&target[i], &net, endpoint, &fake_udp, "192.0.2.1:5060",
			       addresses[i]);
	keys = (struct token_keys){ .gateway = 1 };
	token_keys_rotate(&keys, 1000, secret);
	if (targets_new(&(struct targets_config){ .endpoint = endpoint,
						  .uris = (const char *const *)
								  config->registrar.targets.list,
						  .n = config->registrar.targets.n,
						  .open_flow = open_flow },
			&targets) != 0 ||
	    edge_new(&(struct edge_config){ .endpoint = endpoint,
					    .targets = targets,
					    .keys = &keys,
					    .boot = 7,
					    .max_expires_s = 120 },
		     &edge) != 0)
		return false;
	return calls_new(&(struct calls_config){ .endpoint = endpoint,
						 .edge = edge,
						 .targets = targets,
						 .domains = domains,
						 .config = config,
						 .traces = traces,
						 .open_flow = open_flow },
			 &calls) == 0;
}

static void tear_down(void)
{
	struct fake_flow *all[] = { &page, &page2, &stranger, &target[0], &target[1], &target[2] };

	calls_free(calls);
	calls = NULL;
	CHECK_EQ(fake_sessions_open(), 0);
	edge_free(edge);
	edge = NULL;
	targets_free(targets);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->flow.open)
			fake_flow_close(all[i]);
	sip_endpoint_free(endpoint);
	traces_free(traces);
	domains_free(domains);
	config_free(config);
}

static const char web_offer[] = "v=0\n"
				"o=- 1 1 IN IP4 127.0.0.1\n"
				"s=-\n"
				"t=0 0\n"
				"a=group:BUNDLE 0\n"
				"m=audio 9 UDP/TLS/RTP/SAVPF 111 8\n"
				"c=IN IP4 0.0.0.0\n"
				"a=mid:0\n"
				"a=sendrecv\n"
				"a=rtcp-mux\n"
				"a=setup:actpass\n"
				"a=ice-ufrag:abcd\n"
				"a=ice-pwd:abcdefghijklmnopqrstuv\n"
				"a=fingerprint:sha-256 "
				"00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:"
				"16:17:18:19:1A:1B:1C:1D:1E:1F\n"
				"a=rtpmap:111 opus/48000/2\n"
				"a=rtpmap:8 PCMA/8000\n";

/* The page calls bob; both media sessions become ready. */
static void page_invites_with(unsigned cseq, const char *more, const char *offer)
{
	size_t before = n_fake_sessions;

	fake_receive(&page,
		     "INVITE sip:bob@example.org SIP/2.0\n"
		     "Via: SIP/2.0/WSS x.invalid;branch=z9hG4bKi%u\nMax-Forwards: 70\n"
		     "From: \"Not Alice\" <sip:mallory@example.org>;tag=hers\n"
		     "To: <sip:bob@example.org>\nCall-ID: hers\nCSeq: %u INVITE\n"
		     "Contact: <sip:alice@x.invalid;transport=ws>\n"
		     "Content-Type: application/sdp\n%s\n%s",
		     cseq, cseq, more, offer);
	for (size_t i = before; i < n_fake_sessions; i++)
		fake_session_ready(&fake_sessions[i]);
	fake_advance(&net, 0);
}

static void page_invites(unsigned cseq, const char *more)
{
	page_invites_with(cseq, more, web_offer);
}

/* The last INVITE that this target got. */
static struct sip_msg *invite_at(struct fake_flow *at)
{
	for (size_t i = at->n_sent; i-- > 0;)
		if (str_starts(fake_text(at, i), STR("INVITE ")))
			return fake_sent(at, i);
	return NULL;
}

static bool holds(struct str text, struct str what)
{
	for (; !str_empty(text); text = str_skip(text, 1))
		if (str_starts(text, what))
			return true;
	return false;
}

static size_t answers(struct fake_flow *to, unsigned status)
{
	char begins[32];

	snprintf(begins, sizeof(begins), "SIP/2.0 %u", status);
	return fake_count(to, begins);
}

static void a_pages_call_goes_to_the_registrar_in_the_name_it_registered(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	struct sip_msg *invite = invite_at(&target[0]);
	REQUIRE(invite);
	CHECK_STR(invite->uri_text, "sip:bob@example.org");
	CHECK_STR(invite->from.uri.text, "sip:alice@example.org");
	CHECK_STR(invite->from.display, "");
	CHECK_STR(invite->to.uri.text, "sip:bob@example.org");
	CHECK_STR(sip_msg_header(invite, SIP_HEADER_ROUTE), "<sip:out@192.0.2.10;lr>");
	CHECK(!str_eq(invite->call_id, STR("hers")));
	CHECK_EQ(invite->max_forwards, 69);
	/* Opus, since a browser may be behind it, and what phones speak */
	CHECK(holds(invite->text, STR("opus/48000/2")));
	CHECK(holds(invite->text, STR("PCMA/8000")));
	CHECK(!holds(invite->text, STR("invalid")));
	sip_msg_unref(invite);
	tear_down();
}

static void a_page_that_is_not_registered_calls_nobody(void)
{
	REQUIRE(set_up());
	page_invites(1, "");
	CHECK_EQ(answers(&page, 403), 1);
	CHECK_EQ(n_fake_sessions, 0);
	tear_down();
}

static void two_silent_targets_delay_a_call_by_less_than_five_seconds(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	fake_advance(&net, 5000);
	CHECK_EQ(answers(&page, 503), 0);
	struct sip_msg *third = invite_at(&target[2]);
	REQUIRE(third);
	fake_reply(&target[2], third, 100, "", "", NULL);
	fake_reply(&target[2], third, 180, "bob", "Contact: <sip:bob@192.0.2.30>\r\n", NULL);
	CHECK_EQ(answers(&page, 180), 1);

	/* the next call goes there at once */
	size_t before = fake_count(&target[2], "INVITE ");
	fake_receive(&page,
		     "INVITE sip:carol@example.org SIP/2.0\n"
		     "Via: SIP/2.0/WSS x.invalid;branch=z9hG4bKsecond\nMax-Forwards: 70\n"
		     "From: <sip:alice@example.org>;tag=hers2\nTo: <sip:carol@example.org>\n"
		     "Call-ID: hers2\nCSeq: 1 INVITE\nContact: <sip:alice@x.invalid;transport=ws>\n"
		     "Content-Type: application/sdp\n\n%s",
		     web_offer);
	fake_session_ready(&fake_sessions[2]);
	fake_session_ready(&fake_sessions[3]);
	fake_advance(&net, 0);
	CHECK_EQ(fake_count(&target[2], "INVITE "), before + 1);

	/* the first, late: nobody rings for nothing */
	struct sip_msg *first = invite_at(&target[0]);
	REQUIRE(first);
	fake_reply(&target[0], first, 180, "late", "Contact: <sip:bob@192.0.2.30>\r\n", NULL);
	CHECK_EQ(fake_count(&target[0], "CANCEL "), 1);
	sip_msg_unref(first);
	sip_msg_unref(third);
	tear_down();
}

static void with_all_targets_silent_the_call_ends(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	fake_advance(&net, 6100);
	CHECK_EQ(calls_count(calls), 0);
	struct sip_msg *answer = fake_last(&page);
	REQUIRE(answer);
	CHECK_EQ(answer->status, 503);
	CHECK(sip_msg_has(answer, SIP_HEADER_RETRY_AFTER));
	sip_msg_unref(answer);
	tear_down();
}

#define CHALLENGE                                                                                  \
	"Proxy-Authenticate: Digest realm=\"example.org\", nonce=\"n1\", opaque=\"o\", "           \
	"algorithm=MD5, qop=\"auth,auth-int\"\r\n"

static void a_challenge_of_a_known_realm_is_answered_by_the_page(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	struct sip_msg *first = invite_at(&target[0]);
	REQUIRE(first);
	fake_reply(&target[0], first, 407, "k", CHALLENGE, NULL);
	fake_advance(&net, 0);
	struct sip_msg *refusal = fake_last(&page);
	REQUIRE(refusal);
	CHECK_EQ(refusal->status, 407);
	CHECK_STR(sip_msg_header(refusal, SIP_HEADER_PROXY_AUTHENTICATE),
		  "Digest realm=\"example.org\", nonce=\"n1\", opaque=\"o\", algorithm=MD5, "
		  "qop=\"auth\"");
	sip_msg_unref(refusal);
	CHECK_EQ(calls_count(calls), 1);
	CHECK_EQ(fake_sessions_open(), 2); /* both keep their media */

	fake_advance(&net, 10000);
	page_invites(2, "Proxy-Authorization: Digest username=\"alice\", response=\"00\"\n");
	CHECK_EQ(calls_count(calls), 1);
	CHECK_EQ(n_fake_sessions, 2);
	struct sip_msg *second = invite_at(&target[0]);
	REQUIRE(second);
	CHECK_EQ(second->cseq, first->cseq + 1);
	CHECK(str_eq(second->call_id, first->call_id));
	CHECK(str_eq(second->from_tag, first->from_tag));
	CHECK(str_eq(second->uri_text, first->uri_text));
	CHECK(str_eq(second->body, first->body));
	CHECK_STR(second->to_tag, "");
	CHECK_STR(sip_msg_header(second, SIP_HEADER_PROXY_AUTHORIZATION),
		  "Digest username=\"alice\", response=\"00\"");
	CHECK_STR(sip_msg_header(second, SIP_HEADER_ROUTE), "<sip:out@192.0.2.10;lr>");
	fake_reply(&target[0], second, 180, "bob", "Contact: <sip:bob@192.0.2.30>\r\n", NULL);
	CHECK_EQ(answers(&page, 180), 1);
	fake_advance(&net, 30000); /* the wait is over */
	CHECK_EQ(calls_count(calls), 1);
	sip_msg_unref(second);
	sip_msg_unref(first);
	tear_down();
}

static void a_page_that_does_not_come_again_is_forgotten_after_32_seconds(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	struct sip_msg *first = invite_at(&target[0]);
	REQUIRE(first);
	fake_reply(&target[0], first, 407, "k", CHALLENGE, NULL);
	fake_advance(&net, 31900);
	CHECK_EQ(calls_count(calls), 1);
	fake_advance(&net, 200);
	CHECK_EQ(calls_count(calls), 0);
	CHECK_EQ(fake_sessions_open(), 0);
	sip_msg_unref(first);
	tear_down();
}

/* A browser would answer whatever realm it is asked for. */
static void a_challenge_of_another_realm_is_403(void)
{
	static const char *const challenges[] = {
		"Proxy-Authenticate: Digest realm=\"evil.example\", nonce=\"n\", qop=\"auth\"\r\n",
		("Proxy-Authenticate: Digest realm=\"example.org\", nonce=\"n\", "
		 "qop=\"auth-int\"\r\n"),
		"Proxy-Authenticate: Basic realm=\"example.org\"\r\n",
		"",
	};

	for (size_t i = 0; i < sizeof(challenges) / sizeof(challenges[0]); i++) {
		REQUIRE(set_up());
		register_page(&page, "alice");
		page_invites(1, "");
		struct sip_msg *first = invite_at(&target[0]);
		REQUIRE(first);
		fake_reply(&target[0], first, 407, "k", challenges[i], NULL);
		fake_advance(&net, 0);
		CHECK_EQ(answers(&page, 407), 0);
		CHECK_EQ(answers(&page, 403), 1);
		CHECK_EQ(calls_count(calls), 0);
		sip_msg_unref(first);
		tear_down();
	}
}

static void endless_challenges_end(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	for (unsigned i = 2; i < 12 && calls_count(calls) > 0; i++) {
		struct sip_msg *last = invite_at(&target[0]);

		REQUIRE(last);
		fake_reply(&target[0], last, 407, "k", CHALLENGE, NULL);
		sip_msg_unref(last);
		fake_advance(&net, 0);
		if (calls_count(calls) > 0)
			page_invites(i, "Proxy-Authorization: Digest username=\"alice\"\n");
	}
	CHECK_EQ(calls_count(calls), 0);
	CHECK_EQ(answers(&page, 403), 1);
	CHECK_EQ(answers(&page, 407), 4);
	tear_down();
}

static const char credentials[] = "Proxy-Authorization: Digest username=\"alice\"\n";

/* A page may make a new one; the registrar's INVITE is the one it challenged all the same. */
static void an_offer_that_changed_with_the_credentials_counts(void)
{
	char changed[sizeof(web_offer)];

	REQUIRE(set_up());
	register_page(&page, "alice");
	page_invites(1, "");
	struct sip_msg *first = invite_at(&target[0]);
	REQUIRE(first);
	fake_reply(&target[0], first, 407, "k", CHALLENGE, NULL);
	memcpy(changed, web_offer, sizeof(changed));
	for (char *at = changed; (at = strstr(at, "111"));)
		memcpy(at, "107", 3); /* Opus has another number now */
	page_invites_with(2, credentials, changed);
	CHECK_EQ(calls_count(calls), 1);
	struct sip_msg *second = invite_at(&target[0]);
	REQUIRE(second);
	CHECK(str_eq(second->body, first->body));
	fake_reply(&target[0], second, 180, "bob", "Contact: <sip:bob@192.0.2.30>\r\n", NULL);
	struct sip_msg *ringing = fake_last(&page);
	REQUIRE(ringing);
	CHECK_EQ(ringing->status, 180);
	CHECK(holds(ringing->body, STR("a=rtpmap:107 opus/48000/2")));
	CHECK(!holds(ringing->body, STR("111")));
	sip_msg_unref(ringing);
	sip_msg_unref(second);
	sip_msg_unref(first);
	tear_down();
}

static void an_offer_that_became_none_with_the_credentials_is_refused(void)
{
	static const char *const bodies[] = { "v=0\n", "" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		REQUIRE(set_up());
		register_page(&page, "alice");
		page_invites(1, "");
		struct sip_msg *first = invite_at(&target[0]);
		REQUIRE(first);
		fake_reply(&target[0], first, 407, "k", CHALLENGE, NULL);
		page_invites_with(2, credentials, bodies[i]);
		CHECK_EQ(answers(&page, 488), 1);
		CHECK_EQ(calls_count(calls), 0);
		sip_msg_unref(first);
		tear_down();
	}
}

/* The registrar sends an INVITE for that page. */
static void registrar_invites(struct fake_flow *from, const struct fake_flow *to, uint64_t boot,
			      unsigned number)
{
	char token[TOKEN_TEXT + 1];
	size_t before = n_fake_sessions;

	CHECK_EQ(token_make(&keys, boot, to->flow.id, token), 0);
	fake_receive(from,
		     "INVITE sip:alice@x.invalid;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKk%u\nMax-Forwards: 60\n"
		     "Route: <sip:%s@192.0.2.1:5060;transport=udp;lr;ob>\n"
		     "Record-Route: <sip:192.0.2.10;lr>\n"
		     "From: \"Bob \\\"B\\\"\" <sip:bob@example.org>;tag=bob\n"
		     "To: <sip:alice@example.org>\n"
		     "Call-ID: one-call\nCSeq: 1 INVITE\nContact: <sip:bob@192.0.2.30>\n"
		     "Content-Type: application/sdp\n\n"
		     "v=0\no=- 1 1 IN IP4 192.0.2.30\ns=-\nc=IN IP4 192.0.2.30\nt=0 0\n"
		     "m=audio 4000 RTP/AVP 8\n",
		     number, token);
	for (size_t i = before; i < n_fake_sessions; i++)
		fake_session_ready(&fake_sessions[i]);
	fake_advance(&net, 0);
}

static void a_call_comes_by_the_token_in_route(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	registrar_invites(&target[0], &page, 7, 1);
	struct sip_msg *invite = invite_at(&page);
	REQUIRE(invite);
	CHECK_STR(invite->uri_text, "sip:alice@x.invalid;transport=ws");
	CHECK_STR(sip_msg_header(invite, SIP_HEADER_TO), "<sip:alice@example.org>");
	CHECK_STR(invite->from.display, "Bob \\\"B\\\"");
	CHECK_STR(invite->from.uri.text, "sip:bob@example.org");
	CHECK(!sip_msg_has(invite, SIP_HEADER_ROUTE)); /* the token stays here */
	CHECK(!sip_msg_has(invite, SIP_HEADER_RECORD_ROUTE));
	sip_msg_unref(invite);
	tear_down();
}

static void two_invites_that_differ_in_their_token_are_two_calls(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	register_page(&page2, "alice");
	registrar_invites(&target[0], &page, 7, 1);
	registrar_invites(&target[0], &page2, 7, 2);
	CHECK_EQ(calls_count(calls), 2);
	CHECK_EQ(fake_count(&page, "INVITE "), 1);
	CHECK_EQ(fake_count(&page2, "INVITE "), 1);
	CHECK_EQ(answers(&target[0], 482), 0);
	registrar_invites(&target[0], &page2, 7, 3); /* that is the same one again */
	CHECK_EQ(answers(&target[0], 482), 1);
	tear_down();
}

static void a_fork_that_was_answered_elsewhere_says_so_to_the_page(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	registrar_invites(&target[0], &page, 7, 1);
	struct sip_msg *invite = invite_at(&page);
	REQUIRE(invite);
	fake_reply(&page, invite, 180, "a", "Contact: <sip:alice@x.invalid>\r\n", NULL);
	fake_receive(&target[0],
		     "CANCEL sip:alice@x.invalid;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKk1\nMax-Forwards: 60\n"
		     "From: \"Bob\" <sip:bob@example.org>;tag=bob\nTo: <sip:alice@example.org>\n"
		     "Call-ID: one-call\nCSeq: 1 CANCEL\n"
		     "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\n\n");
	fake_advance(&net, 0);
	struct sip_msg *cancel = fake_last(&page);
	REQUIRE(cancel);
	CHECK_EQ(cancel->method, SIP_CANCEL);
	CHECK(str_starts(sip_msg_header(cancel, SIP_HEADER_REASON), STR("SIP;cause=200;")));
	sip_msg_unref(cancel);
	sip_msg_unref(invite);
	tear_down();
}

static void what_may_not_come_in(void)
{
	REQUIRE(set_up());
	register_page(&page, "alice");
	registrar_invites(&target[0], &page, 8, 1); /* another run's */
	CHECK_EQ(answers(&target[0], 430), 1);
	registrar_invites(&target[0], &page2, 7, 2); /* nobody is registered there */
	CHECK_EQ(answers(&target[0], 430), 2);
	registrar_invites(&stranger, &page, 7, 3);
	CHECK_EQ(answers(&stranger, 403), 1);

	struct token_keys right = keys;

	keys.keys[0].secret[0]++;
	char forged[TOKEN_TEXT + 1];
	CHECK_EQ(token_make(&keys, 7, page.flow.id, forged), 0);
	keys = right;
	fake_receive(&target[0],
		     "INVITE sip:alice@x.invalid;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKforged\nMax-Forwards: 60\n"
		     "Route: <sip:%s@192.0.2.1:5060;transport=udp;lr;ob>\n"
		     "From: <sip:bob@example.org>;tag=bob\nTo: <sip:alice@example.org>\n"
		     "Call-ID: forged\nCSeq: 1 INVITE\nContact: <sip:bob@192.0.2.30>\n\n",
		     forged);
	CHECK_EQ(answers(&target[0], 403), 1);
	CHECK_EQ(fake_count(&page, "INVITE "), 0);
	CHECK_EQ(n_fake_sessions, 0);
	tear_down();
}

TESTS(a_pages_call_goes_to_the_registrar_in_the_name_it_registered,
      a_page_that_is_not_registered_calls_nobody,
      two_silent_targets_delay_a_call_by_less_than_five_seconds,
      with_all_targets_silent_the_call_ends, a_challenge_of_a_known_realm_is_answered_by_the_page,
      a_page_that_does_not_come_again_is_forgotten_after_32_seconds,
      a_challenge_of_another_realm_is_403, endless_challenges_end,
      an_offer_that_changed_with_the_credentials_counts,
      an_offer_that_became_none_with_the_credentials_is_refused, a_call_comes_by_the_token_in_route,
      two_invites_that_differ_in_their_token_are_two_calls,
      a_fork_that_was_answered_elsewhere_says_so_to_the_page, what_may_not_come_in)
