/* loop.c: see loop.h. */
#include "tests/sip/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

static uint64_t ahead_ms;

/* Takes the place of libuv's for our code; libuv itself reads its own field. */
uint64_t uv_now(const uv_loop_t *loop)
{
	return loop->time + ahead_ms;
}

void loop_skip(uint64_t ms)
{
	ahead_ms += ms;
}

void loop_real(void)
{
	ahead_ms = 0;
}

struct sip_addr loopback(uint16_t port)
{
	struct sip_addr addr = { .sa = { .any = { .sa_family = AF_UNSPEC } } };

	sip_addr_parse(STR("127.0.0.1"), port, &addr);
	return addr;
}

int peer_udp(void)
{
	struct sip_addr any = loopback(0);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && bind(fd, &any.sa.any, sizeof(any.sa.v4)))
		return -1;
	return fd;
}

int peer_tcp(const struct sip_addr *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &to->sa.any, sizeof(to->sa.v4)) && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

int peer_listen(struct sip_addr *at)
{
	socklen_t length = sizeof(at->sa.v4);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*at = loopback(0);
	if (fd < 0 || bind(fd, &at->sa.any, length) || listen(fd, 16) ||
	    getsockname(fd, &at->sa.any, &length))
		return -1;
	return fd;
}

bool peer_send(int fd, const struct sip_addr *to, struct str text)
{
	return sendto(fd, text.p, text.n, MSG_NOSIGNAL, to ? &to->sa.any : NULL,
		      to ? sizeof(to->sa.v4) : 0) == (ssize_t)text.n;
}

long peer_read(int fd, char *mem, size_t cap, size_t *n)
{
	ssize_t got = recv(fd, mem + *n, cap - *n, MSG_DONTWAIT);

	if (got == 0 || (got < 0 && errno != EAGAIN))
		return -1;
	if (got > 0)
		*n += (size_t)got;
	return (long)*n;
}
