/* What a call has to translate: the transcoders that are reserved for it, given back, or
 * not there, and codecs that change in mid-call. */
#include "tests/check.h"
#include "tests/gateway/legs/calls_fixture.h"

#define OPUS " 96\na=rtpmap:96 opus/48000/2"

/* The phone calls the page, which answers with that codec first. */
static bool talk(unsigned number, const char *more, bool opus)
{
	size_t at = n_fake_sessions, answered = fake_count(&phone, "SIP/2.0 200");
	struct sip_msg *msg = NULL;

	invite_with(number, "1000@hookswitch", 70, more);
	account_is("2000");
	if (n_fake_sessions != at + 1)
		return false;
	fake_session_ready(&fake_sessions[at]);
	registrar_says(200, at_page(), 1);
	fake_session_ready(&fake_sessions[at + 1]);
	fake_advance(&two_net, 0);
	for (size_t i = 0; i < page.n_sent; i++)
		if (str_starts(fake_text(&page, i), STR("INVITE "))) {
			sip_msg_unref(msg);
			msg = fake_sent(&page, i);
		}
	if (!msg)
		return false;
	char *sdp = str_dup(str_of(page_answers(2, "sendrecv")));
	if (!opus) { /* it has lost its Opus */
		char *line = strstr(sdp, " 111 ");

		memmove(line, line + 4, strlen(line + 4) + 1);
	}
	fake_reply(&page, msg, 200, "page", "Contact: <sip:x@page.invalid>\r\n", sdp);
	free(sdp);
	sip_msg_unref(msg);
	fake_advance(&two_net, 0);
	return fake_count(&phone, "SIP/2.0 200") == answered + 1;
}

static void a_phone_that_offers_opus_has_it_relayed(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	CHECK(talk(1, OPUS, true));
	CHECK(fake_sessions[0].remote.media.send.codec == &codec_opus);
	CHECK_EQ(fake_sessions[0].remote.media.send.pt, 96);
	CHECK(fake_sessions[1].remote.media.send.codec == &codec_opus);
	CHECK(talk(2, "", true)); /* one that does not, is translated for */
	CHECK(fake_sessions[2].remote.media.send.codec == &codec_pcma);
	CHECK(fake_sessions[3].remote.media.send.codec == &codec_opus);
	struct side at_page = { .flow = &page }; /* and need not send more than it has */
	CHECK(side_says(&at_page, "INVITE ", "maxplaybackrate=8000"));
	unmake(&f);
}

static struct str body_at(const struct fake_flow *flow, const char *begins)
{
	static char mem[8192];
	struct str body = { NULL, 0 };

	for (size_t i = 0; i < flow->n_sent; i++) {
		if (!str_starts(fake_text(flow, i), str_of(begins)))
			continue;
		struct sip_msg *msg = fake_sent(flow, i);

		str_copy(msg->body, mem, sizeof(mem));
		body = str_of(mem);
		sip_msg_unref(msg);
	}
	return body;
}

static void hang_up(unsigned number)
{
	struct sip_msg *msg = NULL;
	char call_id[16];

	snprintf(call_id, sizeof(call_id), "call%u", number);
	for (size_t i = 0; i < phone.n_sent && !msg; i++) {
		if (str_starts(fake_text(&phone, i), STR("SIP/2.0 200")))
			msg = fake_sent(&phone, i);
		if (msg && !str_eq(msg->call_id, str_of(call_id))) {
			sip_msg_unref(msg);
			msg = NULL;
		}
	}
	REQUIRE(msg);
	for (unsigned i = 0; i < 2; i++)
		fake_receive(&phone,
			     "%s sip:hookswitch@192.0.2.1 SIP/2.0\n"
			     "Via: SIP/2.0/UDP 192.0.2.20:5062;branch=z9hG4bK%s%u\n"
			     "Max-Forwards: 70\n"
			     "From: <sip:2000@hookswitch>;tag=t%u\n"
			     "To: <sip:1000@hookswitch>;tag=%.*s\n"
			     "Call-ID: call%u\n"
			     "CSeq: %u %s\n\n",
			     i ? "BYE" : "ACK", i ? "BYE" : "ACK", number, number,
			     STR_ARG(msg->to_tag), number, i + 1, i ? "BYE" : "ACK");
	sip_msg_unref(msg);
	fake_advance(&two_net, 0);
}

