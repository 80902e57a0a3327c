/* The codecs: G.711 against the decision values of the standard, Opus by level,
 * loss and hostile packets. */
#include "gateway/media/codec.h"
#include "tests/check.h"
#include "tests/media/leg.h"

#include <errno.h>
#include <math.h>

/* G.711 tables 1a to 2b: the intervals of each segment, as { how many, how wide }
 * in units of the 16-bit scale, from zero upwards. */
struct run {
	int intervals, width;
};

static const struct run pcma_runs[] = { { 32, 16 },  { 16, 32 },  { 16, 64 },  { 16, 128 },
					{ 16, 256 }, { 16, 512 }, { 16, 1024 } };
static const struct run pcmu_runs[] = { { 15, 8 },   { 16, 16 },  { 16, 32 },  { 16, 64 },
					{ 16, 128 }, { 16, 256 }, { 16, 512 }, { 16, 1024 } };

/* The code of the magnitude's interval, counted from zero, and its output value. */
static int interval_of(const struct run *runs, size_t n, int first, int size, int *value)
{
	int from = 0, code = 0;

	if (first) { /* PCMU: half an interval around zero */
		if (size < first) {
			*value = 0;
			return 0;
		}
		from = first;
		code = 1;
	}
	for (size_t i = 0; i < n; i++) {
		int end = from + runs[i].intervals * runs[i].width;

		if (size < end) {
			int k = (size - from) / runs[i].width;

			*value = from + k * runs[i].width + runs[i].width / 2;
			return code + k;
		}
		code += runs[i].intervals;
		from = end;
	}
	*value = from - runs[n - 1].width / 2; /* overload */
	return code - 1;
}

static void pcma_is_the_standards_table(void)
{
	long wrong = 0;

	for (int x = -32768; x <= 32767; x++) {
		int16_t pcm = (int16_t)x, back;
		uint8_t code;
		int value;
		/* The negative half mirrors the positive one at -1/2. */
		int k = interval_of(pcma_runs, 7, 0, x < 0 ? -x - 1 : x, &value);
		void *state;
		const struct codec_config config = { .pcm_rate = 8000 };

		codec_pcma.encode(NULL, &pcm, 1, &code, 1);
		wrong += code != (((x < 0 ? 0 : 0x80) | k) ^ 0x55);
		if (x % 64)
			continue;
		REQUIRE(codec_pcma.open_decoder(&config, &state) == 0);
		codec_pcma.decode(state, &code, 1, &back, 1);
		wrong += back != (x < 0 ? -value : value);
		codec_pcma.close_decoder(state);
	}
	CHECK_EQ(wrong, 0);
}

static void pcmu_is_the_standards_table(void)
{
	long wrong = 0;

	for (int x = -32768; x <= 32767; x++) {
		int16_t pcm = (int16_t)x;
		uint8_t code;
		int value;
		int k = interval_of(pcmu_runs, 8, 4, x < 0 ? -x - 1 : x, &value);

		codec_pcmu.encode(NULL, &pcm, 1, &code, 1);
		wrong += code != 255 - ((x < 0 ? 0x80 : 0) | k);
	}
	CHECK_EQ(wrong, 0);
}

/* All 256 codes: what is decoded lies in its own interval, as the tables say. */
static void every_g711_code_decodes_to_its_interval(void)
{
	const struct codec_config config = { .pcm_rate = 8000 };
	const struct codec *both[] = { &codec_pcma, &codec_pcmu };

	for (int i = 0; i < 2; i++) {
		void *state;

		REQUIRE(both[i]->open_decoder(&config, &state) == 0);
		for (int code = 0; code < 256; code++) {
			uint8_t in = (uint8_t)code, again;
			int16_t pcm;
			int value;

			both[i]->decode(state, &in, 1, &pcm, 1);
			interval_of(i ? pcmu_runs : pcma_runs, i ? 8 : 7, i ? 4 : 0, abs(pcm),
				    &value);
			CHECK_EQ(abs(pcm), value);
			both[i]->encode(NULL, &pcm, 1, &again, 1);
			if (again != in)
				CHECK(i == 1 && in == 0x7f && again == 0xff); /* -0 */
		}
		both[i]->close_decoder(state);
	}
}

