/* auth.c: see auth.h. */
#include "gateway/auth.h"

#include "gateway/log.h"
#include "gateway/retry_after.h"
#include "gateway/storage.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { CHALLENGE_BYTES = 2048 };

struct auth {
	struct auth_config config;
	struct question *questions;
	size_t n_questions;
	struct log_rate refusals;
};

/* One request whose account is being looked up. */
struct question {
	struct auth *auth;
	struct question *next, **link;
	struct sip_server_tx *tx;
	struct sip_msg *request; /* a reference: the credentials point into it */
	struct sip_credentials claimed;
	struct storage_ask *ask;
	void (*on_user)(void *arg, struct sip_server_tx *tx, struct sip_msg *request,
			struct str user);
	void *arg;
};

static uint64_t system_ms(void *arg)
{
	struct timespec now;

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t unix_ms(const struct auth *auth)
{
	return auth->config.unix_ms(auth->config.unix_arg);
}

int auth_new(const struct auth_config *config, struct auth **out)
{
	struct auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		return -ENOMEM;
	auth->config = *config;
	if (!auth->config.unix_ms)
		auth->config.unix_ms = system_ms;
	*out = auth;
	return 0;
}

static void question_free(struct question *question)
{
	*question->link = question->next;
	if (question->next)
		question->next->link = question->link;
	question->auth->n_questions--;
	sip_msg_unref(question->request);
	free(question);
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	while (auth->questions) {
		storage_cancel(auth->questions->ask);
		question_free(auth->questions);
	}
	free(auth);
}

static void challenge(struct auth *auth, struct sip_server_tx *tx, bool stale)
{
	char mem[CHALLENGE_BYTES];
	struct writer w;
	struct str lines;

	writer_init(&w, mem, sizeof(mem));
	sip_digest_challenge(auth->config.digest, unix_ms(auth), stale, &w);
	if (writer_end(&w, &lines))
		sip_respond(tx, &(struct sip_answer){ .status = 500 });
	else
		sip_respond(tx, &(struct sip_answer){ .status = 401, .headers = lines });
}

static void unavailable(struct sip_server_tx *tx)
{
	char mem[RETRY_AFTER_TEXT];

	sip_respond(tx, &(struct sip_answer){ .status = 503, .headers = retry_after(mem) });
}

static void log_refusal(struct auth *auth, struct sip_server_tx *tx, struct str user)
{
	const struct sip_flow *flow = sip_server_tx_flow(tx);
	char address[SIP_ADDR_TEXT];
	unsigned held_back = 0;

	if (flow && log_rate_allows(&auth->refusals, unix_ms(auth), &held_back))
		log_warn("auth: wrong user or password user=%s from=%.*s held_back=%u",
			 LOG_QUOTE(user), STR_ARG(sip_addr_print(&flow->remote, address)),
			 held_back);
}

/* The answer to a question; the same work and the same answer for a wrong
 * password and an unknown user. */
static void judge(struct question *question, const struct storage_account *account)
{
	struct auth *auth = question->auth;
	struct sip_server_tx *tx = question->tx;
	struct sip_ha1 ha1 = { 0 };
	bool usable = account &&
		      !str_copy(account->ha1_md5, ha1.hex[SIP_DIGEST_MD5], SIP_DIGEST_HEX + 1) &&
		      !str_copy(account->ha1_sha256, ha1.hex[SIP_DIGEST_SHA256],
				SIP_DIGEST_HEX + 1);
	int err = sip_digest_check(auth->config.digest, &question->claimed, question->request,
				   usable ? &ha1 : NULL);

	if (!sip_server_tx_flow(tx)) /* closed meanwhile: only discharges it */
		unavailable(tx);
	else if (err == 0)
		question->on_user(question->arg, tx, question->request, account->user);
	else if (err == -EAGAIN)
		challenge(auth, tx, true);
	else {
		log_refusal(auth, tx, question->claimed.username);
		challenge(auth, tx, false);
	}
}

static void on_account(int err, const struct storage_account *account, void *arg)
{
	struct question *question = arg;

	if (err && err != -ENOENT)
		unavailable(question->tx);
	else
		judge(question, err ? NULL : account);
	question_free(question);
}

static void ask(struct auth *auth, struct sip_server_tx *tx, struct sip_msg *request,
		const struct sip_credentials *claimed,
		void (*on_user)(void *arg, struct sip_server_tx *tx, struct sip_msg *request,
				struct str user),
		void *arg)
{
	struct question *question = auth->n_questions < AUTH_MAX_PENDING
					    ? calloc(1, sizeof(*question))
					    : NULL;

	if (!question) {
		unavailable(tx);
		return;
	}
	*question = (struct question){ .auth = auth,
				       .next = auth->questions,
				       .link = &auth->questions,
				       .tx = tx,
				       .request = sip_msg_ref(request),
				       .claimed = *claimed,
				       .on_user = on_user,
				       .arg = arg };
	if (question->next)
		question->next->link = &question->next;
	auth->questions = question;
	auth->n_questions++;

	if (claimed->username.n > AUTH_MAX_USER) {
		judge(question, NULL);
		question_free(question);
	} else if (storage_account_get(auth->config.storage, claimed->username, on_account,
				       question, &question->ask)) {
		unavailable(tx);
		question_free(question);
	}
}

void auth_request(struct auth *auth, struct sip_server_tx *tx, struct sip_msg *request,
		  void (*on_user)(void *arg, struct sip_server_tx *tx, struct sip_msg *request,
				  struct str user),
		  void *arg)
{
	const struct sip_flow *flow = sip_server_tx_flow(tx);
	struct str known = flow ? auth_flow_user(flow) : STR("");
	struct sip_credentials claimed;

	if (request->method != SIP_REGISTER && !str_empty(known)) {
		on_user(arg, tx, request, known);
		return;
	}
	switch (sip_digest_read(auth->config.digest, request, unix_ms(auth), &claimed)) {
	case SIP_DIGEST_ABSENT:
	case SIP_DIGEST_MALFORMED:
		challenge(auth, tx, false);
		break;
	case SIP_DIGEST_STALE:
		challenge(auth, tx, true);
		break;
	case SIP_DIGEST_CLAIMED:
		ask(auth, tx, request, &claimed, on_user, arg);
		break;
	}
}

struct str auth_flow_user(const struct sip_flow *flow)
{
	return flow->transport->web ? str_of(flow->user) : STR("");
}

int auth_flow_set_user(struct sip_flow *flow, struct str user)
{
	char *copy = NULL;

	if (!flow->transport->web || str_eq(str_of(flow->user), user))
		return 0;
	if (!str_empty(user)) {
		copy = str_dup(user);
		if (!copy)
			return -ENOMEM;
	}
	free(flow->user);
	flow->user = copy;
	return 0;
}

void auth_flow_closed(struct auth *auth, struct sip_flow *flow)
{
	(void)auth;
	if (!flow->transport->web)
		return;
	free(flow->user);
	flow->user = NULL;
}
