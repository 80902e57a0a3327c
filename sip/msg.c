/* msg.c: reading what msg_parse.c found. See msg.h. */
#include "sip/msg.h"

#include "sip/lex.h"
#include "sip/names.h"

#include <stdlib.h>

struct header_kind {
	struct str name;
	char compact;
	bool list;
};

static const struct header_kind header_kinds[SIP_HEADERS] = {
#define X(id, name, compact, list) [SIP_HEADER_##id] = { STR(name), compact, list },
#include "sip/headers.def"
#undef X
};

static const struct str method_names[SIP_METHODS] = {
#define X(id, name) [SIP_##id] = STR(name),
#include "sip/methods.def"
#undef X
};

struct sip_msg *sip_msg_ref(struct sip_msg *msg)
{
	msg->refs++;
	return msg;
}

void sip_msg_unref(struct sip_msg *msg)
{
	if (msg && --msg->refs == 0)
		free(msg);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

enum sip_header sip_header_find(struct str name)
{
	for (int id = SIP_HEADER_OTHER + 1; id < SIP_HEADERS; id++) {
		const struct header_kind *kind = &header_kinds[id];

		if (name.n == 1 ? kind->compact && lower(name.p[0]) == kind->compact
				: str_ieq(name, kind->name))
			return id;
	}
	return SIP_HEADER_OTHER;
}

enum sip_method sip_method_find(struct str name)
{
	for (int method = SIP_METHOD_OTHER + 1; method < SIP_METHODS; method++)
		if (str_eq(name, method_names[method]))
			return method;
	return SIP_METHOD_OTHER;
}

bool sip_header_is_list(enum sip_header id)
{
	return header_kinds[id].list;
}

struct str sip_method_name(enum sip_method method)
{
	return method > SIP_METHOD_OTHER && method < SIP_METHODS ? method_names[method] : STR("");
}

struct str sip_header_name(enum sip_header id)
{
	return id > SIP_HEADER_OTHER && id < SIP_HEADERS ? header_kinds[id].name : STR("");
}

static const struct sip_field *find(const struct sip_msg *msg, enum sip_header id)
{
	for (size_t i = 0; i < msg->n_fields; i++)
		if (msg->fields[i].id == id)
			return &msg->fields[i];
	return NULL;
}

struct str sip_msg_header(const struct sip_msg *msg, enum sip_header id)
{
	const struct sip_field *field = find(msg, id);

	return field ? field->value : STR("");
}

struct str sip_msg_header_named(const struct sip_msg *msg, struct str name)
{
	enum sip_header id = sip_header_find(name);

	if (id != SIP_HEADER_OTHER)
		return sip_msg_header(msg, id);
	for (size_t i = 0; i < msg->n_fields; i++)
		if (str_ieq(msg->fields[i].name, name))
			return msg->fields[i].value;
	return STR("");
}

bool sip_msg_has(const struct sip_msg *msg, enum sip_header id)
{
	return find(msg, id) != NULL;
}

bool sip_msg_walk(const struct sip_msg *msg, enum sip_header id, struct sip_walk *walk,
		  struct str *element)
{
	for (;;) {
		while (str_empty(walk->rest)) {
			if (walk->field >= msg->n_fields)
				return false;
			const struct sip_field *field = &msg->fields[walk->field++];
			if (field->id == id)
				walk->rest = field->value;
		}
		struct str piece = lex_cut(&walk->rest, ',');
		if (!str_empty(piece)) {
			*element = piece;
			return true;
		}
	}
}

bool sip_msg_lists(const struct sip_msg *msg, enum sip_header id, struct str token)
{
	struct sip_walk walk = { 0 };
	struct str element;

	while (sip_msg_walk(msg, id, &walk, &element))
		if (str_ieq(str_trim(str_cut(&element, ';')), token))
			return true;
	return false;
}

/* Digits beyond 32 bits are the maximum; anything else is not a number. */
static bool seconds(struct str s, uint32_t *out)
{
	s = str_trim(s);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	if (s.n == 0)
		return false;
	if (!str_to_u32(s, 0, UINT32_MAX, out))
		*out = UINT32_MAX;
	return true;
}

uint32_t sip_contact_expires(const struct sip_msg *msg, struct str contact_params,
			     uint32_t fallback)
{
	struct str value;
	uint32_t found;

	if (sip_param(contact_params, STR("expires"), &value) && seconds(value, &found))
		return found;
	if (seconds(sip_msg_header(msg, SIP_HEADER_EXPIRES), &found))
		return found;
	return fallback;
}

const char *sip_reason_phrase(unsigned status)
{
	static const struct {
		unsigned status;
		const char *phrase;
	} phrases[] = {
		{ 100, "Trying" },
		{ 180, "Ringing" },
		{ 181, "Call Is Being Forwarded" },
		{ 182, "Queued" },
		{ 183, "Session Progress" },
		{ 199, "Early Dialog Terminated" },
		{ 200, "OK" },
		{ 202, "Accepted" },
		{ 204, "No Notification" },
		{ 300, "Multiple Choices" },
		{ 301, "Moved Permanently" },
		{ 302, "Moved Temporarily" },
		{ 305, "Use Proxy" },
		{ 380, "Alternative Service" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 402, "Payment Required" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" },
		{ 410, "Gone" },
		{ 412, "Conditional Request Failed" },
		{ 413, "Request Entity Too Large" },
		{ 414, "Request-URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Unsupported URI Scheme" },
		{ 420, "Bad Extension" },
		{ 421, "Extension Required" },
		{ 422, "Session Interval Too Small" },
		{ 423, "Interval Too Brief" },
		{ 428, "Use Identity Header" },
		{ 429, "Provide Referrer Identity" },
		{ 430, "Flow Failed" },
		{ 433, "Anonymity Disallowed" },
		{ 439, "First Hop Lacks Outbound Support" },
		{ 440, "Max-Breadth Exceeded" },
		{ 469, "Bad Info Package" },
		{ 480, "Temporarily Unavailable" },
		{ 481, "Call/Transaction Does Not Exist" },
		{ 482, "Loop Detected" },
		{ 483, "Too Many Hops" },
		{ 484, "Address Incomplete" },
		{ 485, "Ambiguous" },
		{ 486, "Busy Here" },
		{ 487, "Request Terminated" },
		{ 488, "Not Acceptable Here" },
		{ 489, "Bad Event" },
		{ 491, "Request Pending" },
		{ 493, "Undecipherable" },
		{ 494, "Security Agreement Required" },
		{ 500, "Server Internal Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Server Time-out" },
		{ 505, "Version Not Supported" },
		{ 513, "Message Too Large" },
		{ 580, "Precondition Failure" },
		{ 600, "Busy Everywhere" },
		{ 603, "Decline" },
		{ 604, "Does Not Exist Anywhere" },
		{ 606, "Not Acceptable" },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}
