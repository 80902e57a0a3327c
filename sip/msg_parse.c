/* msg_parse.c: bytes to struct sip_msg (RFC 3261 §7, §25). See msg.h.
 *
 * The parser does not stop at the first mistake: it remembers it and reads on,
 * so that a malformed request can still be answered when its Via, From, To,
 * Call-ID and CSeq are there. */
#include "sip/lex.h"
#include "sip/msg.h"
#include "sip/names.h"
#include "sip/via.h"

#include <errno.h>
#include <stdlib.h>

struct parser {
	struct sip_msg *msg;
	enum sip_framing framing;
	struct str rest;	/* what is left of msg->text */
	char *unfolded;		/* room for joined lines, inside the message's block */
	bool recognised;	/* the first line looks like a SIP request or response */
	bool lost_via;		/* a Via was not stored: the answer could not find its way */
	struct sip_error error; /* the first; status 0: none so far */
};

static void fail_as(struct parser *p, unsigned status, const char *why, const char *at)
{
	if (p->error.status)
		return;
	p->error.status = status;
	p->error.why = why;
	/* a joined line stands outside of the text: then the end is good enough */
	uintptr_t offset = (uintptr_t)at - (uintptr_t)p->msg->text.p;
	p->error.offset = offset < p->msg->text.n ? offset : p->msg->text.n;
}

static void fail(struct parser *p, const char *why, struct str where)
{
	fail_as(p, 400, why, where.p);
}

/* --- lines --- */

/* A header line with its continuations joined by one blank (§7.3.1). */
static bool cut_logical_line(struct parser *p, struct str *line)
{
	if (!lex_line(&p->rest, line))
		return false;
	if (str_empty(*line) || lex_blank(*line) || !lex_blank(p->rest))
		return true;

	char *start = p->unfolded, *to = start;
	struct str part = *line;

	for (;;) {
		part = str_trim(part);
		if (part.n)
			memcpy(to, part.p, part.n);
		to += part.n;
		if (!lex_blank(p->rest) || !lex_line(&p->rest, &part))
			break;
		*to++ = ' ';
	}
	*line = (struct str){ start, (size_t)(to - start) };
	p->unfolded = to;
	return true;
}

/* Counts the lines up to the empty one, to size the header array. */
static size_t count_lines(struct str text, bool *folded)
{
	struct str line;
	size_t n = 0;

	*folded = false;
	while (lex_line(&text, &line) && !str_empty(line)) {
		n++;
		*folded = *folded || lex_blank(line);
	}
	*folded = *folded || lex_blank(text); /* a last line that does not end */
	return n;
}

/* --- the first line --- */

/* "SIP/2.0"; *version_ok says whether it is that one. */
static bool is_version(struct str s, bool *version_ok)
{
	struct str number = str_skip(s, 4);
	uint32_t ignored;

	if (!str_istarts(s, STR("SIP/")))
		return false;
	struct str major = str_cut(&number, '.');
	*version_ok = str_eq(major, STR("2")) && str_eq(number, STR("0"));
	return str_to_u32(major, 0, UINT32_MAX, &ignored) &&
	       str_to_u32(number, 0, UINT32_MAX, &ignored);
}

static void parse_status_line(struct parser *p, struct str line)
{
	struct sip_msg *msg = p->msg;
	struct str rest = line;
	bool version_ok;
	uint32_t status;

	p->recognised = is_version(str_cut(&rest, ' '), &version_ok);
	if (!p->recognised) {
		fail(p, "no SIP version", line);
		return;
	}
	if (!version_ok)
		fail_as(p, 505, "not SIP/2.0", line.p);
	if (!str_to_u32(str_head(rest, 3), 100, 699, &status) || (rest.n > 3 && rest.p[3] != ' '))
		fail(p, "no status code of three digits", line);
	else
		msg->status = status;
	msg->reason = str_skip(rest, 4);
	if (!lex_clean(msg->reason, false)) {
		fail(p, "control character in the reason phrase", msg->reason);
		msg->reason = STR("");
	}
}

