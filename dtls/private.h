/* private.h: the inside of struct dtls, for the files of this folder. */
#pragma once

#include "dtls/dtls.h"

#include <openssl/bio.h>
#include <openssl/ssl.h>

struct dtls_context {
	SSL_CTX *ssl;
};

struct dtls {
	const struct dtls_context *context;
	enum dtls_role role;
	const struct dtls_events *events;
	void *arg;
	struct dtls_fingerprint remote; /* n is 0 until told */

	enum dtls_state state;
	SSL *ssl;		/* kept when connected: a repeated last flight is answered */
	const uint8_t *at_hand; /* the datagram being received; NULL once OpenSSL took it */
	size_t at_hand_n;
	bool answered;	 /* as a server: we sent a handshake message */
	const char *why; /* of the last failure */

	uint64_t span_ms; /* from dtls_start() to the deadline */
	uint64_t deadline_ms, due_ms;
	size_t datagrams, bytes; /* received in the handshake */
	uint64_t dropped;

	int depth; /* functions of ours on the stack */
	bool freed;
};

/* bio.c. A BIO for `dtls`, or NULL: a read gives the datagram at hand, a write is
 * one datagram to the peer. */
BIO *dtls_bio_new(struct dtls *dtls);
