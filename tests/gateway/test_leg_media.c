/* What a leg offers, answers and tells its session, against descriptions that
 * browsers and phones sent. */
#include "tests/gateway/leg_media_bench.h"

#include <errno.h>

static void chromiums_offer_is_answered_with_opus_and_its_event_clock(void)
{
	static struct leg_media m;
	static struct session_remote remote;
	struct cause cause;
	struct str answer;
	char text[128];

	make(&m, SDP_WEB);
	REQUIRE(leg_media_take_offer(&m, sample("chromium-jssip-offer"), &cause) == 0);
	CHECK(leg_media_codec(&m) == &codec_opus);
	CHECK_EQ(leg_media_answer(&m, &answer), -EINVAL); /* our session knows nothing yet */
	set_local(&m);
	REQUIRE(leg_media_answer(&m, &answer) == 0);
	CHECK(has_line(answer, "m=audio 20000 UDP/TLS/RTP/SAVPF 63 111 110"));
	CHECK(has_line(answer, "a=setup:passive"));
	CHECK(has_line(answer, "a=mid:0"));
	CHECK(has_line(answer, "a=ice-ufrag:frag"));
	CHECK(has_line(answer, "a=ssrc:12345 cname:cname"));
	CHECK(has(answer, "a=candidate:1 1 udp 2130706431 192.0.2.1 20000 typ host"));

	leg_media_remote(&m, &remote);
	CHECK_STR(str_of(remote.ufrag), "HjUf");
	CHECK(!remote.dtls_client);
	CHECK(remote.n_candidates >= 2);
	CHECK_EQ(remote.media.send.pt, 111);
	CHECK_EQ(remote.media.send.dtmf_pt, 110);
	CHECK_EQ(remote.media.send.dtmf_clock, 48000);
	CHECK_EQ(remote.media.receive[0].pt, 111);
	leg_media_describe(&m, text, sizeof(text));
	CHECK_STR(str_of(text), "opus/48000 pt=111 ptime=20 events=48000 sendrecv red=63");
	leg_media_free(&m);
}

static void an_answer_asked_for_again_is_the_same_text(void)
{
	static struct leg_media m;
	struct cause cause;
	struct str first, again;
	char *copy;

	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("chromium-sipjs-offer"), &cause) == 0);
	REQUIRE(leg_media_answer(&m, &first) == 0);
	copy = str_dup(first);
	REQUIRE(leg_media_answer(&m, &again) == 0);
	CHECK(str_eq(str_of(copy), again));
	free(copy);
	leg_media_free(&m);
}

static void firefoxs_numbers_are_its_own(void)
{
	static struct leg_media m;
	static struct session_remote remote;
	struct cause cause;
	struct str answer;

	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("firefox-jssip-offer"), &cause) == 0);
	REQUIRE(leg_media_answer(&m, &answer) == 0);
	CHECK(has_line(answer, "m=audio 20000 UDP/TLS/RTP/SAVPF 109 101"));
	leg_media_remote(&m, &remote);
	CHECK_EQ(remote.media.send.pt, 109);
	CHECK_EQ(remote.media.receive[0].pt, 109);
	CHECK_EQ(remote.media.send.dtmf_clock, 8000); /* all it offers */
	for (size_t i = 0; i < remote.n_candidates; i++)
		CHECK(remote.candidates[i].port != 9); /* no TCP */
	leg_media_free(&m);
}

static void local_names_as_candidates_are_no_error(void)
{
	static struct leg_media m;
	static struct session_remote remote;
	struct cause cause;

	make(&m, SDP_WEB);
	REQUIRE(leg_media_take_offer(&m, sample("chromium-mdns-offer"), &cause) == 0);
	leg_media_remote(&m, &remote);
	CHECK_EQ(remote.n_candidates, 0);
	leg_media_free(&m);
}

