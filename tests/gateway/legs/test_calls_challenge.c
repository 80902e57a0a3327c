/* A central registrar's challenges to a call, which the page answers and not we. */
#include "tests/gateway/legs/central_calls.h"

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

TESTS(a_challenge_of_a_known_realm_is_answered_by_the_page,
      a_page_that_does_not_come_again_is_forgotten_after_32_seconds,
      a_challenge_of_another_realm_is_403, endless_challenges_end,
      an_offer_that_changed_with_the_credentials_counts,
      an_offer_that_became_none_with_the_credentials_is_refused)
