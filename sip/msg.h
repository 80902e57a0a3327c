/* msg.h: a parsed SIP message (RFC 3261 §7, §20, §25).
 *
 * One allocation holds the struct, the header array and a copy of the text;
 * every slice points into it. Counted, because transaction, dialog and
 * retransmission share it; not for other threads. What parsed is safe to print
 * again: no header value holds CR or LF (folded lines are joined by one blank),
 * nor any other control character; only in From, To and Contact may one, NUL
 * included, stand behind a backslash in a quoted string, as §25.1 allows. */
#pragma once

#include "sip/uri.h"

enum sip_header {
	SIP_HEADER_OTHER,
#define X(id, name, compact, list) SIP_HEADER_##id,
#include "sip/headers.def"
#undef X
	SIP_HEADERS
};

enum sip_method {
	SIP_METHOD_OTHER,
#define X(id, name) SIP_##id,
#include "sip/methods.def"
#undef X
	SIP_METHODS
};

enum {
	SIP_MAX_MESSAGE = 65536, /* bytes */
	SIP_MAX_HEADERS = 128,
	SIP_MAX_VIAS = 64, /* RFC 4475 §3.1.1.7 has 34 */
	SIP_MAX_ROUTES = 32,
	SIP_MAX_CONTACTS = 16,
	SIP_MAX_FIELD = 8192, /* bytes in one header value */
	SIP_MAX_TOKEN = 256,  /* bytes in a tag, branch, method or Call-ID */
};

struct sip_field {
	enum sip_header id;
	struct str name;  /* as sent (maybe compact) */
	struct str value; /* trimmed and unfolded */
};

struct sip_via {	      /* one Via element */
	struct str transport; /* "UDP", "WSS" */
	struct str host;      /* sent-by, without brackets */
	uint16_t port;	      /* 0: none named */
	struct str params;
	struct str branch; /* empty if none */
	bool rport;	   /* asked for (RFC 3581) */
};

struct sip_msg {
	unsigned refs;

	bool is_request;
	enum sip_method method; /* of the request, or of a response's CSeq */
	struct str method_name;
	struct str uri_text; /* request: the Request-URI as sent */
	struct sip_uri uri;  /* request: parsed, if sip or sips */
	unsigned status;     /* response: 100..699 */
	struct str reason;   /* response: phrase, may be empty */

	struct sip_via via; /* the topmost */
	struct sip_name_addr from, to;
	struct str from_tag, to_tag; /* empty if none */
	struct str call_id;
	uint32_t cseq;
	uint32_t max_forwards; /* 70 if the header is absent */

	struct sip_field *fields;
	size_t n_fields;
	struct str body;
	struct str text; /* the whole message as received */
};

/* Where the bytes came from decides about Content-Length (RFC 3261 §18.3,
 * RFC 7118 §5.4). */
enum sip_framing {
	SIP_DATAGRAM,  /* may be absent; more octets than said are ignored */
	SIP_STREAM,    /* exact: the framer cut the message by it */
	SIP_WEBSOCKET, /* may be absent; if present it must fit the message */
};

struct sip_error {
	unsigned status;	    /* the answer this deserves: 400, 414, 416, 505, 513 */
	const char *why;	    /* literal */
	size_t offset;		    /* into the bytes */
	struct sip_msg *answerable; /* the request, if Via, From, To, Call-ID and CSeq could be
	                               read so that an error can be sent; the caller's reference
	                               (sip_msg_unref), NULL otherwise, for a response and for
	                               an ACK. Only what prints an answer is filled in */
};

/* Parses one message. 0, -EBADMSG (and *error says what to answer), -EMSGSIZE,
 * -ENOMEM. On success *out holds one reference. A request whose version is not
 * SIP/2.0, whose CSeq method differs, whose Content-Length lies, with a second
 * To/From/Call-ID/CSeq and the like is -EBADMSG. */
int sip_msg_parse(struct str bytes, enum sip_framing framing, struct sip_msg **out,
		  struct sip_error *error);

struct sip_msg *sip_msg_ref(struct sip_msg *msg);
void sip_msg_unref(struct sip_msg *msg); /* NULL is fine */

/* Value of the first such header; empty slice if there is none. */
struct str sip_msg_header(const struct sip_msg *msg, enum sip_header id);
struct str sip_msg_header_named(const struct sip_msg *msg, struct str name);
bool sip_msg_has(const struct sip_msg *msg, enum sip_header id);

/* Walks the elements of a comma list over all its header lines, in order:
 *     struct sip_walk walk = { 0 };
 *     struct str element;
 *     while (sip_msg_walk(msg, SIP_HEADER_ROUTE, &walk, &element)) ...
 * Commas within quotes and angle brackets do not separate. */
struct sip_walk {
	size_t field;
	struct str rest;
};
bool sip_msg_walk(const struct sip_msg *msg, enum sip_header id, struct sip_walk *walk,
		  struct str *element);

/* Is `token` an element of that list (Supported, Require, Allow)? Without case. */
bool sip_msg_lists(const struct sip_msg *msg, enum sip_header id, struct str token);

/* Expires of one contact: its own parameter, else the Expires header, else
 * `fallback`; out of range counts as the maximum (RFC 3261 §10.2.1.1). Seconds. */
uint32_t sip_contact_expires(const struct sip_msg *msg, struct str contact_params,
			     uint32_t fallback);

struct str sip_method_name(enum sip_method method);
struct str sip_header_name(enum sip_header id);
const char *sip_reason_phrase(unsigned status); /* RFC words; "Unknown" otherwise */

/* One element of a Via, as sip_msg_walk() gives it. 0 or -EBADMSG. */
int sip_via_parse(struct str element, struct sip_via *via);
