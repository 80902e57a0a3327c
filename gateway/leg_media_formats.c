/* leg_media_formats.c: what one leg lists, in which order and under which numbers. See
 * leg_media.h. */
#include "gateway/leg_media.h"

/* Payload types of our offers where the codec has no static one (Chromium's own,
 * so that a trace reads alike in both directions). */
enum {
	PT_OPUS = 111,
	PT_RED = 63,
	PT_EVENT_48000 = 110,
	PT_EVENT_WEB_8000 = 126,
	PT_EVENT_PLAIN = 101,
};

static void add_format(struct leg_media *m, const struct codec *codec, struct str name,
		       unsigned clock, unsigned channels, unsigned pt, struct str fmtp)
{
	if (m->n_formats == LEG_MEDIA_FORMATS)
		return;
	m->codecs[m->n_formats] = codec;
	m->formats[m->n_formats++] = (struct sdp_format){ .name = name,
							  .clock = clock,
							  .channels = (uint8_t)channels,
							  .pt = (uint8_t)pt,
							  .fmtp = fmtp };
}

static struct str print_opus_fmtp(struct leg_media *m)
{
	bool web = m->config.profile == SDP_WEB;
	struct sdp_opus_policy policy = {
		.max_playback_rate = m->config.max_playback_rate,
		.max_average_bitrate = web ? m->config.config->media.browser_bitrate : 0,
		/* What RED repairs already, FEC would take from the speech (tests/quality). */
		.no_fec = m->remote && m->stream.redundancy.clock,
	};
	struct str fmtp = STR("");

	sdp_opus_fmtp(&policy, m->fmtp, sizeof(m->fmtp), &fmtp);
	return fmtp;
}

static void add_codec(struct leg_media *m, const struct codec *codec)
{
	bool dynamic = codec->static_pt == CODEC_PT_DYNAMIC;
	struct str fmtp = str_of(codec->fmtp);

	if (codec == &codec_opus)
		fmtp = print_opus_fmtp(m);
	add_format(m, codec, str_of(codec->name), codec->rtp_clock, codec->channels,
		   dynamic ? PT_OPUS : codec->static_pt, fmtp);
}

static void add_events(struct leg_media *m)
{
	bool wide = false;

	for (size_t i = 0; i < m->n_formats; i++)
		wide |= m->formats[i].clock == 48000;
	if (wide)
		add_format(m, NULL, STR("telephone-event"), 48000, 1, PT_EVENT_48000, STR("0-15"));
	add_format(m, NULL, STR("telephone-event"), 8000, 1,
		   m->config.profile == SDP_WEB ? PT_EVENT_WEB_8000 : PT_EVENT_PLAIN, STR("0-15"));
}

/* A browser may send its Opus twice over, never we (RFC 2198). Last in `formats`, and
 * offered before Opus: see leg_media_offered(). */
static void add_redundancy(struct leg_media *m)
{
	if (m->config.profile != SDP_WEB || !m->config.config->media.redundancy)
		return;
	for (size_t i = 0; i < m->n_formats; i++) {
		if (m->codecs[i] == &codec_opus) {
			add_format(m, NULL, STR("red"), codec_opus.rtp_clock, codec_opus.channels,
				   PT_RED, STR(""));
			return;
		}
	}
}

/* Opus stays on the browser's side, so that an INVITE to a desk phone is small. Under
 * plan `opus` phones are asked for it too, and browsers for nothing else. */
static bool suits(const struct leg_media *m, const struct codec *codec)
{
	bool web = m->config.profile == SDP_WEB, opus = codec == &codec_opus;

	if (m->config.config->media.plan == CONFIG_PLAN_OPUS)
		return opus || !web;
	return web || m->config.opus || !opus;
}

void leg_media_list_codecs(struct leg_media *m)
{
	const struct config_words *words = &m->config.config->media.codecs;

	for (size_t i = 0; i < words->n; i++) {
		for (size_t j = 0; codec_at(j); j++) {
			const struct codec *codec = codec_at(j);

			if (str_ieq(str_of(codec->name), str_of(words->list[i])) && suits(m, codec))
				add_codec(m, codec);
		}
	}
	add_events(m);
	add_redundancy(m);
}

void leg_media_limit(struct leg_media *m, const struct codec *const *codecs, size_t n)
{
	m->n_formats = 0;
	for (size_t i = 0; i < n; i++)
		add_codec(m, codecs[i]);
	add_events(m);
	add_redundancy(m);
}

void leg_media_set_playback_rate(struct leg_media *m, unsigned hz)
{
	m->config.max_playback_rate = hz < codec_opus.pcm_rate ? hz : 0;
	leg_media_refresh_fmtp(m);
}

