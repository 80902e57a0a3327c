/* dtmf.c: see dtmf.h. */
#include "gateway/media/dtmf.h"

#include "gateway/media/wire.h"

#include <errno.h>

enum {
	END = 0x80,
	VOLUME = 10,	     /* -10 dBm0 */
	MOST_UNITS = 0xffff, /* of one segment (§2.5.1.3) */
	ENDS = 3,	     /* final packets (§2.5.1.4) */
	STRAGGLER_MS = 5000, /* an earlier timestamp so soon is an old packet */
};

static const char digits[] = "0123456789*#ABCD";

int dtmf_event(char digit)
{
	if (digit >= 'a' && digit <= 'd')
		digit = (char)(digit - 'a' + 'A');
	for (int i = 0; i <= DTMF_MAX_EVENT; i++)
		if (digits[i] == digit)
			return i;
	return -1;
}

char dtmf_digit(unsigned event)
{
	return event <= DTMF_MAX_EVENT ? digits[event] : 0;
}

void dtmf_receiver_init(struct dtmf_receiver *receiver)
{
	*receiver = (struct dtmf_receiver){ 0 };
}

static struct dtmf_news release(struct dtmf_receiver *r)
{
	unsigned ms = r->earlier_ms + r->units * 1000u / r->clock;

	r->pressed = false;
	return (struct dtmf_news){
		.what = DTMF_RELEASED,
		.digit = dtmf_digit(r->event),
		.duration_ms = ms < DTMF_MAX_MS ? ms : DTMF_MAX_MS,
	};
}

/* A long event goes on under a new timestamp, without the marker (§2.5.1.3). */
static bool continues(const struct dtmf_receiver *r, const struct rtp_packet *packet,
		      uint64_t now_ms)
{
	return !packet->marker && packet->payload[0] == r->event && !r->end_seen &&
	       r->units + r->clock / 5 >= MOST_UNITS && now_ms < r->heard_ms + DTMF_SILENT_MS;
}

static bool is_old(const struct dtmf_receiver *r, const struct rtp_packet *packet, uint64_t now_ms)
{
	return (int32_t)(packet->timestamp - r->timestamp) < 0 &&
	       now_ms < r->heard_ms + STRAGGLER_MS;
}

size_t dtmf_receiver_put(struct dtmf_receiver *r, const struct rtp_packet *packet, unsigned clock,
			 uint64_t now_ms, struct dtmf_news news[3])
{
	size_t n = 0;

	if (packet->bytes < DTMF_BYTES || packet->payload[0] > DTMF_MAX_EVENT || clock == 0)
		return 0;

	bool end = packet->payload[1] & END;
	uint16_t units = get16(packet->payload + 2);
	bool same_stream = r->known && r->ssrc == packet->ssrc;
	if (same_stream && packet->timestamp == r->timestamp) {
		if (packet->payload[0] != r->event)
			return 0;
	} else if (same_stream && is_old(r, packet, now_ms)) {
		return 0;
	} else if (same_stream && continues(r, packet, now_ms)) {
		r->earlier_ms += r->units * 1000u / r->clock;
		r->timestamp = packet->timestamp;
		r->units = 0;
	} else {
		if (r->pressed)
			news[n++] = release(r);
		*r = (struct dtmf_receiver){
			.known = true,
			.pressed = true,
			.ssrc = packet->ssrc,
			.timestamp = packet->timestamp,
			.event = packet->payload[0],
			.clock = clock,
			.pressed_ms = now_ms,
		};
		news[n++] = (struct dtmf_news){
			.what = DTMF_PRESSED,
			.digit = dtmf_digit(r->event),
		};
	}

	r->heard_ms = now_ms;
	r->end_seen |= end;
	if (units > r->units)
		r->units = units;
	if (r->pressed && end)
		news[n++] = release(r);
	return n;
}

uint64_t dtmf_receiver_due(const struct dtmf_receiver *r)
{
	if (!r->pressed)
		return UINT64_MAX;

	uint64_t silent = r->heard_ms + DTMF_SILENT_MS, most = r->pressed_ms + DTMF_MAX_MS;
	return silent < most ? silent : most;
}

bool dtmf_receiver_run(struct dtmf_receiver *r, uint64_t now_ms, struct dtmf_news *news)
{
	if (now_ms < dtmf_receiver_due(r) || !r->pressed)
		return false;
	*news = release(r);
	return true;
}

void dtmf_sender_init(struct dtmf_sender *sender)
{
	*sender = (struct dtmf_sender){ 0 };
}

