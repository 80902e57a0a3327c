/* utf8.h: is it UTF-8 (RFC 3629)? */
#pragma once

#include "sdp/str.h"

/* No overlong forms, no surrogates, nothing above U+10FFFF, nothing cut short. */
bool utf8_valid(struct str s);
