/* Random and damaged bytes at every door of the media folder. The sequence is
 * fixed, so a failure repeats; run it under ASan to see more than crashes. */
#include "gateway/media/rtcp.h"
#include "tests/check.h"
#include "tests/media/leg.h"

static uint64_t state;

static unsigned chance(unsigned of) /* xorshift: 0..of-1 */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 20) % of;
}

static void noise(uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)chance(256);
}

/* Flips, cuts or stretches a packet as a bad network or a bad peer would. */
static size_t damage(uint8_t *packet, size_t bytes)
{
	for (unsigned i = chance(4); i > 0 && bytes > 0; i--) {
		switch (chance(4)) {
		case 0:
			packet[chance((unsigned)bytes)] = (uint8_t)chance(256);
			break;
		case 1:
			packet[chance(bytes < 16 ? (unsigned)bytes : 16)] ^= (uint8_t)(1u << chance(
											       8));
			break;
		case 2:
			bytes = chance((unsigned)bytes + 1);
			break;
		case 3:
			if (bytes + 40 <= RTP_MAX_PACKET) {
				noise(packet + bytes, 40);
				bytes += chance(40);
			}
			break;
		}
	}
	return bytes;
}

/* A copy of its true size, so that ASan sees one octet too far. */
static void *exactly(const uint8_t *packet, size_t bytes)
{
	uint8_t *copy = malloc(bytes ? bytes : 1);

	if (copy && bytes)
		memcpy(copy, packet, bytes);
	return copy;
}

static void rtp_lengths_always_fit(void)
{
	state = 1;
	for (int i = 0; i < 200000; i++) {
		uint8_t packet[RTP_MAX_PACKET];
		struct rtp_packet out;
		size_t n = chance(64);

		noise(packet, n);
		packet[0] = (uint8_t)(0x80 | chance(64));
		uint8_t *copy = exactly(packet, n);
		if (rtp_parse(copy, n, &out) == 0) {
			CHECK(out.payload >= copy + RTP_HEADER);
			CHECK(out.payload + out.bytes <= copy + n);
		}
		free(copy);
	}
}

static void rtcp_never_reads_too_far(void)
{
	const struct rtcp_sender sender = { 1, 2, 3, 4 };
	const struct rtcp_report report = { .ssrc = 7 };

	state = 2;
	for (int i = 0; i < 200000; i++) {
		uint8_t packet[RTP_MAX_PACKET];
		struct rtcp_received got;
		int n = rtcp_write(&(struct rtcp_compound){ .sender = &sender,
							    .report = &report,
							    .cname = STR("name"),
							    .bye = chance(2) },
				   packet, sizeof(packet));
		size_t bytes = damage(packet, (size_t)n);
		uint8_t *copy = exactly(packet, bytes);

		rtcp_parse(copy, bytes, 7, &got);
		free(copy);
	}
}

static void dtmf_presses_and_releases_in_turn(void)
{
	struct dtmf_receiver receiver;
	bool pressed = false;
	long wrong = 0;

	state = 3;
	dtmf_receiver_init(&receiver);
	for (uint64_t now_ms = 0; now_ms < 400000; now_ms += chance(40)) {
		uint8_t payload[6];
		struct dtmf_news news[4];
		struct rtp_packet packet = { .payload = payload, .bytes = chance(7) };
		size_t n = 0;

		noise(payload, sizeof(payload));
		payload[0] = (uint8_t)chance(20);
		packet.timestamp = chance(8) * 0x1fffffffu + chance(3);
		packet.marker = chance(2);
		packet.ssrc = chance(20) == 0;
		n = dtmf_receiver_put(&receiver, &packet, chance(2) ? 8000 : 48000, now_ms, news);
		n += dtmf_receiver_run(&receiver, now_ms, &news[n]);
		for (size_t i = 0; i < n; i++) {
			wrong += news[i].what != (pressed ? DTMF_RELEASED : DTMF_PRESSED);
			wrong += dtmf_event(news[i].digit) < 0;
			wrong += news[i].duration_ms > DTMF_MAX_MS;
			pressed = news[i].what == DTMF_PRESSED;
		}
	}
	CHECK_EQ(wrong, 0);
}

