/* reorder.c: see reorder.h. */
#include "gateway/media/reorder.h"

#include <string.h>

void reorder_init(struct reorder *reorder)
{
	reorder->order = (struct rtp_order){ 0 };
	reorder->held = 0;
	reorder->late = 0;
	reorder->restarted = false;
	reorder->hold_ms = REORDER_HOLD_MS;
	reorder->in_order = reorder->n_given_up = 0;
	for (size_t i = 0; i < REORDER_SLOTS; i++)
		reorder->slots[i].used = false;
}

static void restart(struct reorder *reorder, uint16_t seq)
{
	for (size_t i = 0; i < REORDER_SLOTS; i++)
		reorder->slots[i].used = false;
	reorder->held = 0;
	reorder->n_given_up = 0;
	reorder->next = seq;
	reorder->restarted = true;
}

/* It was given up, and came all the same: the next one is waited for so much longer. */
static void learn(struct reorder *reorder, uint16_t seq, uint64_t now_ms)
{
	uint64_t too_late_ms = now_ms - reorder->given_up_ms;

	if ((uint16_t)(seq - reorder->given_up) >= reorder->n_given_up)
		return;
	if (too_late_ms < REORDER_MOST_MS - reorder->hold_ms)
		reorder->hold_ms += (unsigned)too_late_ms;
	else
		reorder->hold_ms = REORDER_MOST_MS;
	reorder->in_order = 0;
}

static void forget(struct reorder *reorder)
{
	if (reorder->hold_ms > REORDER_HOLD_MS && ++reorder->in_order == REORDER_FORGET_OF) {
		reorder->hold_ms--;
		reorder->in_order = 0;
	}
}

/* Where `packet` may be kept; NULL if it is there already. */
static struct reorder_slot *slot_for(struct reorder *reorder, const struct rtp_packet *packet)
{
	struct reorder_slot *free_slot = NULL;

	for (size_t i = 0; i < REORDER_SLOTS; i++) {
		struct reorder_slot *slot = &reorder->slots[i];

		if (!slot->used)
			free_slot = slot;
		else if (slot->packet.seq == packet->seq)
			return NULL;
	}
	return free_slot;
}

bool reorder_put(struct reorder *reorder, const struct rtp_packet *packet, uint64_t now_ms)
{
	int step;
	enum rtp_place place = rtp_order_put(&reorder->order, packet, &step);

	if (place == RTP_STRAY || packet->bytes > RTP_MAX_PAYLOAD)
		return false;
	if (place == RTP_RESTARTED)
		restart(reorder, packet->seq);

	struct reorder_slot *slot = NULL;
	if ((int16_t)(packet->seq - reorder->next) >= 0)
		slot = slot_for(reorder, packet);
	if (!slot) {
		reorder->late++;
		learn(reorder, packet->seq, now_ms);
		return false;
	}

	slot->used = true;
	slot->came_ms = now_ms;
	slot->packet = *packet;
	uint8_t *payload = reorder->payloads[slot - reorder->slots];
	slot->packet.payload = payload;
	if (packet->bytes)
		memcpy(payload, packet->payload, packet->bytes);
	reorder->held++;
	return true;
}

/* Sets the one to come out next; returns when the first of all came. */
static uint64_t look(const struct reorder *reorder, const struct reorder_slot **first)
{
	uint64_t came_ms = UINT64_MAX;

	*first = NULL;
	for (size_t i = 0; i < REORDER_SLOTS; i++) {
		const struct reorder_slot *slot = &reorder->slots[i];

		if (!slot->used)
			continue;
		if (slot->came_ms < came_ms)
			came_ms = slot->came_ms;
		if (!*first || (int16_t)(slot->packet.seq - (*first)->packet.seq) < 0)
			*first = slot;
	}
	return came_ms;
}

uint64_t reorder_due(const struct reorder *reorder)
{
	const struct reorder_slot *first;

	if (reorder->held == 0)
		return UINT64_MAX;

	uint64_t came_ms = look(reorder, &first);
	if (first->packet.seq == reorder->next || reorder->held == REORDER_SLOTS)
		return 0;
	return came_ms + reorder->hold_ms;
}

bool reorder_get(struct reorder *reorder, uint64_t now_ms, struct reorder_frame *out)
{
	const struct reorder_slot *first;

	if (reorder->held == 0 || now_ms < reorder_due(reorder))
		return false;

	look(reorder, &first);
	*out = (struct reorder_frame){
		.packet = first->packet,
		.missing = (uint16_t)(first->packet.seq - reorder->next),
		.restarted = reorder->restarted,
	};
	if (out->missing > 0) {
		reorder->given_up = reorder->next;
		reorder->n_given_up = out->missing;
		reorder->given_up_ms = now_ms;
	} else {
		forget(reorder);
	}
	reorder->slots[first - reorder->slots].used = false;
	reorder->held--;
	reorder->restarted = false;
	reorder->next = (uint16_t)(first->packet.seq + 1);
	return true;
}
