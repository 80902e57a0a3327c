/* sdp_format.c: payload formats and their parameters; see sdp.h. */
#include "sdp/sdp.h"

bool sdp_fmtp_get(struct str fmtp, struct str name, struct str *value)
{
	while (!str_empty(fmtp)) {
		struct str pair = str_cut(&fmtp, ';');
		struct str key = str_trim(str_cut(&pair, '='));

		if (str_ieq(key, name)) {
			*value = str_trim(pair);
			return true;
		}
	}
	return false;
}

uint32_t sdp_fmtp_u32(struct str fmtp, struct str name, uint32_t min, uint32_t max,
		      uint32_t fallback)
{
	struct str value;
	uint64_t n;

	if (!sdp_fmtp_get(fmtp, name, &value) || !str_to_u64(value, 0, UINT64_MAX, &n))
		return fallback;
	return n < min ? min : n > max ? max : (uint32_t)n;
}

bool sdp_format_same(const struct sdp_format *a, const struct sdp_format *b)
{
	return a->clock == b->clock && a->channels == b->channels && str_ieq(a->name, b->name);
}

bool sdp_format_is_event(const struct sdp_format *format)
{
	return str_ieq(format->name, STR("telephone-event"));
}

bool sdp_format_is_red(const struct sdp_format *format)
{
	return str_ieq(format->name, STR("red"));
}
