/* ice.c: stands in for ice/ where the thread sanitizer looks: GLib and libnice are not
 * built for it. A plain UDP socket: no checks; who was named first is the peer. */
#include "ice/ice.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ice {
	uv_udp_t udp;
	uv_timer_t timer;
	const struct ice_events *events;
	void *arg;
	uint16_t port;
	bool gathered, has_remote, connected, closing;
	struct sockaddr_in remote;
	uint64_t heard_ms;
	unsigned open_handles;
	uint8_t buffer[2048] __attribute__((aligned(8)));
};

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct ice *ice = handle->data;

	(void)suggested;
	*buf = uv_buf_init((char *)ice->buffer, sizeof(ice->buffer));
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned flags)
{
	struct ice *ice = udp->data;

	(void)buf, (void)flags;
	if (n <= 0 || !from || !ice->has_remote || memcmp(from, &ice->remote, 8) != 0)
		return;
	ice->heard_ms = uv_now(udp->loop);
	ice->events->on_packet(ice->arg, ice->buffer, (size_t)n);
}

static void on_timer(uv_timer_t *timer)
{
	struct ice *ice = timer->data;

	if (!ice->gathered) {
		ice->gathered = true;
		ice->events->on_gathered(ice->arg);
	}
	if (ice->has_remote && !ice->connected && !ice->closing) {
		ice->connected = true;
		ice->events->on_connected(ice->arg);
	}
}

int ice_new(const struct ice_config *config, struct ice **out)
{
	struct ice *ice = calloc(1, sizeof(*ice));
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int n = sizeof(at);

	if (!ice)
		return -ENOMEM;
	ice->events = config->events;
	ice->arg = config->arg;
	uv_udp_init(config->loop, &ice->udp);
	uv_timer_init(config->loop, &ice->timer);
	ice->udp.data = ice->timer.data = ice;
	ice->open_handles = 2;
	if (uv_udp_bind(&ice->udp, (struct sockaddr *)&at, 0) != 0 ||
	    uv_udp_getsockname(&ice->udp, (struct sockaddr *)&at, &n) != 0 ||
	    uv_udp_recv_start(&ice->udp, on_alloc, on_datagram) != 0)
		abort();
	ice->port = ntohs(at.sin_port);
	uv_timer_start(&ice->timer, on_timer, 0, 0);
	*out = ice;
	return 0;
}

static void closed_one(uv_handle_t *handle)
{
	struct ice *ice = handle->data;

	if (--ice->open_handles > 0)
		return;
	ice->events->on_closed(ice->arg);
	free(ice);
}

void ice_close(struct ice *ice)
{
	if (!ice || ice->closing)
		return;
	ice->closing = true;
	uv_close((uv_handle_t *)&ice->udp, closed_one);
	uv_close((uv_handle_t *)&ice->timer, closed_one);
}

void ice_get_local(const struct ice *ice, struct ice_local *local)
{
	*local = (struct ice_local){ .ufrag = "fake", .pwd = "fakefakefakefakefakefake", .n = 1 };
	local->candidates[0] = (struct ice_candidate){ .foundation = "1",
						       .component = 1,
						       .priority = 1,
						       .address = "127.0.0.1",
						       .port = ice->port,
						       .type = ICE_HOST };
}

int ice_set_remote(struct ice *ice, const char *ufrag, const char *pwd)
{
	(void)ice, (void)pwd;
	return ufrag[0] ? 0 : -EBADMSG;
}

int ice_add_remote(struct ice *ice, const struct ice_candidate *candidate)
{
	if (ice->has_remote)
		return 0;
	ice->remote = (struct sockaddr_in){ .sin_family = AF_INET,
					    .sin_port = htons(candidate->port),
					    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	ice->has_remote = true;
	uv_timer_start(&ice->timer, on_timer, 0, 0);
	return 0;
}

bool ice_is_restart(const struct ice *ice, const char *ufrag, const char *pwd)
{
	(void)ice, (void)ufrag, (void)pwd;
	return false;
}

int ice_restart(struct ice *ice, const char *ufrag, const char *pwd)
{
	(void)ice, (void)ufrag, (void)pwd;
	return -ENOTSUP;
}

int ice_send(struct ice *ice, const void *bytes, size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)n);

	if (!ice->connected)
		return -ENOTCONN;
	uv_udp_try_send(&ice->udp, &buf, 1, (struct sockaddr *)&ice->remote);
	return 0;
}

bool ice_connected(const struct ice *ice)
{
	return ice->connected;
}

uint64_t ice_last_check_ms(const struct ice *ice)
{
	return ice->heard_ms;
}

void ice_print_pair(const struct ice *ice, char *text, size_t size)
{
	snprintf(text, size, "%u -> %u", ice->port, ntohs(ice->remote.sin_port));
}

void ice_get_drops(const struct ice *ice, struct ice_drops *drops)
{
	(void)ice;
	*drops = (struct ice_drops){ 0 };
}
