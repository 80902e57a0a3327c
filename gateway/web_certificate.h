/* web_certificate.h: are these two files a usable certificate and its key?
 * libwebsockets says neither which file is bad nor that they do not match. */
#pragma once

#include <stddef.h>

/* 0, -ENOENT or -EACCES (a file cannot be read), -EBADMSG (not PEM, an encrypted
 * key, or not a pair), -ENOMEM; `why` gets one line naming the file. */
int web_certificate_check(const char *certificate, const char *key, char *why, size_t why_bytes);
