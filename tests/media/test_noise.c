/* Comfort noise: how loud, and what a peer may say about it (RFC 3389). */
#include "gateway/media/noise.h"
#include "tests/media/pair.h"

static double level_of(struct noise *noise)
{
	for (size_t i = 0; i < 16000; i++)
		heard[i] = noise_next(noise);
	return rms(heard, 16000);
}

static void a_level_that_was_told_is_kept_until_there_is_sound(void)
{
	static const unsigned levels[] = { 40, 50, 60, 70 };
	int16_t sound[160];
	struct noise noise;

	noise_init(&noise);
	CHECK(level_of(&noise) < 1);
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		noise_tell(&noise, levels[i]);
		CHECK(fabs(20 * log10(level_of(&noise) / 32768) + levels[i]) < 1);
	}
	tone(sound, 160, 0, 500, 4, 8000);
	noise_hear(&noise, sound, 160);
	CHECK(level_of(&noise) < 4);
}

/* Whoever says that his silence is as loud as can be is not believed. */
static void told_noise_is_never_loud(void)
{
	struct noise noise;

	noise_init(&noise);
	noise_tell(&noise, 0);
	CHECK(20 * log10(level_of(&noise) / 32768) < -29);
	noise_tell(&noise, 127);
	CHECK(level_of(&noise) < 1);
}

/* A browser's G.711 with comfort noise: the phone hears the noise as loud as it was said,
 * and speech again after it; nothing is counted as unknown, lost or made up. */
static void a_pause_sounds_as_the_peer_said(void)
{
	struct leg_config web = phone_pcma;
	const uint8_t noise[] = { 45, 0x10, 0x20 }; /* a level, and two coefficients */
	struct bridge_counts counts;

	web.browser = true;
	web.codec = &codec_pcmu;
	web.pt = 0;
	REQUIRE(call(&web, &phone_pcma));
	talk(0, 1000);
	const struct rtp_packet packet = { .pt = RTP_PT_COMFORT_NOISE,
					   .seq = browser.seq++,
					   .timestamp = browser.timestamp,
					   .ssrc = browser.ssrc,
					   .payload = noise,
					   .bytes = sizeof(noise) };
	uint8_t bytes[64];
	int n = rtp_write(&packet, bytes, sizeof(bytes));
	bridge_end_receive(browser.end, bytes, (size_t)n, 1000);
	for (uint64_t now_ms = 1000; now_ms < 1600; now_ms += 10)
		run(now_ms);
	browser.timestamp += 600 * 8;
	talk(1600, 2200);

	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.unknown_pt, 0);
	CHECK_EQ(counts.receiver.lost + counts.receiver.late, 0);
	CHECK_EQ(counts.receiver.made_up_ms, 0);
	CHECK_EQ(phone.n_got, 110);
	audio_is_steady(&phone);
	size_t samples = leg_hear(&phone, heard, PCM);
	REQUIRE(samples == 110 * 160);
	double db = 20 * log10(rms(heard + 8 * 1100, 8 * 400) / 32768);
	CHECK(fabs(db + 45) < 1.5);
	CHECK(rms(heard + 8 * 1700, 8 * 300) > 5000);
	hang_up();
}

TESTS(a_level_that_was_told_is_kept_until_there_is_sound, told_noise_is_never_loud,
      a_pause_sounds_as_the_peer_said)
