/* web_origin.h: may a page of that origin open a WebSocket here (RFC 6454,
 * RFC 6455 §10.2)? Pure text. */
#pragma once

#include "sdp/str.h"

/* `origin` and `host` are the request's headers. True for a page of the host the
 * request was sent to, on any port, and for one of the `n` listed origins
 * ("https://host[:port]"; the scheme's port may be left out). False for "null"
 * and everything else. An absent header is the caller's business. */
bool web_origin_allowed(struct str origin, struct str host, const char *const *listed, size_t n);
