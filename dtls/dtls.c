/* dtls.c: see dtls.h. Events are called when OpenSSL is off the stack, all but `send`. */
#include "dtls/openssl.h"
#include "dtls/private.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/srtp.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>

enum {
	RECORD_HEADER = 13,
	MOST_RECORD = (1 << 14) + 2048,
	CONTENT_FIRST = 20,
	CONTENT_LAST = 23,
	FIRST_TIMER_US = 100 * 1000,
	LAST_TIMER_US = 3200 * 1000,
	KEY_BYTES = 16,
};

/* ---- life ---- */

static unsigned next_timer(SSL *ssl, unsigned timer_us)
{
	(void)ssl;
	if (timer_us == 0)
		return FIRST_TIMER_US;
	return timer_us < LAST_TIMER_US / 2 ? 2 * timer_us : LAST_TIMER_US;
}

static int make_ssl(struct dtls *d)
{
	SSL *ssl = SSL_new(d->context->ssl);
	BIO *bio = ssl ? dtls_bio_new(d) : NULL;

	if (!bio) {
		SSL_free(ssl);
		return -ENOMEM;
	}
	SSL_set_bio(ssl, bio, bio);
	SSL_set_app_data(ssl, d);
	DTLS_set_link_mtu(ssl, DTLS_MTU);
	DTLS_set_timer_cb(ssl, next_timer);
	if (d->role == DTLS_SERVER)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	SSL_free(d->ssl);
	d->ssl = ssl;
	d->answered = false;
	return 0;
}

int dtls_new(const struct dtls_config *config, struct dtls **out)
{
	struct dtls *d;
	int err;

	if (!config->context || !config->events)
		return -EINVAL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->context = config->context;
	d->role = config->role;
	d->events = config->events;
	d->arg = config->arg;
	d->span_ms = config->deadline_ms ? config->deadline_ms : DTLS_DEADLINE_MS;
	d->deadline_ms = d->due_ms = DTLS_NEVER;
	if (config->remote)
		d->remote = *config->remote;
	err = make_ssl(d);
	if (err) {
		ERR_clear_error();
		free(d);
		return err;
	}
	*out = d;
	return 0;
}

static void enter(struct dtls *d)
{
	d->depth++;
}

static void leave(struct dtls *d)
{
	if (--d->depth > 0 || !d->freed)
		return;
	/* OpenSSL would say goodbye to a BIO that has nobody behind it any more. */
	SSL_free(d->ssl);
	ERR_clear_error();
	free(d);
}

void dtls_free(struct dtls *dtls)
{
	if (!dtls || dtls->freed)
		return;
	enter(dtls);
	dtls->freed = true;
	leave(dtls);
}

/* ---- the handshake ---- */

static void fail(struct dtls *d, const char *why)
{
	if (d->state >= DTLS_CONNECTED)
		return;
	d->state = DTLS_FAILED;
	d->why = why;
	if (!d->freed && d->events->on_failed)
		d->events->on_failed(d->arg, why);
}

/* RFC 5764 §4.2: the client's key, the server's, the client's salt, the server's. */
static int export_keys(struct dtls *d, struct dtls_keys *keys)
{
	static const char label[] = "EXTRACTOR-dtls_srtp";
	const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(d->ssl);
	uint8_t material[2 * DTLS_MOST_KEY];
	size_t salt;

	if (!profile)
		return -ENOTSUP;
	if (profile->id == SRTP_AEAD_AES_128_GCM) {
		keys->profile = DTLS_AEAD_AES_128_GCM;
		salt = 12;
	} else if (profile->id == SRTP_AES128_CM_SHA1_80) {
		keys->profile = DTLS_AES128_CM_SHA1_80;
		salt = 14;
	} else {
		return -ENOTSUP;
	}
	keys->n = KEY_BYTES + salt;
	if (SSL_export_keying_material(d->ssl, material, 2 * keys->n, label, sizeof(label) - 1,
				       NULL, 0, 0) != 1)
		return -ENOTSUP;

	uint8_t *client = d->role == DTLS_CLIENT ? keys->local : keys->remote;
	uint8_t *server = d->role == DTLS_CLIENT ? keys->remote : keys->local;
	memcpy(client, material, KEY_BYTES);
	memcpy(server, material + KEY_BYTES, KEY_BYTES);
	memcpy(client + KEY_BYTES, material + (size_t)2 * KEY_BYTES, salt);
	memcpy(server + KEY_BYTES, material + (size_t)2 * KEY_BYTES + salt, salt);
	OPENSSL_cleanse(material, sizeof(material));
	return 0;
}

