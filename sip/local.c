/* local.c: see local.h. */
#include "sip/local.h"

#include <errno.h>
#include <unistd.h>

bool local_is_wildcard(const struct sip_addr *addr)
{
	if (addr->sa.any.sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&addr->sa.v6.sin6_addr);
	return addr->sa.v4.sin_addr.s_addr == htonl(INADDR_ANY);
}

socklen_t local_length(const struct sip_addr *addr)
{
	return addr->sa.any.sa_family == AF_INET6 ? sizeof(addr->sa.v6) : sizeof(addr->sa.v4);
}

struct str local_key(const struct sip_addr *addr, char mem[LOCAL_KEY])
{
	size_t n = 0;

	mem[n++] = (char)addr->sa.any.sa_family;
	if (addr->sa.any.sa_family == AF_INET6) {
		memcpy(mem + n, &addr->sa.v6.sin6_port, 2);
		memcpy(mem + n + 2, &addr->sa.v6.sin6_addr, 16);
		memcpy(mem + n + 18, &addr->sa.v6.sin6_scope_id, 4);
		n += 22;
	} else {
		memcpy(mem + n, &addr->sa.v4.sin_port, 2);
		memcpy(mem + n + 2, &addr->sa.v4.sin_addr, 4);
		n += 6;
	}
	return (struct str){ mem, n };
}

/* A connected datagram socket has an address although nothing was sent. */
static int ask_kernel(const struct sip_addr *remote, struct sip_addr *out)
{
	struct sip_addr found = { .sa = { .any = { .sa_family = AF_UNSPEC } } };
	socklen_t length = sizeof(found.sa);
	int fd = socket(remote->sa.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, &remote->sa.any, local_length(remote)) ||
	    getsockname(fd, &found.sa.any, &length))
		err = -errno;
	close(fd);
	if (!err)
		*out = found;
	return err;
}

int local_address_flow(struct sip_flow *flow, const struct sip_addr *listener,
		       const struct sip_addr *remote)
{
	struct sip_addr local = *listener;
	char text[SIP_ADDR_TEXT];

	if (remote->sa.any.sa_family != listener->sa.any.sa_family || sip_addr_port(remote) == 0)
		return -EINVAL;
	if (local_is_wildcard(listener)) {
		int err = ask_kernel(remote, &local);

		if (err)
			return err;
		if (local.sa.any.sa_family == AF_INET6)
			local.sa.v6.sin6_port = listener->sa.v6.sin6_port;
		else
			local.sa.v4.sin_port = listener->sa.v4.sin_port;
	}
	flow->local = local;
	flow->remote = *remote;
	return str_copy(sip_addr_print(&local, text), flow->sent_by, sizeof(flow->sent_by));
}
