/* MESSAGE and OPTIONS between pages and the central registrar (RFC 3428, RFC 3261 §11). */
#include "gateway/standalone.h"
#include "tests/check.h"
#include "tests/sip/fake_transport.c" /* its folder's fakes are not linked here */

#include <errno.h>

static struct fake_net net;
static struct sip_endpoint *endpoint;
static struct fake_flow ws, ws2, first, second, stranger;
static struct targets *targets;
static struct token_keys keys;
static struct edge *edge;
static struct standalone *standalone;
static char token[TOKEN_TEXT + 1]; /* of the last page that registered */

static const char *const uris[] = { "sip:192.0.2.10", "sip:192.0.2.11:5070" };
static const char *const realms[] = { "example.org" };

static int open_flow(void *arg, const struct sip_uri *uri, struct sip_flow **out)
{
	struct str transport = STR("udp");

	(void)arg;
	sip_param(uri->params, STR("transport"), &transport);
	if (str_eq(transport, STR("tcp")))
		return -ENOTSUP;
	*out = uri->port == 5070 ? &second.flow : &first.flow;
	return 0;
}

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	if (request->method == SIP_REGISTER)
		edge_register(edge, tx, request);
	else if (standalone_takes(sip_server_tx_flow(tx), request))
		standalone_request(standalone, tx, request);
	else
		sip_respond(tx, &(struct sip_answer){ .status = 405 });
}

static void on_flow_closed(void *arg, struct sip_flow *flow)
{
	(void)arg;
	if (edge)
		edge_flow_closed(edge, flow);
}

static const struct sip_endpoint_events events = { .on_request = on_request,
						   .on_flow_closed = on_flow_closed };

static int set_up(void)
{
	uint8_t secret[TOKEN_SECRET] = { 1, 2, 3 };
	int err;

	fake_net_init(&net);
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&ws, &net, endpoint, &fake_ws, "192.0.2.1:443", "198.51.100.1:50000");
	fake_flow_open(&ws2, &net, endpoint, &fake_ws, "192.0.2.1:443", "198.51.100.2:50000");
	fake_flow_open(&first, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.10:5060");
	fake_flow_open(&second, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.11:5070");
	fake_flow_open(&stranger, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.66:5060");
	keys = (struct token_keys){ .gateway = 5 };
	token_keys_rotate(&keys, 1000, secret);
	err = targets_new(
		&(struct targets_config){
			.endpoint = endpoint, .uris = uris, .n = 2, .open_flow = open_flow },
		&targets);
	if (!err)
		err = edge_new(&(struct edge_config){ .endpoint = endpoint,
						      .targets = targets,
						      .keys = &keys,
						      .boot = 99,
						      .max_expires_s = 120 },
			       &edge);
	if (!err)
		err = standalone_new(&(struct standalone_config){ .endpoint = endpoint,
								  .edge = edge,
								  .targets = targets,
								  .realms = realms,
								  .n_realms = 1 },
				     &standalone);
	return err;
}

static void tear_down(void)
{
	struct fake_flow *all[] = { &ws, &ws2, &first, &second, &stranger };

	standalone_free(standalone);
	edge_free(edge);
	targets_free(targets);
	standalone = NULL;
	edge = NULL;
	targets = NULL;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->flow.open)
			fake_flow_close(all[i]);
	sip_endpoint_free(endpoint);
}

static void registers(struct fake_flow *page, const char *user)
{
	struct sip_walk walk = { 0 };
	struct sip_name_addr path;
	struct sip_msg *copy;
	struct str element;

	fake_receive(page,
		     "REGISTER sip:example.org SIP/2.0\n"
		     "Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bKr%u\nMax-Forwards: 70\n"
		     "From: <sip:%s@example.org>;tag=t\nTo: <sip:%s@example.org>\n"
		     "Call-ID: r%u\nCSeq: 1 REGISTER\n"
		     "Contact: <sip:%s@abc.invalid;transport=ws>;expires=120\n"
		     "Content-Length: 0\n\n",
		     (unsigned)page->flow.id, user, user, (unsigned)page->flow.id, user);
	copy = fake_take(&first);
	REQUIRE(copy);
	if (sip_msg_walk(copy, SIP_HEADER_PATH, &walk, &element) &&
	    sip_name_addr_parse(element, &path) == 0)
		str_copy(path.uri.user, token, sizeof(token));

	char contact[128];

	snprintf(contact, sizeof(contact),
		 "Contact: <sip:%s@abc.invalid;transport=ws>;expires=120\r\n"
		 "Service-Route: <sip:192.0.2.10;lr>\r\n",
		 user);
	fake_reply(&first, copy, 200, "k", contact, NULL);
	sip_msg_unref(copy);
	copy = fake_take(page);
	CHECK(copy && copy->status == 200);
	sip_msg_unref(copy);
}

/* The page says MESSAGE; the copy at the registrar, or NULL. */
static struct sip_msg *says(struct fake_flow *page, unsigned n, const char *more, const char *body)
{
	fake_receive(page,
		     "MESSAGE sip:bob@example.org SIP/2.0\n"
		     "Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bKm%u-%u\nMax-Forwards: 70\n"
		     "From: \"The boss\" <sip:boss@example.org>;tag=m\n"
		     "To: <sip:bob@example.org>\n"
		     "Call-ID: browser-%u\nCSeq: 7 MESSAGE\n"
		     "P-Asserted-Identity: <sip:boss@example.org>\n"
		     "Content-Type: text/plain\n%sContent-Length: %u\n\n%s",
		     (unsigned)page->flow.id, n, n, more, (unsigned)strlen(body), body);
	return fake_take(&first);
}

static unsigned status_at(struct fake_flow *flow)
{
	struct sip_msg *msg = fake_take(flow);
	unsigned status = msg ? msg->status : 0;

	sip_msg_unref(msg);
	return status;
}

static void a_page_speaks_in_its_own_name_only(void)
{
	struct sip_msg *copy;

	REQUIRE(set_up() == 0);
	CHECK(says(&ws, 1, "", "hello") == NULL); /* not registered */
	CHECK_EQ(status_at(&ws), 403);

	registers(&ws, "alice");
	copy = says(&ws, 2, "Proxy-Authorization: Digest username=\"alice\"\n", "hello");
	REQUIRE(copy);
	CHECK_EQ(copy->method, SIP_MESSAGE);
	CHECK_STR(copy->uri_text, "sip:bob@example.org");
	CHECK_STR(copy->from.uri.text, "sip:alice@example.org");
	CHECK_STR(copy->from.display, "");
	CHECK_STR(copy->to.uri.text, "sip:bob@example.org");
	CHECK_STR(copy->body, "hello");
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_CONTENT_TYPE), "text/plain");
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_ROUTE), "<sip:192.0.2.10;lr>");
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_PROXY_AUTHORIZATION),
		  "Digest username=\"alice\"");
	CHECK(!sip_msg_has(copy, SIP_HEADER_P_ASSERTED_IDENTITY));
	CHECK(!str_eq(copy->call_id, STR("browser-2")));
	CHECK_EQ(copy->max_forwards, 69);
	fake_reply(&first, copy, 202, "k", "Expires: 60\r\n", NULL);
	sip_msg_unref(copy);
	copy = fake_take(&ws);
	REQUIRE(copy);
	CHECK_EQ(copy->status, 202);
	CHECK_STR(copy->call_id, "browser-2");
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_EXPIRES), "60");
	sip_msg_unref(copy);
	tear_down();
}

