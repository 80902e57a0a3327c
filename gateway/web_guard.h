/* web_guard.h: who is let in: the whole decision as data, no socket and no library.
 *
 * A connection is counted before anything is spent on it; a request becomes a WebSocket
 * only as RFC 6455 §4.2.1 and RFC 7118 §4 have it: GET of any path, `websocket` and
 * nothing else in Upgrade, version 13, a key, the subprotocol `sip`, no body, and no page
 * of a foreign origin. */
#pragma once

#include "sdp/str.h"

/* What is open while somebody knocks. "Pending": accepted, not (yet) a WebSocket. */
struct web_load {
	size_t connections, max_connections;
	size_t pending, max_pending;
	size_t pending_from, max_pending_from; /* ... of that host */
};

/* May one more connection be taken? */
bool web_guard_has_room(const struct web_load *load);

/* The headers of a request; empty when absent, and one that is too long is anything that
 * fits no rule. */
struct web_request {
	bool get; /* the method */
	struct str upgrade, version, key, protocols;
	struct str origin, host;
	struct str content_length, transfer_encoding;
};

struct web_door {
	bool open;		    /* the server is not closing */
	bool lets_in;		    /* ... and not draining */
	const char *const *origins; /* listed: "https://host[:port]" */
	size_t n_origins;
};

/* The HTTP status that refuses the request as a WebSocket, 0 if it may become one. A
 * request without Origin is no page's and needs none. */
unsigned web_guard_refusal(const struct web_request *request, const struct web_door *door);

/* The HTTP status that refuses the body of a request, of at most `most` octets, 0 if it may
 * come: its length must be said in a number (libwebsockets waits for ever for a chunked
 * body and for one of negative length), and is 0 where it may be left out. */
unsigned web_guard_body_refusal(const struct web_request *request, bool may_lack_length,
				size_t most);
