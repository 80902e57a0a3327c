/* edge_pages.c: what a browser's flow is known by; see edge.h. */
#include "gateway/edge_internal.h"

#include "sdp/writer.h"

#include <errno.h>
#include <stdlib.h>

void edge_page_forget(struct page *page)
{
	timer_stop(&page->expiry);
	hash_remove(&page->edge->pages, &page->node);
	free(page->identity);
	free(page->contact);
	free(page->instance);
	free(page->routes_mem);
	page->identity = page->contact = page->instance = page->routes_mem = NULL;
	page->n_routes = 0;
}

void edge_page_free(struct page *page)
{
	struct edge *e = page->edge;

	edge_page_forget(page);
	timer_release(&page->expiry, sip_endpoint_timers(e->config.endpoint));
	if (page->prev)
		page->prev->next = page->next;
	else
		e->first = page->next;
	if (page->next)
		page->next->prev = page->prev;
	e->n_ghosts -= page->ghost;
	free(page);
}

struct page *edge_page_of(struct edge *e, struct sip_flow *flow)
{
	struct page *page = flow->user;

	if (page)
		return page;
	page = calloc(1, sizeof(*page));
	if (!page)
		return NULL;
	if (timer_reserve(&page->expiry, sip_endpoint_timers(e->config.endpoint)) != 0) {
		free(page);
		return NULL;
	}
	page->edge = e;
	page->flow = flow->id;
	page->next = e->first;
	if (page->next)
		page->next->prev = page;
	e->first = page;
	flow->user = page;
	return page;
}

struct str edge_identity(const struct sip_flow *flow)
{
	const struct page *page = flow->transport->web ? flow->user : NULL;

	return page ? str_of(page->identity) : STR("");
}

const struct str *edge_routes(const struct sip_flow *flow, size_t *n)
{
	const struct page *page = flow->transport->web ? flow->user : NULL;

	*n = page ? page->n_routes : 0;
	return page ? page->routes : NULL;
}

static void on_ghost_over(void *arg)
{
	edge_page_free(arg);
}

static void on_expired(void *arg)
{
	edge_page_forget(arg);
}

void edge_flow_closed(struct edge *e, struct sip_flow *flow)
{
	struct page *page = flow->transport->web ? flow->user : NULL;

	if (!page)
		return;
	flow->user = NULL;
	if (!page->identity || e->n_ghosts >= EDGE_MOST_GHOSTS) {
		edge_page_free(page);
		return;
	}
	page->ghost = true;
	e->n_ghosts++;
	timer_start(&page->expiry, sip_endpoint_timers(e->config.endpoint), EDGE_GHOST_MS,
		    on_ghost_over, page);
}

static bool same_text(const char *a, const char *b)
{
	return a && b && *a && strcmp(a, b) == 0;
}

void edge_page_find_former(struct edge *e, struct page *page, struct sip_flow *flow)
{
	struct hash_node *node = hash_first(&e->pages, page->node.value), *next;

	for (; node; node = next) {
		struct page *former = HASH_OWNER(node, struct page, node);
		uint64_t from = former->flow;

		next = hash_next(node);
		if (former == page || !same_text(former->identity, page->identity) ||
		    !(same_text(former->instance, page->instance) ||
		      same_text(former->contact, page->contact)))
			continue;
		if (former->ghost)
			edge_page_free(former);
		if (e->config.on_moved)
			e->config.on_moved(e->config.arg, from, flow);
		return;
	}
}

static int keep_routes(struct page *page, const struct sip_msg *response)
{
	struct sip_walk walk = { 0 };
	struct str element;
	struct writer w;
	char *mem = malloc(SIP_MAX_FIELD);

	if (!mem)
		return -ENOMEM;
	writer_init(&w, mem, SIP_MAX_FIELD);
	page->n_routes = 0;
	while (sip_msg_walk(response, SIP_HEADER_SERVICE_ROUTE, &walk, &element)) {
		struct sip_name_addr addr;

		if (page->n_routes == EDGE_MOST_ROUTES ||
		    sip_name_addr_parse(element, &addr) != 0 || w.n + element.n > w.cap) {
			page->n_routes = 0;
			free(mem);
			return -EMSGSIZE;
		}
		page->routes[page->n_routes++] = (struct str){ mem + w.n, element.n };
		writer_put(&w, element);
	}
	page->routes_mem = mem;
	return 0;
}

static int name_page(struct page *page, const struct sip_msg *request, struct str record)
{
	struct sip_walk walk = { 0 };
	struct sip_name_addr contact = { 0 };
	struct str element, instance = STR("");

	if (sip_msg_walk(request, SIP_HEADER_CONTACT, &walk, &element) &&
	    sip_name_addr_parse(element, &contact) == 0)
		sip_param(contact.params, STR("+sip.instance"), &instance);
	page->identity = str_dup(record);
	page->contact = str_dup(contact.uri.text);
	page->instance = str_dup(instance);
	return page->identity && page->contact && page->instance ? 0 : -ENOMEM;
}

int edge_page_register(struct page *page, const struct sip_msg *request,
		       const struct sip_msg *response, struct str record, uint32_t seconds)
{
	struct edge *e = page->edge;
	int err = name_page(page, request, record);

	if (!err)
		err = keep_routes(page, response);
	if (err) {
		edge_page_forget(page);
		return err;
	}
	hash_put(&e->pages, &page->node, hash_of(&e->pages, &record, 1));
	timer_start(&page->expiry, sip_endpoint_timers(e->config.endpoint),
		    (uint64_t)seconds * 1000, on_expired, page);
	return 0;
}
