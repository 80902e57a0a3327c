/* The store of the jitter buffer, what it knows of delays, and RFC 2198. */
#include "gateway/media/jitter.h"
#include "gateway/media/red.h"
#include "tests/check.h"

#include <errno.h>

static struct jitter jitter;

static bool put(uint16_t seq, uint32_t timestamp, uint64_t now_ms)
{
	const uint8_t payload[2] = { (uint8_t)(seq >> 8), (uint8_t)seq };

	return jitter_put(
		&jitter,
		&(struct rtp_packet){
			.seq = seq, .timestamp = timestamp, .payload = payload, .bytes = 2 },
		48000, now_ms);
}

/* The next packet's sequence number as its payload says, -1 if there is none. */
static int take(unsigned *missing, int64_t *at)
{
	struct jitter_packet *packet = jitter_first(&jitter, missing);

	if (!packet)
		return -1;
	*at = packet->at;
	jitter_take(&jitter, packet);
	return packet->payload[0] << 8 | packet->payload[1];
}

static void packets_come_out_in_order_and_in_media_time(void)
{
	unsigned missing;
	int64_t at = 0, first = 0;

	jitter_init(&jitter, 8000);
	CHECK(put(65534, 0xfffffc40, 0)); /* both wrap */
	CHECK(put(0, 960, 40));
	CHECK(put(65535, 0, 41));
	CHECK_EQ(take(&missing, &first), 65534);
	CHECK_EQ(missing, 0);
	CHECK_EQ(take(&missing, &at), 65535);
	CHECK_EQ(at - first, 160);
	CHECK_EQ(take(&missing, &at), 0);
	CHECK_EQ(at - first, 320);
	CHECK_EQ(take(&missing, &at), -1);
}

static void what_was_played_or_is_there_is_late(void)
{
	unsigned missing;
	int64_t at = 0;

	jitter_init(&jitter, 8000);
	put(1, 960, 0);
	CHECK(!put(1, 960, 1));
	CHECK_EQ(take(&missing, &at), 1);
	CHECK(!put(1, 960, 2));
	CHECK(put(4, 960 * 4, 60));
	jitter_first(&jitter, &missing);
	CHECK_EQ(missing, 2);
	jitter_skip(&jitter); /* 2 is given up */
	CHECK(!put(2, 960 * 2, 61));
	CHECK(put(3, 960 * 3, 62));
	CHECK_EQ(jitter.late, 3);
	CHECK_EQ(take(&missing, &at), 3);
	CHECK_EQ(missing, 0);
}

static void too_many_packets_push_the_oldest_out(void)
{
	unsigned missing;
	int64_t at = 0;

	jitter_init(&jitter, 8000);
	for (uint16_t seq = 0; seq < JITTER_SLOTS + 5; seq++)
		CHECK(put(seq, seq * 960u, 0));
	CHECK_EQ(jitter.held, JITTER_SLOTS);
	CHECK_EQ(take(&missing, &at), 5);
	CHECK_EQ(missing, 5);
}

/* A damaged timestamp moves nothing; three that agree are another time. */
static void a_jump_of_time_is_believed_at_the_third_packet(void)
{
	unsigned missing;
	int64_t at = 0;

	jitter_init(&jitter, 8000);
	put(0, 0, 0);
	take(&missing, &at);
	jitter.restarted = false;
	CHECK(!put(1, 0x80000000, 20));
	CHECK(put(2, 1920, 40));
	CHECK(!put(3, 0x80000000, 60));
	CHECK(!put(4, 0x40000000, 80)); /* they do not agree */
	CHECK(!put(5, 0x40000000 + 960, 100));
	CHECK(!jitter.restarted);
	CHECK(put(6, 0x40000000 + 1920, 120));
	CHECK(jitter.restarted);
	CHECK_EQ(take(&missing, &at), 6);
	CHECK_EQ(missing, 0);
}

static void another_ssrc_starts_over(void)
{
	unsigned missing;
	int64_t at = 0;
	const uint8_t payload[2] = { 9, 9 };

	jitter_init(&jitter, 8000);
	put(10, 0, 0);
	jitter.restarted = false;
	CHECK(jitter_put(
		&jitter,
		&(struct rtp_packet){ .seq = 7, .ssrc = 5, .payload = payload, .bytes = 2 }, 48000,
		3));
	CHECK(jitter.restarted);
	CHECK_EQ(jitter.held, 1);
	CHECK_EQ(take(&missing, &at), 0x909);
}

static void a_packet_without_audio_keeps_its_place_only(void)
{
	unsigned missing;

	jitter_init(&jitter, 8000);
	put(1, 0, 0);
	jitter_put_empty(&jitter, &(struct rtp_packet){ .seq = 2, .timestamp = 77 });
	put(3, 1920, 40);
	jitter_take(&jitter, jitter_first(&jitter, &missing));
	struct jitter_packet *packet = jitter_first(&jitter, &missing);
	REQUIRE(packet && !packet->audio);
	CHECK_EQ(missing, 0);
	jitter_take(&jitter, packet);
	packet = jitter_first(&jitter, &missing);
	CHECK(packet && packet->audio && missing == 0);
}

static struct delay delay;

static void delays(unsigned n, unsigned period, unsigned most_ms)
{
	for (unsigned i = 0; i < n; i++)
		delay_put(&delay, 100000 + (i % period ? 0 : most_ms), i * 20);
}

static void the_target_is_what_nearly_all_packets_keep(void)
{
	delay_init(&delay);
	CHECK_EQ(delay_target_ms(&delay), 0);
	delays(1000, 10, 70);
	CHECK_EQ(delay_target_ms(&delay), 70);
	delay_init(&delay);
	delays(1000, 200, 70); /* rarer than it counts */
	CHECK_EQ(delay_target_ms(&delay), 0);
}

