/* Registrations and the flows they came by (RFC 5626, RFC 7118). */
#include "tests/gateway/registrar_bench.h"

#include "gateway/locations.h"

/* --- flows --- */

static void a_closed_websocket_takes_its_contact_along(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct sip_msg *msg;

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .call_id = "p", .headers = PHONE })),
		 200);
	fake_flow_close(&ws);
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK(!bindings[0].web);
	msg = ask((struct reg){ .flow = &udp, .call_id = "p" });
	CHECK_EQ(contacts_in(msg), 1);
	sip_msg_unref(msg);
	stop();
}

static void a_page_that_comes_back_moves_its_dialogs(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	uint64_t first;

	for (int closed_before = 0; closed_before < 2; closed_before++) {
		start();
		CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
		CHECK_EQ(told.moves, 0);
		first = ws.flow.id;
		if (closed_before)
			fake_flow_close(&ws);
		fake_advance(&net, 100000);
		CHECK_EQ(status_of(ask((struct reg){
				 .flow = &ws2, .call_id = "again", .headers = PAGE_AGAIN })),
			 200);
		CHECK_EQ(told.moves, 1);
		CHECK_EQ(told.moved_from, first);
		CHECK_EQ(told.moved_to, ws2.flow.id);
		REQUIRE(reachable("1000", bindings) == 1);
		CHECK(bindings[0].flow == &ws2.flow);
		CHECK_STR(bindings[0].contact, "sip:def@y.invalid;transport=ws");
		stop();
	}
}

/* What put_headers() wrote into the answer; it is unreferenced here. */
static void check_told(struct sip_msg *msg, const char *user, const struct fake_flow *flow,
		       unsigned expires_s)
{
	char want[64] = "", got[64] = "";

	if (user)
		snprintf(want, sizeof(want), "%s %u %u", user, (unsigned)flow->flow.id, expires_s);
	REQUIRE(msg);
	CHECK_EQ(msg->status, 200);
	for (size_t i = 0; i < msg->n_fields; i++)
		if (str_eq(msg->fields[i].name, STR("X-Told")))
			str_copy(msg->fields[i].value, got, sizeof(got));
	if (strcmp(got, want) != 0) {
		check_failures++;
		printf("  told \"%s\", not \"%s\"\n", got, want);
	}
	sip_msg_unref(msg);
}

static void a_page_is_told_more_while_it_is_registered(void)
{
	start();
	check_told(ask((struct reg){ .flow = &ws }), NULL, &ws, 0); /* it only asks */
	check_told(ask((struct reg){ .flow = &ws, .headers = PAGE "Expires: 600\n" }), "1000", &ws,
		   600);
	CHECK_STR(registrar_flow_user(registrar, &ws.flow), "1000");
	CHECK_STR(registrar_flow_user(registrar, &ws2.flow), "");
	fake_advance(&net, 100000);
	check_told(ask((struct reg){ .flow = &ws }), "1000", &ws, 500);
	/* somebody else there, who has no contact */
	check_told(ask((struct reg){ .flow = &ws,
				     .user = "1001",
				     .password = "pw1001",
				     .to = "sip:1001@hookswitch",
				     .call_id = "other" }),
		   NULL, &ws, 0);
	fake_advance(&net, 500000); /* not refreshed */
	CHECK_STR(registrar_flow_user(registrar, &ws.flow), "");
	check_told(ask((struct reg){ .flow = &ws, .headers = PAGE "Expires: 600\n" }), "1000", &ws,
		   600);
	check_told(ask((struct reg){ .flow = &ws, .headers = "Contact: *\nExpires: 0\n" }), NULL,
		   &ws, 0);
	CHECK_STR(registrar_flow_user(registrar, &ws.flow), "");
	stop();
}

static void another_page_moves_nothing(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	CHECK_EQ(status_of(ask(
			 (struct reg){ .flow = &ws2,
				       .call_id = "other",
				       .headers = "Contact: <sip:q@z.invalid;transport=ws>;"
						  "+sip.instance=\"<urn:uuid:2>\";reg-id=1\n" })),
		 200);
	/* nor the same page as another user */
	fake_flow_close(&ws);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws2,
					     .user = "1001",
					     .password = "pw1001",
					     .to = "sip:1001@hookswitch",
					     .call_id = "third",
					     .headers = PAGE })),
		 200);
	CHECK_EQ(told.moves, 0);
	CHECK_EQ(reachable("1000", bindings), 1);
	CHECK_EQ(reachable("1001", bindings), 1);
	stop();
}

static void a_ghost_is_forgotten_after_a_while(void)
{
	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	fake_flow_close(&ws);
	fake_advance(&net, LOCATIONS_GHOST_MS + 1000);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws2, .headers = PAGE_AGAIN })), 200);
	CHECK_EQ(told.moves, 0);
	stop();
}

static void a_registered_page_is_not_challenged_again_but_a_phone_is(void)
{
	struct reg invite = { .method = "INVITE",
			      .uri = "sip:1001@hookswitch",
			      .to = "sip:1001@hookswitch",
			      .call_id = "i",
			      .headers = "" };

	start();
	invite.flow = &ws;
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&ws)), 401);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	CHECK_STR(auth_flow_user(&ws.flow), "1000");
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&ws)), 486);
	CHECK_EQ(told.invites, 1);
	CHECK_STR(str_of(told.invite_user), "1000");
	/* not on another connection */
	invite.flow = &ws2;
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&ws2)), 401);
	/* signed out, it is challenged again */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE "Expires: 0\n" })), 200);
	invite.flow = &ws;
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&ws)), 401);
	/* a phone always */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .call_id = "p", .headers = PHONE })),
		 200);
	invite.flow = &udp;
	send_request(&invite, "", ++cseq);
	CHECK_EQ(status_of(answer(&udp)), 401);
	invite.call_id = "i2";
	CHECK_EQ(status_of(ask(invite)), 486);
	CHECK_EQ(told.invites, 2);
	stop();
}

