/* jitter.c: see jitter.h. */
#include "gateway/media/jitter.h"

#include <string.h>

void jitter_init(struct jitter *jitter)
{
	jitter->order = (struct rtp_order){ 0 };
	jitter->held = 0;
	jitter->late = 0;
	jitter->restarted = false;
	for (size_t i = 0; i < JITTER_SLOTS; i++)
		jitter->slots[i].used = false;
}

static void restart(struct jitter *jitter, uint16_t seq)
{
	for (size_t i = 0; i < JITTER_SLOTS; i++)
		jitter->slots[i].used = false;
	jitter->held = 0;
	jitter->next = seq;
	jitter->restarted = true;
}

/* Where `packet` may be kept; NULL if it is there already. */
static struct jitter_slot *slot_for(struct jitter *jitter, const struct rtp_packet *packet)
{
	struct jitter_slot *free_slot = NULL;

	for (size_t i = 0; i < JITTER_SLOTS; i++) {
		struct jitter_slot *slot = &jitter->slots[i];

		if (!slot->used)
			free_slot = slot;
		else if (slot->packet.seq == packet->seq)
			return NULL;
	}
	return free_slot;
}

bool jitter_put(struct jitter *jitter, const struct rtp_packet *packet, uint64_t now_ms)
{
	int step;
	enum rtp_place place = rtp_order_put(&jitter->order, packet, &step);

	if (place == RTP_STRAY || packet->bytes > RTP_MAX_PAYLOAD)
		return false;
	if (place == RTP_RESTARTED)
		restart(jitter, packet->seq);

	struct jitter_slot *slot = NULL;
	if ((int16_t)(packet->seq - jitter->next) >= 0)
		slot = slot_for(jitter, packet);
	if (!slot) {
		jitter->late++;
		return false;
	}

	slot->used = true;
	slot->came_ms = now_ms;
	slot->packet = *packet;
	slot->packet.payload = slot->payload;
	if (packet->bytes)
		memcpy(slot->payload, packet->payload, packet->bytes);
	jitter->held++;
	return true;
}

/* Sets the one to come out next; returns when the first of all came. */
static uint64_t look(const struct jitter *jitter, const struct jitter_slot **first)
{
	uint64_t came_ms = UINT64_MAX;

	*first = NULL;
	for (size_t i = 0; i < JITTER_SLOTS; i++) {
		const struct jitter_slot *slot = &jitter->slots[i];

		if (!slot->used)
			continue;
		if (slot->came_ms < came_ms)
			came_ms = slot->came_ms;
		if (!*first || (int16_t)(slot->packet.seq - (*first)->packet.seq) < 0)
			*first = slot;
	}
	return came_ms;
}

uint64_t jitter_due(const struct jitter *jitter)
{
	const struct jitter_slot *first;

	if (jitter->held == 0)
		return UINT64_MAX;

	uint64_t came_ms = look(jitter, &first);
	if (first->packet.seq == jitter->next || jitter->held == JITTER_SLOTS)
		return 0;
	return came_ms + JITTER_HOLD_MS;
}

bool jitter_get(struct jitter *jitter, uint64_t now_ms, struct jitter_frame *out)
{
	const struct jitter_slot *first;

	if (jitter->held == 0 || now_ms < jitter_due(jitter))
		return false;

	look(jitter, &first);
	*out = (struct jitter_frame){
		.packet = first->packet,
		.missing = (uint16_t)(first->packet.seq - jitter->next),
		.restarted = jitter->restarted,
	};
	jitter->slots[first - jitter->slots].used = false;
	jitter->held--;
	jitter->restarted = false;
	jitter->next = (uint16_t)(first->packet.seq + 1);
	return true;
}
