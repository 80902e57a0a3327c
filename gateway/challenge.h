/* challenge.h: which of a registrar's challenges to an INVITE a page may get to see: a
 * browser answers whatever realm it is asked for, with its user's password. */
#pragma once

#include "sdp/writer.h"
#include "sip/msg.h"

/* Writes those of the 401's or 407's challenges that are of one of the realms, as
 * complete lines: built anew from what is known, without auth-int (libraries would hash
 * the SDP they sent, not the one that left us). False: there is none. */
bool challenge_pass(const struct sip_msg *response, const char *const *realms, size_t n_realms,
		    struct writer *w);