static void the_table_finds_by_name_clock_and_payload_type(void)
{
	CHECK(codec_at(0) == &codec_opus);
	CHECK(codec_find(STR("OPUS"), 48000) == &codec_opus);
	CHECK(codec_find(STR("pcma"), 8000) == &codec_pcma);
	CHECK(codec_find(STR("PCMU"), 16000) == NULL);
	CHECK(codec_find(STR("PCM"), 8000) == NULL);
	CHECK(codec_by_pt(0) == &codec_pcmu);
	CHECK(codec_by_pt(8) == &codec_pcma);
	CHECK(codec_by_pt(9) == &codec_g722);
	CHECK(codec_find(STR("G722"), 8000) == &codec_g722);
	CHECK(codec_find(STR("G722"), 16000) == NULL); /* RFC 3551 §4.5.2 */
	CHECK(codec_by_pt(10) == NULL);
	CHECK(codec_by_pt(CODEC_PT_DYNAMIC) == NULL);
	for (size_t i = 0; codec_at(i); i++)
		CHECK(codec_find(str_of(codec_at(i)->name), codec_at(i)->rtp_clock) == codec_at(i));
}

static void ptime_is_what_the_codec_can_make(void)
{
	CHECK_EQ(codec_ptime_ms(&codec_opus, 0), 20);
	CHECK_EQ(codec_ptime_ms(&codec_opus, 30), 20);
	CHECK_EQ(codec_ptime_ms(&codec_opus, 1000), 60);
	CHECK_EQ(codec_ptime_ms(&codec_opus, 3), 10);
	CHECK_EQ(codec_ptime_ms(&codec_pcma, 30), 30);
	CHECK_EQ(codec_ptime_ms(&codec_pcma, 25), 20);
}

static void the_rate_between_two_codecs_is_the_best_that_both_have(void)
{
	static const struct codec fixed = { .pcm_rate = 32000, .encode_rates = { 32000 } };

	CHECK_EQ(codec_common_rate(&codec_opus, &codec_pcma), 8000);
	CHECK_EQ(codec_common_rate(&codec_pcmu, &codec_opus), 8000);
	CHECK_EQ(codec_common_rate(&codec_opus, &codec_g722), 16000);
	CHECK_EQ(codec_common_rate(&codec_g722, &codec_opus), 16000);
	CHECK_EQ(codec_common_rate(&codec_g722, &codec_pcma), 8000);
	CHECK_EQ(codec_common_rate(&codec_pcmu, &codec_g722), 8000);
	CHECK_EQ(codec_common_rate(&codec_pcmu, &codec_pcma), 8000);
	CHECK_EQ(codec_common_rate(&codec_opus, &codec_opus), 48000);
	CHECK_EQ(codec_common_rate(&codec_opus, &fixed), 0);
}

/* What the table says is what open does. */
static void each_codec_opens_at_its_rates_only(void)
{
	for (size_t c = 0; codec_at(c); c++) {
		const struct codec *codec = codec_at(c);

		for (unsigned rate = 0; rate <= 96000; rate += 4000) {
			const struct codec_config config = { .pcm_rate = rate };
			void *state;
			int err = codec->open_encoder(&config, &state);

			CHECK_EQ(err, codec_encodes_at(codec, rate) ? 0 : -EINVAL);
			if (!err)
				codec->close_encoder(state);
			err = codec->open_decoder(&config, &state);
			CHECK_EQ(err, codec_decodes_at(codec, rate) ? 0 : -EINVAL);
			if (!err)
				codec->close_decoder(state);
		}
	}
}