static void a_transcoder_is_reserved_and_given_back(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	f.config->media.transcoders = 2;
	f.config->media.workers = 1;
	invite_with(9, "1000@hookswitch", 70, OPUS);
	CHECK_EQ(calls_transcoders(f.calls), 0); /* nobody knows yet who calls */
	account_is("2000");
	CHECK_EQ(calls_transcoders(f.calls), 1);
	cancel(9);
	CHECK_EQ(calls_transcoders(f.calls), 0);

	CHECK(talk(1, OPUS, true)); /* relayed */
	CHECK_EQ(calls_transcoders(f.calls), 0);
	CHECK(talk(2, "", true));
	CHECK_EQ(calls_transcoders(f.calls), 1);
	CHECK(talk(3, "", false)); /* the page has G.722, PCMA alone is offered */
	CHECK_EQ(calls_transcoders(f.calls), 2);
	hang_up(3);
	CHECK_EQ(calls_transcoders(f.calls), 1);
	unmake(&f);
}

static void with_no_transcoder_left_a_call_is_relayed_only(void)
{
	struct fixture f;

	REQUIRE(make(&f));
	f.config->media.transcoders = 1;
	f.config->media.workers = 1;
	CHECK(talk(1, "", true));
	CHECK(has_line(body_at(&page, "INVITE "),
		       "m=audio 20000 UDP/TLS/RTP/SAVPF 63 111 9 8 0 110 126"));
	CHECK_EQ(calls_transcoders(f.calls), 1);
	CHECK(talk(2, "", true)); /* PCMA is all that the phone has */
	CHECK(has_line(body_at(&page, "INVITE "), "m=audio 20000 UDP/TLS/RTP/SAVPF 8 126"));
	CHECK(fake_sessions[2].remote.media.send.codec == &codec_pcma);
	CHECK(fake_sessions[3].remote.media.send.codec == &codec_pcma);
	CHECK_EQ(calls_transcoders(f.calls), 1);
	hang_up(1);
	CHECK(talk(3, "", true)); /* there is one again */
	CHECK(fake_sessions[5].remote.media.send.codec == &codec_opus);
	unmake(&f);
}

/* It is not the callee's fault: 503 says that it may go better later, or elsewhere. */
static void with_no_transcoder_left_a_refused_call_may_be_tried_again(void)
{
	for (unsigned transcoders = 0; transcoders < 2; transcoders++) {
		struct fixture f;
		struct sip_msg *msg;

		REQUIRE(make(&f));
		f.config->media.transcoders = transcoders;
		f.config->media.workers = 1;
		invite(1, "1000@hookswitch", 70);
		account_is("2000");
		fake_session_ready(&fake_sessions[0]);
		registrar_says(200, at_page(), 1);
		fake_session_ready(&fake_sessions[1]);
		msg = fake_sent(&page, 0);
		fake_reply(&page, msg, 488, "page", "", NULL);
		sip_msg_unref(msg);
		fake_advance(&two_net, 0);
		msg = fake_sent(&phone, phone.n_sent - 1);
		CHECK_EQ(msg->status, transcoders ? 488 : 503);
		CHECK_EQ(str_empty(sip_msg_header(msg, SIP_HEADER_RETRY_AFTER)), transcoders);
		sip_msg_unref(msg);
		unmake(&f);
	}
}

