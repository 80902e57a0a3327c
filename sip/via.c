/* via.c: one element of a Via (RFC 3261 §20.42, RFC 3581). */
#include "sip/via.h"

#include "sip/lex.h"

#include <errno.h>

/* The next piece up to `stop` or a blank, blanks round it skipped. */
static struct str piece(struct str *rest, char stop)
{
	struct str s = str_trim(*rest);
	size_t n = 0;

	while (n < s.n && s.p[n] != stop && s.p[n] != ' ' && s.p[n] != '\t')
		n++;
	*rest = str_trim(str_skip(s, n));
	return str_head(s, n);
}

static bool skip(struct str *rest, char c)
{
	if (str_empty(*rest) || rest->p[0] != c)
		return false;
	*rest = str_skip(*rest, 1);
	return true;
}

/* host [ ":" port ], blanks allowed round the colon. */
static int sent_by(struct str s, struct sip_via *via)
{
	bool ipv6 = s.n > 0 && s.p[0] == '[';

	if (ipv6) {
		size_t close = str_find(s, ']');

		if (close == s.n)
			return -EBADMSG;
		via->host = str_skip(str_head(s, close), 1);
		s = str_trim(str_skip(s, close + 1));
	} else {
		size_t colon = str_find(s, ':');

		via->host = str_trim(str_head(s, colon));
		s = str_skip(s, colon);
	}
	if (!lex_host(via->host, ipv6))
		return -EBADMSG;
	if (str_empty(s))
		return 0;

	uint32_t port;
	if (!skip(&s, ':') || !str_to_u32(str_trim(s), 1, 65535, &port))
		return -EBADMSG;
	via->port = (uint16_t)port;
	return 0;
}

int via_read(struct str element, bool strict, struct sip_via *out)
{
	struct sip_via via = { .port = 0 };
	struct str rest = element, version, ignored;

	if (!str_ieq(piece(&rest, '/'), STR("SIP")) || !skip(&rest, '/'))
		return -EBADMSG;
	version = piece(&rest, '/');
	if ((strict && !str_eq(version, STR("2.0"))) || !skip(&rest, '/'))
		return -EBADMSG;
	via.transport = piece(&rest, ';');
	if (!lex_token(via.transport) || via.transport.n > SIP_MAX_TOKEN)
		return -EBADMSG;

	size_t semicolon = str_find(rest, ';');
	int err = sent_by(str_trim(str_head(rest, semicolon)), &via);
	if (err)
		return err;
	via.params = str_trim(str_skip(rest, semicolon + 1));
	if (strict && semicolon < rest.n &&
	    (str_empty(via.params) || !lex_params(via.params, SIP_URI_MAX_PARAMS, false)))
		return -EBADMSG;
	if (!sip_param(via.params, STR("branch"), &via.branch))
		via.branch = STR("");
	if (strict && via.branch.n > SIP_MAX_TOKEN)
		return -EBADMSG;
	via.rport = sip_param(via.params, STR("rport"), &ignored);
	*out = via;
	return 0;
}

int sip_via_parse(struct str element, struct sip_via *via)
{
	return via_read(element, true, via);
}
