/* The receiver toward a phone: starts, pauses, ends, redundancy, and what a hostile peer
 * may do to it. */
#include "gateway/media/jitter.h"
#include "tests/check.h"
#include "tests/media/network.h"
#include "tests/media/pair.h"

static struct network net;
static struct receiver_counts counts;

static void send_now(unsigned packets)
{
	for (unsigned i = 0; i < packets; i++) {
		network_put(&net, network_send(&net, net.now_ms));
		network_wait(&net, 20);
	}
}

static void a_stream_starts_with_one_frame_after_ten_ms(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	CHECK(receiver_due(net.receiver) == UINT64_MAX);
	net.now_ms = 5000;
	network_put(&net, network_send(&net, 5000));
	CHECK_EQ(receiver_due(net.receiver), 5000 + RECEIVER_START_MS);
	network_wait(&net, 9);
	CHECK_EQ(net.frames, 0);
	network_wait(&net, 1);
	CHECK_EQ(net.frames, 1);
	CHECK_EQ(net.restarts, 1);
	CHECK_EQ(net.made_up, 0);
	network_close(&net);
}

/* Packets that were held while keys were made come at once: no burst goes out. */
static void packets_that_waited_for_the_start_leave_one_by_one(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	net.now_ms = 1000;
	for (int i = 0; i < 6; i++)
		network_put(&net, network_send(&net, net.now_ms));
	network_wait(&net, 20);
	send_now(200);
	CHECK(net.frames >= 199 && net.frames <= 201);
	CHECK_EQ(net.wrong_steps, 0);
	receiver_counts(net.receiver, &counts);
	CHECK_EQ(counts.lost, 0);
	network_close(&net);
}

static void a_stream_that_ends_is_followed_by_a_second_at_most(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	send_now(50);
	network_wait(&net, 5000);
	CHECK(net.frames >= 98 && net.frames <= 101);
	CHECK(receiver_due(net.receiver) == UINT64_MAX);

	/* And goes on when it likes, as if nothing had been, but not in one piece. */
	for (int i = 0; i < 300; i++) /* of media time */
		net.packets[net.n++] = (struct network_packet){ 0 };
	net.packets[net.n - 1].number = 0;
	size_t frames = net.frames;
	unsigned skipped = 0;
	for (; skipped < 50; skipped++) {
		struct network_packet *packet = network_send(&net, net.now_ms);

		packet->seq = (uint16_t)(65400 + 50 + skipped);
		network_put(&net, packet);
		network_wait(&net, 20);
	}
	CHECK(net.frames - frames >= 49 && net.frames - frames <= 51);
	CHECK_EQ(net.restarts, 3); /* start, stop, start */
	CHECK_EQ(net.wrong_steps, 0);
	receiver_counts(net.receiver, &counts);
	CHECK_EQ(counts.lost, 0);
	network_close(&net);
}

/* freeswitch #563: a gap in timestamps without a gap in numbers is silence. */
static void silence_is_neither_lost_nor_said_again(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	send_now(50);
	size_t before = net.made_up;
	network_put(&net, network_send(&net, net.now_ms)); /* the last before ... */
	uint16_t seq = net.packets[net.n - 1].seq;
	network_wait(&net, 400);
	net.n += 19;
	for (int i = 0; i < 50; i++) {
		struct network_packet *packet = network_send(&net, net.now_ms);

		packet->seq = ++seq;
		network_put(&net, packet);
		network_wait(&net, 20);
	}
	receiver_counts(net.receiver, &counts);
	CHECK_EQ(counts.lost, 0);
	CHECK_EQ(counts.late, 0);
	CHECK_EQ(net.wrong_steps, 0);
	CHECK(net.made_up - before <= 8 * 160); /* then it is comfort noise */
	CHECK(net.heard_ms[net.n - 1] > 0);
	network_close(&net);
}

