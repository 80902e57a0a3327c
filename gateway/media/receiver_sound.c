/* receiver_sound.c: what is decoded, recovered or made up, and put behind what is to be
 * played. */
#include "gateway/media/receiver_playout.h"

enum {
	AUDIBLE_MS = 60, /* what a codec makes up is heard so long */
	QUIET_FADE_MS = 10,
	DTX_BYTES = 2, /* RFC 7587 §3.1.3: a packet so short says that silence follows */
};

/* New sound behind what is to be played. */
static void append(struct receiver *r, size_t n)
{
	struct receiver_playout *p = r->playout;
	int16_t *pcm = p->pcm + p->n;

	for (size_t i = 0; i < p->n_tail && i < n; i++) {
		int32_t share = (int32_t)((i + 1) * 4096 / (p->n_tail + 1));

		pcm[i] = (int16_t)((p->tail[i] * (4096 - share) + pcm[i] * share) / 4096);
	}
	p->n_tail = 0;
	p->n += n;
}

/* What the codec makes up, giving way to comfort noise the longer it lasts. */
void playout_make_up(struct receiver *r, size_t n)
{
	struct receiver_playout *p = r->playout;
	const struct codec *codec = r->config.formats[p->format].codec;
	int16_t *pcm = p->pcm + p->n;
	size_t whole = p->quiet ? 0 : playout_samples(r, AUDIBLE_MS);
	size_t none = playout_samples(r, p->quiet ? QUIET_FADE_MS : PLAYOUT_FADED_MS);

	if (p->silent < none)
		codec->decode(r->decoders[p->format], NULL, 0, pcm, n);
	else
		memset(pcm, 0, n * sizeof(*pcm));
	for (size_t i = 0; i < n; i++, p->silent++) {
		if (p->silent < whole)
			continue;

		int64_t left = p->silent < none ? (int64_t)(none - p->silent) : 0;
		int64_t all = (int64_t)(none - whole);
		pcm[i] = (int16_t)((pcm[i] * left + noise_next(&p->noise) * (all - left)) / all);
	}
	if (!p->quiet)
		r->counts.made_up_ms += playout_ms(r, n);
	append(r, n);
}

static void heard(struct receiver *r, size_t n)
{
	struct receiver_playout *p = r->playout;

	noise_hear(&p->noise, p->pcm + p->n, n);
	p->silent = 0;
	p->ahead = 0;
	p->quiet = false;
	append(r, n);
}

/* ---- loss ---- */

void playout_lose(struct receiver *r, unsigned packets)
{
	struct receiver_playout *p = r->playout;

	r->counts.lost += packets;
	for (unsigned i = 0; i < packets && i < 256; i++)
		p->loss += PLAYOUT_LOSS_STEP - p->loss / 256;
}

/* One lost packet's worth, `gap` samples before `next`. */
void playout_conceal(struct receiver *r, const struct jitter_packet *next, size_t gap)
{
	struct receiver_playout *p = r->playout;
	size_t n = gap < p->last_samples ? gap : p->last_samples;
	int format = receiver_format_of(r, next->pt);
	int got = -1;

	if (gap == n && format == (int)p->format && r->config.formats[format].codec->recover)
		got = r->config.formats[format].codec->recover(r->decoders[format], next->payload,
							       next->bytes, p->pcm + p->n, n);
	if (got > 0) {
		r->counts.recovered++;
		heard(r, n);
	} else {
		playout_make_up(r, n);
	}
	p->end += (int64_t)n;
}

static void decode(struct receiver *r, const struct jitter_packet *packet)
{
	struct receiver_playout *p = r->playout;
	int i = receiver_format_of(r, packet->pt);

	if (!receiver_decodes(r, packet->pt)) {
		r->counts.undecodable++;
		return;
	}

	const struct codec *codec = r->config.formats[i].codec;
	int n = codec->decode(r->decoders[i], packet->payload, packet->bytes, p->pcm + p->n,
			      playout_samples(r, CODEC_MAX_PTIME_MS));
	p->end = packet->at;
	p->format = (size_t)i;
	p->loss -= p->loss / 256;
	if (n > 0) {
		r->counts.decoded++;
		p->last_samples = (size_t)n;
		p->end += n;
		heard(r, (size_t)n);
		p->quiet = packet->bytes <= DTX_BYTES;
	} else {
		r->counts.undecodable++;
		p->end += (int64_t)p->last_samples;
		playout_make_up(r, p->last_samples);
	}
}

void playout_play(struct receiver *r, struct jitter_packet *packet, unsigned missing)
{
	struct receiver_playout *p = r->playout;

	playout_lose(r, missing + packet->again);
	r->counts.recovered += packet->again;
	decode(r, packet);
	jitter_take(&p->jitter, packet);
}
