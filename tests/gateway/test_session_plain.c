/* Media sessions over real sockets: desk phones in the clear, and who is not heard. The
 * loop and the clock are real. */
#include "gateway/rtp_peer.h"
#include "tests/gateway/session_bench.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* The phone's address is of a network we do not see, its signalling comes from 127.0.0.2:
 * from there alone it is heard and answered, once five packets in order have come. */
static void a_phone_behind_a_nat_is_latched_onto_on_one_host_only(void)
{
	struct stage stage;
	struct line one, other;
	struct stranger phone, second, elsewhere;
	struct session_remote remote;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	line_open(&one, &stage, &codec_pcmu, 0, 440);
	line_open(&other, &stage, &codec_pcmu, 0, 1000);
	session_join(stage.workers, one.part.ref, other.part.ref);
	phone_describe(&one.phone, &remote);
	sdp_ip_parse(STR("127.0.0.9"), &remote.ip);
	sdp_ip_parse(STR("127.0.0.2"), &remote.nat);
	session_set_remote(stage.workers, one.part.ref, &remote);
	stranger_open(&phone, "127.0.0.2", one.part.local.port);
	stranger_open(&second, "127.0.0.2", one.part.local.port);
	stranger_open(&elsewhere, "127.0.0.3", one.part.local.port);
	phone_talk(&other.phone, true);
	stranger_says(&elsewhere, 20);
	stranger_says(&phone, RTP_PEER_PACKETS - 1);
	stage_run(&stage, 100);
	CHECK_EQ(other.phone.voice.n_heard, 0);
	stranger_says(&phone, 10);
	WAIT(&stage, other.phone.voice.n_heard == 10, 2000);
	stranger_says(&second, 20);
	stage_run(&stage, 200);
	CHECK_EQ(other.phone.voice.n_heard, 10);

	line_close(&one);
	line_close(&other);
	CHECK_EQ(one.part.stats.stranger, 20 + RTP_PEER_PACKETS - 1 + 20);
	CHECK(strstr(one.part.stats.path, "-> 127.0.0.2:"));
	CHECK(stranger_close(&phone) >= 5);
	CHECK_EQ(stranger_close(&second), 0);
	CHECK_EQ(stranger_close(&elsewhere), 0);
	stage_close(&stage);
}

/* ---- re-offers ---- */

/* Media goes where the latest description says, and to 0.0.0.0 nothing goes (the hold
 * of RFC 2543; RFC 3264 §8.4). */
static void a_reoffer_moves_the_media_and_may_stop_it(void)
{
	struct stage stage;
	struct line one, other;
	struct phone moved;
	struct session_remote remote;
	size_t heard;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	line_open(&one, &stage, &codec_pcmu, 0, 440);
	line_open(&other, &stage, &codec_pcmu, 0, 1000);
	session_join(stage.workers, one.part.ref, other.part.ref);
	phone_open(&moved, &stage.loop, &codec_pcmu, 0, 600);
	phone_set_remote(&moved, one.part.local.port, one.part.local.rtcp_port);
	phone_talk(&other.phone, true);
	phone_talk(&one.phone, true);
	WAIT(&stage, one.phone.voice.n_heard >= 10, 2000);

	phone_describe(&moved, &remote);
	session_set_remote(stage.workers, one.part.ref, &remote);
	WAIT(&stage, moved.voice.n_heard >= 10, 2000);
	heard = one.phone.voice.n_heard;
	phone_talk(&moved, true);
	stage_run(&stage, 50);
	phone_talk(&one.phone, false);
	WAIT(&stage, moved.voice.n_heard >= 60, 2000);
	CHECK_EQ(one.phone.voice.n_heard, heard);
	CHECK_EQ(moved.voice.heard[0].ssrc, one.phone.voice.heard[0].ssrc);

	sdp_ip_parse(STR("0.0.0.0"), &remote.ip);
	session_set_remote(stage.workers, one.part.ref, &remote);
	stage_run(&stage, 30);
	heard = moved.voice.n_heard;
	stage_run(&stage, 60);
	CHECK_EQ(moved.voice.n_heard, heard);
	heard = other.phone.voice.n_heard; /* but what it plays meanwhile comes in */
	WAIT(&stage, other.phone.voice.n_heard >= heard + 10, 2000);

	phone_close(&moved);
	line_close(&one);
	line_close(&other);
	CHECK(one.part.stats.stranger > 0); /* where it was before */
	CHECK_EQ(one.part.connected, 1);
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

TESTS(two_phones_of_one_codec_are_relayed, two_phones_of_different_codecs_hear_each_other,
      strangers_are_not_heard_and_get_nothing, a_phone_may_send_from_another_port,
      a_phone_behind_a_nat_is_latched_onto_on_one_host_only,
      a_reoffer_moves_the_media_and_may_stop_it, silence_is_told_and_its_end_too)