static void parse_request_line(struct parser *p, struct str line)
{
	struct sip_msg *msg = p->msg;
	struct str rest = line, trimmed = str_trim(line);
	bool version_ok;

	msg->is_request = true;
	msg->method_name = str_cut(&rest, ' ');
	if (!lex_token(msg->method_name) || msg->method_name.n > SIP_MAX_TOKEN) {
		fail(p, "no method", line);
		return;
	}

	/* the last word is the version; more than one blank is an error, but
	 * leaves no doubt that this is a request */
	size_t version = trimmed.n;
	while (version > 0 && !lex_blank(str_skip(trimmed, version - 1)))
		version--;
	if (!is_version(str_skip(trimmed, version), &version_ok) || version <= msg->method_name.n) {
		fail(p, "no SIP version", line);
		return;
	}
	p->recognised = true;
	msg->method = sip_method_find(msg->method_name);
	if (!version_ok)
		fail_as(p, 505, "not SIP/2.0", trimmed.p + version);

	msg->uri_text = str_cut(&rest, ' ');
	if (rest.p != trimmed.p + version || trimmed.n != line.n) {
		fail(p, "blanks in the request line", line);
		return;
	}
	if (msg->uri_text.n > SIP_MAX_FIELD) {
		fail_as(p, 414, "Request-URI too long", msg->uri_text.p);
		return;
	}
	int err = sip_uri_parse(msg->uri_text, &msg->uri);
	if (err == -ENOTSUP)
		fail_as(p, 416, "scheme of the Request-URI unknown", msg->uri_text.p);
	else if (err)
		fail(p, "malformed Request-URI", msg->uri_text);
	else if (!str_empty(msg->uri.headers)) /* §19.1.1, table 1 */
		fail(p, "headers in the Request-URI", msg->uri_text);
}

/* --- headers --- */

/* Those whose grammar allows one value, and whose second value would mean
 * something to somebody: two readers must not choose differently. */
static bool single(enum sip_header id)
{
	switch (id) {
	case SIP_HEADER_OTHER:
	case SIP_HEADER_AUTHORIZATION: /* one line per realm (§20.7) */
	case SIP_HEADER_PROXY_AUTHORIZATION:
	case SIP_HEADER_WWW_AUTHENTICATE:
	case SIP_HEADER_PROXY_AUTHENTICATE:
	case SIP_HEADER_USER_AGENT:
	case SIP_HEADER_SERVER:
		return false;
	default:
		return !sip_header_is_list(id);
	}
}

static bool has_name_addr(enum sip_header id)
{
	return id == SIP_HEADER_FROM || id == SIP_HEADER_TO || id == SIP_HEADER_CONTACT;
}

static void parse_header_line(struct parser *p, struct str line)
{
	struct sip_msg *msg = p->msg;
	size_t colon = str_find(line, ':');
	struct str name = str_head(line, colon);
	struct str value = str_trim(str_skip(line, colon + 1));

	if (lex_blank(line) || colon == line.n) {
		fail(p, "a header line without a name", line);
		return;
	}
	while (name.n > 0 && lex_blank(str_skip(name, name.n - 1)))
		name.n--;
	if (!lex_token(name) || name.n > SIP_MAX_TOKEN) {
		fail(p, "malformed header name", line);
		return;
	}

	enum sip_header id = sip_header_find(name);
	if (!lex_clean(value, has_name_addr(id))) {
		fail(p, "control character in a header", line);
		p->lost_via |= id == SIP_HEADER_VIA;
		return;
	}
	if (value.n > SIP_MAX_FIELD) {
		fail(p, "header too long", line);
		p->lost_via |= id == SIP_HEADER_VIA;
		return;
	}
	if (msg->n_fields == SIP_MAX_HEADERS) {
		fail(p, "too many headers", line);
		p->lost_via |= id == SIP_HEADER_VIA;
		return;
	}
	if (single(id) && sip_msg_has(msg, id)) {
		fail(p, "a header that may stand once stands twice", line);
		return;
	}
	msg->fields[msg->n_fields++] = (struct sip_field){ id, name, value };
}

