/* web_sip.c: an established WebSocket as a flow of the endpoint (RFC 7118).
 *
 *   OPEN --we or the endpoint close--> CLOSING --queue written, close frame--> (gone)
 *
 * A flow lies in libwebsockets' per-connection memory, so it lives from
 * ESTABLISHED to CLOSED and sip_flow_closed() is called in the latter, once.
 * A message is written at once when the connection takes it: waiting for WRITEABLE
 * costs two system calls and a turn of the loop. The others queue for WRITEABLE,
 * which writes one at a time. */
#include "gateway/utf8.h"
#include "gateway/web_internal.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
	RX_BUFFER = 4096, /* libwebsockets hands over a frame in pieces of that */
	CLOSE_S = 5,	  /* for the queue and the closing handshake */
};

struct message {
	struct message *next;
	size_t n;
	bool text;
	unsigned char mem[]; /* LWS_PRE octets, then n */
};

struct web_flow {
	struct sip_flow sip; /* first */
	struct web_server *server;
	struct lws *wsi;
	struct web_flow *next, **link; /* server->flows */
	enum { FLOW_NONE, FLOW_OPEN, FLOW_CLOSING } state;
	enum lws_close_status why;

	struct message *queue, **queue_end;
	size_t queued; /* octets */

	/* the message being received */
	char *in;
	size_t in_n, in_cap;
	unsigned frames;
	bool in_message, in_text;
	uint64_t rest_by_ms; /* uv_now() at which the rest of it must have come */

	uint64_t valid_ms; /* uv_now() when libwebsockets was told last that it lives */
};

/* Of the registry of close codes; libwebsockets has no name for it. */
#define SERVICE_RESTART ((enum lws_close_status)1012)

static struct web_flow *flow_of(struct sip_flow *flow)
{
	return (struct web_flow *)flow;
}

/* --- toward the page --- */

/* It gets `CLOSE_S` to take what is queued and to answer the close frame. */
static void start_closing(struct web_flow *flow, enum lws_close_status why)
{
	if (flow->state != FLOW_OPEN)
		return;
	flow->state = FLOW_CLOSING;
	flow->why = why;
	lws_set_timeout(flow->wsi, PENDING_TIMEOUT_CLOSE_SEND, CLOSE_S);
	lws_callback_on_writable(flow->wsi);
}

/* Without a close frame, which it would not read. */
static void cut_off(struct web_flow *flow)
{
	flow->state = FLOW_CLOSING;
	lws_set_timeout(flow->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}

/* `mem` has LWS_PRE octets, then n. What the socket does not take libwebsockets keeps. */
static int write_frame(struct web_flow *flow, unsigned char *mem, size_t n, bool text)
{
	int done = lws_write(flow->wsi, mem + LWS_PRE, n, text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY);

	return done < 0 || (size_t)done < n ? -EPIPE : 0;
}

static int transport_send(struct sip_flow *sip, struct str text)
{
	struct web_flow *flow = flow_of(sip);
	struct message *message;

	if (flow->state != FLOW_OPEN)
		return -EPIPE;
	if (text.n == 0 || text.n > WEB_MAX_MESSAGE)
		return -EMSGSIZE;
	if (!flow->queue && !lws_send_pipe_choked(flow->wsi)) {
		memcpy(flow->server->out + LWS_PRE, text.p, text.n);
		/* a browser fails the connection for text that is no UTF-8 */
		if (write_frame(flow, flow->server->out, text.n, utf8_valid(text)) == 0)
			return 0;
		cut_off(flow);
		return -EPIPE;
	}
	if (flow->queued + text.n > WEB_MAX_QUEUE) { /* a slow reader */
		cut_off(flow);
		return -ENOBUFS;
	}
	message = malloc(sizeof(*message) + LWS_PRE + text.n);
	if (!message)
		return -ENOMEM;
	message->next = NULL;
	message->n = text.n;
	message->text = utf8_valid(text);
	memcpy(message->mem + LWS_PRE, text.p, text.n);
	*flow->queue_end = message;
	flow->queue_end = &message->next;
	flow->queued += text.n;
	lws_callback_on_writable(flow->wsi);
	return 0;
}

static void transport_close(struct sip_flow *sip)
{
	start_closing(flow_of(sip), LWS_CLOSE_STATUS_NORMAL);
}

static int close_now(struct web_flow *flow, enum lws_close_status why)
{
	flow->state = FLOW_CLOSING;
	lws_close_reason(flow->wsi, why, NULL, 0);
	return -1;
}

static int writeable(struct web_flow *flow)
{
	struct message *message = flow->queue;

	if (!message) {
		/* The timer closes: when WRITEABLE asks for it, libwebsockets 4.1.6
		 * cuts the connection without its close frame. */
		if (flow->state == FLOW_CLOSING)
			lws_set_timer_usecs(flow->wsi, 1);
		return 0;
	}
	flow->queue = message->next;
	if (!flow->queue)
		flow->queue_end = &flow->queue;
	flow->queued -= message->n;

	int err = write_frame(flow, message->mem, message->n, message->text);

	free(message);
	if (err)
		return -1;
	if (flow->queue || flow->state == FLOW_CLOSING)
		lws_callback_on_writable(flow->wsi);
	return 0;
}

/* --- from the page --- */

/* CRLF CRLF is a ping and answered by CRLF (RFC 5626 §3.5.1); a CRLF alone is
 * the answer to one of ours. */
static bool is_keepalive(struct web_flow *flow, struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] != '\r' && text.p[i] != '\n')
			return false;
	if (str_starts(text, STR("\r\n\r\n")))
		transport_send(&flow->sip, STR("\r\n"));
	return true;
}

