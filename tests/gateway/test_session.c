/* Media sessions over real sockets: phones in the clear, a browser through ICE, DTLS
 * and SRTP, and what must never leave or enter. The loop and the clock are real. */
#include "tests/check.h"
#include "tests/gateway/far.h"
#include "tests/gateway/stage.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <malloc.h>
#include <math.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- two phones ---- */

struct line { /* a phone and its session */
	struct part part;
	struct phone phone;
};

static void line_open(struct line *line, struct stage *stage, const struct codec *codec, uint8_t pt,
		      double hz)
{
	struct session_remote remote;

	part_open(&line->part, stage, SESSION_PLAIN, false);
	phone_open(&line->phone, &stage->loop, codec, pt, hz);
	WAIT(stage, line->part.ready == 1, 2000);
	CHECK_EQ(line->part.local.rtcp_port, line->part.local.port + 1);
	phone_set_remote(&line->phone, line->part.local.port, line->part.local.rtcp_port);
	phone_describe(&line->phone, &remote);
	CHECK_EQ(session_set_remote(stage->workers, line->part.ref, &remote), 0);
	WAIT(stage, line->part.connected == 1, 2000);
}

static void line_close(struct line *line)
{
	struct stage *stage = line->part.stage;

	part_close(&line->part);
	WAIT(stage, line->part.closed == 1, 2000);
	phone_close(&line->phone);
	WAIT(stage, line->phone.open_handles == 0, 2000);
	CHECK_EQ(line->part.failed, 0);
}

/* A tone is heard at its level, and no other. */
static void check_hears(const struct voice *voice, double hz, double not_hz)
{
	double level = voice_level_db(voice, hz, 200), other = voice_level_db(voice, not_hz, 200);

	if (fabs(level) > 1 || other > -30)
		printf("  %g Hz at %.1f dB, %g Hz at %.1f dB\n", hz, level, not_hz, other);
	CHECK(fabs(level) <= 1);
	CHECK(other <= -30);
}

/* Sequence numbers without a hole, timestamps as the clock has it, one SSRC. */
static void check_stream(const struct voice *voice, unsigned clock, uint32_t ssrc)
{
	unsigned wrong = 0;

	for (size_t i = 1; i < voice->n_heard; i++) {
		const struct voice_packet *p = &voice->heard[i], *last = &voice->heard[i - 1];

		wrong += p->seq != (uint16_t)(last->seq + 1) || p->ssrc != ssrc ||
			 p->timestamp != last->timestamp + clock * VOICE_FRAME_MS / 1000;
	}
	CHECK_EQ(wrong, 0);
}

static void two_phones(const struct codec *one_codec, uint8_t one_pt,
		       const struct codec *other_codec, uint8_t other_pt, bool relays)
{
	struct stage stage;
	struct line one, other;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	line_open(&one, &stage, one_codec, one_pt, 440);
	line_open(&other, &stage, other_codec, other_pt, 1000);
	CHECK_EQ(session_join(stage.workers, one.part.ref, other.part.ref), 0);
	phone_talk(&one.phone, true);
	phone_talk(&other.phone, true);
	WAIT(&stage, one.phone.voice.n_heard >= 60 && other.phone.voice.n_heard >= 60, 3000);
	phone_talk(&one.phone, false);
	phone_talk(&other.phone, false);
	stage_run(&stage, 50);

	check_hears(&one.phone.voice, 1000, 440);
	check_hears(&other.phone.voice, 440, 1000);
	check_stream(&one.phone.voice, 8000, one.part.local.ssrc);
	check_stream(&other.phone.voice, 8000, other.part.local.ssrc);
	line_close(&one);
	line_close(&other);
	CHECK_EQ(one.part.stats.counts.relaying, relays);
	CHECK_EQ(one.phone.byes, 1);
	CHECK_EQ(one.phone.not_rtp, 0);
	CHECK_EQ(one.part.stats.stranger, 0);
	stage_close(&stage);
}

static void two_phones_of_one_codec_are_relayed(void)
{
	two_phones(&codec_pcmu, 0, &codec_pcmu, 0, true);
}

static void two_phones_of_different_codecs_hear_each_other(void)
{
	two_phones(&codec_pcmu, 0, &codec_pcma, 8, false);
}

/* ---- strangers ---- */

struct stranger {
	int fd;
	struct sockaddr_in to;
	struct voice voice;
};

