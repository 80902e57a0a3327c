/* lex.c: see lex.h. */
#include "sip/lex.h"

enum {
	TOKEN = 1,
	HOST = 2,
	IPV6 = 4,
	URI_PARAM = 8,
};

static bool alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The sets are short: a call of strchr() for each octet of a message would cost more. */
static inline bool one_of(unsigned char c, const char *set)
{
	for (; *set; set++)
		if ((unsigned char)*set == c)
			return true;
	return false;
}

static bool is(unsigned char c, int class)
{
	switch (class) {
	case TOKEN:
		return alnum(c) || one_of(c, "-.!%*_+`'~");
	case HOST:
		return alnum(c) || one_of(c, "-._");
	case IPV6:
		return alnum(c) ? c <= '9' || (c | 32) <= 'f' : one_of(c, ":.");
	case URI_PARAM: /* unreserved, escaped, param-unreserved */
		return alnum(c) || one_of(c, "-_.!~*'()%[]/:&+$");
	}
	return false;
}

static bool all(struct str s, int class)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is((unsigned char)s.p[i], class))
			return false;
	return s.n > 0;
}

bool lex_token(struct str s)
{
	return all(s, TOKEN);
}

bool lex_host(struct str s, bool ipv6)
{
	return all(s, ipv6 ? IPV6 : HOST);
}

size_t lex_quoted(struct str s)
{
	if (s.n == 0 || s.p[0] != '"')
		return 0;
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

size_t lex_find(struct str s, const char *stops, bool brackets)
{
	bool quoted = false, inside = false;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (quoted) {
			if (c == '\\')
				i++;
			else if (c == '"')
				quoted = false;
		} else if (inside) {
			inside = c != '>';
		} else if (one_of((unsigned char)c, stops)) {
			return i;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '<') {
			inside = brackets;
		}
	}
	return s.n;
}

struct str lex_cut(struct str *rest, char sep)
{
	const char stops[] = { sep, '\0' };
	size_t at = lex_find(*rest, stops, true);
	struct str piece = str_trim(str_head(*rest, at));

	*rest = str_skip(*rest, at + 1);
	return piece;
}

/* A generic-param's value: token, host (also in brackets) or quoted string. */
static bool param_value(struct str value)
{
	if (value.n > 0 && value.p[0] == '"')
		return lex_quoted(value) == value.n;
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c <= ' ' || c == 0x7f || one_of(c, "\",;<>\\"))
			return false;
	}
	return value.n > 0;
}

bool lex_params(struct str params, size_t most, bool in_uri)
{
	size_t n = 0;

	if (params.n == 0)
		return true;
	for (bool more = true; more;) {
		size_t end = in_uri ? str_find(params, ';') : lex_find(params, ";", false);
		struct str param = str_head(params, end);

		more = end < params.n;
		params = str_skip(params, end + 1);
		if (++n > most)
			return false;

		size_t equals = str_find(param, '=');
		struct str name = str_head(param, equals), value = str_skip(param, equals + 1);

		if (in_uri) {
			if (!all(name, URI_PARAM) || (value.n > 0 && !all(value, URI_PARAM)))
				return false;
		} else if (!lex_token(str_trim(name)) ||
			   (equals < param.n && !param_value(str_trim(value)))) {
			return false;
		}
	}
	return true;
}

bool lex_line(struct str *rest, struct str *line)
{
	for (size_t at = 0; at + 1 < rest->n; at++) {
		at += str_find(str_skip(*rest, at), '\r');
		if (at + 1 < rest->n && rest->p[at + 1] == '\n') {
			*line = str_head(*rest, at);
			*rest = str_skip(*rest, at + 2);
			return true;
		}
	}
	return false;
}

bool lex_blank(struct str s)
{
	return s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t');
}

bool lex_clean(struct str value, bool quoted_pairs)
{
	bool quoted = false;

	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c == '"')
			quoted = !quoted;
		if (quoted && c == '\\' && i + 1 < value.n) {
			c = (unsigned char)value.p[++i];
			if (quoted_pairs && c != '\r' && c != '\n')
				continue;
		}
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}
