/* domains.c: see domains.h. */
#include "gateway/domains.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

struct domains {
	char **names;
	size_t n_names;
	struct sip_addr *addresses;
	size_t n_addresses;
};

static int add_name(struct domains *domains, struct str name)
{
	char *copy = str_dup(name);

	if (!copy)
		return -ENOMEM;
	domains->names[domains->n_names++] = copy;
	return 0;
}

int domains_new(const struct domains_config *config, struct domains **out)
{
	struct domains *domains = calloc(1, sizeof(*domains));
	int err = domains ? 0 : -ENOMEM;

	if (!err) {
		domains->names = calloc(config->n_names + 2, sizeof(char *));
		domains->addresses = calloc(config->n_addresses + 1, sizeof(struct sip_addr));
		if (!domains->names || !domains->addresses)
			err = -ENOMEM;
	}
	if (!err)
		err = add_name(domains, STR("localhost"));
	if (!err)
		err = add_name(domains, config->realm);
	for (size_t i = 0; !err && i < config->n_names; i++)
		err = add_name(domains, str_of(config->names[i]));
	if (err) {
		domains_free(domains);
		return err;
	}
	for (size_t i = 0; i < config->n_addresses; i++)
		domains->addresses[i] = config->addresses[i];
	domains->n_addresses = config->n_addresses;
	*out = domains;
	return 0;
}

void domains_free(struct domains *domains)
{
	if (!domains)
		return;
	for (size_t i = 0; i < domains->n_names; i++)
		free(domains->names[i]);
	free(domains->names);
	free(domains->addresses);
	free(domains);
}

/* An address literal; the brackets of IPv6 are off. */
static bool read_address(struct str host, struct sip_addr *out)
{
	char text[INET6_ADDRSTRLEN];

	*out = (struct sip_addr){ 0 };
	if (str_copy(host, text, sizeof(text)) || strlen(text) != host.n)
		return false;
	if (inet_pton(AF_INET, text, &out->sa.v4.sin_addr) == 1)
		out->sa.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &out->sa.v6.sin6_addr) == 1)
		out->sa.any.sa_family = AF_INET6;
	return out->sa.any.sa_family != AF_UNSPEC;
}

static bool same_host(const struct sip_addr *a, const struct sip_addr *b)
{
	if (a->sa.any.sa_family != b->sa.any.sa_family)
		return false;
	return a->sa.any.sa_family == AF_INET
		       ? a->sa.v4.sin_addr.s_addr == b->sa.v4.sin_addr.s_addr
		       : IN6_ARE_ADDR_EQUAL(&a->sa.v6.sin6_addr, &b->sa.v6.sin6_addr);
}

bool domains_have(const struct domains *domains, struct str host)
{
	struct sip_addr address;

	if (read_address(host, &address)) {
		for (size_t i = 0; i < domains->n_addresses; i++)
			if (same_host(&address, &domains->addresses[i]))
				return true;
		return false;
	}
	if (str_ends(host, STR("."))) /* the root, RFC 1034 §3.1 */
		host = str_head(host, host.n - 1);
	for (size_t i = 0; i < domains->n_names; i++)
		if (str_ieq(host, str_of(domains->names[i])))
			return true;
	return false;
}

bool domains_is_listener(const struct domains *domains, struct str host, uint16_t port)
{
	if (!domains_have(domains, host))
		return false;
	if (port == 0)
		port = 5060;
	for (size_t i = 0; i < domains->n_addresses; i++)
		if (sip_addr_port(&domains->addresses[i]) == port)
			return true;
	return false;
}

bool domains_host_is_local(struct str host)
{
	struct sip_addr address;

	if (!read_address(host, &address))
		return str_ieq(host, STR("localhost")) || str_ieq(host, STR("localhost."));
	if (address.sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&address.sa.v6.sin6_addr))
		return true;
	if (address.sa.any.sa_family == AF_INET &&
	    ntohl(address.sa.v4.sin_addr.s_addr) >> 16 == 0xa9fe) /* 169.254/16 */
		return true;
	return sip_addr_is_loopback(&address);
}
