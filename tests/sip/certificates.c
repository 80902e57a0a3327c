#define _GNU_SOURCE
/* certificates.c: see certificates.h. */
#include "tests/sip/certificates.h"

#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[64];
static EVP_PKEY *key, *ca_key;
static X509 *ca;

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static void remove_all(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	X509_free(ca);
}

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	if (!extension || !X509_add_ext(x, extension, -1))
		abort();
	X509_EXTENSION_free(extension);
}

static X509 *make(const char *common_name, EVP_PKEY *of, X509 *issuer, long from_s, long to_s)
{
	static long serial;
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(x), from_s);
	X509_gmtime_adj(X509_getm_notAfter(x), to_s);
	X509_set_pubkey(x, of);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1,
				   -1, 0);
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : name);
	return x;
}

static void put(const char *path, X509 *x)
{
	FILE *f = fopen(path, "w");

	if (!f || !X509_sign(x, ca_key, EVP_sha256()) || !PEM_write_X509(f, x) || fclose(f))
		abort();
}

const struct certificates *certificates(void)
{
	static struct certificates made;

	if (*folder)
		return &made;
	snprintf(folder, sizeof(folder), "/tmp/hookswitch-tls-XXXXXX");
	if (!mkdtemp(folder))
		abort();
	atexit(remove_all);
	snprintf(made.ca, sizeof(made.ca), "%s/ca.pem", folder);
	snprintf(made.key, sizeof(made.key), "%s/key.pem", folder);
	key = EVP_EC_gen("P-256");
	ca_key = EVP_EC_gen("P-256");
	ca = make("a CA of the tests", ca_key, NULL, -86400 * 9, 86400);
	extend(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
	put(made.ca, ca);
	FILE *f = fopen(made.key, "w");
	if (!f || !PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) || fclose(f))
		abort();
	return &made;
}

const char *certificate_for(const char *names, bool expired)
{
	static char path[160];
	X509 *x;

	certificates();
	snprintf(path, sizeof(path), "%s/certificate.pem", folder);
	x = make("common.example", key, ca, -86400 * 8, expired ? -86400 : 86400);
	if (*names)
		extend(x, ca, NID_subject_alt_name, names);
	put(path, x);
	X509_free(x);
	return path;
}
