/* ws.c: see ws.h. */
#define _GNU_SOURCE /* memmem */
#include "tests/load/ws.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct ws *of(struct sip_flow *flow)
{
	return (struct ws *)flow;
}

/* ---- out ---- */

struct write {
	uv_write_t req;
	char bytes[];
};

static void on_written(uv_write_t *req, int status)
{
	(void)status;
	free(req->data);
}

static void write_tcp(struct ws *ws, const char *bytes, size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)n);
	int done = uv_try_write((uv_stream_t *)&ws->tcp, &buf, 1);

	if (done == (int)n || ws->closing)
		return;
	size_t rest = n - (done > 0 ? (size_t)done : 0);
	struct write *w = malloc(sizeof(*w) + rest);
	if (!w)
		abort();
	memcpy(w->bytes, bytes + n - rest, rest);
	w->req.data = w;
	buf = uv_buf_init(w->bytes, (unsigned)rest);
	if (uv_write(&w->req, (uv_stream_t *)&ws->tcp, &buf, 1, on_written) != 0)
		free(w);
}

static void flush_tls(struct ws *ws)
{
	char bytes[16384];
	int n;

	while ((n = BIO_read(ws->to_net, bytes, sizeof(bytes))) > 0)
		write_tcp(ws, bytes, (size_t)n);
}

static void write_bytes(struct ws *ws, const char *bytes, size_t n)
{
	if (!ws->ssl) {
		write_tcp(ws, bytes, n);
		return;
	}
	SSL_write(ws->ssl, bytes, (int)n);
	flush_tls(ws);
}

static int send_frame(struct ws *ws, unsigned opcode, struct str payload)
{
	char *frame = malloc(payload.n + 14);
	uint8_t mask[4];
	size_t at = 2;

	if (!frame)
		return -ENOMEM;
	frame[0] = (char)(0x80 | opcode);
	if (payload.n < 126) {
		frame[1] = (char)(0x80 | payload.n);
	} else {
		frame[1] = (char)(0x80 | 126);
		frame[2] = (char)(payload.n >> 8);
		frame[3] = (char)payload.n;
		at = 4;
	}
	for (int i = 0; i < 4; i++)
		mask[i] = (uint8_t)rand();
	memcpy(frame + at, mask, 4);
	at += 4;
	for (size_t i = 0; i < payload.n; i++)
		frame[at + i] = (char)((uint8_t)payload.p[i] ^ mask[i % 4]);
	write_bytes(ws, frame, at + payload.n);
	free(frame);
	return 0;
}

static int ws_send(struct sip_flow *flow, struct str message)
{
	if (message.n > 65535)
		return -EMSGSIZE;
	return of(flow)->closing ? -EPIPE : send_frame(of(flow), 1, message);
}

static void on_tcp_closed(uv_handle_t *handle)
{
	struct ws *ws = handle->data;

	if (ws->flow.open)
		sip_flow_closed(&ws->flow);
	SSL_free(ws->ssl);
	free(ws->in);
	ws->ssl = NULL;
	ws->in = NULL;
	if (ws->on_closed)
		ws->on_closed(ws, ws->why);
}

static void end(struct ws *ws, const char *why)
{
	if (ws->closing)
		return;
	ws->closing = true;
	ws->why = why;
	uv_close((uv_handle_t *)&ws->tcp, on_tcp_closed);
}

static void flow_close(struct sip_flow *flow)
{
	end(of(flow), "closed");
}

void ws_close(struct ws *ws)
{
	end(ws, "closed");
}

static const struct sip_transport ws_transport = {
	.via = "WS",
	.param = "ws",
	.port = 80,
	.reliable = true,
	.framing = SIP_WEBSOCKET,
	.send = ws_send,
	.close = flow_close,
};

static const struct sip_transport wss_transport = {
	.via = "WSS",
	.param = "ws",
	.port = 443,
	.reliable = true,
	.secure = true,
	.framing = SIP_WEBSOCKET,
	.send = ws_send,
	.close = flow_close,
};

/* ---- in ---- */

static void consume(struct ws *ws, size_t n)
{
	memmove(ws->in, ws->in + n, ws->n_in - n);
	ws->n_in -= n;
}

static void take_upgrade(struct ws *ws)
{
	const char *last = memmem(ws->in, ws->n_in, "\r\n\r\n", 4);

	if (!last)
		return;
	if (ws->n_in < 12 || memcmp(ws->in + 9, "101", 3) != 0) {
		end(ws, "no upgrade to WebSocket");
		return;
	}
	consume(ws, (size_t)(last + 4 - ws->in));
	ws->upgraded = true;
	if (sip_flow_opened(ws->flow.endpoint, &ws->flow) != 0)
		end(ws, "no flow");
	else
		ws->on_open(ws);
}

