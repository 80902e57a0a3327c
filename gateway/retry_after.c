/* retry_after.c: see retry_after.h. */
#include "gateway/retry_after.h"

#include "sdp/writer.h"

#include <openssl/rand.h>

struct str retry_after_of(uint32_t random, char mem[RETRY_AFTER_TEXT])
{
	struct str line = { NULL, 0 };
	struct writer w;

	writer_init(&w, mem, RETRY_AFTER_TEXT);
	writer_printf(&w, "Retry-After: %u\r\n",
		      RETRY_AFTER_FIRST_S +
			      random % (RETRY_AFTER_LAST_S - RETRY_AFTER_FIRST_S + 1));
	writer_end(&w, &line);
	return line;
}

struct str retry_after(char mem[RETRY_AFTER_TEXT])
{
	uint32_t random = 0;

	RAND_bytes((unsigned char *)&random, sizeof(random)); /* failing: all the same */
	return retry_after_of(random, mem);
}
