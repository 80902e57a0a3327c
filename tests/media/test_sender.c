/* The sender: one sequence and one timeline per leg, whatever the source. */
#include "gateway/media/sender.h"
#include "tests/check.h"

#include <errno.h>

enum { MOST = 4000 };

struct sent {
	struct rtp_packet packet;
	uint8_t first;	/* octet of the payload */
	uint8_t end[3]; /* the next ones, if it is an event */
};

static struct sent sent[MOST];
static size_t n_sent;

static void on_packet(void *arg, uint8_t *packet, size_t bytes, size_t cap)
{
	(void)arg;
	if (n_sent == MOST || cap < bytes + RTP_TAIL ||
	    rtp_parse(packet, bytes, &sent[n_sent].packet))
		abort();
	sent[n_sent].first = sent[n_sent].packet.bytes ? sent[n_sent].packet.payload[0] : 0;
	if (sent[n_sent].packet.bytes == 4)
		memcpy(sent[n_sent].end, sent[n_sent].packet.payload + 1, 3);
	n_sent++;
	memset(packet, 0xee, cap);
}

static struct sender *open_sender(uint16_t seq, uint32_t timestamp)
{
	const struct sender_config config = {
		.ssrc = 77,
		.first_seq = seq,
		.first_timestamp = timestamp,
		.send = on_packet,
	};
	struct sender *s = NULL;

	n_sent = 0;
	if (sender_open(&config, &s))
		abort();
	return s;
}

static int set(struct sender *s, const struct codec *codec, unsigned ptime_ms, unsigned rate)
{
	const struct sender_format format = {
		.codec = codec,
		.pt = 100,
		.ptime_ms = ptime_ms,
		.dtmf_pt = 101,
		.dtmf_clock = codec->rtp_clock,
	};
	int err = sender_prepare(s, &format, rate);

	if (!err)
		sender_commit(s);
	return err;
}

static int relay(struct sender *s, uint16_t seq, uint32_t timestamp, uint32_t ssrc, uint64_t now_ms)
{
	const uint8_t payload[] = { (uint8_t)seq, 1 };

	return sender_relay(s,
			    &(struct rtp_packet){ .seq = seq,
						  .timestamp = timestamp,
						  .ssrc = ssrc,
						  .payload = payload,
						  .bytes = 2 },
			    now_ms);
}

/* Each packet's number one more, its time `step` more than the one before. */
static void check_even(size_t from, size_t to, uint32_t step)
{
	for (size_t i = from + 1; i < to; i++) {
		CHECK_EQ((uint16_t)(sent[i].packet.seq - sent[i - 1].packet.seq), 1);
		CHECK_EQ(sent[i].packet.timestamp - sent[i - 1].packet.timestamp, step);
	}
}

/* signalwire/freeswitch #963, #2226: Opus timestamps counted at 8 or 16 kHz. */
static void the_timestamp_step_is_right_for_each_codec_and_ptime(void)
{
	for (size_t c = 0; codec_at(c); c++) {
		const struct codec *codec = codec_at(c);

		for (unsigned rate = 8000; rate <= 48000; rate *= rate == 16000 ? 3 : 2) {
			for (unsigned out_ms = 10; out_ms <= 60; out_ms += 10) {
				for (unsigned in_ms = 10; in_ms <= 60; in_ms += 10) {
					static const int16_t pcm[2880];
					struct sender *s = open_sender(65530, 0xffffff00);
					unsigned ms = codec_ptime_ms(codec, out_ms);

					if (set(s, codec, out_ms, rate)) {
						CHECK(!codec_encodes_at(codec, rate));
						sender_close(s);
						continue;
					}
					for (unsigned t = 0; t < 600; t += in_ms)
						CHECK_EQ(sender_pcm(s, pcm, rate / 1000 * in_ms, t),
							 0);
					CHECK_EQ(n_sent, 600 / ms);
					check_even(0, n_sent, codec->rtp_clock / 1000 * ms);
					CHECK_EQ(sent[0].packet.timestamp, 0xffffff00);
					CHECK_EQ(sent[0].packet.seq, 65530);
					CHECK(sent[0].packet.marker && !sent[1].packet.marker);
					CHECK(sent[0].packet.ssrc == 77 &&
					      sent[0].packet.pt == 100);
					sender_close(s);
				}
			}
		}
	}
}