/* For a phone that falls back from G.722: the same sound, nothing above 4 kHz. */
static void g711_decodes_at_16_khz_too(void)
{
	const struct codec_config config = { .pcm_rate = 16000 };
	static int16_t pcm[8000], wide[16000];
	static uint8_t code[8000];

	for (double hz = 300; hz <= 3400; hz += 310) {
		void *state;

		tone(pcm, 8000, 0, hz, 8000, 8000);
		codec_pcma.encode(NULL, pcm, 8000, code, 8000);
		REQUIRE(codec_pcma.open_decoder(&config, &state) == 0);
		CHECK_EQ(codec_pcma.decode(state, code, 8000, wide, 15999), -EBADMSG);
		CHECK_EQ(codec_pcma.decode(state, code, 8000, wide, 16000), 16000);
		double level = tone_amplitude(wide + 8000, 8000, hz, 16000);
		CHECK(fabs(20 * log10(level / 8000)) < 0.5);
		CHECK(hz > 2600 || tone_amplitude(wide + 8000, 8000, 8000 - hz, 16000) < 80);
		CHECK_EQ(codec_pcma.decode(state, NULL, 0, wide, 320), 320);
		CHECK(rms(wide, 320) > 2000);
		codec_pcma.close_decoder(state);
	}
}

struct pair {
	void *encoder, *decoder;
};

static bool open_pair(struct pair *pair, unsigned rate, struct str fmtp)
{
	const struct codec_config config = { .pcm_rate = rate, .peer_fmtp = fmtp };

	return codec_opus.open_encoder(&config, &pair->encoder) == 0 &&
	       codec_opus.open_decoder(&config, &pair->decoder) == 0;
}

static void close_pair(struct pair *pair)
{
	codec_opus.close_encoder(pair->encoder);
	codec_opus.close_decoder(pair->decoder);
}

static void opus_keeps_the_level_at_every_rate(void)
{
	static const unsigned rates[] = { 8000, 16000, 48000 };

	for (size_t r = 0; r < 3; r++) {
		static int16_t in[48000], out[96000];
		struct pair pair;
		size_t frame = rates[r] / 50, n = 0;
		uint8_t packet[1500];

		REQUIRE(open_pair(&pair, rates[r], STR("")));
		tone(in, rates[r], 0, 440, 8000, rates[r]);
		for (size_t i = 0; i + frame <= rates[r]; i += frame) {
			int bytes = codec_opus.encode(pair.encoder, in + i, frame, packet, 1500);

			REQUIRE(bytes > 0);
			int got = codec_opus.decode(pair.decoder, packet, (size_t)bytes, out + n,
						    rates[r] / 1000 * 120);
			CHECK_EQ(got, frame);
			n += (size_t)got;
		}
		double db = 20 * log10(tone_amplitude(out + n / 2, n / 2, 440, rates[r]) / 8000);
		CHECK(fabs(db) < 0.5);
		close_pair(&pair);
	}
}

static void opus_refuses_rates_it_cannot_do(void)
{
	struct pair pair;

	CHECK(!open_pair(&pair, 44100, STR("")));
	CHECK(!open_pair(&pair, 0, STR("")));
}

/* Unknown parameters are ignored, numbers clipped; nothing of it may fail a call. */
static void opus_reads_the_peers_fmtp_leniently(void)
{
	static const char *const texts[] = {
		"",
		"minptime=10;useinbandfec=1",
		";;;=;=1;x",
		" maxplaybackrate = 16000 ; stereo=0",
		"maxplaybackrate=99999999999999999999999",
		"maxplaybackrate=0;maxaveragebitrate=0",
		"maxaveragebitrate=-1;useinbandfec=yes;cbr=7",
		"MAXPLAYBACKRATE=8000",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int16_t pcm[960] = { 0 };
		uint8_t packet[1500];
		struct pair pair;

		REQUIRE(open_pair(&pair, 48000, str_of(texts[i])));
		CHECK(codec_opus.encode(pair.encoder, pcm, 960, packet, 1500) > 0);
		close_pair(&pair);
	}
}

/* The TOC's configuration (RFC 6716 §3.1): 0..3 narrow band, 8..11 wide band. */
static int config_after_a_second(unsigned rate, struct str fmtp)
{
	int16_t pcm[960];
	uint8_t packet[1500] = { 0 };
	struct pair pair;

	if (!open_pair(&pair, rate, fmtp))
		return -1;
	for (size_t i = 0; i < 50; i++) {
		tone(pcm, rate / 50, i * rate / 50, 700, 9000, rate);
		codec_opus.encode(pair.encoder, pcm, rate / 50, packet, 1500);
	}
	close_pair(&pair);
	return packet[0] >> 3;
}

