/* domains.h: which host parts of a SIP URI mean us.
 *
 * The realm, `localhost`, every address we listen on, and the configured
 * domains. The account is the user part alone. */
#pragma once

#include "sip/transport.h"
#include "sip/uri.h"

struct domains;

struct domains_config {
	struct str realm;
	const char *const *names; /* [sip] domains */
	size_t n_names;
	const struct sip_addr
		*addresses; /* we listen on; 0.0.0.0 and [::]: list the machine's too */
	size_t n_addresses;
};

/* Everything is copied. 0 or -ENOMEM. */
int domains_new(const struct domains_config *config, struct domains **out);
void domains_free(struct domains *domains); /* NULL is fine */

/* Does this host (no brackets, any case) mean us, whatever the port? */
bool domains_have(const struct domains *domains, struct str host);

/* Does that host mean us, at a port we listen on (on any address)? For refusing
 * contacts that point at ourselves. Port 0 means 5060. */
bool domains_is_listener(const struct domains *domains, struct str host, uint16_t port);

/* Is it the machine itself or its link: a loopback or link-local address, or
 * "localhost"? Other machines' requests must not name one as theirs. */
bool domains_host_is_local(struct str host);
