/* digest_client.c: answering a challenge. See digest.h. */
#include "sip/digest_parts.h"

#include <errno.h>
#include <openssl/crypto.h>

struct challenge {
	struct str realm, nonce, opaque;
	enum sip_digest_algorithm algorithm;
	bool has_opaque, qop_auth;
	bool known; /* algorithm and qop are ones we can do */
};

static bool offers_auth(struct str qop)
{
	while (!str_empty(qop))
		if (str_ieq(str_trim(str_cut(&qop, ',')), STR("auth")))
			return true;
	return false;
}

/* 0 or -EBADMSG. */
static int read_challenge(struct str params, struct challenge *out)
{
	struct challenge c = { .algorithm = SIP_DIGEST_MD5, .known = true };
	struct str name, value;
	bool has_realm = false;
	int more;

	while ((more = digest_next(&params, &name, &value)) == 1) {
		if (str_ieq(name, STR("realm"))) {
			c.realm = value;
			has_realm = true;
		} else if (str_ieq(name, STR("nonce"))) {
			c.nonce = value;
		} else if (str_ieq(name, STR("opaque"))) {
			c.opaque = value;
			c.has_opaque = true;
		} else if (str_ieq(name, STR("algorithm"))) {
			c.known = c.known && digest_algorithm_find(value, &c.algorithm);
		} else if (str_ieq(name, STR("qop"))) {
			c.qop_auth = offers_auth(value);
			c.known = c.known && c.qop_auth; /* auth-int alone is not for us */
		}
	}
	if (more < 0 || !has_realm || str_empty(c.nonce))
		return -EBADMSG;
	*out = c;
	return 0;
}

/* Within quotes: escapes what must be, and latches overflow at what cannot be. */
static void put_quoted(struct writer *w, const char *name, struct str value)
{
	writer_printf(w, "%s=\"", name);
	for (size_t i = 0; i < value.n; i++) {
		if ((unsigned char)value.p[i] < ' ' || value.p[i] == 0x7f)
			w->overflow = true;
		if (value.p[i] == '"' || value.p[i] == '\\')
			writer_char(w, '\\');
		writer_char(w, value.p[i]);
	}
	writer_char(w, '"');
}

/* As it came: what was escaped still is. */
static void put_as_came(struct writer *w, const char *name, struct str value)
{
	writer_printf(w, "%s=\"", name);
	writer_put(w, value);
	writer_char(w, '"');
}

int sip_digest_answer(const struct sip_msg *response, struct str method, struct str uri,
		      struct str user, struct str password, struct str realm,
		      void (*random)(void *bytes, size_t n), struct writer *w)
{
	bool proxy = response->status == 407;
	enum sip_header id = proxy ? SIP_HEADER_PROXY_AUTHENTICATE : SIP_HEADER_WWW_AUTHENTICATE;
	struct challenge best = { .known = false };
	bool for_us = false;

	if (response->status != 401 && response->status != 407)
		return -EACCES;
	for (size_t i = 0; i < response->n_fields; i++) {
		struct challenge c;
		struct str params;

		if (response->fields[i].id != id ||
		    !digest_scheme(response->fields[i].value, &params) ||
		    read_challenge(params, &c) || !str_eq(c.realm, realm))
			continue;
		for_us = true;
		if (c.known &&
		    (!best.known || c.algorithm > best.algorithm)) /* SHA-256 after MD5 */
			best = c;
	}
	if (!best.known)
		return for_us ? -ENOTSUP : -EACCES;

	uint8_t seed[16];
	char cnonce[2 * sizeof(seed) + 1] = "", hex[SIP_DIGEST_HEX + 1];
	struct writer cnonce_writer;
	struct sip_ha1 ha1;
	int err = digest_random(random, seed, sizeof(seed));

	if (err)
		return err;
	writer_init(&cnonce_writer, cnonce, sizeof(cnonce) - 1);
	writer_hex(&cnonce_writer, seed, sizeof(seed));
	sip_ha1_make(user, realm, password, &ha1);
	bool hashed = digest_response(
		&(struct digest_input){ .algorithm = best.algorithm,
					.ha1 = str_of(ha1.hex[best.algorithm]),
					.method = method,
					.uri = uri,
					.nonce = best.nonce,
					.qop_auth = best.qop_auth,
					.nc = STR("00000001"),
					.cnonce = str_of(cnonce) },
		hex);
	OPENSSL_cleanse(&ha1, sizeof(ha1));
	if (!hashed)
		return -ENOMEM;

	writer_put(w, proxy ? STR("Proxy-Authorization: Digest ") : STR("Authorization: Digest "));
	put_quoted(w, "username", user);
	put_as_came(w, ", realm", best.realm);
	put_as_came(w, ", nonce", best.nonce);
	put_quoted(w, ", uri", uri);
	put_as_came(w, ", response", str_of(hex));
	writer_put(w, STR(", algorithm="));
	writer_put(w, digest_algorithm_name(best.algorithm));
	if (best.qop_auth) {
		put_as_came(w, ", cnonce", str_of(cnonce));
		writer_put(w, STR(", qop=auth, nc=00000001"));
	}
	if (best.has_opaque)
		put_as_came(w, ", opaque", best.opaque);
	writer_put(w, STR("\r\n"));
	return w->overflow ? -ENOBUFS : 0;
}