static void maxplaybackrate_narrows_the_band(void)
{
	int narrow = config_after_a_second(48000, STR("maxplaybackrate=8000"));

	CHECK(narrow >= 0 && narrow < 4);
	CHECK(config_after_a_second(48000, STR("")) >= 4);
}

static void opus_makes_up_lost_packets_of_any_length(void)
{
	struct pair pair;
	int16_t pcm[960];

	REQUIRE(open_pair(&pair, 8000, STR("")));
	for (size_t n = 1; n <= 960; n++)
		CHECK_EQ(codec_opus.decode(pair.decoder, NULL, 0, pcm, n), n);
	close_pair(&pair);
}

/* The tone of a lost packet comes back from its successor, not from thin air: it was
 * in the lost one only. */
static void fec_recovers_what_only_the_lost_packet_had(void)
{
	struct pair pair;
	int16_t pcm[160];
	uint8_t packet[1500];
	double with = 0;
	int found = -ENOENT;

	REQUIRE(open_pair(&pair, 8000, STR("")));
	codec_opus.set_loss(pair.encoder, 20);
	for (int i = 0; i < 60; i++) {
		bool loud = i >= 41 && i < 46;
		int bytes;

		tone(pcm, 160, (size_t)i * 160, 500, loud ? 12000 : 50, 8000);
		bytes = codec_opus.encode(pair.encoder, pcm, 160, packet, 1500);
		if (i == 41 || i == 42) /* lost: 41 is made up, 42 recovered */
			continue;
		if (i == 43) {
			codec_opus.decode(pair.decoder, NULL, 0, pcm, 160);
			CHECK(rms(pcm, 160) < 200);
			found = codec_opus.recover(pair.decoder, packet, (size_t)bytes, pcm, 160);
			with = rms(pcm, 160);
		}
		codec_opus.decode(pair.decoder, packet, (size_t)bytes, pcm, 160);
	}
	CHECK_EQ(found, 160);
	CHECK(with > 600);
	close_pair(&pair);
}

static void a_packet_without_fec_says_so(void)
{
	struct pair pair;
	int16_t pcm[960] = { 0 };
	uint8_t packet[1500];

	REQUIRE(open_pair(&pair, 8000, STR("useinbandfec=0")));
	int bytes = codec_opus.encode(pair.encoder, pcm, 160, packet, 1500);
	CHECK_EQ(codec_opus.recover(pair.decoder, packet, (size_t)bytes, pcm, 160), -ENOENT);
	CHECK_EQ(codec_opus.recover(pair.decoder, packet, 0, pcm, 160), -ENOENT);
	close_pair(&pair);
}

struct hostile {
	const char *what;
	uint8_t bytes[8];
	size_t n;
	int want; /* samples at 8 kHz, or -EBADMSG */
};

static const struct hostile hostiles[] = {
	{ "no octet", { 0 }, 0, -EBADMSG },
	{ "TOC alone, 20 ms", { 0x08 }, 1, 160 },
	{ "code 1 with an odd length", { 0x09, 1, 2 }, 3, 0 },
	{ "code 1 with halves that differ", { 0x09, 1 }, 2, -EBADMSG },
	{ "code 2 with a length too long", { 0x0a, 250, 1 }, 3, -EBADMSG },
	{ "code 3 without a count", { 0x0b }, 1, -EBADMSG },
	{ "code 3 of 0 frames", { 0x0b, 0 }, 2, -EBADMSG },
	{ "code 3 of 63 frames of 20 ms", { 0x0b, 63, 0 }, 3, -EBADMSG },
	{ "code 3 of 48 frames of 2.5 ms", { 0xe3, 48 }, 2, 960 },
	{ "code 3 of 49 frames of 2.5 ms", { 0xe3, 49 }, 2, -EBADMSG },
	{ "code 3 with padding too long", { 0x0b, 0x41, 255, 255, 255 }, 5, -EBADMSG },
	{ "code 3 of 2 x 60 ms", { 0x1b, 2 }, 2, 960 },
	{ "code 3 of 3 x 60 ms", { 0x1b, 3 }, 2, -EBADMSG },
};