static void put_pt(uint8_t pt, uint16_t seq, uint32_t timestamp, const uint8_t *payload,
		   size_t bytes)
{
	receiver_put(net.receiver,
		     &(struct rtp_packet){ .pt = pt,
					   .seq = seq,
					   .timestamp = timestamp,
					   .ssrc = 1,
					   .payload = payload,
					   .bytes = bytes },
		     net.now_ms);
}

/* RFC 3389, RFC 4733: numbers without audio, and the time between is silence at once. */
static void packets_that_are_no_audio_are_no_loss(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	send_now(50);
	size_t before = net.made_up;
	for (int i = 0; i < 10; i++) {
		struct network_packet *packet = network_send(&net, net.now_ms);

		put_pt(13, packet->seq, packet->timestamp, NULL, 0);
		network_wait(&net, 20);
	}
	send_now(50);
	receiver_counts(net.receiver, &counts);
	CHECK_EQ(counts.lost, 0);
	CHECK_EQ(counts.late, 0);
	CHECK_EQ(net.wrong_steps, 0);
	CHECK(net.made_up - before <= 160);
	network_close(&net);
}

/* Each packet says the one before it again: every single loss is repaired. */
static void redundancy_repairs_losses(void)
{
	REQUIRE(network_open(&net, 1, 20, true) == 0);
	unsigned lost = 0;
	for (unsigned i = 0; i < 1000; i++) {
		struct network_packet *packet = network_send(&net, net.now_ms);
		uint16_t level = (uint16_t)(1000 + i), before = (uint16_t)(level - 1);
		const uint8_t payload[] = {
			0x80 | NETWORK_PT,
			160 >> 6,
			(160 & 0x3f) << 2,
			4,
			NETWORK_PT,
			(uint8_t)(before >> 8),
			(uint8_t)before,
			0,
			0,
			(uint8_t)(level >> 8),
			(uint8_t)level,
			0,
			0,
		};

		if (i % 10 == 7)
			lost++;
		else
			put_pt(NETWORK_RED_PT, packet->seq, packet->timestamp, payload,
			       sizeof(payload));
		network_wait(&net, 20);
	}
	receiver_counts(net.receiver, &counts);
	CHECK(counts.lost >= lost - 1 && counts.lost <= lost);
	CHECK(counts.recovered >= lost - 5); /* but for those before it has learnt to wait */
	CHECK_EQ(counts.late, 0);
	unsigned unheard = 0;
	for (unsigned i = 0; i < 990; i++)
		unheard += net.heard_ms[i] == 0;
	CHECK(unheard <= 5);
	CHECK(lost == 100);
	network_close(&net);
}

/* Whatever comes: one frame per step while live, no packet held longer than the
 * ceiling, a bounded number of decodings for each frame; and the call goes on. */