static void stranger_open(struct stranger *s, const char *address, uint16_t port)
{
	struct sockaddr_in from = { .sin_family = AF_INET };

	inet_pton(AF_INET, address, &from.sin_addr);
	s->to = (struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_port = htons(port),
				      .sin_addr = { htonl(INADDR_LOOPBACK) } };
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	CHECK_EQ(bind(s->fd, (struct sockaddr *)&from, sizeof(from)), 0);
	voice_open(&s->voice, &codec_pcmu, 0, 2000);
}

static void stranger_says(struct stranger *s, unsigned packets)
{
	uint8_t packet[RTP_MAX_PACKET + RTP_TAIL];

	for (unsigned i = 0; i < packets; i++) {
		size_t n = voice_speak(&s->voice, packet);

		sendto(s->fd, packet, n, 0, (struct sockaddr *)&s->to, sizeof(s->to));
	}
}

/* How many datagrams it got. */
static unsigned stranger_close(struct stranger *s)
{
	char c;
	unsigned n = 0;

	while (recv(s->fd, &c, 1, 0) >= 0)
		n++;
	close(s->fd);
	voice_close(&s->voice);
	return n;
}

/* RTP injected from elsewhere ("RTP Bleed") is neither heard nor answered. */
static void strangers_are_not_heard_and_get_nothing(void)
{
	struct stage stage;
	struct line one, other;
	struct stranger host, port, rtcp_port;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	line_open(&one, &stage, &codec_pcmu, 0, 440);
	line_open(&other, &stage, &codec_pcmu, 0, 1000);
	session_join(stage.workers, one.part.ref, other.part.ref);
	stranger_open(&host, "127.0.0.2", one.part.local.port);
	stranger_open(&port, "127.0.0.1", one.part.local.port);
	stranger_open(&rtcp_port, "127.0.0.1", one.part.local.rtcp_port);

	/* from another host even before the phone has spoken */
	stranger_says(&host, 20);
	stranger_says(&rtcp_port, 20); /* RTP where only RTCP is expected */
	stage_run(&stage, 50);
	CHECK_EQ(other.phone.voice.n_heard, 0);

	phone_talk(&one.phone, true);
	phone_talk(&other.phone, true);
	WAIT(&stage, other.phone.voice.n_heard >= 5, 2000);
	stranger_says(&host, 20);
	stranger_says(&port, 20); /* from its own host, but it has spoken */
	WAIT(&stage, other.phone.voice.n_heard >= 60 && one.phone.voice.n_heard >= 60, 3000);
	check_hears(&other.phone.voice, 440, 2000);
	check_stream(&other.phone.voice, 8000, other.part.local.ssrc);

	line_close(&one);
	line_close(&other);
	CHECK_EQ(one.part.stats.stranger, 60);
	CHECK_EQ(stranger_close(&host), 0);
	CHECK_EQ(stranger_close(&port), 0);
	CHECK_EQ(stranger_close(&rtcp_port), 0);
	stage_close(&stage);
}

/* Some phones send from another port than they listen on: heard until the signalled
 * one speaks, and media still goes to the signalled one. */
static void a_phone_may_send_from_another_port(void)
{
	struct stage stage;
	struct line one, other;
	struct stranger sender, second;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	line_open(&one, &stage, &codec_pcmu, 0, 440);
	line_open(&other, &stage, &codec_pcmu, 0, 1000);
	session_join(stage.workers, one.part.ref, other.part.ref);
	stranger_open(&sender, "127.0.0.1", one.part.local.port);
	stranger_open(&second, "127.0.0.1", one.part.local.port);
	for (int i = 0; i < 30; i++) {
		stranger_says(&sender, 1);
		stage_run(&stage, 2);
		stranger_says(&second, 1);
	}
	WAIT(&stage, other.phone.voice.n_heard >= 30, 2000);
	stage_run(&stage, 20);
	CHECK_EQ(other.phone.voice.n_heard, 30);
	phone_talk(&other.phone, true);
	WAIT(&stage, one.phone.voice.n_heard >= 10, 2000);

	/* the signalled port speaks: the other one is a stranger from here on */
	phone_talk(&one.phone, true);
	WAIT(&stage, other.phone.voice.n_heard >= 40, 2000);
	phone_talk(&one.phone, false);
	stage_run(&stage, 30);
	size_t before = other.phone.voice.n_heard;
	stranger_says(&sender, 20);
	stage_run(&stage, 50);
	CHECK_EQ(other.phone.voice.n_heard, before);

	line_close(&one);
	line_close(&other);
	CHECK_EQ(one.part.stats.stranger, 50);
	CHECK_EQ(stranger_close(&sender), 0);
	CHECK_EQ(stranger_close(&second), 0);
	stage_close(&stage);
}

