/* receiver.c: see receiver.h. */
#include "gateway/media/receiver_state.h"

#include <errno.h>
#include <stdlib.h>

static int open_decoders(struct receiver *r)
{
	const struct codec_config config = { .pcm_rate = r->config.pcm_rate };

	for (; r->n_decoders < r->config.n_formats; r->n_decoders++) {
		const struct receiver_format *format = &r->config.formats[r->n_decoders];
		int err = 0;

		if (!format->red)
			err = format->codec->open_decoder(&config, &r->decoders[r->n_decoders]);
		if (err)
			return err;
	}
	return 0;
}

int receiver_open(const struct receiver_config *config, struct receiver **out)
{
	if (config->n_formats == 0 || config->n_formats > RECEIVER_MAX_FORMATS ||
	    config->pcm_rate == 0 || config->pcm_rate > 48000)
		return -EINVAL;

	struct receiver *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->config = *config;
	if (r->config.frame_ms != 10)
		r->config.frame_ms = RECEIVER_FRAME_MS;

	int err = open_decoders(r);
	if (!err)
		err = config->far_conceals ? receiver_direct_open(r) : receiver_playout_open(r);
	if (err) {
		receiver_close(r);
		return err;
	}
	*out = r;
	return 0;
}

void receiver_close(struct receiver *r)
{
	if (!r)
		return;
	while (r->n_decoders-- > 0)
		if (!r->config.formats[r->n_decoders].red)
			r->config.formats[r->n_decoders].codec->close_decoder(
				r->decoders[r->n_decoders]);
	free(r->direct);
	free(r->playout);
	free(r);
}

int receiver_format_of(const struct receiver *r, uint8_t pt)
{
	for (size_t i = 0; i < r->config.n_formats; i++)
		if (r->config.formats[i].pt == pt)
			return (int)i;
	return -1;
}

bool receiver_decodes(const struct receiver *r, uint8_t pt)
{
	int i = receiver_format_of(r, pt);

	return i >= 0 && !r->config.formats[i].red;
}

void receiver_put(struct receiver *r, const struct rtp_packet *packet, uint64_t now_ms)
{
	if (r->direct)
		receiver_direct_put(r, packet, now_ms);
	else
		receiver_playout_put(r, packet, now_ms);
}

void receiver_restart(struct receiver *r)
{
	if (r->direct)
		receiver_direct_restart(r);
	else
		receiver_playout_restart(r);
}

void receiver_set_frame(struct receiver *r, unsigned frame_ms)
{
	r->config.frame_ms = frame_ms == 10 ? 10 : RECEIVER_FRAME_MS;
}

uint64_t receiver_due(const struct receiver *r)
{
	return r->direct ? receiver_direct_due(r) : receiver_playout_due(r);
}

void receiver_run(struct receiver *r, uint64_t now_ms)
{
	if (r->direct)
		receiver_direct_run(r, now_ms);
	else
		receiver_playout_run(r, now_ms);
}

void receiver_counts(const struct receiver *r, struct receiver_counts *out)
{
	*out = r->counts;
	if (r->direct)
		out->late += r->direct->reorder.late;
	else
		receiver_playout_counts(r, out);
}
