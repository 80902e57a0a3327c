/* certificate.c: see certificate.h. */
#include "dtls/openssl.h"

#include "sdp/writer.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	DEFAULT_DAYS = 30,
	MOST_NAMES = 16,
	SECONDS_A_DAY = 24 * 60 * 60,
	SERIAL_BITS = 64,
};

static bool is_name(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*";

	return name && *name && name[strspn(name, allowed)] == '\0';
}

static bool is_ip(const char *text)
{
	uint8_t address[16];

	return text &&
	       (inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1);
}

/* "DNS:localhost,IP:127.0.0.1" */
static int print_names(const struct dtls_certificate_config *config, char *text, size_t size)
{
	struct writer w;

	writer_init(&w, text, size - 1);
	for (size_t i = 0; i < config->n_names; i++) {
		const char *name = config->names[i];

		if (!is_ip(name) && !is_name(name))
			return -EINVAL;
		writer_printf(&w, "%s%s:%s", i ? "," : "", is_ip(name) ? "IP" : "DNS", name);
	}
	if (w.overflow)
		return -EINVAL;
	text[w.n] = '\0';
	return 0;
}

static int add_extension(X509 *x509, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	int ok = extension && X509_add_ext(x509, extension, -1) == 1;

	X509_EXTENSION_free(extension);
	return ok ? 0 : -ENOMEM;
}

static int set_serial(X509 *x509)
{
	BIGNUM *serial = BN_new();
	int ok = serial && BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
		 BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x509));

	BN_free(serial);
	return ok ? 0 : -ENOMEM;
}

static int set_subject(X509 *x509, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(x509);

	if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
				       (const unsigned char *)common_name, -1, -1, 0) != 1 ||
	    X509_set_issuer_name(x509, name) != 1)
		return -EINVAL;
	return 0;
}

static int fill(X509 *x509, EVP_PKEY *key, const struct dtls_certificate_config *config)
{
	char names[1024];
	unsigned days = config->days ? config->days : DEFAULT_DAYS;
	int err;

	if (config->n_names > MOST_NAMES)
		return -EINVAL;
	err = print_names(config, names, sizeof(names));
	if (!err)
		err = set_serial(x509);
	if (!err)
		err = set_subject(x509, config->common_name ? config->common_name : "hookswitch");
	if (err)
		return err;
	/* A day back: the browser's clock need not agree with ours. */
	if (X509_set_version(x509, X509_VERSION_3) != 1 ||
	    !X509_gmtime_adj(X509_getm_notBefore(x509), -SECONDS_A_DAY) ||
	    !X509_time_adj_ex(X509_getm_notAfter(x509), (int)days, 0, NULL) ||
	    X509_set_pubkey(x509, key) != 1)
		return -ENOMEM;
	err = add_extension(x509, NID_basic_constraints, "critical,CA:FALSE");
	if (!err && config->n_names > 0)
		err = add_extension(x509, NID_subject_alt_name, names);
	if (!err && X509_sign(x509, key, EVP_sha256()) == 0)
		err = -ENOMEM;
	return err;
}

static struct dtls_certificate *empty_certificate(void)
{
	return calloc(1, sizeof(struct dtls_certificate));
}

int dtls_certificate_new(const struct dtls_certificate_config *config,
			 struct dtls_certificate **out)
{
	static const struct dtls_certificate_config defaults = { 0 };
	struct dtls_certificate *c = empty_certificate();
	int err = -ENOMEM;

	if (!c)
		return -ENOMEM;
	c->key = EVP_EC_gen("P-256");
	c->x509 = X509_new();
	if (c->key && c->x509)
		err = fill(c->x509, c->key, config ? config : &defaults);
	if (err) {
		ERR_clear_error();
		dtls_certificate_free(c);
		return err;
	}
	*out = c;
	return 0;
}

static int no_password(char *buf, int size, int writing, void *arg)
{
	(void)buf, (void)size, (void)writing, (void)arg;
	return -1;
}

int dtls_certificate_load(const char *certificate_path, const char *key_path,
			  struct dtls_certificate **out)
{
	struct dtls_certificate *c = empty_certificate();
	FILE *certificate_file = NULL, *key_file = NULL;
	int err = 0;

	if (!c)
		return -ENOMEM;
	certificate_file = fopen(certificate_path, "re");
	if (!certificate_file) {
		err = -errno;
		goto out;
	}
	key_file = fopen(key_path, "re");
	if (!key_file) {
		err = -errno;
		goto out;
	}
	c->x509 = PEM_read_X509(certificate_file, NULL, no_password, NULL);
	c->key = PEM_read_PrivateKey(key_file, NULL, no_password, NULL);
	if (!c->x509 || !c->key)
		err = -EBADMSG;
	else if (X509_check_private_key(c->x509, c->key) != 1)
		err = -EINVAL;
out:
	if (certificate_file)
		fclose(certificate_file);
	if (key_file)
		fclose(key_file);
	ERR_clear_error();
	if (err)
		dtls_certificate_free(c);
	else
		*out = c;
	return err;
}

/* A new file of this mode, for writing. */
static int create(const char *path, mode_t mode, FILE **out)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (!file) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return err;
	}
	*out = file;
	return 0;
}

static int finish(FILE *file, bool written)
{
	if (fclose(file) != 0)
		return -errno;
	return written ? 0 : -EIO;
}

int dtls_certificate_save(const struct dtls_certificate *certificate, const char *certificate_path,
			  const char *key_path)
{
	FILE *file;
	int err = create(key_path, 0600, &file);

	if (err)
		return err;
	err = finish(file, PEM_write_PKCS8PrivateKey(file, certificate->key, NULL, NULL, 0, NULL,
						     NULL) == 1);
	if (err)
		return err;
	err = create(certificate_path, 0644, &file);
	if (err)
		return err;
	return finish(file, PEM_write_X509(file, certificate->x509) == 1);
}

void dtls_certificate_free(struct dtls_certificate *certificate)
{
	if (!certificate)
		return;
	X509_free(certificate->x509);
	EVP_PKEY_free(certificate->key);
	free(certificate);
}
