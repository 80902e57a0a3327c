/* locations.c: see locations.h. */
#include "gateway/locations.h"

#include "sip/hash.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stddef.h>
#include <stdlib.h>

struct user {
	struct hash_node node;
	struct binding *bindings; /* newest first */
	size_t n, ghosts;	  /* n counts both */
	struct locations *locations;
	struct str name; /* lies in mem */
	char mem[];
};

struct locations {
	struct locations_config config;
	struct hash users;
	struct binding **flows; /* chains by flow id */
	size_t n;
};

enum { FLOW_CHAINS = 4096 };

int locations_new(const struct locations_config *config, struct locations **out)
{
	struct locations *locations = calloc(1, sizeof(*locations));
	uint64_t key[2];

	if (!locations)
		return -ENOMEM;
	locations->config = *config;
	locations->flows = calloc(FLOW_CHAINS, sizeof(struct binding *));
	if (!locations->flows || RAND_bytes((unsigned char *)key, sizeof(key)) != 1 ||
	    hash_init(&locations->users, key)) {
		free(locations->flows);
		free(locations);
		return -ENOMEM;
	}
	*out = locations;
	return 0;
}

static struct user *find(struct locations *locations, struct str name)
{
	struct hash_node *node = hash_first(&locations->users,
					    hash_of(&locations->users, &name, 1));

	for (; node; node = hash_next(node)) {
		struct user *user = HASH_OWNER(node, struct user, node);

		if (str_eq(user->name, name))
			return user;
	}
	return NULL;
}

static struct user *find_or_make(struct locations *locations, struct str name)
{
	struct user *user = find(locations, name);

	if (user)
		return user;
	user = calloc(1, sizeof(*user) + name.n + 1);
	if (!user)
		return NULL;
	memcpy(user->mem, name.p, name.n);
	user->name = (struct str){ user->mem, name.n };
	user->locations = locations;
	hash_put(&locations->users, &user->node, hash_of(&locations->users, &name, 1));
	return user;
}

static void drop_if_empty(struct locations *locations, struct user *user)
{
	if (user->bindings)
		return;
	hash_remove(&locations->users, &user->node);
	free(user);
}

static void leave_flow(struct binding *binding)
{
	if (!binding->flow_link)
		return;
	*binding->flow_link = binding->flow_next;
	if (binding->flow_next)
		binding->flow_next->flow_link = binding->flow_link;
	binding->flow_link = NULL;
	binding->flow_next = NULL;
	binding->at.flow = 0;
}

void locations_set_flow(struct locations *locations, struct binding *binding, uint64_t flow)
{
	struct binding **chain = &locations->flows[flow % FLOW_CHAINS];

	leave_flow(binding);
	if (flow == 0)
		return;
	binding->at.flow = binding->at.last_flow = flow;
	binding->flow_next = *chain;
	binding->flow_link = chain;
	if (*chain)
		(*chain)->flow_link = &binding->flow_next;
	*chain = binding;
}

/* Out of its user's list, and freed; the user stays. */
static void drop(struct locations *locations, struct binding *binding)
{
	struct user *user = binding->user;
	struct binding **at = &user->bindings;

	while (*at != binding)
		at = &(*at)->next;
	*at = binding->next;
	user->n--;
	user->ghosts -= binding->ghost;
	locations->n--;
	leave_flow(binding);
	timer_release(&binding->expiry, locations->config.timers);
	timer_release(&binding->keepalive, locations->config.timers);
	free(binding);
}

void locations_remove(struct locations *locations, struct binding *binding)
{
	struct user *user = binding->user;

	drop(locations, binding);
	drop_if_empty(locations, user);
}

void locations_free(struct locations *locations)
{
	if (!locations)
		return;
	for (size_t i = 0; i < locations->users.n_buckets; i++) {
		while (locations->users.buckets[i]) {
			struct user *user = HASH_OWNER(locations->users.buckets[i], struct user,
						       node);

			while (user->bindings)
				drop(locations, user->bindings);
			drop_if_empty(locations, user);
		}
	}
	hash_free(&locations->users);
	free(locations->flows);
	free(locations);
}

struct binding *locations_of(struct locations *locations, struct str name)
{
	struct user *user = find(locations, name);

	return user ? user->bindings : NULL;
}

size_t locations_count(struct locations *locations, struct str name)
{
	struct user *user = find(locations, name);

	return user ? user->n - user->ghosts : 0;
}

