/* web_guard.c: see web_guard.h. */
#include "gateway/web_guard.h"

#include "gateway/web_origin.h"

enum { KEY = 24 }; /* characters: 16 octets in base64 (RFC 6455 §4.1) */

bool web_guard_has_room(const struct web_load *load)
{
	return load->connections < load->max_connections && load->pending < load->max_pending &&
	       load->pending_from < load->max_pending_from;
}

unsigned web_guard_body_refusal(const struct web_request *request, bool may_lack_length,
				size_t most)
{
	uint64_t bytes = 0;

	if (!str_empty(request->transfer_encoding))
		return 411;
	if (str_empty(request->content_length))
		return may_lack_length ? 0 : 411;
	if (!str_to_u64(request->content_length, 0, UINT64_MAX, &bytes))
		return 411;
	return bytes > most ? 413 : 0;
}

static bool lists_sip(struct str protocols)
{
	while (!str_empty(protocols))
		if (str_eq(str_trim(str_cut(&protocols, ',')), STR("sip")))
			return true;
	return false;
}

unsigned web_guard_refusal(const struct web_request *request, const struct web_door *door)
{
	unsigned body = web_guard_body_refusal(request, true, 0);

	if (!door->open)
		return 400;
	if (!door->lets_in)
		return 503;
	if (!request->get)
		return 405;
	if (!str_ieq(request->upgrade, STR("websocket")))
		return 400;
	if (body)
		return body;
	if (!str_eq(request->version, STR("13")))
		return 426;
	if (request->key.n != KEY || !lists_sip(request->protocols))
		return 400;
	if (str_empty(request->origin))
		return 0;
	return web_origin_allowed(request->origin, request->host, door->origins, door->n_origins)
		       ? 0
		       : 403;
}
