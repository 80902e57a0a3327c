/* files.h: recorded messages for the tests. */
#pragma once

#include "sdp/str.h"

/* A whole file under tests/, to be freed with free((void *)s.p); p is NULL when
 * there is no such file. */
struct str file_read(const char *name);

/* Walks what recorded clients sent (tests/sip/samples): calls `each` with every
 * text frame, line ends as on the wire. The number of frames. */
size_t samples_walk(void (*each)(void *arg, const char *file, struct str message), void *arg);

/* Walks the messages of "rfc4475" or "rfc5118"; name without ".dat". */
size_t torture_walk(const char *rfc, void (*each)(void *arg, const char *name, struct str message),
		    void *arg);
