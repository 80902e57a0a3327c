/* receiver_playout.c: one frame of PCM per step of its own clock, while the stream lives.
 *
 *   packets -> jitter (in order, in media time) -> pcm -> cut or stretch -> a frame
 *                        lost -> recover, make up --^
 *
 * The lead says how long the fastest packet would have waited. It is kept between the
 * target (nearly all packets are in time) and one frame more. It grows by waiting for a
 * packet that is missing, or where a piece of sound can be said twice unheard; it
 * shrinks in pauses, or by cutting single periods of a voice.
 *
 * What must stay true: each frame takes a bounded number of steps, and no packet is
 * played more than RECEIVER_CEILING_MS after it came. */
#include "gateway/media/receiver_state.h"

#include "gateway/media/red.h"
#include "gateway/media/splice.h"

#include <errno.h>
#include <stdlib.h>

enum {
	MOST_PCM_MS = 200,    /* in pcm: what a step needs, the longest packet, a stretch */
	FADE_MS = 5,	      /* of a seam */
	EXACT_MS = 2,	      /* timestamps need not be better */
	MARGIN_MS = 2,	      /* lead beyond the target: clocks of 1 ms */
	MOST_STRETCH_MS = 80, /* lead beyond the target, for late sound to be heard at all */
	AUDIBLE_MS = 60,      /* what a codec makes up is heard so long, ... */
	FADED_MS = 160,	      /* ... and has given way to comfort noise by then */
	QUIET_FADE_MS = 10,
	MOST_STEPS = 200,    /* to fill a frame; packets held bound them long before */
	MOST_FRAMES = 10,    /* at once; a loop that stood still longer goes on from now */
	BEND_EVERY_MS = 40,  /* voice is cut or stretched so often at most, */
	PAUSE_WAIT_MS = 400, /* ... cut only if there was no pause for so long */
	LOSSY = 65536 / 100, /* from this loss on the next packet is waited for */
	LOSS_STEP = 256,
};

static const double LIKE_ENOUGH = 0.7;

int receiver_playout_open(struct receiver *r)
{
	size_t most = (size_t)r->config.pcm_rate / 1000 * MOST_PCM_MS;
	size_t tail = (size_t)r->config.pcm_rate / 1000 * FADE_MS;
	struct receiver_playout *p = calloc(1, sizeof(*p) + (most + tail) * sizeof(*p->pcm));

	if (!p)
		return -ENOMEM;
	p->pcm = (int16_t *)(p + 1);
	p->tail = p->pcm + most;
	p->last_samples = r->config.pcm_rate / 50;
	noise_init(&p->noise);
	jitter_init(&p->jitter, r->config.pcm_rate);
	r->playout = p;
	return 0;
}

static size_t samples_of(const struct receiver *r, unsigned ms)
{
	return (size_t)r->config.pcm_rate / 1000 * ms;
}

static unsigned ms_of(const struct receiver *r, size_t samples)
{
	return (unsigned)(samples * 1000 / r->config.pcm_rate);
}

static size_t frame_samples(const struct receiver *r)
{
	return samples_of(r, r->config.frame_ms);
}

/* ---- how long to wait ---- */

static int64_t target_ms(const struct receiver *r)
{
	const struct receiver_playout *p = r->playout;
	const struct receiver_format *format = &r->config.formats[p->format];
	int64_t target = delay_target_ms(&p->jitter.delay) + MARGIN_MS;
	int64_t most = RECEIVER_CEILING_MS - RECEIVER_FRAME_MS - FADE_MS;

	/* Lost packets are said again by the next: that must be there in time. */
	if (p->loss >= LOSSY && format->codec->recover)
		target += ms_of(r, p->last_samples);
	return target < most ? target : most;
}

/* The lead of what is missing next, when that is needed. */
static int64_t lead_ms(const struct receiver *r)
{
	const struct receiver_playout *p = r->playout;
	uint64_t frames = p->n / frame_samples(r);

	return jitter_lead_ms(&p->jitter, p->end, p->due_ms + frames * r->config.frame_ms);
}

