/* dtls.h: one DTLS-SRTP association (RFC 5763, 5764) with three doors.
 *
 * Datagrams in by dtls_receive(), time in by dtls_due()/dtls_run(), datagrams
 * out by events->send. No socket here; the only clock read is the one OpenSSL's
 * own timer reads. Promise: no key leaves before the peer's certificate was
 * compared with the fingerprint of its SDP. One owner thread each; a context may
 * be shared by all threads.
 *
 *   NEW --start--> HANDSHAKE --finished, fingerprint right--> CONNECTED --close_notify--> CLOSED
 *                      |  ^                                       (may also stay so for life)
 *       finished early |  | fingerprint told and right
 *                      v  |
 *                   WAITING        any of them --limit, deadline, wrong certificate--> FAILED */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dtls/certificate.h"

enum {
	DTLS_MTU = 1200, /* UDP payload bytes, RFC 8261's safe size */
	DTLS_MOST_HANDSHAKE_DATAGRAMS = 200,
	DTLS_MOST_HANDSHAKE_BYTES = 64 * 1024,
	DTLS_DEADLINE_MS = 15000,
	DTLS_MOST_KEY = 30, /* master key and salt */
};

#define DTLS_NEVER UINT64_MAX

enum dtls_role { DTLS_SERVER, DTLS_CLIENT }; /* a=setup:passive, active */

enum dtls_state {
	DTLS_NEW,
	DTLS_HANDSHAKE,
	DTLS_WAITING, /* finished, but the fingerprint is not told yet */
	DTLS_CONNECTED,
	DTLS_CLOSED,
	DTLS_FAILED,
};

enum dtls_profile { DTLS_AES128_CM_SHA1_80, DTLS_AEAD_AES_128_GCM }; /* RFC 5764, 7714 */

struct dtls_keys {
	enum dtls_profile profile;
	size_t n;		      /* bytes of each: master key, then salt */
	uint8_t local[DTLS_MOST_KEY]; /* for what we send */
	uint8_t remote[DTLS_MOST_KEY];
};

/* dtls_free() may be called inside each of them. */
struct dtls_events {
	/* One datagram for the peer; bytes are gone after the call. Loss is fine. */
	void (*send)(void *arg, const uint8_t *bytes, size_t n);

	/* Keys exported; cleansed after the call, copy what is needed. Once. */
	void (*on_connected)(void *arg, const struct dtls_keys *keys);

	/* `why` is a literal. Once, and never after on_connected. */
	void (*on_failed)(void *arg, const char *why);

	/* The peer said close_notify, or ended a connected association by an alert. May
	 * be NULL: it does not end media. */
	void (*on_closed)(void *arg);
};

struct dtls_context;

enum { DTLS_OFFER_GCM = 1, DTLS_OFFER_CM = 2, DTLS_OFFER_ALL = 3 };

/* What all associations of a certificate share; the certificate is borrowed for
 * life. `profiles` is a set of DTLS_OFFER_*; GCM is preferred. -ENOMEM, -EINVAL. */
int dtls_context_new(const struct dtls_certificate *certificate, unsigned profiles,
		     struct dtls_context **out);
void dtls_context_free(struct dtls_context *context);

struct dtls_config {
	const struct dtls_context *context;
	enum dtls_role role;
	const struct dtls_fingerprint *remote; /* NULL: dtls_set_remote() will tell */
	uint64_t deadline_ms; /* from dtls_start() to connected; 0: DTLS_DEADLINE_MS */
	const struct dtls_events *events;
	void *arg;
};

struct dtls;

/* The config is copied, `context` and `events` are borrowed. -ENOMEM. */
int dtls_new(const struct dtls_config *config, struct dtls **out);

/* Sends nothing; see dtls_close(). NULL is fine. Keys are cleansed. */
void dtls_free(struct dtls *dtls);

/* Begins: a client sends its ClientHello, a server begins to listen; the
 * deadline runs from here. Call it when there is a path to the peer. -EINVAL
 * when already started. */
int dtls_start(struct dtls *dtls, uint64_t now_ms);

/* Tells (or, before the handshake is over, changes) the fingerprint that the
 * peer's certificate must have. May call on_connected or on_failed. Telling the
 * same one again is fine any time; -EINVAL for another one once connected. */
int dtls_set_remote(struct dtls *dtls, const struct dtls_fingerprint *remote, uint64_t now_ms);

/* One datagram of the peer, from a sender that ICE accepted. What is no DTLS
 * record is dropped and counted: always 0, or -EINVAL before dtls_start(). */
int dtls_receive(struct dtls *dtls, const uint8_t *bytes, size_t n, uint64_t now_ms);

/* When dtls_run() wants to be called, in the clock of the now_ms given; DTLS_NEVER. */
uint64_t dtls_due(const struct dtls *dtls);

/* Repeats a flight that got no answer (100 ms, doubling, at most 3.2 s), or gives up. */
void dtls_run(struct dtls *dtls, uint64_t now_ms);

/* Sends close_notify when connected. No event follows but what `send` gets. */
void dtls_close(struct dtls *dtls);

enum dtls_state dtls_state(const struct dtls *dtls);

/* Datagrams dropped as no DTLS. */
uint64_t dtls_dropped(const struct dtls *dtls);

/* Whether the first byte says DTLS (RFC 7983). */
static inline bool dtls_looks(const uint8_t *bytes, size_t n)
{
	return n > 0 && bytes[0] >= 20 && bytes[0] <= 63;
}
