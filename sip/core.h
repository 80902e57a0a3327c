/* core.h: the inside of the endpoint, for the files of this folder only. */
#pragma once

#include "sip/endpoint.h"
#include "sip/hash.h"

enum {
	SIP_T1_MS = 500, /* RFC 3261 §17.1.1.1 */
	SIP_T2_MS = 4000,
	SIP_T4_MS = 5000,
	SIP_GIVE_UP_MS = 64 * SIP_T1_MS, /* timers B, F, H, J, L, M */
	SIP_TRYING_MS = 200,		 /* §17.2.1: 100 if the user says nothing */
	SIP_TAG_CHARS = 24,		 /* 120 random bits */
	SIP_BRANCH_CHARS = 7 + 24,
	SIP_FLOW_BUCKETS = 4096,
	SIP_MAX_TRANSACTIONS = 20000,
};

struct sip_endpoint {
	const struct sip_endpoint_events *events;
	void *arg;
	char *agent, *server; /* complete header lines */
	void (*random)(void *bytes, size_t n);
	uint8_t stock[256]; /* of random octets, stock_n not used yet */
	size_t stock_n;
	struct timers timers;
	char *scratch; /* SIP_MAX_MESSAGE bytes, to print into */

	uint64_t last_flow_id;
	struct sip_flow *flows;
	struct sip_flow *flow_buckets[SIP_FLOW_BUCKETS];

	size_t n_transactions, max_transactions;
	struct sip_tx *transactions; /* all, also those only owed an answer */
	struct hash clients;	     /* branch, method */
	struct hash servers;	     /* RFC 3261 §17.2.3 */
	struct hash merged;	     /* §8.2.2.2 */
	struct hash dialogs;	     /* Call-ID, our tag */
};

/* Sends and traces one message. 0, or the transport's error; -EPIPE for NULL
 * and for a flow that closed. */
int sip_endpoint_send(struct sip_endpoint *endpoint, struct sip_flow *flow, struct str message,
		      struct str call_id);

/* Prints into the scratch memory; *out is good until the next print. 0 or
 * -EMSGSIZE. User-Agent or Server is added. */
struct sip_request_parts;
int sip_endpoint_print_request(struct sip_endpoint *endpoint, struct sip_flow *flow,
			       const struct sip_request_parts *parts, struct str *out);
int sip_endpoint_print_response(struct sip_endpoint *endpoint, struct sip_flow *flow,
				const struct sip_msg *request, const struct sip_answer *answer,
				struct str to_tag, struct str *out);

/* A fresh branch with the magic cookie (§8.1.1.7); `mem` has SIP_BRANCH_CHARS + 1. */
struct str sip_branch_make(struct sip_endpoint *endpoint, char *mem);

/* Answers without keeping anything (§8.2.7): the To tag is computed from the
 * request, so that a retransmission gets the same. Never for ACK. */
void sip_respond_stateless(struct sip_endpoint *endpoint, struct sip_flow *flow,
			   const struct sip_msg *request, const struct sip_answer *answer);
