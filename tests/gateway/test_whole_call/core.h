/* core.h: the whole gateway but for its listeners: SIP endpoint, registrar with a real
 * database, calls, media workers. Its SIP flows are in memory, its media real. */
#pragma once

#include "gateway/auth.h"
#include "gateway/calls.h"
#include "gateway/domains.h"
#include "gateway/mailbox.h"
#include "gateway/registrar.h"
#include "gateway/storage.h"
#include "gateway/trace.h"
#include "tests/gateway/stage.h"
#include "tests/sip/fake_transport.h"

struct core {
	struct stage stage; /* loop, configuration, workers */
	struct fake_net *net;
	uint64_t started_ms;
	struct sip_endpoint *endpoint;
	struct mailbox *answers;
	struct storage *storage;
	struct sip_digest_server *digest;
	struct domains *domains;
	struct auth *auth;
	struct registrar *registrar;
	struct traces *traces;
	struct calls *calls;
	int loaded; /* 1: not yet */
	char folder[64], file[96];
};

/* With accounts 1000 (password pw1000) and 2000, a page_timeout of 1 s, and sessions
 * that call 300 ms silence. Ends the program when something
 * cannot be had. */
void core_open(struct core *core, struct fake_net *net);
void core_close(struct core *core); /* its flows are closed */

/* One turn of the loop, with the network in memory at the same time; the time. */
uint64_t core_turn(struct core *core);
void core_run(struct core *core, unsigned ms);

#define CORE_WAIT(core, what, ms)                                                                  \
	do {                                                                                       \
		uint64_t end_ = core_turn(core) + (ms);                                            \
		while (!(what) && core_turn(core) < end_)                                          \
			;                                                                          \
		CHECK(what);                                                                       \
	} while (0)