static void forget_message(struct web_flow *flow)
{
	if (flow->in_cap > RX_BUFFER) {
		free(flow->in);
		flow->in = NULL;
		flow->in_cap = 0;
	}
	flow->in_n = 0;
	flow->frames = 0;
	flow->in_message = false;
}

static int append(struct web_flow *flow, struct str piece)
{
	size_t need = flow->in_n + piece.n;

	if (need > flow->in_cap) {
		size_t cap = need <= RX_BUFFER ? RX_BUFFER : 2 * need;
		char *in = realloc(flow->in, cap < WEB_MAX_MESSAGE ? cap : WEB_MAX_MESSAGE);

		if (!in)
			return -ENOMEM;
		flow->in = in;
		flow->in_cap = cap < WEB_MAX_MESSAGE ? cap : WEB_MAX_MESSAGE;
	}
	if (piece.n)
		memcpy(flow->in + flow->in_n, piece.p, piece.n);
	flow->in_n = need;
	return 0;
}

/* The timer cannot be cancelled reliably (4.1.6 fires it at once), so it checks. */
static void await_rest(struct web_flow *flow)
{
	flow->rest_by_ms = uv_now(flow->server->loop) + flow->server->message_ms;
	lws_set_timer_usecs(flow->wsi, flow->server->message_ms * (lws_usec_t)1000);
}

static int timer_fired(struct web_flow *flow)
{
	uint64_t now_ms = uv_now(flow->server->loop);

	if (flow->state == FLOW_CLOSING)
		return flow->queue ? 0 : close_now(flow, flow->why);
	if (flow->state != FLOW_OPEN || !flow->in_message)
		return 0;
	if (now_ms >= flow->rest_by_ms)
		return close_now(flow, LWS_CLOSE_STATUS_POLICY_VIOLATION);
	lws_set_timer_usecs(flow->wsi, (lws_usec_t)(flow->rest_by_ms - now_ms) * 1000);
	return 0;
}

/* libwebsockets goes through the timers of all connections to put this one's behind
 * them: telling it now and then is enough, it only pings a little early. */
static void confirm_valid(struct web_flow *flow)
{
	uint64_t now_ms = uv_now(flow->server->loop);
	unsigned every_ms = flow->server->idle.secs_since_valid_ping * 1000u / 5;

	if (flow->valid_ms && now_ms < flow->valid_ms + every_ms)
		return;
	flow->valid_ms = now_ms;
	lws_validity_confirmed(flow->wsi);
}

static int receive(struct web_flow *flow, struct str piece)
{
	size_t remaining = lws_remaining_packet_payload(flow->wsi);
	bool whole = lws_is_final_fragment(flow->wsi) && remaining == 0;

	if (flow->state != FLOW_OPEN)
		return 0;
	confirm_valid(flow);
	if (!flow->in_message) {
		flow->in_message = true;
		flow->in_text = !lws_frame_is_binary(flow->wsi);
		if (!whole)
			await_rest(flow);
	}
	flow->frames += remaining == 0;
	if (piece.n > WEB_MAX_MESSAGE - flow->in_n ||
	    remaining > WEB_MAX_MESSAGE - flow->in_n - piece.n)
		return close_now(flow, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE);
	if (flow->frames > WEB_MAX_FRAGMENTS)
		return close_now(flow, LWS_CLOSE_STATUS_POLICY_VIOLATION);

	if (!whole || flow->in_n > 0) {
		if (append(flow, piece))
			return close_now(flow, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION);
		if (!whole)
			return 0;
		piece = (struct str){ flow->in, flow->in_n };
	}
	if (flow->in_text && !utf8_valid(piece))
		return close_now(flow, LWS_CLOSE_STATUS_INVALID_PAYLOAD);
	if (!is_keepalive(flow, piece))
		sip_flow_received(&flow->sip, piece);
	forget_message(flow);
	return 0;
}

