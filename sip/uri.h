/* uri.h: SIP and SIPS URIs (RFC 3261 §19.1) and name-addr (§20.10). */
#pragma once

#include "sdp/writer.h"

enum { SIP_URI_MAX_PARAMS = 64 };

struct sip_uri {
	struct str scheme; /* "sip", "sips", "tel", ... as sent */
	struct str user;   /* still escaped; empty if none */
	struct str host;   /* without brackets for IPv6 */
	bool host_is_ipv6;
	uint16_t port;	    /* 0: none named */
	struct str params;  /* "transport=tcp;lr", without the first ';' */
	struct str headers; /* without the '?' */
	struct str text;    /* the whole URI as sent */
};

struct sip_name_addr {	    /* From, To, Contact, Route, ... one element */
	struct str display; /* without quotes, still backslash-escaped */
	struct sip_uri uri;
	struct str params; /* header parameters, without the first ';' */
	bool star;	   /* Contact: * */
};

/* 0, -EBADMSG, or -ENOTSUP for a well-formed URI of a scheme that is not sip
 * or sips (scheme and text are set then). Slices borrow from `text`. */
int sip_uri_parse(struct str text, struct sip_uri *uri);

/* One name-addr or addr-spec with its header parameters. 0 or -EBADMSG. */
int sip_name_addr_parse(struct str text, struct sip_name_addr *addr);

/* Value of parameter `name` in a list "a=b;c": true if present (a flag has an
 * empty value). Names compare without case; quotes round a value are taken off. */
bool sip_param(struct str params, struct str name, struct str *value);

/* Takes the next whole parameter off a list ("a=b"); heeds quotes. */
struct str sip_params_cut(struct str *params);

/* The same of a comma list of them, as in a challenge. */
struct str sip_list_cut(struct str *list);

/* Decodes %HH. Gives -EBADMSG for a bad escape and -ENOBUFS; *out borrows from
 * `mem`. A decoded NUL stays an octet like any other. */
int sip_unescape(struct str s, char *mem, size_t cap, struct str *out);

/* Writes a user part, escaping what RFC 3261's grammar does not let stand. */
void sip_user_print(struct writer *w, struct str user);