static void a_phones_order_is_honoured(void)
{
	const struct codec *common[8];
	static struct leg_media m;
	static struct session_remote remote;
	struct cause cause;
	struct str answer;

	make(&m, SDP_PLAIN);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("baresip-like-offer"), &cause) == 0);
	CHECK(leg_media_codec(&m) == &codec_pcmu);
	CHECK_EQ(leg_media_common(&m, common, 8), 2);
	CHECK(common[0] == &codec_pcmu && common[1] == &codec_pcma);
	REQUIRE(leg_media_answer(&m, &answer) == 0);
	CHECK(has_line(answer, "m=audio 20000 RTP/AVP 0 101"));
	leg_media_remote(&m, &remote);
	CHECK_EQ(remote.port, 18642);
	CHECK_EQ(remote.rtcp_port, 18643);
	CHECK_EQ(remote.ip.bytes[3], 20);
	CHECK_EQ(remote.ufrag[0], '\0');
	leg_media_free(&m);
}

static void a_phone_is_offered_what_phones_have(void)
{
	static struct leg_media m;
	static struct session_remote remote;
	struct cause cause;
	struct str offer;

	make(&m, SDP_PLAIN);
	CHECK_EQ(leg_media_offer(&m, &offer), -EINVAL);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &offer) == 0);
	CHECK(!has(offer, "opus"));
	CHECK(has_line(offer, "m=audio 20000 RTP/AVP 9 8 0 101"));
	CHECK(!has(offer, "fmtp:9"));
	CHECK(offer.n < 400); /* the INVITE is to fit into a datagram */

	/* it keeps both codecs, so it may send either */
	REQUIRE(leg_media_take_answer(
			&m,
			STR("v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 "
			    "0\r\nm=audio 4000 RTP/AVP 8 0 97\r\na=rtpmap:97 "
			    "telephone-event/8000\r\n"),
			&cause) == 0);
	CHECK(leg_media_codec(&m) == &codec_pcma);
	leg_media_remote(&m, &remote);
	CHECK_EQ(remote.media.n_receive, 2);
	CHECK_EQ(remote.media.send.dtmf_pt, 97);	  /* its number */
	CHECK_EQ(remote.media.receive_events[0].pt, 101); /* ours */
	leg_media_free(&m);
}

static void opus_parameters_are_whole(void)
{
	static struct leg_media m;
	struct str offer, fmtp;
	char want[256], mem[128];

	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &offer) == 0);
	CHECK_EQ(sdp_opus_fmtp(&(struct sdp_opus_policy){ .max_playback_rate = 8000 }, mem,
			       sizeof(mem), &fmtp),
		 0);
	snprintf(want, sizeof(want), "a=fmtp:111 %.*s", STR_ARG(fmtp));
	CHECK(has_line(offer, want));
	CHECK(has(offer, "maxplaybackrate=8000"));
	leg_media_free(&m);
}

/* A browser is told to send no more than the other side can hear, and another browser
 * hears all (RFC 7587 §6.1). */
static void the_playback_rate_is_the_other_sides(void)
{
	static struct leg_media web, phone;
	struct cause cause;
	struct str text;

	make(&web, SDP_WEB);
	make(&phone, SDP_PLAIN);
	set_local(&web);
	CHECK_EQ(leg_media_max_rate(&web), 48000);
	CHECK_EQ(leg_media_max_rate(&phone), 16000); /* G.722, until it has chosen */
	REQUIRE(leg_media_take_offer(&phone, sample("baresip-like-offer"), &cause) == 0);
	CHECK_EQ(leg_media_max_rate(&phone), leg_media_codec(&phone)->pcm_rate);

	leg_media_set_playback_rate(&web, leg_media_max_rate(&web));
	REQUIRE(leg_media_offer(&web, &text) == 0);
	CHECK(!has(text, "maxplaybackrate"));
	leg_media_set_playback_rate(&web, 16000);
	REQUIRE(leg_media_offer(&web, &text) == 0);
	CHECK(has(text, "maxplaybackrate=16000"));
	leg_media_free(&web);
	leg_media_free(&phone);
}