/* --- its life --- */

static const struct sip_transport transports[] = {
	{ .via = "WS",
	  .param = "ws",
	  .port = 80,
	  .reliable = true,
	  .web = true,
	  .framing = SIP_WEBSOCKET,
	  .send = transport_send,
	  .close = transport_close },
	{ .via = "WSS",
	  .param = "ws", /* RFC 7118 §5.2.4: the URI parameter knows no wss */
	  .port = 443,
	  .reliable = true,
	  .secure = true,
	  .web = true,
	  .framing = SIP_WEBSOCKET,
	  .send = transport_send,
	  .close = transport_close },
};

static int established(struct lws *wsi, struct web_flow *flow)
{
	struct web_conn *conn = web_conn_of(wsi);
	char mem[SIP_ADDR_TEXT];
	socklen_t n = sizeof(flow->sip.local.sa);

	if (!conn || conn->server->state != WEB_OPEN)
		return -1;
	flow->wsi = wsi;
	flow->server = conn->server;
	flow->queue_end = &flow->queue;
	flow->sip.transport = &transports[conn->socket->tls];
	flow->sip.remote = conn->remote;
	if (getsockname(lws_get_socket_fd(wsi), &flow->sip.local.sa.any, &n))
		flow->sip.local = conn->socket->local;
	str_copy(sip_addr_print(&flow->sip.local, mem), flow->sip.sent_by,
		 sizeof(flow->sip.sent_by));
	if (sip_flow_opened(flow->server->endpoint, &flow->sip))
		return close_now(flow, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION);
	web_conn_not_pending(conn);
	flow->state = FLOW_OPEN;
	flow->next = flow->server->flows;
	flow->link = &flow->server->flows;
	if (flow->next)
		flow->next->link = &flow->next;
	flow->server->flows = flow;
	flow->server->n_flows++;
	return 0;
}

static void closed(struct web_flow *flow)
{
	if (!flow->link) /* was never open */
		return;
	flow->state = FLOW_CLOSING;
	*flow->link = flow->next;
	if (flow->next)
		flow->next->link = flow->link;
	flow->link = NULL;
	flow->server->n_flows--;
	sip_flow_closed(&flow->sip);
	while (flow->queue) {
		struct message *message = flow->queue;

		flow->queue = message->next;
		free(message);
	}
	free(flow->in);
	flow->in = NULL;
}

void web_server_drain(struct web_server *server,
		      bool (*keep)(void *arg, const struct sip_flow *flow), void *arg)
{
	for (struct web_flow *flow = server->flows; flow; flow = flow->next)
		if (!keep(arg, &flow->sip))
			start_closing(flow, SERVICE_RESTART);
}

void web_flows_close(struct web_server *server)
{
	for (struct web_flow *flow = server->flows; flow; flow = flow->next)
		start_closing(flow, LWS_CLOSE_STATUS_GOINGAWAY);
}

static int on_sip(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	struct web_flow *flow = user;

	switch (reason) {
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return web_upgrade_refusal(wsi) ? -1 : 0;
	case LWS_CALLBACK_ESTABLISHED:
		return established(wsi, flow);
	case LWS_CALLBACK_RECEIVE:
		return receive(flow, (struct str){ in, n });
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return writeable(flow);
	case LWS_CALLBACK_TIMER:
		return timer_fired(flow);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE: /* nothing may follow our close frame */
		flow->state = FLOW_CLOSING;
		return 0;
	case LWS_CALLBACK_CLOSED:
		closed(flow);
		return 0;
	default: /* EVENT_WAIT_CANCELLED among others: anything but 0 closes */
		return 0;
	}
}

const struct lws_protocols web_sip_protocol = {
	.name = "sip",
	.callback = on_sip,
	.per_session_data_size = sizeof(struct web_flow),
	.rx_buffer_size = RX_BUFFER,
};
