/* peer.c: see peer.h. */
#include "tests/ice/peer.h"

#include <arpa/inet.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_gathered(void *arg)
{
	struct peer *p = arg;

	p->gathered++;
}

static void on_connected(void *arg)
{
	struct peer *p = arg;

	p->connected++;
	if (p->close_in_connected) {
		ice_close(p->ice);
		p->ice = NULL;
	}
}

static void on_failed(void *arg)
{
	struct peer *p = arg;

	p->failed++;
}

static void on_packet(void *arg, uint8_t *bytes, size_t n)
{
	struct peer *p = arg;

	p->packets++;
	p->last_n = n < sizeof(p->last) ? n : sizeof(p->last);
	memcpy(p->last, bytes, p->last_n);
	if (p->close_in_packet) {
		ice_close(p->ice);
		p->ice = NULL;
	}
}

static void on_closed(void *arg)
{
	struct peer *p = arg;

	p->closed++;
}

static const struct ice_events events = {
	.on_gathered = on_gathered,
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_packet = on_packet,
	.on_closed = on_closed,
};

int peer_open(struct peer *peer, uv_loop_t *loop, bool controlling)
{
	static const char *const addresses[] = { "127.0.0.1" };
	int err = ice_new(
		&(struct ice_config){
			.loop = loop,
			.addresses = addresses,
			.n_addresses = 1,
			.port_min = 31000,
			.port_max = 31999,
			.controlling = controlling,
			.patience_ms = peer->patience_ms,
			.events = &events,
			.arg = peer,
		},
		&peer->ice);

	if (!err)
		ice_get_local(peer->ice, &peer->local);
	return err;
}

int peer_tell(struct peer *to, const struct peer *of, bool candidates)
{
	int err = ice_set_remote(to->ice, of->local.ufrag, of->local.pwd);

	for (size_t i = 0; candidates && !err && i < of->local.n; i++)
		err = ice_add_remote(to->ice, &of->local.candidates[i]);
	return err;
}

static void tick(uv_timer_t *timer)
{
	(void)timer;
}

bool run_until(uv_loop_t *loop, const int *what, int least, unsigned ms)
{
	uv_timer_t timer;

	uv_update_time(loop);
	uint64_t end_ms = uv_now(loop) + ms;
	uv_timer_init(loop, &timer);
	uv_timer_start(&timer, tick, 1, 1);
	while (uv_now(loop) < end_ms && *what < least)
		uv_run(loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(loop, UV_RUN_NOWAIT);
	return *what >= least;
}

void run_for(uv_loop_t *loop, unsigned ms)
{
	const int never = 0;

	run_until(loop, &never, 1, ms);
}

bool wind_up(uv_loop_t *loop, struct peer *a, struct peer *b)
{
	ice_close(a->ice);
	if (b)
		ice_close(b->ice);
	uv_run(loop, UV_RUN_DEFAULT);
	return uv_loop_close(loop) == 0 && a->closed == 1 && (!b || b->closed == 1);
}

int stranger_open(const struct peer *peer)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(peer->local.candidates[0].port) };

	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static size_t put(uint8_t *bytes, size_t at, uint16_t type, const void *value, size_t n)
{
	bytes[at] = (uint8_t)(type >> 8);
	bytes[at + 1] = (uint8_t)type;
	bytes[at + 2] = (uint8_t)(n >> 8);
	bytes[at + 3] = (uint8_t)n;
	memset(bytes + at + 4, 0, (n + 3) / 4 * 4);
	memcpy(bytes + at + 4, value, n);
	return at + 4 + (n + 3) / 4 * 4;
}

static void set_length(uint8_t *bytes, size_t n)
{
	bytes[2] = (uint8_t)((n - 20) >> 8);
	bytes[3] = (uint8_t)(n - 20);
}

size_t make_check(uint8_t *bytes, const char *username, const char *pwd, uint16_t type)
{
	static const uint8_t header[] = { 0, 0, 0, 0, 0x21, 0x12, 0xA4, 0x42, 1,  2,
					  3, 4, 5, 6, 7,    8,	  9,	10,   11, 12 };
	uint8_t tag[20], crc_bytes[4];
	gsize tag_n = sizeof(tag);
	size_t n = 20;
	uint32_t crc = 0xFFFFFFFF;

	memcpy(bytes, header, 20);
	bytes[0] = (uint8_t)(type >> 8);
	bytes[1] = (uint8_t)type;
	if (username)
		n = put(bytes, n, 0x0006, username, strlen(username));
	if (type == 0x0111)
		n = put(bytes, n, 0x0009, "\0\0\4\3Forbidden", 13);
	n = put(bytes, n, 0x0024, "\x6e\x00\x01\xff", 4);
	n = put(bytes, n, 0x802A, "\1\2\3\4\5\6\7\10", 8);

	set_length(bytes, n + 24);
	GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, (const guchar *)pwd, strlen(pwd));
	g_hmac_update(hmac, bytes, (gssize)n);
	g_hmac_get_digest(hmac, tag, &tag_n);
	g_hmac_unref(hmac);
	n = put(bytes, n, 0x0008, tag, sizeof(tag));

	set_length(bytes, n + 8);
	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xEDB88320 & (0 - (crc & 1)));
	}
	crc = ~crc ^ 0x5354554E;
	for (int i = 0; i < 4; i++)
		crc_bytes[i] = (uint8_t)(crc >> (24 - 8 * i));
	return put(bytes, n, 0x8028, crc_bytes, 4);
}