/* The base is the quickest, the usual delay the middle one's. */
static void the_usual_delay_is_the_median_of_the_window(void)
{
	delay_init(&delay);
	CHECK_EQ(delay_usual_ms(&delay), 0);
	delays(99, 3, 70); /* one of three is late: most are as quick as the quickest */
	CHECK_EQ(delay_usual_ms(&delay), 0);
	delay_init(&delay);
	for (unsigned i = 0; i < 100; i++)
		delay_put(&delay, 1000 + i % 3 * 40, 20 * i);
	CHECK_EQ(delay_usual_ms(&delay), 40);
	for (unsigned i = 0; i < DELAY_WINDOW; i++) /* and back on a clean network */
		delay_put(&delay, 1000, 2000 + 20 * i);
	CHECK_EQ(delay_usual_ms(&delay), 0);
}

static void the_target_forgets(void)
{
	delay_init(&delay);
	delays(1000, 10, 70);
	delays(DELAY_WINDOW, 1000, 0);
	CHECK_EQ(delay_target_ms(&delay), 0);
}

/* Half a second later than ever is an outage; when all are for long, another route. */
static void an_outage_is_no_jitter_but_another_route_is_learnt(void)
{
	delay_init(&delay);
	delays(500, 10, 20);
	for (uint64_t ms = 10000; ms < 10400; ms += 20)
		delay_put(&delay, 100500, ms);
	CHECK_EQ(delay_target_ms(&delay), 20);
	delay_put(&delay, 100000, 10400);
	for (uint64_t ms = 10420; ms < 11000; ms += 20)
		delay_put(&delay, 100500, ms);
	CHECK_EQ(delay.least_ms, 100500);
	CHECK_EQ(delay_target_ms(&delay), 0);
	delay_put(&delay, 99000, 11000); /* and a much faster one at once */
	CHECK_EQ(delay.least_ms, 99000);
}

/* Every order of every size leaves the books in balance. */
static void any_delays_leave_the_books_in_balance(void)
{
	uint32_t seed = 3;

	delay_init(&delay);
	for (unsigned i = 0; i < 200000; i++) {
		seed = seed * 1664525 + 1013904223;
		int64_t range = i / 1000 % 3 == 0 ? 100 : i / 1000 % 3 == 1 ? 700 : 100000;
		unsigned sum = 0;

		delay_put(&delay, (int64_t)(seed >> 8) % range - range / 2, i * 5);
		if (i % 97)
			continue;
		for (unsigned k = 0; k < DELAY_BINS; k++)
			sum += delay.bins[k];
		if (sum != delay.n || delay.most_ms - delay.least_ms >= DELAY_BINS ||
		    delay_target_ms(&delay) > delay.most_ms - delay.least_ms) {
			CHECK(!"balance");
			return;
		}
	}
}

static void redundant_blocks_are_split(void)
{
	/* RFC 2198 §3: two earlier ones of 2 and 1 octets, the primary of 3. */
	const uint8_t payload[] = { 0x80 | 111,
				    1920 >> 6,
				    (1920 & 0x3f) << 2,
				    2,
				    0x80 | 110,
				    960 >> 6,
				    (960 & 0x3f) << 2,
				    1,
				    109,
				    'a',
				    'b',
				    'c',
				    'd',
				    'e',
				    'f' };
	struct red_block blocks[RED_MAX_BLOCKS];

	CHECK_EQ(red_parse(payload, sizeof(payload), blocks), 3);
	CHECK_EQ(blocks[0].pt, 111);
	CHECK_EQ(blocks[0].earlier, 1920);
	CHECK(blocks[0].bytes == 2 && blocks[0].payload[0] == 'a');
	CHECK(blocks[1].pt == 110 && blocks[1].earlier == 960 && blocks[1].payload[0] == 'c');
	CHECK(blocks[2].pt == 109 && blocks[2].bytes == 3 && blocks[2].payload[2] == 'f');
	CHECK_EQ(red_parse(payload + 8, 1, blocks), 1); /* empty, but whole */
	CHECK_EQ(blocks[0].bytes, 0);

	for (size_t n = 0; n < 12; n++) { /* cut short anywhere before the primary one */
		uint8_t *copy = malloc(n + 1);

		REQUIRE(copy);
		memcpy(copy + 1, payload, n);
		CHECK_EQ(red_parse(copy + 1, n, blocks), -EBADMSG);
		free(copy);
	}

	uint8_t many[4 * RED_MAX_BLOCKS + 1];
	memset(many, 0, sizeof(many));
	for (size_t i = 0; i < RED_MAX_BLOCKS; i++)
		many[4 * i] = 0x80;
	CHECK_EQ(red_parse(many, sizeof(many), blocks), -EBADMSG);
	CHECK_EQ(red_parse(many + 4, sizeof(many) - 4, blocks), RED_MAX_BLOCKS);
}

TESTS(packets_come_out_in_order_and_in_media_time, what_was_played_or_is_there_is_late,
      too_many_packets_push_the_oldest_out, a_jump_of_time_is_believed_at_the_third_packet,
      another_ssrc_starts_over, a_packet_without_audio_keeps_its_place_only,
      the_target_is_what_nearly_all_packets_keep, the_usual_delay_is_the_median_of_the_window,
      the_target_forgets, an_outage_is_no_jitter_but_another_route_is_learnt,
      any_delays_leave_the_books_in_balance, redundant_blocks_are_split)
