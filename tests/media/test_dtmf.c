/* Telephone-events: each digit exactly once, whatever the network does. */
#include "gateway/media/dtmf.h"
#include "tests/check.h"

#include <errno.h>

static unsigned seed;

static unsigned chance(unsigned of) /* a fixed sequence: 0..of-1 */
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % of;
}

struct heard {
	struct dtmf_receiver receiver;
	char digits[256];
	unsigned durations[256];
	size_t pressed, released;
};

static void note(struct heard *h, const struct dtmf_news *news)
{
	if (news->what == DTMF_PRESSED && h->pressed < 255)
		h->digits[h->pressed++] = news->digit;
	else if (news->what == DTMF_RELEASED && h->released < 255)
		h->durations[h->released++] = news->duration_ms;
}

static void event(struct heard *h, unsigned number, bool end, uint16_t units, bool marker,
		  uint32_t timestamp, unsigned clock, uint64_t now_ms)
{
	const uint8_t payload[4] = { (uint8_t)number, end ? 0x80 : 0, (uint8_t)(units >> 8),
				     (uint8_t)units };
	struct dtmf_news news[3];
	size_t n = dtmf_receiver_put(
		&h->receiver,
		&(struct rtp_packet){
			.marker = marker, .timestamp = timestamp, .payload = payload, .bytes = 4 },
		clock, now_ms, news);
	for (size_t i = 0; i < n; i++)
		note(h, &news[i]);
}

static void run(struct heard *h, uint64_t now_ms)
{
	struct dtmf_news news;

	if (dtmf_receiver_run(&h->receiver, now_ms, &news))
		note(h, &news);
}

static void digits_and_events_are_the_same_sixteen(void)
{
	for (unsigned i = 0; i < 16; i++)
		CHECK_EQ(dtmf_event(dtmf_digit(i)), i);
	CHECK_EQ(dtmf_event('a'), 12);
	CHECK_EQ(dtmf_event('E'), -1);
	CHECK_EQ(dtmf_event(0), -1);
	CHECK_EQ(dtmf_digit(16), 0);
}

static void repeats_of_an_event_are_one_digit(void)
{
	struct heard h = { 0 };

	for (unsigned i = 1; i <= 5; i++)
		event(&h, 7, false, (uint16_t)(160 * i), i == 1, 1000, 8000, 20 * i);
	for (int i = 0; i < 3; i++)
		event(&h, 7, true, 960, false, 1000, 8000, 120);
	CHECK_EQ(h.pressed, 1);
	CHECK_EQ(h.digits[0], '7');
	REQUIRE(h.released == 1);
	CHECK_EQ(h.durations[0], 120);
}

static void an_end_packet_alone_is_a_digit(void)
{
	struct heard h = { 0 };

	event(&h, 11, true, 4800, false, 5, 48000, 0);
	CHECK_EQ(h.pressed, 1);
	CHECK_EQ(h.digits[0], '#');
	REQUIRE(h.released == 1);
	CHECK_EQ(h.durations[0], 100);
}

static void a_lost_end_is_made_up_for(void)
{
	struct heard h = { 0 };

	event(&h, 1, false, 160, true, 1000, 8000, 20);
	event(&h, 1, false, 320, false, 1000, 8000, 40);
	CHECK_EQ(dtmf_receiver_due(&h.receiver), 40 + DTMF_SILENT_MS);
	run(&h, 40 + DTMF_SILENT_MS - 1);
	CHECK_EQ(h.released, 0);
	run(&h, 40 + DTMF_SILENT_MS);
	REQUIRE(h.released == 1);
	CHECK_EQ(h.durations[0], 40);
	CHECK_EQ(dtmf_receiver_due(&h.receiver), UINT64_MAX);
	event(&h, 1, true, 480, false, 1000, 8000, 300); /* it was only late */
	CHECK_EQ(h.pressed, 1);
	CHECK_EQ(h.released, 1);
}

