/* sender.c: see sender.h.
 *
 *   relay ---(in + offset)---+
 *   PCM -> gather -> encode -+-> emit: one sequence, one timeline -> send
 *   digits ------------------+
 *
 * What must stay true: emit() is the only place that sends, and it refuses a
 * sequence number that was used before. */
#include "gateway/media/sender_state.h"

#include <errno.h>

enum {
	MOST_LEAD_MS = 1000, /* PCM that may come faster than time passes */
	MOST_LAG_MS = 2000,  /* time without PCM that may be made up for */
	MOST_JUMP_MS = 2000, /* of a relayed timestamp, beyond the time that passed */
	WINDOW = 64,	     /* sequence numbers remembered */
};

static unsigned clock_of(const struct sender *s)
{
	return s->encoder.format.codec->rtp_clock;
}

static bool later(uint32_t one, uint32_t other)
{
	return (int32_t)(one - other) > 0;
}

static uint32_t timestamp_at(const struct sender *s, uint64_t now_ms)
{
	if (!s->started || now_ms <= s->timestamp_ms)
		return s->timestamp;
	return s->timestamp + (uint32_t)((now_ms - s->timestamp_ms) * clock_of(s) / 1000);
}

/* Where audio of a new source starts: now, but after all that was sent. */
static uint32_t fresh_timestamp(const struct sender *s, uint64_t now_ms)
{
	uint32_t now = timestamp_at(s, now_ms);

	return later(now, s->next_timestamp) ? now : s->next_timestamp;
}

/* False if `seq` was used before, or is so old that nobody remembers. */
static bool claim(struct sender *s, uint16_t seq)
{
	int ahead = (int16_t)(seq - s->seq);

	if (!s->started || ahead >= WINDOW) {
		s->used = 1;
		s->seq = seq;
	} else if (ahead > 0) {
		s->used = s->used << ahead | 1;
		s->seq = seq;
	} else {
		uint64_t bit = -ahead < WINDOW ? 1ull << -ahead : 0;

		if (bit == 0 || s->used & bit)
			return false;
		s->used |= bit;
	}
	return true;
}

static int emit(struct sender *s, struct rtp_packet *packet, uint64_t now_ms)
{
	packet->ssrc = s->config.ssrc;
	int bytes = rtp_write(packet, s->out, RTP_MAX_PACKET);
	if (bytes < 0)
		return bytes;
	if (!claim(s, packet->seq))
		return -EAGAIN;

	if (!s->started) {
		s->started = true;
		s->timestamp_ms = now_ms;
	}
	s->packets++;
	s->octets += (uint32_t)packet->bytes;
	s->config.send(s->config.arg, s->out, (size_t)bytes, sizeof(s->out));
	return 0;
}

static int emit_audio(struct sender *s, struct rtp_packet *packet, uint64_t now_ms)
{
	packet->pt = s->encoder.format.pt;
	packet->marker |= s->marker;

	int err = emit(s, packet, now_ms);
	if (err)
		return err;
	s->marker = false;
	if (!later(s->timestamp, packet->timestamp)) {
		s->timestamp = packet->timestamp;
		s->timestamp_ms = now_ms;
	}
	return 0;
}

void sender_new_source(struct sender *s)
{
	s->source = SENDER_NO_SOURCE;
}

static void switch_to(struct sender *s, enum sender_source source)
{
	if (s->source == source)
		return;
	s->source = source;
	s->order.started = false;
	s->anchored = false;
	s->anew = true;
	s->n_gathered = 0;
	s->skip = 0;
}

static void anchor(struct sender *s, const struct rtp_packet *packet, uint64_t now_ms)
{
	s->seq_offset = (uint16_t)(s->seq + 1 - packet->seq);
	s->timestamp_offset = fresh_timestamp(s, now_ms) - packet->timestamp;
	s->anchored = true;
	s->marker = true;
}

/* In order, but its timestamp fits neither the one before nor the time passed. */
static bool timestamp_jumped(const struct sender *s, const struct rtp_packet *packet,
			     uint64_t now_ms)
{
	int32_t ahead = (int32_t)(packet->timestamp - s->in_timestamp);
	uint64_t most = (now_ms - s->in_ms + MOST_JUMP_MS) * clock_of(s) / 1000;

	return ahead < 0 || (uint64_t)ahead > most;
}