/* A page that calls hears nothing of codecs before the phone has chosen one. */
static void a_page_without_a_transcoder_waits_for_the_phones_choice(void)
{
	struct fixture f;
	struct registrar_binding desk = { .contact = STR("sip:1000@192.0.2.21"),
					  .flow = &other.flow };
	struct sip_msg *msg;

	REQUIRE(make(&f));
	f.config->media.transcoders = 0;
	fake_receive(&page,
		     "INVITE sip:1000@hookswitch SIP/2.0\n"
		     "Via: SIP/2.0/WS page.invalid;branch=z9hG4bKpage\n"
		     "Max-Forwards: 70\n"
		     "From: <sip:alice@page.invalid>;tag=page\n"
		     "To: <sip:1000@hookswitch>\n"
		     "Call-ID: page-call\n"
		     "CSeq: 1 INVITE\n"
		     "Contact: <sip:alice@page.invalid>\n"
		     "Content-Type: application/sdp\n\n%s",
		     page_offers(2, "sendrecv"));
	account_is("alice");
	REQUIRE(n_fake_sessions == 1);
	fake_session_ready(&fake_sessions[0]);
	registrar_says(200, &desk, 1);
	fake_session_ready(&fake_sessions[1]);
	fake_advance(&two_net, 0);
	REQUIRE(fake_count(&other, "INVITE ") == 1);
	CHECK(has_line(body_at(&other, "INVITE "), "m=audio 20000 RTP/AVP 111 9 8 0 110 101"));
	msg = fake_sent(&other, 0);
	fake_reply(&other, msg, 180, "desk", "Contact: <sip:1000@192.0.2.21>\r\n", NULL);
	fake_advance(&two_net, 0);
	CHECK_EQ(fake_count(&page, "SIP/2.0 180"), 1);
	CHECK_EQ(body_at(&page, "SIP/2.0 180").n, 0);
	fake_reply(&other, msg, 200, "desk", "Contact: <sip:1000@192.0.2.21>\r\n",
		   phone_sdp(1, "sendrecv"));
	sip_msg_unref(msg);
	fake_advance(&two_net, 0);
	CHECK(has_line(body_at(&page, "SIP/2.0 200"), "m=audio 20000 UDP/TLS/RTP/SAVPF 8 126"));
	CHECK(fake_sessions[0].remote.media.send.codec == &codec_pcma);
	unmake(&f);
}

static struct sip_msg *first_of(const struct fake_flow *flow, const char *begins)
{
	for (size_t i = 0; i < flow->n_sent; i++)
		if (str_starts(fake_text(flow, i), str_of(begins)))
			return fake_sent(flow, i);
	return NULL;
}

/* Both sides of the first call that talk() made. */
static bool sides(struct side *caller, struct side *callee)
{
	struct sip_msg *ok = first_of(&phone, "SIP/2.0 200"), *asked = first_of(&page, "INVITE ");

	*caller = (struct side){ .flow = &phone,
				 .session = &fake_sessions[0],
				 .call_id = "call1",
				 .their_tag = "t1",
				 .identity = "sip:2000@hookswitch",
				 .via = "UDP 192.0.2.20:5062",
				 .cseq = 1 };
	*callee = (struct side){ .flow = &page,
				 .session = &fake_sessions[1],
				 .their_tag = "page",
				 .identity = "sip:x@page.invalid",
				 .via = "WS page.invalid",
				 .cseq = 1 };
	if (ok && asked) {
		str_copy(ok->to_tag, caller->mem[0], sizeof(caller->mem[0]));
		caller->our_tag = caller->mem[0];
		str_copy(asked->call_id, callee->mem[0], sizeof(callee->mem[0]));
		callee->call_id = callee->mem[0];
		str_copy(asked->from_tag, callee->mem[1], sizeof(callee->mem[1]));
		callee->our_tag = callee->mem[1];
		side_sends(caller, "ACK", "");
	}
	sip_msg_unref(ok);
	sip_msg_unref(asked);
	return ok && asked;
}

/* Offers anew, and is answered with that codec. */
static void changes_to(struct side *side, const struct codec *codec, const char *sdp)
{
	side_sends(side, "INVITE", sdp);
	side_sends(side, "ACK", "");
	CHECK(side->session->remote.media.send.codec == codec);
}

static const char *phone_with(unsigned version, const char *formats)
{
	return phone_sdp_at(version, "sendrecv", "192.0.2.20", 4000, formats);
}

