/* terms.h: what the tests of negotiation let us be able to do. */
#pragma once

#include "sdp/offer_answer.h"
#include "tests/sdp/texts.h"

#define EVENT(clock_, pt_)                                                                         \
	{                                                                                          \
		.name = STR("telephone-event"), .clock = clock_, .channels = 1, .pt = pt_          \
	}
#define OPUS_111                                                                                   \
	{                                                                                          \
		.name = STR("opus"), .clock = 48000, .channels = 2, .pt = 111,                     \
		.fmtp = STR("useinbandfec=1;maxplaybackrate=8000")                                 \
	}
#define PCMU_0                                                                                     \
	{                                                                                          \
		.name = STR("PCMU"), .clock = 8000, .channels = 1, .pt = 0                         \
	}
#define PCMA_8                                                                                     \
	{                                                                                          \
		.name = STR("PCMA"), .clock = 8000, .channels = 1, .pt = 8                         \
	}

/* Opus 111, PCMU, PCMA, telephone-event/48000 110 and /8000 101 */
extern const struct sdp_format ours[5];

/* A browser's leg with all of these, ours first. */
struct sdp_terms web_terms(void);

/* A phone's leg over IPv4 with PCMU, PCMA, telephone-event/8000, its order. */
struct sdp_terms phone_terms(void);

#define WEB_LINE   HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\n"
#define PHONE_LINE HEAD "m=audio 4000 RTP/AVP 0\r\n"
