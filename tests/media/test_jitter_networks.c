/* What a phone gets of a browser's stream over bad networks: the numbers that are
 * promised, measured on a virtual clock. */
#include "tests/check.h"
#include "tests/media/network.h"
#include "tests/oom.h"

static struct network net;
static struct receiver_counts counts;

static void count(void)
{
	receiver_counts(net.receiver, &counts);
}

/* Everything is heard, nothing made up before the end, one frame per step. */
static void a_clean_network_adds_less_than_a_frame(void)
{
	for (unsigned frame_ms = 10; frame_ms <= 20; frame_ms += 10) {
		REQUIRE(network_open(&net, 1, frame_ms, false) == 0);
		for (size_t i = 0; i < 3000; i++)
			network_send(&net, 1000 + 20 * i);
		network_run(&net, 11);
		count();
		CHECK(network_most_delay(&net) <= 20);
		/* Up to the middle of the last packet. */
		CHECK_EQ(net.frames, 3000 * 20 / frame_ms - (frame_ms == 10));
		CHECK_EQ(net.wrong_steps, 0);
		CHECK_EQ(counts.made_up_ms + counts.cut_ms + counts.put_in_ms + counts.lost, 0);
		network_close(&net);
	}
}

/* rtpengine loses 40 % of the speech here: a packet that is overtaken is lost to it. */
static void jitter_of_30_ms_loses_a_percent_and_costs_80_ms(void)
{
	unsigned late = 0, packets = 0;

	for (unsigned seed = 1; seed <= 12; seed++) {
		REQUIRE(network_open(&net, seed * 977, 20, false) == 0);
		for (unsigned i = 0; i < 3000; i++) {
			double delay_ms = 150 + 30 * network_normal(&net);
			struct network_packet *packet = network_send(
				&net, 1000 + seed % 20 + 20 * i +
					      (uint64_t)(delay_ms < 0 ? 0 : delay_ms));

			packet->pause = i / 50 % 3 == 2;
		}
		network_run(&net, 200);
		count();
		late += counts.late;
		packets += 3000;
		CHECK(counts.late < 3000 * 14 / 1000);
		CHECK(network_median_delay(&net) <= 82);
		CHECK(net.most_added_ms <= RECEIVER_CEILING_MS);
		CHECK(net.most_depth_ms <= RECEIVER_MOST_WAIT_MS);
		CHECK_EQ(net.wrong_steps, 0);
		network_close(&net);
	}
	CHECK(late * 100 <= packets);
}

/* What most packets wait stays below the ceiling; the quickest wait longer, by as much as
 * they were quicker. */
static void worse_jitter_costs_delay_before_it_costs_speech(void)
{
	static const struct {
		unsigned jitter_ms, most_late_percent, most_median_ms;
	} promises[] = { { 40, 2, 120 }, { 50, 2, 150 }, { 60, 3, 180 } };

	for (size_t k = 0; k < sizeof(promises) / sizeof(*promises); k++) {
		unsigned late = 0;

		for (unsigned seed = 1; seed <= 6; seed++) {
			REQUIRE(network_open(&net, seed * 977, 20, false) == 0);
			for (unsigned i = 0; i < 3000; i++) {
				double delay_ms = promises[k].jitter_ms *
						  (3 + network_normal(&net));
				struct network_packet *packet = network_send(
					&net, 1000 + seed % 20 + 20 * i +
						      (uint64_t)(delay_ms < 0 ? 0 : delay_ms));

				packet->pause = i / 50 % 3 == 2;
			}
			network_run(&net, 400);
			count();
			late += counts.late;
			CHECK(network_median_delay(&net) <= promises[k].most_median_ms);
			CHECK(net.most_added_ms <= RECEIVER_CEILING_MS);
			CHECK(net.most_depth_ms <= RECEIVER_MOST_WAIT_MS);
			CHECK_EQ(net.wrong_steps, 0);
			network_close(&net);
		}
		CHECK(late * 100 <= 6 * 3000 * promises[k].most_late_percent);
	}
}

