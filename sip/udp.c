/* udp.c: see udp.h.
 *
 * Flows end in one place only, the reaper, a timer of no delay: so a flow may
 * be closed from within whatever the endpoint is just doing with it. Lives on
 * the loop it was given, like its endpoint. */
#include "sip/udp.h"

#include "sip/hash.h"
#include "sip/local.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum {
	SWEEP_MS = 10000,      /* how often idle flows are looked for */
	MOST_HELD = 32,	       /* flows somebody holds that are passed over in one search */
	MOST_QUEUED = 1 << 20, /* bytes the socket did not take yet */
	SOCKET_BUFFER = 1 << 20,
	LONGEST = 65507, /* of a UDP datagram over IPv4 */
};

struct udp_flow {
	struct sip_flow flow; /* first: a sip_flow of ours is one of these */
	struct sip_udp *udp;
	struct hash_node node;		/* by remote */
	struct udp_flow *newer, *older; /* by use; `newer` also links the dying */
	uint64_t used_ms;
	bool dying;
};

struct sip_udp {
	struct sip_endpoint *endpoint;
	uv_loop_t *loop;
	struct sip_addr local;
	uv_udp_t socket;
	uv_timer_t sweeper, reaper;
	unsigned open_handles;
	struct hash flows;
	size_t n_flows;
	struct udp_flow *newest, *oldest;
	struct udp_flow *dying; /* to be ended by the reaper */
	bool closing;
	char buffer[SIP_MAX_MESSAGE];
};

/* --- the list by use, and the end of a flow --- */

static void unlink_flow(struct sip_udp *udp, struct udp_flow *f)
{
	if (f->newer)
		f->newer->older = f->older;
	else
		udp->newest = f->older;
	if (f->older)
		f->older->newer = f->newer;
	else
		udp->oldest = f->newer;
	f->newer = f->older = NULL;
}

static void link_newest(struct sip_udp *udp, struct udp_flow *f)
{
	f->older = udp->newest;
	if (udp->newest)
		udp->newest->newer = f;
	else
		udp->oldest = f;
	udp->newest = f;
}

static void touch(struct udp_flow *f)
{
	f->used_ms = uv_now(f->udp->loop);
	unlink_flow(f->udp, f);
	link_newest(f->udp, f);
}

static bool held(const struct udp_flow *f)
{
	return f->flow.user || f->flow.transactions || f->flow.dialogs;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct sip_udp *udp = handle->data;

	if (--udp->open_handles > 0)
		return;
	hash_free(&udp->flows);
	free(udp);
}

static void reap(uv_timer_t *timer)
{
	struct sip_udp *udp = timer->data;

	while (udp->dying) {
		struct udp_flow *f = udp->dying;

		udp->dying = f->newer;
		sip_flow_closed(&f->flow);
		free(f);
	}
	if (udp->closing) {
		uv_close((uv_handle_t *)&udp->socket, on_handle_closed);
		uv_close((uv_handle_t *)&udp->sweeper, on_handle_closed);
		uv_close((uv_handle_t *)&udp->reaper, on_handle_closed);
	}
}

/* Forgets the flow; the endpoint hears of it from the reaper. */
static void end(struct udp_flow *f)
{
	struct sip_udp *udp = f->udp;

	if (f->dying)
		return;
	f->dying = true;
	unlink_flow(udp, f);
	hash_remove(&udp->flows, &f->node);
	udp->n_flows--;
	f->newer = udp->dying;
	udp->dying = f;
	if (!uv_is_closing((uv_handle_t *)&udp->reaper))
		uv_timer_start(&udp->reaper, reap, 0, 0);
}

static void sweep(uv_timer_t *timer)
{
	struct sip_udp *udp = timer->data;
	uint64_t now = uv_now(udp->loop);

	while (udp->oldest && udp->oldest->used_ms + SIP_UDP_IDLE_MS <= now) {
		if (held(udp->oldest))
			touch(udp->oldest);
		else
			end(udp->oldest);
	}
}

