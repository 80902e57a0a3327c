/* tls.c: see tls.h. OpenSSL with two memory BIOs: one is filled with what came, the
 * other emptied into on_wire() after each step. */
#include "sip/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct sip_tls_context {
	SSL_CTX *server; /* NULL: no certificate */
	SSL_CTX *client;
};

struct tls {
	SSL *ssl;
	BIO *in, *out; /* the SSL's */
	const struct tls_events *events;
	void *arg;
	char name[TLS_MOST_NAME + 1]; /* of the server; "": we are it */
	bool ready, failed;
	const char *why;
	char *pending; /* clear text that waits for the handshake */
	size_t n_pending;
};

/* --- contexts --- */

static SSL_CTX *context_new(const SSL_METHOD *method)
{
	SSL_CTX *ctx = SSL_CTX_new(method);

	if (!ctx)
		return NULL;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	if (SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

static int complain(const char *what, const char *file, char *why, size_t why_bytes)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(why, why_bytes, "%s: %s: %s", file, what, reason ? reason : "it cannot be used");
	ERR_clear_error();
	return -EBADMSG;
}

int sip_tls_context_new(const struct sip_tls_config *config, struct sip_tls_context **out,
			char *why, size_t why_bytes)
{
	struct sip_tls_context *context = calloc(1, sizeof(*context));
	bool serves = config->certificate != NULL;
	int err = context ? 0 : -ENOMEM;

	ERR_clear_error();
	snprintf(why, why_bytes, "out of memory");
	if (!err)
		context->client = context_new(TLS_client_method());
	if (!err && serves)
		context->server = context_new(TLS_server_method());
	if (!err && (!context->client || (serves && !context->server)))
		err = -ENOMEM;
	if (!err)
		SSL_CTX_set_verify(context->client, SSL_VERIFY_PEER, NULL);
	if (!err && config->ca &&
	    SSL_CTX_load_verify_locations(context->client, config->ca, NULL) != 1)
		err = complain("expected CA certificates", config->ca, why, why_bytes);
	if (!err && !config->ca)
		SSL_CTX_set_default_verify_paths(context->client);
	if (!err && serves &&
	    SSL_CTX_use_certificate_chain_file(context->server, config->certificate) != 1)
		err = complain("expected a certificate", config->certificate, why, why_bytes);
	if (!err && serves &&
	    SSL_CTX_use_PrivateKey_file(context->server, config->key, SSL_FILETYPE_PEM) != 1)
		err = complain("expected the certificate's key", config->key, why, why_bytes);
	if (err) {
		sip_tls_context_free(context);
		return err;
	}
	ERR_clear_error();
	*out = context;
	return 0;
}

void sip_tls_context_free(struct sip_tls_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->server);
	SSL_CTX_free(context->client);
	free(context);
}

/* --- whose certificate is it? --- */

static struct str text_of(const ASN1_STRING *text)
{
	return (struct str){ (const char *)ASN1_STRING_get0_data(text),
			     (size_t)ASN1_STRING_length(text) };
}

/* RFC 5922 §7.1, §7.2: the domains of a certificate are its sip: URIs without user part;
 * only if there is none, its DNS names; octet for octet but for the case, no wildcards.
 * The common name counts for nothing. An address we look for stands among its addresses. */
static bool is_for(X509 *certificate, const char *name)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool has_uri = false, is_uri = false, is_dns = false;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *one = sk_GENERAL_NAME_value(names, i);

		if (one->type == GEN_DNS) {
			is_dns |= str_ieq(text_of(one->d.dNSName), str_of(name));
		} else if (one->type == GEN_URI) {
			struct str uri = text_of(one->d.uniformResourceIdentifier);

			if (!str_istarts(uri, STR("sip:")) || str_find(uri, '@') < uri.n)
				continue;
			has_uri = true;
			is_uri |= str_ieq(str_skip(uri, 4), str_of(name));
		}
	}
	GENERAL_NAMES_free(names);
	return (has_uri ? is_uri : is_dns) || X509_check_ip_asc(certificate, name, 0) == 1;
}

/* --- one connection --- */

int tls_new(const struct sip_tls_context *context, struct str name, const struct tls_events *events,
	    void *arg, struct tls **out)
{
	bool is_client = !str_empty(name);
	SSL_CTX *ctx = is_client ? context->client : context->server;
	struct tls *tls = ctx ? calloc(1, sizeof(*tls)) : NULL;

	if (!tls)
		return ctx ? -ENOMEM : -EINVAL;
	tls->events = events;
	tls->arg = arg;
	if (str_find(name, '\0') < name.n || str_copy(name, tls->name, sizeof(tls->name))) {
		free(tls);
		return -EINVAL;
	}
	tls->ssl = SSL_new(ctx);
	tls->in = BIO_new(BIO_s_mem());
	tls->out = BIO_new(BIO_s_mem());
	if (!tls->ssl || !tls->in || !tls->out) {
		BIO_free(tls->in);
		BIO_free(tls->out);
		SSL_free(tls->ssl);
		free(tls);
		return -ENOMEM;
	}
	SSL_set_bio(tls->ssl, tls->in, tls->out);
	if (is_client) {
		ASN1_OCTET_STRING *address = a2i_IPADDRESS(tls->name);

		SSL_set_connect_state(tls->ssl);
		if (!address) /* RFC 6066 §3: names only */
			SSL_set_tlsext_host_name(tls->ssl, tls->name);
		ASN1_OCTET_STRING_free(address);
	} else {
		SSL_set_accept_state(tls->ssl);
	}
	*out = tls;
	return 0;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	SSL_free(tls->ssl); /* and the BIOs */
	free(tls->pending);
	free(tls);
}

