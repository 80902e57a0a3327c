/* receiver_bend.c: sound is made shorter or longer, so that the lead gets to where it
 * should be: in pauses by any piece, in a voice by single periods of it. */
#include "gateway/media/receiver_playout.h"
#include "gateway/media/splice.h"

enum {
	BEND_EVERY_MS = 40,  /* voice is cut or stretched so often at most, */
	PAUSE_WAIT_MS = 400, /* ... cut only if there was no pause for so long */
	MOST_PERIOD_MS = 15, /* of a voice */
};

static const double LIKE_ENOUGH = 0.7;

/* Faster packets came than ever, or far too many: what is too old is not played. */
void playout_obey_ceiling(struct receiver *r)
{
	struct receiver_playout *p = r->playout;
	int64_t depth = playout_depth_ms(r);

	if (depth <= playout_ceiling_ms(r))
		return;

	int64_t cut = (depth - playout_target_ms(r)) * r->config.pcm_rate / 1000;
	size_t fade = playout_samples(r, PLAYOUT_FADE_MS);
	r->counts.cut_ms += playout_ms(r, (size_t)cut);
	if (p->n < fade) {
		p->end += (int64_t)(fade - p->n);
		playout_make_up(r, fade);
	}
	memcpy(p->tail, p->pcm, fade * sizeof(*p->tail));
	p->n_tail = fade;
	p->end += cut - (int64_t)p->n;
	p->n = 0;
	p->ahead = 0;
}

/* The next packet is decoded ahead of its time if it is there, to have sound enough. */
static bool look_ahead(struct receiver *r, size_t need)
{
	struct receiver_playout *p = r->playout;
	int64_t exact = (int64_t)playout_samples(r, PLAYOUT_EXACT_MS);

	while (p->n < need) {
		unsigned missing;
		struct jitter_packet *packet = jitter_first(&p->jitter, &missing);

		if (!packet || !packet->audio || missing || packet->at - p->end > exact ||
		    packet->at - p->end < -exact)
			return false;
		playout_play(r, packet, 0);
	}
	return true;
}

static void cut(struct receiver *r, size_t n)
{
	struct receiver_playout *p = r->playout;

	splice_cut(p->pcm, p->n, n, playout_samples(r, PLAYOUT_FADE_MS));
	p->n -= n;
	r->counts.cut_ms += playout_ms(r, n);
}

static void put_in(struct receiver *r, size_t n)
{
	struct receiver_playout *p = r->playout;

	splice_repeat(p->pcm, p->n, n, playout_samples(r, PLAYOUT_FADE_MS));
	p->n += n;
	r->counts.put_in_ms += playout_ms(r, n);
}

/* One period of a voice, so that nothing but its length changes. 0: there is none. */
static size_t period(const struct receiver *r, size_t most)
{
	const struct splice_range range = {
		.least = playout_samples(r, PLAYOUT_FADE_MS),
		.most = most,
		.fade = playout_samples(r, PLAYOUT_FADE_MS),
	};
	double likeness;
	size_t n = splice_find(r->playout->pcm, &range, &likeness);

	return likeness >= LIKE_ENOUGH ? n : 0;
}

static void stretch(struct receiver *r, bool pause)
{
	struct receiver_playout *p = r->playout;
	size_t frame = playout_frame(r), fade = playout_samples(r, PLAYOUT_FADE_MS);

	if (playout_depth_ms(r) + (int64_t)r->config.frame_ms > playout_ceiling_ms(r))
		return;
	if (pause && look_ahead(r, frame + fade)) {
		put_in(r, frame);
	} else if (pause) {
		put_in(r, frame - fade);
	} else if (p->since_bend * r->config.frame_ms >= BEND_EVERY_MS) {
		size_t n = period(r, p->n - fade < playout_samples(r, MOST_PERIOD_MS)
					     ? p->n - fade
					     : playout_samples(r, MOST_PERIOD_MS));

		if (n > 0) {
			put_in(r, n);
			p->since_bend = 0;
		}
	}
}

static void shrink(struct receiver *r, bool pause, size_t too_much)
{
	struct receiver_playout *p = r->playout;
	size_t frame = playout_frame(r), fade = playout_samples(r, PLAYOUT_FADE_MS);
	size_t most = pause ? frame : playout_samples(r, MOST_PERIOD_MS);

	if (most > too_much)
		most = too_much;
	if (most < fade || !look_ahead(r, frame + most + fade))
		return;
	if (pause) {
		if (noise_is_pause(&p->noise, p->pcm, most + fade))
			cut(r, most);
	} else if (p->since_bend * r->config.frame_ms >= BEND_EVERY_MS &&
		   p->since_pause * r->config.frame_ms >= PAUSE_WAIT_MS) {
		size_t n = period(r, most);

		if (n > 0) {
			cut(r, n);
			p->since_bend = 0;
		}
	}
}

void playout_adjust(struct receiver *r)
{
	struct receiver_playout *p = r->playout;
	int64_t off = playout_lead_ms(r) - playout_target_ms(r);
	int64_t frame_ms = r->config.frame_ms;

	p->since_bend++;
	if (p->silent > 0 || p->n < playout_frame(r))
		return;

	bool pause = noise_is_pause(&p->noise, p->pcm, playout_frame(r));
	if (off < 0) {
		stretch(r, pause);
		return;
	}

	/* Whole frames less leave enough; so does what is more than whole frames. */
	int64_t rest = (int64_t)playout_ms(r, p->n % playout_frame(r));
	int64_t too_much = off / frame_ms * frame_ms + rest;
	if (too_much < PLAYOUT_FADE_MS)
		p->since_pause = 0;
	else
		p->since_pause = pause ? 0 : p->since_pause + 1;
	if (too_much >= PLAYOUT_FADE_MS && (pause || too_much >= frame_ms))
		shrink(r, pause, playout_samples(r, (unsigned)too_much));
}
