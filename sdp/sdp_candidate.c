/* sdp_candidate.c: one a=candidate (RFC 8839 §5.1); see sdp.h.
 *
 * Written here because the ICE library asks the resolver about `.local` names
 * and takes candidates that only waste checks. */
#include "sdp/sdp.h"

#include <errno.h>

static const char *const type_names[] = {
	[SDP_HOST] = "host",
	[SDP_SRFLX] = "srflx",
	[SDP_PRFLX] = "prflx",
	[SDP_RELAY] = "relay",
};

const char *sdp_candidate_type_name(enum sdp_candidate_type type)
{
	return type_names[type];
}

static bool type_of(struct str word, enum sdp_candidate_type *out)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (str_ieq(word, str_of(type_names[i]))) {
			*out = (enum sdp_candidate_type)i;
			return true;
		}
	}
	return false;
}

/* raddr, rport; extensions are pairs too and are skipped */
static void read_related(struct str rest, struct sdp_candidate *candidate)
{
	uint32_t port;

	while (!str_empty(rest)) {
		struct str name = str_word(&rest);
		struct str value = str_word(&rest);

		if (str_ieq(name, STR("raddr")))
			sdp_ip_parse(value, &candidate->related_ip);
		else if (str_ieq(name, STR("rport")) && str_to_u32(value, 0, 65535, &port))
			candidate->related_port = (uint16_t)port;
	}
}

int sdp_candidate_parse(struct str value, struct sdp_candidate *out)
{
	struct sdp_candidate candidate = { 0 };
	struct str rest = value;
	uint32_t component, port;

	if (str_istarts(rest, STR("candidate:")))
		rest = str_skip(rest, STR("candidate:").n);
	candidate.foundation = str_word(&rest);
	if (str_empty(candidate.foundation) || candidate.foundation.n > 32)
		return -EBADMSG;
	if (!str_to_u32(str_word(&rest), 0, 99999, &component))
		return -EBADMSG;
	struct str transport = str_word(&rest);
	if (!str_to_u32(str_word(&rest), 0, UINT32_MAX, &candidate.priority))
		return -EBADMSG;
	struct str address = str_word(&rest);
	if (!str_to_u32(str_word(&rest), 0, 65535, &port))
		return -EBADMSG;
	if (!str_ieq(str_word(&rest), STR("typ")))
		return -EBADMSG;
	struct str type = str_word(&rest);
	if (str_empty(type))
		return -EBADMSG;

	if (component != 1 || !str_ieq(transport, STR("UDP")) || candidate.priority == 0 ||
	    port == 0 || port == 9 || !type_of(type, &candidate.type))
		return -ENOTSUP;
	if (!sdp_ip_parse(address, &candidate.ip) ||
	    sdp_ip_refusal(&candidate.ip, (uint16_t)port, true, NULL, 0))
		return -ENOTSUP;
	candidate.port = (uint16_t)port;
	read_related(rest, &candidate);
	*out = candidate;
	return 0;
}
