/* checks.c: see checks.h. */
#include "tests/load/checks.h"

#include "ice/stun.h"

#include <arpa/inet.h>
#include <openssl/hmac.h>
#include <stdio.h>

enum {
	AGAIN_MS = 50,	      /* until the first answer */
	KEEP_ALIVE_MS = 2500, /* RFC 7675 */
	REQUEST = 0x0001,
	SUCCESS = 0x0101,
	USERNAME = 0x0006,
	INTEGRITY = 0x0008,
	XOR_MAPPED = 0x0020,
	PRIORITY = 0x0024,
	USE_CANDIDATE = 0x0025,
	FINGERPRINT = 0x8028,
	CONTROLLING = 0x802a,
	COOKIE = 0x2112a442,
};

/* ---- a message ---- */

struct message {
	uint8_t bytes[ICE_STUN_MOST_BYTES];
	size_t n;
};

static void put32(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)(v >> 24);
	at[1] = (uint8_t)(v >> 16);
	at[2] = (uint8_t)(v >> 8);
	at[3] = (uint8_t)v;
}

static void put_length(struct message *m)
{
	m->bytes[2] = (uint8_t)((m->n - 20) >> 8);
	m->bytes[3] = (uint8_t)(m->n - 20);
}

static void begin(struct message *m, uint16_t type, const uint8_t transaction[12])
{
	memset(m, 0, sizeof(*m));
	m->bytes[0] = (uint8_t)(type >> 8);
	m->bytes[1] = (uint8_t)type;
	put32(m->bytes + 4, COOKIE);
	memcpy(m->bytes + 8, transaction, 12);
	m->n = 20;
}

/* Its place: `n` octets to be filled in. */
static uint8_t *attribute(struct message *m, uint16_t type, size_t n)
{
	uint8_t *at = m->bytes + m->n;

	at[0] = (uint8_t)(type >> 8);
	at[1] = (uint8_t)type;
	at[2] = (uint8_t)(n >> 8);
	at[3] = (uint8_t)n;
	m->n += 4 + ((n + 3) & ~(size_t)3);
	put_length(m);
	return at + 4;
}

static void finish(struct message *m, const char *key)
{
	size_t covered = m->n;
	uint8_t *tag = attribute(m, INTEGRITY, 20);
	unsigned n = 20;
	uint32_t crc = 0xffffffff;

	HMAC(EVP_sha1(), key, (int)strlen(key), m->bytes, covered, tag, &n);
	covered = m->n;
	uint8_t *fingerprint = attribute(m, FINGERPRINT, 4);
	for (size_t i = 0; i < covered; i++) {
		crc ^= m->bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
	}
	put32(fingerprint, ~crc ^ 0x5354554e);
}

static void send_to(struct checks *c, const struct sockaddr_in *to, const void *bytes, size_t n)
{
	uv_buf_t buf = uv_buf_init((char *)bytes, (unsigned)n);

	uv_udp_try_send(&c->udp, &buf, 1, (const struct sockaddr *)to);
}

/* ---- checks of ours ---- */

static void check(struct checks *c)
{
	struct message m;
	char username[515];
	int n = snprintf(username, sizeof(username), "%s:%s", c->remote_ufrag, c->ufrag);

	put32(c->transaction, ++c->sent);
	begin(&m, REQUEST, c->transaction);
	memcpy(attribute(&m, USERNAME, (size_t)n), username, (size_t)n);
	memset(attribute(&m, CONTROLLING, 8), 0xff, 8);
	put32(attribute(&m, PRIORITY, 4), 1853824767);
	attribute(&m, USE_CANDIDATE, 0);
	finish(&m, c->remote_pwd);
	send_to(c, &c->remote, m.bytes, m.n);
}

static void on_time(uv_timer_t *timer)
{
	struct checks *c = timer->data;

	check(c);
	uv_timer_start(timer, on_time, c->connected ? KEEP_ALIVE_MS : AGAIN_MS, 0);
}

/* ---- what comes ---- */

static void answer(struct checks *c, const uint8_t *request, const struct sockaddr_in *from)
{
	struct message m;

	begin(&m, SUCCESS, request + 8);
	uint8_t *mapped = attribute(&m, XOR_MAPPED, 8);
	mapped[1] = 1;
	mapped[2] = (uint8_t)(ntohs(from->sin_port) >> 8 ^ 0x21);
	mapped[3] = (uint8_t)(ntohs(from->sin_port) ^ 0x12);
	put32(mapped + 4, ntohl(from->sin_addr.s_addr) ^ COOKIE);
	finish(&m, c->pwd);
	send_to(c, from, m.bytes, m.n);
}

static void take_stun(struct checks *c, const uint8_t *bytes, size_t n,
		      const struct sockaddr_in *from)
{
	struct ice_stun_message m;

	if (ice_stun_parse(bytes, n, &m) != 0)
		return;
	if (m.class == ICE_STUN_REQUEST && ice_stun_verify(bytes, &m, str_of(c->pwd))) {
		answer(c, bytes, from);
	} else if (m.class == ICE_STUN_SUCCESS && !c->connected && c->sent &&
		   ice_stun_verify(bytes, &m, str_of(c->remote_pwd))) {
		c->connected = true;
		uv_timer_start(&c->timer, on_time, KEEP_ALIVE_MS, 0);
		c->events->on_connected(c->arg);
	}
}

static uint8_t buffer[2048] __attribute__((aligned(8)));

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle, (void)suggested;
	*buf = uv_buf_init((char *)buffer, sizeof(buffer));
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buf, const struct sockaddr *from,
			unsigned flags)
{
	struct checks *c = udp->data;

	(void)buf, (void)flags;
	if (n <= 0 || !from || from->sa_family != AF_INET)
		return;
	if (ice_stun_looks(buffer, (size_t)n))
		take_stun(c, buffer, (size_t)n, (const struct sockaddr_in *)from);
	else
		c->events->on_packet(c->arg, buffer, (size_t)n);
}

/* ---- life ---- */

int checks_open(struct checks *c, uv_loop_t *loop, const uint32_t random[3])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int n = sizeof(at);

	snprintf(c->ufrag, sizeof(c->ufrag), "%08x", random[0]);
	snprintf(c->pwd, sizeof(c->pwd), "%08x%08x%08x", random[0], random[1], random[2]);
	memcpy(c->transaction, random, 12);
	uv_udp_init(loop, &c->udp);
	uv_timer_init(loop, &c->timer);
	c->udp.data = c->timer.data = c;
	c->open_handles = 2;
	int err = uv_udp_bind(&c->udp, (struct sockaddr *)&at, 0);
	if (!err)
		err = uv_udp_getsockname(&c->udp, (struct sockaddr *)&at, &n);
	c->port = ntohs(at.sin_port);
	return err ? err : uv_udp_recv_start(&c->udp, on_alloc, on_datagram);
}

int checks_start(struct checks *c, struct str ufrag, struct str pwd,
		 const struct sockaddr_in *remote)
{
	int err = str_copy(ufrag, c->remote_ufrag, sizeof(c->remote_ufrag));

	if (!err)
		err = str_copy(pwd, c->remote_pwd, sizeof(c->remote_pwd));
	if (err)
		return err;
	c->remote = *remote;
	on_time(&c->timer);
	return 0;
}

void checks_send(struct checks *c, const uint8_t *bytes, size_t n)
{
	send_to(c, &c->remote, bytes, n);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct checks *c = handle->data;

	if (--c->open_handles == 0)
		c->events->on_closed(c->arg);
}

void checks_close(struct checks *c)
{
	uv_close((uv_handle_t *)&c->udp, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}
