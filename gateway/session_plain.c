/* session_plain.c: the path to a phone: RTP and RTCP over UDP, in the clear.
 *
 * rtp_peer.c says whose packets are taken and where ours go. */
#include "gateway/session.h"

#include "gateway/media_address.h"
#include "gateway/rtp_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

enum { PORT_TRIES = 200 }; /* pairs to try before the range counts as full */

struct plain {
	struct session *session;
	const struct media_address *address;
	uint16_t port; /* of RTP; RTCP is the next one */
	uv_udp_t rtp, rtcp;
	unsigned open_handles;
	uv_timer_t ready; /* tells on_ready from the loop */

	bool has_remote, has_rtcp;
	bool held; /* as of old, by 0.0.0.0: nothing goes out, its music may come in */
	struct rtp_peer peer;
	struct sockaddr_storage rtp_to, rtcp_to;
	uint64_t heard_ms;
	uint64_t stranger;
	uint8_t buffer[RTP_MAX_PACKET + 1]; /* one more, so that too long is seen */
};

static struct plain *of(const struct session *session)
{
	return session->path_state;
}

static struct rtp_peer_address address_of(const struct sockaddr *from)
{
	struct rtp_peer_address out = { { 0 }, 0 };

	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;

		out.ip.family = 4;
		memcpy(out.ip.bytes, &v4->sin_addr, 4);
		out.port = ntohs(v4->sin_port);
	} else {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

		out.ip.family = 6;
		memcpy(out.ip.bytes, &v6->sin6_addr, 16);
		out.port = ntohs(v6->sin6_port);
	}
	return out;
}

/* The phone is behind a NAT, and its audio has shown where. RTCP: where its own comes
 * from, once it does. */
static void latched(struct plain *p)
{
	struct session_stats stats = { .bad_srtp = 0 };

	media_sockaddr(&p->peer.to.ip, p->peer.to.port, &p->rtp_to);
	p->has_rtcp = false;
	p->session->path->stats(p->session, &stats);
	session_note(p->session, stats.path);
}

static bool accepted(struct plain *p, const struct sockaddr *source, enum packet_kind kind)
{
	struct rtp_peer_address from = address_of(source);
	enum rtp_peer_verdict verdict;

	if (!p->has_remote)
		return false;
	if (kind == PACKET_RTCP) {
		if (!rtp_peer_rtcp(&p->peer, &from))
			return false;
		if (!p->has_rtcp && rtp_peer_is_elsewhere(&p->peer)) {
			media_sockaddr(&from.ip, from.port, &p->rtcp_to);
			p->has_rtcp = true;
		}
		return true;
	}
	verdict = rtp_peer_rtp(&p->peer, &from, p->buffer);
	if (verdict == RTP_PEER_LATCHED)
		latched(p);
	return verdict != RTP_PEER_STRANGER;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct plain *p = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)p->buffer, sizeof(p->buffer));
}

static void on_datagram(uv_udp_t *handle, ssize_t n, const uv_buf_t *buf,
			const struct sockaddr *from, unsigned flags)
{
	struct plain *p = handle->data;
	enum packet_kind kind;

	(void)buf;
	if (n <= 0 || !from || (flags & UV_UDP_PARTIAL))
		return;
	kind = packet_kind(p->buffer, (size_t)n);
	/* rtcp-mux was not offered, but a phone may do as it likes */
	if (kind != PACKET_RTCP && (kind != PACKET_RTP || handle == &p->rtcp))
		return;
	if (!accepted(p, from, kind)) {
		p->stranger++;
		return;
	}
	p->heard_ms = session_now(p->session);
	session_receive(p->session, p->buffer, (size_t)n, kind == PACKET_RTCP);
}

static void plain_send(struct session *session, uint8_t *packet, size_t bytes, size_t cap,
		       bool rtcp)
{
	struct plain *p = of(session);
	uv_buf_t buf = uv_buf_init((char *)packet, (unsigned)bytes);

	(void)cap;
	if (!p->has_remote || p->held)
		return;
	if (rtcp && !p->has_rtcp)
		return;
	/* A full socket loses the packet, as a network would. */
	uv_udp_try_send(rtcp ? &p->rtcp : &p->rtp, &buf, 1,
			(struct sockaddr *)(rtcp ? &p->rtcp_to : &p->rtp_to));
}

static void on_ready(uv_timer_t *timer)
{
	struct plain *p = timer->data;
	struct session_local local = {
		.ip = p->address->advertise,
		.port = p->port,
		.rtcp_port = (uint16_t)(p->port + 1),
	};

	session_ready(p->session, &local);
}

