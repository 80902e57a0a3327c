/* print.c: see print.h. */
#include "sip/print.h"

#include "sip/lex.h"
#include "sip/via.h"

static const char crlf[] = "\r\n";

static void latch(struct writer *w)
{
	w->overflow = true;
}

/* Text of ours or of the peer within a line: nothing that could end the line. */
static void put_inline(struct writer *w, struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
			latch(w);
	writer_put(w, s);
}

void sip_header_print(struct writer *w, struct str name, struct str value)
{
	if (!lex_token(name))
		latch(w);
	writer_put(w, name);
	writer_put(w, STR(": "));
	put_inline(w, value);
	writer_put(w, str_of(crlf));
}

void sip_header_copy(struct writer *w, const struct sip_msg *msg, enum sip_header id)
{
	for (size_t i = 0; i < msg->n_fields; i++)
		if (msg->fields[i].id == id)
			sip_header_print(w, sip_header_name(id), msg->fields[i].value);
}

static void header(struct writer *w, enum sip_header id, struct str value)
{
	sip_header_print(w, sip_header_name(id), value);
}

/* Complete lines: each ends with CRLF, none is empty or holds a bare CR or LF. */
static void put_lines(struct writer *w, struct str lines)
{
	writer_put(w, lines);
	while (!str_empty(lines)) {
		size_t end = str_find(lines, '\r');
		struct str line = str_head(lines, end);

		if (end == 0 || end + 1 >= lines.n || lines.p[end + 1] != '\n' ||
		    str_find(line, '\n') < line.n || str_find(line, '\0') < line.n) {
			latch(w);
			return;
		}
		lines = str_skip(lines, end + 2);
	}
}

static void put_body(struct writer *w, struct str type, struct str body)
{
	if (!str_empty(body) && !str_empty(type))
		header(w, SIP_HEADER_CONTENT_TYPE, type);
	writer_put(w, STR("Content-Length: "));
	writer_u64(w, body.n);
	writer_put(w, STR("\r\n\r\n"));
	writer_put(w, body);
}

static bool has_blank(struct str s)
{
	return str_empty(s) || str_find(s, ' ') < s.n || str_find(s, '\t') < s.n;
}

void sip_request_print(struct writer *w, const struct sip_request_parts *parts)
{
	struct str method = sip_method_name(parts->method);

	if (str_empty(method) || has_blank(parts->uri) || has_blank(parts->sent_by) ||
	    has_blank(parts->branch))
		latch(w);
	put_inline(w, method);
	writer_char(w, ' ');
	put_inline(w, parts->uri);
	writer_put(w, STR(" SIP/2.0\r\nVia: SIP/2.0/"));
	put_inline(w, parts->via_transport);
	writer_char(w, ' ');
	put_inline(w, parts->sent_by);
	writer_put(w, STR(";branch="));
	put_inline(w, parts->branch);
	writer_put(w, STR(";rport\r\nMax-Forwards: "));
	writer_u64(w, parts->max_forwards ? parts->max_forwards : 70);
	writer_put(w, str_of(crlf));
	for (size_t i = 0; i < parts->n_routes; i++)
		header(w, SIP_HEADER_ROUTE, parts->routes[i]);
	header(w, SIP_HEADER_FROM, parts->from);
	header(w, SIP_HEADER_TO, parts->to);
	header(w, SIP_HEADER_CALL_ID, parts->call_id);
	writer_put(w, STR("CSeq: "));
	writer_u64(w, parts->cseq);
	writer_char(w, ' ');
	writer_put(w, method);
	writer_put(w, str_of(crlf));
	if (!str_empty(parts->contact))
		header(w, SIP_HEADER_CONTACT, parts->contact);
	put_lines(w, parts->headers);
	put_body(w, parts->content_type, parts->body);
}

/* --- responses --- */

/* A value as it came. The parser let no line end through; a NUL may stand in
 * a quoted string and goes back to the one who sent it. */
static void repeat(struct writer *w, enum sip_header id, struct str value)
{
	writer_put(w, sip_header_name(id));
	writer_put(w, STR(": "));
	writer_put(w, value);
	writer_put(w, str_of(crlf));
}