static struct str keep(char **mem, struct str text)
{
	struct str kept = { *mem, text.n };

	if (text.n)
		memcpy(*mem, text.p, text.n);
	*mem += text.n;
	return kept;
}

static struct binding *make(const struct location *location)
{
	struct binding *binding;
	char *mem;

	binding = calloc(1, sizeof(*binding) + location->contact.n + location->instance.n +
				    location->transport.n + location->local.n + location->remote.n +
				    location->call_id.n + location->user_agent.n + 1);
	if (!binding)
		return NULL;
	mem = binding->mem;
	binding->at = *location;
	binding->at.contact = keep(&mem, location->contact);
	binding->at.instance = keep(&mem, location->instance);
	binding->at.transport = keep(&mem, location->transport);
	binding->at.local = keep(&mem, location->local);
	binding->at.remote = keep(&mem, location->remote);
	binding->at.call_id = keep(&mem, location->call_id);
	binding->at.user_agent = keep(&mem, location->user_agent);
	return binding;
}

static void expired(void *arg)
{
	struct binding *binding = arg;

	locations_remove(binding->user->locations, binding);
}

static void keepalive_due(void *arg)
{
	struct binding *binding = arg;
	struct locations *locations = binding->user->locations;

	/* reserved, so it cannot fail */
	timer_start(&binding->keepalive, locations->config.timers, locations->config.keepalive_ms,
		    keepalive_due, binding);
	if (locations->config.on_keepalive)
		locations->config.on_keepalive(locations->config.arg, binding);
}

int locations_put(struct locations *locations, struct str name, const struct location *location,
		  struct binding *old, uint64_t now_ms, struct binding **out)
{
	struct timers *timers = locations->config.timers;
	uint64_t left_ms = location->expires_ms > now_ms ? location->expires_ms - now_ms : 0;
	struct binding *binding;
	struct user *user;

	/* `old` may be of this user only */
	if (locations->n >= locations->config.max && !old)
		return -ENOSPC;
	user = find_or_make(locations, name);
	if (!user)
		return -ENOMEM;
	binding = make(location);
	if (!binding || timer_reserve(&binding->expiry, timers) ||
	    timer_reserve(&binding->keepalive, timers)) {
		if (binding) {
			timer_release(&binding->expiry, timers);
			free(binding);
		}
		drop_if_empty(locations, user);
		return -ENOMEM;
	}
	binding->user = user;
	binding->next = user->bindings;
	user->bindings = binding;
	user->n++;
	locations->n++;
	binding->at.flow = 0;
	locations_set_flow(locations, binding, location->flow);
	timer_start(&binding->expiry, timers, left_ms, expired, binding);
	if (locations->config.keepalive_ms && str_eq(binding->at.transport, STR("UDP")))
		timer_start(&binding->keepalive, timers, locations->config.keepalive_ms,
			    keepalive_due, binding);
	if (old)
		drop(locations, old);
	if (out)
		*out = binding;
	return 0;
}

struct binding *locations_on(struct locations *locations, uint64_t flow)
{
	struct binding *binding = locations->flows[flow % FLOW_CHAINS];

	while (binding && binding->at.flow != flow)
		binding = binding->flow_next;
	return binding;
}

static void make_ghost(struct locations *locations, struct binding *binding)
{
	struct user *user = binding->user;

	binding->ghost = true;
	user->ghosts++;
	leave_flow(binding);
	timer_start(&binding->expiry, locations->config.timers, LOCATIONS_GHOST_MS, expired,
		    binding);
	if (user->ghosts <= LOCATIONS_GHOSTS)
		return;

	struct binding *oldest = NULL;

	for (struct binding *b = user->bindings; b; b = b->next)
		if (b->ghost)
			oldest = b;
	drop(locations, oldest);
}

void locations_flow_closed(struct locations *locations, uint64_t flow)
{
	struct binding *binding;

	while ((binding = locations_on(locations, flow))) {
		if (binding->at.web)
			make_ghost(locations, binding);
		else
			leave_flow(binding);
	}
}

struct binding *locations_match(struct locations *locations, struct str user, struct str contact,
				struct str instance, uint32_t reg_id)
{
	for (struct binding *b = locations_of(locations, user); b; b = b->next)
		if (str_eq(b->at.contact, contact) ||
		    (!str_empty(instance) && str_eq(b->at.instance, instance) &&
		     b->at.reg_id == reg_id))
			return b;
	return NULL;
}
