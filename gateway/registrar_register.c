/* registrar_register.c: REGISTER (RFC 3261 §10.3).
 *
 *   REGISTER --> domain? --> who? (auth) --> read and judged (registration)
 *     page's contacts:   table --> 200
 *     phones' contacts:  database --> committed --> table --> 200
 */
#include "gateway/registrar_internal.h"

#include "gateway/auth.h"
#include "gateway/domains.h"
#include "gateway/log.h"
#include "gateway/retry_after.h"
#include "gateway/storage.h"

#include <errno.h>
#include <stdlib.h>

enum {
	ANSWER_BYTES = 16384,
	MAX_CHANGES = 2 * SIP_MAX_CONTACTS,
};

void registrar_pending_free(struct pending *pending)
{
	*pending->link = pending->next;
	if (pending->next)
		pending->next->link = pending->link;
	pending->registrar->n_pending--;
	sip_msg_unref(pending->request);
	free(pending);
}

/* --- answers --- */

static void refuse(struct sip_server_tx *tx, unsigned status, const char *reason)
{
	char mem[RETRY_AFTER_TEXT];

	sip_respond(tx,
		    &(struct sip_answer){ .status = status,
					  .reason = str_of(reason),
					  .headers = status == 503 ? retry_after(mem) : STR("") });
}

static void too_brief(const struct registrar *registrar, struct sip_server_tx *tx)
{
	char mem[64];
	struct writer w;
	struct str headers;

	writer_init(&w, mem, sizeof(mem));
	writer_printf(&w, "Min-Expires: %u\r\n", registrar->rules.min_expires_s);
	if (writer_end(&w, &headers) == 0)
		sip_respond(tx, &(struct sip_answer){ .status = 423, .headers = headers });
}

/* For a page that is registered by this request, or was before it. */
static void put_more(struct registrar *registrar, const struct sip_flow *flow, struct str user,
		     uint64_t now_ms, struct writer *w)
{
	uint64_t until_ms = 0;

	if (!flow || !registrar->config.put_headers)
		return;
	for (const struct binding *b = locations_on(registrar->locations, flow->id); b;
	     b = b->flow_next)
		if (b->at.expires_ms > until_ms)
			until_ms = b->at.expires_ms;
	if (until_ms > now_ms && str_eq(registrar_flow_user(registrar, flow), user))
		registrar->config.put_headers(registrar->config.arg, flow, user,
					      (uint32_t)((until_ms - now_ms) / 1000), w);
}

/* 200 with all current contacts (§10.3, step 8). */
static void accept_it(struct registrar *registrar, struct sip_server_tx *tx, struct str user)
{
	char mem[ANSWER_BYTES];
	uint64_t now_ms = registrar_unix_ms(registrar);
	struct writer w;
	struct str headers;

	writer_init(&w, mem, sizeof(mem));
	for (const struct binding *b = locations_of(registrar->locations, user); b; b = b->next) {
		uint64_t left_ms = b->at.expires_ms > now_ms ? b->at.expires_ms - now_ms : 0;

		if (b->ghost)
			continue;
		writer_put(&w, STR("Contact: <"));
		writer_put(&w, b->at.contact);
		writer_put(&w, STR(">"));
		if (!str_empty(b->at.instance)) {
			writer_put(&w, STR(";+sip.instance=\""));
			writer_put(&w, b->at.instance);
			writer_put(&w, STR("\""));
		}
		if (b->at.reg_id)
			writer_printf(&w, ";reg-id=%u", b->at.reg_id);
		writer_printf(&w, ";expires=%llu\r\n", (unsigned long long)(left_ms + 999) / 1000);
	}
	put_more(registrar, sip_server_tx_flow(tx), user, now_ms, &w);
	if (writer_end(&w, &headers))
		refuse(tx, 500, "Too many contacts");
	else
		sip_respond(tx, &(struct sip_answer){ .status = 200, .headers = headers });
}