/* A page's description, with these formats only. */
static const char *only(const char *formats, const char *description)
{
	static char sdp[16384];
	char rest[16384], *line;

	str_copy(str_of(description), sdp, sizeof(sdp));
	line = strstr(sdp, "SAVPF ") + strlen("SAVPF");
	str_copy(str_of(strchr(line, '\r')), rest, sizeof(rest));
	snprintf(line, sizeof(sdp) - (size_t)(line - sdp), "%s%s", formats, rest);
	return sdp;
}

/* Whichever side changes: the count is right at once. */
static void a_codec_that_changes_in_mid_call_is_counted_at_once(void)
{
	struct fixture f;
	struct side caller, callee;

	REQUIRE(make(&f));
	REQUIRE(talk(1, OPUS, true) && sides(&caller, &callee));
	CHECK_EQ(calls_transcoders(f.calls), 0);
	changes_to(&callee, &codec_g722, only(" 9 0", page_offers(3, "sendrecv")));
	CHECK_EQ(calls_transcoders(f.calls), 1);
	changes_to(&callee, &codec_opus, page_offers(4, "sendrecv"));
	CHECK_EQ(calls_transcoders(f.calls), 0);
	changes_to(&caller, &codec_pcma, phone_with(2, "8"));
	CHECK_EQ(calls_transcoders(f.calls), 1);
	changes_to(&caller, &codec_opus, phone_with(3, "96\r\na=rtpmap:96 opus/48000/2"));
	CHECK_EQ(calls_transcoders(f.calls), 0);
	CHECK_EQ(side_got(&caller, "INVITE "), 0); /* who may translate bothers nobody */
	CHECK_EQ(side_got(&callee, "INVITE "), 1);
	unmake(&f);
}

/* Where nothing is translated, the other side changes as well: it is offered the new
 * codec alone. */
static void without_a_transcoder_the_other_side_changes_its_codec_too(void)
{
	struct fixture f;
	struct side caller, callee;

	REQUIRE(make(&f));
	f.config->media.transcoders = 0;
	REQUIRE(talk(1, OPUS, true) && sides(&caller, &callee));
	CHECK_EQ(side_got(&callee, "INVITE "), 1);

	CHECK(caller.session->remote.media.send.codec == &codec_pcma);

	/* the caller does, and the page obeys */
	changes_to(&caller, &codec_opus, phone_with(2, "96\r\na=rtpmap:96 opus/48000/2"));
	REQUIRE(side_got(&callee, "INVITE ") == 2);
	CHECK(has_line(side_body(&callee, "INVITE "),
		       "m=audio 20000 UDP/TLS/RTP/SAVPF 63 111 110 126"));
	CHECK_EQ(calls_transcoders(f.calls), 1); /* as long as it lasts */
	side_answers(&callee, 200, "", only(" 111", page_answers(3, "sendrecv")));
	CHECK(callee.session->remote.media.send.codec == &codec_opus);
	CHECK_EQ(calls_transcoders(f.calls), 0);

	/* the callee does, and the phone keeps what it has: nothing is asked twice */
	changes_to(&callee, &codec_pcma, only(" 8", page_offers(4, "sendrecv")));
	REQUIRE(side_got(&caller, "INVITE ") == 1);
	CHECK(has_line(side_body(&caller, "INVITE "), "m=audio 20000 RTP/AVP 8 110 101"));
	side_answers(&caller, 200, "", phone_with(3, "96\r\na=rtpmap:96 opus/48000/2"));
	CHECK(caller.session->remote.media.send.codec == &codec_opus);
	CHECK_EQ(calls_transcoders(f.calls), 1);
	fake_advance(&two_net, 10000);
	CHECK_EQ(side_got(&caller, "INVITE "), 1);
	CHECK_EQ(side_got(&callee, "INVITE "), 2);
	CHECK_EQ(calls_count(f.calls), 1);
	unmake(&f);
}

TESTS(a_phone_that_offers_opus_has_it_relayed, a_transcoder_is_reserved_and_given_back,
      with_no_transcoder_left_a_call_is_relayed_only,
      with_no_transcoder_left_a_refused_call_may_be_tried_again,
      a_page_without_a_transcoder_waits_for_the_phones_choice,
      a_codec_that_changes_in_mid_call_is_counted_at_once,
      without_a_transcoder_the_other_side_changes_its_codec_too)
