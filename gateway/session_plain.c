/* session_plain.c: the path to a phone: RTP and RTCP over UDP, in the clear.
 *
 * rtp_peer.c says whose packets are taken and where ours go. */
#include "gateway/session.h"

#include "gateway/media_address.h"
#include "gateway/rtp_peer.h"
#include "gateway/rtp_port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

enum { PORT_TRIES = 200 }; /* pairs to try before the range counts as full */
enum { RTP, RTCP, PORTS };

struct plain {
	struct session *session;
	const struct media_address *address;
	uint16_t port; /* of RTP; RTCP is the next one */
	struct rtp_port ports[PORTS];
	unsigned open_handles;
	uv_timer_t ready; /* tells on_ready from the loop */

	bool has_remote, has_rtcp;
	bool held; /* as of old, by 0.0.0.0: nothing goes out, its music may come in */
	struct rtp_peer peer;
	struct sockaddr_storage rtp_to, rtcp_to;
	uint64_t heard_ms;
	uint64_t stranger;
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
	char text[sizeof(stats.path) + 16];

	media_sockaddr(&p->peer.to.ip, p->peer.to.port, &p->rtp_to);
	p->has_rtcp = false;
	p->session->path->stats(p->session, &stats);
	snprintf(text, sizeof(text), "behind a NAT: %s", stats.path);
	session_note(p->session, text);
}

static bool accepted(struct plain *p, const struct sockaddr *source, enum packet_kind kind,
		     const uint8_t *bytes)
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
	verdict = rtp_peer_rtp(&p->peer, &from, bytes);
	if (verdict == RTP_PEER_LATCHED)
		latched(p);
	return verdict != RTP_PEER_STRANGER;
}

static void on_datagram(struct rtp_port *port, const uint8_t *bytes, size_t n,
			const struct sockaddr *from)
{
	struct plain *p = port->arg;
	enum packet_kind kind = packet_kind(bytes, n);

	/* rtcp-mux was not offered, but a phone may do as it likes */
	if (kind != PACKET_RTCP && (kind != PACKET_RTP || port == &p->ports[RTCP]))
		return;
	if (!accepted(p, from, kind, bytes)) {
		p->stranger++;
		return;
	}
	p->heard_ms = session_now(p->session);
	session_receive(p->session, bytes, n, kind == PACKET_RTCP);
}

static void plain_send(struct session *session, uint8_t *packet, size_t bytes, size_t cap,
		       bool rtcp)
{
	struct plain *p = of(session);

	(void)cap;
	if (!p->has_remote || p->held)
		return;
	if (rtcp && !p->has_rtcp)
		return;
	rtp_port_send(&p->ports[rtcp ? RTCP : RTP], packet, bytes, rtcp ? &p->rtcp_to : &p->rtp_to);
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
static int bind_pair(struct plain *p, const struct config *config)
{
	uint32_t first = (config->media.port_min + 1) & ~1u;
	uint32_t pairs = (config->media.port_max - first + 1) / 2;
	uint32_t at;

	if (config->media.port_max < first + 1 || RAND_bytes((unsigned char *)&at, sizeof(at)) != 1)
		return -EADDRINUSE;
	for (uint32_t i = 0; i < pairs && i < PORT_TRIES; i++) {
		struct sockaddr_storage addr;
		uint16_t port = (uint16_t)(first + 2 * ((at + i) % pairs));

		media_sockaddr(&p->address->ip, port, &addr);
		int err = rtp_port_bind(p->ports, PORTS, &addr);
		if (err != -EADDRINUSE) {
			p->port = port;
			return err;
		}
	}
	return -EADDRINUSE;
}

static void closed_one(struct plain *p)
{
	struct session *session = p->session;

	if (--p->open_handles > 0)
		return;
	free(p);
	if (session)
		session_path_closed(session);
}

static void on_port_closed(struct rtp_port *port)
{
	closed_one(port->arg);
}

static void on_timer_closed(uv_handle_t *handle)
{
	closed_one(handle->data);
}

static const struct rtp_port_events port_events = {
	.on_datagram = on_datagram,
	.on_closed = on_port_closed,
};

static void close_handles(struct plain *p)
{
	for (size_t i = 0; i < PORTS; i++)
		rtp_port_close(&p->ports[i]);
	uv_close((uv_handle_t *)&p->ready, on_timer_closed);
}

static int listen_on_ports(struct plain *p, uv_loop_t *loop)
{
	for (size_t i = 0; i < PORTS; i++) {
		int err = rtp_port_listen(&p->ports[i], loop, &port_events, p);

		if (!err)
			continue;
		for (size_t j = 0; j < PORTS; j++) {
			if (j < i) {
				p->open_handles++;
				rtp_port_close(&p->ports[j]);
			} else {
				rtp_port_drop(&p->ports[j]);
			}
		}
		return err;
	}
	p->open_handles = PORTS;
	return 0;
}

static int plain_open(struct session *session, const struct session_config *config)
{
	const struct media_address *address = media_address_for(session->addresses, &config->peer);
	struct plain *p;
	int err;

	if (!address)
		return -EADDRNOTAVAIL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->address = address;
	err = bind_pair(p, session->config);
	if (!err)
		err = listen_on_ports(p, session->loop);
	if (err) {
		if (p->open_handles == 0)
			free(p);
		return err;
	}
	p->session = session;
	session->path_state = p;
	uv_timer_init(session->loop, &p->ready);
	p->ready.data = p;
	p->open_handles++;
	uv_timer_start(&p->ready, on_ready, 0, 0);
	return 0;
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
