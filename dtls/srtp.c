/* srtp.c: see srtp.h.
 *
 *   RTP:   header | encrypted | tag            the tag covers the roll-over counter, too
 *   RTCP:  header | encrypted | E, index | tag     (AES-CM, RFC 3711 §3.4)
 *          header | encrypted | tag | E, index     (AES-GCM, RFC 7714 §9.1)
 *
 * What must stay true: no index is sealed twice under one key, and a stream of the peer
 * takes its place only with a packet that was authentic. */
#include "dtls/srtp.h"

#include "dtls/srtp_key.h"
#include "dtls/srtp_window.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	RTP_HEADER = 12,
	RTP_SSRC = 8,
	RTCP_HEADER = 8,
	RTCP_SSRC = 4,
	MOST_PACKET = 65535,
};

static const uint32_t ENCRYPTED = 1u << 31; /* SRTCP's E flag */

struct stream {
	uint32_t ssrc;
	struct srtp_window rtp, rtcp;
};

struct keys {
	struct srtp_key rtp, rtcp;
};

struct dtls_srtp {
	const struct srtp_profile *profile;
	struct keys out, in;
	struct stream ours;
	struct stream remotes[DTLS_SRTP_MOST_REMOTE];
	size_t n_remotes;
	struct dtls_srtp_counts counts;
};

static int open_keys(struct keys *keys, const struct srtp_profile *profile, const uint8_t *master,
		     bool sealing)
{
	int err = srtp_key_open(&keys->rtp, profile, master, false, sealing);

	return err ? err : srtp_key_open(&keys->rtcp, profile, master, true, sealing);
}

