/* The central registrar's addresses: which is asked first, by what, and where a name
 * leads. */
#include "gateway/targets.h"
#include "tests/check.h"
#include "tests/sip/fake_transport.c" /* its folder's fakes are not linked here */

#include <errno.h>

static struct fake_net net;
static struct sip_endpoint *endpoint;
static struct fake_flow first, second, stranger, stream;
static struct targets *targets;

static const char *const uris[] = { "sip:192.0.2.10", "sip:192.0.2.11:5070" };
static unsigned by_tcp; /* asked for: 1 the first's address, 2 the second's */

static int open_flow(void *arg, const struct sip_uri *uri, struct sip_flow **out)
{
	struct fake_flow *flow = uri->port == 5070 ? &second : &first;
	struct str transport = STR("");

	(void)arg;
	sip_param(uri->params, STR("transport"), &transport);
	if (str_eq(transport, STR("tcp")) && stream.flow.open) {
		by_tcp |= uri->port == 5070 ? 2 : 1;
		*out = &stream.flow;
		return 0;
	}
	*out = &flow->flow;
	return flow->flow.open ? 0 : -EPIPE;
}

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	(void)request;
	sip_respond(tx, &(struct sip_answer){ .status = 404 });
}

static const struct sip_endpoint_events events = { .on_request = on_request };

static void set_up(void)
{
	fake_net_init(&net);
	by_tcp = 0;
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&first, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.10:5060");
	fake_flow_open(&second, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.11:5070");
	fake_flow_open(&stranger, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.66:5060");
	CHECK_EQ(targets_new(&(struct targets_config){ .endpoint = endpoint,
						       .uris = uris,
						       .n = 2,
						       .open_flow = open_flow },
			     &targets),
		 0);
}

static void tear_down(void)
{
	struct fake_flow *all[] = { &first, &second, &stranger, &stream };

	targets_free(targets);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->flow.open)
			fake_flow_close(all[i]);
	sip_endpoint_free(endpoint);
}

static void pings_choose_the_order(void)
{
	set_up();
	targets_start(targets);
	CHECK(!targets_answer(targets));
	struct sip_msg *ping = fake_take(&second);
	REQUIRE(ping);
	CHECK_EQ(ping->method, SIP_OPTIONS);
	fake_reply(&second, ping, 404, "k", "", NULL); /* it is there */
	CHECK(targets_answer(targets));
	sip_msg_unref(ping);
	fake_advance(&net, 2000);
	struct targets_walk walk = { 0 };
	CHECK(targets_next(targets, &walk) == &second.flow);
	CHECK(targets_next(targets, &walk) == &first.flow);
	CHECK(targets_next(targets, &walk) == NULL);
	CHECK(!targets_answer(targets)); /* both were silent */

	fake_advance(&net, 10000);
	ping = fake_last(&first);
	REQUIRE(ping);
	fake_reply(&first, ping, 200, "k", "", NULL);
	CHECK(targets_answer(targets));
	sip_msg_unref(ping);
	walk = (struct targets_walk){ 0 };
	CHECK(targets_next(targets, &walk) == &first.flow);
	targets_stop(targets);
	tear_down();
}

static struct sip_query_config question; /* the last */

static int resolve(void *arg, const struct sip_query_config *config, struct sip_query **query)
{
	(void)arg;
	question = *config;
	*query = NULL;
	return 0;
}

static void a_name_leads_where_the_last_answer_said(void)
{
	static const char *const names[] = { "sip:registrar.example;transport=tcp",
					     "sip:192.0.2.10" };
	struct sip_addr list[2];
	struct targets_walk walk = { 0 };
	struct targets *named;

	set_up();
	CHECK_EQ(sip_addr_parse(STR("192.0.2.11:5070"), 0, &list[0]), 0);
	CHECK_EQ(sip_addr_parse(STR("192.0.2.66:5060"), 0, &list[1]), 0);
	CHECK_EQ(targets_new(&(struct targets_config){ .endpoint = endpoint,
						       .uris = names,
						       .n = 2,
						       .open_flow = open_flow },
			     &named),
		 -EBADMSG); /* nobody resolves it */
	CHECK_EQ(targets_new(&(struct targets_config){ .endpoint = endpoint,
						       .uris = names,
						       .n = 2,
						       .resolve = resolve,
						       .open_flow = open_flow },
			     &named),
		 0);
	targets_start(named);
	CHECK_STR(question.host, "registrar.example");
	CHECK_STR(str_of(question.transport), "tcp");
	CHECK(targets_next(named, &walk) == &first.flow); /* until it is known */
	CHECK(!targets_have(named, &second.flow));

	question.on_resolved(question.arg, list, 1, 70);
	CHECK(targets_have(named, &second.flow));
	CHECK_EQ(fake_count(&second, "OPTIONS sip:192.0.2.11:5070;transport=tcp"), 1);
	walk = (struct targets_walk){ 0 };
	CHECK(targets_next(named, &walk) == &second.flow); /* it comes first in the file */

	memset(&question, 0, sizeof(question));
	fake_advance(&net, 69999);
	CHECK_STR(question.host, "");
	fake_advance(&net, 1);
	CHECK_STR(question.host, "registrar.example");	/* asked again */
	question.on_resolved(question.arg, list, 0, 0); /* what was known stays */
	CHECK(targets_have(named, &second.flow));
	fake_advance(&net, TARGETS_RETRY_MS);
	question.on_resolved(question.arg, list + 1, 1, 70); /* it moved */
	CHECK(!targets_have(named, &second.flow));
	CHECK(targets_have(named, &stranger.flow));
	targets_free(named);
	tear_down();
}

static void its_addresses_are_kept_as_long_as_its_records_say_within_bounds(void)
{
	static const char *const names[] = { "sip:registrar.example" };
	static const struct {
		uint32_t ttl_s;
		uint64_t ms;
	} cases[] = { { 0, 10000 }, { 30, 30000 }, { 300, 300000 }, { UINT32_MAX, 3600000 } };
	struct sip_addr address;
	struct targets *named;

	set_up();
	CHECK_EQ(sip_addr_parse(STR("192.0.2.11:5070"), 0, &address), 0);
	CHECK_EQ(targets_new(&(struct targets_config){ .endpoint = endpoint,
						       .uris = names,
						       .n = 1,
						       .resolve = resolve,
						       .open_flow = open_flow },
			     &named),
		 0);
	targets_start(named);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_query_config asked = question;

		memset(&question, 0, sizeof(question));
		asked.on_resolved(asked.arg, &address, 1, cases[i].ttl_s);
		fake_advance(&net, cases[i].ms - 1);
		CHECK_STR(question.host, "");
		fake_advance(&net, 1);
		CHECK_STR(question.host, "registrar.example");
	}
	targets_free(named);
	tear_down();
}