void sender_relay_skip(struct sender *s, const struct rtp_packet *packet)
{
	int step;

	if (s->source != SENDER_RELAY)
		return;
	switch (rtp_order_put(&s->order, packet, &step)) {
	case RTP_RESTARTED:
		s->anchored = false;
		break;
	case RTP_AHEAD:
		s->seq_offset--;
		break;
	case RTP_BEHIND:
	case RTP_STRAY:
		break;
	}
}

int sender_relay(struct sender *s, const struct rtp_packet *packet, uint64_t now_ms)
{
	int step;

	if (!s->encoder.format.codec)
		return -EINVAL;
	switch_to(s, SENDER_RELAY);
	if (dtmf_sender_busy(&s->dtmf)) {
		sender_relay_skip(s, packet);
		s->marker = true;
		return -EAGAIN;
	}

	switch (rtp_order_put(&s->order, packet, &step)) {
	case RTP_STRAY:
		return -EAGAIN;
	case RTP_RESTARTED:
		s->anchored = false;
		break;
	case RTP_AHEAD:
		if (s->anchored && timestamp_jumped(s, packet, now_ms)) {
			s->timestamp_offset = fresh_timestamp(s, now_ms) - packet->timestamp;
			s->marker = true;
		}
		break;
	case RTP_BEHIND:
		if (!s->anchored)
			return -EAGAIN;
		break;
	}
	if (!s->anchored)
		anchor(s, packet, now_ms);
	if (packet->seq == s->order.highest) {
		s->in_timestamp = packet->timestamp;
		s->in_ms = now_ms;
	}

	struct rtp_packet ours = *packet;
	ours.seq = (uint16_t)(packet->seq + s->seq_offset);
	ours.timestamp = packet->timestamp + s->timestamp_offset;
	int err = emit_audio(s, &ours, now_ms);
	uint32_t next = ours.timestamp + clock_of(s) / 1000 * s->encoder.format.ptime_ms;
	if (err == 0 && later(next, s->next_timestamp))
		s->next_timestamp = next;
	return err;
}

static size_t frame_samples(const struct sender *s)
{
	return s->encoder.pcm_rate / 1000 * s->encoder.format.ptime_ms;
}

static uint32_t to_units(const struct sender *s, size_t samples)
{
	return (uint32_t)((uint64_t)samples * clock_of(s) / s->encoder.pcm_rate);
}

static int send_frame(struct sender *s, uint64_t now_ms)
{
	size_t samples = frame_samples(s);
	int bytes = s->encoder.format.codec->encode(s->encoder.state, s->gathered, samples,
						    s->payload, sizeof(s->payload));
	struct rtp_packet packet = {
		.seq = (uint16_t)(s->seq + 1 + s->skip),
		.timestamp = s->next_timestamp,
		.payload = s->payload,
		.bytes = bytes > 0 ? (size_t)bytes : 0,
	};

	s->n_gathered -= samples;
	memmove(s->gathered, s->gathered + samples, s->n_gathered * sizeof(s->gathered[0]));
	s->next_timestamp += to_units(s, samples);
	s->skip = 0;
	return bytes < 0 ? bytes : emit_audio(s, &packet, now_ms);
}

/* PCM NULL is silence. */
static void gather(struct sender *s, const int16_t *pcm, size_t samples, uint64_t now_ms)
{
	while (samples > 0) {
		size_t space = frame_samples(s) - s->n_gathered;
		size_t n = samples < space ? samples : space;

		if (pcm) {
			memcpy(s->gathered + s->n_gathered, pcm, n * sizeof(*pcm));
			pcm += n;
		} else {
			memset(s->gathered + s->n_gathered, 0, n * sizeof(s->gathered[0]));
		}
		s->n_gathered += n;
		samples -= n;
		if (s->n_gathered == frame_samples(s))
			send_frame(s, now_ms);
	}
}

/* PCM that keeps coming faster than time passes (packets that claim to be longer than
 * they are) would run the timeline away: then some is dropped. */
static bool too_fast(struct sender *s, size_t samples, uint64_t now_ms)
{
	if (now_ms > s->pcm_ms)
		s->lead_us -= (int64_t)(now_ms - s->pcm_ms) * 1000;
	if (s->lead_us < -MOST_LAG_MS * 1000ll || s->pcm_ms == 0)
		s->lead_us = -MOST_LAG_MS * 1000ll;
	s->pcm_ms = now_ms;

	int64_t us = (int64_t)samples * 1000000 / s->encoder.pcm_rate;
	if (s->lead_us + us > MOST_LEAD_MS * 1000ll)
		return true;
	s->lead_us += us;
	return false;
}

