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
 * What must stay true: each frame takes a bounded number of steps, and the depth is not
 * above the ceiling. */
#include "gateway/media/receiver_playout.h"
#include "gateway/media/red.h"

#include <errno.h>
#include <stdlib.h>

enum {
	MOST_PCM_MS = 200,    /* in pcm: what a step needs, the longest packet, a stretch */
	MARGIN_MS = 2,	      /* lead beyond the target: clocks of 1 ms */
	MOST_STRETCH_MS = 80, /* lead beyond the target, for late sound to be heard at all */
	MOST_STEPS = 200,     /* to fill a frame; packets held bound them long before */
	STOOD_STILL_MS = 15,
	SPARE_SLOTS = 4,     /* of the jitter buffer: the ceiling leaves them free */
	MOST_FRAMES = 10,    /* at once; a loop that stood still longer goes on from now */
	LOSSY = 65536 / 100, /* from this loss on the next packet is waited for */
};

int receiver_playout_open(struct receiver *r)
{
	size_t most = (size_t)r->config.pcm_rate / 1000 * MOST_PCM_MS;
	size_t tail = (size_t)r->config.pcm_rate / 1000 * PLAYOUT_FADE_MS;
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

/* ---- how long to wait ---- */

int64_t playout_ceiling_ms(const struct receiver *r)
{
	const struct receiver_playout *p = r->playout;
	int64_t most = RECEIVER_CEILING_MS + (int64_t)delay_usual_ms(&p->jitter.delay);
	int64_t room = (JITTER_SLOTS - SPARE_SLOTS) * (int64_t)playout_ms(r, p->last_samples);

	if (most > room)
		most = room;
	if (most > RECEIVER_MOST_WAIT_MS)
		most = RECEIVER_MOST_WAIT_MS;
	return most > RECEIVER_CEILING_MS ? most : RECEIVER_CEILING_MS;
}

int64_t playout_target_ms(const struct receiver *r)
{
	const struct receiver_playout *p = r->playout;
	const struct receiver_format *format = &r->config.formats[p->format];
	int64_t target = delay_target_ms(&p->jitter.delay) + MARGIN_MS;
	int64_t most = playout_ceiling_ms(r) - RECEIVER_FRAME_MS - PLAYOUT_FADE_MS;

	/* Lost packets are said again by the next: that must be there in time. */
	if (p->loss >= LOSSY && format->codec->recover)
		target += playout_ms(r, p->last_samples);
	return target < most ? target : most;
}

/* The lead of what is missing next, when that is needed. */
int64_t playout_lead_ms(const struct receiver *r)
{
	const struct receiver_playout *p = r->playout;
	uint64_t frames = p->n / playout_frame(r);

	return jitter_lead_ms(&p->jitter, p->end, p->due_ms + frames * r->config.frame_ms);
}

/* ... and how long it has been waiting when it is played. */
int64_t playout_depth_ms(const struct receiver *r)
{
	const struct receiver_playout *p = r->playout;

	return jitter_lead_ms(&p->jitter, p->end - (int64_t)p->n, p->due_ms);
}

/* ---- what to play next ---- */

/* Nothing is there. Whether it was lost or is late shows when something comes. */
static void wait(struct receiver *r)
{
	struct receiver_playout *p = r->playout;
	size_t n = playout_frame(r);

	if (playout_lead_ms(r) < playout_target_ms(r)) {
		r->counts.put_in_ms += r->config.frame_ms;
	} else {
		p->end += (int64_t)n;
		p->ahead += (int64_t)n;
	}
	playout_make_up(r, n);
}

/* The peer was silent for `gap` samples: the best place to wait or to catch up. */
static void be_quiet(struct receiver *r, int64_t gap)
{
	struct receiver_playout *p = r->playout;
	int64_t n = (int64_t)playout_frame(r), off = playout_lead_ms(r) - playout_target_ms(r);

	p->quiet = true;
	if (off >= (int64_t)r->config.frame_ms) {
		int64_t cut = off * r->config.pcm_rate / 1000 / n * n;

		cut = cut < gap ? cut : gap;
		p->end += cut;
		gap -= cut;
		r->counts.cut_ms += playout_ms(r, (size_t)cut);
	}
	if (gap == 0)
		return;
	n = n < gap ? n : gap;
	if (off >= 0)
		p->end += n;
	playout_make_up(r, (size_t)n);
}

/* A packet whose place was made up already: it is heard all the same if that does not
 * delay what follows too much. */
static bool comes_too_late(struct receiver *r, const struct jitter_packet *packet)
{
	struct receiver_playout *p = r->playout;
	int64_t lead = jitter_lead_ms(&p->jitter, packet->at, p->due_ms);
	int64_t most = playout_target_ms(r) + MOST_STRETCH_MS;
	int64_t allowed = playout_ceiling_ms(r) - (int64_t)r->config.frame_ms;

	if (most > allowed)
		most = allowed;
	return p->end - packet->at > p->ahead + (int64_t)playout_samples(r, PLAYOUT_EXACT_MS) ||
	       lead > most;
}

/* Adds a piece of sound, or does away with a packet. */
static void step(struct receiver *r)
{
	struct receiver_playout *p = r->playout;
	int64_t exact = (int64_t)playout_samples(r, PLAYOUT_EXACT_MS);
	unsigned missing;
	struct jitter_packet *packet = jitter_first(&p->jitter, &missing);

	if (!packet) {
		wait(r);
		return;
	}
	if (!packet->audio) {
		playout_lose(r, missing);
		if (packet->noise)
			noise_tell(&p->noise, packet->payload[0] & 0x7f);
		jitter_take(&p->jitter, packet);
		p->quiet = true;
		return;
	}

	int64_t gap = packet->at - p->end;
	if (gap < -exact) {
		if (!comes_too_late(r, packet)) {
			playout_play(r, packet, missing);
			return;
		}
		playout_lose(r, missing);
		p->jitter.late++;
		jitter_take(&p->jitter, packet);
	} else if (gap <= exact) {
		playout_play(r, packet, missing);
	} else if (gap > (int64_t)playout_samples(r, RECEIVER_MAX_GAP_MS)) {
		p->end = packet->at;
	} else if (missing == 0) {
		be_quiet(r, gap);
	} else if (playout_lead_ms(r) < playout_target_ms(r)) {
		r->counts.put_in_ms += r->config.frame_ms;
		playout_make_up(r, playout_frame(r));
	} else {
		playout_lose(r, 1);
		jitter_skip(&p->jitter);
		playout_conceal(r, packet, (size_t)gap);
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

/* ---- the clock ---- */

static void start(struct receiver *r, const struct jitter_packet *packet, uint64_t now_ms)
{
	struct receiver_playout *p = r->playout;
	int64_t lead = jitter_lead_ms(&p->jitter, packet->at, now_ms);
	int64_t hold = playout_target_ms(r) - (lead > 0 ? lead : 0);

	p->live = true;
	p->due_ms = now_ms + (uint64_t)(hold > RECEIVER_START_MS ? hold : RECEIVER_START_MS);
	p->n = p->n_tail = 0;
	p->silent = playout_samples(r, PLAYOUT_FADED_MS);
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
	size_t frame = playout_frame(r);

	if (p->jitter.restarted)
		find_start(r);
	playout_obey_ceiling(r);
	if (playout_depth_ms(r) > r->counts.most_ms)
		r->counts.most_ms = (unsigned)playout_depth_ms(r);
	fill(r, frame);
	playout_adjust(r);
	playout_obey_ceiling(r); /* late sound that was let in may have come on top */
	fill(r, frame);
	r->config.events->on_pcm(r->config.arg, p->pcm, frame, now_ms);
	p->n -= frame;
	memmove(p->pcm, p->pcm + frame, p->n * sizeof(*p->pcm));
	p->due_ms += r->config.frame_ms;
}

/* ---- doors ---- */

static void put_red(struct receiver *r, const struct rtp_packet *packet, uint64_t now_ms)
{
	struct rtp_packet packets[RED_MAX_BLOCKS];
	int n = red_unwrap(packet, packets);

	if (n < 0 || packets[n - 1].bytes == 0) {
		r->counts.undecodable += n < 0;
		jitter_put_empty(&r->playout->jitter, packet);
		return;
	}
	if (!receiver_decodes(r, packets[n - 1].pt)) {
		r->counts.undecodable++;
		return;
	}
	receiver_playout_put(r, &packets[n - 1], now_ms);
	for (int i = n - 2; i >= 0; i--)
		if (receiver_decodes(r, packets[i].pt))
			jitter_put_again(&r->playout->jitter, &packets[i]);
}

void receiver_playout_put(struct receiver *r, const struct rtp_packet *packet, uint64_t now_ms)
{
	struct receiver_playout *p = r->playout;
	int i = receiver_format_of(r, packet->pt);

	if (i < 0 || packet->bytes == 0) {
		if (packet->pt == RTP_PT_COMFORT_NOISE && packet->bytes)
			jitter_put_noise(&p->jitter, packet);
		else
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
		p->loss -= p->loss < PLAYOUT_LOSS_STEP ? p->loss : PLAYOUT_LOSS_STEP;
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
	const struct receiver_playout *p = r->playout;

	if (!p->live)
		return UINT64_MAX;
	return p->due_ms > p->put_off_ms ? p->due_ms : p->put_off_ms;
}

void receiver_playout_run(struct receiver *r, uint64_t now_ms)
{
	struct receiver_playout *p = r->playout;

	/* The loop stood still, and timers go before sockets: packets may be waiting. */
	if (p->live && now_ms > p->due_ms + STOOD_STILL_MS && p->put_off_ms < p->due_ms) {
		p->put_off_ms = now_ms + 1;
		return;
	}
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

	int64_t depth = playout_depth_ms(r);
	int64_t added = depth - (int64_t)delay_usual_ms(&p->jitter.delay);
	out->depth_ms = depth > 0 ? (unsigned)depth : 0;
	out->added_ms = added > 0 ? (unsigned)added : 0;
	out->target_ms = (unsigned)playout_target_ms(r);
}
