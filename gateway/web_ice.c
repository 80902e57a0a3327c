/* web_ice.c: GET /api/v1/ice-servers: TURN servers for a page that is registered here
 * or at another gateway (turn.h). A page of another origin asks first whether it may
 * (a preflight: it sends Authorization), and reads the answer if its origin may open
 * a WebSocket here. */
#include "gateway/ice_servers.h"
#include "gateway/web_internal.h"
#include "gateway/web_origin.h"

#include <libwebsockets.h>

static const struct {
	unsigned status;
	const char *text;
} errors[] = {
	{ 401, "{\"error\":\"the token of a registered page is missing or not good any more\"}\n" },
	{ 403,
	  "{\"error\":\"pages of this origin may not ask: [web] origins does not list it\"}\n" },
	{ 404, "{\"error\":\"no TURN server is configured\"}\n" },
	{ 405, "{\"error\":\"only GET is for this path\"}\n" },
	{ 503, "{\"error\":\"out of memory\"}\n" },
};

static void add(struct web_response *response, const char *name, const char *value)
{
	for (size_t i = 0; i < WEB_EXTRA; i++) {
		if (response->extra[i][0])
			continue;
		response->extra[i][0] = name;
		response->extra[i][1] = value;
		return;
	}
}

/* Nothing when the request comes from no browser, or from a page of our own. */
static bool may_ask(struct lws *wsi, struct str origin)
{
	const struct web_server *server = lws_context_user(lws_get_context(wsi));
	char mem[512];
	struct str host = web_header(wsi, WSI_TOKEN_HOST, mem, sizeof(mem));

	return str_empty(origin) ||
	       web_origin_allowed(origin, host, (const char *const *)server->origins,
				  server->n_origins);
}

static struct str bearer(struct lws *wsi, char *mem, size_t cap)
{
	struct str value = web_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, mem, cap);

	return str_ieq(str_word(&value), STR("Bearer")) ? str_trim(value) : STR("");
}

static unsigned answer(struct lws *wsi, struct web_response *response)
{
	const struct web_server *server = lws_context_user(lws_get_context(wsi));
	char mem[ICE_TOKEN_TEXT + 16], text[ICE_JSON_BYTES];
	struct str token = bearer(wsi, mem, sizeof(mem)), json;
	unsigned status = server->ice_servers ? server->ice_servers(server->hooks_arg, token, text,
								    sizeof(text), &json)
					      : 404;

	if (status != 200)
		return status;
	response->owned = str_dup(json);
	response->bytes = json.n;
	return response->owned ? 200 : 503;
}

int web_ice_servers(struct lws *wsi, struct web_exchange *exchange, int method)
{
	struct web_response response = { .type = "application/json",
					 .head = method == LWSHUMETH_HEAD };
	char mem[513];
	struct str origin = web_header(wsi, WSI_TOKEN_ORIGIN, mem, sizeof(mem) - 1);
	bool lets = may_ask(wsi, origin);

	add(&response, "vary:", "Origin");
	if (lets && !str_empty(origin)) {
		mem[origin.n] = '\0'; /* it was copied there, or it would be no origin */
		add(&response, "access-control-allow-origin:", mem);
	}
	if (!lets)
		response.status = 403;
	else if (method == LWSHUMETH_OPTIONS)
		response.status = 204;
	else if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD)
		response.status = 405;
	else
		response.status = answer(wsi, &response);

	if (response.status == 204) {
		response.type = NULL;
		add(&response, "access-control-allow-methods:", "GET");
		add(&response, "access-control-allow-headers:", "authorization");
		add(&response, "access-control-max-age:", "600");
	} else if (response.status == 401) {
		add(&response, "www-authenticate:", "Bearer");
	} else if (response.status == 405) {
		add(&response, "allow:", "GET, HEAD, OPTIONS");
		response.last = true; /* what the method brings along is not read */
	}
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].status != response.status)
			continue;
		response.body = errors[i].text;
		response.bytes = str_of(errors[i].text).n;
	}
	return web_respond(wsi, exchange, &response);
}
