/* complexity.c: what each complexity of libopus costs and how it sounds: PCM of a phone's
 * rate through the gateway's encoder, decoded as a browser does, judged by the measure of
 * tests/quality. A table for the choice of the gateway's own. */
#include "tests/quality/score.h"
#include "tests/quality/speech.h"

#include <opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SECONDS = 20, SEEDS = 3, MOST_COMPLEXITY = 10 };

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static OpusEncoder *encoder_at(unsigned rate, int complexity, int loss_percent)
{
	int error;
	OpusEncoder *e = opus_encoder_create((opus_int32)rate, 1, OPUS_APPLICATION_VOIP, &error);

	if (!e)
		quality_fail("no encoder");
	/* as gateway/media/opus.c does */
	opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(complexity));
	opus_encoder_ctl(e, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
	opus_encoder_ctl(e, OPUS_SET_BITRATE(rate == 8000 ? 24000 : 32000));
	opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(1));
	opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC(loss_percent));
	return e;
}

/* Points; *cost: CPU milliseconds of the encoder for a second. */
static double judge(const struct sound *speech, unsigned rate, int complexity, int loss_percent,
		    double *cost)
{
	struct sound pcm = sound_resample(speech, rate), heard = { .rate = 48000 };
	struct sound reference = sound_resample(speech, SCORE_RATE);
	OpusEncoder *encoder = encoder_at(rate, complexity, loss_percent);
	OpusDecoder *decoder = opus_decoder_create(48000, 1, NULL);
	size_t frame = rate / 50, n = pcm.n / frame;
	double spent = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned char packet[1500];
		opus_int16 out[5760];
		double before = cpu_ms();
		int bytes = opus_encode(encoder, pcm.pcm + i * frame, (int)frame, packet,
					sizeof(packet));

		spent += cpu_ms() - before;
		int samples = opus_decode(decoder, packet, bytes, out, 5760, 0);
		if (samples > 0)
			sound_add(&heard, out, (size_t)samples);
	}
	*cost = spent / ((double)n / 50);
	struct sound narrow = sound_resample(&heard, SCORE_RATE);
	double points = score_compare(&reference, &narrow).points;
	opus_encoder_destroy(encoder);
	opus_decoder_destroy(decoder);
	sound_free(&pcm);
	sound_free(&heard);
	sound_free(&narrow);
	sound_free(&reference);
	return points;
}

int main(void)
{
	struct sound speech[SEEDS];

	for (unsigned i = 0; i < SEEDS; i++)
		speech[i] = speech_new(i + 1, SECONDS);
	printf("  Hz  loss told  complexity   CPU-ms/s   points of seeds 1..%d\n", SEEDS);
	for (unsigned rate = 8000; rate <= 16000; rate += 8000)
		for (int loss = 0; loss <= 5; loss += 5)
			for (int complexity = 0; complexity <= MOST_COMPLEXITY; complexity++) {
				double cost, points[SEEDS], sum = 0;

				for (unsigned i = 0; i < SEEDS; i++) {
					points[i] = judge(&speech[i], rate, complexity, loss,
							  &cost);
					sum += cost;
				}
				printf("%5u  %4d %%  %8d  %12.2f  ", rate, loss, complexity,
				       sum / SEEDS);
				for (unsigned i = 0; i < SEEDS; i++)
					printf("  %5.1f", points[i]);
				printf("\n");
			}
	for (unsigned i = 0; i < SEEDS; i++)
		sound_free(&speech[i]);
	return 0;
}
