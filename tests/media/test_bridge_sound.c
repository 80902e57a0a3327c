/* Sounds of our own, and how they give way to the other side. */
#include "tests/media/pair.h"
#include "tests/oom.h"

#include <errno.h>

static void ringback_is_heard_one_second_in_five(void)
{
	REQUIRE(leg_open(&browser, &browser_opus) == 0);
	REQUIRE(bridge_end_play(browser.end, BRIDGE_RINGBACK, 0) == 0);
	for (uint64_t now_ms = 0; now_ms < 7000; now_ms += 10) {
		browser.now_ms = now_ms;
		if (bridge_end_due(browser.end) <= now_ms)
			bridge_end_run(browser.end, now_ms);
	}
	CHECK_EQ(browser.n_got, 350); /* one each 20 ms */
	audio_is_steady(&browser);
	size_t n = leg_hear(&browser, heard, PCM);
	REQUIRE(n == 7 * browser.rate);
	for (unsigned second = 0; second < 7; second++) {
		const int16_t *pcm = heard + second * browser.rate + browser.rate / 8;
		double level = tone_amplitude(pcm, browser.rate * 3 / 4, 425, browser.rate);

		if (second % 5 == 0)
			CHECK(fabs(20 * log10(level / 3277)) < 1);
		else
			CHECK(level < 10);
	}
	leg_close(&browser);
}

static void a_partner_takes_the_place_of_the_sound(void)
{
	uint64_t now_ms;

	REQUIRE(leg_open(&browser, &browser_opus) == 0);
	REQUIRE(leg_open(&phone, &phone_pcma) == 0);
	REQUIRE(bridge_end_play(browser.end, BRIDGE_RINGBACK, 0) == 0);
	for (now_ms = 0; now_ms < 500; now_ms += 10)
		run(now_ms);
	size_t rung = browser.n_got;
	CHECK_EQ(rung, 25);
	REQUIRE(bridge_join(browser.end, phone.end) == 0);
	CHECK_EQ(bridge_end_play(browser.end, BRIDGE_RINGBACK, now_ms), -EBUSY);
	talk(500, 2500);
	CHECK_EQ(browser.n_got, rung + 100); /* not one of the tone besides */
	CHECK(browser.got[rung].packet.marker);
	for (size_t i = 1; i < browser.n_got; i++) {
		const struct rtp_packet *p = &browser.got[i].packet;
		const struct rtp_packet *before = &browser.got[i - 1].packet;

		CHECK_EQ((uint16_t)(p->seq - before->seq), 1);
		CHECK((int32_t)(p->timestamp - before->timestamp) >= 960);
	}
	memmove(browser.got, browser.got + rung, 100 * sizeof(*browser.got));
	browser.n_got = 100;
	for (size_t i = 0; i < 100; i++) /* the payloads moved with them */
		browser.got[i].packet.payload = browser.got[i].bytes + 12;
	hears_only(&browser, PHONE_HZ, 425, 0.5);
	hang_up();
}

static void a_sound_ends_when_it_is_told_to(void)
{
	REQUIRE(leg_open(&browser, &browser_opus) == 0);
	REQUIRE(bridge_end_play(browser.end, BRIDGE_RINGBACK, 0) == 0);
	CHECK_EQ(bridge_end_play(browser.end, BRIDGE_RINGBACK, 0), 0); /* it plays already */
	bridge_end_run(browser.end, 0);
	struct bridge_media media = leg_media(&browser);
	CHECK_EQ(bridge_end_set_media(browser.end, &media), 0); /* a refresh does not */
	bridge_end_run(browser.end, 20);
	CHECK_EQ(browser.n_got, 2);
	CHECK_EQ(bridge_end_play(browser.end, BRIDGE_SILENCE, 40), 0);
	CHECK(bridge_end_due(browser.end) == UINT64_MAX);
	bridge_end_run(browser.end, 40);
	CHECK_EQ(browser.n_got, 2);
	leg_close(&browser);
}

/* A loop that was busy does not send what is late all at once. */
static void late_sound_is_not_made_up_for(void)
{
	REQUIRE(leg_open(&browser, &browser_opus) == 0);
	REQUIRE(bridge_end_play(browser.end, BRIDGE_RINGBACK, 0) == 0);
	bridge_end_run(browser.end, 0);
	bridge_end_run(browser.end, 100);
	CHECK_EQ(browser.n_got, 6);
	bridge_end_run(browser.end, 60000);
	CHECK_EQ(browser.n_got, 7);
	leg_close(&browser);
}

static int play(void)
{
	if (leg_open(&browser, &browser_opus) != 0)
		return -ENOMEM;
	int err = bridge_end_play(browser.end, BRIDGE_RINGBACK, 0);
	CHECK((bridge_end_due(browser.end) == 0) == (err == 0));
	leg_close(&browser);
	return err;
}

static void without_memory_there_is_no_sound(void)
{
	CHECK(oom_sweep("sound", play) > 1);
}

TESTS(ringback_is_heard_one_second_in_five, a_partner_takes_the_place_of_the_sound,
      a_sound_ends_when_it_is_told_to, late_sound_is_not_made_up_for,
      without_memory_there_is_no_sound)
