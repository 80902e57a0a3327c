/* srtp.h: SRTP and SRTCP (RFC 3711, 7714) of one web leg, both ways.
 *
 * Made once from the keys of the handshake and kept for the life of the leg, so
 * that roll-over counters and replay windows never start anew. A bad packet is
 * dropped and counted; nothing else happens. One owner thread. Packets are
 * changed in place. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dtls/dtls.h"

enum {
	DTLS_SRTP_OVERHEAD = 32,   /* room behind a packet for tag, index and more */
	DTLS_SRTP_MOST_REMOTE = 4, /* of the peer, RTP and RTCP together */
	DTLS_SRTP_WINDOW = 1024,   /* packets */
};

struct dtls_srtp_counts {
	uint64_t bad_tag;      /* not authenticated, or not RTP at all */
	uint64_t replayed;     /* seen before, or older than the window */
	uint64_t surplus_ssrc; /* one SSRC too many */
};

struct dtls_srtp;

/* `local_ssrc` is the only SSRC we send with. The keys are copied (into
 * libsrtp); cleansing the caller's copy is the caller's. -ENOMEM, -EINVAL. */
int dtls_srtp_new(const struct dtls_keys *keys, uint32_t local_ssrc, struct dtls_srtp **out);

/* NULL is fine. */
void dtls_srtp_free(struct dtls_srtp *srtp);

/* Encrypts *n bytes; *n grows by at most DTLS_SRTP_OVERHEAD, `size` is the room
 * there is; the packet is aligned to 4 bytes. -ENOBUFS without that room; -EINVAL for a
 * packet that is not ours: another SSRC, malformed, or a sequence number used
 * before (RFC 3711 §9.1 forbids it). After an error nothing may be sent. */
int dtls_srtp_protect_rtp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n, size_t size);
int dtls_srtp_protect_rtcp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n, size_t size);

/* Authenticates and decrypts; *n shrinks. -EBADMSG: dropped and counted, the
 * bytes are undefined. */
int dtls_srtp_unprotect_rtp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n);
int dtls_srtp_unprotect_rtcp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n);

void dtls_srtp_get_counts(const struct dtls_srtp *srtp, struct dtls_srtp_counts *counts);