static void challenges_go_to_the_page_for_known_realms_only(void)
{
	struct sip_msg *copy;

	REQUIRE(set_up() == 0);
	registers(&ws, "alice");
	copy = says(&ws, 1, "", "x");
	REQUIRE(copy);
	fake_reply(&first, copy, 407, "k",
		   "Proxy-Authenticate: Digest realm=\"example.org\", nonce=\"1\"\r\n", NULL);
	sip_msg_unref(copy);
	copy = fake_take(&ws);
	REQUIRE(copy);
	CHECK_EQ(copy->status, 407);
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_PROXY_AUTHENTICATE),
		  "Digest realm=\"example.org\", nonce=\"1\"");
	sip_msg_unref(copy);

	copy = says(&ws, 2, "", "x");
	REQUIRE(copy);
	fake_reply(&first, copy, 401, "k",
		   "WWW-Authenticate: Digest realm=\"evil.example\", nonce=\"1\"\r\n", NULL);
	sip_msg_unref(copy);
	CHECK_EQ(status_at(&ws), 403);

	copy = says(&ws, 3, "", "x");
	REQUIRE(copy);
	fake_reply(&first, copy, 302, "k", "Contact: <sip:elsewhere@example.net>\r\n", NULL);
	sip_msg_unref(copy);
	CHECK_EQ(status_at(&ws), 502);
	tear_down();
}

static void the_registrar_leads_it_to_a_page(void)
{
	static const char format[] =
		"MESSAGE sip:bob@abc.invalid;transport=ws SIP/2.0\n"
		"Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKin%s%u\nMax-Forwards: 60\n"
		"From: <sip:alice@example.org>;tag=a\nTo: <sip:bob@example.org>\n"
		"Call-ID: in%u\nCSeq: 1 MESSAGE\n"
		"Route: <sip:%s@192.0.2.1;lr;ob>\nProxy-Authorization: Digest x=1\n"
		"Content-Type: text/plain\nContent-Length: 2\n\nhi";
	struct sip_msg *copy;

	REQUIRE(set_up() == 0);
	registers(&ws2, "bob");
	fake_receive(&stranger, format, "s", 1u, 1u, token);
	CHECK_EQ(status_at(&stranger), 403);
	CHECK(fake_take(&ws2) == NULL);

	fake_receive(&first, format, "r", 2u, 2u, token);
	copy = fake_take(&ws2);
	REQUIRE(copy);
	CHECK_STR(copy->uri_text, "sip:bob@abc.invalid;transport=ws");
	CHECK_STR(copy->from.uri.text, "sip:alice@example.org");
	CHECK_STR(copy->to.uri.text, "sip:bob@example.org");
	CHECK_STR(copy->body, "hi");
	CHECK(!sip_msg_has(copy, SIP_HEADER_ROUTE)); /* the token is nobody's business */
	CHECK(!sip_msg_has(copy, SIP_HEADER_PROXY_AUTHORIZATION));
	fake_reply(&ws2, copy, 200, "k", "", NULL);
	sip_msg_unref(copy);
	CHECK_EQ(status_at(&first), 200);

	/* a page's challenge is not for others; one that goes is 430 */
	fake_receive(&first, format, "r", 3u, 3u, token);
	copy = fake_take(&ws2);
	REQUIRE(copy);
	fake_reply(&ws2, copy, 401, "k",
		   "WWW-Authenticate: Digest realm=\"example.org\", nonce=\"1\"\r\n", NULL);
	sip_msg_unref(copy);
	CHECK_EQ(status_at(&first), 480);
	fake_receive(&first, format, "r", 4u, 4u, token);
	sip_msg_unref(fake_take(&ws2));
	fake_flow_close(&ws2);
	CHECK_EQ(status_at(&first), 430);
	fake_receive(&first, format, "r", 5u, 5u, token);
	CHECK_EQ(status_at(&first), 430);
	tear_down();
}

