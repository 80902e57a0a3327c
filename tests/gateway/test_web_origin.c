/* Which web origins may open a WebSocket (RFC 6455 §10.2, RFC 6454). */
#include "gateway/web_origin.h"
#include "tests/check.h"

static const char *const listed[] = { "https://phone.example", "http://dev.example:3000",
				      "capacitor://localhost" };

static bool allowed(const char *origin, const char *host)
{
	return web_origin_allowed(str_of(origin), str_of(host), listed,
				  sizeof(listed) / sizeof(listed[0]));
}

static void our_own_host_is_allowed_on_any_port(void)
{
	CHECK(allowed("https://gw.example", "gw.example"));
	CHECK(allowed("https://gw.example:9443", "gw.example:8443"));
	CHECK(allowed("http://localhost:8080", "LOCALHOST:8443"));
	CHECK(allowed("http://[::1]:8080", "[::1]:8443"));
	CHECK(allowed("https://127.0.0.1", "127.0.0.1:8443"));
}

static void listed_origins_are_allowed_exactly(void)
{
	CHECK(allowed("https://phone.example", "gw.example"));
	CHECK(allowed("https://phone.example:443", "gw.example"));
	CHECK(allowed("HTTPS://Phone.Example", "gw.example"));
	CHECK(allowed("http://dev.example:3000", "gw.example"));
	CHECK(allowed("capacitor://localhost", "gw.example"));
	CHECK(!allowed("http://phone.example", "gw.example"));
	CHECK(!allowed("https://phone.example:8443", "gw.example"));
	CHECK(!allowed("http://dev.example", "gw.example"));
}

static void strangers_are_refused(void)
{
	static const char *const origins[] = {
		"null",
		"NULL",
		"",
		"https://evil.example",
		"https://gw.example.evil.example",
		"https://evilgw.example",
		"https://gw.example@evil.example",
		"https://gw.example/",
		"https://gw.example/path",
		"https://gw.example:0",
		"https://gw.example:",
		"https://gw.example:65536",
		"https://gw.example https://evil.example",
		"https://evil.example,https://gw.example",
		"https://",
		"https://:443",
		"gw.example",
		"file://",
		"file://gw.example",
		"ftp://gw.example",
		"//gw.example",
		"https://[::1",
	};

	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		if (allowed(origins[i], "gw.example:8443")) {
			printf("  allowed: \"%s\"\n", origins[i]);
			check_failures++;
		}
	CHECK(!allowed("https://gw.example", ""));
	CHECK(!allowed("https://gw.example", "gw.example:x"));
	CHECK(!web_origin_allowed(STR("null"), STR("null"), (const char *[]){ "null" }, 1));
}

TESTS(our_own_host_is_allowed_on_any_port, listed_origins_are_allowed_exactly,
      strangers_are_refused)
