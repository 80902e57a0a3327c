/* media_address.c: see media_address.h. */
#include "gateway/media_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>
#include <uv.h>

void media_sockaddr(const struct sdp_ip *ip, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (ip->family == 6) {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		memcpy(&v6->sin6_addr, ip->bytes, 16);
	} else {
		struct sockaddr_in *v4 = (struct sockaddr_in *)out;

		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, ip->bytes, 4);
	}
}

static void add(struct media_addresses *out, const char *text)
{
	struct media_address *a = &out->list[out->n];

	if (out->n == MEDIA_MOST_ADDRESSES || str_copy(str_of(text), a->text, sizeof(a->text)) != 0)
		return;
	if (!sdp_ip_parse(str_of(a->text), &a->ip))
		return;
	a->advertise = a->ip;
	out->n++;
}

static int read_machine(struct media_addresses *out, bool local_ones)
{
	uv_interface_address_t *list;
	int n, err = uv_interface_addresses(&list, &n);

	if (err)
		return err;
	for (int i = 0; i < n; i++) {
		char text[INET6_ADDRSTRLEN] = "";
		struct sdp_ip ip;

		if (list[i].address.address4.sin_family == AF_INET)
			uv_ip4_name(&list[i].address.address4, text, sizeof(text));
		else if (list[i].address.address6.sin6_family == AF_INET6)
			uv_ip6_name(&list[i].address.address6, text, sizeof(text));
		if (sdp_ip_parse(str_of(text), &ip) && sdp_ip_is_local(&ip) == local_ones &&
		    (!local_ones || list[i].is_internal))
			add(out, text);
	}
	uv_free_interface_addresses(list, n);
	return 0;
}

int media_addresses_read(const struct config *config, struct media_addresses *out)
{
	const struct config_addresses *address = &config->media.address;
	const struct config_addresses *advertise = &config->media.advertise;
	int err;

	*out = (struct media_addresses){ .n = 0 };
	for (size_t i = 0; i < address->n; i++) {
		size_t before = out->n;

		add(out, address->list[i].text);
		if (i < advertise->n && out->n > before) {
			struct media_address *a = &out->list[before];

			str_copy(str_of(advertise->list[i].text), a->advertise_text,
				 sizeof(a->advertise_text));
			sdp_ip_parse(str_of(a->advertise_text), &a->advertise);
		}
	}
	if (out->n)
		return 0;
	err = read_machine(out, false);
	if (!err && out->n == 0)
		err = read_machine(out, true);
	return err ? err : out->n ? 0 : -ENOENT;
}

/* The source address the kernel would take toward `peer`; false if there is no route. */
static bool route_source(const struct sdp_ip *peer, struct sdp_ip *out)
{
	struct sockaddr_storage to, from;
	socklen_t n = sizeof(from);
	char text[INET6_ADDRSTRLEN] = "";

	media_sockaddr(peer, 9, &to);
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&to,
		    to.ss_family == AF_INET ? sizeof(struct sockaddr_in)
					    : sizeof(struct sockaddr_in6)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&from, &n) == 0) {
		if (from.ss_family == AF_INET)
			uv_ip4_name((struct sockaddr_in *)&from, text, sizeof(text));
		else
			uv_ip6_name((struct sockaddr_in6 *)&from, text, sizeof(text));
	}
	close(fd);
	return sdp_ip_parse(str_of(text), out);
}

const struct media_address *media_address_for(const struct media_addresses *addresses,
					      const struct sdp_ip *peer)
{
	const struct media_address *first = NULL;
	struct sdp_ip source;
	bool routed = peer->family && addresses->n > 1 && route_source(peer, &source);

	for (size_t i = 0; i < addresses->n; i++) {
		const struct media_address *a = &addresses->list[i];

		if (peer->family && a->ip.family != peer->family)
			continue;
		if (routed && sdp_ip_equal(&a->ip, &source))
			return a;
		if (!first)
			first = a;
	}
	return first;
}
