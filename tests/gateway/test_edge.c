/* REGISTER handed on to a central registrar (RFC 3327, 5626, 3608), and the requests
 * that come back by a flow token. */
#include "tests/gateway/edge_fixture.h"
#include "tests/oom.h"

static void the_registrar_gets_what_was_sent_and_a_path(void)
{
	set_up();
	struct sip_msg *copy = page_registers(
		&ws, 7, contact, "Authorization: Digest username=\"alice\", response=\"00\"\n");
	REQUIRE(copy);
	CHECK_STR(copy->uri_text, "sip:example.org");
	CHECK_STR(copy->call_id, "hers-1");
	CHECK_EQ(copy->cseq, 7);
	CHECK_EQ(copy->max_forwards, 69);
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_FROM),
		  "\"Alice\" <sip:alice@example.org>;tag=hers");
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_SUPPORTED), "path, gruu, outbound");
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_AUTHORIZATION),
		  "Digest username=\"alice\", response=\"00\"");
	/* a browser that vanished is not rung for long */
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_CONTACT),
		  "<sip:x1@abc.invalid;transport=ws>;reg-id=1;+sip.instance=\"<urn:uuid:1>\""
		  ";expires=120");
	struct str path = sip_msg_header(copy, SIP_HEADER_PATH);
	CHECK(str_starts(path, STR("<sip:")));
	CHECK(str_ends(path, STR("@192.0.2.1:5060;transport=udp;lr;ob>")));
	sip_msg_unref(copy);
	tear_down();
}

static void the_challenge_goes_back_unchanged(void)
{
	static const char challenge[] =
		"WWW-Authenticate: Digest realm=\"example.org\", nonce=\"n\", "
		"qop=\"auth,auth-int\", algorithm=SHA-256\r\n";

	set_up();
	struct sip_msg *copy = page_registers(&ws, 1, contact, "");
	REQUIRE(copy);
	fake_reply(&first, copy, 401, "reg", challenge, NULL);
	struct sip_msg *answer = fake_last(&ws);
	REQUIRE(answer);
	CHECK_EQ(answer->status, 401);
	CHECK_STR(sip_msg_header(answer, SIP_HEADER_WWW_AUTHENTICATE),
		  "Digest realm=\"example.org\", nonce=\"n\", qop=\"auth,auth-int\", "
		  "algorithm=SHA-256");
	CHECK_STR(edge_identity(&ws.flow), "");
	CHECK_STR(told_in(answer), "");
	sip_msg_unref(answer);
	sip_msg_unref(copy);
	tear_down();
}

static void once_accepted_the_flow_is_known_and_no_path_is_shown(void)
{
	size_t n;

	set_up();
	accept_page(&ws, 1);
	struct sip_msg *answer = fake_last(&ws);
	REQUIRE(answer);
	CHECK_EQ(answer->status, 200);
	CHECK(!sip_msg_has(answer, SIP_HEADER_PATH));
	CHECK(!sip_msg_has(answer, SIP_HEADER_SERVICE_ROUTE));
	CHECK_STR(sip_msg_header(answer, SIP_HEADER_CONTACT),
		  "<sip:x1@abc.invalid;transport=ws>;expires=120");
	CHECK_STR(told_in(answer), "sip:alice@example.org 1 120");
	sip_msg_unref(answer);
	CHECK_STR(edge_identity(&ws.flow), "sip:alice@example.org");
	const struct str *routes = edge_routes(&ws.flow, &n);
	CHECK_EQ(n, 1);
	CHECK_STR(routes[0], "<sip:out@192.0.2.10;lr>");
	CHECK_STR(edge_identity(&ws2.flow), "");

	fake_advance(&net, 120000); /* not refreshed */
	CHECK_STR(edge_identity(&ws.flow), "");
	tear_down();
}

static void unregistering_ends_the_identity(void)
{
	set_up();
	accept_page(&ws, 1);
	struct sip_msg *copy = page_registers(
		&ws, 2, "Contact: <sip:x1@abc.invalid;transport=ws>;expires=0\n", "");
	REQUIRE(copy);
	CHECK_STR(sip_msg_header(copy, SIP_HEADER_CONTACT),
		  "<sip:x1@abc.invalid;transport=ws>;expires=0");
	fake_reply(&first, copy, 200, "reg", "", NULL);
	CHECK_STR(edge_identity(&ws.flow), "");
	struct sip_msg *answer = fake_last(&ws);
	REQUIRE(answer);
	CHECK_STR(told_in(answer), "");
	sip_msg_unref(answer);
	sip_msg_unref(copy);
	tear_down();
}

