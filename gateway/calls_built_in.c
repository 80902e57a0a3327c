/* calls_built_in.c: calls with the built-in registrar: the caller is authenticated, and
 * who is dialled is a phone of the configuration or a user, on all devices at once. */
#include "gateway/calls_internal.h"

#include "gateway/auth.h"
#include "gateway/domains.h"
#include "gateway/log.h"

static size_t count_of(const struct calls *calls, struct str user)
{
	size_t n = 0;

	for (const struct record *r = calls->first; r; r = r->next)
		n += str_eq(str_of(r->user), user);
	return n;
}

static void add_attempt(struct record *r, struct fork *fork, struct sip_flow *flow, struct str uri)
{
	struct calls *calls = r->calls;
	struct leg *attempt;

	if (sip_leg_to(&calls->shared,
		       &(struct sip_leg_target){
			       .flow = flow,
			       .uri = uri,
			       .from_user = str_of(r->user),
			       .to_user = str_of(r->dialled),
			       .near = r->caller->session,
			       .max_forwards = r->max_forwards - 1,
		       },
		       r->id, &attempt) != 0)
		return;
	if (fork_add(fork, attempt) != 0)
		attempt->ops->destroy(attempt);
}

/* Makes the fork that the attempts are added to; NULL: it was given up. */
static struct fork *make_fork(struct record *r)
{
	struct fork *fork;

	if (fork_new(sip_endpoint_timers(r->calls->config.endpoint), &fork) == 0)
		return fork;
	calls_give_up(r, &cause_failed);
	return NULL;
}

/* `nobody`: what the caller hears if there is no attempt in it. */
static void dial(struct record *r, struct fork *fork, const struct cause *nobody)
{
	if (fork_attempts(fork) > 0) {
		calls_dial(r, fork);
		return;
	}
	fork_leg(fork)->ops->destroy(fork_leg(fork));
	calls_give_up(r, nobody);
}

static void on_found(void *arg, unsigned status, const struct registrar_binding *bindings, size_t n)
{
	struct record *r = arg;
	struct fork *fork;

	r->find = NULL;
	if (r->given_up)
		return; /* the caller's leg is on its way out */
	if (status != 200) {
		calls_give_up(r, status == 404	 ? &cause_not_found
				 : status == 480 ? &cause_unavailable
						 : &cause_failed);
		return;
	}
	fork = make_fork(r);
	if (!fork)
		return;
	for (size_t i = 0; i < n; i++)
		if (bindings[i].flow->id != r->flow_id) /* not the phone that calls */
			add_attempt(r, fork, bindings[i].flow, bindings[i].contact);
	dial(r, fork, &cause_unavailable);
}

static const struct config_phone *phone_of(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->phones.n; i++)
		if (strcmp(config->phones.list[i].name, name) == 0)
			return &config->phones.list[i];
	return NULL;
}

static void dial_phone(struct record *r, const struct config_phone *phone)
{
	struct sip_flow *flow;
	struct sip_uri uri;
	struct fork *fork;

	if (sip_uri_parse(str_of(phone->contact), &uri) != 0 ||
	    r->calls->config.open_flow(r->calls->config.arg, &uri, &flow) != 0) {
		log_warn("call %s: phone %s cannot be reached at %s", r->id, phone->name,
			 phone->contact);
		calls_give_up(r, &cause_unavailable);
		return;
	}
	fork = make_fork(r);
	if (!fork)
		return;
	add_attempt(r, fork, flow, str_of(phone->contact));
	dial(r, fork, &cause_failed);
}

/* Who was dialled, unescaped into `mem`; false and *cause if that cannot be. */
static bool read_target(const struct calls *calls, const struct sip_msg *request, char *mem,
			size_t cap, struct str *out, struct cause *cause)
{
	*cause = cause_not_found;
	if (str_empty(request->uri.host) || !domains_have(calls->config.domains, request->uri.host))
		return false;
	if (sip_unescape(request->uri.user, mem, cap, out) != 0 || str_empty(*out))
		return false;
	return memchr(out->p, '\0', out->n) == NULL;
}

static void on_user(void *arg, struct sip_server_tx *tx, struct sip_msg *request, struct str user)
{
	struct calls *calls = arg;
	char mem[AUTH_MAX_USER];
	struct str dialled;
	struct cause cause;
	struct record *r;

	if (calls->refusing) {
		calls_refuse(tx, &cause_shutdown);
		return;
	}
	if (!read_target(calls, request, mem, sizeof(mem), &dialled, &cause)) {
		calls_refuse(tx, &cause);
		return;
	}
	if (count_of(calls, user) >= CALLS_MOST_PER_USER) {
		calls_refuse(tx,
			     &(struct cause){ .status = 486, .text = "Too many calls at a time" });
		return;
	}
	r = calls_begin(calls, tx, request, user, dialled);
	if (!r)
		return;

	const struct config_phone *phone = phone_of(calls->config.config, r->dialled);
	if (phone)
		dial_phone(r, phone);
	else if (registrar_find(calls->config.registrar, str_of(r->dialled), on_found, r,
				&r->find) != 0)
		calls_give_up(r, &cause_failed);
}

void calls_built_in_invite(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request)
{
	auth_request(calls->config.auth, tx, request, on_user, calls);
}
