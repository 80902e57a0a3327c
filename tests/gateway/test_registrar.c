/* Contacts added, refreshed, removed, refused and expired (RFC 3261 §10). */
#include "tests/gateway/registrar_bench.h"

/* --- contacts --- */

static void contacts_are_added_refreshed_and_removed(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct sip_msg *msg;

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE })), 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .call_id = "w", .headers = PAGE })), 200);
	REQUIRE(reachable("1000", bindings) == 2);
	CHECK(bindings[0].web && bindings[0].flow == &ws.flow); /* the newest first */
	CHECK(!bindings[1].web);
	/* a query changes nothing */
	msg = ask((struct reg){ .flow = &udp });
	CHECK_EQ(msg->status, 200);
	CHECK_EQ(contacts_in(msg), 2);
	sip_msg_unref(msg);
	/* refreshed, it is the newest */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE })), 200);
	REQUIRE(reachable("1000", bindings) == 2);
	CHECK(!bindings[0].web);
	/* removed by expires=0 */
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &udp,
			 .headers = "Contact: <sip:1000@198.51.100.7:5062>;expires=0\n" })),
		 200);
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK(bindings[0].web);
	/* all of them */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE })), 200);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .call_id = "w", .headers = "Contact: *\nExpires: 0\n" })),
		 200);
	CHECK_EQ(reachable("1000", bindings), 0);
	CHECK(str_empty(auth_flow_user(&ws.flow)));
	stop();
}

static void bad_contacts_are_refused(void)
{
	static const struct {
		const char *headers;
		unsigned status;
	} cases[] = {
		{ "Contact: *\n", 400 },
		{ "Contact: *\nExpires: 60\n", 400 },
		{ "Contact: *, <sip:1000@198.51.100.7>\nExpires: 0\n", 400 },
		{ "Contact: <sip:1000@198.51.100.7>, *\nExpires: 0\n", 400 },
		{ "Contact: <tel:+123>\n", 400 },
		{ "Contact: <https://evil.example/>\n", 400 },
		{ "Contact: <sip:1000@192.0.2.1:5060>\n", 400 }, /* ourselves */
		{ "Contact: <sip:1000@192.0.2.1>\n", 400 },
		{ "Contact: <sip:1000@hookswitch>\n", 400 },
		{ "Contact: <sip:1000@127.0.0.1:5070>\n", 400 }, /* not from there */
		{ "Contact: <sip:1000@[::1]:5070>\n", 400 },
		{ "Contact: <sip:1000@169.254.1.1>\n", 400 },
		{ "Contact: <sip:1000@localhost:5070>\n", 400 },
		{ PHONE "Expires: 30\n", 423 },
		{ "Contact: <sip:1000@198.51.100.7>;expires=59\n", 423 },
	};
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sip_msg *msg = ask(
			(struct reg){ .flow = &udp, .headers = cases[i].headers });

		if (!msg || msg->status != cases[i].status) {
			printf("  gave %u, not %u: %s", msg ? msg->status : 0, cases[i].status,
			       cases[i].headers);
			check_failures++;
		}
		if (cases[i].status == 423 && msg)
			CHECK_STR(sip_msg_header(msg, SIP_HEADER_MIN_EXPIRES), "60");
		sip_msg_unref(msg);
	}
	CHECK_EQ(reachable("1000", bindings), 0);
	/* a phone on this machine may say so */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp2,
					     .headers = "Contact: <sip:1000@127.0.0.1:5070>\n" })),
		 200);
	stop();
}

static void headers_in_a_contact_are_stripped_and_expiry_is_bounded(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	struct sip_msg *msg;

	start();
	msg = ask(
		(struct reg){ .flow = &udp,
			      .headers = "Contact: <sip:1000@198.51.100.7;x=y?Route=%3Csip:evil%3E>"
					 ";expires=4294967295\n" });
	REQUIRE(msg && msg->status == 200);
	CHECK_STR(sip_msg_header(msg, SIP_HEADER_CONTACT),
		  "<sip:1000@198.51.100.7;x=y>;expires=3600");
	sip_msg_unref(msg);
	REQUIRE(reachable("1000", bindings) == 1);
	CHECK_STR(bindings[0].contact, "sip:1000@198.51.100.7;x=y");
	stop();
}

static void ten_contacts_are_enough(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	char contact[128];

	start();
	for (unsigned i = 0; i <= REGISTRAR_MAX_CONTACTS; i++) {
		snprintf(contact, sizeof(contact), "Contact: <sip:1000@198.51.100.%u>\n", i + 10);
		CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = contact })),
			 i < REGISTRAR_MAX_CONTACTS ? 200 : 503);
	}
	CHECK_EQ(reachable("1000", bindings), REGISTRAR_MAX_CONTACTS);
	/* a known one can still be refreshed */
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp,
					     .headers = "Contact: <sip:1000@198.51.100.10>\n" })),
		 200);
	stop();
}

static void an_overtaken_register_changes_nothing(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	cseq += 100;
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE, .cseq = cseq + 50 })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .headers = PAGE "Expires: 0\n", .cseq = cseq + 40 })),
		 500);
	CHECK_EQ(status_of(ask((struct reg){
			 .flow = &ws, .headers = "Contact: *\nExpires: 0\n", .cseq = cseq + 40 })),
		 500);
	CHECK_EQ(reachable("1000", bindings), 1);
	cseq += 100;
	stop();
}

static void contacts_expire(void)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];

	start();
	CHECK_EQ(status_of(ask((struct reg){ .flow = &udp, .headers = PHONE "Expires: 60\n" })),
		 200);
	CHECK_EQ(status_of(ask((struct reg){ .flow = &ws, .headers = PAGE "Expires: 120\n" })),
		 200);
	fake_advance(&net, 59000);
	CHECK_EQ(reachable("1000", bindings), 2);
	fake_advance(&net, 2000);
	CHECK_EQ(reachable("1000", bindings), 1);
	fake_advance(&net, 60000);
	CHECK_EQ(reachable("1000", bindings), 0);
	stop();
}

TESTS(contacts_are_added_refreshed_and_removed, bad_contacts_are_refused,
      headers_in_a_contact_are_stripped_and_expiry_is_bounded, ten_contacts_are_enough,
      an_overtaken_register_changes_nothing, contacts_expire)
