/* own_certificate.h: HTTPS and SIP over TLS for those who have no certificate. */
#pragma once

#include "gateway/config.h"

/* When https or [sip] tls is on and no certificate is configured: makes certificate.pem and
 * key.pem in the state folder, or takes those made before, and puts their names
 * into the configuration. It is self-signed, for localhost, this machine's name and
 * the addresses https listens on. 0 or -E...; `why` gets one line. */
int own_certificate(struct config *config, char *why, size_t why_bytes);
