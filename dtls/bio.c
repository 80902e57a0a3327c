/* bio.c: OpenSSL's door to the network. A memory BIO would glue datagrams together. */
#include "dtls/private.h"

#include <openssl/crypto.h>

#include <string.h>

enum {
	HANDSHAKE_RECORD = 22,
	UDP_OVERHEAD = 28, /* IPv4 and UDP headers, part of the link's MTU */
};

static int bio_write(BIO *bio, const char *bytes, int n)
{
	struct dtls *d = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (n <= 0)
		return 0;
	if ((uint8_t)bytes[0] == HANDSHAKE_RECORD)
		d->answered = true;
	/* A server that has not answered does not say why: the bad ClientHello need not
	 * be the peer's, but the alert would go to the peer. */
	if (d->role == DTLS_SERVER && !d->answered)
		return n;
	if (!d->freed)
		d->events->send(d->arg, (const uint8_t *)bytes, (size_t)n);
	return n;
}

static int bio_read(BIO *bio, char *bytes, int size)
{
	struct dtls *d = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (!d->at_hand || size <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	size_t n = d->at_hand_n < (size_t)size ? d->at_hand_n : (size_t)size;
	memcpy(bytes, d->at_hand, n);
	d->at_hand = NULL;
	return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio, (void)number, (void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
		return 1;
	case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
		return UDP_OVERHEAD;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return DTLS_MTU - UDP_OVERHEAD;
	default:
		return 0;
	}
}

static int bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "dtls");

	if (m && BIO_meth_set_write(m, bio_write) && BIO_meth_set_read(m, bio_read) &&
	    BIO_meth_set_ctrl(m, bio_ctrl) && BIO_meth_set_create(m, bio_create))
		bio_method = m;
	else
		BIO_meth_free(m);
}

BIO *dtls_bio_new(struct dtls *dtls)
{
	static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
	BIO *bio = CRYPTO_THREAD_run_once(&once, make_bio_method) && bio_method
			   ? BIO_new(bio_method)
			   : NULL;

	if (bio)
		BIO_set_data(bio, dtls);
	return bio;
}
