/* sender_format.c: a sender's birth and end, and what it sends in between.
 *
 * The encoder of the next format is opened beside the one in use: running out of
 * memory leaves the call as it was. */
#include "gateway/media/sender_state.h"

#include <errno.h>
#include <stdlib.h>

int sender_open(const struct sender_config *config, struct sender **out)
{
	if (!config->send)
		return -EINVAL;

	struct sender *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->config = *config;
	s->seq = (uint16_t)(config->first_seq - 1);
	s->timestamp = s->next_timestamp = config->first_timestamp;
	s->encoder.format.dtmf_pt = SENDER_NO_PT;
	dtmf_sender_init(&s->dtmf);
	*out = s;
	return 0;
}

static void close_encoder(struct sender_encoder *encoder)
{
	if (encoder->pcm_rate)
		encoder->format.codec->close_encoder(encoder->state);
	encoder->pcm_rate = 0;
}

void sender_close(struct sender *s)
{
	if (!s)
		return;
	sender_abandon(s);
	close_encoder(&s->encoder);
	free(s);
}

static bool format_is_fine(const struct sender_format *format)
{
	bool events_fine = format->dtmf_pt == SENDER_NO_PT ||
			   (format->dtmf_pt <= RTP_PT_MOST && format->dtmf_clock > 0 &&
			    format->dtmf_clock <= 48000);

	return format->codec && format->pt <= RTP_PT_MOST && events_fine;
}

int sender_prepare(struct sender *s, const struct sender_format *format, unsigned pcm_rate)
{
	struct sender_encoder *next = &s->prepared;

	sender_abandon(s);
	if (!format_is_fine(format))
		return -EINVAL;

	next->format = *format;
	next->format.ptime_ms = codec_ptime_ms(format->codec, format->ptime_ms < SENDER_MAX_PTIME_MS
								      ? format->ptime_ms
								      : SENDER_MAX_PTIME_MS);
	next->format.peer_fmtp = (struct str){ next->fmtp, 0 };
	if (str_copy(format->peer_fmtp, next->fmtp, sizeof(next->fmtp)) == 0)
		next->format.peer_fmtp.n = format->peer_fmtp.n;

	s->keeps_encoder = pcm_rate != 0 && s->encoder.pcm_rate == pcm_rate &&
			   s->encoder.format.codec == format->codec &&
			   str_eq(s->encoder.format.peer_fmtp, next->format.peer_fmtp);
	if (pcm_rate && !s->keeps_encoder) {
		const struct codec_config config = {
			.pcm_rate = pcm_rate,
			.peer_fmtp = next->format.peer_fmtp,
			.complexity = format->complexity,
		};
		int err = format->codec->open_encoder(&config, &next->state);

		if (err)
			return err;
		next->pcm_rate = pcm_rate;
	}
	s->is_prepared = true;
	return 0;
}

void sender_abandon(struct sender *s)
{
	close_encoder(&s->prepared);
	s->is_prepared = false;
}

void sender_commit(struct sender *s)
{
	if (!s->is_prepared)
		return;
	if (s->keeps_encoder) {
		s->prepared.state = s->encoder.state;
		s->prepared.pcm_rate = s->encoder.pcm_rate;
	} else {
		close_encoder(&s->encoder);
	}
	/* What is gathered may be longer than a packet is from now on. */
	if (!s->keeps_encoder || s->encoder.format.ptime_ms != s->prepared.format.ptime_ms)
		s->n_gathered = 0;
	if (s->encoder.format.codec != s->prepared.format.codec)
		sender_new_source(s);
	s->encoder = s->prepared;
	s->encoder.format.peer_fmtp.p = s->encoder.fmtp;
	s->prepared.pcm_rate = 0;
	s->is_prepared = false;
	if (s->encoder.format.dtmf_pt == SENDER_NO_PT)
		sender_drop_digits(s);
}
