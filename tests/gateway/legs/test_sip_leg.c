/* A page calls a desk phone: what each hears until the answer. */
#include "tests/check.h"
#include "tests/gateway/legs/two_legs.h"

static void nothing_above_100_before_the_phone_rings(void)
{
	struct two_legs t;

	REQUIRE(two_legs_dial(&t));
	fake_advance(&two_net, 1000);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 100"), 1);
	CHECK_EQ(t.page.flow->n_sent, 1);
	two_legs_stop(&t);
}

static void the_phone_is_called_when_its_session_is_ready(void)
{
	struct two_legs t;

	REQUIRE(two_legs_start(&t, page_offers(2, "sendrecv")));
	fake_session_ready(t.page.session);
	CHECK_EQ(t.phone.flow->n_sent, 0);
	fake_session_ready(t.phone.session);
	CHECK_EQ(side_got(&t.phone, "INVITE "), 1);
	CHECK(!side_says(&t.phone, "INVITE ", "page")); /* nothing of the page */
	CHECK(!side_says(&t.phone, "INVITE ", "opus"));
	CHECK(side_says(&t.phone, "INVITE ", "Max-Forwards: 69\r\n"));
	CHECK(fake_text(t.phone.flow, 0).n < 1300);
	two_legs_stop(&t);
}

/* JsSIP breaks on a second description, SIP.js on a changed tag. */
static void one_description_toward_a_calling_page(void)
{
	struct sip_msg *m;
	struct two_legs t;
	struct str sdp = { NULL, 0 };
	char *first = NULL, *tag = NULL;
	unsigned bodies = 0, rings = 0;

	REQUIRE(two_legs_dial(&t));
	phone_says(&t, 180, "");
	phone_says(&t, 180, "");
	phone_says(&t, 183, phone_sdp(1, "sendrecv"));
	phone_says(&t, 200, phone_sdp(1, "sendrecv"));
	while ((m = fake_take(t.page.flow))) {
		if (m->status > 100) {
			rings += m->status < 200;
			if (!tag)
				tag = str_dup(m->to_tag);
			CHECK(str_eq(m->to_tag, str_of(tag)));
			if (!str_empty(m->body)) {
				bodies++;
				if (!first)
					first = str_dup(m->body);
				sdp = m->body;
				CHECK(str_eq(sdp, str_of(first)));
				CHECK(m->status == 180 || m->status == 200);
			}
		}
		sip_msg_unref(m);
	}
	CHECK_EQ(rings, 3);
	CHECK_EQ(bodies, 2); /* the first 18x and the 200 */
	CHECK_EQ(side_got(&t.page, "SIP/2.0 183"), 1);
	CHECK_EQ(t.page.session->remotes, 1);
	CHECK_EQ(t.phone.session->remotes, 1);
	CHECK(n_fake_joins >= 1);
	free(first);
	free(tag);
	two_legs_stop(&t);
}

/* `ringback = gateway`: the tone is the calling page's session's, from the first 180 that
 * no early media came before. */
static void ringback_is_the_gateways_if_it_is_told_so(void)
{
	struct two_legs t;

	REQUIRE(two_legs_dial(&t));
	phone_says(&t, 180, "");
	CHECK_EQ(t.page.session->sound, BRIDGE_SILENCE); /* the page makes it */
	two_legs_stop(&t);

	REQUIRE(two_legs_dial(&t));
	t.config->calls.ringback = CONFIG_RINGBACK_GATEWAY;
	phone_says(&t, 180, "");
	CHECK_EQ(t.page.session->sound, BRIDGE_RINGBACK);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 183"), 1);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 180"), 0); /* a page would make a tone besides */
	CHECK_EQ(t.phone.session->sound, BRIDGE_SILENCE);
	two_legs_stop(&t);

	REQUIRE(two_legs_dial(&t));
	t.config->calls.ringback = CONFIG_RINGBACK_GATEWAY;
	phone_says(&t, 183, phone_sdp(1, "sendrecv"));
	phone_says(&t, 180, "");
	CHECK_EQ(t.page.session->sound, BRIDGE_SILENCE); /* there is an announcement */
	two_legs_stop(&t);
}

static void an_offer_without_a_codec_of_ours_is_refused_with_the_reason(void)
{
	struct two_legs t;
	char *sdp = str_dup(str_of(page_offers(2, "sendrecv")));

	for (char *p = sdp; (p = strstr(p, "RTP/SAVPF 111 63 9 0 8 13")); p++)
		memcpy(p, "RTP/SAVPF 63 13 13 13 13 ", 25);
	REQUIRE(two_legs_start(&t, sdp));
	CHECK_EQ(t.taken != 0, true);
	CHECK_EQ(t.refusal.status, 488);
	CHECK_EQ(t.refusal.warn, 305);
	CHECK_EQ(side_got(&t.page, "SIP/2.0 488"), 1);
	CHECK_EQ(n_fake_sessions, 0);
	free(sdp);
	two_legs_stop(&t);
}

/* The stack's timers run when one is due; the answer may come long after. */
static void quiet_before_the_answer_does_not_shorten_the_wait_for_the_ack(void)
{
	struct two_legs t;

	REQUIRE(two_legs_ring(&t));
	sip_endpoint_timers(t.endpoint)->clock = two_net_clock;
	two_net.now_ms += 40000; /* nothing was due */
	fake_reply(t.phone.flow, t.at_phone, 200, "phone",
		   "Contact: <sip:1000@192.0.2.20:5062>\r\n", phone_sdp(1, "sendrecv"));
	fake_advance(&two_net, 31000);
	CHECK_EQ(side_got(&t.page, "BYE "), 0);
	CHECK(side_got(&t.page, "SIP/2.0 200") > 5);
	fake_advance(&two_net, 1500);
	CHECK_EQ(side_got(&t.page, "BYE "), 1);
	two_legs_stop(&t);
}

/* RFC 7362: who names a private address, but calls from a public one, is behind a NAT. */
static void a_phone_behind_a_nat_is_looked_for_where_its_signalling_comes_from(void)
{
	static const struct {
		const char *named;
		enum config_symmetric symmetric_rtp;
		uint8_t family; /* of the host to latch onto */
	} cases[] = {
		{ "192.168.1.20", CONFIG_SYMMETRIC_AUTO, 4 },
		{ "192.168.1.20", CONFIG_SYMMETRIC_OFF, 0 },
		{ "203.0.113.9", CONFIG_SYMMETRIC_AUTO, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const struct sdp_ip source = { 4, { 192, 0, 2, 20 } };
		const struct sdp_ip *nat;
		struct two_legs t;

		REQUIRE(two_legs_ring(&t));
		t.config->media.symmetric_rtp = cases[i].symmetric_rtp;
		phone_says(&t, 200, phone_sdp_at(1, "sendrecv", cases[i].named, 4000, "8"));
		nat = &t.phone.session->remote.nat;
		CHECK_EQ(nat->family, cases[i].family);
		CHECK(!nat->family || sdp_ip_equal(nat, &source));
		CHECK_EQ(t.page.session->remote.nat.family, 0);
		two_legs_stop(&t);
	}
}

TESTS(a_phone_behind_a_nat_is_looked_for_where_its_signalling_comes_from,
      nothing_above_100_before_the_phone_rings, the_phone_is_called_when_its_session_is_ready,
      one_description_toward_a_calling_page, ringback_is_the_gateways_if_it_is_told_so,
      an_offer_without_a_codec_of_ours_is_refused_with_the_reason,
      quiet_before_the_answer_does_not_shorten_the_wait_for_the_ack)