/* --- making the changes --- */

static struct binding *matching(struct registrar *registrar, struct str user,
				const struct location *at)
{
	return locations_match(registrar->locations, user, at->contact, at->instance, at->reg_id);
}

/* The changes for the database; none when only pages are concerned. */
static size_t to_store(struct registrar *registrar, const struct registration *r,
		       struct storage_change changes[MAX_CHANGES])
{
	struct str user = str_of(r->user);
	size_t n = 0;

	if (r->remove_all) {
		changes[n++] = (struct storage_change){ .kind = STORAGE_REMOVE_ALL,
							.registration.user = user };
		return n;
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct location *at = &r->contacts[i].at;
		const struct binding *old = matching(registrar, user, at);
		bool put = r->contacts[i].expires_s > 0 && !r->web;

		if (old && !old->at.web && !(put && str_eq(old->at.contact, at->contact)))
			changes[n++] = (struct storage_change){
				.kind = STORAGE_REMOVE,
				.registration = { .user = user, .contact = old->at.contact },
			};
		if (!put)
			continue;
		changes[n++] = (struct storage_change){
			.kind = STORAGE_PUT,
			.registration = { .user = user,
					  .contact = at->contact,
					  .instance = at->instance,
					  .transport = at->transport,
					  .local = at->local,
					  .remote = at->remote,
					  .call_id = at->call_id,
					  .user_agent = at->user_agent,
					  .cseq = at->cseq,
					  .reg_id = at->reg_id,
					  .q = at->q,
					  .expires_s = registrar_unix_ms(registrar) / 1000 +
						       r->contacts[i].expires_s },
		};
	}
	return n;
}

static void remove_all(struct registrar *registrar, struct str user)
{
	struct binding *binding;

	while ((binding = locations_of(registrar->locations, user)))
		locations_remove(registrar->locations, binding);
}

/* A phone's contact leaves the database again; nobody waits for it. */
static void forget(struct registrar *registrar, struct str user, const struct location *at)
{
	if (!at->web)
		storage_registrations_write(
			registrar->config.storage,
			&(struct storage_change){
				.kind = STORAGE_REMOVE,
				.registration = { .user = user, .contact = at->contact },
			},
			1, NULL, NULL, NULL);
}

/* One contact into or out of the table; *moved_from gets the id of the flow it
 * was on before, if that is another one. */
static int apply_one(struct registrar *registrar, const struct registration *r, size_t i,
		     const struct sip_flow *flow, uint64_t *moved_from)
{
	struct location at = r->contacts[i].at;
	struct str user = str_of(r->user);
	struct binding *old = matching(registrar, user, &at);
	uint64_t before = old ? old->at.last_flow : 0;
	uint64_t now_ms = registrar_unix_ms(registrar);
	int err;

	if (r->contacts[i].expires_s == 0) {
		if (old)
			locations_remove(registrar->locations, old);
		return 0;
	}
	if (r->web && !flow)
		return 0;
	if (!old && locations_count(registrar->locations, user) >= REGISTRAR_MAX_CONTACTS) {
		forget(registrar, user, &at); /* others came while this one was written */
		return -ENOSPC;
	}
	at.expires_ms = now_ms + (uint64_t)r->contacts[i].expires_s * 1000;
	at.flow = flow ? flow->id : 0;
	err = locations_put(registrar->locations, user, &at, old, now_ms, NULL);
	if (!err && before && before != r->flow)
		*moved_from = before;
	return err;
}

/* A page is its account as long as it is registered on this flow. */
static int set_identity(struct registrar *registrar, struct sip_flow *flow, struct str user)
{
	if (!flow->transport->web)
		return 0;
	for (struct binding *b = locations_of(registrar->locations, user); b; b = b->next)
		if (b->at.flow == flow->id)
			return auth_flow_set_user(flow, user);
	return str_eq(auth_flow_user(flow), user) ? auth_flow_set_user(flow, STR("")) : 0;
}

