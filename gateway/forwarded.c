/* forwarded.c: see forwarded.h. */
#include "gateway/forwarded.h"

/* Takes the piece behind the last comma off `*list`. */
static struct str cut_last(struct str *list)
{
	size_t from = list->n;
	struct str last;

	while (from > 0 && list->p[from - 1] != ',')
		from--;
	last = str_trim(str_skip(*list, from));
	*list = str_head(*list, from > 0 ? from - 1 : 0);
	return last;
}

static struct sip_addr unmapped(const struct sip_addr *addr)
{
	struct sip_addr v4 = { 0 };

	if (addr->sa.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&addr->sa.v6.sin6_addr))
		return *addr;
	v4.sa.v4.sin_family = AF_INET;
	v4.sa.v4.sin_port = addr->sa.v6.sin6_port;
	memcpy(&v4.sa.v4.sin_addr, addr->sa.v6.sin6_addr.s6_addr + 12, 4);
	return v4;
}

struct sip_addr forwarded_client(const struct sip_addr *peer, struct str list,
				 const struct network *trusted, size_t n_trusted)
{
	struct sip_addr client = *peer, next;

	while (!str_empty(list) && network_has(trusted, n_trusted, &client)) {
		if (sip_addr_parse(cut_last(&list), sip_addr_port(peer), &next))
			break;
		client = unmapped(&next);
	}
	return client;
}
