/* registrar.c: its life, and where users are found. See registrar.h; REGISTER
 * itself is in registrar_register.c. */
#include "gateway/registrar_internal.h"

#include "gateway/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
	MIN_EXPIRES_S = 60,
	MAX_EXPIRES_S = 3600,
};

struct registrar_find {
	struct registrar *registrar;
	struct registrar_find *next, **link;
	struct storage_ask *ask;
	void (*on_found)(void *arg, unsigned status, const struct registrar_binding *bindings,
			 size_t n);
	void *arg;
	char user[AUTH_MAX_USER + 1];
};

static uint64_t system_ms(void *arg)
{
	struct timespec now;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t registrar_unix_ms(const struct registrar *registrar)
{
	return registrar->config.unix_ms(registrar->config.arg);
}

/* The open flow to a binding, made again for a UDP phone; NULL if there is none. */
static struct sip_flow *reach(struct registrar *registrar, struct binding *binding)
{
	struct sip_flow *flow = NULL;
	struct sip_addr local, remote;

	if (binding->at.flow)
		flow = sip_flow_find(registrar->config.endpoint, binding->at.flow);
	if (flow || binding->at.web || !registrar->config.open_flow)
		return flow;
	if (sip_addr_parse(binding->at.local, 0, &local) ||
	    sip_addr_parse(binding->at.remote, 0, &remote) ||
	    registrar->config.open_flow(registrar->config.arg, binding->at.transport, &local,
					&remote, &flow))
		return NULL;
	locations_set_flow(registrar->locations, binding, flow->id);
	return flow;
}

/* Keeps the way through a phone's NAT open (RFC 5626 §4.4.1 in reverse). */
static void on_keepalive(void *arg, struct binding *binding)
{
	struct sip_flow *flow = reach(arg, binding);

	if (flow)
		flow->transport->send(flow, STR("\r\n\r\n"));
}

int registrar_new(const struct registrar_config *config, struct registrar **out)
{
	struct registrar *registrar = calloc(1, sizeof(*registrar));
	int err;

	if (!registrar)
		return -ENOMEM;
	registrar->config = *config;
	if (!config->unix_ms)
		registrar->config.unix_ms = system_ms;
	registrar->rules = (struct registration_rules){
		.domains = config->domains,
		.min_expires_s = config->min_expires_s ? config->min_expires_s : MIN_EXPIRES_S,
		.max_expires_s = config->max_expires_s ? config->max_expires_s : MAX_EXPIRES_S,
		.max_contacts = REGISTRAR_MAX_CONTACTS,
	};
	err = locations_new(
		&(struct locations_config){ .timers = sip_endpoint_timers(config->endpoint),
					    .keepalive_ms = REGISTRAR_KEEPALIVE_MS,
					    .on_keepalive = on_keepalive,
					    .arg = registrar,
					    .max = REGISTRAR_MAX_BINDINGS },
		&registrar->locations);
	if (err) {
		free(registrar);
		return err;
	}
	*out = registrar;
	return 0;
}

static void find_free(struct registrar_find *find)
{
	*find->link = find->next;
	if (find->next)
		find->next->link = find->link;
	free(find);
}

void registrar_free(struct registrar *registrar)
{
	if (!registrar)
		return;
	if (registrar->loading)
		storage_cancel(registrar->loading);
	while (registrar->pending) {
		storage_cancel(registrar->pending->ask);
		registrar_pending_free(registrar->pending);
	}
	while (registrar->finds)
		registrar_find_cancel(registrar->finds);
	locations_free(registrar->locations);
	free(registrar);
}

/* --- after a restart --- */

static void on_loaded(int err, const struct storage_registration *list, size_t n, void *arg)
{
	struct registrar *registrar = arg;
	uint64_t now_ms = registrar_unix_ms(registrar);

	registrar->loading = NULL;
	for (size_t i = 0; !err && i < n; i++) {
		struct location at = { .contact = list[i].contact,
				       .instance = list[i].instance,
				       .transport = list[i].transport,
				       .local = list[i].local,
				       .remote = list[i].remote,
				       .call_id = list[i].call_id,
				       .user_agent = list[i].user_agent,
				       .cseq = list[i].cseq,
				       .reg_id = list[i].reg_id,
				       .q = list[i].q,
				       .expires_ms = list[i].expires_s * 1000 };

		err = locations_put(registrar->locations, list[i].user, &at, NULL, now_ms, NULL);
	}
	registrar->on_loaded(registrar->load_arg, err);
}

int registrar_load(struct registrar *registrar, void (*loaded)(void *arg, int err), void *arg)
{
	registrar->on_loaded = loaded;
	registrar->load_arg = arg;
	return storage_registrations_load(registrar->config.storage,
					  registrar_unix_ms(registrar) / 1000, on_loaded, registrar,
					  &registrar->loading);
}

/* --- where is he? --- */

size_t registrar_lookup(struct registrar *registrar, struct str user,
			struct registrar_binding *bindings, size_t cap)
{
	size_t n = 0;

	for (struct binding *b = locations_of(registrar->locations, user); b && n < cap;
	     b = b->next) {
		struct sip_flow *flow = b->ghost ? NULL : reach(registrar, b);

		if (flow)
			bindings[n++] = (struct registrar_binding){ .contact = b->at.contact,
								    .flow = flow,
								    .instance = b->at.instance,
								    .web = b->at.web };
	}
	return n;
}

struct str registrar_flow_user(struct registrar *registrar, const struct sip_flow *flow)
{
	const bool lives = locations_on(registrar->locations, flow->id) != NULL;

	return lives ? auth_flow_user(flow) : STR("");
}

static void on_account(int err, const struct storage_account *account, void *arg)
{
	struct registrar_find *find = arg;
	struct registrar_find asked = *find;
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	/* he may have registered meanwhile */
	size_t n = registrar_lookup(asked.registrar, str_of(asked.user), bindings,
				    REGISTRAR_MAX_CONTACTS);

	(void)account;
	find_free(find);
	asked.on_found(asked.arg,
		       n		? 200
		       : err == 0	? 480
		       : err == -ENOENT ? 404
					: 500,
		       bindings, n);
}

int registrar_find(struct registrar *registrar, struct str user,
		   void (*on_found)(void *arg, unsigned status,
				    const struct registrar_binding *bindings, size_t n),
		   void *arg, struct registrar_find **out)
{
	struct registrar_binding bindings[REGISTRAR_MAX_CONTACTS];
	size_t n = registrar_lookup(registrar, user, bindings, REGISTRAR_MAX_CONTACTS);
	struct registrar_find *find;
	int err;

	if (n > 0 || user.n > AUTH_MAX_USER) {
		on_found(arg, n > 0 ? 200 : 404, bindings, n);
		return 0;
	}
	find = calloc(1, sizeof(*find));
	if (!find)
		return -ENOMEM;
	find->registrar = registrar;
	find->on_found = on_found;
	find->arg = arg;
	str_copy(user, find->user, sizeof(find->user));
	find->next = registrar->finds;
	find->link = &registrar->finds;
	if (find->next)
		find->next->link = &find->next;
	registrar->finds = find;
	err = storage_account_get(registrar->config.storage, user, on_account, find, &find->ask);
	if (err)
		find_free(find);
	else
		*out = find;
	return err;
}

void registrar_find_cancel(struct registrar_find *find)
{
	storage_cancel(find->ask);
	find_free(find);
}

void registrar_flow_closed(struct registrar *registrar, struct sip_flow *flow)
{
	locations_flow_closed(registrar->locations, flow->id);
}
