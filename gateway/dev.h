/* dev.h: `hookswitch --dev`, everything needed to try it, made for the moment.
 *
 * A temporary folder of our own (0700) gets the certificate, the database and two
 * accounts with random passwords: `alice` for the page and `1000` for a phone. */
#pragma once

#include "gateway/config.h"

#include <stdio.h>

struct dev;

/* Makes the folder and turns the configuration to it. Addresses that the file did
 * not choose become loopback, and `address` (may be NULL) besides. 0, -EINVAL (no
 * such address), -ENOMEM and errors of making files; `why` gets one line. */
int dev_new(struct config *config, const char *address, struct dev **out, char *why,
	    size_t why_bytes);

/* Where to look and whom to be, once the gateway listens. */
void dev_print(const struct dev *dev, const struct config *config, FILE *to);

/* Removes the folder and what is in it. NULL is fine. */
void dev_free(struct dev *dev);
