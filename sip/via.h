/* via.h: reading a Via more leniently than sip_via_parse(). Internal to sip/. */
#pragma once

#include "sip/msg.h"

/* Not `strict`: version and parameters may be nonsense, as long as transport and sent-by
 * say where an error response has to go. 0 or -EBADMSG. */
int via_read(struct str element, bool strict, struct sip_via *out);