static unsigned clip_ms(unsigned duration_ms)
{
	if (duration_ms < DTMF_MIN_MS)
		return DTMF_MIN_MS;
	return duration_ms > DTMF_MAX_MS ? DTMF_MAX_MS : duration_ms;
}

static int push(struct dtmf_sender *s, char digit, bool held, unsigned duration_ms)
{
	int event = dtmf_event(digit);

	if (event < 0)
		return -EINVAL;
	if (s->n == DTMF_MAX_QUEUE)
		return -ENOBUFS;
	s->queue[(s->first + s->n++) % DTMF_MAX_QUEUE] = (struct dtmf_press){
		.event = (uint8_t)event,
		.held = held,
		.duration_ms = duration_ms,
	};
	return 0;
}

int dtmf_sender_press(struct dtmf_sender *sender, char digit, unsigned duration_ms)
{
	return push(sender, digit, false, clip_ms(duration_ms ? duration_ms : DTMF_DEFAULT_MS));
}

int dtmf_sender_hold(struct dtmf_sender *sender, char digit)
{
	return push(sender, digit, true, DTMF_MAX_MS);
}

void dtmf_sender_release(struct dtmf_sender *s, unsigned duration_ms)
{
	for (size_t i = 0; i < s->n; i++) {
		struct dtmf_press *press = &s->queue[(s->first + i) % DTMF_MAX_QUEUE];

		if (!press->held)
			continue;
		press->held = false;
		press->duration_ms = clip_ms(duration_ms);
		/* Never shorter than the far side was told already. */
		if (i == 0 && s->state == DTMF_SENDING) {
			uint64_t told = s->next_ms - s->began_ms;

			if (press->duration_ms < told)
				press->duration_ms = clip_ms((unsigned)told);
		}
	}
}

bool dtmf_sender_busy(const struct dtmf_sender *sender)
{
	return sender->n > 0;
}

uint64_t dtmf_sender_due(const struct dtmf_sender *sender)
{
	if (sender->n == 0)
		return UINT64_MAX;
	return sender->state == DTMF_IDLE ? 0 : sender->next_ms;
}

/* One packet of the current digit, which has lasted `ms`. False if that fills a
 * segment: then the packet ends the segment, and another must follow it. */
static bool fill(struct dtmf_sender *s, unsigned ms, unsigned clock, bool end, struct dtmf_out *out)
{
	uint32_t before = s->segments * (uint32_t)MOST_UNITS;
	uint32_t units = (uint32_t)((uint64_t)ms * clock / 1000);
	bool fits = units - before <= MOST_UNITS;

	units = fits ? units - before : MOST_UNITS;
	out->payload[0] = s->queue[s->first].event;
	out->payload[1] = (uint8_t)((fits && end ? END : 0) | VOLUME);
	put16(out->payload + 2, units);
	out->marker = false;
	out->offset = before;
	if (!fits)
		s->segments++;
	return fits;
}

static void next_digit(struct dtmf_sender *s, uint64_t now_ms)
{
	s->first = (s->first + 1) % DTMF_MAX_QUEUE;
	s->n--;
	s->state = DTMF_PAUSING;
	s->next_ms = now_ms + DTMF_GAP_MS;
}

bool dtmf_sender_run(struct dtmf_sender *s, unsigned clock, uint64_t now_ms, struct dtmf_out *out)
{
	if (s->n == 0 || now_ms < dtmf_sender_due(s))
		return false;

	bool first = s->state == DTMF_IDLE || s->state == DTMF_PAUSING;
	if (first) {
		s->state = DTMF_SENDING;
		s->began_ms = now_ms;
		s->segments = 0;
	}

	struct dtmf_press *press = &s->queue[s->first];
	/* A queue must not keep the audio away for minutes. */
	if (first && s->n > 1 && press->duration_ms > DTMF_HURRY_MS)
		press->duration_ms = DTMF_HURRY_MS;
	uint64_t lasted = now_ms - s->began_ms + DTMF_STEP_MS;
	if (s->state == DTMF_SENDING && lasted >= press->duration_ms) {
		s->state = DTMF_ENDING;
		s->ends_left = ENDS;
	}
	bool ending = s->state == DTMF_ENDING;
	if (!fill(s, ending ? press->duration_ms : (unsigned)lasted, clock, ending, out))
		return true; /* and still due */

	out->marker = first;
	s->next_ms = now_ms + DTMF_STEP_MS;
	if (ending && --s->ends_left == 0)
		next_digit(s, now_ms);
	return true;
}
