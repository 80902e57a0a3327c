/* page.h: the media of a browser that calls: ICE, and DTLS and SRTP of our own libraries. */
#pragma once

#include "dtls/dtls.h"
#include "dtls/srtp.h"
#include "sdp/sdp.h"
#include "tests/load/checks.h"
#include "tests/load/stream.h"

struct page_events {
	void (*on_ready)(void *arg); /* ICE and DTLS are done */
	void (*on_failed)(void *arg, const char *why);
	void (*on_closed)(void *arg); /* the last word */
};

struct page {
	struct stream stream;
	const struct page_events *events;
	void *arg;
	uv_loop_t *loop;
	const struct dtls_context *context;
	const struct dtls_fingerprint *fingerprint;
	const struct codec *codec; /* offered, then the one answered */
	uint8_t pt;
	const struct codec *also; /* offered behind it, by its static type; NULL: nothing */
	bool silent;		  /* no ICE, no media: signalling alone */

	struct checks checks;
	struct dtls *dtls;
	struct dtls_srtp *srtp;
	enum dtls_profile profile;
	uv_timer_t timer;
	unsigned not_authentic;
	unsigned open_handles;
};

/* `page` is zeroed but for what stands before `silent`, and that. 0 or -E... */
int page_open(struct page *page, const uint32_t random[3]);
/* Its offer, into `mem`. */
struct str page_offer(const struct page *page, char *mem, size_t cap);
/* The gateway's answer: checks begin. 0 or -EBADMSG. */
int page_answer(struct page *page, const struct sdp_media *answer);
/* on_closed follows. */
void page_close(struct page *page);
