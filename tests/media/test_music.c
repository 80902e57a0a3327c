/* Recordings for parties on hold: which files are taken, and what is played. */
#include "tests/media/pair.h"
#include "tests/oom.h"

#include <errno.h>
#include <stdlib.h>

enum { SECONDS = 2, HZ = 500 };

struct wav_fields {
	uint16_t kind, channels, bits;
	uint32_t rate, says; /* the length of `data` that it claims; 0: the true one */
};

static uint8_t wav[44 + 2 * 8000 * SECONDS];

static void put(size_t at, uint32_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		wav[at + i] = (uint8_t)(value >> 8 * i);
}

static size_t make_wav(struct wav_fields f)
{
	static int16_t pcm[8000 * SECONDS];
	uint32_t bytes = sizeof(pcm);

	tone(pcm, 8000 * SECONDS, 0, HZ, 8000, 8000);
	memcpy(wav, "RIFF....WAVEfmt ", 16);
	put(16, 16, 4);
	put(20, f.kind, 2);
	put(22, f.channels, 2);
	put(24, f.rate, 4);
	put(28, f.rate * 2, 4);
	put(32, 2, 2);
	put(34, f.bits, 2);
	memcpy(wav + 36, "data", 4);
	put(40, f.says ? f.says : bytes, 4);
	for (size_t i = 0; i < 8000 * SECONDS; i++)
		put(44 + 2 * i, (uint16_t)pcm[i], 2);
	return sizeof(wav);
}

static const struct wav_fields good = { 1, 1, 16, 8000, 0 };

static void only_files_that_can_be_played_are_taken(void)
{
	static const struct {
		struct wav_fields fields;
		int err;
	} rows[] = {
		{ { 1, 1, 16, 8000, 0 }, 0 },
		{ { 1, 1, 16, 8000, 0xffffffff }, 0 }, /* written to a pipe */
		{ { 6, 1, 8, 8000, 0 }, -EBADMSG },    /* A-law */
		{ { 1, 2, 16, 8000, 0 }, -EBADMSG },
		{ { 1, 1, 16, 44100, 0 }, -EBADMSG },
		{ { 1, 1, 24, 8000, 0 }, -EBADMSG },
		{ { 1, 1, 16, 8000, 1 }, -EBADMSG }, /* nothing in it */
	};
	struct music *music = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = make_wav(rows[i].fields);

		CHECK_EQ(music_parse(wav, n, &music), rows[i].err);
		if (!rows[i].err) {
			CHECK_EQ(music->n, 8000 * SECONDS);
			free(music);
		}
	}
	size_t n = make_wav(good);
	for (size_t cut = 0; cut < 46; cut++)
		CHECK_EQ(music_parse(wav, cut, &music), -EBADMSG);
	memcpy(wav, "RIFX", 4);
	CHECK_EQ(music_parse(wav, n, &music), -EBADMSG);
	CHECK_EQ(music_parse(wav, MUSIC_MOST_BYTES + 1, &music), -EMSGSIZE);
}

static int parse_and_free(void)
{
	struct music *music;
	int err = music_parse(wav, make_wav(good), &music);

	if (!err)
		free(music);
	return err;
}

static void without_memory_there_is_no_music(void)
{
	CHECK(oom_sweep("music", parse_and_free) > 1);
}

static void music_goes_round_at_any_rate_without_a_click(void)
{
	static const unsigned rates[] = { 8000, 16000, 48000 };
	static int16_t pcm[48000 * 5];
	struct music *music;

	REQUIRE(music_parse(wav, make_wav(good), &music) == 0);
	for (size_t i = 0; i < 3; i++) {
		unsigned rate = rates[i];
		uint64_t at = 0;

		for (unsigned j = 0; j < 250; j++)
			music_read(music, &at, pcm + j * rate / 50, rate / 50, rate);
		CHECK(fabs(20 * log10(tone_amplitude(pcm, rate * 5, HZ, rate) / 8000)) < 0.3);
		double level = rms(pcm, rate * 5);
		CHECK(fabs(level * level / (8000.0 * 8000 / 2) - 1) < 0.1);
	}
	free(music);
}

/* Who is held hears the recording, and after it who held; one unbroken stream. */
static void a_leg_without_partner_hears_music_and_its_partner_again(void)
{
	struct music *music;

	REQUIRE(music_parse(wav, make_wav(good), &music) == 0);
	REQUIRE(call(&browser_opus, &phone_pcma));
	CHECK_EQ(bridge_end_play(browser.end, BRIDGE_MUSIC, 0), -EBUSY);
	bridge_part(browser.end);
	CHECK_EQ(bridge_end_play(browser.end, BRIDGE_MUSIC, 0), -ENOENT); /* there is none */
	hang_up();

	struct leg_config with_music = browser_opus;
	with_music.music = music;
	REQUIRE(call(&with_music, &phone_pcma));
	talk(0, 1000);
	bridge_part(phone.end);
	REQUIRE(bridge_end_play(browser.end, BRIDGE_MUSIC, 1000) == 0);
	size_t before = browser.n_got, at_phone = phone.n_got;
	talk(1000, 5000);
	CHECK_EQ(browser.n_got - before, 200);
	CHECK_EQ(phone.n_got, at_phone); /* the held one is not heard */
	size_t n = leg_hear(&browser, heard, PCM);
	int16_t *second = heard + n - 2 * browser.rate;
	CHECK(fabs(20 * log10(tone_amplitude(second, browser.rate, HZ, browser.rate) / 8000)) < 1);
	CHECK(tone_amplitude(second, browser.rate, PHONE_HZ, browser.rate) < 40);

	REQUIRE(bridge_join(browser.end, phone.end) == 0);
	talk(5000, 8000);
	n = leg_hear(&browser, heard, PCM);
	second = heard + n - browser.rate;
	CHECK(tone_amplitude(second, browser.rate, HZ, browser.rate) < 40);
	CHECK(tone_amplitude(second, browser.rate, PHONE_HZ, browser.rate) > 7000);
	CHECK(phone.n_got > at_phone + 140);
	for (size_t i = 1; i < browser.n_got; i++) {
		const struct rtp_packet *p = &browser.got[i].packet;
		const struct rtp_packet *last = &browser.got[i - 1].packet;

		CHECK_EQ((uint16_t)(p->seq - last->seq), 1);
		CHECK((int32_t)(p->timestamp - last->timestamp) >= 960);
	}
	hang_up();
	free(music);
}

TESTS(only_files_that_can_be_played_are_taken, without_memory_there_is_no_music,
      music_goes_round_at_any_rate_without_a_click,
      a_leg_without_partner_hears_music_and_its_partner_again)
