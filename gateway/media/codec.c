/* codec.c: see codec.h. */
#include "gateway/media/codec.h"

/* In order of preference. G.722 goes between Opus and G.711. */
static const struct codec *const codecs[] = { &codec_opus, &codec_pcma, &codec_pcmu };

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

unsigned codec_common_rate(const struct codec *from, const struct codec *to)
{
	if (from->any_rate)
		return to->pcm_rate;
	if (to->any_rate || from->pcm_rate == to->pcm_rate)
		return from->pcm_rate;
	return 0;
}
