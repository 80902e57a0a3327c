/* bridge_media.c: what legs negotiated, and how two ends are fitted to it.
 *
 * What must stay true: everything that can fail is prepared first, for both ends;
 * then all of it is put in force. */
#include "gateway/media/bridge_end.h"

#include <errno.h>

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

static void copy_media(struct bridge_leg_media *to, const struct bridge_media *from)
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

	unsigned ptime_ms = codec_ptime_ms(sends->send.codec, sends->send.ptime_ms);
	*out = (struct receiver_config){
		.far_conceals = to->config.far_conceals,
		.frame_ms = ptime_ms % RECEIVER_FRAME_MS ? 10 : RECEIVER_FRAME_MS,
		.events = &bridge_receiver_events,
		.arg = (void *)from,
	};
	for (size_t i = 0; i < hears_in->n_receive; i++) {
		const struct codec *codec = hears_in->receive[i].codec;

		if (codec == sends->send.codec) {
			relays = true;
			continue;
		}
		if (out->pcm_rate == 0)
			out->pcm_rate = codec_common_rate(codec, sends->send.codec);
		if (codec_decodes_at(codec, out->pcm_rate))
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
		    one->formats[i].codec != other->formats[i].codec ||
		    one->formats[i].red != other->formats[i].red)
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

/* What it counted stays with the end. */
static void close_receiver(struct bridge_end *end)
{
	bridge_add_receiver_counts(end, &end->counts.receiver);
	receiver_close(end->receiver);
	end->receiver = NULL;
}

static void commit(struct change *change)
{
	struct bridge_end *end = change->end;

	sender_commit(end->sender);
	if (change->keeps_receiver) {
		end->receiver_config.frame_ms = change->config.frame_ms;
		receiver_set_frame(end->receiver, change->config.frame_ms);
		return;
	}
	close_receiver(end);
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
		unsigned rate = bridge_sound_rate(end, media->send.codec);

		err = sender_prepare(end->sender, &media->send, rate);
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

	bool spoke = bridge_end_speaks(end), heard = bridge_end_hears(end);
	end->media.negotiated.direction = direction;
	if (heard != bridge_end_hears(end)) {
		if (end->receiver)
			receiver_restart(end->receiver);
		if (end->partner)
			bridge_end_put(end->partner,
				       &(struct bridge_item){ .kind = BRIDGE_NEW_SOURCE }, 0);
	}
	if (spoke && !bridge_end_speaks(end)) {
		sender_new_source(end->sender);
		sender_drop_digits(end->sender);
	}
}

int bridge_join(struct bridge_end *one, struct bridge_end *other)
{
	int err = 0;

	if (one == other)
		return -EINVAL;
	if (one->partner == other)
		return 0;
	bridge_part(one);
	bridge_part(other);
	if (one->media.known && other->media.known)
		err = fit(one, &one->media.negotiated, other, &other->media.negotiated);
	if (err)
		return err;
	bridge_sound_stop(one);
	bridge_sound_stop(other);
	one->partner = other;
	other->partner = one;
	return 0;
}

static void leave(struct bridge_end *end)
{
	close_receiver(end);
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
