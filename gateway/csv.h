/* csv.h: records of comma-separated values (RFC 4180), read in place.
 *
 * Lines end with CRLF or LF; a field in double quotes may hold commas, line ends
 * and doubled quotes. A byte order mark at the start is skipped. */
#pragma once

#include "sdp/str.h"

struct csv {
	char *p; /* the rest of the text, which reading changes */
	size_t n;
	unsigned line; /* of the rest's first character */
};

struct csv_record {
	struct str *fields; /* the caller's array; slices into the text */
	size_t cap;
	size_t n;
	unsigned line;	 /* where it starts */
	const char *why; /* on error: a literal */
};

/* `text` stays the caller's; records point into it. */
void csv_init(struct csv *csv, char *text, size_t n);

/* Empty lines are skipped. 0 with the next record, -ENOENT at the end, -EBADMSG for
 * what is not CSV or has more than record->cap fields; then line and why say it. */
int csv_next(struct csv *csv, struct csv_record *record);