static void a_silent_target_is_passed_over(void)
{
	struct sip_msg *copy;

	REQUIRE(set_up() == 0);
	registers(&ws, "alice");
	sip_msg_unref(says(&ws, 1, "", "x"));
	fake_advance(&net, TARGETS_SILENT_MS);
	copy = fake_take(&second);
	REQUIRE(copy);
	CHECK_EQ(copy->method, SIP_MESSAGE);
	sip_msg_unref(copy);
	fake_advance(&net, TARGETS_SILENT_MS);
	copy = fake_last(&ws); /* a 100 came before */
	REQUIRE(copy);
	CHECK_EQ(copy->status, 503);
	CHECK(sip_msg_has(copy, SIP_HEADER_RETRY_AFTER));
	sip_msg_unref(copy);
	tear_down();
}

static void a_page_asks_what_a_user_can_and_not_what_we_can(void)
{
	static const char format[] =
		"OPTIONS %s SIP/2.0\n"
		"Via: SIP/2.0/WSS abc.invalid;branch=z9hG4bKo%u\nMax-Forwards: 70\n"
		"From: <sip:alice@example.org>;tag=o\nTo: <%s>\n"
		"Call-ID: o%u\nCSeq: 1 OPTIONS\nAccept: application/sdp\n"
		"Content-Length: 0\n\n";
	struct sip_msg *copy;

	REQUIRE(set_up() == 0);
	registers(&ws, "alice");
	fake_receive(&ws, format, "sip:example.org", 1u, "sip:example.org", 1u);
	CHECK_EQ(status_at(&ws), 405); /* not passed on: the gateway's own business */
	fake_receive(&ws, format, "sip:bob@example.org", 2u, "sip:bob@example.org", 2u);
	copy = fake_take(&first);
	REQUIRE(copy);
	CHECK_EQ(copy->method, SIP_OPTIONS);
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_ACCEPT), "application/sdp");
	fake_reply(&first, copy, 200, "k", "Allow: INVITE, MESSAGE\r\n", NULL);
	sip_msg_unref(copy);
	copy = fake_take(&ws);
	REQUIRE(copy);
	CHECK_EQ(copy->status, 200);
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_ALLOW), "INVITE, MESSAGE");
	sip_msg_unref(copy);
	tear_down();
}

static void what_one_page_has_on_its_way_is_limited(void)
{
	REQUIRE(set_up() == 0);
	registers(&ws, "alice");
	registers(&ws2, "bob");
	for (unsigned i = 0; i < STANDALONE_MOST_OF_PAGE; i++) {
		struct sip_msg *copy = says(&ws, i, "", "x");

		CHECK(copy != NULL);
		sip_msg_unref(copy);
	}
	CHECK(says(&ws, 99, "", "x") == NULL);
	CHECK_EQ(status_at(&ws), 486);
	struct sip_msg *other = says(&ws2, 100, "", "x"); /* others are not hindered */
	CHECK(other != NULL);
	sip_msg_unref(other);
	CHECK(says(&ws2, 101, "Max-Forwards: 1\n", "x") == NULL); /* repeated: bad */
	tear_down();
}

static void its_page_may_go_before_the_answer(void)
{
	struct sip_msg *copy;

	REQUIRE(set_up() == 0);
	registers(&ws, "alice");
	copy = says(&ws, 1, "", "x");
	REQUIRE(copy);
	fake_flow_close(&ws);
	fake_reply(&first, copy, 200, "k", "", NULL);
	sip_msg_unref(copy);
	sip_msg_unref(says(&ws2, 2, "", "x"));
	tear_down(); /* and one that is on its way */
}

TESTS(a_page_speaks_in_its_own_name_only, challenges_go_to_the_page_for_known_realms_only,
      the_registrar_leads_it_to_a_page, a_silent_target_is_passed_over,
      a_page_asks_what_a_user_can_and_not_what_we_can, what_one_page_has_on_its_way_is_limited,
      its_page_may_go_before_the_answer)
