/* memory.c: see memory.h. */
#include "gateway/memory.h"

enum { GONE = 8 }; /* one of so many is left */

bool memory_is_spare(struct memory_watch *watch, size_t present)
{
	if (present > watch->most)
		watch->most = present;
	if (watch->most < MEMORY_LEAST || present > watch->most / GONE)
		return false;
	watch->most = present;
	return true;
}
