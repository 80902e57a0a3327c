/* Whole calls in one process: a browser (SIP on a WebSocket in memory; ICE, DTLS, SRTP
 * and Opus over real sockets), the gateway from its SIP endpoint to its media workers,
 * and a desk phone (SIP in memory, RTP on a real socket). Packets are lost and
 * overtaken on the way; each side must hear the other's tone, and only that. */
#include "tests/check.h"
#include "tests/gateway/far.h"
#include "tests/gateway/test_whole_call/agent.h"
#include "tests/gateway/test_whole_call/core.h"

#include <math.h>
#include <unistd.h>

#define PAGE_HZ	 440
#define PHONE_HZ 1000

static struct fake_net net;
static struct fake_flow page_flow, page_end, phone_flow, phone_end;

/* What happens to the packets of one direction; each has dice of its own. */
struct dice {
	uint64_t state;
	unsigned lost_percent, late_percent;
};

static int roll(struct dice *dice)
{
	dice->state = dice->state * 6364136223846793005u + 1442695040888963407u;
	unsigned n = (unsigned)(dice->state >> 33) % 100;

	return n < dice->lost_percent			     ? WIRE_DROP
	       : n < dice->lost_percent + dice->late_percent ? WIRE_LATE
							     : WIRE_PASS;
}

struct scene {
	struct core core;
	struct agent page, phone;
	struct wire wire;
	struct browser browser;
	struct phone rtp;
	struct dice up, down, from_phone;
	bool page_calls, page_met;
};

static int judge_wire(void *arg, bool from_gateway)
{
	struct scene *s = arg;

	return roll(from_gateway ? &s->down : &s->up);
}

static int judge_phone(void *arg)
{
	struct scene *s = arg;

	return roll(&s->from_phone);
}

/* ---- descriptions ---- */

static char sdp_mem[4096];

static struct str page_sdp(const struct scene *s, bool is_answer)
{
	const struct browser *b = &s->browser;
	char fingerprint[DTLS_FINGERPRINT_TEXT];
	struct dtls_fingerprint own = { .n = b->fingerprint.n };

	memcpy(own.bytes, b->fingerprint.bytes, own.n);
	dtls_fingerprint_print(&own, fingerprint);
	snprintf(sdp_mem, sizeof(sdp_mem),
		 "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
		 "a=group:BUNDLE 0\r\na=msid-semantic: WMS stream\r\n"
		 "m=audio 9 UDP/TLS/RTP/SAVPF %s\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"
		 "a=candidate:1 1 udp 2130706431 127.0.0.1 %u typ host generation 0\r\n"
		 "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n"
		 "a=fingerprint:sha-256 %s\r\na=setup:%s\r\na=mid:0\r\na=sendrecv\r\n"
		 "a=msid:stream track\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
		 "a=fmtp:111 minptime=10;useinbandfec=1\r\n%s"
		 "a=rtpmap:110 telephone-event/48000\r\na=ssrc:%u cname:page\r\n",
		 is_answer ? "111 110" : "111 0 8 110", b->wire->port, b->local.ufrag, b->local.pwd,
		 fingerprint, is_answer ? "active" : "actpass",
		 is_answer ? "" : "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n",
		 b->voice.ssrc);
	return str_of(sdp_mem);
}

static struct str phone_sdp(const struct scene *s)
{
	snprintf(sdp_mem, sizeof(sdp_mem),
		 "v=0\r\no=phone 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
		 "m=audio %u RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
		 "a=rtpmap:101 telephone-event/8000\r\na=rtcp:%u\r\na=ptime:20\r\n",
		 s->rtp.port, s->rtp.rtcp_port);
	return str_of(sdp_mem);
}

