/* invite_inside.h: the inside of struct sip_invite, for the invite_*.c files.
 *
 * invite.c holds what both roles share: birth and death, hanging up, and the
 * peer's requests. invite_caller.c and invite_callee.c bring it to TALKING;
 * invite_reoffer.c changes a session that talks; invite_request.c sends INFO
 * and the like. Each function entered from outside is bracketed by
 * sip_invite_hold() and sip_invite_drop(), so that the owner may free the
 * invite in any callback. */
#pragma once

#include "sip/dialog.h"
#include "sip/invite.h"
#include "sip/transaction.h"

enum sip_invite_state {
	SIP_INVITE_CALLING, /* caller */
	SIP_INVITE_RINGING,
	SIP_INVITE_OFFERED, /* callee */
	SIP_INVITE_ALERTING,
	SIP_INVITE_ANSWERED,
	SIP_INVITE_TALKING, /* both */
	SIP_INVITE_ENDING,
	SIP_INVITE_ENDED,
};

/* Whose re-INVITE or UPDATE is not answered yet. */
enum sip_exchange { SIP_EXCHANGE_NONE, SIP_EXCHANGE_OURS, SIP_EXCHANGE_THEIRS };

enum {
	SIP_PROGRESS_REPEAT_MS = 60000, /* RFC 3261 §13.3.1.1 */
	SIP_AUTH_ROUNDS = 2,
	SIP_INVITE_MAX_ASKED = 16, /* requests of ours without an answer */
	SIP_REOFFER_BUSY_MS = 100, /* our next try looks again whether the peer's is over */
	SIP_REOFFER_MOST_S = 10,   /* Retry-After that we follow (§14.2 has up to 10) */
};

struct sip_invite {
	struct sip_endpoint *endpoint;
	const struct sip_invite_events *events;
	void *arg;
	bool is_caller;
	enum sip_invite_state state;
	unsigned depth; /* functions of ours on the stack */
	bool freed;	/* by its owner, while depth > 0 */

	struct sip_dialog dialog;
	char *contact, *headers;
	struct sip_client_tx *calling; /* caller: the INVITE, until its transaction is over */
	struct sip_server_tx *offered; /* callee: the INVITE without a final answer */
	struct sip_client_tx *bye;

	char *ok; /* a 200 of ours that waits for its ACK */
	size_t n_ok;
	uint32_t ok_cseq, ok_interval_ms;
	uint64_t ok_until_ms;
	bool ok_offers; /* its ACK shall bring the answer */
	struct timer ok_timer;

	enum sip_exchange exchange;
	struct sip_client_tx *reoffering;
	struct sip_server_tx *reoffered; /* theirs; beside one of ours: kept until that is over */
	bool patient;			 /* sip_invite_config's keeps_crossing */
	struct sip_msg *later;		 /* what refused ours for now, told when `glare` is over */
	struct timer glare;

	struct sip_asked *asked; /* in invite_request.c */
	size_t n_asked;
	char *auth_user, *auth_password, *auth_realm;
	unsigned auth_rounds;

	struct timer silence; /* caller: nothing has been answered yet */
	uint32_t silent_ms;
	struct timer progress; /* the minute of the last 18x */
	struct timer deadline; /* of ENDING */
	struct timer ended;    /* tells an end found out within a verb */
	struct sip_end end;
};

/* --- invite.c --- */

int sip_invite_new(struct sip_endpoint *endpoint, const struct sip_invite_config *config,
		   struct sip_invite **out);
void sip_invite_hold(struct sip_invite *iv);
void sip_invite_drop(struct sip_invite *iv);
void sip_invite_enter(struct sip_invite *iv, enum sip_invite_state next); /* the only one */

/* The end, told at once; or, from within a verb, on the loop's next turn. Of
 * several ends the first counts. */
void sip_invite_finish(struct sip_invite *iv, enum sip_end_kind kind, unsigned status,
		       const struct sip_msg *msg);
void sip_invite_finish_later(struct sip_invite *iv, enum sip_end_kind kind, unsigned status);
/* The session cannot go on: a BYE nobody waits for, and the end. */
void sip_invite_break(struct sip_invite *iv, enum sip_end_kind kind, unsigned status,
		      const struct sip_msg *msg);
/* BYE; the end follows its answer. Only in state ENDING. */
void sip_invite_bye(struct sip_invite *iv, struct str headers);
/* sip_invite_config's headers and these; NULL: no memory. To be freed. */
char *sip_invite_headers(const struct sip_invite *iv, struct str more);
/* For sip_dialog_list(). */
void sip_invite_received(void *arg, struct sip_flow *flow, struct sip_server_tx *tx,
			 struct sip_msg *request);
/* Nothing for NULL. */
void sip_invite_answer_plainly(struct sip_server_tx *tx, unsigned status, const char *headers);

/* --- invite_callee.c --- */

/* Sends a 200 to an INVITE and repeats it until the ACK (§13.3.1.4). -ENOMEM
 * and -EMSGSIZE: nothing happened; any other error: `tx` is used up. */
int sip_invite_send_ok(struct sip_invite *iv, struct sip_server_tx *tx, struct str sdp);
void sip_invite_ok_done(struct sip_invite *iv);
void sip_invite_got_ack(struct sip_invite *iv, struct sip_msg *ack);
void sip_invite_confirm(struct sip_invite *iv, const struct sip_msg *request);

/* --- invite_reoffer.c --- */

void sip_invite_got_reoffer(struct sip_invite *iv, struct sip_server_tx *tx,
			    struct sip_msg *request);
void sip_invite_reoffer_done(struct sip_invite *iv); /* the session is over */

/* --- invite_request.c --- */

void sip_invite_asked_done(struct sip_invite *iv, bool tell);