static void the_same_key_twice_is_two_digits(void)
{
	struct heard h = { 0 };

	event(&h, 5, true, 800, true, 1000, 8000, 100);
	event(&h, 5, true, 800, true, 3000, 8000, 350);
	CHECK_EQ(h.pressed, 2);
	CHECK_EQ(h.released, 2);
}

static void a_new_digit_releases_the_one_before(void)
{
	struct heard h = { 0 };

	event(&h, 5, false, 160, true, 1000, 8000, 100);
	event(&h, 6, false, 160, true, 2000, 8000, 150);
	CHECK_EQ(h.pressed, 2);
	CHECK_EQ(h.released, 1);
	event(&h, 5, true, 800, false, 1000, 8000, 160); /* a straggler */
	CHECK_EQ(h.pressed, 2);
	CHECK_EQ(h.released, 1);
}

static void a_key_held_too_long_ends_by_force(void)
{
	struct heard h = { 0 };
	uint64_t now_ms;

	for (now_ms = 0; now_ms < 7000; now_ms += 20) {
		event(&h, 3, false, (uint16_t)(now_ms * 8), now_ms == 0, 1000, 8000, now_ms);
		run(&h, now_ms);
		CHECK_EQ(h.released, now_ms >= DTMF_MAX_MS);
	}
	CHECK_EQ(h.pressed, 1);
	CHECK_EQ(h.durations[0], DTMF_MAX_MS);
}

/* §2.5.1.3: at 48 kHz a segment is full after 1.365 s. */
static void segments_of_a_long_event_are_one_digit(void)
{
	struct heard h = { 0 };
	uint32_t timestamp = 0xfffff000; /* wraps on the way */
	uint32_t units = 0;

	for (uint64_t now_ms = 0; now_ms < 3000; now_ms += 20) {
		units += 960;
		if (units > 0xffff) {
			timestamp += 0xffff;
			units -= 0xffff;
		}
		event(&h, 9, false, (uint16_t)units, now_ms == 0, timestamp, 48000, now_ms);
	}
	event(&h, 9, true, (uint16_t)units, false, timestamp, 48000, 3000);
	CHECK_EQ(h.pressed, 1);
	REQUIRE(h.released == 1);
	CHECK(h.durations[0] > 2940 && h.durations[0] <= 3000);
}

static void a_marker_makes_it_another_press_of_the_key(void)
{
	struct heard h = { 0 };

	event(&h, 9, false, 0xfff0, true, 1000, 48000, 100); /* its end is lost */
	event(&h, 9, false, 960, true, 1000 + 0xffff, 48000, 200);
	CHECK_EQ(h.pressed, 2);
	CHECK_EQ(h.released, 1);
}

static void what_is_no_digit_is_ignored(void)
{
	struct heard h = { 0 };
	struct dtmf_news news[3];
	const uint8_t payload[4] = { 1, 0, 0, 160 };
	struct rtp_packet packet = { .payload = payload, .bytes = 3 };

	event(&h, 16, false, 160, true, 1000, 8000, 0); /* flash */
	event(&h, 255, true, 160, true, 2000, 8000, 0);
	CHECK_EQ(h.pressed, 0);
	CHECK_EQ(dtmf_receiver_put(&h.receiver, &packet, 8000, 0, news), 0);
	packet.bytes = 0;
	packet.payload = NULL;
	CHECK_EQ(dtmf_receiver_put(&h.receiver, &packet, 8000, 0, news), 0);
}

struct wire {
	struct rtp_packet packet;
	uint8_t payload[4];
	uint64_t ms;
};

