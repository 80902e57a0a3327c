/* bridge.c: see bridge.h.
 *
 *   receive -> by payload type -+- event ------> digits ----------+
 *                               +- same codec -> the packet ------+-> partner's put()
 *                               +- other ------> receiver -> PCM -+
 *
 * What must stay true: an end touches its partner only in put() below and in
 * what joins and parts them. */
#include "gateway/media/bridge.h"

#include "gateway/media/rtp_stats.h"

#include <errno.h>
#include <stdlib.h>

struct media {
	struct bridge_media negotiated; /* its peer_fmtp points into the next */
	char fmtp[SENDER_MAX_FMTP];
	bool known;
};

struct bridge_end {
	struct bridge_end_config config;
	struct media media;
	struct bridge_end *partner; /* or NULL */

	struct sender *sender;	   /* to the leg */
	struct receiver *receiver; /* from it; NULL: nothing needs decoding */
	struct receiver_config receiver_config;
	struct dtmf_receiver dtmf;
	bool digit_passed; /* the digit pressed now has gone on */
	struct rtp_stats stats;
	struct bridge_counts counts;

	uint32_t last_sr;	   /* middle of the peer's NTP time */
	uint64_t last_sr_ms;	   /* when that came; 0: never */
	uint32_t packets_reported; /* of ours, in our last sender report */
};

static void pass(struct bridge_end *end, const struct bridge_item *item, uint64_t now_ms);
static void on_pcm(void *arg, const int16_t *pcm, size_t samples, uint64_t now_ms);
static void on_gap(void *arg, size_t samples, unsigned packets, uint64_t now_ms);
static void on_restart(void *arg, uint64_t now_ms);

static const struct receiver_events receiver_events = {
	.on_pcm = on_pcm,
	.on_gap = on_gap,
	.on_restart = on_restart,
};

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

static bool hears(const struct bridge_end *end)
{
	return end->media.negotiated.direction == BRIDGE_SENDRECV ||
	       end->media.negotiated.direction == BRIDGE_RECVONLY;
}

static bool speaks(const struct bridge_end *end)
{
	return end->media.negotiated.direction == BRIDGE_SENDRECV ||
	       end->media.negotiated.direction == BRIDGE_SENDONLY;
}

/* ---- what was negotiated ---------------------------------------------------- */

static bool media_is_fine(const struct bridge_media *media)
{
	if (media->n_receive == 0 || media->n_receive > RECEIVER_MAX_FORMATS ||
	    media->n_receive_events > BRIDGE_MAX_EVENTS)
		return false;
	for (size_t i = 0; i < media->n_receive; i++)
		if (!media->receive[i].codec || media->receive[i].pt > RTP_PT_MOST)
			return false;
	for (size_t i = 0; i < media->n_receive_events; i++)
		if (media->receive_events[i].clock == 0 || media->receive_events[i].clock > 48000)
			return false;
	return true;
}

static void copy_media(struct media *to, const struct bridge_media *from)
{
	struct str fmtp = from->send.peer_fmtp;

	to->negotiated = *from;
	to->negotiated.send.peer_fmtp = (struct str){ to->fmtp, 0 };
	if (str_copy(fmtp, to->fmtp, sizeof(to->fmtp)) == 0)
		to->negotiated.send.peer_fmtp.n = fmtp.n;
	to->known = true;
}

/* What `from` may hear that `to` must have in another codec: the receiver's formats
 * and the rate of the PCM between them. -ENOTSUP if nothing at all could pass. */
static int plan(const struct bridge_end *from, const struct bridge_media *hears_in,
		const struct bridge_end *to, const struct bridge_media *sends,
		struct receiver_config *out)
{
	bool relays = false;

	*out = (struct receiver_config){
		.far_conceals = to->config.far_conceals,
		.events = &receiver_events,
		.arg = (void *)from,
	};
	for (size_t i = 0; i < hears_in->n_receive; i++) {
		const struct codec *codec = hears_in->receive[i].codec;
		unsigned rate = codec_common_rate(codec, sends->send.codec);

		if (codec == sends->send.codec) {
			relays = true;
			continue;
		}
		if (out->pcm_rate == 0)
			out->pcm_rate = rate;
		if (rate != 0 && (rate == out->pcm_rate || codec->any_rate))
			out->formats[out->n_formats++] = hears_in->receive[i];
	}
	return relays || out->n_formats ? 0 : -ENOTSUP;
}

static bool same_formats(const struct receiver_config *one, const struct receiver_config *other)
{
	if (one->n_formats != other->n_formats || one->pcm_rate != other->pcm_rate)
		return false;
	for (size_t i = 0; i < one->n_formats; i++)
		if (one->formats[i].pt != other->formats[i].pt ||
		    one->formats[i].codec != other->formats[i].codec)
			return false;
	return one->far_conceals == other->far_conceals;
}

struct change { /* of one end, prepared */
	struct bridge_end *end;
	struct receiver_config config;
	struct receiver *receiver;
	bool keeps_receiver;
};

