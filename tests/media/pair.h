/* pair.h: a browser, a phone and the bridge between them, on a virtual clock.
 *
 * Everything is static, because CHECK counts in each test program by itself. */
#pragma once

#include "tests/check.h"
#include "tests/media/leg.h"

#include <math.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-const-variable"

enum { PCM = 16000 * 60, BROWSER_HZ = 440, PHONE_HZ = 1000 };

static struct leg browser, phone;
static int16_t heard[PCM];

static const struct leg_config browser_opus = {
	.codec = &codec_opus,
	.pt = 111,
	.event_pt = 110,
	.event_clock = 48000,
	.browser = true,
	.first_seq = 65000,
	.first_timestamp = 0xffff0000,
};

static const struct leg_config phone_pcma = {
	.codec = &codec_pcma,
	.pt = 8,
	.event_pt = 101,
	.event_clock = 8000,
	.first_seq = 65500,
	.first_timestamp = 0xfffffff0,
};

static bool call(const struct leg_config *web, const struct leg_config *plain)
{
	return leg_open(&browser, web) == 0 && leg_open(&phone, plain) == 0 &&
	       bridge_join(browser.end, phone.end) == 0;
}

static void hang_up(void)
{
	leg_close(&browser);
	leg_close(&phone);
}

static void run(uint64_t now_ms)
{
	browser.now_ms = phone.now_ms = now_ms;
	if (bridge_end_due(browser.end) <= now_ms)
		bridge_end_run(browser.end, now_ms);
	if (bridge_end_due(phone.end) <= now_ms)
		bridge_end_run(phone.end, now_ms);
}

/* Both talk from `from_ms` until `to_ms`. */
static void talk(uint64_t from_ms, uint64_t to_ms)
{
	for (uint64_t now_ms = from_ms; now_ms < to_ms; now_ms += 10) {
		run(now_ms);
		if (now_ms % browser.ptime_ms == 0)
			leg_talk(&browser, BROWSER_HZ, 8000, now_ms);
		if (now_ms % phone.ptime_ms == 0)
			leg_talk(&phone, PHONE_HZ, 8000, now_ms);
	}
}

static void audio_is_steady(const struct leg *leg)
{
	uint32_t step = leg->codec->rtp_clock / 1000 * leg->ptime_ms;
	long wrong = 0;

	for (size_t i = 1; i < leg->n_got; i++) {
		const struct rtp_packet *p = &leg->got[i].packet, *before = &leg->got[i - 1].packet;

		wrong += p->timestamp - before->timestamp != step;
		wrong += (uint16_t)(p->seq - before->seq) != 1;
		wrong += p->ssrc != 0xabcd0000u + leg->pt || p->pt != leg->pt;
	}
	CHECK_EQ(wrong, 0);
}

/* A bridge that is swapped or looped fails here: each hears only the other. */
static void hears_only(struct leg *leg, double hz, double other_hz, double db_off)
{
	size_t n = leg_hear(leg, heard, PCM);

	REQUIRE(n > leg->rate);
	double level = tone_amplitude(heard + 4000, n - 4000, hz, leg->rate);
	double noise = rms(heard + 4000, n - 4000);
	CHECK(fabs(20 * log10(level / 8000)) < db_off);
	CHECK(tone_amplitude(heard + 4000, n - 4000, other_hz, leg->rate) < 40);
	/* What is no tone is at least 15 dB below it. */
	double rest = noise * noise - level * level / 2;
	CHECK(rest < level * level / 2 / 31);
}

static void hostile_opus(const uint8_t *payload, size_t bytes, uint64_t now_ms)
{
	const struct rtp_packet bad = {
		.pt = browser.pt,
		.seq = browser.seq++,
		.timestamp = browser.timestamp,
		.ssrc = browser.ssrc,
		.payload = payload,
		.bytes = bytes,
	};
	uint8_t packet[RTP_MAX_PACKET];
	int n = rtp_write(&bad, packet, sizeof(packet));

	browser.timestamp += 960;
	bridge_end_receive(browser.end, packet, (size_t)n, now_ms);
}

#pragma GCC diagnostic pop
