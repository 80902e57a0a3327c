/* web_origin.c: see web_origin.h. */
#include "gateway/web_origin.h"

/* "host", "host:port", "[v6]" or "[v6]:port" into its two parts. */
static bool split(struct str authority, struct str *host, struct str *port)
{
	size_t end;

	if (authority.n > 0 && authority.p[0] == '[') {
		end = str_find(authority, ']') + 1;
		if (end > authority.n)
			return false;
	} else {
		end = str_find(authority, ':');
	}
	*host = str_head(authority, end);
	*port = str_skip(authority, end);
	if (host->n == 0)
		return false;
	if (port->n > 0) {
		uint32_t number;

		if (port->p[0] != ':')
			return false;
		*port = str_skip(*port, 1);
		if (!str_to_u32(*port, 1, 65535, &number))
			return false;
	}
	return true;
}

/* A web origin has a scheme, a host and perhaps a port, nothing else. */
static bool parse(struct str origin, struct str *scheme, struct str *host, struct str *port)
{
	struct str secure = STR("https://"), plain = STR("http://");
	struct str authority;

	if (str_istarts(origin, secure)) {
		*scheme = STR("https");
		authority = str_skip(origin, secure.n);
	} else if (str_istarts(origin, plain)) {
		*scheme = STR("http");
		authority = str_skip(origin, plain.n);
	} else {
		return false;
	}
	for (size_t i = 0; i < authority.n; i++)
		if (memchr("/?#@\\, \t", authority.p[i], 8))
			return false;
	if (!split(authority, host, port))
		return false;
	if (str_empty(*port))
		*port = str_eq(*scheme, STR("https")) ? STR("443") : STR("80");
	return true;
}

static bool same(struct str origin, struct str listed)
{
	struct str scheme, host, port, their_scheme, their_host, their_port;

	if (!parse(origin, &their_scheme, &their_host, &their_port) ||
	    !parse(listed, &scheme, &host, &port))
		return !str_ieq(origin, STR("null")) && str_ieq(origin, listed);
	return str_eq(scheme, their_scheme) && str_ieq(host, their_host) &&
	       str_eq(port, their_port);
}

bool web_origin_allowed(struct str origin, struct str host, const char *const *listed, size_t n)
{
	struct str scheme, page, page_port, own, own_port;

	if (parse(origin, &scheme, &page, &page_port) && split(host, &own, &own_port) &&
	    str_ieq(page, own))
		return true;
	for (size_t i = 0; i < n; i++)
		if (!str_empty(origin) && same(origin, str_of(listed[i])))
			return true;
	return false;
}
