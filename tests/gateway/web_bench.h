/* web_bench.h: the web server on a real loop with an endpoint that only counts what
 * it is told. Included by one test file per program. */
#pragma once

#include "gateway/web_server.h"
#include "tests/check.h"
#include "tests/gateway/web_client.h"
#include "tests/gateway/web_fixture.h"

#include <errno.h>
#include <unistd.h>

/* --- the endpoint's side --- */

static struct {
	unsigned opened, closed, received;
	struct sip_flow *flow; /* the last one opened; NULL once closed */
	char text[70000];
	size_t n;
	bool close_on_receive;
	bool send_on_close;
	int send_on_close_gave;
	bool refuse;
	uint64_t ids;
} told;

int sip_flow_opened(struct sip_endpoint *endpoint, struct sip_flow *flow)
{
	(void)endpoint;
	if (told.refuse)
		return -ENOMEM;
	flow->id = ++told.ids;
	told.opened++;
	told.flow = flow;
	return 0;
}

void sip_flow_received(struct sip_flow *flow, struct str message)
{
	told.received++;
	told.n = message.n < sizeof(told.text) ? message.n : sizeof(told.text);
	memcpy(told.text, message.p, told.n);
	if (told.close_on_receive) {
		flow->transport->send(flow, STR("last words"));
		flow->transport->close(flow);
		flow->transport->close(flow);
		CHECK_EQ(flow->transport->send(flow, STR("too late")), -EPIPE);
	}
}

void sip_flow_closed(struct sip_flow *flow)
{
	told.closed++;
	if (told.send_on_close) {
		told.send_on_close_gave = flow->transport->send(flow, STR("x"));
		flow->transport->close(flow);
	}
	if (told.flow == flow)
		told.flow = NULL;
}

static inline struct str told_text(void)
{
	return (struct str){ told.text, told.n };
}

/* --- the server --- */

static uv_loop_t loop;
static struct web_server *server;
static unsigned port, tls_port;
static bool server_gone;

static inline void on_gone(void *arg)
{
	(void)arg;
	server_gone = true;
}

static const char *const origins[] = { "https://phone.example" };

static inline int start_with(struct web_server_config config, char *why, size_t why_bytes)
{
	struct web_listener listeners[2] = { 0 };
	const struct web_fixture *fixture = web_fixture();

	memset(&told, 0, sizeof(told));
	sip_addr_parse(STR("127.0.0.1:0"), 0, &listeners[0].address);
	listeners[1] = listeners[0];
	listeners[1].tls = true;
	uv_loop_init(&loop);
	config.loop = &loop;
	config.endpoint = NULL;
	if (!config.n_listeners) {
		config.listeners = listeners;
		config.n_listeners = 2;
	}
	if (!config.certificate) {
		config.certificate = fixture->certificate;
		config.key = fixture->key;
	}
	config.origins = origins;
	config.n_origins = 1;
	config.root = fixture->root;
	server_gone = false;

	int err = web_server_new(&config, &server, why, why_bytes);

	if (err) {
		uv_run(&loop, UV_RUN_DEFAULT);
		CHECK_EQ(uv_loop_close(&loop), 0);
		return err;
	}
	port = sip_addr_port(web_server_local(server, 0));
	tls_port = sip_addr_port(web_server_local(server, 1));
	return 0;
}

static inline void start(void)
{
	char why[256] = "";
	int err = start_with((struct web_server_config){ .demo_json = "{\"dev\":true}" }, why,
			     sizeof(why));

	if (err) {
		printf("  %s\n", why);
		exit(1);
	}
}

/* Runs the loop dry: every handle of ours and of libwebsockets must be gone. */
static inline void stop(void)
{
	web_server_close(server, on_gone, NULL);
	for (unsigned i = 0; i < 5000 && !server_gone; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
	CHECK(server_gone);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&loop), 0);
	CHECK_EQ(told.opened, told.closed);
	server = NULL;
}

static inline void turns(unsigned ms)
{
	for (unsigned i = 0; i < ms; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(1000);
	}
}

static inline bool until(const unsigned *count, unsigned want)
{
	for (unsigned i = 0; i < WEB_CLIENT_WAIT_MS && *count < want; i++)
		turns(1);
	return *count == want;
}

#define SIP_PROTOCOL "Sec-WebSocket-Protocol: sip\r\n"

static inline bool connect_ws(struct web_client *client, bool tls)
{
	return web_client_open(client, &loop, tls ? tls_port : port, tls) &&
	       web_client_upgrade(client, STR(SIP_PROTOCOL)) == 101;
}

static inline unsigned ask(struct web_client *client, const char *request)
{
	return web_client_request(client, str_of(request));
}
