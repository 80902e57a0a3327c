/* drain.c: see drain.h. */
#include "gateway/drain.h"

#include "sdp/writer.h"

struct str drain_retry_after(uint32_t random, char mem[DRAIN_RETRY_TEXT])
{
	struct str line = { NULL, 0 };
	struct writer w;

	writer_init(&w, mem, DRAIN_RETRY_TEXT);
	writer_printf(&w, "Retry-After: %u\r\n",
		      DRAIN_RETRY_FIRST_S +
			      random % (DRAIN_RETRY_LAST_S - DRAIN_RETRY_FIRST_S + 1));
	writer_end(&w, &line);
	return line;
}

bool drain_lets_register(const struct drain_register *r)
{
	return r->has_call || r->page_is_away || str_eq(str_trim(r->expires), STR("0"));
}
