/* dtmf_info.c: see dtmf_info.h. */
#include "gateway/dtmf_info.h"

#include <errno.h>
#include <stdbool.h>

/* Without blanks and line ends at either end. */
static struct str bare(struct str s)
{
	while (s.n && memchr(" \t\r\n", s.p[0], 4))
		s = str_skip(s, 1);
	while (s.n && memchr(" \t\r\n", s.p[s.n - 1], 4))
		s.n--;
	return s;
}

/* A key, or its event number in RFC 4733 (some write * and # as 10 and 11). */
static bool read_signal(struct str text, char *digit)
{
	static const char keys[] = "0123456789*#ABCD";
	uint32_t event;

	if (text.n == 1) {
		char c = text.p[0] >= 'a' && text.p[0] <= 'd' ? (char)(text.p[0] - 'a' + 'A')
							      : text.p[0];

		for (size_t i = 0; keys[i]; i++) {
			if (keys[i] == c) {
				*digit = c;
				return true;
			}
		}
		return false;
	}
	if (!str_to_u32(text, 10, 15, &event))
		return false;
	*digit = keys[event];
	return true;
}

static bool read_duration(struct str text, unsigned *ms)
{
	uint32_t value;

	if (!str_to_u32(text, 0, UINT32_MAX, &value))
		return false;
	*ms = value < DTMF_INFO_MIN_MS	 ? DTMF_INFO_MIN_MS
	      : value > DTMF_INFO_MAX_MS ? DTMF_INFO_MAX_MS
					 : value;
	return true;
}

/* Lines of NAME=VALUE, blanks around each allowed; names that say nothing to us are
 * passed over. */
static int read_relay(struct str body, struct dtmf_info *out)
{
	bool has_signal = false;

	while (!str_empty(body)) {
		struct str value = str_cut(&body, '\n');
		struct str name = bare(str_cut(&value, '='));

		value = bare(value);
		if (str_ieq(name, STR("Signal"))) {
			if (has_signal || !read_signal(value, &out->digit))
				return -EBADMSG;
			has_signal = true;
		} else if (str_ieq(name, STR("Duration")) &&
			   !read_duration(value, &out->duration_ms)) {
			return -EBADMSG;
		}
	}
	return has_signal ? 0 : -EBADMSG;
}

int dtmf_info_read(struct str content_type, struct str body, struct dtmf_info *out)
{
	struct str type = bare(str_cut(&content_type, ';')); /* parameters say nothing */
	struct dtmf_info info = { .duration_ms = DTMF_INFO_DEFAULT_MS };
	int err;

	if (str_ieq(type, STR("application/dtmf-relay")))
		err = read_relay(body, &info);
	else if (str_ieq(type, STR("application/dtmf")))
		err = read_signal(bare(body), &info.digit) ? 0 : -EBADMSG;
	else
		return -ENOTSUP;
	if (!err)
		*out = info;
	return err;
}
