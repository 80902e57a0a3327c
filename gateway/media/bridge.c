/* bridge.c: see bridge.h.
 *
 *   receive -> by payload type -+- event ------> digits ----------+
 *                               +- same codec -> the packet ------+-> partner's put()
 *                               +- other ------> receiver -> PCM -+
 *
 * What must stay true: audio and digits reach the partner only through put(). */
#include "gateway/media/bridge_end.h"
#include "gateway/media/red.h"

#include <errno.h>
#include <stdlib.h>

int bridge_end_open(const struct bridge_end_config *config, struct bridge_end **out)
{
	struct bridge_end *end = calloc(1, sizeof(*end));
	if (!end)
		return -ENOMEM;

	int err = sender_open(&config->sender, &end->sender);
	if (err) {
		free(end);
		return err;
	}
	end->config = *config;
	dtmf_receiver_init(&end->dtmf);
	rtp_stats_init(&end->stats);
	*out = end;
	return 0;
}

void bridge_end_close(struct bridge_end *end)
{
	if (!end)
		return;
	bridge_part(end);
	sender_close(end->sender);
	free(end);
}

static void tell_due(struct bridge_end *end)
{
	if (end->config.events && end->config.events->on_due)
		end->config.events->on_due(end->config.arg);
}

void bridge_end_put(struct bridge_end *end, const struct bridge_item *item, uint64_t now_ms)
{
	if (!end->media.known)
		return;
	if (!bridge_end_speaks(end)) {
		end->counts.held += item->kind == BRIDGE_PACKET || item->kind == BRIDGE_PCM;
		return;
	}

	switch (item->kind) {
	case BRIDGE_PACKET:
		sender_relay(end->sender, &item->packet, now_ms);
		break;
	case BRIDGE_NOT_AUDIO:
		sender_relay_skip(end->sender, &item->packet);
		break;
	case BRIDGE_PCM:
		sender_pcm(end->sender, item->pcm, item->samples, now_ms);
		break;
	case BRIDGE_GAP:
		sender_gap(end->sender, item->samples, item->packets, now_ms);
		break;
	case BRIDGE_NEW_SOURCE:
		sender_new_source(end->sender);
		break;
	case BRIDGE_PRESSED:
		sender_hold(end->sender, item->digit);
		sender_run(end->sender, now_ms);
		tell_due(end);
		break;
	case BRIDGE_RELEASED:
		sender_release(end->sender, item->duration_ms);
		break;
	}
}

int bridge_end_send_digit(struct bridge_end *end, char digit, unsigned duration_ms, uint64_t now_ms)
{
	if (!bridge_end_speaks(end))
		return -EAGAIN;

	int err = sender_press(end->sender, digit, duration_ms);
	if (!err)
		sender_run(end->sender, now_ms);
	return err;
}

static void pass(struct bridge_end *end, const struct bridge_item *item, uint64_t now_ms)
{
	if (end->partner)
		bridge_end_put(end->partner, item, now_ms);
}

static void on_pcm(void *arg, const int16_t *pcm, size_t samples, uint64_t now_ms)
{
	pass(arg, &(struct bridge_item){ .kind = BRIDGE_PCM, .pcm = pcm, .samples = samples },
	     now_ms);
}

static void on_gap(void *arg, size_t samples, unsigned packets, uint64_t now_ms)
{
	const struct bridge_item item = {
		.kind = BRIDGE_GAP,
		.samples = samples,
		.packets = packets,
	};

	pass(arg, &item, now_ms);
}

static void on_restart(void *arg, uint64_t now_ms)
{
	pass(arg, &(struct bridge_item){ .kind = BRIDGE_NEW_SOURCE }, now_ms);
}

const struct receiver_events bridge_receiver_events = {
	.on_pcm = on_pcm,
	.on_gap = on_gap,
	.on_restart = on_restart,
};