/* ---- a browser ---- */

struct page { /* a browser and its session */
	struct part part;
	struct wire wire;
	struct browser browser;
};

static void fingerprint_of(const struct part *part, struct dtls_fingerprint *out)
{
	*out = (struct dtls_fingerprint){ .n = part->local.fingerprint.n };
	memcpy(out->bytes, part->local.fingerprint.bytes, out->n);
}

static void page_open(struct page *page, struct stage *stage, const struct codec *codec, uint8_t pt,
		      double hz)
{
	part_open(&page->part, stage, SESSION_WEB, false);
	wire_open(&page->wire, &stage->loop);
	browser_open(&page->browser, &stage->loop, &page->wire, true, codec, pt, hz);
	WAIT(stage, page->part.ready == 1, 2000);
	CHECK(page->part.local.n_candidates >= 1);
}

/* Both learn each other's descriptions. */
static void page_meet(struct page *page, bool candidates, bool gateway_is_client)
{
	struct session_remote remote;
	struct dtls_fingerprint fingerprint;
	struct part *part = &page->part;

	fingerprint_of(part, &fingerprint);
	browser_set_remote(&page->browser, part->local.ufrag, part->local.pwd, &fingerprint,
			   !gateway_is_client, part->local.candidates[0].port);
	browser_describe(&page->browser, candidates, &remote);
	remote.dtls_client = gateway_is_client;
	CHECK_EQ(session_set_remote(part->stage->workers, part->ref, &remote), 0);
}

static void page_close(struct page *page)
{
	struct stage *stage = page->part.stage;

	part_close(&page->part);
	WAIT(stage, page->part.closed == 1, 2000);
	browser_close(&page->browser);
	WAIT(stage, page->browser.closed == 1, 2000);
	wire_close(&page->wire);
	CHECK_EQ(page->wire.strangers, 0);
	CHECK_EQ(page->wire.counts.other, 0);
}

static void browser_and_phone(const struct codec *codec, uint8_t pt,
			      const struct codec *phone_codec, uint8_t phone_pt, bool candidates,
			      bool gateway_is_client)
{
	struct stage stage;
	struct page page;
	struct line line;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, codec, pt, 440);
	line_open(&line, &stage, phone_codec, phone_pt, 1000);
	CHECK_EQ(session_join(stage.workers, page.part.ref, line.part.ref), 0);
	page_meet(&page, candidates, gateway_is_client);
	WAIT(&stage, page.part.connected && page.browser.connected, 5000);
	CHECK(strcmp(page.part.srtp, "AEAD_AES_128_GCM") == 0);
	browser_talk(&page.browser, true);
	phone_talk(&line.phone, true);
	WAIT(&stage, page.browser.voice.n_heard >= 60 && line.phone.voice.n_heard >= 60, 3000);
	browser_talk(&page.browser, false);
	phone_talk(&line.phone, false);
	stage_run(&stage, 50);

	check_hears(&page.browser.voice, 1000, 440);
	check_hears(&line.phone.voice, 440, 1000);
	check_stream(&page.browser.voice, codec->rtp_clock, page.part.local.ssrc);
	check_stream(&line.phone.voice, 8000, line.part.local.ssrc);
	CHECK_EQ(page.browser.not_authentic, 0);
	line_close(&line);
	page_close(&page);
	CHECK_EQ(page.part.failed, 0);
	CHECK_EQ(page.part.stats.bad_srtp, 0);
	CHECK_EQ(page.part.stats.counts.relaying, codec == phone_codec);
	stage_close(&stage);
}

static void a_browser_and_a_phone_of_one_codec_are_relayed(void)
{
	browser_and_phone(&codec_pcmu, 0, &codec_pcmu, 0, true, false);
}

static void opus_and_pcma_are_transcoded(void)
{
	browser_and_phone(&codec_opus, 111, &codec_pcma, 8, true, false);
}