/* RFC 3261 §18.1.1: whether a target listens by TCP is found out by trying. */
static void what_no_datagram_carries_goes_by_tcp_to_any_before_by_udp(void)
{
	struct targets_walk walk = { .by_tcp = true };

	set_up();
	fake_flow_open(&stream, &net, endpoint, &fake_tcp, "192.0.2.1:5060", "192.0.2.10:5060");
	CHECK(targets_next(targets, &walk) == &stream.flow);
	CHECK_EQ(by_tcp, 1);
	CHECK(targets_next(targets, &walk) == &stream.flow);
	CHECK_EQ(by_tcp, 3);
	CHECK(targets_next(targets, &walk) == &first.flow);
	CHECK(targets_next(targets, &walk) == &second.flow);
	CHECK(targets_next(targets, &walk) == NULL);

	/* who takes no TCP is no worse for it */
	struct targets *fresh;
	CHECK_EQ(targets_new(&(struct targets_config){ .endpoint = endpoint,
						       .uris = uris,
						       .n = 2,
						       .open_flow = open_flow },
			     &fresh),
		 0);
	walk = (struct targets_walk){ .by_tcp = true };
	targets_next(fresh, &walk);
	targets_next(fresh, &walk);
	targets_next(fresh, &walk);
	walk = (struct targets_walk){ 0 };
	CHECK(targets_next(fresh, &walk) == &first.flow);
	targets_free(fresh);
	tear_down();
}

/* A certificate is for the name that the file gives, not for what it led to. */
static void a_target_by_tls_keeps_its_name(void)
{
	static const char *const names[] = { "sip:registrar.example;transport=tls",
					     "sip:192.0.2.10;transport=tls" };
	struct sip_addr at;
	struct targets_walk walk = { .by_tcp = true };
	struct sip_uri uri;
	struct targets *named;

	set_up();
	CHECK_EQ(sip_addr_parse(STR("192.0.2.11:5061"), 0, &at), 0);
	CHECK_EQ(targets_new(&(struct targets_config){ .endpoint = endpoint,
						       .uris = names,
						       .n = 2,
						       .resolve = resolve,
						       .open_flow = open_flow },
			     &named),
		 0);
	targets_start(named);
	CHECK_STR(str_of(question.transport), "tls");
	question.on_resolved(question.arg, &at, 1, 300);
	CHECK_EQ(sip_uri_parse(STR("sip:192.0.2.11:5061;transport=tls"), &uri), 0);
	CHECK_STR(targets_name(named, &uri), "registrar.example");
	CHECK_EQ(sip_uri_parse(STR("sip:192.0.2.10;lr;transport=tls"), &uri), 0);
	CHECK_STR(targets_name(named, &uri), "192.0.2.10");
	CHECK_EQ(sip_uri_parse(STR("sip:192.0.2.11:5062;transport=tls"), &uri), 0);
	CHECK_STR(targets_name(named, &uri), "");

	/* what no datagram carries does not lose its TLS for it */
	fake_flow_open(&stream, &net, endpoint, &fake_tcp, "192.0.2.1:5060", "192.0.2.11:5061");
	CHECK(targets_next(named, &walk) != NULL);
	CHECK_EQ(by_tcp, 0);
	targets_free(named);
	tear_down();
}

TESTS(a_target_by_tls_keeps_its_name, pings_choose_the_order,
      a_name_leads_where_the_last_answer_said,
      its_addresses_are_kept_as_long_as_its_records_say_within_bounds,
      what_no_datagram_carries_goes_by_tcp_to_any_before_by_udp)
