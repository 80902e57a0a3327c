/* Origins of pages that open WebSockets: the Origin header, a line feed, the Host header. */
#include "gateway/web_origin.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const listed[] = { "https://phone.example.org", "http://[::1]:8080" };
	struct str host = fuzz_text(bytes, n), origin = str_cut(&host, '\n');

	/* Whoever is let in is a page of this host, or of a listed one. */
	if (web_origin_allowed(origin, host, listed, 2)) {
		MUST(str_istarts(origin, STR("https://")) || str_istarts(origin, STR("http://")));
		MUST(web_origin_allowed(origin, STR(""), listed, 2) || !str_empty(host));
	}
	MUST(!web_origin_allowed(STR("null"), host, listed, 2));
	MUST(!web_origin_allowed(STR(""), host, listed, 2));
	return 0;
}
