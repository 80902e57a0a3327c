/* drain.c: see drain.h. */
#include "gateway/drain.h"

bool drain_lets_register(const struct drain_register *r)
{
	return r->has_call || r->page_is_away || str_eq(str_trim(r->expires), STR("0"));
}
