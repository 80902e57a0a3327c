/* registrar_internal.h: shared by registrar.c (its life, where users are found) and
 * registrar_register.c (REGISTER). */
#pragma once

#include "gateway/locations.h"
#include "gateway/registrar.h"
#include "gateway/registration.h"

struct storage_ask;

struct registrar {
	struct registrar_config config;
	struct registration_rules rules;
	struct locations *locations;
	struct pending *pending; /* REGISTERs that wait for the disk */
	size_t n_pending;
	struct registrar_find *finds;

	struct storage_ask *loading; /* NULL: not */
	void (*on_loaded)(void *arg, int err);
	void *load_arg;
};

struct pending {
	struct registrar *registrar;
	struct pending *next, **link;
	struct sip_server_tx *tx;
	struct sip_msg *request; /* a reference: the registration borrows from it */
	struct registration registration;
	struct storage_ask *ask;
};

uint64_t registrar_unix_ms(const struct registrar *registrar);
void registrar_pending_free(struct pending *pending);