static void a_refusal_says_why_and_changes_nothing(void)
{
	static struct leg_media m;
	struct cause cause;
	char before[128], after[128];

	make(&m, SDP_PLAIN);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("baresip-like-offer"), &cause) == 0);
	leg_media_describe(&m, before, sizeof(before));
	CHECK_EQ(leg_media_take_offer(
			 &m,
			 STR("v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\n"
			     "t=0 0\r\nm=audio 4000 RTP/AVP 18\r\n"),
			 &cause),
		 -ENOTSUP);
	CHECK_EQ(cause.status, 488);
	CHECK_EQ(cause.warn, 305);
	CHECK(has(str_of(cause.detail), "no audio codec in common"));
	CHECK(leg_media_take_offer(&m, STR("v=1\r\n"), &cause) != 0);
	CHECK_EQ(cause.status, 488);
	CHECK(cause.detail[0]);
	leg_media_describe(&m, after, sizeof(after));
	CHECK(str_eq(str_of(before), str_of(after)));
	leg_media_free(&m);
}

static void media_may_not_be_sent_to_ourselves(void)
{
	struct sdp_own own = { .ip = ip_of("192.0.2.20"), .first = 18642, .last = 18642 };
	static struct leg_media m;
	struct cause cause;

	make(&m, SDP_PLAIN);
	m.config.own = &own;
	m.config.n_own = 1;
	CHECK_EQ(leg_media_take_offer(&m, sample("baresip-like-offer"), &cause), -ENOTSUP);
	CHECK_EQ(cause.warn, 399);
	leg_media_free(&m);
}

/* RFC 3264 §8.3.2 */
static void our_later_offer_keeps_the_numbers_agreed(void)
{
	static struct leg_media m;
	static struct session_remote remote;
	struct cause cause;
	struct str text;

	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_take_offer(&m, sample("firefox-jssip-offer"), &cause) == 0);
	REQUIRE(leg_media_answer(&m, &text) == 0);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has_line(text, "a=rtpmap:109 opus/48000/2"));
	CHECK(has_line(text, "a=rtpmap:101 telephone-event/8000"));
	CHECK(has_line(text, "a=setup:actpass")); /* RFC 8842 §5.5: the role stays */
	CHECK(!has(text, "a=rtpmap:111 "));
	leg_media_remote(&m, &remote);
	CHECK_EQ(remote.media.receive[0].pt, 109);
	leg_media_free(&m);
}

static void a_number_the_peer_has_taken_is_not_given_twice(void)
{
	static struct leg_media m;
	struct cause cause;
	struct str text, rest;
	unsigned seen[128] = { 0 };
	char *offer;

	/* Chromium's offer with Opus under what we use for telephone-event */
	make(&m, SDP_WEB);
	set_local(&m);
	offer = str_dup(sample("firefox-jssip-offer"));
	for (char *p = offer; (p = strstr(p, "109")); p += 3)
		memcpy(p, "110", 3);
	REQUIRE(leg_media_take_offer(&m, str_of(offer), &cause) == 0);
	free(offer);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has_line(text, "a=rtpmap:110 opus/48000/2"));
	CHECK(has(text, " telephone-event/48000"));
	rest = text;
	while (!str_empty(rest)) {
		struct str line = str_cut(&rest, '\n');
		uint32_t pt;

		if (!str_starts(line, STR("a=rtpmap:")))
			continue;
		line = str_skip(line, 9);
		REQUIRE(str_to_u32(str_cut(&line, ' '), 0, 127, &pt));
		CHECK_EQ(seen[pt]++, 0);
	}
	leg_media_free(&m);
}

