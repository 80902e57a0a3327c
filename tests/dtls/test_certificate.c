/* Certificates and fingerprints. */
#include "tests/check.h"

#include "dtls/openssl.h"

#include <openssl/x509v3.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void a_fingerprint_survives_print_and_parse(void)
{
	struct dtls_certificate *c;
	struct dtls_fingerprint f, g;
	char text[DTLS_FINGERPRINT_TEXT];

	REQUIRE(dtls_certificate_new(NULL, &c) == 0);
	dtls_certificate_fingerprint(c, &f);
	CHECK_EQ(f.n, 32);
	dtls_fingerprint_print(&f, text);
	CHECK_EQ(strlen(text), 95);
	CHECK_EQ(strspn(text, "0123456789ABCDEF:"), 95);
	CHECK_EQ(dtls_fingerprint_parse(STR("sha-256"), str_of(text), &g), 0);
	CHECK_EQ(g.n, 32);
	CHECK(memcmp(f.bytes, g.bytes, 32) == 0);
	CHECK(dtls_fingerprint_matches(&g, c->x509));
	g.bytes[31] ^= 1;
	CHECK(!dtls_fingerprint_matches(&g, c->x509));
	g.n = 0;
	CHECK(!dtls_fingerprint_matches(&g, c->x509));
	dtls_certificate_free(c);
}

static void longer_hashes_match_too(void)
{
	struct dtls_certificate *c;
	struct dtls_fingerprint f = { 0 };

	REQUIRE(dtls_certificate_new(NULL, &c) == 0);
	X509_digest(c->x509, EVP_sha512(), f.bytes, NULL);
	f.n = 64;
	CHECK(dtls_fingerprint_matches(&f, c->x509));
	X509_digest(c->x509, EVP_sha384(), f.bytes, NULL);
	f.n = 48;
	CHECK(dtls_fingerprint_matches(&f, c->x509));
	f.n = 32;
	CHECK(!dtls_fingerprint_matches(&f, c->x509));
	dtls_certificate_free(c);
}

/* RFC 8122 §5; SHA-1 is refused, as are texts of another length. */
static void bad_fingerprints_are_refused(void)
{
	static const struct {
		const char *hash, *text;
		int err;
	} table[] = {
		{ "sha-1", "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB",
		  -ENOTSUP },
		{ "", "", -ENOTSUP },
		{ "sha-256", "", -EBADMSG },
		{ "sha-256", "4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB",
		  -EBADMSG },
		{ "SHA-256",
		  "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:"
		  "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		  0 },
		{ "sha-256",
		  "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:"
		  "00:11:22:33:44:55:66:77-88:99:AA:BB:CC:DD:EE:FF",
		  -EBADMSG },
		{ "sha-256",
		  "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:fg:"
		  "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		  -EBADMSG },
		{ "sha-512",
		  "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:"
		  "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF",
		  -EBADMSG },
	};
	struct dtls_fingerprint f;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		CHECK_EQ(dtls_fingerprint_parse(str_of(table[i].hash), str_of(table[i].text), &f),
			 table[i].err);
}

static void a_certificate_has_the_names_it_was_given(void)
{
	static const char *const names[] = { "localhost", "127.0.0.1", "::1" };
	static const char *const bad[] = { "local host,DNS:example.org" };
	struct dtls_certificate *c;

	REQUIRE(dtls_certificate_new(&(struct dtls_certificate_config){ .common_name = "localhost",
									.days = 90,
									.names = names,
									.n_names = 3 },
				     &c) == 0);
	CHECK_EQ(X509_check_host(c->x509, "localhost", 0, 0, NULL), 1);
	CHECK_EQ(X509_check_host(c->x509, "example.org", 0, 0, NULL), 0);
	CHECK_EQ(X509_check_ip_asc(c->x509, "127.0.0.1", 0), 1);
	CHECK_EQ(X509_check_ip_asc(c->x509, "::1", 0), 1);
	CHECK_EQ(X509_check_ip_asc(c->x509, "127.0.0.2", 0), 0);
	CHECK_EQ(X509_verify(c->x509, c->key), 1);
	CHECK_EQ(EVP_PKEY_get_bits(c->key), 256);
	CHECK(X509_cmp_current_time(X509_get0_notBefore(c->x509)) < 0);
	int days, seconds;
	CHECK(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(c->x509)) == 1);
	CHECK(days >= 89 && days <= 90);
	dtls_certificate_free(c);

	CHECK_EQ(dtls_certificate_new(
			 &(struct dtls_certificate_config){ .names = bad, .n_names = 1 }, &c),
		 -EINVAL);
}

static void files_are_written_and_read(void)
{
	char folder[] = "/tmp/hookswitch-certificate-XXXXXX";
	char paths[2][64];
	struct dtls_certificate *c, *d, *other;
	struct dtls_fingerprint f, g;
	struct stat st;

	REQUIRE(mkdtemp(folder) != NULL);
	snprintf(paths[0], sizeof(paths[0]), "%s/certificate.pem", folder);
	snprintf(paths[1], sizeof(paths[1]), "%s/key.pem", folder);
	REQUIRE(dtls_certificate_new(NULL, &c) == 0);
	CHECK_EQ(dtls_certificate_load(paths[0], paths[1], &d), -ENOENT);
	CHECK_EQ(dtls_certificate_save(c, paths[0], paths[1]), 0);
	CHECK_EQ(dtls_certificate_save(c, paths[0], paths[1]), -EEXIST);
	CHECK_EQ(stat(paths[1], &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	REQUIRE(dtls_certificate_load(paths[0], paths[1], &d) == 0);
	dtls_certificate_fingerprint(c, &f);
	dtls_certificate_fingerprint(d, &g);
	CHECK(memcmp(f.bytes, g.bytes, 32) == 0);
	dtls_certificate_free(d);

	/* key and certificate of two pairs; and no PEM at all */
	CHECK_EQ(unlink(paths[1]), 0);
	REQUIRE(dtls_certificate_new(NULL, &other) == 0);
	char elsewhere[64];
	snprintf(elsewhere, sizeof(elsewhere), "%s/other.pem", folder);
	CHECK_EQ(dtls_certificate_save(other, elsewhere, paths[1]), 0);
	CHECK_EQ(dtls_certificate_load(paths[0], paths[1], &d), -EINVAL);
	CHECK_EQ(dtls_certificate_load(paths[1], paths[1], &d), -EBADMSG);
	dtls_certificate_free(other);
	dtls_certificate_free(c);
	unlink(elsewhere);
	unlink(paths[0]);
	unlink(paths[1]);
	rmdir(folder);
}

TESTS(a_fingerprint_survives_print_and_parse, longer_hashes_match_too, bad_fingerprints_are_refused,
      a_certificate_has_the_names_it_was_given, files_are_written_and_read)
