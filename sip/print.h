/* print.h: building requests and responses. Every header is built from parts:
 * nothing of a message is ever copied as bytes into another, except the values
 * that RFC 3261 §8.2.6 says a response repeats. */
#pragma once

#include "sip/msg.h"

struct sip_request_parts {
	enum sip_method method;
	struct str uri;		  /* Request-URI */
	struct str via_transport; /* "UDP" */
	struct str sent_by;	  /* host[:port] */
	struct str branch;	  /* with the magic cookie */
	uint32_t max_forwards;	  /* 0 means 70 */
	struct str from, to;	  /* whole values with tags */
	struct str call_id;
	uint32_t cseq;
	const struct str *routes; /* whole elements, in order */
	size_t n_routes;
	struct str contact;	 /* whole value; empty: none */
	struct str headers;	 /* further complete lines, each with its CRLF */
	struct str content_type; /* empty when there is no body */
	struct str body;
};

/* Via gets rport (RFC 3581). Content-Length is always written. */
void sip_request_print(struct writer *w, const struct sip_request_parts *parts);

struct sip_response_parts {
	unsigned status;
	struct str reason; /* empty: the RFC's phrase */
	struct str to_tag; /* put on To if the request has none; may be empty for 100 */
	struct str contact;
	struct str headers; /* further complete lines */
	struct str content_type;
	struct str body;
	struct str received; /* source address for the top Via; empty: leave out */
	uint16_t rport;	     /* source port, written if the Via asked for it */
};

/* Repeats Via, From, To, Call-ID, CSeq (and Timestamp for a 100, Record-Route
 * for 1xx and 2xx that make a dialog), RFC 3261 §8.2.6, §12.1.1, RFC 3581 §4. */
void sip_response_print(struct writer *w, const struct sip_msg *request,
			const struct sip_response_parts *parts);

/* Adds "Name: value\r\n" to `w`. A value with CR, LF or NUL latches overflow:
 * no header can be injected. */
void sip_header_print(struct writer *w, struct str name, struct str value);

/* Adds each line that `msg` has of that header, as above. */
void sip_header_copy(struct writer *w, const struct sip_msg *msg, enum sip_header id);
