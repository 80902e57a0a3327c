/* calls_fixture.h: all calls of a gateway, a page and two phones, over a network in memory
 * and a clock of our own (two_net). The account and the registrar are stand-ins that answer when the
 * test says so. A phone calls. */
#pragma once

#include "gateway/calls.h"
#include "gateway/domains.h"
#include "gateway/log.h"
#include "gateway/registrar.h"
#include "gateway/trace.h"
#include "tests/gateway/legs/two_legs.h"

struct fixture {
	struct sip_endpoint *endpoint;
	struct config *config;
	struct domains *domains;
	struct traces *traces;
	struct calls *calls;
	unsigned emptied; /* on_empty() came */
};

extern struct fake_flow page, phone, other;

bool make(struct fixture *f);
void unmake(struct fixture *f); /* ends the program if anything is left */
void on_empty(void *fixture);

/* Was anybody asked about an account? And the answer. */
bool account_asked(void);
void account_is(const char *user);
/* The answer to the latest question where a user is, and how many are open. */
void registrar_says(unsigned status, const struct registrar_binding *bindings, size_t n);
size_t finds_open(void);
/* The page's contact, and the calling phone's. */
const struct registrar_binding *at_page(void);

/* The phone calls; the page is the callee. `more` follows the 8 of the m-line. */
void invite_with(unsigned number, const char *to, unsigned hops, const char *more);
void invite(unsigned number, const char *to, unsigned hops);
void cancel(unsigned number);
