/* web_certificate.c: see web_certificate.h. */
#include "gateway/web_certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int readable(const char *what, const char *file, char *why, size_t why_bytes)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	if (err)
		snprintf(why, why_bytes, "cannot read the %s %s: %s", what, file, strerror(-err));
	else
		close(fd);
	return err;
}

/* Never asks on the terminal. */
static int no_password(char *mem, int size, int writing, void *arg)
{
	(void)mem;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

int web_certificate_check(const char *certificate, const char *key, char *why, size_t why_bytes)
{
	int err = readable("certificate", certificate, why, why_bytes);

	if (!err)
		err = readable("key", key, why, why_bytes);
	if (err)
		return err;

	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	if (!ctx) {
		snprintf(why, why_bytes, "out of memory");
		return -ENOMEM;
	}
	SSL_CTX_set_default_passwd_cb(ctx, no_password);
	err = -EBADMSG;
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		snprintf(why, why_bytes, "%s: not a certificate in PEM form", certificate);
	else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 &&
		 SSL_CTX_check_private_key(ctx) == 1)
		err = 0;
	else if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH ||
		 ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_TYPE_MISMATCH)
		snprintf(why, why_bytes, "%s is not the key of the certificate %s", key,
			 certificate);
	else
		snprintf(why, why_bytes, "%s: not a key in PEM form without a password", key);
	ERR_clear_error();
	SSL_CTX_free(ctx);
	return err;
}
