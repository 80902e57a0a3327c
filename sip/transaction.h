/* transaction.h: the four machines of RFC 3261 §17 with RFC 6026's accepted
 * state and RFC 4320's rules for other requests than INVITE.
 *
 * A machine is a table of rules; an event without a rule is ignored, as the RFC
 * says. The RFC's timers are two in each machine: *retransmit* (A, E, G and the
 * 100 that is due) and *deadline* (all others). Both have their place in the
 * heap from the start, so a transaction cannot get stuck for want of memory. */
#pragma once

#include "sip/core.h"

enum sip_tx_state {
	SIP_TX_CALLING,
	SIP_TX_TRYING,
	SIP_TX_PROCEEDING,
	SIP_TX_ACCEPTED,
	SIP_TX_COMPLETED,
	SIP_TX_CONFIRMED,
	SIP_TX_TERMINATED,
};

enum sip_tx_event {
	SIP_TX_GOT_1XX,
	SIP_TX_GOT_2XX,
	SIP_TX_GOT_FAILURE,
	SIP_TX_GOT_REQUEST, /* again */
	SIP_TX_GOT_ACK,
	SIP_TX_SEND_1XX,
	SIP_TX_SEND_2XX,
	SIP_TX_SEND_FAILURE,
	SIP_TX_RETRANSMIT,
	SIP_TX_DEADLINE,
	SIP_TX_TRANSPORT_FAILED,
};

struct sip_tx;

struct sip_tx_rule {
	enum sip_tx_state in;
	enum sip_tx_event on;
	void (*act)(struct sip_tx *tx, struct sip_msg *msg);
	enum sip_tx_state next;
};

/* The timers started on entry to a state. */
struct sip_tx_pace {
	enum sip_tx_state state;
	uint32_t resend_ms;	  /* 0: never */
	uint32_t most_ms;	  /* it doubles up to this */
	uint32_t give_up_ms;	  /* 0: never */
	bool at_once_if_reliable; /* give_up_ms counts as 0 there */
};

enum {
	SIP_TX_FOREVER = UINT32_MAX, /* most_ms: no ceiling */
	SIP_TX_ONCE = 0,	     /* most_ms: a single time, on any transport */
	SIP_TX_KEEP = UINT32_MAX,    /* give_up_ms: goes on from the state before */
};

struct sip_tx_machine {
	const struct sip_tx_rule *rules;
	size_t n_rules;
	const struct sip_tx_pace *paces;
	size_t n_paces;
	void (*forget)(struct sip_tx *tx);  /* out of the tables: it is over */
	void (*destroy)(struct sip_tx *tx); /* the rest of it, and the memory */
};

struct sip_tx {
	const struct sip_tx_machine *machine;
	enum sip_tx_state state;
	unsigned depth; /* functions of ours on the stack */
	bool owed;	/* the user still has to answer: not freed before */
	struct sip_endpoint *endpoint;
	struct sip_flow *flow;		    /* NULL once it closed */
	struct sip_tx *next, *prev;	    /* on the flow */
	struct sip_tx *all_next, *all_prev; /* in the endpoint */
	struct hash_node node;
	struct timer retransmit, deadline;
	uint32_t interval_ms, most_ms;
	struct sip_msg *request;	    /* what we sent, or what came */
	void (*destroy)(struct sip_tx *tx); /* the rest of it, and the memory */
};

/* --- the engine, for the two halves below --- */

/* 0 or -ENOMEM, and then nothing is kept. Takes a reference on `request`. */
int sip_tx_init(struct sip_tx *tx, const struct sip_tx_machine *machine, enum sip_tx_state state,
		struct sip_endpoint *endpoint, struct sip_flow *flow, struct sip_msg *request);
void sip_tx_fire(struct sip_tx *tx, enum sip_tx_event on, struct sip_msg *msg);
bool sip_tx_reacts(const struct sip_tx *tx, enum sip_tx_event on);
void sip_tx_start_deadline(struct sip_tx *tx, uint32_t in_ms);
void sip_tx_release(struct sip_tx *tx); /* frees it if it is over and nobody needs it */
void sip_tx_flow_closed(struct sip_tx *tx);
void sip_tx_free(struct sip_tx *tx); /* without a word to anybody */

/* --- client --- */

enum sip_tx_failure { SIP_TX_TIMED_OUT, SIP_TX_BROKEN };

