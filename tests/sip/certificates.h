/* certificates.h: a CA and certificates of it, made at the first call into a folder that
 * is removed at the end of the process. */
#pragma once

#include "sip/tls.h"

struct certificates {
	char ca[128], key[128]; /* PEM files; the key is that of every certificate */
};

const struct certificates *certificates(void);

/* The PEM file of a certificate with these alternative names, as in openssl.cnf:
 * "DNS:a.example,URI:sip:b.example,IP:127.0.0.1"; "" for none. Its common name is
 * common.example. `expired`: since yesterday. Good until the next call. */
const char *certificate_for(const char *names, bool expired);
