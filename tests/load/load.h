/* load.h: what the parts of the load generator share. Everything is on one loop. */
#pragma once

#include "sip/invite.h"
#include "sip/udp.h"
#include "tests/load/page.h"
#include "tests/load/phone.h"
#include "tests/load/result.h"
#include "tests/load/server.h"
#include "tests/load/ws.h"

enum { LOAD_SDP = 8192, LOAD_OPUS_TAPES = 3 };

struct options {
	const char *mode;
	struct sip_addr web, sip; /* the gateway's */
	bool secure;
	struct sip_addr phone; /* our SIP for phones */
	const struct codec *page_codec, *phone_codec;
	const struct codec *page_also; /* offered behind page_codec; NULL: nothing */
	unsigned srtp;		       /* DTLS_OFFER_* */
	bool media;		       /* false: signalling alone */
	bool register_first;
	unsigned calls, users, first_user;
	double rate, connect_rate; /* per second */
	double knock;		   /* calls per second beyond those that talk */
	double seconds, hold, settle;
	unsigned samples; /* calls whose sound is compared */
	unsigned speech_seconds;
	uint64_t seed;
	const char *prefix, *password, *domain, *number;
	bool json;
};

struct call;

struct user {
	struct load *load;
	unsigned index;
	char name[32], contact[96];
	struct ws ws;
	bool open, closed;
	unsigned registered; /* status of the last answer; 0: none yet */
	bool registering, answered_challenge;
	uint64_t register_ns; /* when the REGISTER left */
	struct call *call;
};

struct load {
	struct options o;
	uv_loop_t loop;
	uv_timer_t sip_timer, tick;
	uv_prepare_t prepare;
	struct sip_endpoint *pages, *phones;
	struct sip_udp *udp;
	SSL_CTX *tls;
	struct dtls_certificate *certificate;
	struct dtls_context *dtls;
	struct dtls_fingerprint fingerprint;
	struct tape opus[LOAD_OPUS_TAPES]; /* of a page that speaks Opus */
	struct tape page_tape;		   /* of one that does not */
	struct tape also_tape;		   /* of one that was answered page_also */
	struct tape phone_tape;
	struct user *users;
	struct call *calls; /* a list */
	unsigned n_calls;
	unsigned samples_left;
	struct server server;
	struct result result;
	uint64_t random;
};

uint32_t load_random(struct load *load);
/* One load as its options say, and its result printed; the program's exit code. */
int load_run(struct load *load);
_Noreturn void load_die(const char *why);

/* ---- users (user.c) ---- */

/* Connects and, if asked to, registers. */
void user_open(struct user *user, struct load *load, unsigned index);
void user_register(struct user *user);
bool user_is_ready(const struct user *user);

/* ---- calls (call.c) ---- */

/* One call of that user to the number; it is counted in the result and frees itself. */
void call_start(struct load *load, struct user *user);
/* An INVITE at the phone. */
void call_arrived(struct load *load, struct sip_server_tx *tx, struct sip_msg *request);
/* Ends those whose time is over; `all`: every one, by mixed ends. */
void calls_end(struct load *load, bool all);
unsigned calls_established(const struct load *load);
/* From now on, or no longer: how late is each packet of the calls there are? */
void calls_watch(struct load *load, bool on);
/* Counts packets and loss of the calls there are into the result. */
void calls_count_media(struct load *load);
