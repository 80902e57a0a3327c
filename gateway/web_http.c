/* web_http.c: HTTP requests: GET and HEAD of the pages, and the gate through
 * which upgrades pass. Protocol 0 of libwebsockets: it gets everything that is
 * not an established "sip" WebSocket, also the life and death of connections. */
#include "gateway/forwarded.h"
#include "gateway/web_guard.h"
#include "gateway/web_internal.h"

#include <libwebsockets.h>
#include <stdlib.h>

enum {
	CHUNK = 16384, /* octets of a body written at a time */
	RESPONSE_HEADERS = 2048,
	MAX_BODY = 65536,     /* of a request */
	FORWARDED_FOR = 8193, /* all that a request's headers may be */
	STALLED_S = 30,	      /* nothing of a response could be written for that long */
};

/* On every response. The page loads nothing from elsewhere and runs no inline
 * script; it may open WebSockets to any gateway, and ask it for its TURN servers. */
static const char *const security_headers[][2] = {
	{ "content-security-policy:",
	  "default-src 'self'; connect-src 'self' ws: wss: http: https:; img-src 'self' data:; "
	  "media-src 'self' blob: data:; object-src 'none'; base-uri 'none'; "
	  "form-action 'self'; frame-ancestors 'none'" },
	{ "x-content-type-options:", "nosniff" },
	{ "x-frame-options:", "DENY" },
	{ "referrer-policy:", "no-referrer" },
};

static int header(struct lws *wsi, const char *name, const char *value, unsigned char **p,
		  unsigned char *end)
{
	struct str text = str_of(value);

	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
					   (const unsigned char *)text.p, (int)text.n, p, end);
}

/* Only headers are written here, the body when writeable. */
int web_respond(struct lws *wsi, struct web_exchange *exchange, const struct web_response *response)
{
	unsigned char mem[LWS_PRE + RESPONSE_HEADERS];
	unsigned char *start = mem + LWS_PRE, *p = start, *end = mem + sizeof(mem) - 1;
	int bad = lws_add_http_header_status(wsi, response->status, &p, end);

	for (size_t i = 0; i < sizeof(security_headers) / sizeof(security_headers[0]); i++)
		bad |= header(wsi, security_headers[i][0], security_headers[i][1], &p, end);
	if (response->type)
		bad |= header(wsi, "content-type:", response->type, &p, end);
	if (response->etag)
		bad |= header(wsi, "etag:", response->etag, &p, end);
	bad |= header(wsi, "cache-control:", response->etag ? "no-cache" : "no-store", &p, end);
	for (size_t i = 0; i < WEB_EXTRA && response->extra[i][0]; i++)
		bad |= header(wsi, response->extra[i][0], response->extra[i][1], &p, end);
	if (response->last)
		bad |= header(wsi, "connection:", "close", &p, end);
	if (response->status != 304 && response->status != 204)
		bad |= lws_add_http_header_content_length(wsi, response->bytes, &p, end);
	if (bad || lws_finalize_write_http_header(wsi, start, &p, end) < 0) {
		free(response->owned);
		return -1;
	}
	if (!exchange)
		return 0;
	exchange->owned = response->owned;
	exchange->body = response->owned ? response->owned : response->body;
	exchange->left = response->head || response->status == 304 ? 0 : response->bytes;
	exchange->last = response->last;
	lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, STALLED_S);
	lws_callback_on_writable(wsi);
	return 0;
}

static const struct {
	unsigned status;
	const char *text;
} errors[] = {
	{ 400, "400 Bad Request\n" },	   { 403, "403 Forbidden\n" },
	{ 404, "404 Not Found\n" },	   { 405, "405 Method Not Allowed\n" },
	{ 411, "411 Length Required\n" },  { 413, "413 Content Too Large\n" },
	{ 426, "426 Upgrade Required\n" }, { 503, "503 Service Unavailable\n" },
};