/* Even then most packets wait for 200 ms and not longer. */
static void no_jitter_takes_the_delay_above_the_ceiling(void)
{
	for (unsigned jitter_ms = 80; jitter_ms <= 320; jitter_ms *= 2) {
		REQUIRE(network_open(&net, jitter_ms, 20, false) == 0);
		for (unsigned i = 0; i < 3000; i++) {
			double delay_ms = jitter_ms * (3 + network_normal(&net));
			struct network_packet *packet = network_send(
				&net, 1000 + 20 * i + (uint64_t)(delay_ms < 0 ? 0 : delay_ms));

			packet->pause = i / 50 % 3 == 2;
		}
		network_run(&net, 400);
		CHECK(network_median_delay(&net) <= RECEIVER_CEILING_MS);
		CHECK(net.most_depth_ms <= RECEIVER_MOST_WAIT_MS);
		CHECK_EQ(net.wrong_steps, 0);
		network_close(&net);
	}
}

static void overtaken_packets_are_put_in_order(void)
{
	REQUIRE(network_open(&net, 5, 20, false) == 0);
	for (size_t i = 0; i < 3000; i++)
		network_send(&net, 1000 + 20 * i + (i % 2 ? 0 : 45));
	network_run(&net, 11);
	count();
	size_t unheard = 0;
	for (size_t i = 50; i < 3000; i++) /* once it has learnt */
		unheard += net.heard_ms[i] == 0 || net.heard_ms[i] < net.heard_ms[i - 1];
	CHECK(unheard <= 1); /* a cut may take a whole one */
	CHECK(counts.late <= 3);
	CHECK(network_most_delay(&net) <= 90);
	network_close(&net);
}

/* Jitter ends: the delay is back within seconds, in speech with and without pauses. */
static void the_delay_shrinks_again_within_seconds(void)
{
	for (int pauses = 0; pauses < 2; pauses++) {
		REQUIRE(network_open(&net, 7, 20, false) == 0);
		for (size_t i = 0; i < 1500; i++) {
			double delay_ms = i < 500 ? 150 + 30 * network_normal(&net) : 100;
			struct network_packet *packet = network_send(
				&net, 1000 + 20 * i + (uint64_t)delay_ms);

			packet->pause = pauses && i / 50 % 2;
		}
		net.n = 500;
		network_run(&net, 0);
		count();
		CHECK(counts.depth_ms >= 90);
		net.n = 500 + 450; /* 9 s */
		network_run(&net, 0);
		count();
		CHECK(counts.depth_ms <= 45);
		CHECK(counts.late < 20);
		CHECK_EQ(net.wrong_steps, 0);
		network_close(&net);
	}
}

/* An hour each way: by pieces of 20 ms at most, in pauses, and nothing is lost. */
static void drift_is_absorbed_for_hours(void)
{
	for (int way = -1; way <= 1; way += 2) {
		REQUIRE(network_open(&net, 1, 20, false) == 0);
		for (size_t i = 0; i < 180000; i++) {
			double ms = 1000 + 20.0 * (double)i * (1 + way * 200e-6);

			network_send(&net, (uint64_t)ms)->pause = i / 50 % 3 == 2;
		}
		network_run(&net, 11);
		count();
		CHECK(counts.lost == 0 && counts.late == 0);
		CHECK(counts.made_up_ms <= 20);
		CHECK(way < 0 ? counts.cut_ms >= 680 && counts.cut_ms <= 1500
			      : counts.put_in_ms >= 680 && counts.put_in_ms <= 1500);
		CHECK(net.most_depth_ms <= 45);
		CHECK_EQ(net.wrong_steps, 0);
		CHECK(net.frames >= 179950 && net.frames <= 180050);
		network_close(&net);
	}
}

/* 500 ms of nothing, then all at once: what is still worth it is played, the delay stays
 * below the ceiling and is back in seconds. */