static void tell_digit(struct bridge_end *end, const struct dtmf_news *news, uint64_t now_ms)
{
	struct bridge_end *partner = end->partner;
	struct bridge_item item = { .digit = news->digit, .duration_ms = news->duration_ms };

	switch (news->what) {
	case DTMF_NOTHING:
		break;
	case DTMF_PRESSED:
		end->counts.digits++;
		end->digit_passed = partner && bridge_end_speaks(partner) &&
				    sender_takes_digits(partner->sender);
		item.kind = BRIDGE_PRESSED;
		if (end->digit_passed)
			pass(end, &item, now_ms);
		break;
	case DTMF_RELEASED:
		item.kind = BRIDGE_RELEASED;
		if (end->digit_passed)
			pass(end, &item, now_ms);
		if (end->config.events && end->config.events->on_digit)
			end->config.events->on_digit(end->config.arg, news->digit,
						     news->duration_ms, end->digit_passed);
		break;
	}
}

static const struct receiver_format *format_of(const struct bridge_end *end, uint8_t pt)
{
	const struct bridge_media *media = &end->media.negotiated;

	for (size_t i = 0; i < media->n_receive; i++)
		if (media->receive[i].pt == pt)
			return &media->receive[i];
	return NULL;
}

static unsigned event_clock_of(const struct bridge_end *end, uint8_t pt)
{
	const struct bridge_media *media = &end->media.negotiated;

	for (size_t i = 0; i < media->n_receive_events; i++)
		if (media->receive_events[i].pt == pt)
			return media->receive_events[i].clock;
	return 0;
}

/* A packet between the audio ones: nobody shall take its number for a lost one. */
static void take_not_audio(struct bridge_end *end, const struct rtp_packet *packet, uint64_t now_ms)
{
	if (!end->stats.started || packet->ssrc != end->stats.ssrc)
		return;
	rtp_stats_put(&end->stats, packet, 0, now_ms);

	struct rtp_packet empty = *packet;
	if (packet->pt != RTP_PT_COMFORT_NOISE) /* the receiver reads its level */
		empty.bytes = 0;
	if (end->receiver)
		receiver_put(end->receiver, &empty, now_ms);
	pass(end, &(struct bridge_item){ .kind = BRIDGE_NOT_AUDIO, .packet = empty }, now_ms);
}

static void take_event(struct bridge_end *end, const struct rtp_packet *packet, unsigned clock,
		       uint64_t now_ms)
{
	struct dtmf_news news[3];
	size_t n = dtmf_receiver_put(&end->dtmf, packet, clock, now_ms, news);

	take_not_audio(end, packet, now_ms);
	for (size_t i = 0; i < n; i++)
		tell_digit(end, &news[i], now_ms);
}

/* Whether packets of that type are the partner's codec, and nothing around it. */
static bool is_relayed(const struct bridge_end *end, uint8_t pt)
{
	const struct receiver_format *format = format_of(end, pt);

	return format && !format->red && format->codec == end->partner->media.negotiated.send.codec;
}

static void relay(struct bridge_end *end, const struct rtp_packet *packet, uint64_t now_ms)
{
	pass(end, &(struct bridge_item){ .kind = BRIDGE_PACKET, .packet = *packet }, now_ms);
}

/* Relays what a RED packet would be without RFC 2198, and before it what it says again of
 * packets that came neither themselves nor so; `newest` is the number of the last that
 * came, of the same stream if it `follows`. False: it is malformed, or empty. */
static bool relay_red(struct bridge_end *end, const struct rtp_packet *packet, uint16_t newest,
		      bool follows, uint64_t now_ms)
{
	struct rtp_packet packets[RED_MAX_BLOCKS];
	int n = red_unwrap(packet, packets);

	if (n < 0 || packets[n - 1].bytes == 0 || !is_relayed(end, packets[n - 1].pt))
		return false;
	for (int i = 0; follows && i < n - 1; i++) {
		if ((int16_t)(packets[i].seq - newest) > 0 && packets[i].bytes &&
		    is_relayed(end, packets[i].pt)) {
			end->counts.receiver.recovered++;
			relay(end, &packets[i], now_ms);
		}
	}
	relay(end, &packets[n - 1], now_ms);
	return true;
}