static void a_hostile_schedule_breaks_no_promise(void)
{
	for (uint32_t seed = 1; seed <= 20; seed++) {
		uint16_t seq = 0;
		uint32_t timestamp = 0, ssrc = 1;

		REQUIRE(network_open(&net, seed * 7919, seed % 2 ? 20 : 10, true) == 0);
		for (unsigned i = 0; i < 20000; i++) {
			uint8_t payload[64];
			unsigned what = network_random(&net) % 100, times = 1;

			for (size_t k = 0; k < sizeof(payload); k++)
				payload[k] = (uint8_t)network_random(&net);
			seq++;
			timestamp += 160;
			if (what == 0)
				timestamp += network_random(&net) << 8;
			else if (what == 1)
				timestamp += 0x80000000;
			else if (what == 2)
				seq = (uint16_t)network_random(&net);
			else if (what == 3)
				ssrc = network_random(&net) % 4;
			else if (what == 4)
				times = 500; /* duplicates */
			else if (what == 5)
				times = 40, network_wait(&net, network_random(&net) % 1500);
			else if (what == 6)
				seq = (uint16_t)(seq - network_random(&net) % 60);
			else if (what == 7)
				timestamp -= network_random(&net) % 4000;
			for (; times > 0; times--) {
				uint8_t pt = (uint8_t)(network_random(&net) % 8 == 0
							       ? NETWORK_RED_PT +
									 network_random(&net) % 2
							       : NETWORK_PT);

				receiver_put(
					net.receiver,
					&(struct rtp_packet){ .pt = pt,
							      .seq = seq,
							      .timestamp = timestamp,
							      .ssrc = ssrc,
							      .payload = payload,
							      .bytes = network_random(&net) % 64 },
					net.now_ms);
				if (what == 5) { /* a burst */
					seq++;
					timestamp += 160;
				}
			}
			if (network_random(&net) % 3)
				network_wait(&net, network_random(&net) % 50);
			uint64_t due_ms = receiver_due(net.receiver);
			CHECK(due_ms == UINT64_MAX || due_ms <= net.now_ms + RECEIVER_MOST_WAIT_MS);
		}
		CHECK_EQ(net.wrong_steps, 0);
		CHECK(net.most_added_ms <= RECEIVER_CEILING_MS);
		CHECK(net.most_depth_ms <= RECEIVER_MOST_WAIT_MS);
		CHECK(net.most_decodes <= 3 * JITTER_SLOTS);
		CHECK(net.frames > 1000);

		network_wait(&net, 2000);
		size_t frames = net.frames;
		send_now(100);
		/* Three packets may be spent on believing in it. */
		CHECK(net.frames - frames >= 96 && net.frames - frames <= 201);
		network_close(&net);
	}
}

/* The loop stood still, and what came meanwhile is read after the timers: it is heard. */
static void packets_that_wait_in_the_socket_are_heard(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	send_now(50);
	net.now_ms += 60;
	receiver_run(net.receiver, net.now_ms);
	for (int i = 0; i < 4; i++)
		network_put(&net, network_send(&net, net.now_ms));
	size_t made_up = net.made_up;
	network_wait(&net, 20);
	net.last_ms = 0;
	send_now(50);
	CHECK_EQ(net.made_up, made_up);
	receiver_counts(net.receiver, &counts);
	CHECK_EQ(counts.late + counts.lost, 0);
	network_close(&net);
}

/* The loop stood still: no burst without end, then the clock of the wall again. */
static void a_loop_that_stood_still_catches_up_in_bounds(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	send_now(50);
	size_t frames = net.frames;
	for (int i = 0; i < 40; i++)
		network_put(&net, network_send(&net, net.now_ms + 1));
	net.now_ms += 800;
	receiver_run(net.receiver, net.now_ms++);
	receiver_run(net.receiver, net.now_ms);
	CHECK(net.frames - frames <= 12);
	CHECK_EQ(net.restarts, 2);
	CHECK(receiver_due(net.receiver) > net.now_ms);
	network_close(&net);
}

/* Chromium sends FEC only if it is told of its losses: what was repaired is reported as
 * lost all the same. */
static void concealed_losses_are_still_reported(void)
{
	uint8_t rtcp[RTCP_MAX_BYTES], packet[RTP_MAX_PACKET];
	struct rtcp_received got;
	struct bridge_counts bridge;

	REQUIRE(call(&browser_opus, &phone_pcma));
	for (uint64_t now_ms = 0; now_ms < 8000; now_ms += 10) {
		run(now_ms);
		if (now_ms % 20)
			continue;
		size_t bytes = leg_pack(&browser, 300, now_ms / 200 % 2 ? 12000 : 3000, packet);
		if (now_ms / 20 % 8 != 3)
			bridge_end_receive(browser.end, packet, bytes, now_ms);
	}
	int n = bridge_end_write_rtcp(browser.end, STR("x"), false, 8000, 0, rtcp, sizeof(rtcp));
	REQUIRE(n > 0 && rtcp_parse(rtcp, (size_t)n, browser.ssrc, &got) == 0 && got.has_report);
	CHECK(got.report.fraction_lost >= 31 && got.report.fraction_lost <= 33);
	CHECK_EQ(got.report.lost, 50);
	bridge_end_counts(browser.end, &bridge);
	CHECK(bridge.receiver.recovered > 10);
	CHECK(bridge.receiver.depth_ms > 0 && bridge.receiver.target_ms > 0);
	CHECK_EQ(phone.n_got, 400);
	audio_is_steady(&phone);
	hang_up();
}

