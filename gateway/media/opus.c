/* opus.c: Opus through libopus (RFC 6716, RFC 7587).
 *
 * The RTP clock is 48000 whatever rate the PCM has: libopus encodes and decodes
 * at 8 and 16 kHz by itself, so no resampler is needed. Mono inside; what a peer
 * sends in stereo is mixed down by the decoder. */
#include "gateway/media/codec.h"

#include <errno.h>
#include <opus.h>
#include <stddef.h>
#include <stdlib.h>

enum {
	/* At 8 kHz and without loss nobody, nor the measure of tests/quality, can tell 1 from
	 * 10, and it costs a third (tests/load/README.md). Below 2 libopus makes no FEC. */
	COMPLEXITY = 5,
	COMPLEXITY_NARROW = 1,
	LOSS_AT_FIRST = 3,    /* percent; FEC costs nothing audible */
	LEAST_BITRATE = 6000, /* RFC 7587 §6.1 */
	MOST_BITRATE = 510000,
};

struct encoder {
	unsigned complexity; /* 0: by rate and loss */
	_Alignas(max_align_t) unsigned char opus[];
};

struct wishes { /* of the peer's fmtp */
	uint32_t playback_rate;
	uint32_t bitrate; /* 0: ours */
	bool fec;
	bool constant_bitrate;
};

/* Decimal, clipped to the range; false for anything that is no number. */
static bool number(struct str text, uint32_t least, uint32_t most, uint32_t *out)
{
	uint64_t n;

	if (!str_to_u64(text, 0, UINT64_MAX, &n))
		return false;
	*out = n < least ? least : n > most ? most : (uint32_t)n;
	return true;
}

static struct wishes read_fmtp(struct str fmtp)
{
	struct wishes wishes = { .playback_rate = 48000, .fec = true };
	uint32_t n;

	while (!str_empty(fmtp)) {
		struct str value = str_cut(&fmtp, ';');
		struct str key = str_trim(str_cut(&value, '='));

		value = str_trim(value);
		if (str_ieq(key, STR("maxplaybackrate")))
			number(value, 8000, 48000, &wishes.playback_rate);
		else if (str_ieq(key, STR("maxaveragebitrate")))
			number(value, LEAST_BITRATE, MOST_BITRATE, &wishes.bitrate);
		else if (str_ieq(key, STR("useinbandfec")) && number(value, 0, 1, &n))
			wishes.fec = n;
		else if (str_ieq(key, STR("cbr")) && number(value, 0, 1, &n))
			wishes.constant_bitrate = n;
	}
	return wishes;
}

static bool rate_is_fine(unsigned rate)
{
	return rate == 8000 || rate == 16000 || rate == 48000;
}

static opus_int32 bandwidth_for(uint32_t rate)
{
	if (rate < 12000)
		return OPUS_BANDWIDTH_NARROWBAND;
	if (rate < 16000)
		return OPUS_BANDWIDTH_MEDIUMBAND;
	if (rate < 24000)
		return OPUS_BANDWIDTH_WIDEBAND;
	return rate < 48000 ? OPUS_BANDWIDTH_SUPERWIDEBAND : OPUS_BANDWIDTH_FULLBAND;
}

static uint32_t bitrate_for(unsigned pcm_rate)
{
	return pcm_rate == 8000 ? 24000 : pcm_rate == 16000 ? 32000 : 40000;
}

static OpusEncoder *opus_of(struct encoder *encoder)
{
	return (OpusEncoder *)(void *)encoder->opus;
}

static void set_loss(void *state, unsigned percent)
{
	struct encoder *encoder = state;
	OpusEncoder *opus = opus_of(encoder);
	unsigned complexity = encoder->complexity;
	opus_int32 rate = 0;

	opus_encoder_ctl(opus, OPUS_GET_SAMPLE_RATE(&rate));
	if (!complexity)
		complexity = rate == 8000 && percent == 0 ? COMPLEXITY_NARROW : COMPLEXITY;
	opus_encoder_ctl(opus, OPUS_SET_COMPLEXITY((opus_int32)complexity));
	opus_encoder_ctl(opus, OPUS_SET_PACKET_LOSS_PERC((opus_int32)percent));
}