static void the_same_answer_again_changes_nothing(void)
{
	static const char answer[] = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9"
				     "\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
	static struct session_remote before, after;
	static struct leg_media m;
	struct cause cause;
	struct str offer;

	make(&m, SDP_PLAIN);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &offer) == 0);
	REQUIRE(leg_media_take_answer(&m, str_of(answer), &cause) == 0);
	leg_media_remote(&m, &before);
	CHECK_EQ(leg_media_take_answer(&m, str_of(answer), &cause), 0);
	leg_media_remote(&m, &after);
	CHECK_EQ(after.port, 4000);
	CHECK_EQ(after.port, before.port);
	CHECK(after.media.send.codec == before.media.send.codec);
	CHECK_EQ(after.media.n_receive, before.media.n_receive);
	CHECK_EQ(after.media.direction, BRIDGE_SENDRECV);

	/* but to another offer it is another answer: there are phones that always say this */
	leg_media_want(&m, SDP_SENDONLY);
	CHECK(leg_media_is_due(&m));
	REQUIRE(leg_media_offer(&m, &offer) == 0);
	CHECK(has_line(offer, "a=sendonly"));
	REQUIRE(leg_media_take_answer(&m, str_of(answer), &cause) == 0);
	leg_media_remote(&m, &after);
	CHECK_EQ(after.media.direction, BRIDGE_SENDONLY);
	CHECK(!leg_media_is_due(&m));
	CHECK_EQ(leg_media_peer(&m), SDP_SENDRECV);
	leg_media_free(&m);
}

/* Both may hold, and each lets go of its own hold only (RFC 6337 §5.3). What a held
 * peer says while it must not send or hear is no wish of its own. */
static void a_wish_is_told_from_obedience(void)
{
	static const struct {
		enum sdp_direction other; /* what the other side wants */
		const char *said;	  /* by the peer, offering */
		enum sdp_direction peer, ours;
	} rows[] = {
		{ SDP_SENDRECV, "sendonly", SDP_SENDONLY, SDP_RECVONLY }, /* it holds */
		{ SDP_SENDRECV, "sendrecv", SDP_SENDRECV, SDP_SENDRECV },
		{ SDP_SENDRECV, "inactive", SDP_INACTIVE, SDP_INACTIVE },
		{ SDP_SENDRECV, "sendrecv", SDP_SENDRECV, SDP_SENDRECV },
		{ SDP_SENDONLY, "recvonly", SDP_RECVONLY, SDP_SENDONLY }, /* before it knew */
		{ SDP_SENDONLY, "sendrecv", SDP_SENDRECV, SDP_SENDONLY }, /* the other holds */
		{ SDP_SENDONLY, "recvonly", SDP_SENDRECV, SDP_SENDONLY }, /* a held one's refresh */
		{ SDP_SENDONLY, "inactive", SDP_SENDONLY, SDP_INACTIVE }, /* both hold */
		{ SDP_SENDONLY, "recvonly", SDP_SENDRECV, SDP_SENDONLY }, /* it lets go */
		{ SDP_SENDONLY, "sendonly", SDP_SENDONLY, SDP_INACTIVE }, /* and holds again */
		{ SDP_SENDRECV, "sendonly", SDP_SENDONLY, SDP_RECVONLY }, /* the other lets go */
		{ SDP_SENDRECV, "sendrecv", SDP_SENDRECV, SDP_SENDRECV },
	};
	static struct leg_media m;
	static struct session_remote remote;
	struct cause cause;

	make(&m, SDP_PLAIN);
	set_local(&m);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];

		snprintf(text, sizeof(text),
			 "v=0\r\no=- 1 %zu IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\n"
			 "t=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=%s\r\n",
			 i + 1, rows[i].said);
		leg_media_want(&m, rows[i].other);
		REQUIRE(leg_media_take_offer(&m, str_of(text), &cause) == 0);
		leg_media_remote(&m, &remote);
		if (leg_media_peer(&m) != rows[i].peer)
			printf("  row %zu\n", i);
		CHECK_EQ(leg_media_peer(&m), rows[i].peer);
		CHECK_EQ(remote.media.direction, rows[i].ours);
		CHECK(!leg_media_is_due(&m));
	}
	leg_media_free(&m);
}