static void apply(struct registrar *registrar, struct sip_server_tx *tx,
		  const struct registration *r)
{
	uint64_t moved_from[SIP_MAX_CONTACTS] = { 0 };
	struct sip_flow *flow = sip_server_tx_flow(tx);
	struct str user = str_of(r->user);
	int err = 0;

	if (r->remove_all)
		remove_all(registrar, user);
	for (size_t i = 0; !err && i < r->n; i++)
		err = apply_one(registrar, r, i, flow, &moved_from[i]);
	if (!err && flow && (r->n || r->remove_all))
		err = set_identity(registrar, flow, user);
	if (err)
		refuse(tx, 503, NULL);
	else
		accept_it(registrar, tx, user);
	if (!flow)
		return;
	for (size_t i = 0; i < r->n; i++)
		if (moved_from[i] && registrar->config.on_moved)
			registrar->config.on_moved(registrar->config.arg, moved_from[i], flow);
	if (!err && (r->n || r->remove_all) && registrar->config.on_registered)
		registrar->config.on_registered(registrar->config.arg, user, flow,
						locations_count(registrar->locations, user));
}

static void on_written(int err, void *arg)
{
	struct pending *pending = arg;

	if (err)
		refuse(pending->tx, 500, "Not stored");
	else
		apply(pending->registrar, pending->tx, &pending->registration);
	registrar_pending_free(pending);
}

static void store(struct registrar *registrar, struct sip_server_tx *tx, struct sip_msg *request,
		  const struct registration *r, const struct storage_change *changes, size_t n)
{
	struct pending *pending = registrar->n_pending < REGISTRAR_MAX_PENDING
					  ? malloc(sizeof(*pending))
					  : NULL;

	if (!pending) {
		refuse(tx, 503, NULL);
		return;
	}
	*pending = (struct pending){ .registrar = registrar,
				     .next = registrar->pending,
				     .link = &registrar->pending,
				     .tx = tx,
				     .request = sip_msg_ref(request),
				     .registration = *r };
	for (size_t i = 0; i < r->n; i++) { /* they borrowed from *r */
		pending->registration.contacts[i].at.local = str_of(pending->registration.local);
		pending->registration.contacts[i].at.remote = str_of(pending->registration.remote);
	}
	if (pending->next)
		pending->next->link = &pending->next;
	registrar->pending = pending;
	registrar->n_pending++;
	if (storage_registrations_write(registrar->config.storage, changes, n, on_written, pending,
					&pending->ask)) {
		refuse(tx, 503, NULL);
		registrar_pending_free(pending);
	}
}

static void on_user(void *arg, struct sip_server_tx *tx, struct sip_msg *request, struct str user)
{
	struct registrar *registrar = arg;
	struct storage_change changes[MAX_CHANGES];
	struct registration registration;
	struct registration_refusal refusal = registration_read(
		&registrar->rules, registrar->locations, request, user, sip_server_tx_flow(tx),
		&registration);

	if (refusal.status == 423) {
		too_brief(registrar, tx);
		return;
	}
	if (refusal.status) {
		log_info("registrar: refused user=%s status=%u reason=\"%s\"", LOG_QUOTE(user),
			 refusal.status, refusal.reason);
		refuse(tx, refusal.status, refusal.reason);
		return;
	}

	size_t n = to_store(registrar, &registration, changes);

	if (n > 0)
		store(registrar, tx, request, &registration, changes, n);
	else
		apply(registrar, tx, &registration);
}

void registrar_request(struct registrar *registrar, struct sip_server_tx *tx,
		       struct sip_msg *request)
{
	struct registration_refusal refusal = registration_domain(registrar->config.domains,
								  request);

	if (refusal.status)
		refuse(tx, refusal.status, refusal.reason);
	else
		auth_request(registrar->config.auth, tx, request, on_user, registrar);
}