/* `exchange` NULL: headers only. */
static int respond_error(struct lws *wsi, struct web_exchange *exchange, unsigned status, bool head)
{
	struct web_response response = { .status = status,
					 .type = "text/plain; charset=utf-8",
					 .body = "",
					 .head = head,
					 .last = status != 404 };

	for (size_t i = 0; exchange && i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].status == status)
			response.body = errors[i].text;
	response.bytes = str_of(response.body).n;
	if (status == 405) {
		response.extra[0][0] = "allow:";
		response.extra[0][1] = "GET, HEAD";
	} else if (status == 426) {
		response.extra[0][0] = "sec-websocket-version:";
		response.extra[0][1] = "13";
	}
	return web_respond(wsi, exchange, &response);
}

struct str web_header(struct lws *wsi, enum lws_token_indexes token, char *mem, size_t cap)
{
	int n = lws_hdr_total_length(wsi, token);

	if (n <= 0)
		return (struct str){ mem, 0 };
	if ((size_t)n >= cap || lws_hdr_copy(wsi, mem, (int)cap, token) != n)
		return STR("\x7f");
	return (struct str){ mem, (size_t)n };
}

enum { HEADER = 512 }; /* octets of one that is looked at */

/* Whose request is it, if a proxy of ours sent it? A status if it is refused, else 0. */
static unsigned identify(struct lws *wsi)
{
	struct web_conn *conn = web_conn_of(wsi);
	char mem[FORWARDED_FOR];

	/* libwebsockets skips a line of the PROXY protocol where none is awaited */
	if (lws_hdr_total_length(wsi, WSI_TOKEN_PROXY) > 0)
		return 400;
	if (!conn || !web_is_proxy(conn->server, &conn->peer))
		return 0;

	struct str list = web_header(wsi, WSI_TOKEN_X_FORWARDED_FOR, mem, sizeof(mem));
	struct sip_addr client = forwarded_client(&conn->peer, list, conn->server->proxies,
						  conn->server->n_proxies);

	/* false: that one has too many connections open */
	return web_conn_serves(conn, &client) ? 0 : 503;
}

/* The headers that decide, in `mem`. */
static struct web_request request_of(struct lws *wsi, char mem[8][HEADER])
{
	return (struct web_request){
		.get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0,
		.upgrade = web_header(wsi, WSI_TOKEN_UPGRADE, mem[0], HEADER),
		.version = web_header(wsi, WSI_TOKEN_VERSION, mem[1], HEADER),
		.key = web_header(wsi, WSI_TOKEN_KEY, mem[2], HEADER),
		.protocols = web_header(wsi, WSI_TOKEN_PROTOCOL, mem[3], HEADER),
		.origin = web_header(wsi, WSI_TOKEN_ORIGIN, mem[4], HEADER),
		.host = web_header(wsi, WSI_TOKEN_HOST, mem[5], HEADER),
		.content_length = web_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, mem[6], HEADER),
		.transfer_encoding = web_header(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING, mem[7],
						HEADER),
	};
}

unsigned web_upgrade_refusal(struct lws *wsi)
{
	const struct web_server *server = lws_context_user(lws_get_context(wsi));
	char mem[8][HEADER];
	const struct web_request request = request_of(wsi, mem);
	const struct web_door door = {
		.open = server->state == WEB_OPEN,
		.lets_in = !server->lets_in || server->lets_in(server->hooks_arg),
		.origins = (const char *const *)server->origins,
		.n_origins = server->n_origins,
	};

	return web_guard_refusal(&request, &door);
}

/* >0: answered here; <0: hang up; 0: the upgrade may go on. */
static int confirm_upgrade(struct lws *wsi)
{
	unsigned status = identify(wsi);

	if (status == 0)
		status = web_upgrade_refusal(wsi);
	if (status == 0)
		return 0;
	return respond_error(wsi, NULL, status, true) ? -1 : 1;
}

static const struct web_file *find(const struct web_server *server, struct str path)
{
	if (server->demo.body && str_eq(path, STR("/demo.json")))
		return &server->demo;
	return web_files_find(server->files, path);
}

/* Questions of supervisors and load balancers; 0: it is none, else the status. */
static unsigned probe(const struct web_server *server, struct str path)
{
	if (str_eq(path, STR("/healthz")))
		return 200; /* the loop runs: it has just asked */
	if (str_eq(path, STR("/readyz")))
		return !server->is_ready || server->is_ready(server->hooks_arg) ? 200 : 503;
	return 0;
}