static int prepare(struct change *change, const struct bridge_media *media, unsigned encoder_rate)
{
	struct bridge_end *end = change->end;

	change->keeps_receiver = end->receiver &&
				 same_formats(&change->config, &end->receiver_config);
	if (change->config.n_formats && !change->keeps_receiver) {
		int err = receiver_open(&change->config, &change->receiver);

		if (err)
			return err;
	}
	return sender_prepare(end->sender, &media->send, encoder_rate);
}

static void abandon(struct change *change)
{
	receiver_close(change->receiver);
	sender_abandon(change->end->sender);
}

static void commit(struct change *change)
{
	struct bridge_end *end = change->end;

	sender_commit(end->sender);
	if (change->keeps_receiver)
		return;
	receiver_close(end->receiver);
	end->receiver = change->receiver;
	end->receiver_config = change->config;
}

/* Fits two ends to each other; all or nothing. */
static int fit(struct bridge_end *one, const struct bridge_media *one_media,
	       struct bridge_end *other, const struct bridge_media *other_media)
{
	struct change first = { .end = one }, second = { .end = other };
	int err = plan(one, one_media, other, other_media, &first.config);

	if (!err)
		err = plan(other, other_media, one, one_media, &second.config);
	if (!err)
		err = prepare(&first, one_media, second.config.pcm_rate);
	if (!err)
		err = prepare(&second, other_media, first.config.pcm_rate);
	if (err) {
		abandon(&first);
		abandon(&second);
		return err;
	}
	commit(&first);
	commit(&second);
	return 0;
}

int bridge_end_set_media(struct bridge_end *end, const struct bridge_media *media)
{
	struct bridge_end *partner = end->partner;
	int err = 0;

	if (!media_is_fine(media))
		return -EINVAL;
	if (partner && partner->media.known) {
		err = fit(end, media, partner, &partner->media.negotiated);
	} else {
		err = sender_prepare(end->sender, &media->send, 0);
		if (!err)
			sender_commit(end->sender);
	}
	if (err)
		return err;

	enum bridge_direction direction = media->direction;
	struct bridge_media copy = *media;
	copy.direction = end->media.negotiated.direction;
	copy_media(&end->media, &copy);
	bridge_end_set_direction(end, direction);
	return 0;
}

void bridge_end_set_direction(struct bridge_end *end, enum bridge_direction direction)
{
	if (end->media.negotiated.direction == direction)
		return;

	bool spoke = speaks(end), heard = hears(end);
	end->media.negotiated.direction = direction;
	if (heard != hears(end)) {
		if (end->receiver)
			receiver_restart(end->receiver);
		pass(end, &(struct bridge_item){ .kind = BRIDGE_NEW_SOURCE }, 0);
	}
	if (spoke && !speaks(end)) {
		sender_new_source(end->sender);
		sender_drop_digits(end->sender);
	}
}

int bridge_join(struct bridge_end *one, struct bridge_end *other)
{
	int err = 0;

	if (one == other)
		return -EINVAL;
	bridge_part(one);
	bridge_part(other);
	if (one->media.known && other->media.known)
		err = fit(one, &one->media.negotiated, other, &other->media.negotiated);
	if (err)
		return err;
	one->partner = other;
	other->partner = one;
	return 0;
}

static void leave(struct bridge_end *end)
{
	receiver_close(end->receiver);
	end->receiver = NULL;
	end->receiver_config = (struct receiver_config){ 0 };
	end->partner = NULL;
	end->digit_passed = false;
	sender_new_source(end->sender);
	sender_release(end->sender, 0);
}

void bridge_part(struct bridge_end *end)
{
	struct bridge_end *partner = end->partner;

	if (!partner)
		return;
	leave(end);
	leave(partner);
}

/* ---- to the leg ------------------------------------------------------------- */

static void tell_due(struct bridge_end *end)
{
	if (end->config.events && end->config.events->on_due)
		end->config.events->on_due(end->config.arg);
}

