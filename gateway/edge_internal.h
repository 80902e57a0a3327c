/* edge_internal.h: shared by edge.c (REGISTER and the way back) and edge_pages.c (what
 * is known of each flow). */
#pragma once

#include "gateway/edge.h"
#include "gateway/guesses.h"
#include "sip/hash.h"

#include <stddef.h>

/* What a flow is known by; the flow's `user`. When the flow closes it stays as a
 * ghost for a while, to be recognised when the same page is back. */
struct page {
	struct edge *edge;
	struct hash_node node; /* by identity */
	uint64_t flow;
	char *identity;		  /* owned; NULL: no longer registered */
	char *contact, *instance; /* owned */
	char *routes_mem;	  /* owned: one after the other */
	struct str routes[EDGE_MOST_ROUTES];
	size_t n_routes;
	bool ghost;
	struct timer expiry;
	struct page *next, *prev;
};

struct edge {
	struct edge_config config;
	struct hash pages;
	struct guesses *guesses;
	struct page *first;
	size_t n_ghosts;
	struct ask *asks;
	size_t n_asks;
};

/* The flow's, made if there is none; NULL: no memory. */
struct page *edge_page_of(struct edge *edge, struct sip_flow *flow);
void edge_page_forget(struct page *page); /* registered no longer */
void edge_page_free(struct page *page);

/* It was accepted as `record` for so long. 0, -ENOMEM, -EMSGSIZE for too much
 * Service-Route; then it is not registered. */
int edge_page_register(struct page *page, const struct sip_msg *request,
		       const struct sip_msg *response, struct str record, uint32_t seconds);

/* Is it the page of another flow, come back? Its dialogs move to this one. */
void edge_page_find_former(struct edge *edge, struct page *page, struct sip_flow *flow);