/* A page whose candidates are all hidden (`.local`) is found by its checks. */
static void a_browser_without_candidates_connects(void)
{
	browser_and_phone(&codec_opus, 111, &codec_pcmu, 0, false, true);
}

/* RFC 5763 §6.7.1, RFC 7983: before keys only STUN and DTLS may be on the wire. */
static void nothing_but_stun_and_dtls_leaves_before_the_keys(void)
{
	struct stage stage;
	struct page page;
	struct line line;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, &codec_pcmu, 0, 440);
	line_open(&line, &stage, &codec_pcmu, 0, 1000);
	session_join(stage.workers, page.part.ref, line.part.ref);
	page.wire.holds_dtls = true;
	phone_talk(&line.phone, true);
	page_meet(&page, true, true);
	WAIT(&stage, page.wire.counts.dtls >= 2, 3000);
	stage_run(&stage, 200);
	CHECK_EQ(page.part.connected, 0);
	CHECK(page.wire.counts.stun > 0);
	CHECK_EQ(page.wire.counts.rtp, 0);
	CHECK_EQ(page.wire.counts.rtcp, 0);
	CHECK_EQ(page.wire.counts.other, 0);

	/* and everything after them is authentic */
	page.wire.holds_dtls = false;
	WAIT(&stage, page.browser.voice.n_heard >= 60, 5000);
	CHECK(page.wire.counts.rtp >= 60);
	check_hears(&page.browser.voice, 1000, 440);
	phone_talk(&line.phone, false);
	stage_run(&stage, 50);
	CHECK_EQ(page.browser.not_authentic, 0);
	line_close(&line);
	page_close(&page);
	stage_close(&stage);
}

/* A browser may begin DTLS before our own check has come back: its ClientHello is
 * answered when it has, not only when repeated (libdatachannel holds such, too). */
static void a_hello_before_the_selected_pair_is_kept(void)
{
	struct stage stage;
	struct page page;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, &codec_pcmu, 0, 440);
	page.wire.holds_answers = true;
	page_meet(&page, true, false);
	WAIT(&stage, page.wire.hellos >= 1, 3000);
	page.wire.holds_dtls = true; /* it is not repeated */
	stage_run(&stage, 20);
	CHECK_EQ(page.wire.counts.dtls, 0);
	page.wire.holds_answers = false;
	WAIT(&stage, page.wire.counts.dtls >= 1, 3000);
	page.wire.holds_dtls = false;
	WAIT(&stage, page.part.connected && page.browser.connected, 3000);
	page_close(&page);
	stage_close(&stage);
}

/* RFC 5763 §5: a certificate that the description did not promise ends it. */
static void a_wrong_fingerprint_fails_at_once_and_passes_no_media(void)
{
	struct stage stage;
	struct page page;
	struct line line;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, &codec_pcmu, 0, 440);
	line_open(&line, &stage, &codec_pcmu, 0, 1000);
	session_join(stage.workers, page.part.ref, line.part.ref);
	phone_talk(&line.phone, true);
	page.browser.fingerprint.bytes[7] ^= 1;
	page_meet(&page, true, false);
	WAIT(&stage, page.part.failed == 1, 3000);
	CHECK(strstr(page.part.why, "fingerprint") != NULL);
	browser_talk(&page.browser, true);
	stage_run(&stage, 100);
	CHECK_EQ(page.part.connected, 0);
	CHECK_EQ(page.wire.counts.rtp, 0);
	CHECK_EQ(line.phone.voice.n_heard, 0);
	line_close(&line);
	page_close(&page);
	stage_close(&stage);
}

/* ---- silence ---- */

static void silence_is_told_and_its_end_too(void)
{
	struct stage stage;
	struct line one;

	stage_open(&stage, &(struct stage_config){ .quiet_ms = 150 });
	line_open(&one, &stage, &codec_pcmu, 0, 440);
	phone_talk(&one.phone, true);
	stage_run(&stage, 300);
	CHECK_EQ(one.part.quiet, 0);
	phone_talk(&one.phone, false);
	WAIT(&stage, one.part.quiet == 1, 1000);
	CHECK_EQ(one.part.back, 0);
	phone_talk(&one.phone, true);
	WAIT(&stage, one.part.back == 1, 1000);
	CHECK_EQ(one.part.quiet, 1);
	line_close(&one);
	stage_close(&stage);
}