static void parse_vias(struct parser *p)
{
	struct sip_msg *msg = p->msg;
	struct sip_walk walk = { 0 };
	struct str element;
	size_t n = 0;

	while (sip_msg_walk(msg, SIP_HEADER_VIA, &walk, &element)) {
		struct sip_via via = { .port = 0 };

		if (++n > SIP_MAX_VIAS) {
			fail(p, "too many Vias", element);
			p->lost_via = true;
			return;
		}
		if (via_read(element, true, &via)) {
			fail(p, "malformed Via", element);
			if (n == 1 && via_read(element, false, &via))
				p->lost_via = true;
		}
		if (n == 1)
			msg->via = via;
	}
	if (n == 0) {
		fail(p, "no Via", msg->text);
		p->lost_via = true;
	}
}

static void parse_peer(struct parser *p, enum sip_header id, struct sip_name_addr *addr,
		       struct str *tag)
{
	struct str value = sip_msg_header(p->msg, id);

	if (!sip_msg_has(p->msg, id)) {
		fail(p, id == SIP_HEADER_FROM ? "no From" : "no To", p->msg->text);
		return;
	}
	if (sip_name_addr_parse(value, addr) || addr->star) {
		fail(p, id == SIP_HEADER_FROM ? "malformed From" : "malformed To", value);
		return;
	}
	if (!sip_param(addr->params, STR("tag"), tag))
		return;
	if (!lex_token(*tag) || tag->n > SIP_MAX_TOKEN) {
		fail(p, "malformed tag", value);
		*tag = STR("");
	}
}

static void parse_call_id(struct parser *p)
{
	struct str value = sip_msg_header(p->msg, SIP_HEADER_CALL_ID);

	if (str_empty(value)) {
		fail(p, "no Call-ID", p->msg->text);
		return;
	}
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] <= ' ' || value.p[i] >= 0x7f) {
			fail(p, "malformed Call-ID", value);
			return;
		}
	if (value.n > SIP_MAX_TOKEN) {
		fail(p, "Call-ID too long", value);
		return;
	}
	p->msg->call_id = value;
}

static void parse_cseq(struct parser *p)
{
	struct sip_msg *msg = p->msg;
	struct str value = sip_msg_header(msg, SIP_HEADER_CSEQ), rest = value;
	struct str number = str_word(&rest), method = str_trim(rest);

	if (!sip_msg_has(msg, SIP_HEADER_CSEQ)) {
		fail(p, "no CSeq", msg->text);
		return;
	}
	if (!str_to_u32(number, 0, INT32_MAX, &msg->cseq)) /* §8.1.1.5 */
		fail(p, "CSeq is no number below 2^31", value);
	if (!lex_token(method) || method.n > SIP_MAX_TOKEN) {
		fail(p, "no method in CSeq", value);
		return;
	}
	if (!msg->is_request) {
		msg->method_name = method;
		msg->method = sip_method_find(method);
	} else if (!str_eq(method, msg->method_name)) {
		fail(p, "the methods of request line and CSeq differ", value);
	}
}

static void parse_addresses(struct parser *p, enum sip_header id, size_t most, const char *bad)
{
	struct sip_walk walk = { 0 };
	struct str element;
	size_t n = 0;

	while (sip_msg_walk(p->msg, id, &walk, &element)) {
		struct sip_name_addr addr;

		if (++n > most) {
			fail(p, "too many addresses in a list", element);
			return;
		}
		if (sip_name_addr_parse(element, &addr) ||
		    (addr.star && id != SIP_HEADER_CONTACT)) {
			fail(p, bad, element);
			return;
		}
	}
}

static void parse_max_forwards(struct parser *p)
{
	struct str value = sip_msg_header(p->msg, SIP_HEADER_MAX_FORWARDS);

	p->msg->max_forwards = 70;
	if (sip_msg_has(p->msg, SIP_HEADER_MAX_FORWARDS) &&
	    !str_to_u32(value, 0, 255, &p->msg->max_forwards))
		fail(p, "Max-Forwards is no number up to 255", value);
}