/* The page applies what the gateway said, as soon as it said it. */
static void page_meets(struct scene *s)
{
	struct sdp *sdp;
	char ufrag[257], pwd[257];
	struct dtls_fingerprint fingerprint = { .n = 32 };

	if (s->page_met || str_empty(s->page.remote))
		return;
	s->page_met = true;
	REQUIRE(sdp_parse(s->page.remote, &sdp, NULL) == 0);
	const struct sdp_media *m = &sdp->media[0];
	CHECK(m->n_candidates >= 1);
	CHECK_EQ(m->n_fingerprints, 1);
	str_copy(m->ufrag, ufrag, sizeof(ufrag));
	str_copy(m->pwd, pwd, sizeof(pwd));
	memcpy(fingerprint.bytes, m->fingerprints[0].bytes, 32);
	/* A browser that answers is active; one that offered takes what is left. */
	browser_set_remote(&s->browser, ufrag, pwd, &fingerprint,
			   !s->page_calls || m->setup == SDP_PASSIVE, m->candidates[0].port);
	sdp_free(sdp);
}

static void phone_meets(struct scene *s)
{
	struct sdp *sdp;

	REQUIRE(sdp_parse(s->phone.remote, &sdp, NULL) == 0);
	const struct sdp_media *m = &sdp->media[0];
	CHECK(m->proto == SDP_RTP_AVP);
	CHECK_EQ(m->n_candidates, 0);
	phone_set_remote(&s->rtp, m->port, m->rtcp_port ? m->rtcp_port : (uint16_t)(m->port + 1));
	sdp_free(sdp);
}

/* ---- the scene ---- */

static void agent_open(struct agent *a, const char *user, const char *password, const char *contact,
		       struct fake_flow *end)
{
	*a = (struct agent){ .user = user, .password = password, .contact = contact, .flow = end };
	a->endpoint = fake_endpoint(&net, &agent_events, a);
}

static void scene_open(struct scene *s, bool page_calls)
{
	*s = (struct scene){ .page_calls = page_calls,
			     .up = { 1, 0, 0 },
			     .down = { 2, 0, 0 },
			     .from_phone = { 3, 0, 0 } };
	core_open(&s->core, &net);
	agent_open(&s->page, "1000", "pw1000", "<sip:k3j2@h5n1.invalid;transport=ws>", &page_end);
	agent_open(&s->phone, "2000", "pw2000", "<sip:2000@127.0.0.1:5062>", &phone_end);
	fake_flow_open(&page_flow, &net, s->core.endpoint, &fake_ws, "127.0.0.1:8443",
		       "127.0.0.1:40000");
	fake_flow_open(&page_end, &net, s->page.endpoint, &fake_ws, "127.0.0.1:40000",
		       "127.0.0.1:8443");
	fake_flow_open(&phone_flow, &net, s->core.endpoint, &fake_udp, "127.0.0.1:5060",
		       "127.0.0.1:5062");
	fake_flow_open(&phone_end, &net, s->phone.endpoint, &fake_udp, "127.0.0.1:5062",
		       "127.0.0.1:5060");
	fake_link(&page_flow, &page_end);
	fake_link(&phone_flow, &phone_end);
	wire_open(&s->wire, &s->core.stage.loop);
	browser_open(&s->browser, &s->core.stage.loop, &s->wire, page_calls, &codec_opus, 111,
		     PAGE_HZ);
	phone_open(&s->rtp, &s->core.stage.loop, &codec_pcma, 8, PHONE_HZ);
	s->wire.judge = judge_wire;
	s->rtp.judge = judge_phone;
	s->wire.arg = s->rtp.arg = s;

	agent_register(&s->page);
	agent_register(&s->phone);
	CORE_WAIT(&s->core, s->page.registered && s->phone.registered, 3000);
	CHECK_EQ(s->page.registered, 200);
	CHECK_EQ(s->phone.registered, 200);
}

static void scene_close(struct scene *s)
{
	CHECK_EQ(calls_count(s->core.calls), 0);
	CORE_WAIT(&s->core, workers_sessions(s->core.stage.workers) == 0, 3000);
	browser_close(&s->browser);
	phone_close(&s->rtp);
	wire_close(&s->wire);
	CORE_WAIT(&s->core, s->browser.closed && !s->rtp.open_handles, 3000);
	agent_free(&s->page);
	agent_free(&s->phone);
	if (page_flow.flow.open) {
		fake_flow_close(&page_flow);
		fake_flow_close(&page_end);
	}
	fake_flow_close(&phone_flow);
	fake_flow_close(&phone_end);
	net.n_endpoints = net.n_flows = 0;
	sip_endpoint_free(s->page.endpoint);
	sip_endpoint_free(s->phone.endpoint);
	core_close(&s->core);
	CHECK_EQ(s->wire.strangers, 0);
	CHECK_EQ(s->wire.counts.other, 0);
	CHECK_EQ(s->browser.not_authentic, 0);
	CHECK_EQ(s->rtp.not_rtp, 0);
}