/* All that one sender sends, tick by tick. */
static size_t send_all(struct dtmf_sender *s, unsigned clock, uint64_t from_ms, struct wire *out,
		       size_t cap)
{
	struct dtmf_out digit;
	uint32_t base = 0;
	size_t n = 0;

	for (uint64_t now_ms = from_ms; dtmf_sender_due(s) != UINT64_MAX; now_ms += 5) {
		while (n < cap && dtmf_sender_run(s, clock, now_ms, &digit)) {
			if (digit.marker)
				base = (uint32_t)(now_ms * clock / 1000);
			out[n].packet = (struct rtp_packet){
				.marker = digit.marker,
				.timestamp = base + digit.offset,
				.payload = out[n].payload,
				.bytes = 4,
			};
			memcpy(out[n].payload, digit.payload, 4);
			out[n++].ms = now_ms;
		}
	}
	return n;
}

static unsigned units_of(const struct wire *w)
{
	return (unsigned)(w->payload[2] << 8 | w->payload[3]);
}

static void a_digit_has_a_marker_and_three_ends(void)
{
	static const unsigned clocks[] = { 8000, 48000 };

	for (int c = 0; c < 2; c++) {
		struct dtmf_sender s;
		struct wire w[32];

		dtmf_sender_init(&s);
		REQUIRE(dtmf_sender_press(&s, '5', 100) == 0);
		size_t n = send_all(&s, clocks[c], 1000, w, 32);
		REQUIRE(n == 4 + 3);
		for (size_t i = 0; i < n; i++) {
			CHECK_EQ(w[i].packet.marker, i == 0);
			CHECK_EQ(w[i].packet.timestamp, w[0].packet.timestamp);
			CHECK_EQ(w[i].payload[0], 5);
			CHECK_EQ(w[i].payload[1] >> 7, i >= 4);
			/* In the clock of the event's own payload type. */
			CHECK_EQ(units_of(&w[i]) * 1000 / clocks[c], i < 4 ? 20 * (i + 1) : 100);
			CHECK_EQ(w[i].ms, 1000 + 20 * i);
		}
	}
}

static void digits_wait_for_each_other_with_a_pause(void)
{
	struct dtmf_sender s;
	struct wire w[64];

	dtmf_sender_init(&s);
	dtmf_sender_press(&s, '1', 60);
	dtmf_sender_press(&s, '1', 60);
	CHECK(dtmf_sender_busy(&s));
	size_t n = send_all(&s, 8000, 0, w, 64);
	CHECK(!dtmf_sender_busy(&s));
	REQUIRE(n == 10);
	CHECK(w[5].packet.marker);
	CHECK(w[5].packet.timestamp != w[0].packet.timestamp);
	CHECK_EQ(w[5].ms - w[4].ms, DTMF_GAP_MS);
}

static void the_queue_has_a_limit(void)
{
	struct dtmf_sender s;

	dtmf_sender_init(&s);
	CHECK_EQ(dtmf_sender_press(&s, 'x', 100), -EINVAL);
	for (int i = 0; i < DTMF_MAX_QUEUE; i++)
		CHECK_EQ(dtmf_sender_press(&s, '1', 100), 0);
	CHECK_EQ(dtmf_sender_press(&s, '1', 100), -ENOBUFS);
	CHECK_EQ(dtmf_sender_hold(&s, '1'), -ENOBUFS);
}

static void a_long_digit_is_sent_in_segments(void)
{
	struct dtmf_sender s;
	static struct wire w[512];
	struct heard h = { 0 };

	dtmf_sender_init(&s);
	dtmf_sender_press(&s, '8', 3000);
	size_t n = send_all(&s, 48000, 0, w, 512);
	for (size_t i = 0; i < n; i++)
		event(&h, 8, w[i].payload[1] & 0x80, (uint16_t)units_of(&w[i]), w[i].packet.marker,
		      w[i].packet.timestamp, 48000, w[i].ms);
	CHECK_EQ(w[n - 1].packet.timestamp, w[0].packet.timestamp + 2 * 0xffff);
	CHECK_EQ(h.pressed, 1);
	REQUIRE(h.released == 1);
	CHECK(h.durations[0] >= 2999 && h.durations[0] <= 3000);
}

