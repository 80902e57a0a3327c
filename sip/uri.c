/* uri.c: see uri.h. */
#include "sip/uri.h"

#include "sip/lex.h"

#include <errno.h>

static bool graphic(struct str s, const char *except)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || strchr(except, c))
			return false;
	}
	return true;
}

static bool escapes_ok(struct str s)
{
	uint8_t octet;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '%' && !str_to_hex(str_head(str_skip(s, i + 1), 2), &octet, 1))
			return false;
	return true;
}

static bool scheme_ok(struct str scheme)
{
	for (size_t i = 0; i < scheme.n; i++) {
		char c = scheme.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && (i == 0 || !((c >= '0' && c <= '9') || strchr("+-.", c) != NULL)))
			return false;
		if (c == '\0')
			return false;
	}
	return scheme.n > 0;
}

/* host [":" port], the whole of `s`. */
static int host_port(struct str s, struct sip_uri *uri)
{
	struct str port;

	if (s.n > 0 && s.p[0] == '[') {
		size_t close = str_find(s, ']');

		if (close == s.n)
			return -EBADMSG;
		uri->host = str_skip(str_head(s, close), 1);
		uri->host_is_ipv6 = true;
		s = str_skip(s, close + 1);
		if (s.n > 0 && s.p[0] != ':')
			return -EBADMSG;
		port = str_skip(s, 1);
	} else {
		size_t colon = str_find(s, ':');

		uri->host = str_head(s, colon);
		s = str_skip(s, colon);
		port = str_skip(s, 1);
	}
	if (!lex_host(uri->host, uri->host_is_ipv6))
		return -EBADMSG;
	if (s.n > 0) {
		uint32_t number;

		if (!str_to_u32(port, 1, 65535, &number))
			return -EBADMSG;
		uri->port = (uint16_t)number;
	}
	return 0;
}

int sip_uri_parse(struct str text, struct sip_uri *out)
{
	struct sip_uri uri = { .text = text };
	struct str rest = text;
	size_t colon = str_find(rest, ':');

	if (colon == rest.n || !scheme_ok(str_head(rest, colon)) || !graphic(rest, "<>\"\\^"))
		return -EBADMSG;
	uri.scheme = str_cut(&rest, ':');
	if (!str_ieq(uri.scheme, STR("sip")) && !str_ieq(uri.scheme, STR("sips"))) {
		if (str_empty(rest))
			return -EBADMSG;
		*out = uri;
		return -ENOTSUP;
	}

	/* '@' may stand nowhere but behind the user part (§25.1), while '?' and
	 * ';' may stand within it: so look for '@' first. */
	if (str_find(rest, '@') < rest.n) {
		struct str userinfo = str_cut(&rest, '@');

		uri.user = str_head(userinfo, str_find(userinfo, ':'));
		if (str_empty(uri.user) || !graphic(userinfo, "[]{}|`") || !escapes_ok(userinfo))
			return -EBADMSG;
		if (str_find(rest, '@') < rest.n)
			return -EBADMSG;
	}

	size_t question = str_find(rest, '?');
	if (question < rest.n) {
		uri.headers = str_skip(rest, question + 1);
		if (str_empty(uri.headers) || !escapes_ok(uri.headers))
			return -EBADMSG;
		rest = str_head(rest, question);
	}
	size_t semicolon = str_find(rest, ';');
	if (semicolon < rest.n) {
		uri.params = str_skip(rest, semicolon + 1);
		if (str_empty(uri.params) || !escapes_ok(uri.params) ||
		    !lex_params(uri.params, SIP_URI_MAX_PARAMS, true))
			return -EBADMSG;
		rest = str_head(rest, semicolon);
	}
	int err = host_port(rest, &uri);
	if (err)
		return err;
	*out = uri;
	return 0;
}

/* display-name = *(token LWS) / quoted-string; UTF-8 beyond ASCII is let pass,
 * many phones send it without quotes. */
static bool display_ok(struct str display)
{
	while (!str_empty(display)) {
		struct str word = str_word(&display);

		for (size_t i = 0; i < word.n; i++)
			if ((unsigned char)word.p[i] < 0x80 &&
			    !lex_token(str_head(str_skip(word, i), 1)))
				return false;
	}
	return true;
}