/* RFC 7587 §3.1.3: the browser says that it will be silent; nothing is made up then. */
static void a_pause_that_was_announced_is_comfort_noise_at_once(void)
{
	static const uint8_t dtx[] = { 0x08 }; /* SILK, 20 ms of nothing */
	struct bridge_counts bridge;

	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 1000);
	hostile_opus(dtx, sizeof(dtx), 1000);
	for (uint64_t now_ms = 1000; now_ms < 1400; now_ms += 10)
		run(now_ms);
	browser.timestamp += 19 * 960;
	talk(1400, 2000);
	bridge_end_counts(browser.end, &bridge);
	CHECK_EQ(bridge.receiver.made_up_ms, 0);
	CHECK_EQ(bridge.receiver.lost + bridge.receiver.late, 0);
	CHECK_EQ(phone.n_got, 100);
	audio_is_steady(&phone);
	size_t n = leg_hear(&phone, heard, PCM);
	REQUIRE(n == 16000);
	CHECK(rms(heard + 8 * 1060, 8 * 300) < 100);
	CHECK(rms(heard + 8 * 1500, 8 * 300) > 5000);
	hang_up();
}

/* A digit in between: the sound around it keeps its place in time. */
static void a_digit_leaves_the_sound_in_its_place(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 1000);
	uint32_t timestamp = browser.timestamp;
	for (uint64_t now_ms = 1000; now_ms < 1200; now_ms += 20) {
		run(now_ms);
		run(now_ms + 10);
		uint16_t units = (uint16_t)((now_ms - 980) * 48);
		leg_event(&browser, '7', now_ms == 1000, now_ms == 1180, units, timestamp, now_ms);
	}
	browser.timestamp += 10 * 960;
	talk(1200, 2200);
	REQUIRE(browser.n_digits == 1);
	CHECK_EQ(browser.digits[0].digit, '7');
	CHECK(leg_count(&phone, phone.event_pt) >= 3);

	uint32_t first = phone.got[0].packet.timestamp, last = first;
	for (size_t i = 1; i < phone.n_got; i++) {
		CHECK_EQ((uint16_t)(phone.got[i].packet.seq - phone.got[i - 1].packet.seq), 1);
		if (phone.got[i].packet.pt == phone.pt) {
			CHECK_EQ((phone.got[i].packet.timestamp - last) % 160, 0);
			last = phone.got[i].packet.timestamp;
		}
	}
	CHECK_EQ((last - first) / 160, 2200 / 20 - 1);
	struct bridge_counts bridge;
	bridge_end_counts(browser.end, &bridge);
	CHECK_EQ(bridge.receiver.lost, 0);
	hang_up();
}

TESTS(a_stream_starts_with_one_frame_after_ten_ms,
      packets_that_waited_for_the_start_leave_one_by_one,
      a_stream_that_ends_is_followed_by_a_second_at_most, silence_is_neither_lost_nor_said_again,
      packets_that_are_no_audio_are_no_loss, redundancy_repairs_losses,
      packets_that_wait_in_the_socket_are_heard, a_hostile_schedule_breaks_no_promise,
      a_loop_that_stood_still_catches_up_in_bounds, concealed_losses_are_still_reported,
      a_pause_that_was_announced_is_comfort_noise_at_once, a_digit_leaves_the_sound_in_its_place)