enum { SIP_TX_MAX_FORKS = 16 }; /* 2xx of different tags answered for one INVITE */

struct sip_client_tx {
	struct sip_tx tx;
	const struct sip_client_tx_user *user;
	void *arg;
	enum { SIP_NOT_CANCELLED, SIP_CANCEL_WAITS, SIP_CANCEL_SENT } cancel;
	char *reason;			  /* value of Reason for the CANCEL; NULL: none */
	uint64_t known[SIP_TX_MAX_FORKS]; /* hashes of To tags whose 2xx was dealt with */
	size_t n_known;
};

struct sip_client_tx_user {
	/* Each provisional response, the final one, each 2xx to an INVITE. */
	void (*on_response)(void *arg, struct sip_client_tx *tx, struct sip_msg *response);
	/* Instead of a final response. */
	void (*on_failed)(void *arg, struct sip_client_tx *tx, enum sip_tx_failure why);
	/* Last: the pointer is good no longer. */
	void (*on_over)(void *arg, struct sip_client_tx *tx);
};

/* Sends a request (text with Via and a fresh branch). `user` may be NULL. 0,
 * -ENOMEM, -EMSGSIZE, -EPIPE; on an error nothing is called back. */
int sip_client_tx_start(struct sip_endpoint *endpoint, struct sip_flow *flow, struct str text,
			const struct sip_client_tx_user *user, void *arg,
			struct sip_client_tx **out);

/* An INVITE: sends CANCEL, now or after the first provisional response (§9.1). */
void sip_client_tx_cancel(struct sip_client_tx *tx, struct str reason);

/* Nobody listens any more. What still must be done for an INVITE (a 2xx gets
 * ACK and BYE) is done, for at most 64*T1 more. NULL is fine. */
void sip_client_tx_detach(struct sip_client_tx *tx);

/* An INVITE that is tried elsewhere: no more retransmissions; a late provisional
 * response gets CANCEL, a late 2xx ACK and BYE. NULL is fine. */
void sip_client_tx_abandon(struct sip_client_tx *tx);

/* True if a 2xx with that To tag was seen before, or too many others; remembers it. */
bool sip_client_tx_knows(struct sip_client_tx *tx, struct str to_tag);

struct sip_client_tx *sip_client_tx_find(struct sip_endpoint *endpoint,
					 const struct sip_msg *response);
void sip_client_tx_received(struct sip_client_tx *tx, struct sip_msg *response);

/* --- server --- */

struct sip_server_tx {
	struct sip_tx tx;
	const struct sip_server_tx_user *user;
	void *arg;
	struct hash_node merged;
	char to_tag[SIP_TAG_CHARS + 1]; /* of our answers */
	bool cancelled;
	char *sent; /* the last response */
	size_t n_sent;
	struct str outgoing; /* during a send */
	int err;	     /* of the last send */
};

struct sip_server_tx_user {
	void (*on_cancel)(void *arg, struct sip_msg *cancel);
	void (*on_failed)(void *arg); /* the flow broke before a final answer */
};

int sip_server_tx_start(struct sip_endpoint *endpoint, struct sip_flow *flow,
			struct sip_msg *request, struct sip_server_tx **out);

/* Who hears of CANCEL and failure until the final answer. */
void sip_server_tx_take(struct sip_server_tx *tx, const struct sip_server_tx_user *user, void *arg);
bool sip_server_tx_answerable(const struct sip_server_tx *tx); /* no final answer, not broken */

/* Sends a printed answer. A final one discharges the user: `tx` must not be
 * used afterwards, whatever is returned. */
int sip_server_tx_send(struct sip_server_tx *tx, unsigned status, struct str text);
void sip_server_tx_repeat(struct sip_server_tx *tx); /* the last provisional response */
void sip_server_tx_cancel(struct sip_server_tx *tx, struct sip_msg *cancel);

/* The transaction a request belongs to: itself for a retransmission, the
 * INVITE's for its ACK and (with `of_cancel`) its CANCEL. NULL if there is none. */
struct sip_server_tx *sip_server_tx_find(struct sip_endpoint *endpoint,
					 const struct sip_msg *request, bool of_cancel);
/* Is this request already here by another path (§8.2.2.2)? */
bool sip_server_tx_is_merged(struct sip_endpoint *endpoint, const struct sip_msg *request);
