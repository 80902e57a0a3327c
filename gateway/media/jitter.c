/* jitter.c: see jitter.h. */
#include "gateway/media/jitter.h"

#include <string.h>

enum {
	CONFIRM = 3,	     /* strays in a row that make a jump of time believed */
	CONFIRM_MS = 500,    /* ... that agree so well */
	MEDIA_START = 86400, /* s; before it nothing is negative */
};

static void empty(struct jitter *jitter, uint16_t next)
{
	for (size_t i = 0; i < JITTER_SLOTS; i++)
		jitter->slots[i].used = false;
	jitter->held = 0;
	jitter->next = next;
	jitter->restarted = true;
	jitter->strays = 0;
	jitter->clock = 0;
	delay_init(&jitter->delay);
}

void jitter_init(struct jitter *jitter, unsigned pcm_rate)
{
	jitter->pcm_rate = pcm_rate;
	jitter->order = (struct rtp_order){ 0 };
	jitter->late = 0;
	for (size_t i = 0; i < JITTER_SLOTS; i++)
		jitter->slots[i].payload = jitter->payloads[i];
	empty(jitter, 0);
}

static int64_t ms_of(const struct jitter *jitter, int64_t at)
{
	return at * 1000 / jitter->pcm_rate;
}

int64_t jitter_lead_ms(const struct jitter *jitter, int64_t at, uint64_t now_ms)
{
	return (int64_t)now_ms - ms_of(jitter, at) - jitter->delay.base_ms;
}

static int64_t media_of(const struct jitter *jitter, uint32_t timestamp)
{
	return jitter->media + (int32_t)(timestamp - jitter->timestamp);
}

static int64_t place_of(const struct jitter *jitter, uint32_t timestamp)
{
	return media_of(jitter, timestamp) * (int64_t)jitter->pcm_rate / (int64_t)jitter->clock;
}

/* A free slot for `seq`; NULL if it is there. The first gives way when all are used. */
static struct jitter_packet *slot_for(struct jitter *jitter, uint16_t seq)
{
	struct jitter_packet *slot = NULL;
	unsigned missing;

	for (size_t i = 0; i < JITTER_SLOTS; i++) {
		if (!jitter->slots[i].used)
			slot = &jitter->slots[i];
		else if (jitter->slots[i].seq == seq)
			return NULL;
	}
	if (slot)
		return slot;
	slot = jitter_first(jitter, &missing);
	if ((int16_t)(seq - slot->seq) < 0)
		return NULL;
	slot->used = false;
	jitter->held--;
	return slot;
}

static struct jitter_packet *keep(struct jitter *jitter, const struct rtp_packet *packet)
{
	struct jitter_packet *slot = NULL;

	if ((int16_t)(packet->seq - jitter->next) >= 0)
		slot = slot_for(jitter, packet->seq);
	if (!slot)
		return NULL;
	slot->used = true;
	slot->audio = packet->bytes > 0;
	slot->noise = slot->again = false;
	slot->pt = packet->pt;
	slot->seq = packet->seq;
	slot->at = 0;
	slot->bytes = packet->bytes;
	if (packet->bytes)
		memcpy(slot->payload, packet->payload, packet->bytes);
	jitter->held++;
	return slot;
}

/* False for a stray. Starts over where the order does. */
static bool follow(struct jitter *jitter, const struct rtp_packet *packet)
{
	int step;
	enum rtp_place place = rtp_order_put(&jitter->order, packet, &step);

	if (place == RTP_STRAY || packet->bytes > RTP_MAX_PAYLOAD)
		return false;
	if (place == RTP_RESTARTED)
		empty(jitter, packet->seq);
	return true;
}

static void begin(struct jitter *jitter, const struct rtp_packet *packet, unsigned clock)
{
	jitter->clock = clock;
	jitter->timestamp = packet->timestamp;
	jitter->media = (int64_t)clock * MEDIA_START;
}

/* A timestamp that fits neither the others nor the clock on the wall is believed when
 * three in a row agree. */