void bridge_end_put(struct bridge_end *end, const struct bridge_item *item, uint64_t now_ms)
{
	if (!end->media.known)
		return;
	if (!speaks(end)) {
		end->counts.held++;
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
	if (!speaks(end))
		return -EAGAIN;

	int err = sender_press(end->sender, digit, duration_ms);
	if (!err)
		sender_run(end->sender, now_ms);
	return err;
}

/* ---- from the leg ----------------------------------------------------------- */

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

static void tell_digit(struct bridge_end *end, const struct dtmf_news *news, uint64_t now_ms)
{
	struct bridge_end *partner = end->partner;
	struct bridge_item item = { .digit = news->digit, .duration_ms = news->duration_ms };

	switch (news->what) {
	case DTMF_NOTHING:
		break;
	case DTMF_PRESSED:
		end->counts.digits++;
		end->digit_passed = partner && speaks(partner) &&
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

static const struct codec *codec_of(const struct bridge_end *end, uint8_t pt)
{
	const struct bridge_media *media = &end->media.negotiated;

	for (size_t i = 0; i < media->n_receive; i++)
		if (media->receive[i].pt == pt)
			return media->receive[i].codec;
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

static void take_audio(struct bridge_end *end, const struct rtp_packet *packet,
		       const struct codec *codec, uint64_t now_ms)
{
	struct bridge_end *partner = end->partner;

	rtp_stats_put(&end->stats, packet, codec->rtp_clock, now_ms);
	if (!partner || !partner->media.known) {
		end->counts.no_partner++;
		return;
	}

	end->counts.relaying = codec == partner->media.negotiated.send.codec;
	if (end->counts.relaying) {
		end->counts.relayed++;
		pass(end, &(struct bridge_item){ .kind = BRIDGE_PACKET, .packet = *packet },
		     now_ms);
	} else if (end->receiver) {
		receiver_put(end->receiver, packet, now_ms);
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
	if (end->media.known && !hears(end)) {
		end->counts.held++;
		return;
	}

	const struct codec *codec = codec_of(end, packet.pt);
	unsigned event_clock = event_clock_of(end, packet.pt);
	if (event_clock) {
		take_event(end, &packet, event_clock, now_ms);
	} else if (!codec) {
		end->counts.unknown_pt++;
		take_not_audio(end, &packet, now_ms);
	} else if (packet.bytes == 0) {
		take_not_audio(end, &packet, now_ms);
	} else {
		take_audio(end, &packet, codec, now_ms);
	}
}

/* ---- RTCP -------------------------------------------------------------------- */

static void take_report(struct bridge_end *end, const struct rtcp_report *report, uint64_t wall_ms)
{
	unsigned percent = report->fraction_lost * 100u / 256;

	/* Worse is believed at once, better slowly: FEC should outlast a good second. */
	if (percent < end->counts.far_loss_percent)
		percent = (3 * end->counts.far_loss_percent + percent) / 4;
	end->counts.far_loss_percent = percent;
	sender_set_loss(end->sender, percent);

	unsigned trip_ms = rtcp_round_trip_ms(report, wall_ms);
	if (trip_ms)
		end->counts.round_trip_ms = trip_ms;
}

void bridge_end_receive_rtcp(struct bridge_end *end, const uint8_t *packet, size_t bytes,
			     uint64_t now_ms, uint64_t wall_ms)
{
	struct rtcp_received got;

	if (rtcp_parse(packet, bytes, sender_ssrc(end->sender), &got)) {
		end->counts.malformed++;
		return;
	}
	end->counts.heard_ms = now_ms;
	if (got.has_report)
		take_report(end, &got.report, wall_ms);
	if (got.has_sender) {
		end->last_sr = rtcp_ntp_middle(got.sender.ntp);
		end->last_sr_ms = now_ms;
	}
}

int bridge_end_write_rtcp(struct bridge_end *end, struct str cname, bool bye, uint64_t now_ms,
			  uint64_t wall_ms, uint8_t *out, size_t cap)
{
	struct rtcp_sender sender;
	struct rtcp_report report = { 0 };
	bool reports = rtp_stats_report(&end->stats, &report);
	bool sends = sender_report(end->sender, now_ms, wall_ms, &sender) &&
		     sender.packets != end->packets_reported;

	if (sends)
		end->packets_reported = sender.packets;
	if (reports && end->last_sr_ms) {
		report.lsr = end->last_sr;
		report.dlsr = (uint32_t)((now_ms - end->last_sr_ms) * 65536 / 1000);
	}
	const struct rtcp_compound compound = {
		.ssrc = sender_ssrc(end->sender),
		.sender = sends ? &sender : NULL,
		.report = reports ? &report : NULL,
		.cname = cname,
		.bye = bye,
	};
	return rtcp_write(&compound, out, cap);
}

/* ---- time -------------------------------------------------------------------- */

static uint64_t sooner(uint64_t one, uint64_t other)
{
	return one < other ? one : other;
}

uint64_t bridge_end_due(const struct bridge_end *end)
{
	uint64_t due = sooner(sender_due(end->sender), dtmf_receiver_due(&end->dtmf));

	return end->receiver ? sooner(due, receiver_due(end->receiver)) : due;
}

void bridge_end_run(struct bridge_end *end, uint64_t now_ms)
{
	struct dtmf_news news;

	if (end->receiver)
		receiver_run(end->receiver, now_ms);
	if (dtmf_receiver_run(&end->dtmf, now_ms, &news))
		tell_digit(end, &news, now_ms);
	sender_run(end->sender, now_ms);
}

uint32_t bridge_end_ssrc(const struct bridge_end *end)
{
	return sender_ssrc(end->sender);
}

void bridge_end_counts(const struct bridge_end *end, struct bridge_counts *out)
{
	*out = end->counts;
	if (end->receiver)
		receiver_counts(end->receiver, &out->receiver);
	out->lost = rtp_stats_lost(&end->stats) > 0 ? (uint32_t)rtp_stats_lost(&end->stats) : 0;
	if (end->stats.clock)
		out->jitter_ms = (end->stats.jitter16 >> 4) * 1000 / end->stats.clock;
}
