/* names.h: the tables made of headers.def and methods.def. Internal to sip/. */
#pragma once

#include "sip/msg.h"

enum sip_header sip_header_find(struct str name); /* full or compact, any case */
enum sip_method sip_method_find(struct str name); /* exact */
bool sip_header_is_list(enum sip_header id);
