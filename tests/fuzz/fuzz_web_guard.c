/* Who is let in: an octet of switches, eight of counts and limits, then the headers of a
 * request, a line feed between. */
#include "gateway/web_guard.h"
#include "gateway/web_origin.h"
#include "tests/fuzz/fuzz.h"

static const char *const listed[] = { "https://phone.example.org", "http://[::1]:8080" };

static bool holds(struct str text, const char *word)
{
	struct str w = str_of(word);

	for (size_t i = 0; i + w.n <= text.n; i++)
		if (str_starts(str_skip(text, i), w))
			return true;
	return false;
}

/* Whoever is let in has all of this. */
static void must_be_good(const struct web_request *request, const struct web_door *door)
{
	MUST(door->open && door->lets_in && request->get);
	MUST(str_ieq(request->upgrade, STR("websocket")));
	MUST(str_eq(request->version, STR("13")) && request->key.n == 24);
	MUST(holds(request->protocols, "sip"));
	MUST(str_empty(request->transfer_encoding));
	for (size_t i = 0; i < request->content_length.n; i++)
		MUST(request->content_length.p[i] == '0');
	MUST(str_empty(request->origin) ||
	     web_origin_allowed(request->origin, request->host, listed, 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const unsigned known[] = { 0, 400, 403, 405, 411, 413, 426, 503 };

	if (n < 7)
		return 0;

	const struct web_load load = { bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6] };
	MUST(web_guard_has_room(&load) ==
	     (bytes[1] < bytes[2] && bytes[3] < bytes[4] && bytes[5] < bytes[6]));

	struct str rest = fuzz_text(bytes + 7, n - 7);
	struct web_request request = { .get = bytes[0] & 1 };
	struct str *const fields[] = {
		&request.upgrade,	 &request.version,	    &request.key,
		&request.protocols,	 &request.origin,	    &request.host,
		&request.content_length, &request.transfer_encoding
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		*fields[i] = str_cut(&rest, '\n');

	struct web_door door = { bytes[0] & 2, bytes[0] & 4, listed, 2 };
	unsigned status = web_guard_refusal(&request, &door);
	bool is_known = false;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		is_known |= status == known[i];
	MUST(is_known);
	if (status == 0)
		must_be_good(&request, &door);

	/* A door that is less open lets in nobody more. */
	door.lets_in = false;
	MUST(web_guard_refusal(&request, &door) != 0);

	unsigned body = web_guard_body_refusal(&request, false, 65536);
	MUST(body == 0 || body == 411 || body == 413);
	MUST(body || (!str_empty(request.content_length) && str_empty(request.transfer_encoding)));
	return 0;
}