/* ---- a call ---- */

static void page_calls_phone(struct scene *s)
{
	agent_call(&s->page, "2000", page_sdp(s, false));
	CORE_WAIT(&s->core, s->phone.offered == 1, 3000);
	REQUIRE(s->phone.invite);
	phone_meets(s);
	agent_ring(&s->phone);
	CORE_WAIT(&s->core, s->page.ringing >= 1, 3000);
	page_meets(s);
	agent_answer(&s->phone, phone_sdp(s));
	CORE_WAIT(&s->core, s->page.answered == 1 && s->phone.confirmed == 1, 3000);
	page_meets(s);
	CHECK_EQ(s->page.n_remote, 1); /* one SDP in all answers */
}

static void phone_calls_page(struct scene *s)
{
	agent_call(&s->phone, "1000", phone_sdp(s));
	CORE_WAIT(&s->core, s->page.offered == 1, 3000);
	REQUIRE(s->page.invite);
	page_meets(s);
	agent_ring(&s->page);
	CORE_WAIT(&s->core, s->phone.ringing >= 1, 3000);
	agent_answer(&s->page, page_sdp(s, true));
	CORE_WAIT(&s->core, s->phone.answered == 1 && s->page.confirmed == 1, 3000);
	phone_meets(s);
}

static void check_hears(const char *who, const struct voice *voice, double hz, double not_hz)
{
	double level = voice_level_db(voice, hz, 200), other = voice_level_db(voice, not_hz, 200);

	if (fabs(level) > 1 || other > -30)
		printf("  %s: %g Hz at %.1f dB, %g Hz at %.1f dB\n", who, hz, level, not_hz, other);
	CHECK(fabs(level) <= 1);
	CHECK(other <= -30);
}

/* Whatever the browser's network did: one SSRC, every number once, and timestamps that
 * go with them. */
static void check_stream_at_phone(const struct voice *voice)
{
	unsigned wrong = 0;

	for (size_t i = 1; i < voice->n_heard; i++) {
		const struct voice_packet *p = &voice->heard[i], *last = &voice->heard[i - 1];

		wrong += p->seq != (uint16_t)(last->seq + 1) || p->ssrc != last->ssrc ||
			 p->pt != 8 || p->bytes != 160;
		/* The marker: this machine stood still for longer than may be made up. */
		wrong += p->timestamp != last->timestamp + 160 && !p->marker;
	}
	CHECK_EQ(wrong, 0);
}

static void talk(struct scene *s, unsigned packets)
{
	phone_talk(&s->rtp, true);
	browser_talk(&s->browser, true);
	CORE_WAIT(&s->core, s->rtp.voice.n_heard >= packets && s->browser.voice.n_heard >= packets,
		  8000);
	phone_talk(&s->rtp, false);
	browser_talk(&s->browser, false);
	core_run(&s->core, 80);
	check_hears("phone", &s->rtp.voice, PAGE_HZ, PHONE_HZ);
	check_hears("page", &s->browser.voice, PHONE_HZ, PAGE_HZ);
	check_stream_at_phone(&s->rtp.voice);
}

static void hang_up(struct scene *s, struct agent *by)
{
	struct agent *other = by == &s->page ? &s->phone : &s->page;

	agent_hang_up(by);
	CORE_WAIT(&s->core, s->page.ended == 1 && s->phone.ended == 1, 3000);
	CHECK_EQ(other->end.kind, SIP_END_BYE);
	CHECK_EQ(by->end.kind, SIP_END_HUNG_UP);
	CORE_WAIT(&s->core, calls_count(s->core.calls) == 0, 3000);
}