/* Binds a pair of ports, the lower one even (RFC 3550 §11). */
static int bind_pair(struct plain *p)
{
	const struct config *config = p->session->config;
	uint32_t first = (config->media.port_min + 1) & ~1u;
	uint32_t pairs = (config->media.port_max - first + 1) / 2;
	uint32_t at;

	if (config->media.port_max < first + 1 || RAND_bytes((unsigned char *)&at, sizeof(at)) != 1)
		return -EADDRINUSE;
	for (uint32_t i = 0; i < pairs && i < PORT_TRIES; i++) {
		struct sockaddr_storage addr;
		uint16_t port = (uint16_t)(first + 2 * ((at + i) % pairs));
		int err;

		media_sockaddr(&p->address->ip, port, &addr);
		err = uv_udp_bind(&p->rtp, (struct sockaddr *)&addr, 0);
		if (err == 0) {
			media_sockaddr(&p->address->ip, (uint16_t)(port + 1), &addr);
			err = uv_udp_bind(&p->rtcp, (struct sockaddr *)&addr, 0);
			if (err == 0) {
				p->port = port;
				return 0;
			}
			return err; /* the caller begins again with new handles */
		}
		if (err != UV_EADDRINUSE)
			return err;
	}
	return -EADDRINUSE;
}

static void closed_one(uv_handle_t *handle)
{
	struct plain *p = handle->data;
	struct session *session = p->session;

	if (--p->open_handles > 0)
		return;
	free(p);
	if (session)
		session_path_closed(session);
}

static void close_handles(struct plain *p)
{
	uv_close((uv_handle_t *)&p->rtp, closed_one);
	uv_close((uv_handle_t *)&p->rtcp, closed_one);
	uv_close((uv_handle_t *)&p->ready, closed_one);
}

static int open_once(struct session *session, const struct media_address *address)
{
	struct plain *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->session = session;
	p->address = address;
	uv_udp_init(session->loop, &p->rtp);
	uv_udp_init(session->loop, &p->rtcp);
	uv_timer_init(session->loop, &p->ready);
	p->rtp.data = p->rtcp.data = p->ready.data = p;
	p->open_handles = 3;
	err = bind_pair(p);
	if (!err)
		err = uv_udp_recv_start(&p->rtp, on_alloc, on_datagram);
	if (!err)
		err = uv_udp_recv_start(&p->rtcp, on_alloc, on_datagram);
	if (err) {
		p->session = NULL;
		close_handles(p);
		return err;
	}
	session->path_state = p;
	uv_timer_start(&p->ready, on_ready, 0, 0);
	return 0;
}

static int plain_open(struct session *session, const struct session_config *config)
{
	const struct media_address *address = media_address_for(session->addresses, &config->peer);
	int err = -EADDRINUSE;

	if (!address)
		return -EADDRNOTAVAIL;
	/* RTCP's port may be taken where RTP's is free: another pair, then. */
	for (int i = 0; i < 10 && err == -EADDRINUSE; i++)
		err = open_once(session, address);
	return err;
}

static void send_to(struct plain *p, const struct session_remote *remote)
{
	struct rtp_peer_address signalled = { remote->ip, remote->port };

	rtp_peer_describe(&p->peer, &signalled, &remote->nat);
	media_sockaddr(&p->peer.to.ip, p->peer.to.port, &p->rtp_to);
	p->has_rtcp = remote->rtcp_port != 0 && !rtp_peer_is_elsewhere(&p->peer);
	media_sockaddr(&remote->ip, remote->rtcp_port, &p->rtcp_to);
}

static int plain_set_remote(struct session *session, const struct session_remote *remote)
{
	struct plain *p = of(session);

	p->held = sdp_ip_is_unspecified(&remote->ip);
	if (!p->held)
		send_to(p, remote);
	p->has_remote = true;
	if (!session->connected) {
		struct session_stats stats = { .bad_srtp = 0 };

		session->path->stats(session, &stats);
		session_connected(session, stats.path, "");
	}
	return 0;
}

static uint64_t plain_due(struct session *session)
{
	(void)session;
	return UINT64_MAX;
}

static void plain_run(struct session *session, uint64_t now_ms)
{
	(void)session;
	(void)now_ms;
}

static uint64_t plain_heard_ms(struct session *session)
{
	return of(session)->heard_ms;
}

static void plain_stats(struct session *session, struct session_stats *stats)
{
	struct plain *p = of(session);
	char ip[INET6_ADDRSTRLEN];
	struct writer w;
	struct str text = { NULL, 0 };

	writer_init(&w, ip, sizeof(ip));
	sdp_ip_print(&w, &p->peer.to.ip);
	writer_end(&w, &text);
	stats->stranger = p->stranger;
	snprintf(stats->path, sizeof(stats->path), "%s:%u -> %.*s:%u", p->address->text, p->port,
		 STR_ARG(text), p->peer.to.port);
}

static void plain_close(struct session *session)
{
	close_handles(of(session));
}

const struct session_path session_plain_path = {
	.open = plain_open,
	.set_remote = plain_set_remote,
	.send = plain_send,
	.due = plain_due,
	.run = plain_run,
	.heard_ms = plain_heard_ms,
	.stats = plain_stats,
	.close = plain_close,
};
