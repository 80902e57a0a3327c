/* dialog.h: what two ends know of each other (RFC 3261 §12): tags, CSeq in both
 * directions, the remote target and the route set. Its texts borrow from the
 * messages they came in, which it holds. */
#pragma once

#include "sip/print.h"
#include "sip/core.h"

struct sip_server_tx;
struct sip_client_tx;
struct sip_client_tx_user;

struct sip_dialog {
	struct sip_endpoint *endpoint;
	/* A request of the peer within the dialog; tx is NULL for ACK, and for a
	 * BYE that was answered already. */
	void (*on_request)(void *arg, struct sip_flow *flow, struct sip_server_tx *tx,
			   struct sip_msg *request);
	void *arg;
	struct hash_node node;		/* Call-ID and our tag */
	struct sip_flow *flow;		/* NULL once it closed */
	struct sip_dialog *next, *prev; /* on the flow */
	struct sip_addr peer;		/* of the last flow, once it closed */
	bool may_reopen;		/* it was not a browser's */

	struct sip_msg *first;	     /* the INVITE, sent or received */
	struct sip_msg *established; /* caller: the response with tag and routes */
	struct sip_msg *refreshed;   /* the last message with a Contact */
	char *local_mem;	     /* callee: To with our tag */

	struct str call_id;
	struct str local, remote; /* whole From and To of our requests */
	struct str local_tag, remote_tag;
	struct str target; /* Request-URI of our requests */
	struct str routes[SIP_MAX_ROUTES];
	size_t n_routes;
	uint32_t local_cseq, remote_cseq;
	bool heard; /* remote_cseq is one */
};

/* For our own INVITE. Nothing can fail. */
void sip_dialog_call(struct sip_dialog *d, struct sip_endpoint *endpoint, struct sip_flow *flow,
		     struct sip_msg *invite);
/* For an INVITE received, answered with that To tag. 0 or -ENOMEM. */
int sip_dialog_answer(struct sip_dialog *d, struct sip_endpoint *endpoint, struct sip_flow *flow,
		      struct sip_msg *invite, struct str to_tag);
void sip_dialog_clear(struct sip_dialog *d);

/* Caller: takes tag, routes and target from a response (§12.1.2); a later one
 * replaces what was learnt, until the 2xx. */
void sip_dialog_learn(struct sip_dialog *d, struct sip_msg *response);
/* Takes the target from the Contact of a request or response, if it has one. */
void sip_dialog_refresh(struct sip_dialog *d, struct sip_msg *msg);
/* The peer's next request in order? Remembers its CSeq (§12.2.2). */
bool sip_dialog_in_order(struct sip_dialog *d, const struct sip_msg *request);

/* Requests of the peer find it from now on. */
void sip_dialog_list(struct sip_dialog *d,
		     void (*on_request)(void *arg, struct sip_flow *flow, struct sip_server_tx *tx,
					struct sip_msg *request),
		     void *arg);
void sip_dialog_move(struct sip_dialog *d, struct sip_flow *flow); /* may be NULL */

/* Is there a flow, or one to be had again? A connection that broke does not end a dialog:
 * the next request opens another to its next hop (§18), if that is where it was before, so
 * that nobody's Contact chooses whom we connect to. */
bool sip_dialog_reaches(struct sip_dialog *d);

/* Prints a request of ours; method, cseq, branch and what lies beyond the
 * dialog is taken from `parts`. As sip_endpoint_print_request(). */
int sip_dialog_print(struct sip_dialog *d, const struct sip_request_parts *parts, struct str *out);

/* The ACK to a 2xx (§13.2.2.4), the same each time it is sent. */
void sip_dialog_send_ack(struct sip_dialog *d, const struct sip_msg *invite);
/* A BYE; `user` may be NULL. As sip_client_tx_start(), but without memory for a
 * transaction it is sent once all the same. */
int sip_dialog_send_bye(struct sip_dialog *d, struct str headers,
			const struct sip_client_tx_user *user, void *arg,
			struct sip_client_tx **out);

/* The dialog a request with a To tag belongs to, or NULL. */
struct sip_dialog *sip_dialog_find(struct sip_endpoint *endpoint, const struct sip_msg *request);
/* Hands an ACK to its dialog; a stray one is dropped. */
void sip_dialog_ack(struct sip_endpoint *endpoint, struct sip_flow *flow, struct sip_msg *ack);
