/* far_wire.c: the wire between a browser and the gateway, see far.h. */
#include "tests/gateway/far.h"

#include "tests/gateway/far_socket.h"

#include <string.h>

static bool same(const struct sockaddr_in *a, const struct sockaddr *b)
{
	return memcmp(a, b, 8) == 0; /* family, port, address */
}

static void wire_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct wire *w = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)w->buffer, sizeof(w->buffer));
}

static void count(struct wire_counts *counts, enum packet_kind kind)
{
	switch (kind) {
	case PACKET_STUN:
		counts->stun++;
		break;
	case PACKET_DTLS:
		counts->dtls++;
		break;
	case PACKET_RTP:
		counts->rtp++;
		break;
	case PACKET_RTCP:
		counts->rtcp++;
		break;
	case PACKET_UNKNOWN:
		counts->other++;
		break;
	}
}

static void pass_on(struct wire *w, bool from_gateway, const uint8_t *bytes, size_t n)
{
	const struct sockaddr_in *to = from_gateway ? &w->browser : &w->gateway;
	int fate = WIRE_PASS;

	if (w->judge && packet_kind(bytes, n) == PACKET_RTP) {
		fate = w->judge(w->arg, from_gateway);
		w->judged++;
	}
	if (fate == WIRE_DROP) {
		w->dropped++;
		return;
	}
	if (fate == WIRE_LATE && !w->late[from_gateway].n) {
		memcpy(w->late[from_gateway].bytes, bytes, n);
		w->late[from_gateway].n = n;
		w->delayed++;
		return;
	}
	send_to(&w->udp, to, bytes, n);
	if (w->late[from_gateway].n) {
		send_to(&w->udp, to, w->late[from_gateway].bytes, w->late[from_gateway].n);
		w->late[from_gateway].n = 0;
	}
}

static void wire_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf,
			  const struct sockaddr *from, unsigned flags)
{
	struct wire *w = udp->data;

	(void)buf, (void)flags;
	if (n <= 0 || !from || w->cut)
		return;
	enum packet_kind kind = packet_kind(w->buffer, (size_t)n);
	if (w->has_gateway && same(&w->gateway, from)) {
		count(&w->counts, kind);
		pass_on(w, true, w->buffer, (size_t)n);
	} else if (same(&w->browser, from)) {
		if (!w->has_gateway || (w->holds_dtls && kind == PACKET_DTLS) ||
		    (w->holds_answers && kind == PACKET_STUN && w->buffer[0] == 1))
			return;
		w->hellos += kind == PACKET_DTLS;
		pass_on(w, false, w->buffer, (size_t)n);
	} else {
		w->strangers++;
	}
}

void wire_open(struct wire *wire, uv_loop_t *loop)
{
	*wire = (struct wire){ .port = 0 };
	wire->port = bind_any(loop, &wire->udp, wire);
	NEED(uv_udp_recv_start(&wire->udp, wire_alloc, wire_datagram) == 0);
}

void wire_close(struct wire *wire)
{
	uv_close((uv_handle_t *)&wire->udp, NULL);
}
