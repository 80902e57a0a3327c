/* cause.c: see cause.h. */
#include "gateway/cause.h"

#include "gateway/retry_after.h"
#include "sip/print.h"

const struct cause cause_normal = { .status = 200, .text = "Normal call clearing" };
const struct cause cause_cancelled = { .status = 487, .text = "Cancelled by the caller" };
const struct cause cause_elsewhere = { .status = 200, .text = "Call completed elsewhere" };
const struct cause cause_no_answer = { .status = 480, .text = "No answer" };
const struct cause cause_not_found = { .status = 404, .text = "Unknown user" };
const struct cause cause_unavailable = { .status = 480, .text = "Not registered" };
const struct cause cause_no_response = { .status = 480, .text = "No response" };
const struct cause cause_broken = { .status = 480, .text = "Connection failed" };
const struct cause cause_no_registrar = { .status = 503, .text = "The registrar does not answer" };
const struct cause cause_failed = { .status = 500, .text = "Internal error" };
const struct cause cause_media_failed = { .status = 500, .text = "Media could not be set up" };
const struct cause cause_media_lost = { .status = 408, .text = "Media lost" };
const struct cause cause_page_gone = { .status = 408, .text = "Page gone" };
const struct cause cause_phone_gone = { .status = 408, .text = "Phone gone" };
const struct cause cause_no_transcoder = { .status = 503, .text = "No transcoder is left" };
const struct cause cause_shutdown = { .status = 503, .text = "Gateway is stopping" };

struct cause cause_not_acceptable(unsigned warn, const char *why)
{
	struct cause cause = { .status = 488, .text = "Not acceptable here", .warn = warn };

	if (str_copy(str_of(why), cause.detail, sizeof(cause.detail)) != 0)
		str_copy(str_head(str_of(why), sizeof(cause.detail) - 1), cause.detail,
			 sizeof(cause.detail));
	return cause;
}

/* One line per response that a caller may see as it is; what is missing has its
 * class's line at the end of cause_of_response(). */
static const struct cause passed_on[] = {
	{ .status = 404, .text = "Not found" },
	{ .status = 410, .text = "Gone" },
	{ .status = 480, .text = "Temporarily unavailable" },
	{ .status = 484, .text = "Address incomplete" },
	{ .status = 486, .text = "Busy here" },
	{ .status = 488, .text = "Not acceptable here" },
	{ .status = 600, .text = "Busy everywhere" },
	{ .status = 603, .text = "Declined" },
	{ .status = 604, .text = "Does not exist anywhere" },
	{ .status = 606, .text = "Not acceptable" },
};

struct cause cause_of_response(unsigned status)
{
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		if (passed_on[i].status == status)
			return passed_on[i];

	switch (status) {
	case 401: /* a challenge nobody can answer: the page would answer any realm */
	case 407:
	case 403:
		return (struct cause){ .status = 403, .text = "Forbidden by the callee's side" };
	case 415:
		return (struct cause){ .status = 488, .text = "Not acceptable here" };
	case 487:
		return cause_cancelled;
	case 408:
		return cause_no_response;
	}
	if (status >= 600)
		return (struct cause){ .status = 603, .text = "Declined" };
	if (status >= 500) /* RFC 3261 §16.7: a hop's 503 says nothing of us */
		return (struct cause){ .status = 500, .text = "The callee's side failed" };
	return (struct cause){ .status = 480, .text = "Temporarily unavailable" };
}

struct str cause_print_reason(const struct cause *cause, char *mem, size_t cap)
{
	struct writer w;
	struct str out = { NULL, 0 };

	writer_init(&w, mem, cap);
	writer_printf(&w, "SIP;cause=%u;text=\"%s\"", cause->status, cause->text);
	writer_end(&w, &out);
	return out;
}

void cause_print_warning(const struct cause *cause, struct writer *w)
{
	if (cause->warn)
		writer_printf(w, "Warning: %u hookswitch \"%s\"\r\n", cause->warn, cause->detail);
}

struct str cause_print_headers(const struct cause *cause, char mem[CAUSE_HEADERS])
{
	char reason[192], later[RETRY_AFTER_TEXT];
	struct writer w;
	struct str headers = { NULL, 0 };

	writer_init(&w, mem, CAUSE_HEADERS);
	sip_header_print(&w, STR("Reason"), cause_print_reason(cause, reason, sizeof(reason)));
	cause_print_warning(cause, &w);
	if (cause->status == 503)
		writer_put(&w, retry_after(later));
	writer_end(&w, &headers);
	return headers;
}

bool cause_is_elsewhere(struct str reason)
{
	struct str protocol = str_trim(str_head(reason, str_find(reason, ';')));
	struct str params = str_skip(reason, str_find(reason, ';') + 1);

	while (str_ieq(protocol, STR("SIP")) && !str_empty(params)) {
		struct str param = str_cut(&params, ';');
		size_t equals = str_find(param, '=');

		if (str_ieq(str_trim(str_head(param, equals)), STR("cause")))
			return str_eq(str_trim(str_skip(param, equals + 1)), STR("200"));
	}
	return false;
}

/* Smaller is better: 6xx, then the lowest class, and in it first what tells the
 * caller something he can act on. All attempts were for one user and with offers of
 * ours, so a 488 of one of them says less than another's "busy". */
static unsigned rank(const struct cause *cause)
{
	unsigned status = cause->status;

	if (status >= 600)
		return 0;
	if (status >= 500)
		return 4000 + status;
	switch (status) {
	case 484: /* another number may do */
		return 1;
	case 486:
		return 2;
	case 488:
		return 3;
	case 408:
	case 480:
		return 1000;
	case 404:
		return 1001;
	}
	return status < 300 ? 1002 : status; /* hung up before it answered: says nothing */
}

bool cause_better(const struct cause *a, const struct cause *b)
{
	return rank(a) < rank(b);
}
