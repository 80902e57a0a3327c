/* context.c: what the associations of one certificate share. */
#include "dtls/openssl.h"
#include "dtls/private.h"

#include <openssl/err.h>

#include <errno.h>
#include <stdlib.h>

/* In place of a chain's verification: the fingerprint is what counts. Without one
 * yet, the comparison comes later; it always comes before keys are exported. */
static int verify(X509_STORE_CTX *store, void *unused)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct dtls *d = SSL_get_app_data(ssl);
	const X509 *x509 = X509_STORE_CTX_get0_cert(store);

	(void)unused;
	if (d->remote.n == 0 || (x509 && dtls_fingerprint_matches(&d->remote, x509)))
		return 1;
	d->why = "the certificate does not match the fingerprint";
	X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
	return 0;
}

static const char *profile_list(unsigned profiles)
{
	switch (profiles) {
	case DTLS_OFFER_GCM:
		return "SRTP_AEAD_AES_128_GCM";
	case DTLS_OFFER_CM:
		return "SRTP_AES128_CM_SHA1_80";
	case DTLS_OFFER_ALL:
		return "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";
	default:
		return NULL;
	}
}

static bool set_up(SSL_CTX *ctx, const struct dtls_certificate *certificate, const char *profiles)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
	return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1 &&
	       SSL_CTX_use_certificate(ctx, certificate->x509) == 1 &&
	       SSL_CTX_use_PrivateKey(ctx, certificate->key) == 1 &&
	       SSL_CTX_set_tlsext_use_srtp(ctx, profiles) == 0;
}

int dtls_context_new(const struct dtls_certificate *certificate, unsigned profiles,
		     struct dtls_context **out)
{
	const char *list = profile_list(profiles);
	struct dtls_context *c;

	if (!certificate || !list)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->ssl = SSL_CTX_new(DTLS_method());
	if (!c->ssl || !set_up(c->ssl, certificate, list)) {
		ERR_clear_error();
		dtls_context_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void dtls_context_free(struct dtls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}
