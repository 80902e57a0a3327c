/* challenge.c: see challenge.h. */
#include "gateway/challenge.h"

struct challenge {
	struct str realm, nonce, opaque, algorithm, stale, qop; /* values; quotes are off */
	bool has_opaque, has_qop, auth;
};

static bool offers_auth(struct str qop)
{
	while (!str_empty(qop))
		if (str_ieq(str_trim(str_cut(&qop, ',')), STR("auth")))
			return true;
	return false;
}

/* With qop=auth where a qop is asked for at all. */
static bool is_usable(const struct challenge *c)
{
	return !str_empty(c->realm) && !str_empty(c->nonce) && (!c->has_qop || c->auth);
}

static bool read_challenge(struct str value, struct challenge *c)
{
	struct str scheme = str_word(&value);

	*c = (struct challenge){ 0 };
	if (!str_ieq(scheme, STR("Digest")))
		return false;
	while (!str_empty(value)) {
		struct str param = sip_list_cut(&value), name, text;
		size_t equals = str_find(param, '=');

		name = str_trim(str_head(param, equals));
		text = str_trim(str_skip(param, equals + 1));
		if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"')
			text = (struct str){ text.p + 1, text.n - 2 };
		if (str_ieq(name, STR("realm"))) {
			c->realm = text;
		} else if (str_ieq(name, STR("nonce"))) {
			c->nonce = text;
		} else if (str_ieq(name, STR("opaque"))) {
			c->opaque = text;
			c->has_opaque = true;
		} else if (str_ieq(name, STR("algorithm"))) {
			c->algorithm = text;
		} else if (str_ieq(name, STR("stale"))) {
			c->stale = text;
		} else if (str_ieq(name, STR("qop"))) {
			c->has_qop = true;
			c->auth = offers_auth(text);
		}
	}
	return is_usable(c);
}

static bool is_ours(struct str realm, const char *const *realms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(realm, str_of(realms[i])))
			return true;
	return false;
}

static bool is_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-",
			    s.p[i] ? s.p[i] : '"'))
			return false;
	return !str_empty(s);
}

static void print(struct writer *w, enum sip_header id, const struct challenge *c)
{
	writer_put(w, sip_header_name(id));
	writer_put(w, STR(": Digest realm=\""));
	writer_put(w, c->realm);
	writer_put(w, STR("\", nonce=\""));
	writer_put(w, c->nonce);
	writer_put(w, STR("\""));
	if (c->has_opaque) {
		writer_put(w, STR(", opaque=\""));
		writer_put(w, c->opaque);
		writer_put(w, STR("\""));
	}
	if (is_word(c->algorithm)) {
		writer_put(w, STR(", algorithm="));
		writer_put(w, c->algorithm);
	}
	if (str_ieq(c->stale, STR("true")))
		writer_put(w, STR(", stale=true"));
	if (c->has_qop)
		writer_put(w, STR(", qop=\"auth\""));
	writer_put(w, STR("\r\n"));
}

bool challenge_pass(const struct sip_msg *response, const char *const *realms, size_t n_realms,
		    struct writer *w)
{
	enum sip_header id = response->status == 407 ? SIP_HEADER_PROXY_AUTHENTICATE
						     : SIP_HEADER_WWW_AUTHENTICATE;
	bool any = false;

	for (size_t i = 0; i < response->n_fields; i++) {
		struct challenge c;

		if (response->fields[i].id != id ||
		    !read_challenge(response->fields[i].value, &c) ||
		    !is_ours(c.realm, realms, n_realms))
			continue;
		print(w, id, &c);
		any = true;
	}
	return any;
}