static void relaying_keeps_gaps_and_order(void)
{
	struct sender *s = open_sender(10, 1000);

	REQUIRE(set(s, &codec_pcma, 20, 0) == 0);
	relay(s, 65534, 50000, 5, 0);
	relay(s, 65535, 50160, 5, 20);
	relay(s, 1, 50480, 5, 60); /* 0 comes late */
	relay(s, 0, 50320, 5, 61);
	relay(s, 4, 50960, 5, 120); /* 2 and 3 are lost */
	static const uint16_t seqs[] = { 10, 11, 13, 12, 16 };
	REQUIRE(n_sent == 5);
	for (size_t i = 0; i < 5; i++) {
		CHECK_EQ(sent[i].packet.seq, seqs[i]);
		CHECK_EQ(sent[i].packet.timestamp, 1000 + 160 * (seqs[i] - 10));
		CHECK_EQ(sent[i].packet.ssrc, 77);
		CHECK_EQ(sent[i].packet.marker, i == 0);
	}
	sender_close(s);
}

static void no_number_is_ever_used_twice(void)
{
	struct sender *s = open_sender(0, 0);
	static uint8_t used[65536];
	unsigned seed = 1;

	memset(used, 0, sizeof(used));
	REQUIRE(set(s, &codec_pcma, 20, 8000) == 0);
	/* Everything at once: shuffled relay, duplicates, digits, PCM, new streams. */
	for (uint32_t i = 0; i < 3000; i++) {
		static const int16_t pcm[160];
		uint64_t now_ms = 20u * i;

		seed = seed * 1103515245 + 12345;
		unsigned dice = seed >> 16 & 63;
		uint32_t shuffled = dice < 8 && i > 8 ? i - dice : i;
		relay(s, (uint16_t)shuffled, shuffled * 160, 1 + i / 500, now_ms);
		if (dice == 20)
			sender_press(s, '1', 60);
		if (dice == 21)
			sender_pcm(s, pcm, 160, now_ms);
		if (dice == 22)
			sender_new_source(s);
		if (dice == 23)
			sender_relay_skip(s, &(struct rtp_packet){ .seq = (uint16_t)(i + 1),
								   .ssrc = 1 + i / 500 });
		sender_run(s, now_ms);
	}
	CHECK(n_sent > 2000);
	for (size_t i = 0; i < n_sent; i++) {
		CHECK(!used[sent[i].packet.seq]);
		used[sent[i].packet.seq] = 1;
	}
	sender_close(s);
}

/* asterisk/asterisk #927, restsend/rustpbx #254: a source that starts with numbers of
 * its own is heard as a long silence. */
static void another_source_goes_on_by_the_clock(void)
{
	struct sender *s = open_sender(100, 5000);
	static const int16_t pcm[160];

	REQUIRE(set(s, &codec_pcma, 20, 8000) == 0);
	relay(s, 9, 70000, 1, 0);
	relay(s, 10, 70160, 1, 20);
	relay(s, 40000, 123, 2, 1040); /* a new SSRC after a second */
	CHECK_EQ(sent[2].packet.seq, 102);
	CHECK_EQ(sent[2].packet.timestamp, 5160 + 8160);
	CHECK(sent[2].packet.marker);
	sender_pcm(s, pcm, 160, 1060); /* then a transcoder */
	CHECK_EQ(sent[3].packet.seq, 103);
	CHECK_EQ(sent[3].packet.timestamp, 5160 + 8160 + 160);
	CHECK(sent[3].packet.marker);
	sender_new_source(s); /* hold for a minute */
	sender_pcm(s, pcm, 160, 61060);
	CHECK_EQ(sent[4].packet.seq, 104);
	CHECK_EQ(sent[4].packet.timestamp, 5160 + 8160 + 160 + 480000);
	relay(s, 9, 0, 1, 61080);
	CHECK_EQ(sent[5].packet.seq, 105);
	CHECK_EQ(sent[5].packet.timestamp, sent[4].packet.timestamp + 160);
	sender_close(s);
}

/* asterisk #927: audio that was sent ahead of its time is not gone back behind. */
static void another_source_starts_after_all_that_was_sent(void)
{
	struct sender *s = open_sender(100, 5000);
	static const int16_t pcm[800];

	REQUIRE(set(s, &codec_pcma, 20, 8000) == 0);
	sender_pcm(s, pcm, 800, 0); /* five packets at once */
	relay(s, 9, 70000, 1, 5);
	sender_new_source(s);
	sender_pcm(s, pcm, 160, 10);
	REQUIRE(n_sent == 7);
	check_even(0, 7, 160);
	CHECK(sent[5].packet.marker && sent[6].packet.marker);
	sender_close(s);
}

