/* resolve.c: see resolve.h. libuv forbids that c-ares closes a descriptor that is being
 * polled, so that a duplicate of each is. */
#include "sip/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { MOST_NAME = 253, TIMEOUT_MS = 1500, TRIES = 2 };

struct watch {
	uv_poll_t poll;
	struct sip_resolver *resolver;
	struct watch *next;
	ares_socket_t socket;
	int fd; /* the duplicate */
};

struct sip_resolver {
	uv_loop_t *loop;
	ares_channel channel;
	uv_timer_t timer;
	struct watch *watches;
	size_t open; /* handles that are not closed */
	bool closing;
	void (*on_closed)(void *arg);
	void *arg;
};

/* One host that SRV named, and its addresses. */
struct server {
	struct sip_query *query;
	char host[MOST_NAME + 1];
	uint16_t port, priority, weight;
	struct sip_addr found[SIP_RESOLVE_MOST];
	size_t n;
};

struct sip_query {
	struct sip_resolver *resolver;
	char host[MOST_NAME + 1];
	uint16_t default_port;
	void (*on_resolved)(void *arg, const struct sip_addr *list, size_t n, uint32_t ttl_s);
	void *arg;
	uint32_t ttl_s;	  /* of the records so far, the least */
	unsigned pending; /* answers that c-ares owes us, and our own hold */
	struct server servers[SIP_RESOLVE_MOST];
	size_t n_servers;
	struct sip_query **out; /* while sip_resolve() runs */
};

/* ---- c-ares on the loop ---- */

static void on_timer(uv_timer_t *timer);

static void wait_on(struct sip_resolver *r)
{
	struct timeval tv, *until;

	if (r->closing)
		return;
	until = ares_timeout(r->channel, NULL, &tv);
	if (until)
		uv_timer_start(&r->timer, on_timer,
			       (uint64_t)until->tv_sec * 1000 + (uint64_t)until->tv_usec / 1000 + 1,
			       0);
	else
		uv_timer_stop(&r->timer);
}

static void on_timer(uv_timer_t *timer)
{
	struct sip_resolver *r = timer->data;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	wait_on(r);
}

static void closed_one(struct sip_resolver *r)
{
	void (*on_closed)(void *) = r->on_closed;
	void *arg = r->arg;

	if (--r->open > 0 || !r->closing)
		return;
	free(r);
	if (on_closed)
		on_closed(arg);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;
	struct sip_resolver *r = watch->resolver;

	close(watch->fd);
	free(watch);
	closed_one(r);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct sip_resolver *r = watch->resolver;
	ares_socket_t socket = watch->socket;

	if (status < 0)
		events = UV_READABLE | UV_WRITABLE;
	ares_process_fd(r->channel, events & UV_READABLE ? socket : ARES_SOCKET_BAD,
			events & UV_WRITABLE ? socket : ARES_SOCKET_BAD);
	wait_on(r);
}

static void unwatch(struct sip_resolver *r, ares_socket_t socket)
{
	for (struct watch **at = &r->watches; *at; at = &(*at)->next) {
		struct watch *watch = *at;

		if (watch->socket != socket)
			continue;
		*at = watch->next;
		uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
		return;
	}
}

static struct watch *watch_new(struct sip_resolver *r, ares_socket_t socket)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->resolver = r;
	watch->socket = socket;
	watch->fd = dup(socket);
	watch->poll.data = watch;
	if (watch->fd < 0 || uv_poll_init(r->loop, &watch->poll, watch->fd) != 0) {
		if (watch->fd >= 0)
			close(watch->fd);
		free(watch); /* the question times out */
		return NULL;
	}
	watch->next = r->watches;
	r->watches = watch;
	r->open++;
	return watch;
}

static void on_socket(void *arg, ares_socket_t socket, int readable, int writable)
{
	struct sip_resolver *r = arg;
	struct watch *watch = r->watches;

	if (!readable && !writable) {
		unwatch(r, socket);
		return;
	}
	while (watch && watch->socket != socket)
		watch = watch->next;
	if (!watch)
		watch = watch_new(r, socket);
	if (watch)
		uv_poll_start(&watch->poll,
			      (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0), on_poll);
}

