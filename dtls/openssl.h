/* openssl.h: what the files of this folder see of a certificate's inside. */
#pragma once

#include "dtls/certificate.h"

#include <stdbool.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

struct dtls_certificate {
	X509 *x509;
	EVP_PKEY *key;
};

/* Whether the certificate has this fingerprint, by the hash of its length; in
 * constant time. */
bool dtls_fingerprint_matches(const struct dtls_fingerprint *fingerprint, const X509 *x509);
