/* codec.c: see codec.h. */
#include "gateway/media/codec.h"

/* In order of preference. */
static const struct codec *const codecs[] = { &codec_opus, &codec_g722, &codec_pcma, &codec_pcmu };

enum { N_CODECS = sizeof(codecs) / sizeof(codecs[0]) };

const struct codec *codec_at(size_t i)
{
	return i < N_CODECS ? codecs[i] : NULL;
}

const struct codec *codec_find(struct str name, unsigned rtp_clock)
{
	for (size_t i = 0; i < N_CODECS; i++)
		if (codecs[i]->rtp_clock == rtp_clock && str_ieq(name, str_of(codecs[i]->name)))
			return codecs[i];
	return NULL;
}

const struct codec *codec_by_pt(unsigned static_pt)
{
	for (size_t i = 0; i < N_CODECS; i++)
		if (static_pt != CODEC_PT_DYNAMIC && codecs[i]->static_pt == static_pt)
			return codecs[i];
	return NULL;
}

unsigned codec_ptime_ms(const struct codec *codec, unsigned wanted)
{
	unsigned best = codec->frame_ms[0];

	if (wanted == 0)
		wanted = 20;
	for (size_t i = 0; i < sizeof(codec->frame_ms) && codec->frame_ms[i]; i++)
		if (codec->frame_ms[i] <= wanted)
			best = codec->frame_ms[i];
	return best;
}

static bool has_rate(const unsigned rates[4], unsigned rate)
{
	for (size_t i = 0; i < 4 && rates[i]; i++)
		if (rates[i] == rate)
			return true;
	return false;
}

bool codec_encodes_at(const struct codec *codec, unsigned pcm_rate)
{
	return has_rate(codec->encode_rates, pcm_rate);
}

bool codec_decodes_at(const struct codec *codec, unsigned pcm_rate)
{
	return has_rate(codec->decode_rates, pcm_rate);
}

unsigned codec_common_rate(const struct codec *from, const struct codec *to)
{
	unsigned most = from->pcm_rate < to->pcm_rate ? from->pcm_rate : to->pcm_rate, best = 0;

	for (size_t i = 0; i < 4 && to->encode_rates[i]; i++)
		if (to->encode_rates[i] <= most && codec_decodes_at(from, to->encode_rates[i]))
			best = to->encode_rates[i];
	return best;
}