/* OpenSSL is done: waits for the fingerprint, or compares it and gives the keys. */
static void complete(struct dtls *d)
{
	struct dtls_keys keys;

	if (d->remote.n == 0) {
		d->state = DTLS_WAITING;
		return;
	}
	X509 *x509 = SSL_get1_peer_certificate(d->ssl);
	bool matches = x509 && dtls_fingerprint_matches(&d->remote, x509);
	X509_free(x509);
	if (!matches) {
		SSL_shutdown(d->ssl);
		fail(d, "the certificate does not match the fingerprint");
		return;
	}
	memset(&keys, 0, sizeof(keys));
	if (export_keys(d, &keys) != 0) {
		SSL_shutdown(d->ssl);
		fail(d, "no SRTP profile in common");
		return;
	}
	d->state = DTLS_CONNECTED;
	if (!d->freed)
		d->events->on_connected(d->arg, &keys);
	OPENSSL_cleanse(&keys, sizeof(keys));
}

static const char *reason(const struct dtls *d)
{
	unsigned long error = ERR_peek_error();

	if (d->why)
		return d->why;
	switch (ERR_GET_REASON(error)) {
	case SSL_R_NO_SHARED_CIPHER:
		return "no cipher in common";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_VERSION_TOO_LOW:
	case SSL_R_WRONG_SSL_VERSION:
		return "no DTLS version in common";
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
		return "the peer sent no certificate";
	default:
		break;
	}
	if (ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET)
		return "the peer ended the handshake by an alert";
	return "the handshake failed";
}

/* A server that has not answered yet loses nothing by beginning anew, so that one
 * bad ClientHello does not keep the good one out. */
static void handshake_broke(struct dtls *d)
{
	const char *why = reason(d);

	if (d->role == DTLS_SERVER && !d->answered && make_ssl(d) == 0)
		d->why = why;
	else
		fail(d, why);
}