/* The topmost Via: received and rport are ours to say (RFC 3581 §4). */
static void put_top_via(struct writer *w, const struct sip_via *via,
			const struct sip_response_parts *parts)
{
	struct str params = via->params;
	bool ipv6 = str_find(via->host, ':') < via->host.n;

	writer_put(w, STR("Via: SIP/2.0/"));
	writer_put(w, via->transport);
	writer_put(w, ipv6 ? STR(" [") : STR(" "));
	writer_put(w, via->host);
	if (ipv6)
		writer_char(w, ']');
	if (via->port) {
		writer_char(w, ':');
		writer_u64(w, via->port);
	}
	while (!str_empty(params)) {
		struct str param = lex_cut(&params, ';');
		struct str name = str_trim(str_head(param, str_find(param, '=')));
		bool received = str_ieq(name, STR("received"));
		bool rport = str_ieq(name, STR("rport"));

		if (str_empty(param) || (received && !str_empty(parts->received)) ||
		    (rport && parts->rport))
			continue;
		writer_char(w, ';');
		writer_put(w, param);
	}
	if (!str_empty(parts->received)) {
		writer_put(w, STR(";received="));
		put_inline(w, parts->received);
	}
	if (via->rport && parts->rport) {
		writer_put(w, STR(";rport="));
		writer_u64(w, parts->rport);
	}
	writer_put(w, str_of(crlf));
}

static void put_vias(struct writer *w, const struct sip_msg *request,
		     const struct sip_response_parts *parts)
{
	struct sip_walk walk = { 0 };
	struct str element;
	bool top = true;

	while (sip_msg_walk(request, SIP_HEADER_VIA, &walk, &element)) {
		struct sip_via via;

		if (top)
			put_top_via(w, &request->via, parts);
		else if (via_read(element, false, &via) == 0) /* what else a broken request holds */
			repeat(w, SIP_HEADER_VIA, element);
		top = false;
	}
}

static bool makes_dialog(const struct sip_msg *request, unsigned status)
{
	return status > 100 && status < 300 &&
	       (request->method == SIP_INVITE || request->method == SIP_SUBSCRIBE ||
		request->method == SIP_REFER);
}

void sip_response_print(struct writer *w, const struct sip_msg *request,
			const struct sip_response_parts *parts)
{
	struct str reason = parts->reason;
	struct str to = sip_msg_header(request, SIP_HEADER_TO);
	struct sip_walk walk = { 0 };
	struct str element;

	if (str_empty(reason))
		reason = str_of(sip_reason_phrase(parts->status));
	if (parts->status < 100 || parts->status > 699)
		latch(w);
	writer_put(w, STR("SIP/2.0 "));
	writer_u64(w, parts->status);
	writer_char(w, ' ');
	put_inline(w, reason);
	writer_put(w, str_of(crlf));
	put_vias(w, request, parts);
	if (makes_dialog(request, parts->status)) /* §12.1.1 */
		while (sip_msg_walk(request, SIP_HEADER_RECORD_ROUTE, &walk, &element))
			repeat(w, SIP_HEADER_RECORD_ROUTE, element);
	repeat(w, SIP_HEADER_FROM, sip_msg_header(request, SIP_HEADER_FROM));
	writer_put(w, STR("To: "));
	writer_put(w, to);
	if (str_empty(request->to_tag) && !str_empty(parts->to_tag)) {
		writer_put(w, STR(";tag="));
		put_inline(w, parts->to_tag);
	}
	writer_put(w, str_of(crlf));
	repeat(w, SIP_HEADER_CALL_ID, request->call_id);
	repeat(w, SIP_HEADER_CSEQ, sip_msg_header(request, SIP_HEADER_CSEQ));
	if (parts->status == 100 && sip_msg_has(request, SIP_HEADER_TIMESTAMP))
		repeat(w, SIP_HEADER_TIMESTAMP, sip_msg_header(request, SIP_HEADER_TIMESTAMP));
	if (!str_empty(parts->contact))
		header(w, SIP_HEADER_CONTACT, parts->contact);
	put_lines(w, parts->headers);
	put_body(w, parts->content_type, parts->body);
}