/* RFC 3264 §8; sipwise/rtpengine #922: a timer's refresh carried another address */
static void a_refresh_is_known_by_its_version(void)
{
	static const struct {
		const char *version, *address, *more;
		bool is_refresh;
	} rows[] = {
		{ "7", "192.0.2.9", "", true },
		{ "7", "192.0.2.77", "", true },
		{ "8", "192.0.2.9", "", false },
		{ "8", "192.0.2.77", "", false },
		{ "7", "192.0.2.9", "a=sendonly\r\n", false }, /* phones that do not count up */
		{ "7", "0.0.0.0", "", false },
		{ "x", "192.0.2.9", "", false },
	};
	static const char form[] = "v=0\r\no=- 1 %s IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 %s\r\n"
				   "t=0 0\r\nm=audio 4000 RTP/AVP 8\r\n%s";
	static struct leg_media m;
	struct cause cause;
	char text[256];

	make(&m, SDP_PLAIN);
	set_local(&m);
	snprintf(text, sizeof(text), form, "7", "192.0.2.9", "");
	CHECK(!leg_media_is_refresh(&m, str_of(text))); /* nothing is agreed */
	REQUIRE(leg_media_take_offer(&m, str_of(text), &cause) == 0);
	CHECK(leg_media_is_refresh(&m, str_of(text)));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), form, rows[i].version, rows[i].address, rows[i].more);
		CHECK_EQ(leg_media_is_refresh(&m, str_of(text)), rows[i].is_refresh);
	}
	CHECK(!leg_media_is_refresh(&m, STR("v=nonsense")));
	snprintf(text, sizeof(text), form, "7", "192.0.2.9", "");
	leg_media_want(&m, SDP_SENDONLY); /* there is something to say */
	CHECK(!leg_media_is_refresh(&m, str_of(text)));
	leg_media_free(&m);
}

static void the_codec_in_use_leads_our_later_offers(void)
{
	static const char answer[] = "v=0\r\no=- 1 2 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9"
				     "\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n"
				     "a=rtpmap:101 telephone-event/8000\r\n";
	static struct leg_media m;
	static struct session_remote remote;
	struct cause cause;
	struct str offer;

	make(&m, SDP_PLAIN);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &offer) == 0);
	REQUIRE(leg_media_take_answer(&m, str_of(answer), &cause) == 0);
	REQUIRE(leg_media_offer(&m, &offer) == 0);
	CHECK(has(offer, "RTP/AVP 0 "));
	CHECK(leg_media_codec(&m) == &codec_pcmu); /* still, before the answer */
	leg_media_remote(&m, &remote);
	CHECK_EQ(remote.media.send.dtmf_pt, 101);
	REQUIRE(leg_media_take_answer(&m, str_of(answer), &cause) == 0);
	leg_media_remote(&m, &remote);
	CHECK(remote.media.send.codec == &codec_pcmu);
	CHECK_EQ(remote.media.send.dtmf_pt, 101);
	leg_media_free(&m);
}

/* Plan `opus`: nothing else over the internet, and a phone may have it too. */
static void plan_opus_asks_browsers_for_nothing_else(void)
{
	static struct leg_media m;
	struct cause cause;
	struct str text;

	make(&m, SDP_PLAIN); /* reads the configuration */
	config->media.plan = CONFIG_PLAN_OPUS;
	make(&m, SDP_PLAIN);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has_line(text, "m=audio 20000 RTP/AVP 111 9 8 0 110 101"));
	leg_media_free(&m);
	make(&m, SDP_WEB);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &text) == 0);
	CHECK(has_line(text, "m=audio 20000 UDP/TLS/RTP/SAVPF 63 111 110 126"));
	leg_media_free(&m);
	make(&m, SDP_WEB);
	CHECK_EQ(leg_media_take_offer(&m, sample("chromium-jssip-offer"), &cause), 0);
	CHECK(leg_media_codec(&m) == &codec_opus);
	CHECK_EQ(m.stream.n_more, 1); /* events at 8000, and no PCMU */
	leg_media_free(&m);
	config->media.plan = CONFIG_PLAN_AUTO;
}

