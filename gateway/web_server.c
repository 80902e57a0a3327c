/* web_server.c: the libwebsockets context, from its start to its end.
 *
 *   STARTING --listening--> OPEN --close--> GOODBYE --all gone, or too slow-->
 *   DESTROYING --its handles are closed--> CLOSED --ours too--> freed
 *
 * libwebsockets 4.1 on a foreign libuv loop is destroyed in two steps: the first
 * call closes its handles, and when the loop has let go of them the second frees
 * the context. There is no call back for that, so a timer looks. */
#include "gateway/web_server.h"

#include "gateway/log.h"
#include "gateway/web_certificate.h"
#include "gateway/web_internal.h"

#include <errno.h>
#include <libwebsockets.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	GOODBYE_MS = 1000, /* for the peers to take the last messages and the close */
	CLOSING_STEP_MS = 5,
	HANDSHAKE_S = 10,    /* TLS and the request's headers */
	KEEP_ALIVE_S = 15,   /* between two requests */
	HEADER_BYTES = 8192, /* of one request */
};

/* What libwebsockets reports may quote a peer, and is hardly ever for an operator. */
static void log_line(int level, const char *line)
{
	(void)level;
	log_debug("libwebsockets: %s", LOG_QUOTE(str_of(line)));
}

struct web_conn *web_conn_of(struct lws *wsi)
{
	return lws_get_opaque_user_data(wsi);
}

static const struct lws_protocols *protocols(void)
{
	static struct lws_protocols list[3];

	list[0] = web_http_protocol; /* the first one gets all that is not a WebSocket */
	list[1] = web_sip_protocol;
	return list;
}

static int make_vhost(struct web_server *server, const struct web_server_config *config, bool tls,
		      struct lws_vhost **out)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.vhost_name = tls ? "https" : "http",
		.protocols = protocols(),
		.alpn = "http/1.1",
		.keepalive_timeout = KEEP_ALIVE_S,
		.timeout_secs = HANDSHAKE_S,
		.timeout_secs_ah_idle = HANDSHAKE_S,
		.retry_and_idle_policy = &server->idle,
		.options = LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
	};

	if (tls) {
		info.ssl_cert_filepath = config->certificate;
		info.ssl_private_key_filepath = config->key;
		info.ssl_cipher_list = "ECDHE+AESGCM:ECDHE+CHACHA20";
		info.ssl_options_set = (long)(SSL_OP_NO_SSLv3 | SSL_OP_NO_TLSv1 |
					      SSL_OP_NO_TLSv1_1 | SSL_OP_NO_RENEGOTIATION |
					      SSL_OP_NO_COMPRESSION);
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	}
	*out = lws_create_vhost(server->context, &info);
	return *out ? 0 : -EIO;
}

