/* turn.c: see turn.h. */
#include "gateway/turn.h"

#include "gateway/ice_servers.h"
#include "gateway/log.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>

struct turn {
	struct turn_config config;
	struct ice_servers servers;
	uint64_t boot; /* random: this run */
};

int turn_new(const struct turn_config *config, struct turn **out)
{
	const struct config *c = config->config;
	struct turn *turn;

	*out = NULL;
	if (!c->turn.secret)
		return 0;
	turn = calloc(1, sizeof(*turn));
	if (!turn)
		return -ENOMEM;
	turn->config = *config;
	turn->servers = (struct ice_servers){ .urls = (const char *const *)c->turn.urls.list,
					      .n_urls = c->turn.urls.n,
					      .secret = str_of(c->turn.secret),
					      .ttl_s = c->turn.ttl_s };
	if (RAND_bytes((unsigned char *)&turn->boot, sizeof(turn->boot)) != 1) {
		free(turn);
		return -EIO;
	}
	*out = turn;
	return 0;
}

void turn_free(struct turn *turn)
{
	free(turn);
}

static uint64_t unix_s(const struct turn *turn)
{
	return turn->config.unix_ms(turn->config.arg) / 1000;
}

void turn_put_header(const struct turn *turn, const struct sip_flow *flow, struct str user,
		     uint32_t expires_s, struct writer *headers)
{
	struct ice_claim claim;
	char token[ICE_TOKEN_TEXT];

	if (!turn || !flow->transport->web || ice_name(user, claim.name) != 0)
		return;
	claim.boot = turn->boot;
	claim.flow = flow->id;
	claim.until_s = unix_s(turn) + expires_s;
	if (ice_token_make(&turn->servers, &claim, token) == 0)
		writer_printf(headers, "Hookswitch-Token: %s\r\n", token);
}

static bool holds(const struct turn *turn, const struct ice_claim *claim)
{
	const struct sip_flow *flow;
	char name[ICE_MOST_NAME + 1];

	if (claim->boot != turn->boot)
		return unix_s(turn) < claim->until_s;
	flow = sip_flow_find(turn->config.endpoint, claim->flow);
	return flow && flow->open &&
	       ice_name(turn->config.user_of(turn->config.arg, flow), name) == 0 &&
	       strcmp(name, claim->name) == 0;
}

unsigned turn_answer(const struct turn *turn, struct str token, char *mem, size_t cap,
		     struct str *json)
{
	struct ice_claim claim;

	if (!turn)
		return 404;
	if (!ice_token_read(&turn->servers, token, &claim) || !holds(turn, &claim))
		return 401;
	if (ice_servers_print(&turn->servers, claim.name, unix_s(turn), mem, cap, json) != 0)
		return 503;
	log_debug("turn: credentials for user=%s ttl=%u", LOG_QUOTE(str_of(claim.name)),
		  turn->servers.ttl_s);
	return 200;
}
