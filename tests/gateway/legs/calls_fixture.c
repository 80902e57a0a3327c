/* calls_fixture.c: see calls_fixture.h. */
#include "tests/gateway/legs/calls_fixture.h"

#include "gateway/auth.h"
#include "tests/gateway/need.h"

#include <stdio.h>
#include <stdlib.h>

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

bool account_asked(void)
{
	return asked.request != NULL;
}

void account_is(const char *user)
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

size_t finds_open(void)
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
	NEED(str_eq(user, STR("1000")));
	if (n_finds == 32)
		abort();
	finds[n_finds] = (struct registrar_find){ true, on_found, arg };
	*out = &finds[n_finds++];
	return 0;
}

void registrar_find_cancel(struct registrar_find *cancelled)
{
	NEED(cancelled->open);
	cancelled->open = false;
}

/* Its answer to the last question. */
void registrar_says(unsigned status, const struct registrar_binding *bindings, size_t n)
{
	struct registrar_find *find = &finds[n_finds - 1];

	NEED(find->open);
	find->open = false;
	find->on_found(find->arg, status, bindings, n);
}

/* ---- the gateway around them ---- */

struct fake_flow page, phone, other;

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

static const struct sip_endpoint_events endpoint_events = { .on_request = on_request,
							    .on_flow_closed = on_flow_closed,
							    .on_wire = on_wire };

static uint64_t unix_ms(void *arg)
{
	(void)arg;
	return two_net.now_ms;
}

static int open_flow(void *arg, const struct sip_uri *contact, struct sip_flow **out)
{
	(void)arg;
	(void)contact;
	*out = &phone.flow;
	return 0;
}

void on_empty(void *arg)
{
	((struct fixture *)arg)->emptied++;
}

bool make(struct fixture *f)
{
	struct config_error error;

	*f = (struct fixture){ 0 };
	asked.tx = NULL;
	n_finds = 0;
	log_set_level(LOG_LEVEL_ERROR);
	fake_sessions_reset();
	fake_net_init(&two_net);
	f->endpoint = fake_endpoint(&two_net, &endpoint_events, f);
	if (!f->endpoint || config_parse("test", "/", "", 0, &f->config, &error) != 0 ||
	    domains_new(&(struct domains_config){ .realm = STR("hookswitch") }, &f->domains) != 0 ||
	    traces_new(unix_ms, NULL, &f->traces) != 0)
		return false;
	fake_flow_open(&page, &two_net, f->endpoint, &fake_ws, "192.0.2.1:8080",
		       "192.0.2.10:50000");
	fake_flow_open(&phone, &two_net, f->endpoint, &fake_udp, "192.0.2.1:5060",
		       "192.0.2.20:5062");
	fake_flow_open(&other, &two_net, f->endpoint, &fake_udp, "192.0.2.1:5060",
		       "192.0.2.21:5062");
	return calls_new(&(struct calls_config){ .endpoint = f->endpoint,
						 .domains = f->domains,
						 .config = f->config,
						 .traces = f->traces,
						 .open_flow = open_flow,
						 .arg = f },
			 &f->calls) == 0;
}

void unmake(struct fixture *f)
{
	sip_msg_unref(asked.request);
	asked.request = NULL;
	calls_free(f->calls);
	f->calls = NULL;
	NEED(fake_sessions_open() == 0);
	NEED(finds_open() == 0);
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

void invite_with(unsigned number, const char *to, unsigned hops, const char *more)
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
	fake_advance(&two_net, 0);
}

void invite(unsigned number, const char *to, unsigned hops)
{
	invite_with(number, to, hops, "");
}

void cancel(unsigned number)
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
	fake_advance(&two_net, 0);
}

const struct registrar_binding *at_page(void)
{
	static struct registrar_binding bindings[2];

	bindings[0] = (struct registrar_binding){ .contact = STR("sip:x@page.invalid"),
						  .flow = &page.flow,
						  .web = true };
	bindings[1] = (struct registrar_binding){ .contact = STR("sip:1000@192.0.2.20:5062"),
						  .flow = &phone.flow };
	return bindings;
}