static void a_timestamp_that_jumps_alone_is_mended(void)
{
	struct sender *s = open_sender(0, 0);

	REQUIRE(set(s, &codec_pcma, 20, 0) == 0);
	relay(s, 1, 1000, 1, 0);
	relay(s, 2, 900000, 1, 20);
	relay(s, 3, 160, 1, 40);
	REQUIRE(n_sent == 3);
	check_even(0, 3, 160);
	/* A pause of the talker is none: time has passed. */
	relay(s, 4, 160 + 160 + 80000, 1, 10060);
	CHECK_EQ(sent[3].packet.timestamp - sent[2].packet.timestamp, 160 + 80000);
	sender_close(s);
}

static void digits_take_the_place_of_audio(void)
{
	struct sender *s = open_sender(0, 0);

	REQUIRE(set(s, &codec_opus, 20, 0) == 0);
	uint16_t seq = 500;
	for (uint64_t now_ms = 0; now_ms < 1000; now_ms += 20, seq++) {
		if (now_ms == 400)
			CHECK_EQ(sender_press(s, '7', 100), 0);
		sender_run(s, now_ms);
		relay(s, seq, (uint32_t)now_ms * 48 + 7, 1, now_ms);
	}
	size_t events = 0;
	for (size_t i = 0; i < n_sent; i++) {
		const struct rtp_packet *p = &sent[i].packet;

		if (i > 0)
			CHECK_EQ((uint16_t)(p->seq - sent[i - 1].packet.seq), 1);
		if (p->pt == 101) {
			CHECK_EQ(p->timestamp, 400 * 48);
			CHECK_EQ(p->marker, events++ == 0);
		} else if (i > 0 && sent[i - 1].packet.pt == 101) {
			CHECK(p->marker);
			CHECK_EQ(p->timestamp % 960, 0);
			CHECK_EQ(p->timestamp, 520 * 48); /* when the last end was sent */
		}
	}
	CHECK_EQ(events, 7);
	CHECK_EQ(n_sent, 51);
	sender_close(s);
}

/* freeswitch #1724: Firefox has 8000 beside Opus, others 48000 beside PCMA. The duration
 * counts the event's clock; the timestamps are the stream's. */