static void a_page_that_vanishes_is_silent(void)
{
	struct stage stage;
	struct page page;

	stage_open(&stage, &(struct stage_config){ .quiet_ms = 300 });
	page_open(&page, &stage, &codec_opus, 111, 440);
	page_meet(&page, true, false);
	WAIT(&stage, page.part.connected == 1, 5000);
	browser_talk(&page.browser, true);
	stage_run(&stage, 500);
	CHECK_EQ(page.part.quiet, 0);
	browser_talk(&page.browser, false);
	page.wire.cut = true;
	WAIT(&stage, page.part.quiet == 1, 2000);
	page_close(&page);
	stage_close(&stage);
}

/* ---- opening and closing ---- */

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static uint32_t random_state = 7;

static unsigned random_below(unsigned n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

enum { AT_A_TIME = 20 };

static void open_and_close(struct stage *stage, unsigned sessions)
{
	static struct part parts[AT_A_TIME];
	bool used[AT_A_TIME] = { false };

	for (unsigned i = 0; i < sessions; i++) {
		unsigned at = random_below(AT_A_TIME);
		struct session_remote remote = { .port = 9 };

		if (used[at]) {
			part_close(&parts[at]);
			WAIT(stage, parts[at].closed == 1, 3000);
		}
		part_open(&parts[at], stage, random_below(2) ? SESSION_WEB : SESSION_PLAIN,
			  random_below(2));
		used[at] = true;
		if (random_below(2))
			WAIT(stage, parts[at].ready || parts[at].failed, 3000);
		CHECK_EQ(parts[at].failed, 0);
		/* also with what no session can use: it fails, no more */
		if (random_below(4) == 0)
			session_set_remote(stage->workers, parts[at].ref, &remote);
		if (random_below(4) == 0)
			session_join(stage->workers, parts[at].ref,
				     parts[random_below(at + 1)].ref);
	}
	for (unsigned at = 0; at < AT_A_TIME; at++) {
		if (!used[at])
			continue;
		part_close(&parts[at]);
		WAIT(stage, parts[at].closed == 1, 3000);
	}
	CHECK_EQ(workers_sessions(stage->workers), 0);
}

static void a_thousand_sessions_leave_nothing_behind(void)
{
	struct stage stage;

	stage_open(&stage, &(struct stage_config){ .workers = 2 });
	open_and_close(&stage, 300);
	stage_run(&stage, 50);
	unsigned fds = descriptors();
	size_t bytes = mallinfo2().uordblks;
	open_and_close(&stage, 700);
	stage_run(&stage, 50);
	CHECK_EQ(descriptors(), fds);
	long long growth = (long long)mallinfo2().uordblks - (long long)bytes;
	if (growth > 64 * 1024)
		printf("  grew by %lld bytes\n", growth);
	CHECK(growth <= 64 * 1024);
	stage_close(&stage);
}

/* Closed right after the open; ready; told of the peer; during ICE; during DTLS. */
static void a_session_may_be_closed_in_each_state(void)
{
	struct stage stage;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	for (unsigned ms = 0; ms < 60; ms++) {
		struct page page = { .wire = { .port = 0 } };
		struct part early, plain;

		part_open(&early, &stage, SESSION_WEB, true);
		part_close(&early);
		part_open(&plain, &stage, SESSION_PLAIN, false);
		part_close(&plain);
		page_open(&page, &stage, &codec_pcmu, 0, 440);
		page_meet(&page, true, ms & 1);
		stage_run(&stage, ms);
		page_close(&page);
		WAIT(&stage, early.closed == 1 && plain.closed == 1, 2000);
		CHECK_EQ(early.ready, 0);
		CHECK_EQ(early.failed, 0);
	}
	CHECK_EQ(workers_sessions(stage.workers), 0);
	stage_close(&stage);
}

static void workers_stop_with_sessions_in_each_state(void)
{
	struct stage stage;
	struct part parts[6];
	struct line line;
	struct page page;

	stage_open(&stage, &(struct stage_config){ .workers = 2 });
	line_open(&line, &stage, &codec_pcmu, 0, 440);
	page_open(&page, &stage, &codec_opus, 111, 440);
	page_meet(&page, true, true);
	session_join(stage.workers, page.part.ref, line.part.ref);
	phone_talk(&line.phone, true);
	stage_run(&stage, 30);
	for (unsigned i = 0; i < 6; i++)
		part_open(&parts[i], &stage, i & 1 ? SESSION_WEB : SESSION_PLAIN, false);
	part_close(&parts[2]);
	part_close(&parts[3]);
	workers_stop(stage.workers);
	workers_stop(stage.workers); /* harmless */
	phone_close(&line.phone);
	browser_close(&page.browser);
	wire_close(&page.wire);
	stage_close(&stage);
	CHECK_EQ(page.browser.closed, 1);
	CHECK_EQ(line.phone.open_handles, 0);
}

/* Sessions are named by slot and generation, so a late word reaches nobody. */
static void late_commands_to_a_dead_session_are_harmless(void)
{
	struct stage stage;
	struct part dead, alive;
	struct session_remote remote = { .port = 9 };

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	part_open(&dead, &stage, SESSION_PLAIN, false);
	WAIT(&stage, dead.ready == 1, 2000);
	part_close(&dead);
	/* closing, and then closed */
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(session_set_remote(stage.workers, dead.ref, &remote), 0);
		CHECK_EQ(session_send_digit(stage.workers, dead.ref, '5', 100), 0);
		CHECK_EQ(session_join(stage.workers, dead.ref, dead.ref), 0);
		WAIT(&stage, dead.closed == 1, 2000);
	}
	session_close(stage.workers, dead.ref, NULL, NULL);
	CHECK_EQ(workers_sessions(stage.workers), 0);
	part_open(&alive, &stage, SESSION_PLAIN, false);
	session_close(stage.workers, dead.ref, NULL, NULL);
	session_join(stage.workers, alive.ref, dead.ref);
	WAIT(&stage, alive.ready == 1, 2000);
	stage_run(&stage, 20);
	CHECK_EQ(alive.failed, 0);
	CHECK_EQ(workers_sessions(stage.workers), 1);
	CHECK_EQ(dead.failed, 0);
	part_close(&alive);
	WAIT(&stage, alive.closed == 1, 2000);
	stage_close(&stage);
}

