/* terms.c: see terms.h. */
#include "tests/sdp/terms.h"

const struct sdp_format ours[5] = { OPUS_111, PCMU_0, PCMA_8, EVENT(48000, 110), EVENT(8000, 101) };
static const struct sdp_format g711[] = { PCMU_0, PCMA_8, EVENT(8000, 101) };

struct sdp_terms web_terms(void)
{
	return (struct sdp_terms){
		.profile = SDP_WEB, .preference = SDP_OURS_FIRST, .formats = ours, .n_formats = 5
	};
}

struct sdp_terms phone_terms(void)
{
	return (struct sdp_terms){
		.profile = SDP_PLAIN, .formats = g711, .n_formats = 3, .family = 4
	};
}