/* A phone that calls and lists Opus behind PCMU speaks Opus once that is preferred, and
 * goes on with it when it offers the same again. */
static void a_preferred_codec_is_chosen_and_stays(void)
{
	static const char sdp[] = "v=0\r\no=- 1 %u IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 "
				  "192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 96 101\r\n"
				  "a=rtpmap:96 opus/48000/2\r\n"
				  "a=rtpmap:101 telephone-event/8000\r\n";
	static struct leg_media m;
	struct cause cause;
	struct str answer;
	char text[512];

	make(&m, SDP_PLAIN);
	m.config.opus = true;
	struct leg_media_config caller = m.config;
	leg_media_init(&m, &caller);
	set_local(&m);
	for (unsigned version = 1; version <= 3; version++) {
		snprintf(text, sizeof(text), sdp, version);
		REQUIRE(leg_media_take_offer(&m, str_of(text), &cause) == 0);
		CHECK(leg_media_codec(&m) == (version == 1 ? &codec_pcmu : &codec_opus));
		leg_media_prefer(&m, &codec_opus);
	}
	REQUIRE(leg_media_answer(&m, &answer) == 0);
	CHECK(has_line(answer, "m=audio 20000 RTP/AVP 96 101"));
	leg_media_prefer(&m, &codec_g722);
	CHECK(leg_media_codec(&m) == &codec_opus); /* until it is offered again */
	leg_media_free(&m);
}

static void limited_it_lists_those_only(void)
{
	const struct codec *const one[] = { &codec_opus, &codec_pcmu };
	static struct leg_media m;
	struct str offer;

	make(&m, SDP_PLAIN);
	leg_media_limit(&m, one, 2);
	set_local(&m);
	REQUIRE(leg_media_offer(&m, &offer) == 0);
	CHECK(has_line(offer, "m=audio 20000 RTP/AVP 111 0 110 101"));
	leg_media_free(&m);
}

static int take(struct leg_media *m, const char *name)
{
	struct cause cause = cause_normal;
	int err = leg_media_take_offer(m, sample(name), &cause);

	return err == -ENOMEM && cause.status != 500 ? -EIO : err;
}

static int scenario(void)
{
	static struct leg_media m;
	struct str out;
	int err;

	make(&m, SDP_WEB);
	set_local(&m);
	err = take(&m, "chromium-jssip-offer");
	if (!err)
		err = leg_media_answer(&m, &out);
	if (!err) /* a failure in mid-call keeps the first agreement */
		err = take(&m, "chromium-sipjs-offer");
	leg_media_free(&m);
	return err;
}

static void without_memory_it_fails_in_order(void)
{
	static struct leg_media m;

	make(&m, SDP_WEB); /* reads the configuration, which is kept */
	CHECK(oom_sweep("leg_media", scenario) > 4);
	config_free(config);
	config = NULL;
}

TESTS(chromiums_offer_is_answered_with_opus_and_its_event_clock,
      an_answer_asked_for_again_is_the_same_text, firefoxs_numbers_are_its_own,
      local_names_as_candidates_are_no_error, a_phones_order_is_honoured,
      a_phone_is_offered_what_phones_have, opus_parameters_are_whole,
      the_playback_rate_is_the_other_sides, a_refusal_says_why_and_changes_nothing,
      media_may_not_be_sent_to_ourselves, our_later_offer_keeps_the_numbers_agreed,
      a_number_the_peer_has_taken_is_not_given_twice, the_same_answer_again_changes_nothing,
      a_wish_is_told_from_obedience, a_refresh_is_known_by_its_version,
      the_codec_in_use_leads_our_later_offers, plan_opus_asks_browsers_for_nothing_else,
      a_preferred_codec_is_chosen_and_stays, limited_it_lists_those_only,
      without_memory_it_fails_in_order)