const char *tls_why(const struct tls *tls)
{
	return tls->why ? tls->why : "the connection broke";
}

static int fail(struct tls *tls, const char *why, int err)
{
	tls->failed = true;
	tls->why = why;
	return err;
}

static int flush(struct tls *tls)
{
	char *bytes = NULL;
	long n = BIO_get_mem_data(tls->out, &bytes);
	int err = n > 0 ? tls->events->on_wire(tls->arg, (struct str){ bytes, (size_t)n }) : 0;

	BIO_reset(tls->out);
	return err;
}

/* What the step that gave `n` means: 0, it waits for more, or it failed. */
static int judge(struct tls *tls, int n)
{
	const char *reason;
	long verdict;

	switch (SSL_get_error(tls->ssl, n)) {
	case SSL_ERROR_NONE:
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return fail(tls, "the peer closed", -EPIPE);
	default:
		break;
	}
	verdict = SSL_get_verify_result(tls->ssl);
	if (*tls->name && verdict != X509_V_OK)
		return fail(tls, X509_verify_cert_error_string(verdict), -EACCES);
	reason = ERR_reason_error_string(ERR_peek_last_error());
	return fail(tls, reason ? reason : "it is no TLS", -EBADMSG);
}

static int write_clear(struct tls *tls, struct str clear)
{
	if (str_empty(clear))
		return 0;
	ERR_clear_error();
	if (SSL_write(tls->ssl, clear.p, (int)clear.n) != (int)clear.n)
		return fail(tls, "it cannot be written", -EPIPE);
	return flush(tls);
}

static int become_ready(struct tls *tls)
{
	int err;

	if (*tls->name && !is_for(SSL_get0_peer_certificate(tls->ssl), tls->name))
		return fail(tls, "its certificate is for another name", -EACCES);
	tls->ready = true;
	tls->events->on_ready(tls->arg);
	err = write_clear(tls, (struct str){ tls->pending, tls->n_pending });
	free(tls->pending);
	tls->pending = NULL;
	tls->n_pending = 0;
	return err;
}

static int shake_hands(struct tls *tls)
{
	int n, err, sent;

	ERR_clear_error();
	n = SSL_do_handshake(tls->ssl);
	err = n == 1 ? 0 : judge(tls, n);
	sent = flush(tls); /* an alert, too */
	if (err || sent)
		return err ? err : sent;
	return n == 1 ? become_ready(tls) : 0;
}

int tls_start(struct tls *tls)
{
	return shake_hands(tls);
}

int tls_put(struct tls *tls, struct str wire)
{
	char clear[16384]; /* a record's */
	int n, err = 0;

	if (tls->failed)
		return -EPIPE;
	if (BIO_write(tls->in, wire.p, (int)wire.n) != (int)wire.n)
		return fail(tls, "out of memory", -ENOMEM);
	if (!tls->ready)
		err = shake_hands(tls);
	if (err || !tls->ready)
		return err;
	do {
		ERR_clear_error();
		n = SSL_read(tls->ssl, clear, sizeof(clear));
		err = n > 0 ? tls->events->on_clear(tls->arg, (struct str){ clear, (size_t)n })
			    : judge(tls, n);
	} while (n > 0 && !err);

	int sent = tls->failed ? 0 : flush(tls); /* answers to key updates */

	return err ? err : sent;
}

int tls_send(struct tls *tls, struct str clear)
{
	char *pending;

	if (tls->failed)
		return -EPIPE;
	if (tls->ready)
		return write_clear(tls, clear);
	if (str_empty(clear))
		return 0;
	if (tls->n_pending + clear.n > TLS_MAX_PENDING)
		return -ENOBUFS;
	pending = realloc(tls->pending, tls->n_pending + clear.n);
	if (!pending)
		return -ENOMEM;
	memcpy(pending + tls->n_pending, clear.p, clear.n);
	tls->pending = pending;
	tls->n_pending += clear.n;
	return 0;
}

void tls_goodbye(struct tls *tls)
{
	if (!tls->ready || tls->failed)
		return;
	ERR_clear_error();
	SSL_shutdown(tls->ssl);
	flush(tls);
	tls->failed = true;
}