int sip_resolver_new(uv_loop_t *loop, const char *servers, struct sip_resolver **out)
{
	struct sip_resolver *r = calloc(1, sizeof(*r));
	struct ares_options options = { .timeout = TIMEOUT_MS,
					.tries = TRIES,
					.sock_state_cb = on_socket,
					.sock_state_cb_data = r };
	int wrong;

	if (!r)
		return -ENOMEM;
	r->loop = loop;
	wrong = ares_library_init(ARES_LIB_INIT_ALL);
	if (!wrong) {
		wrong = ares_init_options(&r->channel, &options,
					  ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
						  ARES_OPT_SOCK_STATE_CB);
		if (wrong)
			ares_library_cleanup();
	}
	if (wrong) {
		free(r);
		return wrong == ARES_ENOMEM ? -ENOMEM : -EIO;
	}
	uv_timer_init(loop, &r->timer);
	r->timer.data = r;
	r->open = 1;
	if (servers && ares_set_servers_ports_csv(r->channel, servers) != ARES_SUCCESS) {
		sip_resolver_close(r, NULL, NULL);
		return -EIO;
	}
	*out = r;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	closed_one(handle->data);
}

void sip_resolver_close(struct sip_resolver *r, void (*on_closed)(void *arg), void *arg)
{
	r->closing = true;
	r->on_closed = on_closed;
	r->arg = arg;
	ares_destroy(r->channel); /* ends all questions */
	ares_library_cleanup();
	while (r->watches)
		unwatch(r, r->watches->socket);
	uv_close((uv_handle_t *)&r->timer, on_timer_closed);
}

/* ---- one question ---- */

static void release(struct sip_query *q)
{
	struct sip_addr list[SIP_RESOLVE_MOST];
	size_t n = 0;

	if (--q->pending > 0)
		return;
	for (size_t i = 0; i < q->n_servers; i++)
		for (size_t j = 0; j < q->servers[i].n && n < SIP_RESOLVE_MOST; j++)
			list[n++] = q->servers[i].found[j];
	if (q->out)
		*q->out = NULL;
	if (q->on_resolved && !q->resolver->closing)
		q->on_resolved(q->arg, list, n, n ? q->ttl_s : 0);
	free(q);
}

static void keep_for(struct sip_query *q, uint32_t ttl_s)
{
	if (ttl_s < q->ttl_s)
		q->ttl_s = ttl_s;
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
	struct server *server = arg;

	(void)timeouts;
	for (struct ares_addrinfo_node *node = status == ARES_SUCCESS ? info->nodes : NULL;
	     node && server->n < SIP_RESOLVE_MOST; node = node->ai_next) {
		struct sip_addr *to = &server->found[server->n];

		*to = (struct sip_addr){ 0 };
		if (node->ai_family == AF_INET) {
			memcpy(&to->sa.v4, node->ai_addr, sizeof(to->sa.v4));
			to->sa.v4.sin_port = htons(server->port);
		} else if (node->ai_family == AF_INET6) {
			memcpy(&to->sa.v6, node->ai_addr, sizeof(to->sa.v6));
			to->sa.v6.sin6_port = htons(server->port);
		} else {
			continue;
		}
		keep_for(server->query, node->ai_ttl > 0 ? (uint32_t)node->ai_ttl : 0);
		server->n++;
	}
	if (info)
		ares_freeaddrinfo(info);
	release(server->query);
}

static void ask_addresses(struct sip_query *q)
{
	struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_flags = ARES_AI_NOSORT };

	for (size_t i = 0; i < q->n_servers; i++) {
		q->servers[i].query = q;
		q->pending++;
		ares_getaddrinfo(q->resolver->channel, q->servers[i].host, NULL, &hints,
				 on_addresses, &q->servers[i]);
	}
}

