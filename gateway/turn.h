/* turn.h: TURN for the pages of this gateway: the token in the 200 to a REGISTER, and
 * the answer to GET /api/v1/ice-servers. Signalling loop.
 *
 * A token of this run holds as long as its page is registered on its flow. One of
 * another gateway with the same [turn] secret holds until the registration it came
 * with would have ended: behind a balancer, a page's requests need not arrive where
 * its WebSocket is. */
#pragma once

#include "gateway/config.h"
#include "sdp/writer.h"
#include "sip/endpoint.h"

struct turn;

struct turn_config {
	const struct config *config; /* borrowed for life */
	struct sip_endpoint *endpoint;
	uint64_t (*unix_ms)(void *arg);
	/* Who is registered on that web flow now; empty: nobody. */
	struct str (*user_of)(void *arg, const struct sip_flow *flow);
	void *arg;
};

/* *out is NULL when the configuration has no [turn]. 0, -ENOMEM or -EIO. */
int turn_new(const struct turn_config *config, struct turn **out);
void turn_free(struct turn *turn); /* NULL is fine */

/* Adds the token's header for a page that was registered for so long. Nothing without
 * [turn] (turn is NULL), for other flows, and for a user whose name is too long. */
void turn_put_header(const struct turn *turn, const struct sip_flow *flow, struct str user,
		     uint32_t expires_s, struct writer *headers);

/* 200 and the JSON in mem; 401 for a token that does not hold; 404 when turn is NULL. */
unsigned turn_answer(const struct turn *turn, struct str token, char *mem, size_t cap,
		     struct str *json);
