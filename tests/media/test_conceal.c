/* Sound made up for lost packets, by G.711 and G.722. */
#include "gateway/media/codec.h"
#include "gateway/media/conceal.h"
#include "tests/check.h"
#include "tests/media/leg.h"

#include <math.h>

enum { FRAME = 160 };

/* A voice: a fundamental and its harmonics. */
static void voice(int16_t *pcm, size_t n, size_t from, double hz)
{
	for (size_t i = 0; i < n; i++) {
		double t = 2 * 3.14159265358979 * hz * (double)(from + i) / 8000;

		pcm[i] = (int16_t)(6000 * sin(t) + 3000 * sin(2 * t + 1) + 1500 * sin(5 * t + 2));
	}
}

static struct conceal *after_200_ms(double hz)
{
	static struct conceal conceal;
	int16_t pcm[FRAME];

	conceal_init(&conceal, 8000);
	for (size_t i = 0; i < 10; i++) {
		voice(pcm, FRAME, i * FRAME, hz);
		conceal_heard(&conceal, pcm, FRAME);
	}
	return &conceal;
}

/* The first 10 ms are within 10 dB of what was lost: not a repetition out of step. */
static void the_voice_goes_on_in_phase(void)
{
	static const double pitches[] = { 80, 100, 125, 147, 178, 190 };

	for (size_t k = 0; k < 6; k++) {
		int16_t made[FRAME], real[FRAME];
		double off = 0, all = 0;

		conceal_make_up(after_200_ms(pitches[k]), made, FRAME);
		voice(real, FRAME, 10 * FRAME, pitches[k]);
		for (size_t i = 0; i < FRAME / 2; i++) {
			off += pow(made[i] - real[i], 2);
			all += pow(real[i], 2);
		}
		CHECK(off < all / 10);
	}
}

static int largest_step(const int16_t *pcm, size_t n)
{
	int most = 0;

	for (size_t i = 1; i < n; i++)
		if (abs(pcm[i] - pcm[i - 1]) > most)
			most = abs(pcm[i] - pcm[i - 1]);
	return most;
}

/* No click where the sound stops nor where it comes back. */
static void both_seams_are_smooth(void)
{
	for (double hz = 80; hz < 200; hz += 7) {
		int16_t pcm[5 * FRAME], all[5 * FRAME];
		struct conceal *conceal = after_200_ms(hz);

		voice(all, 5 * FRAME, 9 * FRAME, hz);
		memcpy(pcm, all, sizeof(pcm));
		conceal_make_up(conceal, pcm + FRAME, FRAME);
		conceal_heard(conceal, pcm + 2 * FRAME, FRAME);
		CHECK(largest_step(pcm, 3 * FRAME) < largest_step(all, 3 * FRAME) * 3 / 2);
		CHECK(memcmp(pcm + 3 * FRAME, all + 3 * FRAME, 2 * FRAME) == 0);
	}
}

static void a_long_loss_fades_to_silence(void)
{
	int16_t pcm[FRAME];
	struct conceal *conceal = after_200_ms(120);
	double before = 1e9;

	for (int i = 0; i < 5; i++) {
		conceal_make_up(conceal, pcm, FRAME);
		double level = rms(pcm, FRAME);
		CHECK(level < before || level == 0);
		CHECK(i < 3 ? level > 0 : level == 0);
		before = level;
	}
}

static void silence_stays_silence(void)
{
	struct conceal conceal;
	int16_t pcm[FRAME];

	conceal_init(&conceal, 16000);
	conceal_make_up(&conceal, pcm, FRAME);
	CHECK_EQ((int)rms(pcm, FRAME), 0);
}

/* Any sound, any lengths: bounded, and never louder than what was heard. */
static void no_sound_makes_it_louder(void)
{
	static struct conceal conceal;
	uint32_t seed = 7;
	int16_t pcm[960];

	for (int k = 0; k < 2000; k++) {
		seed = seed * 1664525 + 1013904223;
		size_t n = 1 + (seed >> 8) % 960;
		int level = 1 + (int)((seed >> 20) % 16000);

		if (k % 50 == 0)
			conceal_init(&conceal, k % 100 ? 8000 : 16000);
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			pcm[i] = (int16_t)((int)(seed >> 16) % level - level / 2);
		}
		if (k % 3)
			conceal_heard(&conceal, pcm, n);
		else
			conceal_make_up(&conceal, pcm, n);
		for (size_t i = 0; i < n; i++)
			if (abs(pcm[i]) > 24000) {
				CHECK(!"louder");
				return;
			}
	}
}

/* The codec's own door: payload NULL. */
static void every_waveform_codec_conceals(void)
{
	static const struct codec *const codecs[] = { &codec_pcma, &codec_pcmu, &codec_g722 };

	for (size_t k = 0; k < 3; k++) {
		const struct codec_config config = { .pcm_rate = codecs[k]->pcm_rate };
		size_t frame = config.pcm_rate / 50;
		void *encoder, *decoder;
		int16_t pcm[320], made[320];
		uint8_t payload[RTP_MAX_PAYLOAD];

		REQUIRE(codecs[k]->open_encoder(&config, &encoder) == 0);
		REQUIRE(codecs[k]->open_decoder(&config, &decoder) == 0);
		for (size_t i = 0; i < 10; i++) {
			tone(pcm, frame, i * frame, 200, 8000, config.pcm_rate);
			int n = codecs[k]->encode(encoder, pcm, frame, payload, sizeof(payload));
			REQUIRE(codecs[k]->decode(decoder, payload, (size_t)n, made, frame) ==
				(int)frame);
		}
		CHECK_EQ(codecs[k]->decode(decoder, NULL, 0, made, frame), (int)frame);
		CHECK(tone_amplitude(made, frame / 2, 200, config.pcm_rate) > 7000);
		codecs[k]->close_encoder(encoder);
		codecs[k]->close_decoder(decoder);
	}
}

TESTS(the_voice_goes_on_in_phase, both_seams_are_smooth, a_long_loss_fades_to_silence,
      silence_stays_silence, no_sound_makes_it_louder, every_waveform_codec_conceals)
