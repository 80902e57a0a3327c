/* central_calls.h: a gateway of mode central between two pages and three targets, all
 * spoken by the test; included once by each of its tests. The edge, the targets and the
 * legs are the real ones. */
#pragma once

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

__attribute__((unused)) static void on_request(void *arg, struct sip_server_tx *tx,
					       struct sip_msg *request)
{
	(void)arg;
	if (request->method == SIP_REGISTER)
		edge_register(edge, tx, request);
	else
		calls_invite(calls, tx, request);
}

__attribute__((unused)) static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	(void)arg;
	if (calls)
		calls_flow_closed(calls, flow);
	if (edge)
		edge_flow_closed(edge, flow);
}

static const struct sip_endpoint_events endpoint_events = { .on_request = on_request,
							    .on_flow_closed = on_flow_closed };

__attribute__((unused)) static uint64_t unix_ms(void *arg)
{
	(void)arg;
	return net.now_ms;
}

__attribute__((unused)) static int open_flow(void *arg, const struct sip_uri *uri,
					     struct sip_flow **out)
{
	(void)arg;
	*out = &target[uri->host.p[uri->host.n - 1] - '0'].flow;
	return 0;
}

__attribute__((unused)) static void register_page(struct fake_flow *from, const char *user)
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

__attribute__((unused)) static bool set_up(void)
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

__attribute__((unused)) static void tear_down(void)
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

__attribute__((unused)) static const char web_offer[] =
	"v=0\n"
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
__attribute__((unused)) static void page_invites_with(unsigned cseq, const char *more,
						      const char *offer)
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

__attribute__((unused)) static void page_invites(unsigned cseq, const char *more)
{
	page_invites_with(cseq, more, web_offer);
}

/* The last INVITE that this target got. */
__attribute__((unused)) static struct sip_msg *invite_at(struct fake_flow *at)
{
	for (size_t i = at->n_sent; i-- > 0;)
		if (str_starts(fake_text(at, i), STR("INVITE ")))
			return fake_sent(at, i);
	return NULL;
}

__attribute__((unused)) static bool holds(struct str text, struct str what)
{
	for (; !str_empty(text); text = str_skip(text, 1))
		if (str_starts(text, what))
			return true;
	return false;
}

__attribute__((unused)) static size_t answers(struct fake_flow *to, unsigned status)
{
	char begins[32];

	snprintf(begins, sizeof(begins), "SIP/2.0 %u", status);
	return fake_count(to, begins);
}