static void events_have_a_clock_of_their_own(void)
{
	static const struct {
		const struct codec *codec;
		unsigned event_clock, ms;
		uint32_t second; /* timestamp of the part after 65535 units; 0: there is none */
	} rows[] = {
		{ &codec_opus, 8000, 160, 0 },
		{ &codec_pcma, 48000, 160, 0 },
		{ &codec_pcma, 48000, 2000, 65535 / 6 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sender *s = open_sender(0, 0);
		const struct sender_format format = { .codec = rows[i].codec,
						      .pt = 100,
						      .ptime_ms = 20,
						      .dtmf_pt = 101,
						      .dtmf_clock = rows[i].event_clock };

		REQUIRE(sender_prepare(s, &format, 0) == 0);
		sender_commit(s);
		relay(s, 1, 0, 1, 0);
		CHECK_EQ(sender_press(s, '5', rows[i].ms), 0);
		for (uint64_t now_ms = 0; now_ms < 3000; now_ms += 5)
			sender_run(s, now_ms);
		const struct sent *last = &sent[n_sent - 1];
		unsigned units = rows[i].ms * rows[i].event_clock / 1000;

		CHECK_EQ(last->packet.pt, 101);
		CHECK(last->end[0] & 0x80);
		CHECK_EQ(last->end[1] << 8 | last->end[2], rows[i].second ? units - 65535 : units);
		CHECK_EQ(last->packet.timestamp - sent[1].packet.timestamp, rows[i].second);
		sender_close(s);
	}
}

static void without_telephone_event_there_are_no_digits(void)
{
	struct sender *s = open_sender(0, 0);
	struct sender_format format = { .codec = &codec_pcma, .pt = 8, .dtmf_pt = SENDER_NO_PT };

	CHECK_EQ(sender_press(s, '1', 100), -ENOTSUP);
	REQUIRE(sender_prepare(s, &format, 0) == 0);
	sender_commit(s);
	CHECK_EQ(sender_press(s, '1', 100), -ENOTSUP);
	CHECK_EQ(sender_due(s), UINT64_MAX);
	sender_close(s);
}

static void losses_keep_their_place_and_silence_only_its_time(void)
{
	struct sender *s = open_sender(0, 0);
	static const int16_t pcm[160];

	REQUIRE(set(s, &codec_opus, 20, 8000) == 0);
	sender_pcm(s, pcm, 160, 0);
	sender_gap(s, 320, 2, 60);
	sender_pcm(s, pcm, 160, 60);
	CHECK_EQ(sent[1].packet.seq, 3);
	CHECK_EQ(sent[1].packet.timestamp, 3 * 960);
	CHECK(!sent[1].packet.marker);
	sender_gap(s, 8000, 0, 1080);
	sender_pcm(s, pcm, 160, 1080);
	CHECK_EQ(sent[2].packet.seq, 4);
	CHECK_EQ(sent[2].packet.timestamp, 4 * 960 + 48000);
	CHECK(sent[2].packet.marker);
	sender_close(s);
}

static void pcm_faster_than_time_is_dropped(void)
{
	struct sender *s = open_sender(0, 0);
	static const int16_t pcm[960];

	REQUIRE(set(s, &codec_pcma, 20, 8000) == 0);
	for (uint64_t now_ms = 1; now_ms < 20000; now_ms += 20)
		sender_pcm(s, pcm, 960, now_ms); /* six times too much */
	CHECK(n_sent <= 1000 + 200);
	sender_close(s);
}

static void changing_the_codec_breaks_neither_sequence_nor_timeline(void)
{
	struct sender *s = open_sender(65534, 0xffffffff);
	static const int16_t pcm[160];

	REQUIRE(set(s, &codec_pcma, 20, 8000) == 0);
	sender_pcm(s, pcm, 160, 0);
	sender_pcm(s, pcm, 160, 20);
	REQUIRE(set(s, &codec_opus, 20, 8000) == 0);
	sender_pcm(s, pcm, 160, 40);
	sender_pcm(s, pcm, 160, 60);
	REQUIRE(n_sent == 4);
	for (size_t i = 1; i < 4; i++) {
		int32_t step = (int32_t)(sent[i].packet.timestamp - sent[i - 1].packet.timestamp);

		CHECK_EQ((uint16_t)(sent[i].packet.seq - sent[i - 1].packet.seq), 1);
		CHECK(step == 160 || step == 960);
	}
	CHECK_EQ(set(s, &codec_pcma, 20, 16000), -EINVAL); /* and nothing changed: */
	CHECK_EQ(sender_pcm(s, pcm, 160, 80), 0);
	CHECK_EQ(sent[4].packet.timestamp - sent[3].packet.timestamp, 960);
	sender_close(s);
}

static void a_shorter_ptime_in_mid_call_starts_a_packet_anew(void)
{
	struct sender *s = open_sender(0, 0);
	static const int16_t pcm[400];

	REQUIRE(set(s, &codec_pcma, 60, 8000) == 0);
	sender_pcm(s, pcm, 400, 0); /* 50 ms wait */
	REQUIRE(set(s, &codec_pcma, 20, 8000) == 0);
	sender_pcm(s, pcm, 320, 60);
	REQUIRE(n_sent == 2);
	CHECK_EQ(sent[0].packet.bytes, 160);
	check_even(0, 2, 160);
	sender_close(s);
}

static void a_sender_report_counts_what_was_sent(void)
{
	struct sender *s = open_sender(0, 1000);
	struct rtcp_sender report;
	static const int16_t pcm[160];

	REQUIRE(set(s, &codec_pcmu, 20, 8000) == 0);
	CHECK(!sender_report(s, 0, 0, &report));
	sender_pcm(s, pcm, 160, 100);
	sender_pcm(s, pcm, 160, 120);
	REQUIRE(sender_report(s, 220, 1700000000500, &report));
	CHECK_EQ(report.packets, 2);
	CHECK_EQ(report.octets, 320);
	CHECK_EQ(report.timestamp, 1000 + 160 + 800);
	CHECK_EQ(report.ntp >> 32, 1700000000ull + 2208988800ull);
	CHECK_EQ((uint32_t)report.ntp, 0x80000000);
	sender_close(s);
}

TESTS(the_timestamp_step_is_right_for_each_codec_and_ptime, relaying_keeps_gaps_and_order,
      no_number_is_ever_used_twice, another_source_goes_on_by_the_clock,
      another_source_starts_after_all_that_was_sent, a_timestamp_that_jumps_alone_is_mended,
      digits_take_the_place_of_audio, events_have_a_clock_of_their_own,
      without_telephone_event_there_are_no_digits,
      losses_keep_their_place_and_silence_only_its_time, pcm_faster_than_time_is_dropped,
      changing_the_codec_breaks_neither_sequence_nor_timeline,
      a_shorter_ptime_in_mid_call_starts_a_packet_anew, a_sender_report_counts_what_was_sent)