/* RFC 2782: by priority; within one, by lot, the heavier the likelier. */
static void order(struct server *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t best = list[i].priority, total = 0, lot = 0;
		size_t chosen = i;

		for (size_t j = i; j < n; j++)
			best = list[j].priority < best ? list[j].priority : best;
		for (size_t j = i; j < n; j++)
			total += list[j].priority == best ? list[j].weight + 1u : 0;
		if (getrandom(&lot, sizeof(lot), 0) != (ssize_t)sizeof(lot))
			lot = 0;
		lot %= total;
		for (size_t j = i; j < n; j++) {
			if (list[j].priority != best)
				continue;
			if (lot < list[j].weight + 1u) {
				chosen = j;
				break;
			}
			lot -= list[j].weight + 1u;
		}
		struct server swap = list[i];

		list[i] = list[chosen];
		list[chosen] = swap;
	}
}

/* What c-ares does not tell of SRV records. */
static void keep_for_srv(struct sip_query *q, const unsigned char *answer, int length)
{
	ns_msg msg;
	ns_rr record;

	if (ns_initparse(answer, length, &msg) != 0)
		return;
	for (int i = 0; i < ns_msg_count(msg, ns_s_an); i++)
		if (ns_parserr(&msg, ns_s_an, i, &record) == 0)
			keep_for(q, ns_rr_ttl(record));
}

static void on_srv(void *arg, int status, int timeouts, unsigned char *answer, int length)
{
	struct sip_query *q = arg;
	struct ares_srv_reply *list = NULL;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		ares_parse_srv_reply(answer, length, &list);
	if (list)
		keep_for_srv(q, answer, length);
	for (struct ares_srv_reply *one = list; one && q->n_servers < SIP_RESOLVE_MOST;
	     one = one->next) {
		struct server *server = &q->servers[q->n_servers];

		if (str_copy(str_of(one->host), server->host, sizeof(server->host)) != 0 ||
		    !server->host[0] || !one->port)
			continue;
		server->port = one->port;
		server->priority = one->priority;
		server->weight = one->weight;
		q->n_servers++;
	}
	if (list)
		ares_free_data(list);
	order(q->servers, q->n_servers);
	if (q->n_servers == 0) { /* RFC 3263 §4.2: no SRV, the name itself */
		memcpy(q->servers[0].host, q->host, sizeof(q->host));
		q->servers[0].port = q->default_port;
		q->n_servers = 1;
	}
	if (status != ARES_EDESTRUCTION)
		ask_addresses(q);
	release(q);
}

int sip_resolve(struct sip_resolver *r, const struct sip_query_config *config,
		struct sip_query **query)
{
	struct sip_query *q = calloc(1, sizeof(*q));
	char name[MOST_NAME + 16];

	if (!q)
		return -ENOMEM;
	if (str_empty(config->host) || str_copy(config->host, q->host, sizeof(q->host)) != 0) {
		free(q);
		return -EINVAL;
	}
	bool tls = strcmp(config->transport, "tls") == 0;

	q->default_port = tls ? 5061 : 5060;
	q->resolver = r;
	q->on_resolved = config->on_resolved;
	q->arg = config->arg;
	q->ttl_s = UINT32_MAX;
	q->pending = 1;
	q->out = query;
	*query = q;
	if (config->port) {
		memcpy(q->servers[0].host, q->host, sizeof(q->host));
		q->servers[0].port = config->port;
		q->n_servers = 1;
		ask_addresses(q);
	} else {
		snprintf(name, sizeof(name), "%s.%s",
			 tls					 ? "_sips._tcp"
			 : strcmp(config->transport, "tcp") == 0 ? "_sip._tcp"
								 : "_sip._udp",
			 q->host);
		q->pending++;
		ares_query(r->channel, name, ns_c_in, ns_t_srv, on_srv, q);
	}
	wait_on(r);
	if (q->pending > 1)
		q->out = NULL;
	release(q);
	return 0;
}

void sip_query_cancel(struct sip_query *query)
{
	if (query)
		query->on_resolved = NULL;
}