static const struct leg_config web = {
	.codec = &codec_opus,
	.pt = 111,
	.event_pt = 110,
	.event_clock = 48000,
	.browser = true,
};

static const struct leg_config plain = {
	.codec = &codec_pcma,
	.pt = 8,
	.event_pt = 101,
	.event_clock = 8000,
};

static void check_unique(const struct leg *leg)
{
	static uint8_t used[65536];
	long twice = 0;

	memset(used, 0, sizeof(used));
	for (size_t i = 0; i < leg->n_got; i++)
		twice += used[leg->got[i].packet.seq]++;
	CHECK_EQ(twice, 0);
}

/* One leg sends rubbish between its packets; then all is well again. */
static void abuse(struct leg *victim, struct leg *far, uint64_t seed)
{
	uint8_t packet[RTP_MAX_PACKET];
	uint64_t now_ms;

	state = seed;
	for (now_ms = 0; now_ms < 10000; now_ms += 20) {
		victim->now_ms = far->now_ms = now_ms;
		size_t bytes = leg_pack(victim, 500, 8000, packet);

		if (chance(3) == 0)
			leg_event(victim, dtmf_digit(chance(16)), chance(2), chance(2),
				  (uint16_t)chance(65536), victim->timestamp + chance(3) * 960,
				  now_ms);
		if (chance(8) == 0)
			packet[2] ^= (uint8_t)chance(256); /* another number */
		if (chance(8) == 0)
			packet[4] ^= (uint8_t)chance(256); /* another time */
		if (chance(50) == 0)
			packet[8] ^= (uint8_t)chance(4); /* another stream */
		bytes = damage(packet, bytes);
		uint8_t *copy = exactly(packet, bytes);
		if (chance(10) == 0)
			bridge_end_receive_rtcp(victim->end, copy, bytes, now_ms, now_ms);
		for (unsigned i = chance(3); i > 0; i--)
			bridge_end_receive(victim->end, copy, bytes, now_ms);
		free(copy);
		if (chance(100) == 0)
			bridge_end_set_direction(far->end, chance(4));
		if (chance(4)) {
			bridge_end_run(victim->end, now_ms);
			bridge_end_run(far->end, now_ms);
		}
		/* What work is left never lies far ahead. */
		uint64_t due = bridge_end_due(victim->end);
		CHECK(due == UINT64_MAX || due <= now_ms + DTMF_MAX_MS);
	}
	/* As much as time allows, and the packets a burst may hold. */
	CHECK(far->n_got < 10000 / 20 * 3);
	check_unique(far);

	bridge_end_set_direction(far->end, BRIDGE_SENDRECV);
	for (uint64_t end = now_ms + 20000; now_ms < end; now_ms += 20) {
		bridge_end_run(victim->end, now_ms);
		bridge_end_run(far->end, now_ms);
		if (now_ms + 1000 == end)
			far->n_got = 0;
		leg_talk(victim, 500, 8000, now_ms);
	}
	bridge_end_run(victim->end, now_ms); /* the last frame is played by the clock */
	CHECK_EQ(leg_count(far, far->pt), 50);
}

static void a_bridge_outlives_whatever_one_leg_sends(void)
{
	struct leg_config relay = plain;
	struct leg browser, phone;

	relay.pt = 96;
	relay.event_pt = 97;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		REQUIRE(leg_open(&browser, seed % 3 ? &web : &relay) == 0);
		REQUIRE(leg_open(&phone, &plain) == 0);
		REQUIRE(bridge_join(browser.end, phone.end) == 0);
		if (seed % 2)
			abuse(&browser, &phone, seed);
		else
			abuse(&phone, &browser, seed);
		leg_close(&browser);
		leg_close(&phone);
	}
}

TESTS(rtp_lengths_always_fit, rtcp_never_reads_too_far, dtmf_presses_and_releases_in_turn,
      a_bridge_outlives_whatever_one_leg_sends)
