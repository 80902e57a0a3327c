/* web_fixture.c: see web_fixture.h. */
#define _GNU_SOURCE
#include "tests/gateway/web_fixture.h"

#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

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
}

static void put(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *f = fopen(path, "w");

	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
}

static void put_key(const char *path, EVP_PKEY *key)
{
	FILE *f = fopen(path, "w");

	if (!f || !PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) || fclose(f))
		abort();
}

static void put_certificate(const char *path, EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	FILE *f = fopen(path, "w");

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
				   -1, 0);
	X509_set_issuer_name(x, name);
	if (!X509_sign(x, key, EVP_sha256()) || !f || !PEM_write_X509(f, x) || fclose(f))
		abort();
	X509_free(x);
}

const struct web_fixture *web_fixture(void)
{
	static struct web_fixture fixture;
	char path[256], target[256];

	if (*folder)
		return &fixture;
	snprintf(folder, sizeof(folder), "/tmp/hookswitch-web-XXXXXX");
	if (!mkdtemp(folder))
		abort();
	atexit(remove_all);
	snprintf(fixture.root, sizeof(fixture.root), "%s/root", folder);
	snprintf(fixture.certificate, sizeof(fixture.certificate), "%s/cert.pem", folder);
	snprintf(fixture.key, sizeof(fixture.key), "%s/key.pem", folder);
	snprintf(fixture.other_key, sizeof(fixture.other_key), "%s/other.pem", folder);
	snprintf(fixture.garbage, sizeof(fixture.garbage), "%s/garbage.pem", folder);
	snprintf(fixture.secret, sizeof(fixture.secret), "%s/secret.txt", folder);

	mkdir(fixture.root, 0755);
	snprintf(path, sizeof(path), "%s/sub", fixture.root);
	mkdir(path, 0755);
	put("secret.txt", "SECRET");
	put("garbage.pem", "not a certificate");
	put("root/index.html", "<!doctype html><title>Hookswitch</title>");
	put("root/phone.js", "export {};");
	put("root/sub/index.html", "sub page");
	put("root/unknown.zzz", "?");
	put("root/.hidden", "SECRET");
	put("root/a b.txt", "blank");
	snprintf(path, sizeof(path), "%s/out.txt", fixture.root);
	if (symlink("../secret.txt", path))
		abort();
	snprintf(path, sizeof(path), "%s/out", fixture.root);
	if (symlink("..", path))
		abort();
	snprintf(path, sizeof(path), "%s/absolute.txt", fixture.root);
	snprintf(target, sizeof(target), "%s", fixture.secret);
	if (symlink(target, path))
		abort();
	snprintf(path, sizeof(path), "%s/inside.js", fixture.root);
	if (symlink("phone.js", path))
		abort();
	snprintf(path, sizeof(path), "%s/pipe", fixture.root);
	mkfifo(path, 0644);
	snprintf(path, sizeof(path), "%s/big.wav", fixture.root);
	FILE *f = fopen(path, "w");
	for (int i = 0; f && i < 300000; i++)
		fputc('a' + i % 26, f);
	if (!f || fclose(f))
		abort();

	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");

	put_key(fixture.key, key);
	put_key(fixture.other_key, other);
	put_certificate(fixture.certificate, key);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return &fixture;
}
