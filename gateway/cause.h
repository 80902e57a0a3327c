/* cause.h: why a leg or a call ended, in SIP's own terms. */
#pragma once

#include "sdp/writer.h"

enum { CAUSE_HEADERS = 512 }; /* bytes of a refusal's headers, at most */

struct cause {
	unsigned status;  /* SIP status a caller without an answer gets; 200:
	                               * a normal end after the answer */
	const char *text; /* literal, for Reason and the log */
	unsigned warn;	  /* Warning code (RFC 3261 §20.43); 0: none */
	char detail[200]; /* Warning text or the like; may be empty */
};

extern const struct cause cause_normal,	    /* hung up in the usual way */
	cause_cancelled,		    /* the caller gave up */
	cause_elsewhere,		    /* another attempt was answered (RFC 3326) */
	cause_no_answer,		    /* ring_timeout */
	cause_not_found, cause_unavailable, /* known, but reachable nowhere */
	cause_no_response,		    /* the peer's transaction timed out */
	cause_broken,			    /* the transport failed */
	cause_no_registrar,		    /* not one of its targets says anything */
	cause_failed,			    /* our own trouble: memory, ports */
	cause_media_failed,		    /* ICE or DTLS */
	cause_media_lost,		    /* the peer fell silent */
	cause_page_gone,		    /* the page's connection and its media are gone */
	cause_phone_gone,		    /* a phone fell silent: phone_timeout */
	cause_no_transcoder,		    /* none is left, and no codec in common */
	cause_shutdown;

/* 488 with a Warning that says why. */
struct cause cause_not_acceptable(unsigned warn, const char *why);

/* What a callee's failure response means to the caller of a B2BUA: passed on
 * where it speaks of the user (404, 480, 486, 488, 600, 603 ...), turned where it
 * speaks of the hop (401/407 -> 403, 415 -> 488, 5xx -> 500, others -> 480). */
struct cause cause_of_response(unsigned status);

/* The value of a Reason header (RFC 3326): `SIP;cause=486;text="Busy Here"`. */
struct str cause_print_reason(const struct cause *cause, char *mem, size_t cap);

/* The headers of a refusal with this cause: Reason, Warning if it has one, Retry-After
 * for 503. Written to `mem`, which the slice borrows. */
struct str cause_print_headers(const struct cause *cause, char mem[CAUSE_HEADERS]);

/* Adds the Warning line with its CRLF; nothing for a cause without a warning. */
void cause_print_warning(const struct cause *cause, struct writer *w);

/* Does the value of a CANCEL's Reason say that somebody else has answered? */
bool cause_is_elsewhere(struct str reason);

/* Which of two failures a fork reports (RFC 3261 §16.7 step 6): 6xx first, then
 * the lowest class, within 4xx those that say most. True: `a` is better. */
bool cause_better(const struct cause *a, const struct cause *b);