/* The body's end, by Content-Length and by what the transport says (§18.3). */
static void parse_body(struct parser *p)
{
	struct sip_msg *msg = p->msg;
	struct str value = sip_msg_header(msg, SIP_HEADER_CONTENT_LENGTH), body = p->rest;
	uint32_t length;

	msg->body = body;
	if (!sip_msg_has(msg, SIP_HEADER_CONTENT_LENGTH)) {
		if (p->framing == SIP_STREAM)
			fail(p, "no Content-Length on a stream", body);
		return;
	}
	if (!str_to_u32(value, 0, INT32_MAX, &length))
		fail(p, "Content-Length is no number", value);
	else if (length > body.n)
		fail(p, "the body is shorter than Content-Length", value);
	else if (length < body.n && p->framing != SIP_DATAGRAM)
		fail(p, "the body is longer than Content-Length", value);
	else
		msg->body = str_head(body, length);
}

/* --- the whole --- */

static void parse(struct parser *p)
{
	struct sip_msg *msg = p->msg;
	struct str line;

	while (str_starts(p->rest, STR("\r\n"))) /* §7.5 */
		p->rest = str_skip(p->rest, 2);
	if (!lex_line(&p->rest, &line)) {
		fail(p, "no line", p->rest);
		return;
	}
	if (str_istarts(line, STR("SIP/")))
		parse_status_line(p, line);
	else
		parse_request_line(p, line);
	if (!p->recognised)
		return;

	for (;;) {
		if (!cut_logical_line(p, &line)) {
			fail(p, "no empty line behind the headers", p->rest);
			break;
		}
		if (str_empty(line))
			break;
		parse_header_line(p, line);
	}
	parse_vias(p);
	parse_peer(p, SIP_HEADER_FROM, &msg->from, &msg->from_tag);
	parse_peer(p, SIP_HEADER_TO, &msg->to, &msg->to_tag);
	parse_call_id(p);
	parse_cseq(p);
	parse_max_forwards(p);
	parse_addresses(p, SIP_HEADER_CONTACT, SIP_MAX_CONTACTS, "malformed Contact");
	parse_addresses(p, SIP_HEADER_ROUTE, SIP_MAX_ROUTES, "malformed Route");
	parse_addresses(p, SIP_HEADER_RECORD_ROUTE, SIP_MAX_ROUTES, "malformed Record-Route");
	parse_body(p);
}

/* Can an error response be sent? Never to an ACK (§17.1.1.3). */
static bool answerable(const struct parser *p)
{
	const struct sip_msg *msg = p->msg;

	return p->recognised && msg->is_request && msg->method != SIP_ACK && !p->lost_via &&
	       sip_msg_has(msg, SIP_HEADER_FROM) && sip_msg_has(msg, SIP_HEADER_TO) &&
	       !str_empty(msg->call_id) && sip_msg_has(msg, SIP_HEADER_CSEQ);
}

int sip_msg_parse(struct str bytes, enum sip_framing framing, struct sip_msg **out,
		  struct sip_error *error)
{
	bool folded;

	if (error)
		*error = (struct sip_error){ .status = 0 };
	if (bytes.n > SIP_MAX_MESSAGE) {
		if (error)
			*error = (struct sip_error){ .status = 513, .why = "message too large" };
		return -EMSGSIZE;
	}

	/* one block: the struct, the fields, the text, room for unfolded lines */
	struct str from = bytes;
	while (str_starts(from, STR("\r\n")))
		from = str_skip(from, 2);
	size_t fields = count_lines(from, &folded);
	if (fields > SIP_MAX_HEADERS)
		fields = SIP_MAX_HEADERS;
	size_t head = sizeof(struct sip_msg) + fields * sizeof(struct sip_field);
	char *block = malloc(head + bytes.n * (folded ? 2 : 1));
	if (!block)
		return -ENOMEM;

	struct sip_msg *msg = (struct sip_msg *)block;
	*msg = (struct sip_msg){ .refs = 1 };
	msg->fields = (struct sip_field *)(block + sizeof(struct sip_msg));
	msg->text = (struct str){ block + head, bytes.n };
	if (bytes.n)
		memcpy(block + head, bytes.p, bytes.n);

	struct parser p = {
		.msg = msg,
		.framing = framing,
		.rest = msg->text,
		.unfolded = block + head + bytes.n,
	};
	parse(&p);

	if (p.error.status == 0) {
		*out = msg;
		return 0;
	}
	if (error) {
		*error = p.error;
		if (answerable(&p))
			error->answerable = sip_msg_ref(msg);
	}
	sip_msg_unref(msg);
	return -EBADMSG;
}