static int make_context(struct web_server *server, const struct web_server_config *config)
{
	bool plain = false, secure = false;

	for (size_t i = 0; i < config->n_listeners; i++)
		*(config->listeners[i].tls ? &secure : &plain) = true;

	server->loops[0] = config->loop;
	lws_set_log_level(LLL_ERR | LLL_WARN, log_line);

	struct lws_context_creation_info info = {
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN |
			   LWS_SERVER_OPTION_NO_LWS_SYSTEM_STATES |
			   (secure ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
		.foreign_loops = server->loops,
		.pcontext = &server->context,
		.server_string = "hookswitch",
		.user = server,
		.max_http_header_data2 = HEADER_BYTES,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
	};

	server->context = lws_create_context(&info);
	if (!server->context)
		return -EIO;

	int err = plain ? make_vhost(server, config, false, &server->plain) : 0;

	return !err && secure ? make_vhost(server, config, true, &server->secure) : err;
}

static int copy_lists(struct web_server *server, const struct web_server_config *config)
{
	if (config->n_origins) {
		server->origins = calloc(config->n_origins, sizeof(char *));
		if (!server->origins)
			return -ENOMEM;
	}
	for (; server->n_origins < config->n_origins; server->n_origins++) {
		char *origin = str_dup(str_of(config->origins[server->n_origins]));

		if (!origin)
			return -ENOMEM;
		server->origins[server->n_origins] = origin;
	}
	if (config->n_proxies) {
		server->proxies = calloc(config->n_proxies, sizeof(*server->proxies));
		if (!server->proxies)
			return -ENOMEM;
		memcpy(server->proxies, config->proxies,
		       config->n_proxies * sizeof(*server->proxies));
		server->n_proxies = config->n_proxies;
	}
	if (config->demo_json) {
		server->demo.body = str_dup(str_of(config->demo_json));
		if (!server->demo.body)
			return -ENOMEM;
		server->demo.bytes = str_of(config->demo_json).n;
		server->demo.type = "application/json";
	}
	return 0;
}

static void free_server(struct web_server *server)
{
	for (size_t i = 0; i < server->n_origins; i++)
		free(server->origins[i]);
	free(server->origins);
	free(server->demo.body);
	free(server->proxies);
	free(server->sockets);
	free(server->out);
	web_files_free(server->files);
	free(server);
}

static int check_config(const struct web_server_config *config, char *why, size_t why_bytes)
{
	for (size_t i = 0; i < config->n_listeners; i++) {
		if (!config->listeners[i].tls)
			continue;
		if (!config->certificate || !config->key) {
			snprintf(why, why_bytes, "https needs a certificate and a key");
			return -EINVAL;
		}
		return web_certificate_check(config->certificate, config->key, why, why_bytes);
	}
	return 0;
}

int web_server_new(const struct web_server_config *config, struct web_server **out, char *why,
		   size_t why_bytes)
{
	int err = check_config(config, why, why_bytes);
	struct web_server *server;

	if (err)
		return err;
	server = calloc(1, sizeof(*server));
	if (!server) {
		snprintf(why, why_bytes, "out of memory");
		return -ENOMEM;
	}
	snprintf(why, why_bytes, "out of memory");
	server->loop = config->loop;
	server->endpoint = config->endpoint;
	server->is_ready = config->is_ready;
	server->lets_in = config->lets_in;
	server->ice_servers = config->ice_servers;
	server->hooks_arg = config->arg;
	server->max_connections = config->max_connections ? config->max_connections
							  : WEB_MAX_CONNECTIONS;
	server->proxy_ms = config->proxy_ms ? config->proxy_ms : WEB_PROXY_MS;
	server->message_ms = config->message_ms ? config->message_ms : WEB_MESSAGE_MS;
	server->idle.secs_since_valid_ping = (uint16_t)(config->ping_s ? config->ping_s
								       : WEB_PING_S);
	server->idle.secs_since_valid_hangup = (uint16_t)(config->dead_s ? config->dead_s
									 : WEB_DEAD_S);
	err = copy_lists(server, config);
	if (!err && config->root)
		err = web_files_read(config->root, &server->files, why, why_bytes);
	if (!err) {
		server->sockets = calloc(config->n_listeners + 1, sizeof(*server->sockets));
		server->out = malloc(LWS_PRE + WEB_MAX_MESSAGE);
		err = server->sockets && server->out ? 0 : -ENOMEM;
	}
	if (err) {
		free_server(server);
		return err;
	}
	if (RAND_bytes((unsigned char *)server->source_key, sizeof(server->source_key)) != 1)
		err = -EIO;
	uv_timer_init(server->loop, &server->closing);
	server->closing.data = server;
	server->open_handles++;
	if (!err)
		err = make_context(server, config);
	if (err)
		snprintf(why, why_bytes,
			 "libwebsockets did not start; is libwebsockets-evlib-uv installed?");
	for (size_t i = 0; !err && i < config->n_listeners; i++) {
		err = web_socket_open(server, &server->sockets[i], &config->listeners[i], why,
				      why_bytes);
		server->n_sockets += err == 0;
	}
	if (err) {
		web_server_close(server, NULL, NULL);
		return err;
	}
	server->state = WEB_OPEN;
	*out = server;
	return 0;
}

const struct sip_addr *web_server_local(const struct web_server *server, size_t i)
{
	return i < server->n_sockets && server->sockets[i].fd >= 0 ? &server->sockets[i].local
								   : NULL;
}

size_t web_server_flows(const struct web_server *server)
{
	return server->n_flows;
}

static void look_for_closing(uv_handle_t *handle, void *arg)
{
	size_t *n = arg;

	*n += uv_is_closing(handle) ? 1 : 0;
}

static void last_handle_closed(uv_handle_t *handle)
{
	struct web_server *server = handle->data;
	void (*on_closed)(void *) = server->on_closed;
	void *arg = server->arg;

	free_server(server);
	if (on_closed)
		on_closed(arg);
}

static void closing_step(uv_timer_t *timer)
{
	struct web_server *server = timer->data;
	size_t closing = 0;

	if (server->state == WEB_GOODBYE &&
	    (server->n_flows == 0 || uv_now(server->loop) >= server->goodbye_by_ms)) {
		server->state = WEB_DESTROYING;
		if (server->context)
			lws_context_destroy(server->context);
		return;
	}
	if (server->state != WEB_DESTROYING)
		return;
	/* As long as any handle of the loop is being closed it may be one of
	 * libwebsockets', in whose memory it lies. */
	uv_walk(server->loop, look_for_closing, &closing);
	if (closing > 0)
		return;
	if (server->context) {
		lws_context_destroy(server->context);
		return;
	}
	if (server->open_handles == 1) {
		server->state = WEB_CLOSED;
		uv_timer_stop(timer);
		uv_close((uv_handle_t *)timer, last_handle_closed);
	}
}

void web_server_close(struct web_server *server, void (*on_closed)(void *arg), void *arg)
{
	if (!server)
		return;
	server->state = WEB_GOODBYE;
	server->on_closed = on_closed;
	server->arg = arg;
	for (size_t i = 0; i < server->n_sockets; i++)
		web_socket_close(&server->sockets[i]);
	web_proxied_close_all(server);
	web_flows_close(server);
	uv_update_time(server->loop);
	server->goodbye_by_ms = uv_now(server->loop) + GOODBYE_MS;
	uv_timer_start(&server->closing, closing_step, 0, CLOSING_STEP_MS);
}
