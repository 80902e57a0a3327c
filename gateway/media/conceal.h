/* conceal.h: sound made up for lost packets by codecs that cannot do it themselves:
 * the last 20 ms again, evenly fading into silence. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
	CONCEAL_MOST = 16000 / 50, /* samples kept */
	CONCEAL_REPEATS = 5,	   /* until all has faded away */
};

struct conceal {
	int16_t memory[CONCEAL_MOST]; /* the last sound heard, oldest first */
	unsigned length;	      /* of memory in use: 20 ms */
	unsigned at;		      /* of memory, while making up */
	unsigned faded;		      /* samples made up since */
};

/* Starts with silence; pcm_rate 8000 or 16000. */
void conceal_init(struct conceal *conceal, unsigned pcm_rate);
void conceal_heard(struct conceal *conceal, const int16_t *pcm, size_t samples);
void conceal_make_up(struct conceal *conceal, int16_t *pcm, size_t samples);