static bool jumped(struct jitter *jitter, int64_t transit_ms)
{
	int64_t off = transit_ms - jitter->delay.least_ms;
	int64_t apart = transit_ms - jitter->stray_ms;

	if (jitter->delay.n == 0 || (off < JITTER_MOST_JUMP_MS && off > -JITTER_MOST_JUMP_MS)) {
		jitter->strays = 0;
		return false;
	}
	if (jitter->strays > 0 && (apart > CONFIRM_MS || apart < -CONFIRM_MS))
		jitter->strays = 0;
	jitter->strays++;
	jitter->stray_ms = transit_ms;
	return true;
}

/* What was said by redundancy comes itself. */
static bool came_after_all(struct jitter *jitter, uint16_t seq)
{
	for (size_t i = 0; i < JITTER_SLOTS; i++) {
		struct jitter_packet *slot = &jitter->slots[i];

		if (slot->used && slot->again && slot->seq == seq) {
			slot->again = false;
			return true;
		}
	}
	return false;
}

bool jitter_put(struct jitter *jitter, const struct rtp_packet *packet, unsigned clock,
		uint64_t now_ms)
{
	if (packet->bytes == 0 || !follow(jitter, packet))
		return false;
	if (jitter->clock && jitter->clock != clock)
		empty(jitter, packet->seq);
	if (jitter->clock == 0)
		begin(jitter, packet, clock);

	int64_t at = place_of(jitter, packet->timestamp);
	int64_t transit_ms = (int64_t)now_ms - ms_of(jitter, at);
	if (jumped(jitter, transit_ms)) {
		if (jitter->strays < CONFIRM)
			return false;
		empty(jitter, packet->seq);
		begin(jitter, packet, clock);
		at = place_of(jitter, packet->timestamp);
		transit_ms = (int64_t)now_ms - ms_of(jitter, at);
	}
	delay_put(&jitter->delay, transit_ms, now_ms);
	jitter->media = media_of(jitter, packet->timestamp);
	jitter->timestamp = packet->timestamp;

	struct jitter_packet *slot = keep(jitter, packet);
	if (!slot && came_after_all(jitter, packet->seq))
		return true;
	if (slot)
		slot->at = at;
	else
		jitter->late++;
	return slot != NULL;
}

void jitter_put_again(struct jitter *jitter, const struct rtp_packet *packet)
{
	if (jitter->clock == 0 || packet->bytes == 0 || packet->bytes > RTP_MAX_PAYLOAD)
		return;

	struct jitter_packet *slot = keep(jitter, packet);
	if (!slot)
		return;
	slot->at = place_of(jitter, packet->timestamp);
	slot->again = true;
}

void jitter_put_empty(struct jitter *jitter, const struct rtp_packet *packet)
{
	struct rtp_packet nothing = *packet;

	nothing.bytes = 0;
	if (follow(jitter, &nothing))
		keep(jitter, &nothing);
}

void jitter_put_noise(struct jitter *jitter, const struct rtp_packet *packet)
{
	struct jitter_packet *slot = follow(jitter, packet) ? keep(jitter, packet) : NULL;

	if (slot) {
		slot->audio = false;
		slot->noise = slot->bytes > 0;
	}
}

struct jitter_packet *jitter_first(struct jitter *jitter, unsigned *missing)
{
	struct jitter_packet *first = NULL;

	for (size_t i = 0; i < JITTER_SLOTS && jitter->held; i++) {
		struct jitter_packet *slot = &jitter->slots[i];

		if (slot->used && (!first || (int16_t)(slot->seq - first->seq) < 0))
			first = slot;
	}
	*missing = first ? (uint16_t)(first->seq - jitter->next) : 0;
	return first;
}

void jitter_take(struct jitter *jitter, struct jitter_packet *packet)
{
	packet->used = false;
	jitter->held--;
	jitter->next = (uint16_t)(packet->seq + 1);
}

void jitter_skip(struct jitter *jitter)
{
	jitter->next++;
}
