/* talker.h: the browser's side of a measured call: ICE, DTLS, SRTP, and an Opus encoder that
 * obeys the receiver reports as Chromium's does. */
#pragma once

#include "dtls/dtls.h"
#include "dtls/srtp.h"
#include "gateway/media/rtp_stats.h"
#include "ice/ice.h"
#include "tests/quality/earpiece.h"
#include "tests/quality/lane.h"
#include "tests/quality/packets.h"

enum { TALKER_LATE_US = 10000 };

struct talker {
	uv_loop_t *loop;
	struct lane *lane;
	const struct sound *speech;
	struct ice *ice;
	struct ice_local local;
	struct dtls_context *context;
	struct dtls_certificate *certificate;
	struct dtls_fingerprint fingerprint;
	struct dtls *dtls;
	struct dtls_srtp *srtp;
	uv_timer_t timer, talk;
	struct OpusEncoder *encoder;
	struct packets sent; /* their fate is put in by the lane */
	size_t fates;
	size_t said;	    /* samples */
	uint64_t begun_us;  /* when the first packet left; 0: not yet */
	uint64_t next_us;   /* when the next one leaves */
	uint8_t pt, red_pt; /* red_pt 0: each packet is said once (RFC 2198) */
	uint32_t ssrc, timestamp;
	uint16_t seq;
	double loss;	      /* 0..1 as reported, smoothed; < 0: nothing was reported */
	uint64_t reported_us; /* when it was last */
	unsigned rtcp, reports, heard, not_authentic; /* packets; reports on what we send */
	unsigned disturbed; /* packets that left more than TALKER_LATE_US too late */
	struct earpiece ear;
	struct rtp_stats stats; /* of what is heard, for our reports */
	bool connected, failed, done, closed;
};

/* `speech` is borrowed, at 48 kHz; `profiles` are DTLS_OFFER_*. Ends the program when something cannot be had. */
void talker_open(struct talker *talker, uv_loop_t *loop, struct lane *lane,
		 const struct sound *speech, unsigned profiles);
/* What the answer said; `max_rate` is its maxplaybackrate or 0, `red_pt` is RED's payload
 * type if it stands before Opus, or 0; `fec` is its useinbandfec. The gateway is at lane->gateway. */
void talker_set_remote(struct talker *talker, const char *ufrag, const char *pwd,
		       const struct dtls_fingerprint *fingerprint, bool dtls_client, uint8_t pt,
		       uint8_t red_pt, unsigned max_rate, bool fec);
/* A packet each 20 ms until the speech is over, then `done`. */
void talker_talk(struct talker *talker);
void talker_close(struct talker *talker); /* the loop must run until `closed` */
