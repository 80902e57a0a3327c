/* bridge_sound.c: what an end lets its leg hear while there is no partner.
 *
 * What must stay true: a sound and a partner never speak at the same time. */
#include "gateway/media/bridge_end.h"

#include <errno.h>

enum {
	FRAME_MS = 20,
	MOST_LATE_MS = 200, /* a loop that was busy for longer goes on from now */
};

unsigned bridge_sound_rate(const struct bridge_end *end, const struct codec *codec)
{
	return end->sound == BRIDGE_SILENCE ? 0 : codec->encode_rates[0];
}

void bridge_sound_stop(struct bridge_end *end)
{
	if (end->sound == BRIDGE_SILENCE)
		return;
	end->sound = BRIDGE_SILENCE;
	sender_new_source(end->sender);
}

int bridge_end_play(struct bridge_end *end, enum bridge_sound sound, uint64_t now_ms)
{
	const struct sender_format *format = &end->media.negotiated.send;

	if (sound == end->sound)
		return 0;
	if (sound == BRIDGE_SILENCE) {
		bridge_sound_stop(end);
		return 0;
	}
	if (end->partner || !end->media.known)
		return -EBUSY;
	if (sound == BRIDGE_MUSIC && !end->config.music)
		return -ENOENT;

	int err = sender_prepare(end->sender, format, format->codec->encode_rates[0]);
	if (err)
		return err;
	sender_commit(end->sender);
	sender_new_source(end->sender);
	ringback_init(&end->ringback);
	end->music_at = 0;
	end->sound = sound;
	end->sound_due_ms = now_ms;
	return 0;
}

static void read_sound(struct bridge_end *end, int16_t *pcm, size_t samples, unsigned rate)
{
	switch (end->sound) {
	case BRIDGE_SILENCE:
		break;
	case BRIDGE_RINGBACK:
		ringback_read(&end->ringback, pcm, samples, rate);
		break;
	case BRIDGE_MUSIC:
		music_read(end->config.music, &end->music_at, pcm, samples, rate);
		break;
	}
}

uint64_t bridge_sound_due(const struct bridge_end *end)
{
	return end->sound == BRIDGE_SILENCE ? UINT64_MAX : end->sound_due_ms;
}

void bridge_sound_run(struct bridge_end *end, uint64_t now_ms)
{
	int16_t pcm[48 * FRAME_MS];
	unsigned rate = bridge_sound_rate(end, end->media.negotiated.send.codec);

	if (end->sound != BRIDGE_SILENCE && now_ms > end->sound_due_ms + MOST_LATE_MS)
		end->sound_due_ms = now_ms;
	while (end->sound != BRIDGE_SILENCE && now_ms >= end->sound_due_ms) {
		read_sound(end, pcm, rate / 1000 * FRAME_MS, rate);
		if (bridge_end_speaks(end))
			sender_pcm(end->sender, pcm, rate / 1000 * FRAME_MS, now_ms);
		end->sound_due_ms += FRAME_MS;
	}
}