static void a_held_digit_lasts_until_released(void)
{
	struct dtmf_sender s;
	struct dtmf_out out;
	unsigned units = 0;
	uint64_t now_ms;

	dtmf_sender_init(&s);
	dtmf_sender_hold(&s, '2');
	for (now_ms = 0; now_ms < 300; now_ms += 20)
		CHECK(dtmf_sender_run(&s, 8000, now_ms, &out));
	CHECK_EQ(out.payload[1] & 0x80, 0);
	dtmf_sender_release(&s, 250);
	while (dtmf_sender_due(&s) != UINT64_MAX) {
		unsigned next;

		CHECK(dtmf_sender_run(&s, 8000, now_ms, &out));
		next = (unsigned)(out.payload[2] << 8 | out.payload[3]);
		CHECK(next >= units); /* never shorter than told */
		units = next;
		now_ms += 20;
	}
	CHECK_EQ(units, 300 * 8);
}

/* A released digit is never forgotten: forced off without a release too. */
static void a_held_digit_without_release_ends(void)
{
	struct dtmf_sender s;
	static struct wire w[512];

	dtmf_sender_init(&s);
	dtmf_sender_hold(&s, '2');
	size_t n = send_all(&s, 8000, 0, w, 512);
	CHECK(n < 512 && w[n - 1].ms < DTMF_MAX_MS + 100);
	CHECK_EQ(units_of(&w[n - 1]), DTMF_MAX_MS * 8);
}

/* Random 20 % loss, packets doubled and old ones again: 10,000 digits of 160 ms, all
 * right. A digit can only vanish when all its packets do (0.2^10). */
static void digits_survive_twenty_percent_loss(void)
{
	size_t right = 0;

	seed = 4711;
	for (int round = 0; round < 1000; round++) {
		struct dtmf_sender s;
		struct wire w[128];
		struct heard h = { 0 };
		char want[10];
		unsigned clock = round % 2 ? 8000 : 48000;

		dtmf_sender_init(&s);
		for (int i = 0; i < 10; i++) {
			want[i] = dtmf_digit(chance(16));
			CHECK_EQ(dtmf_sender_press(&s, want[i], 160), 0);
		}
		size_t n = send_all(&s, clock, 0, w, 128);
		for (size_t i = 0; i < n; i++) {
			if (chance(5) == 0)
				continue;
			run(&h, w[i].ms);
			for (unsigned k = 0; k <= (chance(10) == 0); k++)
				event(&h, w[i].payload[0], w[i].payload[1] & 0x80,
				      (uint16_t)units_of(&w[i]), w[i].packet.marker,
				      w[i].packet.timestamp, clock, w[i].ms);
			if (i > 0 && chance(10) == 0) /* an old one again */
				event(&h, w[i - 1].payload[0], w[i - 1].payload[1] & 0x80,
				      (uint16_t)units_of(&w[i - 1]), w[i - 1].packet.marker,
				      w[i - 1].packet.timestamp, clock, w[i].ms);
		}
		run(&h, w[n - 1].ms + 1000);
		if (h.pressed == 10 && h.released == 10)
			for (int i = 0; i < 10; i++)
				right += h.digits[i] == want[i];
	}
	CHECK_EQ(right, 10000);
}

TESTS(digits_and_events_are_the_same_sixteen, repeats_of_an_event_are_one_digit,
      an_end_packet_alone_is_a_digit, a_lost_end_is_made_up_for, the_same_key_twice_is_two_digits,
      a_new_digit_releases_the_one_before, a_key_held_too_long_ends_by_force,
      segments_of_a_long_event_are_one_digit, a_marker_makes_it_another_press_of_the_key,
      what_is_no_digit_is_ignored, a_digit_has_a_marker_and_three_ends,
      digits_wait_for_each_other_with_a_pause, the_queue_has_a_limit,
      a_long_digit_is_sent_in_segments, a_held_digit_lasts_until_released,
      a_held_digit_without_release_ends, digits_survive_twenty_percent_loss)