/* ... and how long it has been waiting when it is played. */
static int64_t depth_ms(const struct receiver *r)
{
	const struct receiver_playout *p = r->playout;

	return jitter_lead_ms(&p->jitter, p->end - (int64_t)p->n, p->due_ms);
}

/* ---- sound ---- */

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
static void make_up(struct receiver *r, size_t n)
{
	struct receiver_playout *p = r->playout;
	const struct codec *codec = r->config.formats[p->format].codec;
	int16_t *pcm = p->pcm + p->n;
	size_t whole = p->quiet ? 0 : samples_of(r, AUDIBLE_MS);
	size_t none = samples_of(r, p->quiet ? QUIET_FADE_MS : FADED_MS);

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
		r->counts.made_up_ms += ms_of(r, n);
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

static void lose(struct receiver *r, unsigned packets)
{
	struct receiver_playout *p = r->playout;

	r->counts.lost += packets;
	for (unsigned i = 0; i < packets && i < 256; i++)
		p->loss += LOSS_STEP - p->loss / 256;
}

/* One lost packet's worth, `gap` samples before `next`. */
static void conceal(struct receiver *r, const struct jitter_packet *next, size_t gap)
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
		make_up(r, n);
	}
	p->end += (int64_t)n;
}

static void decode(struct receiver *r, const struct jitter_packet *packet)
{
	struct receiver_playout *p = r->playout;
	int i = receiver_format_of(r, packet->pt);

	if (i < 0 || r->config.formats[i].red) {
		r->counts.undecodable++;
		return;
	}

	const struct codec *codec = r->config.formats[i].codec;
	int n = codec->decode(r->decoders[i], packet->payload, packet->bytes, p->pcm + p->n,
			      samples_of(r, CODEC_MAX_PTIME_MS));
	p->end = packet->at;
	p->format = (size_t)i;
	p->loss -= p->loss / 256;
	if (n > 0) {
		r->counts.decoded++;
		p->last_samples = (size_t)n;
		p->end += n;
		heard(r, (size_t)n);
	} else {
		r->counts.undecodable++;
		p->end += (int64_t)p->last_samples;
		make_up(r, p->last_samples);
	}
}

/* ---- what to play next ---- */

/* Nothing is there. Whether it was lost or is late shows when something comes. */
static void wait(struct receiver *r)
{
	struct receiver_playout *p = r->playout;
	size_t n = frame_samples(r);

	if (lead_ms(r) < target_ms(r)) {
		r->counts.put_in_ms += r->config.frame_ms;
	} else {
		p->end += (int64_t)n;
		p->ahead += (int64_t)n;
	}
	make_up(r, n);
}

/* The peer was silent for `gap` samples: the best place to wait or to catch up. */
static void be_quiet(struct receiver *r, int64_t gap)
{
	struct receiver_playout *p = r->playout;
	int64_t n = (int64_t)frame_samples(r), off = lead_ms(r) - target_ms(r);

	p->quiet = true;
	if (off >= (int64_t)r->config.frame_ms) {
		int64_t cut = off * r->config.pcm_rate / 1000 / n * n;

		cut = cut < gap ? cut : gap;
		p->end += cut;
		gap -= cut;
		r->counts.cut_ms += ms_of(r, (size_t)cut);
	}
	if (gap == 0)
		return;
	n = n < gap ? n : gap;
	if (off >= 0)
		p->end += n;
	make_up(r, (size_t)n);
}

/* A packet whose place was made up already: it is heard all the same if that does not
 * delay what follows too much. */
static bool comes_too_late(struct receiver *r, const struct jitter_packet *packet)
{
	struct receiver_playout *p = r->playout;
	int64_t lead = jitter_lead_ms(&p->jitter, packet->at, p->due_ms);
	int64_t most = target_ms(r) + MOST_STRETCH_MS;

	if (most > RECEIVER_CEILING_MS - (int64_t)r->config.frame_ms)
		most = RECEIVER_CEILING_MS - (int64_t)r->config.frame_ms;
	return p->end - packet->at > p->ahead + (int64_t)samples_of(r, EXACT_MS) || lead > most;
}