static void whole_call(bool page_calls, bool page_hangs_up, unsigned lost, unsigned late)
{
	struct scene *s = calloc(1, sizeof(*s));

	REQUIRE(s);
	scene_open(s, page_calls);
	s->up.lost_percent = s->down.lost_percent = s->from_phone.lost_percent = lost;
	s->up.late_percent = s->down.late_percent = s->from_phone.late_percent = late;
	if (page_calls)
		page_calls_phone(s);
	else
		phone_calls_page(s);
	CORE_WAIT(&s->core, s->browser.connected, 5000);
	talk(s, 100);
	CHECK(lost == 0 || s->wire.dropped > 0);
	CHECK(late == 0 || s->wire.delayed > 0);
	hang_up(s, page_hangs_up ? &s->page : &s->phone);
	CORE_WAIT(&s->core, s->rtp.byes == 1, 2000); /* RTCP's, too */
	scene_close(s);
	free(s);
}

static void a_page_calls_a_phone_and_hangs_up(void)
{
	whole_call(true, true, 0, 0);
}

static void a_phone_calls_a_page_and_hangs_up(void)
{
	whole_call(false, false, 0, 0);
}

static void a_page_calls_on_a_bad_network_and_the_phone_hangs_up(void)
{
	whole_call(true, false, 3, 5);
}

static void a_page_is_called_on_a_bad_network_and_hangs_up(void)
{
	whole_call(false, true, 3, 5);
}

/* One page's end: the WebSocket alone does not end a call, silence behind it does. */
static void a_page_that_dies_takes_its_call_along(void)
{
	struct scene *s = calloc(1, sizeof(*s));

	REQUIRE(s);
	scene_open(s, true);
	page_calls_phone(s);
	CORE_WAIT(&s->core, s->browser.connected, 5000);
	browser_talk(&s->browser, true);
	CORE_WAIT(&s->core, s->rtp.voice.n_heard >= 20, 3000);
	fake_flow_close(&page_flow);
	fake_flow_close(&page_end);
	core_run(&s->core, 1500);
	CHECK_EQ(calls_count(s->core.calls), 1);
	CHECK_EQ(s->phone.ended, 0);
	s->wire.cut = true;
	CORE_WAIT(&s->core, s->phone.ended == 1, 3000);
	CHECK_EQ(s->phone.end.kind, SIP_END_BYE);
	CORE_WAIT(&s->core, calls_count(s->core.calls) == 0, 3000);
	scene_close(s);
	free(s);
}

/* What happened can be read afterwards, in the words of both legs. */
static void the_trace_tells_a_call_from_its_invite_to_its_bye(void)
{
	static const char *const words[] = { "INVITE",		 "SIP/2.0 180",
					     "ICE pair",	 "DTLS closed",
					     "AEAD_AES_128_GCM", "opus/48000",
					     "PCMA/8000",	 "BYE" };
	struct scene *s = calloc(1, sizeof(*s));
	char *text;

	REQUIRE(s);
	scene_open(s, true);
	page_calls_phone(s);
	CORE_WAIT(&s->core, s->browser.connected, 5000);
	dtls_close(s->browser.dtls); /* tells, but does not end it */
	core_run(&s->core, 100);
	CHECK_EQ(calls_count(s->core.calls), 1);
	hang_up(s, &s->phone);
	text = traces_print(s->core.traces, STR("last"));
	CHECK(text != NULL);
	for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strstr(text, words[i]))
			printf("  no %s in the trace\n", words[i]);
		CHECK(strstr(text, words[i]) != NULL);
	}
	CHECK(text && !strstr(text, "Authorization: Digest"));
	free(text);
	scene_close(s);
	free(s);
}

TESTS(a_page_calls_a_phone_and_hangs_up, a_phone_calls_a_page_and_hangs_up,
      a_page_calls_on_a_bad_network_and_the_phone_hangs_up,
      a_page_is_called_on_a_bad_network_and_hangs_up, a_page_that_dies_takes_its_call_along,
      the_trace_tells_a_call_from_its_invite_to_its_bye)
