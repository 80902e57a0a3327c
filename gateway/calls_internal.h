/* calls_internal.h: shared by calls.c, calls_built_in.c and calls_central.c. */
#pragma once

#include "gateway/calls.h"
#include "gateway/edge.h"
#include "gateway/fork.h"
#include "gateway/registrar.h"

struct record {
	struct record *next, *prev;
	struct calls *calls;
	char id[CALL_ID_TEXT];
	char *user;	  /* of the caller, unescaped; owned */
	char *dialled;	  /* user part, unescaped; owned */
	uint64_t flow_id; /* of the caller */
	uint32_t max_forwards;

	struct leg *caller; /* until the call has it */
	bool caller_ready;
	bool given_up;		     /* nobody will be dialed */
	struct registrar_find *find; /* while asking */
	struct call *call;	     /* NULL before */

	/* central mode */
	struct leg *page;	     /* the caller, also when the call has it */
	struct leg *attempt;	     /* toward the registrar, likewise; NULL: from there */
	struct targets_walk targets; /* asked so far */
	uint64_t called;	     /* the flow of the page that is called; 0: none */
};

struct calls {
	struct calls_config config;
	struct sip_leg_shared shared;
	struct record *first;
	size_t n;
	bool refusing; /* no new ones */
	void (*on_empty)(void *arg);
	void *on_empty_arg;
};

void calls_refuse(struct sip_server_tx *tx, const struct cause *cause);

/* Makes a record and takes the INVITE; NULL: it has been refused. */
struct record *calls_begin(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request,
			   struct str user, struct str dialled);
void calls_give_up(struct record *r, const struct cause *cause);

/* The record's caller calls the fork, which is the call's from now on. */
void calls_dial(struct record *r, struct fork *fork);

/* calls_built_in.c: an INVITE in built-in mode; it is answered or a call, now or when the
 * database has told who it is. */
void calls_built_in_invite(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request);

/* calls_central.c: an INVITE in central mode; it is answered or a call. */
void calls_central_invite(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request);
/* True: it was one that a call of ours waited for. */
bool calls_central_retry(struct calls *calls, struct sip_server_tx *tx, struct sip_msg *request);