/* Room for one more: the one unused for longest goes, if nobody holds it. */
static bool make_room(struct sip_udp *udp)
{
	for (int i = 0; udp->n_flows >= SIP_UDP_MAX_FLOWS; i++) {
		if (i == MOST_HELD)
			return false;
		if (held(udp->oldest))
			touch(udp->oldest);
		else
			end(udp->oldest);
	}
	return true;
}

/* --- sending --- */

struct send {
	uv_udp_send_t request;
	char text[];
};

static void on_sent(uv_udp_send_t *request, int status)
{
	(void)status; /* a datagram that got lost is the transaction's business */
	free(request->data);
}

/* What the socket does not take at once waits; when too much waits it is lost,
 * as any datagram may be. */
static int enqueue(struct sip_udp *udp, const struct sip_flow *flow, struct str message)
{
	if (uv_udp_get_send_queue_size(&udp->socket) + message.n > MOST_QUEUED)
		return 0;
	struct send *send = malloc(sizeof(*send) + message.n);
	if (!send)
		return -ENOMEM;
	memcpy(send->text, message.p, message.n);
	send->request.data = send;
	uv_buf_t buf = uv_buf_init(send->text, (unsigned)message.n);
	int err = uv_udp_send(&send->request, &udp->socket, &buf, 1, &flow->remote.sa.any, on_sent);
	if (err)
		free(send);
	return err ? -EPIPE : 0;
}

static int udp_send(struct sip_flow *flow, struct str message)
{
	struct udp_flow *f = (struct udp_flow *)flow;
	uv_buf_t buf = uv_buf_init((char *)message.p, (unsigned)message.n);

	if (message.n > LONGEST)
		return -EMSGSIZE;
	if (f->dying || f->udp->closing)
		return -EPIPE;
	touch(f);
	int sent = uv_udp_try_send(&f->udp->socket, &buf, 1, &flow->remote.sa.any);
	if (sent == UV_EAGAIN)
		return enqueue(f->udp, flow, message);
	if (sent == UV_EMSGSIZE)
		return -EMSGSIZE;
	return sent < 0 ? -EPIPE : 0;
}

static void udp_close(struct sip_flow *flow)
{
	end((struct udp_flow *)flow);
}

static const struct sip_transport transport_udp = {
	.via = "UDP",
	.param = "udp",
	.port = 5060,
	.framing = SIP_DATAGRAM,
	.send = udp_send,
	.close = udp_close,
};

/* --- flows --- */

static struct udp_flow *find(struct sip_udp *udp, const struct sip_addr *remote, uint64_t hash)
{
	for (struct hash_node *n = hash_first(&udp->flows, hash); n; n = hash_next(n)) {
		struct udp_flow *f = HASH_OWNER(n, struct udp_flow, node);

		if (sip_addr_eq(&f->flow.remote, remote))
			return f;
	}
	return NULL;
}

int sip_udp_flow(struct sip_udp *udp, const struct sip_addr *remote, struct sip_flow **out)
{
	char mem[LOCAL_KEY];
	struct str key = local_key(remote, mem);
	uint64_t hash = hash_of(&udp->flows, &key, 1);
	struct udp_flow *f = find(udp, remote, hash);

	if (udp->closing)
		return -EPIPE;
	if (f) {
		touch(f);
		*out = &f->flow;
		return 0;
	}
	sweep(&udp->sweeper);
	if (!make_room(udp))
		return -ENOBUFS;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->udp = udp;
	f->flow.transport = &transport_udp;
	int err = local_address_flow(&f->flow, &udp->local, remote);
	if (!err)
		err = sip_flow_opened(udp->endpoint, &f->flow);
	if (err) {
		free(f);
		return err;
	}
	hash_put(&udp->flows, &f->node, hash);
	udp->n_flows++;
	f->used_ms = uv_now(udp->loop);
	link_newest(udp, f);
	*out = &f->flow;
	return 0;
}

