/* version.c: the one file that includes every library, only to ask its version. */
#include "gateway/version.h"

#include <ares.h>
#include <jansson.h>
#include <libwebsockets.h>
#include <openssl/crypto.h>
#include <opus/opus.h>
#include <sqlite3.h>
#include <srtp2/srtp.h>
#include <uv.h>

void version_print(FILE *to)
{
	fprintf(to, "hookswitch %s\n", HOOKSWITCH_VERSION);
	fprintf(to, "libuv %s\n", uv_version_string());
	fprintf(to, "libwebsockets %s\n", lws_get_library_version());
	/* It does not tell at run time: the one we were built with. */
	fprintf(to, "libnice %s\n", HOOKSWITCH_NICE_VERSION);
	fprintf(to, "%s\n", srtp_get_version_string());
	fprintf(to, "%s\n", OpenSSL_version(OPENSSL_VERSION));
	fprintf(to, "%s\n", opus_get_version_string());
	fprintf(to, "SQLite %s\n", sqlite3_libversion());
	fprintf(to, "c-ares %s\n", ares_version(NULL));
	fprintf(to, "jansson %s\n", jansson_version_str());
}