static void play(struct receiver *r, struct jitter_packet *packet, unsigned missing)
{
	struct receiver_playout *p = r->playout;

	lose(r, missing);
	decode(r, packet);
	jitter_take(&p->jitter, packet);
}

/* Adds a piece of sound, or does away with a packet. */
static void step(struct receiver *r)
{
	struct receiver_playout *p = r->playout;
	int64_t exact = (int64_t)samples_of(r, EXACT_MS);
	unsigned missing;
	struct jitter_packet *packet = jitter_first(&p->jitter, &missing);

	if (!packet) {
		wait(r);
		return;
	}
	if (!packet->audio) {
		lose(r, missing);
		jitter_take(&p->jitter, packet);
		p->quiet = true;
		return;
	}

	int64_t gap = packet->at - p->end;
	if (gap < -exact) {
		if (!comes_too_late(r, packet)) {
			play(r, packet, missing);
			return;
		}
		lose(r, missing);
		p->jitter.late++;
		jitter_take(&p->jitter, packet);
	} else if (gap <= exact) {
		play(r, packet, missing);
	} else if (gap > (int64_t)samples_of(r, RECEIVER_MAX_GAP_MS)) {
		p->end = packet->at;
	} else if (missing == 0) {
		be_quiet(r, gap);
	} else if (lead_ms(r) < target_ms(r)) {
		r->counts.put_in_ms += r->config.frame_ms;
		make_up(r, frame_samples(r));
	} else {
		lose(r, 1);
		jitter_skip(&p->jitter);
		conceal(r, packet, (size_t)gap);
	}
}

/* Sound enough for `need` samples. */
static void fill(struct receiver *r, size_t need)
{
	struct receiver_playout *p = r->playout;

	for (unsigned i = 0; i < MOST_STEPS && p->n < need; i++)
		step(r);
	if (p->n < need) { /* cannot be */
		memset(p->pcm + p->n, 0, (need - p->n) * sizeof(*p->pcm));
		p->end += (int64_t)(need - p->n);
		p->n = need;
	}
}

/* ---- shorter and longer ---- */