static int request(struct lws *wsi, struct web_exchange *exchange)
{
	const struct web_server *server = lws_context_user(lws_get_context(wsi));
	char *uri = NULL, mem[128];
	int n = 0, method = lws_http_get_uri_and_method(wsi, &uri, &n);
	bool head = method == LWSHUMETH_HEAD;
	bool read_only = head || method == LWSHUMETH_GET;
	bool has_body = !read_only && method != LWSHUMETH_OPTIONS;
	char headers[8][HEADER];
	const struct web_request asked = request_of(wsi, headers);
	struct str path = { uri, n > 0 ? (size_t)n : 0 };
	unsigned refused = identify(wsi);

	memset(exchange, 0, sizeof(*exchange));
	if (!refused)
		refused = web_guard_body_refusal(&asked, !has_body, has_body ? MAX_BODY : 0);
	if (!refused && str_eq(path, STR(WEB_ICE_SERVERS)))
		return web_ice_servers(wsi, exchange, method);
	if (refused || !read_only)
		return respond_error(wsi, exchange, refused ? refused : 405, head);

	unsigned status = probe(server, path);
	const char *word = status == 200 ? "ok\n" : "not ready\n";

	if (status)
		return web_respond(wsi, exchange,
				   &(struct web_response){ .status = status,
							   .type = "text/plain; charset=utf-8",
							   .body = word,
							   .bytes = strlen(word),
							   .head = head });

	const struct web_file *file = find(server, path);

	if (!file)
		return respond_error(wsi, exchange, 404, head);

	struct web_response response = { .status = 200,
					 .type = file->type,
					 .body = file->body,
					 .bytes = file->bytes,
					 .etag = *file->etag ? file->etag : NULL,
					 .head = head };
	struct str known = web_header(wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, mem, sizeof(mem));

	if (response.etag && str_eq(known, str_of(file->etag)))
		response.status = 304;
	return web_respond(wsi, exchange, &response);
}

static void forget_body(struct web_exchange *exchange)
{
	free(exchange->owned);
	exchange->owned = NULL;
}

/* The next piece of the body; at its end the next request, or the end. */
static int write_body(struct lws *wsi, struct web_exchange *exchange)
{
	unsigned char mem[LWS_PRE + CHUNK];
	size_t n = exchange->left < CHUNK ? exchange->left : CHUNK;

	if (n > 0) {
		memcpy(mem + LWS_PRE, exchange->body, n);
		exchange->body += n;
		exchange->left -= n;
		if (lws_write(wsi, mem + LWS_PRE, n,
			      exchange->left ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL) < (int)n)
			return -1;
	}
	if (exchange->left > 0) {
		lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, STALLED_S);
		lws_callback_on_writable(wsi);
		return 0;
	}
	forget_body(exchange);
	return exchange->last || lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		   size_t n)
{
	struct web_server *server = lws_context_user(lws_get_context(wsi));

	(void)in;
	(void)n;
	switch (reason) {
	case LWS_CALLBACK_WSI_CREATE:
		server->wsis++;
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		server->wsis--;
		if (web_conn_of(wsi))
			web_conn_gone(web_conn_of(wsi));
		return 0;
	case LWS_CALLBACK_CLOSED_HTTP:
		if (user)
			forget_body(user);
		return 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return confirm_upgrade(wsi);
	case LWS_CALLBACK_HTTP:
		return request(wsi, user);
	case LWS_CALLBACK_HTTP_WRITEABLE:
		return write_body(wsi, user);
	case LWS_CALLBACK_HTTP_BODY: /* was refused */
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* a WebSocket without subprotocol */
	case LWS_CALLBACK_ESTABLISHED:		      /* comes here: never */
	case LWS_CALLBACK_RECEIVE:
		return -1;
	default: /* EVENT_WAIT_CANCELLED among others: anything but 0 closes */
		return 0;
	}
}

const struct lws_protocols web_http_protocol = {
	.name = "http",
	.callback = on_http,
	.per_session_data_size = sizeof(struct web_exchange),
};