int sender_pcm(struct sender *s, const int16_t *pcm, size_t samples, uint64_t now_ms)
{
	if (s->encoder.pcm_rate == 0)
		return -EINVAL;
	switch_to(s, SENDER_PCM);
	if (too_fast(s, samples, now_ms))
		return -EAGAIN;
	if (s->anew) {
		s->next_timestamp = fresh_timestamp(s, now_ms);
		s->marker = true;
		s->anew = false;
	}
	if (dtmf_sender_busy(&s->dtmf)) {
		s->next_timestamp += to_units(s, s->n_gathered + samples);
		s->n_gathered = 0;
		s->marker = true;
		return -EAGAIN;
	}
	gather(s, pcm, samples, now_ms);
	return 0;
}

void sender_gap(struct sender *s, size_t samples, unsigned packets, uint64_t now_ms)
{
	if (s->source != SENDER_PCM || s->anew || s->encoder.pcm_rate == 0)
		return;
	if (s->n_gathered > 0) {
		size_t pad = frame_samples(s) - s->n_gathered;

		pad = pad < samples ? pad : samples;
		gather(s, NULL, pad, now_ms);
		samples -= pad;
	}
	s->next_timestamp += to_units(s, samples);
	if (packets)
		s->skip = (uint16_t)(s->skip + samples / frame_samples(s));
	else
		s->marker = true;
	if (s->skip > RTP_ORDER_MOST_AHEAD)
		s->skip = 0;
}

int sender_press(struct sender *s, char digit, unsigned duration_ms)
{
	if (!sender_takes_digits(s))
		return -ENOTSUP;
	return dtmf_sender_press(&s->dtmf, digit, duration_ms);
}

int sender_hold(struct sender *s, char digit)
{
	if (!sender_takes_digits(s))
		return -ENOTSUP;
	return dtmf_sender_hold(&s->dtmf, digit);
}

void sender_release(struct sender *s, unsigned duration_ms)
{
	dtmf_sender_release(&s->dtmf, duration_ms);
}

void sender_drop_digits(struct sender *s)
{
	dtmf_sender_init(&s->dtmf);
}

bool sender_takes_digits(const struct sender *s)
{
	return s->encoder.format.codec && s->encoder.format.dtmf_pt != SENDER_NO_PT;
}

uint64_t sender_due(const struct sender *s)
{
	return dtmf_sender_due(&s->dtmf);
}

void sender_run(struct sender *s, uint64_t now_ms)
{
	const struct sender_format *format = &s->encoder.format;
	struct dtmf_out digit;

	if (!sender_takes_digits(s))
		return;
	while (dtmf_sender_run(&s->dtmf, format->dtmf_clock, now_ms, &digit)) {
		if (digit.marker)
			s->digit_timestamp = timestamp_at(s, now_ms);

		struct rtp_packet packet = {
			.marker = digit.marker,
			.pt = format->dtmf_pt,
			.seq = (uint16_t)(s->seq + 1),
			.timestamp = s->digit_timestamp +
				     (uint32_t)((uint64_t)digit.offset * clock_of(s) /
						format->dtmf_clock),
			.payload = digit.payload,
			.bytes = sizeof(digit.payload),
		};
		if (emit(s, &packet, now_ms) == 0)
			s->seq_offset++;
	}
}

void sender_set_loss(struct sender *s, unsigned percent)
{
	if (s->encoder.pcm_rate && s->encoder.format.codec->set_loss)
		s->encoder.format.codec->set_loss(s->encoder.state, percent < 100 ? percent : 100);
}

uint32_t sender_ssrc(const struct sender *s)
{
	return s->config.ssrc;
}

bool sender_report(const struct sender *s, uint64_t now_ms, uint64_t wall_ms,
		   struct rtcp_sender *out)
{
	if (!s->started)
		return false;
	*out = (struct rtcp_sender){
		.ntp = rtcp_ntp(wall_ms),
		.timestamp = timestamp_at(s, now_ms),
		.packets = s->packets,
		.octets = s->octets,
	};
	return true;
}