static int open_encoder(const struct codec_config *config, void **state)
{
	if (!rate_is_fine(config->pcm_rate))
		return -EINVAL;

	/* Allocated here, not by opus_encoder_create(): so a failure can be tested. */
	struct encoder *encoder = malloc(sizeof(*encoder) + (size_t)opus_encoder_get_size(1));
	if (!encoder)
		return -ENOMEM;
	OpusEncoder *opus = opus_of(encoder);
	if (opus_encoder_init(opus, (opus_int32)config->pcm_rate, 1, OPUS_APPLICATION_VOIP) !=
	    OPUS_OK) {
		free(encoder);
		return -EINVAL;
	}
	encoder->complexity = config->complexity;

	struct wishes wishes = read_fmtp(config->peer_fmtp);
	uint32_t bitrate = wishes.bitrate ? wishes.bitrate : bitrate_for(config->pcm_rate);
	opus_encoder_ctl(opus, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	opus_encoder_ctl(opus, OPUS_SET_BITRATE((opus_int32)bitrate));
	opus_encoder_ctl(opus, OPUS_SET_VBR(!wishes.constant_bitrate));
	opus_encoder_ctl(opus, OPUS_SET_INBAND_FEC(wishes.fec));
	set_loss(encoder, LOSS_AT_FIRST);
	opus_encoder_ctl(opus, OPUS_SET_MAX_BANDWIDTH(bandwidth_for(wishes.playback_rate)));
	*state = encoder;
	return 0;
}

static int open_decoder(const struct codec_config *config, void **state)
{
	if (!rate_is_fine(config->pcm_rate))
		return -EINVAL;

	OpusDecoder *decoder = malloc((size_t)opus_decoder_get_size(1));
	if (!decoder)
		return -ENOMEM;
	if (opus_decoder_init(decoder, (opus_int32)config->pcm_rate, 1) != OPUS_OK) {
		free(decoder);
		return -EINVAL;
	}
	*state = decoder;
	return 0;
}

static void close_state(void *state)
{
	free(state);
}

static int error_of(int opus)
{
	switch (opus) {
	case OPUS_BUFFER_TOO_SMALL:
		return -ENOBUFS;
	case OPUS_BAD_ARG:
		return -EINVAL;
	default:
		return -EBADMSG;
	}
}

static int encode(void *state, const int16_t *pcm, size_t samples, uint8_t *out, size_t cap)
{
	opus_int32 n = opus_encode(opus_of(state), pcm, (int)samples, out, (opus_int32)cap);

	return n < 0 ? error_of(n) : n;
}

/* PCM of exactly `samples`; libopus makes up multiples of 2.5 ms only. */
static int make_up(OpusDecoder *decoder, int16_t *pcm, size_t samples)
{
	int n = opus_decode(decoder, NULL, 0, pcm, (int)samples, 0);

	if (n != (int)samples)
		memset(pcm, 0, samples * sizeof(*pcm));
	return (int)samples;
}

static int decode(void *state, const uint8_t *payload, size_t bytes, int16_t *pcm, size_t cap)
{
	if (!payload)
		return make_up(state, pcm, cap);
	if (bytes == 0) /* libopus would take it for a lost one */
		return -EBADMSG;

	int n = opus_decode(state, payload, (opus_int32)bytes, pcm, (int)cap, 0);
	return n < 0 ? -EBADMSG : n;
}

/* Whether a packet carries its predecessor once more: the bit behind the VAD bits
 * of each channel (RFC 6716 §4.2.3, §4.2.4). */
static bool has_fec(const uint8_t *packet, size_t bytes)
{
	const unsigned char *frames[48];
	opus_int16 sizes[48];

	if (bytes == 0 || packet[0] & 0x80) /* CELT only has none */
		return false;
	if (opus_packet_parse(packet, (opus_int32)bytes, NULL, frames, sizes, NULL) < 1 ||
	    sizes[0] < 2)
		return false;

	int frame_ms = opus_packet_get_samples_per_frame(packet, 48000) / 48;
	unsigned silk_frames = frame_ms > 20 ? (unsigned)frame_ms / 20 : 1;
	unsigned channels = (unsigned)opus_packet_get_nb_channels(packet);
	for (unsigned i = 1; i <= channels; i++)
		if (frames[0][0] & 0x80 >> (i * (silk_frames + 1) - 1))
			return true;
	return false;
}

static int recover(void *state, const uint8_t *next, size_t bytes, int16_t *pcm, size_t samples)
{
	if (!has_fec(next, bytes))
		return -ENOENT;

	int n = opus_decode(state, next, (opus_int32)bytes, pcm, (int)samples, 1);
	return n == (int)samples ? n : make_up(state, pcm, samples);
}

const struct codec codec_opus = {
	.name = "opus",
	.static_pt = CODEC_PT_DYNAMIC,
	.rtp_clock = 48000,
	.pcm_rate = 48000,
	.encode_rates = { 8000, 16000, 48000 },
	.decode_rates = { 8000, 16000, 48000 },
	.channels = 2, /* RFC 7587 §7: always announced as two */
	.fmtp = "minptime=10;useinbandfec=1",
	.open_encoder = open_encoder,
	.open_decoder = open_decoder,
	.close_encoder = close_state,
	.close_decoder = close_state,
	.encode = encode,
	.decode = decode,
	.recover = recover,
	.set_loss = set_loss,
	.frame_ms = { 10, 20, 40, 60 },
};
