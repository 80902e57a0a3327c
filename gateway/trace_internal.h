/* trace_internal.h: what trace.c keeps and trace_print.c prints. */
#pragma once

#include "gateway/trace.h"
#include "sip/hash.h"

enum {
	TRACE_MOST_ID = 64,	  /* octets of a call's id, with its NUL */
	TRACE_MOST_CALL_ID = 512, /* octets of a SIP Call-ID; a longer one is not traced */
	TRACE_MOST_TEXT = 16384,  /* of one message; the rest is cut off */
	TRACE_CALLER = 0,	  /* entry.dialog of the caller's messages */
	TRACE_NOTE = -1,	  /* entry.dialog of what is no message */
};

/* One message or one note; a single allocation. */
struct trace_entry {
	struct trace_entry *next;
	uint64_t at_ms;
	int dialog; /* which of the call's; TRACE_CALLER is the first */
	bool sent;
	char via[8]; /* the transport */
	char remote[SIP_ADDR_TEXT];
	size_t n;
	char text[]; /* of a note: "who: what" */
};

struct trace_dialog {
	struct hash_node node; /* in traces->dialogs */
	struct trace *trace;
	char *call_id; /* owned */
};

struct trace {
	struct hash_node node;	   /* in traces->calls */
	struct trace *next, *prev; /* of those that go on */
	char id[TRACE_MOST_ID];
	uint64_t number;	     /* grows with each call */
	uint64_t began_ms, ended_ms; /* 0: goes on */
	struct trace_dialog dialogs[TRACES_MOST_DIALOGS];
	size_t n_dialogs;
	struct trace_entry *first, *last;
	size_t bytes;	/* of all entries */
	size_t dropped; /* older entries that had to go, or had no memory */
};

struct traces {
	uint64_t (*unix_ms)(void *arg);
	void *arg;
	struct hash calls, dialogs;
	struct trace *live;
	uint64_t begun;
	struct trace *ended[TRACES_KEPT]; /* a ring */
	size_t n_ended;			  /* ever */

	/* The last INVITE sent that nobody has claimed by traces_dialog() yet: its
	 * Call-ID is known only once it is on its way. */
	struct trace_entry *unclaimed;
	char unclaimed_call_id[TRACE_MOST_CALL_ID];
};

/* The call of that name, see traces_print(). */
const struct trace *trace_named(const struct traces *traces, struct str name);