/* Faster packets came than ever, or far too many: what is too old is not played. */
static void obey_ceiling(struct receiver *r)
{
	struct receiver_playout *p = r->playout;
	int64_t depth = depth_ms(r);

	if (depth <= RECEIVER_CEILING_MS)
		return;

	int64_t cut = (depth - target_ms(r)) * r->config.pcm_rate / 1000;
	size_t fade = samples_of(r, FADE_MS);
	r->counts.cut_ms += ms_of(r, (size_t)cut);
	if (p->n < fade) {
		p->end += (int64_t)(fade - p->n);
		make_up(r, fade);
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
	int64_t exact = (int64_t)samples_of(r, EXACT_MS);

	while (p->n < need) {
		unsigned missing;
		struct jitter_packet *packet = jitter_first(&p->jitter, &missing);

		if (!packet || !packet->audio || missing || packet->at - p->end > exact ||
		    packet->at - p->end < -exact)
			return false;
		play(r, packet, 0);
	}
	return true;
}

static void cut(struct receiver *r, size_t n)
{
	struct receiver_playout *p = r->playout;

	splice_cut(p->pcm, p->n, n, samples_of(r, FADE_MS));
	p->n -= n;
	r->counts.cut_ms += ms_of(r, n);
}

static void put_in(struct receiver *r, size_t n)
{
	struct receiver_playout *p = r->playout;

	splice_repeat(p->pcm, p->n, n, samples_of(r, FADE_MS));
	p->n += n;
	r->counts.put_in_ms += ms_of(r, n);
}

/* One period of a voice, so that nothing but its length changes. 0: there is none. */
static size_t period(const struct receiver *r, size_t most)
{
	const struct splice_range range = {
		.least = samples_of(r, FADE_MS),
		.most = most,
		.fade = samples_of(r, FADE_MS),
	};
	double likeness;
	size_t n = splice_find(r->playout->pcm, &range, &likeness);

	return likeness >= LIKE_ENOUGH ? n : 0;
}

static void stretch(struct receiver *r, bool pause)
{
	struct receiver_playout *p = r->playout;
	size_t frame = frame_samples(r), fade = samples_of(r, FADE_MS);

	if (depth_ms(r) + (int64_t)r->config.frame_ms > RECEIVER_CEILING_MS)
		return;
	if (pause && look_ahead(r, frame + fade)) {
		put_in(r, frame);
	} else if (pause) {
		put_in(r, frame - fade);
	} else if (p->since_bend * r->config.frame_ms >= BEND_EVERY_MS) {
		size_t n = period(r, p->n - fade < samples_of(r, 15) ? p->n - fade
								     : samples_of(r, 15));

		if (n > 0) {
			put_in(r, n);
			p->since_bend = 0;
		}
	}
}

static void shrink(struct receiver *r, bool pause, size_t too_much)
{
	struct receiver_playout *p = r->playout;
	size_t frame = frame_samples(r), fade = samples_of(r, FADE_MS);
	size_t most = pause ? frame : samples_of(r, 15);

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

static void adjust(struct receiver *r)
{
	struct receiver_playout *p = r->playout;
	int64_t off = lead_ms(r) - target_ms(r);
	int64_t frame_ms = r->config.frame_ms;

	p->since_bend++;
	if (p->silent > 0 || p->n < frame_samples(r))
		return;

	bool pause = noise_is_pause(&p->noise, p->pcm, frame_samples(r));
	if (off < 0) {
		stretch(r, pause);
		return;
	}

	/* Whole frames less leave enough; so does what is more than whole frames. */
	int64_t rest = (int64_t)ms_of(r, p->n % frame_samples(r));
	int64_t too_much = off / frame_ms * frame_ms + rest;
	if (too_much < FADE_MS)
		p->since_pause = 0;
	else
		p->since_pause = pause ? 0 : p->since_pause + 1;
	if (too_much >= FADE_MS && (pause || too_much >= frame_ms))
		shrink(r, pause, samples_of(r, (unsigned)too_much));
}

/* ---- the clock ---- */

static void start(struct receiver *r, const struct jitter_packet *packet, uint64_t now_ms)
{
	struct receiver_playout *p = r->playout;
	int64_t lead = jitter_lead_ms(&p->jitter, packet->at, now_ms);
	int64_t hold = target_ms(r) - (lead > 0 ? lead : 0);

	p->live = true;
	p->due_ms = now_ms + (uint64_t)(hold > RECEIVER_START_MS ? hold : RECEIVER_START_MS);
	p->n = p->n_tail = 0;
	p->silent = samples_of(r, FADED_MS);
	p->since_bend = p->since_pause = 0;
	r->config.events->on_restart(r->config.arg, now_ms);
}

static void stop(struct receiver *r, uint64_t now_ms)
{
	struct receiver_playout *p = r->playout;

	p->live = false;
	p->jitter.restarted = true;
	r->config.events->on_restart(r->config.arg, now_ms);
}

/* Where the stream begins, or begins anew. */
static void find_start(struct receiver *r)
{
	struct receiver_playout *p = r->playout;
	unsigned missing;
	struct jitter_packet *packet = jitter_first(&p->jitter, &missing);

	while (packet && !packet->audio) {
		jitter_take(&p->jitter, packet);
		packet = jitter_first(&p->jitter, &missing);
	}
	if (!packet)
		return;
	p->jitter.restarted = false;
	p->jitter.next = packet->seq;
	p->end = packet->at;
	p->ahead = 0;
}

static void play_frame(struct receiver *r, uint64_t now_ms)
{
	struct receiver_playout *p = r->playout;
	size_t frame = frame_samples(r);

	if (p->jitter.restarted)
		find_start(r);
	obey_ceiling(r);
	fill(r, frame);
	adjust(r);
	r->config.events->on_pcm(r->config.arg, p->pcm, frame, now_ms);
	p->n -= frame;
	memmove(p->pcm, p->pcm + frame, p->n * sizeof(*p->pcm));
	p->due_ms += r->config.frame_ms;
}

/* ---- doors ---- */

static void put_red(struct receiver *r, const struct rtp_packet *packet, uint64_t now_ms)
{
	struct red_block blocks[RED_MAX_BLOCKS];
	int n = red_parse(packet->payload, packet->bytes, blocks);
	struct rtp_packet inner = *packet;

	if (n < 0 || blocks[n - 1].bytes == 0) {
		r->counts.undecodable += n < 0;
		receiver_playout_put(r,
				     &(struct rtp_packet){ .seq = packet->seq,
							   .timestamp = packet->timestamp,
							   .ssrc = packet->ssrc },
				     now_ms);
		return;
	}
	inner.pt = blocks[n - 1].pt;
	inner.payload = blocks[n - 1].payload;
	inner.bytes = blocks[n - 1].bytes;

	int format = receiver_format_of(r, inner.pt);
	if (format < 0 || r->config.formats[format].red) {
		r->counts.undecodable++;
		return;
	}
	receiver_playout_put(r, &inner, now_ms);
	for (int i = n - 2; i >= 0; i--) {
		inner.pt = blocks[i].pt;
		inner.seq = (uint16_t)(packet->seq - (n - 1 - i));
		inner.timestamp = packet->timestamp - blocks[i].earlier;
		inner.payload = blocks[i].payload;
		inner.bytes = blocks[i].bytes;
		format = receiver_format_of(r, inner.pt);
		if (format >= 0 && !r->config.formats[format].red)
			jitter_put_again(&r->playout->jitter, &inner);
	}
}

void receiver_playout_put(struct receiver *r, const struct rtp_packet *packet, uint64_t now_ms)
{
	struct receiver_playout *p = r->playout;
	int i = receiver_format_of(r, packet->pt);

	if (i < 0 || packet->bytes == 0) {
		jitter_put_empty(&p->jitter, packet);
		return;
	}
	if (r->config.formats[i].red) {
		put_red(r, packet, now_ms);
		return;
	}

	unsigned late = p->jitter.late;
	bool kept = jitter_put(&p->jitter, packet, r->config.formats[i].codec->rtp_clock, now_ms);
	if (p->jitter.late != late) /* late is not lost */
		p->loss -= p->loss < LOSS_STEP ? p->loss : LOSS_STEP;
	if (!kept)
		return;
	p->heard_ms = now_ms;
	if (!p->live) {
		unsigned missing;
		start(r, jitter_first(&p->jitter, &missing), now_ms);
	}
}

void receiver_playout_restart(struct receiver *r)
{
	struct receiver_playout *p = r->playout;

	r->counts.late += p->jitter.late;
	jitter_init(&p->jitter, r->config.pcm_rate);
	p->live = false;
}

uint64_t receiver_playout_due(const struct receiver *r)
{
	return r->playout->live ? r->playout->due_ms : UINT64_MAX;
}

void receiver_playout_run(struct receiver *r, uint64_t now_ms)
{
	struct receiver_playout *p = r->playout;

	for (unsigned i = 0; i < MOST_FRAMES && p->live && p->due_ms <= now_ms; i++) {
		if (p->due_ms >= p->heard_ms + RECEIVER_STOP_MS)
			stop(r, now_ms);
		else
			play_frame(r, now_ms);
	}
	if (p->live && p->due_ms <= now_ms) {
		p->due_ms = now_ms + r->config.frame_ms;
		r->config.events->on_restart(r->config.arg, now_ms);
	}
}

void receiver_playout_counts(const struct receiver *r, struct receiver_counts *out)
{
	const struct receiver_playout *p = r->playout;

	out->late += p->jitter.late;
	if (!p->live)
		return;

	int64_t depth = depth_ms(r);
	out->depth_ms = depth > 0 ? (unsigned)depth : 0;
	out->target_ms = (unsigned)target_ms(r);
}
