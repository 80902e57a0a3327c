/* fuzz.h: what the fuzz targets share. Each is one LLVMFuzzerTestOneInput(): bytes in,
 * and nothing may crash, leak, run on, or break a MUST. */
#pragma once

#include "sdp/str.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define MUST(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The input as text. libFuzzer allocates it with no octet to spare. */
static inline struct str fuzz_text(const uint8_t *bytes, size_t n)
{
	return (struct str){ (const char *)bytes, n };
}

/* Is `inner` a slice of `outer`? An empty one may lie anywhere. */
static inline bool fuzz_within(struct str outer, struct str inner)
{
	return inner.n == 0 || (inner.p >= outer.p && inner.p + inner.n <= outer.p + outer.n);
}