static void take_audio(struct bridge_end *end, const struct rtp_packet *packet,
		       const struct receiver_format *format, uint64_t now_ms)
{
	struct bridge_end *partner = end->partner;
	bool follows = end->stats.started && end->stats.ssrc == packet->ssrc;
	uint16_t newest = end->stats.max_seq;

	end->counts.redundant += format->red;
	rtp_stats_put(&end->stats, packet, format->codec->rtp_clock, now_ms);
	if (!partner || !partner->media.known) {
		end->counts.no_partner++;
		return;
	}

	end->counts.relaying = format->codec == partner->media.negotiated.send.codec;
	if (!end->counts.relaying) {
		if (end->receiver)
			receiver_put(end->receiver, packet, now_ms);
	} else if (!format->red) {
		end->counts.relayed++;
		relay(end, packet, now_ms);
	} else if (relay_red(end, packet, newest, follows, now_ms)) {
		end->counts.relayed++;
	} else {
		end->counts.malformed++;
	}
}

void bridge_end_receive(struct bridge_end *end, const uint8_t *bytes, size_t n_bytes,
			uint64_t now_ms)
{
	struct rtp_packet packet;

	if (rtp_parse(bytes, n_bytes, &packet)) {
		end->counts.malformed++;
		return;
	}
	end->counts.packets++;
	end->counts.octets += (uint32_t)n_bytes;
	end->counts.heard_ms = now_ms;
	if (end->media.known && !bridge_end_hears(end)) {
		end->counts.held++;
		return;
	}

	const struct receiver_format *format = format_of(end, packet.pt);
	unsigned event_clock = event_clock_of(end, packet.pt);
	if (event_clock) {
		take_event(end, &packet, event_clock, now_ms);
	} else if (!format) {
		end->counts.unknown_pt += packet.pt != RTP_PT_COMFORT_NOISE;
		take_not_audio(end, &packet, now_ms);
	} else if (packet.bytes == 0) {
		take_not_audio(end, &packet, now_ms);
	} else {
		take_audio(end, &packet, format, now_ms);
	}
}

static uint64_t sooner(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

uint64_t bridge_end_due(const struct bridge_end *end)
{
	uint64_t due = sooner(sender_due(end->sender), dtmf_receiver_due(&end->dtmf));

	due = sooner(due, bridge_sound_due(end));
	return end->receiver ? sooner(due, receiver_due(end->receiver)) : due;
}

void bridge_end_run(struct bridge_end *end, uint64_t now_ms)
{
	struct dtmf_news news;

	if (end->receiver)
		receiver_run(end->receiver, now_ms);
	if (dtmf_receiver_run(&end->dtmf, now_ms, &news))
		tell_digit(end, &news, now_ms);
	bridge_sound_run(end, now_ms);
	sender_run(end->sender, now_ms);
}

uint32_t bridge_end_ssrc(const struct bridge_end *end)
{
	return sender_ssrc(end->sender);
}

void bridge_add_receiver_counts(const struct bridge_end *end, struct receiver_counts *sum)
{
	struct receiver_counts counts;

	if (!end->receiver)
		return;
	receiver_counts(end->receiver, &counts);
	sum->decoded += counts.decoded;
	sum->undecodable += counts.undecodable;
	sum->lost += counts.lost;
	sum->recovered += counts.recovered;
	sum->made_up_ms += counts.made_up_ms;
	sum->late += counts.late;
	sum->cut_ms += counts.cut_ms;
	sum->put_in_ms += counts.put_in_ms;
	sum->depth_ms = counts.depth_ms;
	sum->most_ms = counts.most_ms > sum->most_ms ? counts.most_ms : sum->most_ms;
	sum->target_ms = counts.target_ms;
}

void bridge_end_counts(const struct bridge_end *end, struct bridge_counts *out)
{
	*out = end->counts;
	bridge_add_receiver_counts(end, &out->receiver);
	out->lost = rtp_stats_lost(&end->stats) > 0 ? (uint32_t)rtp_stats_lost(&end->stats) : 0;
	if (end->stats.clock)
		out->jitter_ms = (end->stats.jitter16 >> 4) * 1000 / end->stats.clock;
}
