/* Who sent it: digest at the registrar, for whom, and for which domains
 * (RFC 3261 §10.3, §22). */
#define _GNU_SOURCE /* memmem */
#include "tests/gateway/registrar_bench.h"

/* --- authentication --- */

static void a_register_is_challenged_with_md5_and_then_accepted(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct sip_msg *msg;

	start();
	send_request(&(struct reg){ .flow = &udp,
				    .method = "REGISTER",
				    .uri = "sip:hookswitch",
				    .to = "sip:1000@hookswitch",
				    .call_id = "c",
				    .headers = PHONE },
		     "", ++cseq);
	msg = answer(&udp);
	REQUIRE(msg && msg->status == 401);
	struct str challenge = sip_msg_header(msg, SIP_HEADER_WWW_AUTHENTICATE);
	CHECK(str_starts(challenge, STR("Digest ")));
	CHECK(memmem(challenge.p, challenge.n, "realm=\"hookswitch\"", 18) != NULL);
	CHECK(memmem(challenge.p, challenge.n, "SHA-256", 7) == NULL);
	sip_msg_unref(msg);
	CHECK_EQ(reachable("1000", bindings), 0);

	msg = ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 600\n" });
	REQUIRE(msg && msg->status == 200);
	CHECK_STR(sip_msg_header(msg, SIP_HEADER_CONTACT),
		  "<sip:1000@198.51.100.7:5062>;expires=600");
	sip_msg_unref(msg);
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK_STR(bindings[0].contact, "sip:1000@198.51.100.7:5062");
	CHECK(bindings[0].flow == &udp.flow && !bindings[0].web);
	stop();
}

static void the_wrong_password_and_the_unknown_user_get_the_same_answer(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .password = "no", .headers = PAGE })),
		 401);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws,
					     .user = "nobody",
					     .to = "sip:nobody@hookswitch",
					     .headers = PAGE })),
		 401);
	CHECK_EQ(reachable("1000", bindings), 0);
	CHECK(str_empty(auth_flow_user(&ws.flow)));
	stop();
}

static void malformed_credentials_are_challenged_afresh(void)
{
	static const char *const lines[] = {
		"Authorization: Digest\n",
		"Authorization: Basic MTAwMDpwdzEwMDA=\n",
		"Authorization: Digest username=\"1000\", realm=\"hookswitch\"\n",
		"Authorization: Digest username=\"1000\", realm=\"hookswitch\", nonce=\"x\", "
		"uri=\"sip:hookswitch\", response=\"00\"\n",
		"Authorization: Digest username=\"1000\", realm=\"hookswitch\", nonce=\"x\", "
		"uri=\"sip:hookswitch\", response=\"0123456789abcdef0123456789abcdef\", "
		"algorithm=SHA-512\n",
		"Authorization: Digest realm=\"elsewhere\", username=\"1000\", nonce=\"x\", "
		"uri=\"sip:hookswitch\", response=\"0123456789abcdef0123456789abcdef\"\n",
	};

	start();
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		send_request(&(struct reg){ .flow = &udp,
					    .method = "REGISTER",
					    .uri = "sip:hookswitch",
					    .to = "sip:1000@hookswitch",
					    .call_id = "c",
					    .headers = PHONE },
			     lines[i], ++cseq);
		CHECK_EQ(status_of(answer(&udp)), 401);
	}
	stop();
}

static void nobody_registers_for_another(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &udp, .to = "sip:1001@hookswitch", .headers = PHONE })),
		 403);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .to = "sip:1001@hookswitch", .headers = PAGE })),
		 403);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws,
					     .to = "sip:1001@hookswitch",
					     .headers = "Contact: *\nExpires: 0\n" })),
		 403);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .to = "sip:1000%00@hookswitch", .headers = PAGE })),
		 403);
	CHECK_EQ(reachable("1000", bindings) + reachable("1001", bindings), 0);
	/* the same user, escaped, is himself */
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .to = "sip:%31000@hookswitch", .headers = PAGE })),
		 200);
	stop();
}

static void only_our_domains_are_served(void)
{
	start();
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .uri = "sip:elsewhere.example", .headers = PAGE })),
		 403);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .to = "sip:1000@elsewhere.example", .headers = PAGE })),
		 404);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws,
					     .uri = "sip:192.0.2.1:8443",
					     .to = "sip:1000@LOCALHOST",
					     .headers = PAGE })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws,
					     .uri = "sip:example.org",
					     .to = "sip:1000@127.0.0.1",
					     .headers = PAGE })),
		 200);
	stop();
}

TESTS(a_register_is_challenged_with_md5_and_then_accepted,
      the_wrong_password_and_the_unknown_user_get_the_same_answer,
      malformed_credentials_are_challenged_afresh, nobody_registers_for_another,
      only_our_domains_are_served)
