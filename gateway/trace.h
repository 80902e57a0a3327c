/* trace.h: what happened in each call, for `hookswitch trace`: the SIP of both
 * legs as it stood on the wire, ICE and DTLS events, codec decisions. A core:
 * text in, text out. Signalling loop.
 *
 * A trace is a ring of TRACE_BYTES per call; those of the last TRACES_KEPT calls
 * that ended are kept. Authorization headers and SDES keys are never kept. */
#pragma once

#include "sip/transport.h"

enum {
	TRACE_BYTES = 32768,
	TRACES_KEPT = 64,
	TRACES_MOST_DIALOGS = 20, /* SIP Call-IDs of one call */
};

struct traces;

/* `now_ms` is asked for each entry: milliseconds since 1970. 0 or -ENOMEM. */
int traces_new(uint64_t (*unix_ms)(void *arg), void *arg, struct traces **out);
void traces_free(struct traces *traces);

/* A call begins and ends. Without memory the call goes untraced. */
void traces_begin(struct traces *traces, const char *call_id);
void traces_end(struct traces *traces, const char *call_id);

/* Messages with this SIP Call-ID belong to that call: the first named is the
 * caller's dialog, each later one an attempt. An INVITE that was sent with it just
 * before is taken in, too: its Call-ID is known only then. */
void traces_dialog(struct traces *traces, const char *call_id, struct str sip_call_id);

/* One message of the caller, from before its dialog is known. */
void traces_wire(struct traces *traces, const char *call_id, const struct sip_flow *flow, bool sent,
		 struct str text);

/* The same for the endpoint's on_wire: finds the call; others are ignored. */
void traces_wire_of(struct traces *traces, struct str sip_call_id, const struct sip_flow *flow,
		    bool sent, struct str text);

/* An event: `who` is "call", "caller" or "callee". */
void traces_note(struct traces *traces, const char *call_id, const char *who, const char *text);

/* The ladder of a call, named by its id, a beginning of it (at least 4
 * characters), one of its SIP Call-IDs, or "last": made with malloc(), the
 * caller frees it. NULL: no such call, or no memory. */
char *traces_print(const struct traces *traces, struct str name);