static void hostile_opus_is_an_error_or_a_bounded_packet(void)
{
	for (size_t i = 0; i < sizeof(hostiles) / sizeof(hostiles[0]); i++) {
		const struct hostile *h = &hostiles[i];
		int16_t *pcm = malloc(960 * sizeof(*pcm));
		struct pair pair;

		REQUIRE(pcm && open_pair(&pair, 8000, STR("")));
		int n = codec_opus.decode(pair.decoder, h->bytes, h->n, pcm, 960);
		if (h->want == 0 ? n > 960 : n != h->want) {
			printf("  %s gave %d\n", h->what, n);
			CHECK(false);
		}
		close_pair(&pair);
		free(pcm);
	}
}

static void g711_makes_up_sound_that_fades_away(void)
{
	const struct codec_config config = { .pcm_rate = 8000 };
	void *state;
	int16_t pcm[160];
	uint8_t code[160];

	REQUIRE(codec_pcma.open_decoder(&config, &state) == 0);
	tone(pcm, 160, 0, 400, 8000, 8000);
	codec_pcma.encode(NULL, pcm, 160, code, 160);
	codec_pcma.decode(state, code, 160, pcm, 160);
	double before = rms(pcm, 160), last = before;
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(codec_pcma.decode(state, NULL, 0, pcm, 160), 160);
		CHECK(rms(pcm, 160) < last || (i > 2 && last == 0)); /* gone after 60 ms */
		last = rms(pcm, 160);
		if (i == 0)
			CHECK(last > before / 2);
	}
	codec_pcma.decode(state, NULL, 0, pcm, 160);
	CHECK(rms(pcm, 160) == 0);
	codec_pcma.close_decoder(state);
}

/* A second of speech-like sound, without loss, as octets. */
static size_t encoded(unsigned complexity, uint8_t *out, size_t cap)
{
	const struct codec_config config = { .pcm_rate = 8000, .complexity = complexity };
	size_t n = 0;
	void *state;

	if (codec_opus.open_encoder(&config, &state))
		return 0;
	codec_opus.set_loss(state, 0);
	for (size_t i = 0; i < 50; i++) {
		int16_t pcm[160];

		tone(pcm, 160, i * 160, i % 20 < 10 ? 220 : 310, 9000, 8000);
		int bytes = codec_opus.encode(state, pcm, 160, out + n, cap - n);

		n += bytes > 0 ? (size_t)bytes : 0;
	}
	codec_opus.close_encoder(state);
	return n;
}

static void opus_works_as_hard_as_it_is_told(void)
{
	static uint8_t by_itself[8000], least[8000], most[8000];
	size_t n = encoded(0, by_itself, sizeof(by_itself));
	size_t n_least = encoded(1, least, sizeof(least));
	size_t n_most = encoded(10, most, sizeof(most));

	CHECK(n > 500);
	CHECK(n == n_least && memcmp(by_itself, least, n) == 0);
	CHECK(n_most != n_least || memcmp(most, least, n_least) != 0);
}

TESTS(opus_works_as_hard_as_it_is_told, pcma_is_the_standards_table, pcmu_is_the_standards_table,
      every_g711_code_decodes_to_its_interval, the_table_finds_by_name_clock_and_payload_type,
      ptime_is_what_the_codec_can_make, the_rate_between_two_codecs_is_the_best_that_both_have,
      each_codec_opens_at_its_rates_only, g711_decodes_at_16_khz_too,
      opus_keeps_the_level_at_every_rate, opus_refuses_rates_it_cannot_do,
      opus_reads_the_peers_fmtp_leniently, maxplaybackrate_narrows_the_band,
      opus_makes_up_lost_packets_of_any_length, fec_recovers_what_only_the_lost_packet_had,
      a_packet_without_fec_says_so, hostile_opus_is_an_error_or_a_bounded_packet,
      g711_makes_up_sound_that_fades_away)