/* --- receiving --- */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct sip_udp *udp = handle->data;

	(void)suggested;
	*buf = uv_buf_init(udp->buffer, sizeof(udp->buffer));
}

/* CRLF keep-alives, other short ones, and STUN (RFC 5626 §3.5.2) are no SIP. */
static bool may_be_sip(struct str datagram)
{
	for (size_t i = 0; i < datagram.n; i++)
		if (datagram.p[i] != '\r' && datagram.p[i] != '\n')
			return datagram.n - i > 4 && (unsigned char)datagram.p[i] > ' ' &&
			       (unsigned char)datagram.p[i] < 0x7f;
	return false;
}

static void on_datagram(uv_udp_t *socket, ssize_t n, const uv_buf_t *buf,
			const struct sockaddr *from, unsigned flags)
{
	struct sip_udp *udp = socket->data;
	struct sip_addr remote = { .sa = { .any = { .sa_family = AF_UNSPEC } } };
	struct sip_flow *flow;

	if (n <= 0 || !from || (flags & UV_UDP_PARTIAL) || udp->closing)
		return;
	struct str datagram = { buf->base, (size_t)n };
	if (from->sa_family == AF_INET)
		memcpy(&remote.sa.v4, from, sizeof(remote.sa.v4));
	else if (from->sa_family == AF_INET6)
		memcpy(&remote.sa.v6, from, sizeof(remote.sa.v6));
	else
		return;

	if (!may_be_sip(datagram)) { /* keeps a flow alive, makes none */
		char mem[LOCAL_KEY];
		struct str key = local_key(&remote, mem);
		struct udp_flow *f = find(udp, &remote, hash_of(&udp->flows, &key, 1));

		if (f)
			touch(f);
		return;
	}
	if (sip_udp_flow(udp, &remote, &flow) == 0)
		sip_flow_received(flow, datagram);
}

/* --- the listener --- */

int sip_udp_listen(struct sip_endpoint *endpoint, uv_loop_t *loop, const struct sip_addr *local,
		   struct sip_udp **out)
{
	struct sip_udp *udp = calloc(1, sizeof(*udp));
	uint64_t key[2];
	int bytes = SOCKET_BUFFER;

	if (!udp)
		return -ENOMEM;
	int err = RAND_bytes((unsigned char *)key, sizeof(key)) == 1 ? hash_init(&udp->flows, key)
								     : -EIO;
	if (err) {
		free(udp);
		return err;
	}
	udp->endpoint = endpoint;
	udp->loop = loop;
	udp->socket.data = udp->sweeper.data = udp->reaper.data = udp;
	uv_udp_init(loop, &udp->socket);
	uv_timer_init(loop, &udp->sweeper);
	uv_timer_init(loop, &udp->reaper);
	udp->open_handles = 3;

	bool ipv6 = local->sa.any.sa_family == AF_INET6;
	err = uv_udp_bind(&udp->socket, &local->sa.any, ipv6 ? UV_UDP_IPV6ONLY : 0);
	if (!err) {
		int length = sizeof(udp->local.sa);

		uv_recv_buffer_size((uv_handle_t *)&udp->socket,
				    &bytes); /* what the kernel grants */
		err = uv_udp_getsockname(&udp->socket, &udp->local.sa.any, &length);
	}
	if (!err)
		err = uv_udp_recv_start(&udp->socket, give_buffer, on_datagram);
	if (!err)
		err = uv_timer_start(&udp->sweeper, sweep, SWEEP_MS, SWEEP_MS);
	if (err) {
		sip_udp_close(udp);
		return err;
	}
	*out = udp;
	return 0;
}

void sip_udp_close(struct sip_udp *udp)
{
	if (!udp || udp->closing)
		return;
	udp->closing = true;
	uv_udp_recv_stop(&udp->socket);
	uv_timer_stop(&udp->sweeper);
	while (udp->newest)
		end(udp->newest);
	uv_timer_start(&udp->reaper, reap, 0, 0);
}

const struct sip_addr *sip_udp_local(const struct sip_udp *udp)
{
	return &udp->local;
}
