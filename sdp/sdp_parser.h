/* sdp_parser.h: what sdp_parse.c (lines) and sdp_attributes.c (a= lines) share;
 * nobody else includes it. */
#pragma once

#include "sdp/sdp.h"

/* A payload type listed in the m-line being read. */
struct sdp_listed {
	struct sdp_format format;
	bool mapped; /* an a=rtpmap was seen, good or not */
	bool usable;
};

struct sdp_parser {
	struct sdp *sdp;
	const char *begin; /* of the text being parsed */
	struct sdp_error *error;

	struct sdp_media session; /* the session level, in the shape of a section */
	struct sdp_media *media;  /* the section being read; NULL at session level
				   * and in m-lines beyond SDP_MAX_MEDIA */
	struct sdp_line *line;	  /* NULL at session level */
	size_t attributes;	  /* a= lines in this section */
	bool own_fingerprint;	  /* this section brought one: the session's are gone */
	bool has_origin;

	struct sdp_listed listed[128];
	size_t n_listed;
	uint8_t slot[128]; /* payload type -> 1 + index in listed; 0: not listed */
};

/* Fills *error, if there is one, and gives `code`. */
int sdp_fail(struct sdp_error *error, int code, size_t offset, const char *why);

/* One "a=name:value" of the section being read. 0 or -EMSGSIZE. */
int sdp_read_attribute(struct sdp_parser *p, struct str line);

/* token of RFC 8866 §9 */
bool sdp_is_token(struct str s);