static void a_spike_of_500_ms_is_over_soon(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	for (size_t i = 0; i < 1000; i++) {
		uint64_t late_ms = i >= 400 && i < 425 ? 500 - 20 * (i - 400) : 0;

		network_send(&net, 1000 + 20 * i + late_ms)->pause = i / 50 % 3 == 2;
	}
	network_run(&net, 0);
	count();
	CHECK(net.most_added_ms <= RECEIVER_CEILING_MS);
	CHECK(net.most_depth_ms <= RECEIVER_MOST_WAIT_MS);
	CHECK(counts.depth_ms <= 45); /* 11.5 s later */
	CHECK(counts.late <= 25);
	CHECK_EQ(net.wrong_steps, 0);
	CHECK_EQ(net.restarts, 1);
	size_t unheard = 0;
	for (size_t i = 425; i < 1000; i++)
		unheard += !net.packets[i].pause && net.heard_ms[i] == 0;
	CHECK(unheard <= 1); /* a cut may take a whole one */
	network_close(&net);
}

/* A busy browser stands still and leaves out the time that passed: all that follows is
 * later than before, for good. It is heard again within a second, however long it was. */
static void a_sender_that_stood_still_is_heard_again_at_once(void)
{
	for (unsigned shift_ms = 40; shift_ms <= 700; shift_ms += 20) {
		REQUIRE(network_open(&net, 3, 20, false) == 0);
		for (size_t i = 0; i < 1000; i++)
			network_send(&net, 1000 + 20 * i + (i < 400 ? 0 : shift_ms));
		network_run(&net, 200);
		size_t unheard = 0;
		for (size_t i = 450; i < 950; i++)
			unheard += net.heard_ms[i] == 0;
		CHECK(unheard <= 15); /* what is cut to be quick again */
		CHECK(net.most_added_ms <= RECEIVER_CEILING_MS);
		CHECK(net.most_depth_ms <= RECEIVER_MOST_WAIT_MS);
		network_close(&net);
	}
}

/* The same once a second, a little each time. */
static void a_sender_that_often_stands_still_is_heard(void)
{
	for (unsigned shift_ms = 30; shift_ms <= 150; shift_ms += 20) {
		REQUIRE(network_open(&net, 3, 20, false) == 0);
		for (size_t i = 0; i < 2000; i++)
			network_send(&net, 1000 + 20 * i + i / 50 * shift_ms);
		network_run(&net, 200);
		size_t unheard = 0;
		for (size_t i = 0; i < 1990; i++)
			unheard += net.heard_ms[i] == 0;
		CHECK(unheard <= 1990 / 10);
		CHECK(net.most_added_ms <= RECEIVER_CEILING_MS);
		CHECK(net.most_depth_ms <= RECEIVER_MOST_WAIT_MS);
		network_close(&net);
	}
}

static void ten_seconds_at_once_are_bounded(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	for (size_t i = 0; i < 2000; i++)
		network_send(&net, i < 200 || i >= 700 ? 1000 + 20 * i : 1000 + 20 * 700);
	network_run(&net, 0);
	count();
	CHECK(net.most_added_ms <= RECEIVER_CEILING_MS);
	CHECK(net.most_depth_ms <= RECEIVER_MOST_WAIT_MS);
	CHECK_EQ(net.wrong_steps, 0);
	CHECK(counts.depth_ms <= 45);
	CHECK(net.most_decodes <= 12);
	network_close(&net);
}

/* 200 ms lost in a row: it is good again with the first packet behind them. */
static void a_burst_of_losses_is_over_at_its_end(void)
{
	REQUIRE(network_open(&net, 1, 20, false) == 0);
	for (size_t i = 0; i < 400; i++)
		network_send(&net, i >= 200 && i < 210 ? UINT64_MAX : 1000 + 20 * i);
	network_run(&net, 11);
	count();
	CHECK_EQ(counts.lost, 10);
	CHECK_EQ(counts.late, 0);
	CHECK(counts.made_up_ms >= 180 && counts.made_up_ms <= 240);
	CHECK(net.heard_ms[210] > 0 && net.heard_ms[210] <= 1000 + 20 * 210 + 100);
	CHECK_EQ(net.frames, 400);
	network_close(&net);
}

