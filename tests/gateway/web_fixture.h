/* web_fixture.h: a temporary folder with pages and certificates for the tests of
 * the web server. */
#pragma once

#include "sdp/str.h"

struct web_fixture {
	char root[128];			 /* the pages */
	char certificate[160], key[160]; /* a good pair */
	char other_key[160];		 /* not its key */
	char garbage[160];		 /* no PEM at all */
	char secret[160];		 /* a file beside the root */
};

/* Made once per process and removed at its end. */
const struct web_fixture *web_fixture(void);