static void a_refused_registration_changes_nothing(void)
{
	set_up();
	accept_page(&ws, 1);
	struct sip_msg *copy = page_registers(&ws, 2, contact, "");
	REQUIRE(copy);
	fake_reply(&first, copy, 403, "reg", "", NULL);
	expect_answer(&ws, 403);
	CHECK_STR(edge_identity(&ws.flow), "sip:alice@example.org");
	sip_msg_unref(copy);
	tear_down();
}

static void a_silent_registrar_is_passed_over_after_two_seconds(void)
{
	set_up();
	struct sip_msg *copy = page_registers(&ws, 1, contact, "");
	REQUIRE(copy);
	fake_advance(&net, 1999);
	CHECK_EQ(fake_count(&second, "REGISTER "), 0);
	fake_advance(&net, 1);
	struct sip_msg *other = fake_take(&second);
	REQUIRE(other);
	CHECK(!str_eq(other->via.branch, copy->via.branch));
	CHECK(str_eq(other->call_id, copy->call_id));
	fake_reply(&second, other, 100, "", "", NULL); /* counts */
	fake_advance(&net, 10000);
	fake_reply(&second, other, 200, "reg",
		   "Contact: <sip:x1@abc.invalid;transport=ws>;expires=60\r\n", NULL);
	expect_answer(&ws, 200);
	sip_msg_unref(other);
	sip_msg_unref(copy);

	/* the next registration goes to the one that answered */
	size_t at_first = fake_count(&first, "REGISTER "),
	       at_second = fake_count(&second, "REGISTER ");
	sip_msg_unref(page_registers(&ws, 2, contact, ""));
	CHECK_EQ(fake_count(&first, "REGISTER "), at_first);
	CHECK_EQ(fake_count(&second, "REGISTER "), at_second + 1);
	tear_down();
}

static void with_all_silent_the_browser_is_told_when_to_come_again(void)
{
	set_up();
	sip_msg_unref(page_registers(&ws, 1, contact, ""));
	fake_advance(&net, 4000);
	struct sip_msg *answer = fake_last(&ws);
	REQUIRE(answer);
	CHECK_EQ(answer->status, 503);
	CHECK(sip_msg_has(answer, SIP_HEADER_RETRY_AFTER));
	sip_msg_unref(answer);
	tear_down();
}

/* Its database is away, say: all browsers would come back at once. */
static void with_trouble_at_the_registrar_too(void)
{
	static const struct {
		unsigned status;
		const char *headers, *expected; /* NULL: some, from 5 to 30 */
	} cases[] = {
		{ 500, "", NULL },
		{ 503, "Retry-After: 77\r\n", "77" },
		{ 501, "", "" },
		{ 403, "", "" },
	};

	set_up();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_msg *copy = page_registers(&ws, (unsigned)i + 1, contact, "");
		REQUIRE(copy);
		fake_reply(&first, copy, cases[i].status, "reg", cases[i].headers, NULL);
		struct sip_msg *answer = fake_last(&ws);
		REQUIRE(answer);
		struct str value = sip_msg_header(answer, SIP_HEADER_RETRY_AFTER);
		uint32_t seconds = 0;
		CHECK_EQ(answer->status, cases[i].status);
		if (cases[i].expected)
			CHECK(str_eq(value, str_of(cases[i].expected)));
		else
			CHECK(str_to_u32(value, 5, 30, &seconds));
		sip_msg_unref(answer);
		sip_msg_unref(copy);
	}
	tear_down();
}

static void phones_do_not_register_through_us(void)
{
	set_up();
	CHECK(page_registers(&stranger, 1, contact, "") == NULL);
	expect_answer(&stranger, 403);
	tear_down();
}

static void invited(struct fake_flow *from, const char *route, unsigned nth)
{
	statuses = 0;
	fake_receive(from,
		     "INVITE sip:x1@abc.invalid;transport=ws SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKinvite%u\n"
		     "From: <sip:bob@example.org>;tag=bob\nTo: <sip:alice@example.org>\n"
		     "Call-ID: call%u\nCSeq: 1 INVITE\n%sContent-Length: 0\n\n",
		     nth, nth, route);
}