/* ---- ports ---- */

static bool is_free(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool is = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

	close(fd);
	return is;
}

static void a_full_port_range_is_told(void)
{
	struct stage stage;
	struct part one, two, three, web;
	uint16_t first = 38900;

	while (!is_free(first) || !is_free(first + 1) || !is_free(first + 2) || !is_free(first + 3))
		first += 4;
	stage_open(&stage, &(struct stage_config){ .port_min = first, .port_max = first + 3u });
	part_open(&one, &stage, SESSION_PLAIN, false);
	part_open(&two, &stage, SESSION_PLAIN, false);
	WAIT(&stage, one.ready && two.ready, 2000);
	CHECK(one.local.port != two.local.port);
	part_open(&three, &stage, SESSION_PLAIN, false);
	part_open(&web, &stage, SESSION_WEB, false);
	WAIT(&stage, three.failed == 1 && web.failed == 1, 2000);
	CHECK(strstr(three.why, "no free port") != NULL);
	CHECK(strstr(web.why, "no free port") != NULL);
	part_close(&three);
	part_close(&web);
	part_close(&one);
	WAIT(&stage, one.closed == 1 && three.closed == 1 && web.closed == 1, 2000);

	/* and there is room again */
	part_open(&three, &stage, SESSION_PLAIN, false);
	WAIT(&stage, three.ready == 1, 2000);
	part_close(&two);
	part_close(&three);
	WAIT(&stage, two.closed == 1 && three.closed == 1, 2000);
	stage_close(&stage);
}

TESTS(two_phones_of_one_codec_are_relayed, two_phones_of_different_codecs_hear_each_other,
      strangers_are_not_heard_and_get_nothing, a_phone_may_send_from_another_port,
      a_browser_and_a_phone_of_one_codec_are_relayed, opus_and_pcma_are_transcoded,
      a_browser_without_candidates_connects, nothing_but_stun_and_dtls_leaves_before_the_keys,
      a_hello_before_the_selected_pair_is_kept,
      a_wrong_fingerprint_fails_at_once_and_passes_no_media, silence_is_told_and_its_end_too,
      a_page_that_vanishes_is_silent, a_thousand_sessions_leave_nothing_behind,
      a_session_may_be_closed_in_each_state, workers_stop_with_sessions_in_each_state,
      late_commands_to_a_dead_session_are_harmless, a_full_port_range_is_told)