void leg_media_refresh_fmtp(struct leg_media *m)
{
	for (size_t i = 0; i < m->n_formats; i++)
		if (m->codecs[i] == &codec_opus)
			m->formats[i].fmtp = print_opus_fmtp(m);
}

unsigned leg_media_max_rate(const struct leg_media *m)
{
	unsigned hz = 0;

	if (m->remote)
		return leg_media_codec(m)->pcm_rate;
	for (size_t i = 0; i < m->n_formats; i++)
		if (m->codecs[i] && m->codecs[i]->pcm_rate > hz)
			hz = m->codecs[i]->pcm_rate;
	return hz;
}

static bool is_taken(const struct leg_media *m, unsigned pt, size_t but)
{
	for (size_t i = 0; i < m->n_formats; i++)
		if (i != but && m->formats[i].pt == pt)
			return true;
	return false;
}

/* A number stays with its format for the whole session (RFC 3264 §8.3.2). Formats
 * that were not agreed on make room. */
static void keep_numbers(struct leg_media *m)
{
	bool agreed[LEG_MEDIA_FORMATS] = { false };
	const struct sdp_stream *s = &m->stream;

	for (size_t i = 0; i < s->n_more; i++) {
		m->formats[s->more[i].ours].pt = s->more[i].receive_pt;
		agreed[s->more[i].ours] = true;
	}
	m->formats[s->codec.ours].pt = s->codec.receive_pt;
	agreed[s->codec.ours] = true;
	if (s->event.clock) {
		m->formats[s->event.ours].pt = s->event.receive_pt;
		agreed[s->event.ours] = true;
	}
	if (s->redundancy.clock) {
		m->formats[s->redundancy.ours].pt = s->redundancy.receive_pt;
		agreed[s->redundancy.ours] = true;
	}
	for (size_t i = 0; i < m->n_formats; i++)
		for (unsigned pt = 127; !agreed[i] && is_taken(m, m->formats[i].pt, i) && pt >= 96;
		     pt--)
			if (!is_taken(m, pt, i))
				m->formats[i].pt = (uint8_t)pt;
}

static void follow_swap(struct sdp_agreed *agreed, size_t one)
{
	if (agreed->ours == one)
		agreed->ours = 0;
	else if (agreed->ours == 0)
		agreed->ours = one;
}

static void put_first(struct leg_media *m, size_t at)
{
	struct sdp_stream *s = &m->stream;
	struct sdp_format format = m->formats[at];
	const struct codec *codec = m->codecs[at];

	if (at == 0)
		return;
	m->formats[at] = m->formats[0];
	m->codecs[at] = m->codecs[0];
	m->formats[0] = format;
	m->codecs[0] = codec;
	follow_swap(&s->codec, at);
	if (s->event.clock)
		follow_swap(&s->event, at);
	if (s->redundancy.clock)
		follow_swap(&s->redundancy, at);
	for (size_t i = 0; i < s->n_more; i++)
		follow_swap(&s->more[i], at);
}

void leg_media_prefer(struct leg_media *m, const struct codec *codec)
{
	for (size_t i = 0; i < m->n_formats; i++) {
		if (m->codecs[i] == codec) {
			put_first(m, i);
			m->prefers = true;
			return;
		}
	}
}

void leg_media_follow(struct leg_media *m, const struct codec *codec)
{
	m->follows = NULL;
	for (size_t i = 0; i < m->n_formats && codec != leg_media_codec(m); i++)
		if (codec && m->codecs[i] == codec)
			m->follows = codec;
}

static size_t place_of(const struct leg_media *m, const struct codec *codec)
{
	size_t at = 0;

	while (m->codecs[at] != codec)
		at++;
	return at;
}

size_t leg_media_offered(struct leg_media *m, struct sdp_format out[LEG_MEDIA_FORMATS])
{
	const struct sdp_format *red = NULL;
	size_t n = 0;

	if (m->remote) { /* the codec in use stays, or makes room for one */
		put_first(m, m->follows ? place_of(m, m->follows) : m->stream.codec.ours);
		keep_numbers(m);
	}
	leg_media_refresh_fmtp(m);
	for (size_t i = 0; i < m->n_formats; i++)
		if (sdp_format_is_red(&m->formats[i]))
			red = &m->formats[i];
	for (size_t i = 0; i < m->n_formats; i++) {
		if (&m->formats[i] == red || (m->follows && i > 0 && m->codecs[i]))
			continue;
		if (red && m->codecs[i] == &codec_opus)
			out[n++] = *red;
		out[n++] = m->formats[i];
	}
	return n;
}