static void a_token_leads_to_its_flow_if_the_registrar_says_so(void)
{
	char route[256];

	set_up();
	accept_page(&ws, 1);
	snprintf(route, sizeof(route), "Route: <sip:%s@192.0.2.1:5060;lr;ob>\n", token);
	invited(&first, route, 1);
	CHECK_EQ(statuses, 200);
	invited(&stranger, route, 2);
	CHECK_EQ(statuses, 403);
	invited(&ws2, route, 3);
	CHECK_EQ(statuses, 403);
	invited(&first, "", 4);
	CHECK_EQ(statuses, 404);
	invited(&first, "Route: <sip:192.0.2.1;lr>\n", 5);
	CHECK_EQ(statuses, 403);
	snprintf(route, sizeof(route), "Route: <sip:192.0.2.10;lr>, <sip:%s@192.0.2.1;lr>\n",
		 token);
	invited(&first, route, 6); /* not the topmost */
	CHECK_EQ(statuses, 403);
	token[20] = token[20] == 'A' ? 'B' : 'A';
	snprintf(route, sizeof(route), "Route: <sip:%s@192.0.2.1:5060;lr;ob>\n", token);
	invited(&first, route, 7);
	CHECK_EQ(statuses, 403);
	tear_down();
}

static void a_token_of_a_closed_flow_or_another_run_is_430(void)
{
	char route[256], old[TOKEN_TEXT + 1];

	set_up();
	CHECK_EQ(token_make(&keys, 98, 1, old), 0);
	snprintf(route, sizeof(route), "Route: <sip:%s@192.0.2.1:5060;lr;ob>\n", old);
	invited(&first, route, 1);
	CHECK_EQ(statuses, 430);
	accept_page(&ws, 1);
	snprintf(route, sizeof(route), "Route: <sip:%s@192.0.2.1:5060;lr;ob>\n", token);
	fake_flow_close(&ws);
	invited(&first, route, 2);
	CHECK_EQ(statuses, 430);
	tear_down();
}

static void a_page_that_came_back_keeps_its_calls(void)
{
	uint64_t before;

	set_up();
	accept_page(&ws, 1);
	before = ws.flow.id;
	fake_flow_close(&ws);
	accept_page(&ws2, 1);
	CHECK_EQ(moves, 1);
	CHECK_EQ(moved_from, before);
	accept_page(&ws2, 2); /* a refresh moves nothing */
	CHECK_EQ(moves, 1);
	tear_down();
}

static void say_200(void)
{
	struct sip_msg *copy = fake_last(&first);

	if (copy && copy->method == SIP_REGISTER)
		fake_reply(&first, copy, 200, "reg",
			   "Contact: <sip:x1@abc.invalid;transport=ws>;expires=120\r\n"
			   "Service-Route: <sip:out@192.0.2.10;lr>\r\n",
			   NULL);
	sip_msg_unref(copy);
}

/* A page registers, is called, goes and comes back; whatever fails, nothing stays. */
static int a_page_comes_and_goes(void)
{
	uint8_t secret[TOKEN_SECRET] = { 1, 2, 3 };
	struct fake_flow *all[] = { &ws, &ws2, &first, &second, &stranger };
	char route[256];
	int err = -ENOMEM;

	edge = NULL;
	targets = NULL;
	fake_net_init(&net);
	endpoint = fake_endpoint(&net, &events, NULL);
	if (!endpoint)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		fake_flow_open(all[i], &net, endpoint, i < 2 ? &fake_ws : &fake_udp,
			       "192.0.2.1:5060", "192.0.2.10:5060");
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
						      .max_expires_s = 120,
						      .on_moved = on_moved },
			       &edge);
	if (!err) {
		targets_start(targets);
		sip_msg_unref(page_registers(&ws, 1, contact, ""));
		say_200();
		snprintf(route, sizeof(route), "Route: <sip:%s@192.0.2.1:5060;lr;ob>\n", token);
		fake_receive(&first,
			     "OPTIONS sip:x1@abc.invalid SIP/2.0\n"
			     "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKoom\n"
			     "From: <sip:bob@example.org>;tag=bob\nTo: <sip:alice@example.org>\n"
			     "Call-ID: oom\nCSeq: 1 OPTIONS\n%s\n",
			     route);
		fake_flow_close(&ws);
		sip_msg_unref(page_registers(&ws2, 1, contact, ""));
		say_200();
		fake_advance(&net, 200000);
		targets_stop(targets);
	}
	tear_down();
	return err;
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	CHECK(oom_sweep("a page comes and goes", a_page_comes_and_goes) > 30);
}

TESTS(the_registrar_gets_what_was_sent_and_a_path, the_challenge_goes_back_unchanged,
      once_accepted_the_flow_is_known_and_no_path_is_shown, unregistering_ends_the_identity,
      a_refused_registration_changes_nothing, a_silent_registrar_is_passed_over_after_two_seconds,
      with_all_silent_the_browser_is_told_when_to_come_again, with_trouble_at_the_registrar_too,
      phones_do_not_register_through_us, a_token_leads_to_its_flow_if_the_registrar_says_so,
      a_token_of_a_closed_flow_or_another_run_is_430, a_page_that_came_back_keeps_its_calls,
      running_out_of_memory_leaves_nothing_behind)
