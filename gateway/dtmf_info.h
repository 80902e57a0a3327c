/* dtmf_info.h: a telephone key in the body of an INFO, as browsers' SIP libraries
 * and older phones send it. No RFC defines the two forms; RFC 6086 calls them legacy
 * usage of INFO.
 *
 *   application/dtmf-relay    Signal=5 CRLF Duration=160
 *   application/dtmf          5 */
#pragma once

#include "sdp/str.h"

#define DTMF_INFO_ACCEPT "Accept: application/dtmf-relay, application/dtmf\r\n"

enum {
	DTMF_INFO_DEFAULT_MS = 160, /* where none is told */
	DTMF_INFO_MIN_MS = 40,	    /* what is shorter no detector must hear (ITU-T Q.24) */
	DTMF_INFO_MAX_MS = 6000,
};

struct dtmf_info {
	char digit;	      /* 0-9 * # A-D */
	unsigned duration_ms; /* within the limits above */
};

/* 0; -ENOTSUP for another content type, -EBADMSG for a body that holds no key. */
int dtmf_info_read(struct str content_type, struct str body, struct dtmf_info *out);