/* 15 s of nothing, as in a tunnel: the stream begins anew and is heard at once. */
static void an_outage_of_15_seconds_is_over_at_its_end(void)
{
	for (unsigned jitter_ms = 0; jitter_ms <= 30; jitter_ms += 30) {
		REQUIRE(network_open(&net, 3, 20, false) == 0);
		for (size_t i = 0; i < 1250; i++) {
			double delay_ms = jitter_ms * (3 + network_normal(&net));

			network_send(&net,
				     i >= 300 && i < 1050
					     ? UINT64_MAX
					     : 1000 + 20 * i +
						       (uint64_t)(delay_ms < 0 ? 0 : delay_ms));
		}
		network_run(&net, 11);
		count();
		size_t heard = 1050;
		while (heard < 1060 && net.heard_ms[heard] == 0)
			heard++;
		CHECK(heard < 1053); /* a packet or two of jitter may be late */
		CHECK(net.heard_ms[heard] <= 1000 + 20 * heard + 6 * jitter_ms + 100);
		CHECK(net.restarts <= 3 && net.most_added_ms <= RECEIVER_CEILING_MS);
		CHECK_EQ(net.wrong_steps, 0);
		/* no sound is made up for 15 s */
		CHECK(counts.made_up_ms <= 2 * RECEIVER_STOP_MS);
		network_close(&net);
	}
}

/* The successor of a lost packet is waited for as soon as there are losses. */
static void losses_are_repaired_by_their_successors(void)
{
	size_t lost = 0;

	REQUIRE(network_open(&net, 11, 20, true) == 0);
	for (size_t i = 0; i < 3000; i++) {
		bool gone = network_random(&net) % 20 == 0;

		network_send(&net, gone ? UINT64_MAX : 1000 + 20 * i);
		lost += gone;
	}
	network_run(&net, 11);
	count();
	CHECK(counts.lost >= lost - 1 && counts.lost <= lost);
	CHECK(counts.recovered >= lost * 85 / 100); /* all but double losses and the first */
	CHECK_EQ(net.frames, 3000);
	CHECK(network_most_delay(&net) <= 40);
	network_close(&net);
}

static void every_second_is_as_long_as_a_second(void)
{
	/* 20 % lost, jitter, reordering: the timeline toward the phone is the clock's. */
	REQUIRE(network_open(&net, 13, 20, true) == 0);
	for (size_t i = 0; i < 3000; i++) {
		uint64_t ms = 1000 + 20 * i + network_random(&net) % 60;

		network_send(&net, network_random(&net) % 5 ? ms : UINT64_MAX);
	}
	network_run(&net, 0);
	CHECK_EQ(net.wrong_steps, 0);
	CHECK(net.frames >= 2995 && net.frames <= 3005);
	network_close(&net);
}

static int flow(void)
{
	for (size_t i = 0; i < 200; i++) {
		double delay_ms = 100 + 30 * network_normal(&net);
		bool gone = network_random(&net) % 10 == 0;

		network_send(&net,
			     gone ? UINT64_MAX
				  : 1000 + 20 * net.n + (uint64_t)(delay_ms > 0 ? delay_ms : 0));
	}
	network_run(&net, 50);
	return 0;
}

static void nothing_is_allocated_in_the_worst_of_networks(void)
{
	REQUIRE(network_open(&net, 17, 20, true) == 0);
	flow();
	CHECK_EQ(oom_sweep("networks", flow), 1);
	CHECK(net.frames > 390);
	network_close(&net);
}

TESTS(a_clean_network_adds_less_than_a_frame, jitter_of_30_ms_loses_a_percent_and_costs_80_ms,
      worse_jitter_costs_delay_before_it_costs_speech, no_jitter_takes_the_delay_above_the_ceiling,
      overtaken_packets_are_put_in_order, the_delay_shrinks_again_within_seconds,
      drift_is_absorbed_for_hours, a_spike_of_500_ms_is_over_soon,
      a_sender_that_stood_still_is_heard_again_at_once, a_sender_that_often_stands_still_is_heard,
      ten_seconds_at_once_are_bounded, a_burst_of_losses_is_over_at_its_end,
      an_outage_of_15_seconds_is_over_at_its_end, losses_are_repaired_by_their_successors,
      every_second_is_as_long_as_a_second, nothing_is_allocated_in_the_worst_of_networks)
