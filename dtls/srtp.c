/* srtp.c: see srtp.h.
 *
 * What we send has one stream of a fixed SSRC. What we receive begins at
 * libsrtp's template, which makes a stream only after a packet was
 * authenticated; how many, is bounded here before libsrtp sees the packet. */
#include "dtls/srtp.h"

#include <openssl/crypto.h>
#include <srtp2/srtp.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { RTP_HEADER = 12, RTP_SSRC = 8, RTCP_HEADER = 8, RTCP_SSRC = 4 };

struct dtls_srtp {
	srtp_t out, in;
	uint32_t remotes[DTLS_SRTP_MOST_REMOTE];
	size_t n_remotes;
	struct dtls_srtp_counts counts;
};

static srtp_err_status_t init_status;

static void init(void)
{
	init_status = srtp_init();
}

static int make(srtp_t *session, const struct dtls_keys *keys, const uint8_t *key, srtp_ssrc_t ssrc)
{
	srtp_policy_t policy;
	uint8_t copy[DTLS_MOST_KEY];

	memset(&policy, 0, sizeof(policy));
	if (keys->profile == DTLS_AEAD_AES_128_GCM) {
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
	} else {
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
	}
	memcpy(copy, key, keys->n);
	policy.ssrc = ssrc;
	policy.key = copy;
	policy.window_size = DTLS_SRTP_WINDOW;
	policy.allow_repeat_tx = 0;
	srtp_err_status_t status = srtp_create(session, &policy);
	OPENSSL_cleanse(copy, sizeof(copy));
	if (status == srtp_err_status_ok)
		return 0;
	*session = NULL;
	return status == srtp_err_status_alloc_fail ? -ENOMEM : -EINVAL;
}

int dtls_srtp_new(const struct dtls_keys *keys, uint32_t local_ssrc, struct dtls_srtp **out)
{
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	const srtp_ssrc_t ours = { ssrc_specific, local_ssrc };
	const srtp_ssrc_t any = { ssrc_any_inbound, 0 };
	size_t want = keys->profile == DTLS_AEAD_AES_128_GCM ? 28 : 30;
	struct dtls_srtp *s;
	int err;

	if (keys->n != want)
		return -EINVAL;
	if (!CRYPTO_THREAD_run_once(&once, init) || init_status != srtp_err_status_ok)
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	err = make(&s->out, keys, keys->local, ours);
	if (!err)
		err = make(&s->in, keys, keys->remote, any);
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
	if (srtp->out)
		srtp_dealloc(srtp->out);
	if (srtp->in)
		srtp_dealloc(srtp->in);
	free(srtp);
}

/* ---- out ---- */

static int protect(struct dtls_srtp *s, uint8_t *packet, size_t *n, size_t size, size_t least,
		   srtp_err_status_t (*apply)(srtp_t, void *, int *))
{
	if (*n < least || *n > INT_MAX - DTLS_SRTP_OVERHEAD)
		return -EINVAL;
	if (size < *n || size - *n < DTLS_SRTP_OVERHEAD)
		return -ENOBUFS;

	int length = (int)*n;
	if (apply(s->out, packet, &length) != srtp_err_status_ok)
		return -EINVAL;
	*n = (size_t)length;
	return 0;
}

int dtls_srtp_protect_rtp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n, size_t size)
{
	return protect(srtp, packet, n, size, RTP_HEADER, srtp_protect);
}

int dtls_srtp_protect_rtcp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n, size_t size)
{
	return protect(srtp, packet, n, size, RTCP_HEADER, srtp_protect_rtcp);
}

/* ---- in ---- */

static uint32_t ssrc_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_known(const struct dtls_srtp *s, uint32_t ssrc)
{
	for (size_t i = 0; i < s->n_remotes; i++)
		if (s->remotes[i] == ssrc)
			return true;
	return false;
}

static void count(struct dtls_srtp *s, srtp_err_status_t status)
{
	if (status == srtp_err_status_replay_fail || status == srtp_err_status_replay_old)
		s->counts.replayed++;
	else
		s->counts.bad_tag++;
}

static int unprotect(struct dtls_srtp *s, uint8_t *packet, size_t *n, size_t header,
		     size_t ssrc_offset, srtp_err_status_t (*apply)(srtp_t, void *, int *))
{
	if (*n < header || *n > INT_MAX) {
		s->counts.bad_tag++;
		return -EBADMSG;
	}

	uint32_t ssrc = ssrc_at(packet + ssrc_offset);
	bool known = is_known(s, ssrc);
	if (!known && s->n_remotes == DTLS_SRTP_MOST_REMOTE) {
		s->counts.surplus_ssrc++;
		return -EBADMSG;
	}

	int length = (int)*n;
	srtp_err_status_t status = apply(s->in, packet, &length);
	if (status != srtp_err_status_ok) {
		count(s, status);
		return -EBADMSG;
	}
	if (!known)
		s->remotes[s->n_remotes++] = ssrc;
	*n = (size_t)length;
	return 0;
}

int dtls_srtp_unprotect_rtp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n)
{
	return unprotect(srtp, packet, n, RTP_HEADER, RTP_SSRC, srtp_unprotect);
}

int dtls_srtp_unprotect_rtcp(struct dtls_srtp *srtp, uint8_t *packet, size_t *n)
{
	return unprotect(srtp, packet, n, RTCP_HEADER, RTCP_SSRC, srtp_unprotect_rtcp);
}

void dtls_srtp_get_counts(const struct dtls_srtp *srtp, struct dtls_srtp_counts *counts)
{
	*counts = srtp->counts;
}