int dtls_srtp_new(const struct dtls_keys *keys, uint32_t local_ssrc, struct dtls_srtp **out)
{
	const struct srtp_profile *profile = keys->profile == DTLS_AEAD_AES_128_GCM
						     ? &srtp_aead_aes_gcm
						     : &srtp_aes_cm_sha1_80;
	struct dtls_srtp *s;
	int err;

	if (keys->n != SRTP_CIPHER_KEY + profile->salt)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->profile = profile;
	s->ours.ssrc = local_ssrc;
	err = open_keys(&s->out, profile, keys->local, true);
	if (!err)
		err = open_keys(&s->in, profile, keys->remote, false);
	if (err) {
		dtls_srtp_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void dtls_srtp_free(struct dtls_srtp *srtp)
{
	if (!srtp)
		return;
	srtp_key_close(&srtp->out.rtp);
	srtp_key_close(&srtp->out.rtcp);
	srtp_key_close(&srtp->in.rtp);
	srtp_key_close(&srtp->in.rtcp);
	free(srtp);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t value)
{
	for (size_t i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Where an RTP packet of `n` octets stops being header (RFC 3550 §5.1, §5.3.1); 0 if
 * it has not room for it. */
static size_t rtp_header(const uint8_t *packet, size_t n)
{
	size_t at = RTP_HEADER + 4u * (packet[0] & 0x0f);

	if (packet[0] & 0x10) {
		if (n < at + 4)
			return 0;
		at += 4 + 4u * (size_t)(packet[at + 2] << 8 | packet[at + 3]);
	}
	return at <= n ? at : 0;
}

static struct srtp_place rtp_place(const struct srtp_window *window, const uint8_t *packet)
{
	struct srtp_place place = {
		.ssrc = get32(packet + RTP_SSRC),
		.index = srtp_window_guess(window, (uint16_t)(packet[2] << 8 | packet[3])),
	};

	put32(place.word, (uint32_t)(place.index >> 16));
	return place;
}

static struct srtp_place rtcp_place(const uint8_t *packet, uint32_t word)
{
	struct srtp_place place = {
		.ssrc = get32(packet + RTCP_SSRC),
		.index = word & ~ENCRYPTED,
		.rtcp = true,
	};

	put32(place.word, word);
	return place;
}

/* ---- out ---- */

static int room(size_t n, size_t size, size_t least)
{
	if (n < least || n > MOST_PACKET)
		return -EINVAL;
	return size < n || size - n < DTLS_SRTP_OVERHEAD ? -ENOBUFS : 0;
}

int dtls_srtp_protect_rtp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n, size_t size)
{
	struct srtp_window *window = &srtp->ours.rtp;
	int err = room(*n, size, RTP_HEADER);
	size_t clear;

	if (err)
		return err;
	clear = rtp_header(packet, *n);

	struct srtp_place place = rtp_place(window, packet);
	if (clear == 0 || place.ssrc != srtp->ours.ssrc || place.index >> 48 ||
	    !srtp_window_open(window, place.index))
		return -EINVAL;
	if (!srtp->profile->seal(&srtp->out.rtp, packet, clear, *n, &place, packet + *n))
		return -EINVAL;
	srtp_window_mark(window, place.index);
	*n += srtp->profile->tag;
	return 0;
}

int dtls_srtp_protect_rtcp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n, size_t size)
{
	struct srtp_window *window = &srtp->ours.rtcp; /* `highest` is the last index used */
	size_t tag = srtp->profile->tag;
	int err = room(*n, size, RTCP_HEADER);

	if (err)
		return err;

	struct srtp_place place = rtcp_place(packet, ENCRYPTED | (uint32_t)(window->highest + 1));
	if (place.ssrc != srtp->ours.ssrc || window->highest + 1 >= ENCRYPTED)
		return -EINVAL;

	uint8_t *end = packet + *n;
	if (!srtp->profile->seal(&srtp->out.rtcp, packet, RTCP_HEADER, *n, &place,
				 srtp->profile->word_last ? end : end + SRTP_WORD))
		return -EINVAL;
	memcpy(srtp->profile->word_last ? end + tag : end, place.word, SRTP_WORD);
	window->highest++;
	*n += tag + SRTP_WORD;
	return 0;
}

/* ---- in ---- */

static int bad(struct dtls_srtp *s)
{
	s->counts.bad_tag++;
	return -EBADMSG;
}

/* The peer's stream, or `fresh` made to one; NULL: one too many. */
static struct stream *stream_of(struct dtls_srtp *s, uint32_t ssrc, struct stream *fresh)
{
	for (size_t i = 0; i < s->n_remotes; i++)
		if (s->remotes[i].ssrc == ssrc)
			return &s->remotes[i];
	if (s->n_remotes == DTLS_SRTP_MOST_REMOTE) {
		s->counts.surplus_ssrc++;
		return NULL;
	}
	*fresh = (struct stream){ .ssrc = ssrc };
	return fresh;
}

/* A packet of it was authentic. */
static void keep(struct dtls_srtp *s, const struct stream *stream, const struct stream *fresh)
{
	if (stream == fresh)
		s->remotes[s->n_remotes++] = *fresh;
}

int dtls_srtp_unprotect_rtp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n)
{
	size_t tag = srtp->profile->tag;
	struct stream fresh;

	if (*n < RTP_HEADER + tag || *n > MOST_PACKET)
		return bad(srtp);

	size_t end = *n - tag, clear = rtp_header(packet, end);
	struct stream *stream = stream_of(srtp, get32(packet + RTP_SSRC), &fresh);
	if (!stream)
		return -EBADMSG;
	if (clear == 0)
		return bad(srtp);

	struct srtp_place place = rtp_place(&stream->rtp, packet);
	if (!srtp_window_open(&stream->rtp, place.index)) {
		srtp->counts.replayed++;
		return -EBADMSG;
	}
	if (!srtp->profile->unseal(&srtp->in.rtp, packet, clear, end, &place, packet + end))
		return bad(srtp);
	srtp_window_mark(&stream->rtp, place.index);
	keep(srtp, stream, &fresh);
	*n = end;
	return 0;
}

int dtls_srtp_unprotect_rtcp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n)
{
	size_t tag = srtp->profile->tag;
	struct stream fresh;

	if (*n < RTCP_HEADER + SRTP_WORD + tag || *n > MOST_PACKET)
		return bad(srtp);

	size_t end = *n - SRTP_WORD - tag;
	bool word_last = srtp->profile->word_last;
	uint32_t word = get32(packet + (word_last ? end + tag : end));
	struct stream *stream = stream_of(srtp, get32(packet + RTCP_SSRC), &fresh);
	if (!stream)
		return -EBADMSG;
	if (!(word & ENCRYPTED)) /* RFC 5764 §4.1.2: both profiles encrypt SRTCP */
		return bad(srtp);

	struct srtp_place place = rtcp_place(packet, word);
	if (!srtp_window_open(&stream->rtcp, place.index)) {
		srtp->counts.replayed++;
		return -EBADMSG;
	}
	if (!srtp->profile->unseal(&srtp->in.rtcp, packet, RTCP_HEADER, end, &place,
				   packet + (word_last ? end : end + SRTP_WORD)))
		return bad(srtp);
	srtp_window_mark(&stream->rtcp, place.index);
	keep(srtp, stream, &fresh);
	*n = end;
	return 0;
}

void dtls_srtp_get_counts(const struct dtls_srtp *srtp, struct dtls_srtp_counts *counts)
{
	*counts = srtp->counts;
}