/* One whole frame off the input; false when there is none. */
static bool take_frame(struct ws *ws)
{
	const uint8_t *in = (const uint8_t *)ws->in;
	size_t head = 2;

	if (ws->n_in < 2 || ws->closing)
		return false;
	size_t n = in[1] & 0x7f;
	if (n == 126) {
		if (ws->n_in < 4)
			return false;
		n = (size_t)in[2] << 8 | in[3];
		head = 4;
	} else if (n == 127) {
		end(ws, "a frame too long");
		return false;
	}
	if (ws->n_in < head + n)
		return false;
	struct str payload = { ws->in + head, n };
	switch (in[0] & 0xf) {
	case 1:
	case 2:
		sip_flow_received(&ws->flow, payload);
		break;
	case 8:
		end(ws, "closed by the server");
		return false;
	case 9:
		send_frame(ws, 10, payload);
		break;
	default:
		break;
	}
	if (!ws->closing)
		consume(ws, head + n);
	return !ws->closing;
}

static void take_bytes(struct ws *ws, const char *bytes, size_t n)
{
	if (ws->n_in + n > WS_MOST_INPUT) {
		end(ws, "too much input");
		return;
	}
	if (ws->n_in + n > ws->cap_in) {
		ws->cap_in = ws->n_in + n + 512;
		ws->in = realloc(ws->in, ws->cap_in);
		if (!ws->in)
			abort();
	}
	memcpy(ws->in + ws->n_in, bytes, n);
	ws->n_in += n;
	if (!ws->upgraded)
		take_upgrade(ws);
	while (ws->upgraded && take_frame(ws))
		;
	if (ws->n_in == 0 && !ws->closing) { /* thousands wait idle */
		free(ws->in);
		ws->in = NULL;
		ws->cap_in = 0;
	}
}

static void ask_upgrade(struct ws *ws)
{
	char to[SIP_ADDR_TEXT], text[512];
	struct str host = sip_addr_print(&ws->to, to);
	int n = snprintf(text, sizeof(text),
			 "GET / HTTP/1.1\r\nHost: %.*s\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			 "Sec-WebSocket-Protocol: sip\r\n\r\n",
			 STR_ARG(host));

	write_bytes(ws, text, (size_t)n);
}

static void take_tls(struct ws *ws, const char *bytes, size_t n)
{
	char plain[16384];
	int got;

	BIO_write(ws->from_net, bytes, (int)n);
	if (!SSL_is_init_finished(ws->ssl)) {
		SSL_do_handshake(ws->ssl);
		flush_tls(ws);
		if (SSL_is_init_finished(ws->ssl))
			ask_upgrade(ws);
	}
	while (!ws->closing && (got = SSL_read(ws->ssl, plain, sizeof(plain))) > 0)
		take_bytes(ws, plain, (size_t)got);
}

static char read_buffer[65536];

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle, (void)suggested;
	*buf = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct ws *ws = stream->data;

	if (n < 0)
		end(ws, n == UV_EOF ? "connection closed" : uv_strerror((int)n));
	else if (n > 0 && ws->ssl)
		take_tls(ws, buf->base, (size_t)n);
	else if (n > 0)
		take_bytes(ws, buf->base, (size_t)n);
}

/* ---- opening ---- */

static void on_connect(uv_connect_t *connect, int status)
{
	struct ws *ws = connect->data;
	int n = sizeof(ws->flow.local.sa);

	if (ws->closing)
		return;
	if (status < 0) {
		end(ws, uv_strerror(status));
		return;
	}
	uv_tcp_nodelay(&ws->tcp, 1);
	uv_tcp_getsockname(&ws->tcp, &ws->flow.local.sa.any, &n);
	sip_addr_print(&ws->flow.local, ws->flow.sent_by);
	uv_read_start((uv_stream_t *)&ws->tcp, on_alloc, on_read);
	if (ws->ssl) {
		SSL_do_handshake(ws->ssl);
		flush_tls(ws);
	} else {
		ask_upgrade(ws);
	}
}

int ws_open(struct ws *ws, uv_loop_t *loop, struct sip_endpoint *endpoint,
	    const struct sip_addr *to, SSL_CTX *tls)
{
	ws->flow.transport = tls ? &wss_transport : &ws_transport;
	ws->flow.endpoint = endpoint;
	ws->flow.remote = ws->to = *to;
	ws->flow.user = ws;
	if (tls) {
		ws->ssl = SSL_new(tls);
		ws->from_net = BIO_new(BIO_s_mem());
		ws->to_net = BIO_new(BIO_s_mem());
		if (!ws->ssl || !ws->from_net || !ws->to_net)
			return -ENOMEM;
		SSL_set_bio(ws->ssl, ws->from_net, ws->to_net);
		SSL_set_connect_state(ws->ssl);
	}
	uv_tcp_init(loop, &ws->tcp);
	ws->tcp.data = ws->connect.data = ws;
	return uv_tcp_connect(&ws->connect, &ws->tcp, &to->sa.any, on_connect);
}
