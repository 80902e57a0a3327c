/* config_music.h: the recording that [calls] hold_music names. */
#pragma once

struct music;

/* *out is freed with free(). -ENOENT and other errors of reading it, -EBADMSG when it
 * is no WAV file that we play, -EMSGSIZE, -ENOMEM. */
int config_music_load(const char *file, struct music **out);
