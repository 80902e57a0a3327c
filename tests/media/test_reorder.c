/* The reordering buffer. */
#include "gateway/media/reorder.h"
#include "tests/check.h"

static bool put(struct reorder *j, uint16_t seq, uint64_t now_ms)
{
	uint8_t payload[2] = { (uint8_t)(seq >> 8), (uint8_t)seq };

	return reorder_put(
		j,
		&(struct rtp_packet){
			.seq = seq, .timestamp = seq * 160u, .payload = payload, .bytes = 2 },
		now_ms);
}

/* The next frame's sequence number as its payload says, -1 if there is none. */
static int get(struct reorder *j, uint64_t now_ms, unsigned *missing)
{
	struct reorder_frame frame;

	*missing = 0;
	if (!reorder_get(j, now_ms, &frame))
		return -1;
	*missing = frame.missing;
	return frame.packet.payload[0] << 8 | frame.packet.payload[1];
}

static struct reorder *fresh(void)
{
	static struct reorder reorder;

	reorder_init(&reorder);
	return &reorder;
}

static void a_clean_network_costs_no_delay(void)
{
	struct reorder *j = fresh();
	unsigned missing;

	for (unsigned i = 0; i < 70000; i++) {
		if (!put(j, (uint16_t)(65000 + i), 20 * i) ||
		    get(j, 20 * i, &missing) != (uint16_t)(65000 + i) || missing != 0) {
			CHECK(!"in order");
			return;
		}
		if (reorder_due(j) != UINT64_MAX)
			CHECK(!"empty");
	}
}

static void reordered_packets_come_out_in_order(void)
{
	struct reorder *j = fresh();
	unsigned missing;

	put(j, 10, 0);
	CHECK_EQ(get(j, 0, &missing), 10);
	put(j, 13, 20);
	put(j, 12, 21);
	CHECK_EQ(get(j, 21, &missing), -1);
	put(j, 11, 22);
	for (int i = 11; i <= 13; i++) {
		CHECK_EQ(get(j, 22, &missing), i);
		CHECK_EQ(missing, 0);
	}
}

static void a_gap_is_given_up_after_the_hold_time(void)
{
	struct reorder *j = fresh();
	unsigned missing;

	put(j, 1, 0);
	get(j, 0, &missing);
	put(j, 4, 100);
	CHECK_EQ(reorder_due(j), 100 + REORDER_HOLD_MS);
	CHECK_EQ(get(j, 100 + REORDER_HOLD_MS - 1, &missing), -1);
	CHECK_EQ(get(j, 100 + REORDER_HOLD_MS, &missing), 4);
	CHECK_EQ(missing, 2);
	CHECK(!put(j, 3, 150)); /* too late now */
	CHECK_EQ(j->late, 1);
}

/* Who comes 30 ms after he was given up is waited for the next time, and it is forgotten in
 * seconds; what never comes makes nobody wait longer. */
static void a_gap_is_waited_for_as_long_as_packets_are_overtaken(void)
{
	struct reorder *j = fresh();
	unsigned missing;
	uint16_t seq = 1;
	uint64_t ms = 0;

	put(j, seq++, ms);
	get(j, ms, &missing);
	for (unsigned i = 0; i < 10; i++) { /* lost for good */
		put(j, ++seq, ms += 20);
		CHECK_EQ(reorder_due(j), ms + REORDER_HOLD_MS);
		CHECK_EQ(get(j, ms += REORDER_HOLD_MS, &missing), seq++);
	}
	put(j, ++seq, ms += 20);
	CHECK_EQ(get(j, ms += REORDER_HOLD_MS, &missing), seq);
	CHECK(!put(j, (uint16_t)(seq - 1), ms += 30));
	CHECK(!put(j, seq, ms)); /* a duplicate says nothing */
	seq += 2;
	put(j, seq, ms);
	CHECK_EQ(reorder_due(j), ms + REORDER_HOLD_MS + 30);
	put(j, (uint16_t)(seq - 1), ms + 65);
	CHECK_EQ(get(j, ms + 65, &missing), seq - 1);
	CHECK_EQ(missing, 0);
	CHECK_EQ(get(j, ms + 65, &missing), seq);
	ms += 65;
	for (unsigned i = 0; i < 200; i++) { /* 4 s */
		put(j, ++seq, ms += 20);
		CHECK_EQ(get(j, ms, &missing), seq);
	}
	seq += 2;
	put(j, seq, ms);
	CHECK_EQ(reorder_due(j), ms + REORDER_HOLD_MS);
	CHECK_EQ(get(j, ms += REORDER_HOLD_MS, &missing), seq);
	CHECK(!put(j, (uint16_t)(seq - 1), ms += 5000)); /* a bound */
	put(j, (uint16_t)(seq + 2), ms);
	CHECK_EQ(reorder_due(j), ms + REORDER_MOST_MS);
}

static void duplicates_are_dropped(void)
{
	struct reorder *j = fresh();
	unsigned missing;

	put(j, 1, 0);
	get(j, 0, &missing);
	CHECK(!put(j, 1, 1));
	CHECK(put(j, 3, 2));
	CHECK(!put(j, 3, 3));
	CHECK_EQ(j->late, 2);
}

static void a_full_ring_gives_the_gap_up(void)
{
	struct reorder *j = fresh();
	unsigned missing;

	put(j, 1, 0);
	get(j, 0, &missing);
	for (uint16_t seq = 3; seq < 3 + REORDER_SLOTS - 1; seq++) {
		CHECK(put(j, seq, 5));
		CHECK_EQ(get(j, 5, &missing), -1);
	}
	CHECK(put(j, 3 + REORDER_SLOTS - 1, 5));
	CHECK_EQ(get(j, 5, &missing), 3);
	CHECK_EQ(missing, 1);
	for (int seq = 4; seq < 3 + REORDER_SLOTS; seq++)
		CHECK_EQ(get(j, 5, &missing), seq);
}

static void a_big_jump_starts_over(void)
{
	struct reorder *j = fresh();
	struct reorder_frame frame;
	unsigned missing;

	put(j, 1, 0);
	get(j, 0, &missing);
	CHECK(!put(j, 40000, 20));
	CHECK(!put(j, 40001, 40));
	CHECK(put(j, 40002, 60));
	REQUIRE(reorder_get(j, 60, &frame));
	CHECK(frame.restarted);
	CHECK_EQ(frame.missing, 0);
	CHECK_EQ(frame.packet.seq, 40002);
}

TESTS(a_clean_network_costs_no_delay, reordered_packets_come_out_in_order,
      a_gap_is_given_up_after_the_hold_time, a_gap_is_waited_for_as_long_as_packets_are_overtaken,
      duplicates_are_dropped, a_full_ring_gives_the_gap_up, a_big_jump_starts_over)
