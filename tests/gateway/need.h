/* need.h: for fakes: what a test cannot do without ends the program. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define NEED(what)                                                                                 \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: needed: %s\n", __FILE__, __LINE__, #what);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)
