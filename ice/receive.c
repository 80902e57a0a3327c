/* receive.c: who may be heard. Every datagram on a host socket is looked at here
 * before libnice reads; a sender is accepted once it showed our password. */
#include "ice/private.h"
#include "ice/stun.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static _Thread_local _Alignas(8) uint8_t datagram[ICE_MOST_DATAGRAM];

static bool accepted(const struct ice *ice, const union ice_address *from)
{
	return (ice->has_selected && ice_address_eq(&ice->selected, from)) ||
	       ice_peers_have(&ice->senders, from);
}

/* What libnice read behind a check. It tells no sender, but passes on only those
 * that a check of its own validated. */
void ice_on_nice_packet(NiceAgent *agent, guint stream, guint component, guint n, gchar *bytes,
			gpointer arg)
{
	struct ice *ice = arg;

	(void)agent, (void)stream, (void)component;
	if (ice->closing)
		return;
	if (!ice->has_selected && ice->senders.n == 0) {
		ice->drops.stranger++;
		return;
	}
	if (n == 0 || n > sizeof(datagram) || ice_stun_looks((uint8_t *)bytes, n))
		return;
	memcpy(datagram, bytes, n); /* aligned, as promised */
	if (ice->events->on_packet)
		ice->events->on_packet(ice->arg, datagram, n);
}

/* USERNAME of a check for us: "our ufrag:the peer's" (RFC 8445 §7.2.2). */
static bool for_us(const struct ice *ice, struct str username)
{
	struct str ours = str_of(ice->local_ufrag);

	return username.n > ours.n && username.p[ours.n] == ':' && str_starts(username, ours);
}

/* Whether libnice may see this message. */
static bool check_passes(struct ice *ice, const uint8_t *bytes, size_t n,
			 const union ice_address *from)
{
	struct ice_stun_message m;

	if (ice_stun_parse(bytes, n, &m) != 0 || m.method != 1)
		return false;
	switch (m.class) {
	case ICE_STUN_REQUEST:
		if (!m.has_fingerprint || !m.has_username || !for_us(ice, m.username) ||
		    !ice_stun_verify(bytes, &m, str_of(ice->local_pwd)))
			return false;
		ice_peers_add(&ice->senders, from); /* the ninth is not a sender; fine */
		break;
	case ICE_STUN_SUCCESS:
	case ICE_STUN_ERROR:
		if (!ice_stun_verify(bytes, &m, str_of(ice->remote_pwd)))
			return false;
		break;
	case ICE_STUN_INDICATION:
		return false; /* a keep-alive that proves nothing */
	}
	ice->last_check_ms = uv_now(ice->loop);
	return true;
}

bool ice_read_socket(struct ice *ice, int fd, int most)
{
	for (int i = 0; i < most && !ice->closing; i++) {
		union ice_address from;
		socklen_t from_size = sizeof(from);
		ssize_t n = recvfrom(fd, datagram, sizeof(datagram),
				     MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC, &from.sa, &from_size);

		if (n < 0)
			return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;

		bool fits = (size_t)n <= sizeof(datagram);
		if (fits && ice_stun_looks(datagram, (size_t)n)) {
			if (check_passes(ice, datagram, (size_t)n, &from))
				return true;
			ice->drops.stun++;
			fits = false;
		} else if (!accepted(ice, &from)) {
			ice->drops.stranger++;
			fits = false;
		}
		recv(fd, NULL, 0, MSG_DONTWAIT); /* takes it off the queue */
		if (fits && n > 0 && ice->events->on_packet)
			ice->events->on_packet(ice->arg, datagram, (size_t)n);
	}
	return false;
}