/* The rest behind the URI: nothing, or ';' and parameters. */
static int header_params(struct str rest, struct sip_name_addr *addr)
{
	rest = str_trim(rest);
	if (str_empty(rest))
		return 0;
	if (rest.p[0] != ';' || rest.n == 1)
		return -EBADMSG;
	addr->params = str_trim(str_skip(rest, 1));
	return lex_params(addr->params, SIP_URI_MAX_PARAMS, false) ? 0 : -EBADMSG;
}

int sip_name_addr_parse(struct str text, struct sip_name_addr *out)
{
	struct sip_name_addr addr = { .star = false };
	struct str rest = str_trim(text), uri;
	int err;

	if (str_eq(rest, STR("*"))) {
		*out = (struct sip_name_addr){ .star = true };
		return 0;
	}
	size_t quoted = lex_quoted(rest);
	bool bracket;

	if (rest.n > 0 && rest.p[0] == '"') {
		if (quoted == 0)
			return -EBADMSG;
		addr.display = (struct str){ rest.p + 1, quoted - 2 };
		rest = str_trim(str_skip(rest, quoted));
		bracket = true;
		if (str_empty(rest) || rest.p[0] != '<')
			return -EBADMSG;
	} else {
		size_t at = str_find(rest, '<');

		/* a '<' within a parameter's quotes is no bracket of ours */
		bracket = at < rest.n && at <= lex_find(rest, "\"", false);
		if (bracket) {
			addr.display = str_trim(str_head(rest, at));
			rest = str_skip(rest, at);
			if (!display_ok(addr.display))
				return -EBADMSG;
		}
	}

	if (bracket) {
		size_t close = str_find(rest, '>');

		if (close == rest.n)
			return -EBADMSG;
		uri = str_skip(str_head(rest, close), 1);
		rest = str_skip(rest, close + 1);
	} else {
		/* §20.10: without brackets, what follows ';' belongs to the header,
		 * and a '?' or ',' may not stand in the URI at all. */
		size_t end = str_find(rest, ';');

		uri = str_trim(str_head(rest, end));
		rest = str_skip(rest, end);
		if (str_find(uri, '?') < uri.n || str_find(uri, ',') < uri.n)
			return -EBADMSG;
	}
	err = sip_uri_parse(uri, &addr.uri);
	if (err && err != -ENOTSUP)
		return err;
	err = header_params(rest, &addr);
	if (err)
		return err;
	*out = addr;
	return 0;
}

struct str sip_params_cut(struct str *params)
{
	return lex_cut(params, ';');
}

struct str sip_list_cut(struct str *list)
{
	return lex_cut(list, ',');
}

bool sip_param(struct str params, struct str name, struct str *value)
{
	while (!str_empty(params)) {
		struct str param = lex_cut(&params, ';');
		size_t equals = str_find(param, '=');

		if (!str_ieq(str_trim(str_head(param, equals)), name))
			continue;
		struct str found = str_trim(str_skip(param, equals + 1));
		if (found.n >= 2 && found.p[0] == '"' && found.p[found.n - 1] == '"')
			found = (struct str){ found.p + 1, found.n - 2 };
		*value = found;
		return true;
	}
	return false;
}

int sip_unescape(struct str s, char *mem, size_t cap, struct str *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		uint8_t octet = (uint8_t)s.p[i];

		if (s.p[i] == '%') {
			if (!str_to_hex(str_head(str_skip(s, i + 1), 2), &octet, 1))
				return -EBADMSG;
			i += 2;
		}
		if (n == cap)
			return -ENOBUFS;
		mem[n++] = (char)octet;
	}
	*out = (struct str){ mem, n };
	return 0;
}

void sip_user_print(struct writer *w, struct str user)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < user.n; i++) {
		unsigned char c = (unsigned char)user.p[i];
		bool stands = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			      (c >= 'A' && c <= 'Z') ||
			      (c != '\0' && strchr("-_.!~*'()&=+$,;?/", c));

		if (stands) {
			writer_char(w, (char)c);
		} else {
			writer_char(w, '%');
			writer_char(w, hex[c >> 4]);
			writer_char(w, hex[c & 15]);
		}
	}
}
