/* writer.h: bounded text output that remembers overflow, so that any number of
 * prints needs one check at the end. It never writes past its memory. */
#pragma once

#include "sdp/str.h"

struct writer {
	char *mem;
	size_t cap;    /* bytes in mem */
	size_t n;      /* bytes written */
	bool overflow; /* latched: later writes do nothing */
};

/* Writes go to `mem`, which the caller owns and keeps. */
void writer_init(struct writer *w, char *mem, size_t cap);

void writer_put(struct writer *w, struct str s);
void writer_char(struct writer *w, char c);
void writer_u64(struct writer *w, uint64_t value);
void writer_hex(struct writer *w, const uint8_t *bytes, size_t n); /* lower case */
__attribute__((format(printf, 2, 3))) void writer_printf(struct writer *w, const char *format, ...);

/* What was written, borrowed from mem. 0, or -ENOBUFS if anything did not fit. */
int writer_end(const struct writer *w, struct str *out);