static void shake_hands(struct dtls *d)
{
	int rc = SSL_do_handshake(d->ssl);

	if (d->freed)
		return;
	if (rc == 1) {
		complete(d);
		return;
	}
	switch (SSL_get_error(d->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		break;
	default:
		handshake_broke(d);
		break;
	}
}

/* After the handshake: repeated flights, alerts. Data there is none in DTLS-SRTP. */
static void listen_on(struct dtls *d)
{
	uint8_t data[256];

	for (int i = 0; i < 64 && !d->freed; i++) {
		int rc = SSL_read(d->ssl, data, sizeof(data));

		if (rc > 0)
			continue;
		int error = SSL_get_error(d->ssl, rc);
		if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
			return;
		if (d->state == DTLS_WAITING) {
			fail(d, "the peer closed before its fingerprint was known");
		} else if (d->state == DTLS_CONNECTED) {
			d->state = DTLS_CLOSED;
			if (!d->freed && d->events->on_closed)
				d->events->on_closed(d->arg);
		}
		return;
	}
}

/* A connected association does nothing for hours: its records' buffers, 34 KiB of them,
 * are there only while something is read or written. False without memory. */
static bool wake(struct dtls *d)
{
	return SSL_alloc_buffers(d->ssl) == 1;
}

static void rest(struct dtls *d)
{
	if (!d->freed && d->state == DTLS_CONNECTED)
		SSL_free_buffers(d->ssl);
}

static void drive(struct dtls *d)
{
	ERR_clear_error();
	if (!wake(d)) {
		ERR_clear_error();
		return; /* as if the datagram were lost */
	}
	if (d->state == DTLS_HANDSHAKE)
		shake_hands(d);
	/* also what came in the same datagram as the last flight */
	if (!d->freed && (d->state == DTLS_WAITING || d->state == DTLS_CONNECTED))
		listen_on(d);
	rest(d);
	ERR_clear_error();
}

static void reckon_due(struct dtls *d, uint64_t now_ms)
{
	struct timeval left;

	d->due_ms = DTLS_NEVER;
	if (d->state == DTLS_NEW || d->state >= DTLS_CLOSED)
		return;
	if (d->state != DTLS_CONNECTED)
		d->due_ms = d->deadline_ms;
	if (DTLSv1_get_timeout(d->ssl, &left) == 1) {
		uint64_t ms = (uint64_t)left.tv_sec * 1000 + (uint64_t)(left.tv_usec + 999) / 1000;

		if (now_ms + ms < d->due_ms)
			d->due_ms = now_ms + ms;
	}
}

int dtls_start(struct dtls *dtls, uint64_t now_ms)
{
	if (dtls->state != DTLS_NEW)
		return -EINVAL;
	enter(dtls);
	dtls->state = DTLS_HANDSHAKE;
	dtls->deadline_ms = now_ms + dtls->span_ms;
	drive(dtls);
	reckon_due(dtls, now_ms);
	leave(dtls);
	return 0;
}

int dtls_set_remote(struct dtls *dtls, const struct dtls_fingerprint *remote, uint64_t now_ms)
{
	bool same = dtls->remote.n == remote->n &&
		    CRYPTO_memcmp(dtls->remote.bytes, remote->bytes, remote->n) == 0;

	if (remote->n == 0)
		return -EINVAL;
	if (same)
		return 0;
	if (dtls->state >= DTLS_CONNECTED)
		return -EINVAL;
	enter(dtls);
	dtls->remote = *remote;
	if (dtls->state == DTLS_WAITING) {
		ERR_clear_error();
		complete(dtls);
		ERR_clear_error();
	}
	reckon_due(dtls, now_ms);
	leave(dtls);
	return 0;
}

/* Whole records only, of the kinds and versions there are (RFC 6347 §4.1). */
static bool is_dtls(const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return false;
	for (size_t at = 0; at < n;) {
		if (n - at < RECORD_HEADER)
			return false;
		const uint8_t *record = bytes + at;
		size_t length = (size_t)record[11] << 8 | record[12];

		if (record[0] < CONTENT_FIRST || record[0] > CONTENT_LAST || record[1] != 0xFE ||
		    (record[2] != 0xFF && record[2] != 0xFD) || length > MOST_RECORD ||
		    length > n - at - RECORD_HEADER)
			return false;
		at += RECORD_HEADER + length;
	}
	return true;
}

int dtls_receive(struct dtls *dtls, const uint8_t *bytes, size_t n, uint64_t now_ms)
{
	if (dtls->state == DTLS_NEW)
		return -EINVAL;
	if (dtls->state == DTLS_FAILED)
		return 0;
	if (!is_dtls(bytes, n)) {
		dtls->dropped++;
		return 0;
	}
	enter(dtls);
	if (dtls->state < DTLS_CONNECTED) {
		dtls->datagrams++;
		dtls->bytes += n;
	}
	if (dtls->datagrams > DTLS_MOST_HANDSHAKE_DATAGRAMS ||
	    dtls->bytes > DTLS_MOST_HANDSHAKE_BYTES) {
		fail(dtls, "the handshake is too long");
	} else {
		dtls->at_hand = bytes;
		dtls->at_hand_n = n;
		drive(dtls);
		dtls->at_hand = NULL;
	}
	reckon_due(dtls, now_ms);
	leave(dtls);
	return 0;
}

uint64_t dtls_due(const struct dtls *dtls)
{
	return dtls->due_ms;
}

void dtls_run(struct dtls *dtls, uint64_t now_ms)
{
	if (dtls->state == DTLS_NEW || dtls->state >= DTLS_CLOSED)
		return;
	enter(dtls);
	if (dtls->state < DTLS_CONNECTED && now_ms >= dtls->deadline_ms) {
		fail(dtls, dtls->state == DTLS_WAITING ? "the fingerprint was never told"
			   : dtls->why		       ? dtls->why
						       : "the handshake timed out");
	} else {
		ERR_clear_error();
		if (wake(dtls) && DTLSv1_handle_timeout(dtls->ssl) < 0)
			fail(dtls, "the peer does not answer");
		ERR_clear_error();
	}
	reckon_due(dtls, now_ms);
	leave(dtls);
}

void dtls_close(struct dtls *dtls)
{
	if (dtls->state != DTLS_CONNECTED)
		return;
	enter(dtls);
	dtls->state = DTLS_CLOSED;
	dtls->due_ms = DTLS_NEVER;
	if (wake(dtls))
		SSL_shutdown(dtls->ssl);
	ERR_clear_error();
	leave(dtls);
}

enum dtls_state dtls_state(const struct dtls *dtls)
{
	return dtls->state;
}

uint64_t dtls_dropped(const struct dtls *dtls)
{
	return dtls->dropped;
}