static void udp_phones_get_keepalives(void)
{
	size_t before;

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 600\n" })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	fake_advance(&net, 5000);
	before = udp.n_sent;
	size_t page_before = ws.n_sent;
	fake_advance(&net, 3 * REGISTRAR_KEEPALIVE_MS);
	CHECK_EQ(udp.n_sent - before, 3);
	CHECK_STR(fake_text(&udp, udp.n_sent - 1), "\r\n\r\n");
	CHECK_EQ(ws.n_sent, page_before);
	fake_advance(&net, 600000);
	before = udp.n_sent;
	fake_advance(&net, 60000);
	CHECK_EQ(udp.n_sent, before); /* expired */
	stop();
}

/* --- finding --- */

static void on_found(void *arg, unsigned status, const struct registrar_binding *bindings, size_t n)
{
	(void)arg;
	(void)bindings;
	told.status = status;
	told.found = n;
}

static unsigned find(const char *user)
{
	struct registrar_find *pending = NULL;

	told.status = 0;
	CHECK_EQ(registrar_find(registrar, str_of(user), on_found, NULL, &pending), 0);
	while (told.status == 0)
		uv_run(&loop, UV_RUN_ONCE);
	return told.status;
}

static void known_and_unknown_users_are_told_apart(void)
{
	struct registrar_find *pending = NULL;

	start();
	CHECK_EQ(find("1000"), 480);
	CHECK_EQ(find("4711"), 404);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE })), 200);
	CHECK_EQ(find("1000"), 200);
	CHECK_EQ(told.found, 1);
	/* cancelled: nothing comes */
	told.status = 0;
	CHECK_EQ(registrar_find(registrar, STR("1001"), on_found, NULL, &pending), 0);
	registrar_find_cancel(pending);
	CHECK_EQ(find("1002"), 480);
	/* left open at the end */
	CHECK_EQ(registrar_find(registrar, STR("1001"), on_found, NULL, &pending), 0);
	stop();
}

static void a_flow_that_closes_during_the_question_is_no_trouble(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	for (unsigned i = 0; i < 2; i++) {
		struct fake_flow *flow = i ? &udp : &ws;
		struct sip_msg *challenge;
		char line[1024], text[1100];
		struct str authorization;
		struct writer w;
		struct reg r = { .flow = flow,
				 .method = "REGISTER",
				 .uri = "sip:hookswitch",
				 .to = "sip:1000@hookswitch",
				 .call_id = "q",
				 .headers = i ? PHONE : PAGE };

		send_request(&r, "", ++cseq);
		challenge = answer(flow);
		writer_init(&w, line, sizeof(line));
		CHECK_EQ(sip_digest_answer(challenge, STR("REGISTER"), STR("sip:hookswitch"),
					   STR("1000"), STR("pw1000"), STR("hookswitch"), NULL, &w),
			 0);
		sip_msg_unref(challenge);
		CHECK_EQ(writer_end(&w, &authorization), 0);
		snprintf(text, sizeof(text), "%.*s\n", (int)authorization.n - 2, authorization.p);
		send_request(&r, text, ++cseq);
		fake_flow_close(flow);
		for (unsigned k = 0; k < 50; k++) {
			uv_run(&loop, UV_RUN_NOWAIT);
			usleep(1000);
		}
	}
	CHECK_EQ(reachable("1000", bindings), 0);
	stop();
}

static void hosts_that_mean_us(void)
{
	start();
	CHECK(domains_have(domains, STR("hookswitch")));
	CHECK(domains_have(domains, STR("HookSwitch")));
	CHECK(domains_have(domains, STR("example.org.")));
	CHECK(domains_have(domains, STR("localhost")));
	CHECK(domains_have(domains, STR("192.0.2.1")));
	CHECK(!domains_have(domains, STR("192.0.2.2")));
	CHECK(!domains_have(domains, STR("192.0.2.1.")));
	CHECK(!domains_have(domains, STR("")));
	CHECK(!domains_have(domains, STR("sub.example.org")));
	CHECK(!domains_have(domains, STR("::1")));
	CHECK(domains_is_listener(domains, STR("127.0.0.1"), 5060));
	CHECK(domains_is_listener(domains, STR("127.0.0.1"), 0));
	CHECK(!domains_is_listener(domains, STR("127.0.0.1"), 5070));
	CHECK(domains_host_is_local(STR("fe80::1")));
	CHECK(domains_host_is_local(STR("127.3.2.1")));
	CHECK(!domains_host_is_local(STR("10.0.0.1")));
	stop();
}

TESTS(a_closed_websocket_takes_its_contact_along, a_page_that_comes_back_moves_its_dialogs,
      a_page_is_told_more_while_it_is_registered, another_page_moves_nothing,
      a_ghost_is_forgotten_after_a_while, a_registered_page_is_not_challenged_again_but_a_phone_is,
      udp_phones_get_keepalives, known_and_unknown_users_are_told_apart,
      a_flow_that_closes_during_the_question_is_no_trouble, hosts_that_mean_us)
