/* listeners.c: see listeners.h. */
#include "gateway/listeners.h"

#include "gateway/domains.h"
#include "gateway/log.h"
#include "gateway/web_server.h"
#include "sip/tcp.h"
#include "sip/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

enum { MOST_OWN = 5 * CONFIG_MAX_LIST };

struct listeners {
	uv_loop_t *loop;
	struct sip_endpoint *endpoint;
	const struct config *config;
	struct sip_udp *udp[CONFIG_MAX_LIST];
	size_t n_udp;
	struct sip_tcp *tcp[CONFIG_MAX_LIST];
	size_t n_tcp;
	struct sip_tcp *tls[CONFIG_MAX_LIST];
	size_t n_tls;
	struct sip_tls_context *tls_context;
	struct log_rate tls_failures;
	struct web_server *web;
	struct sdp_own own[MOST_OWN];
	size_t n_own;
};

static struct sip_addr addr_of(const struct config_address *from)
{
	struct sip_addr addr = { 0 };

	if (from->addr.ss_family == AF_INET6)
		memcpy(&addr.sa.v6, &from->addr, sizeof(addr.sa.v6));
	else
		memcpy(&addr.sa.v4, &from->addr, sizeof(addr.sa.v4));
	return addr;
}

static void add_own(struct listeners *l, const struct config_addresses *list)
{
	for (size_t i = 0; i < list->n && l->n_own < MOST_OWN; i++) {
		struct sip_addr addr = addr_of(&list->list[i]);
		struct sdp_own *own = &l->own[l->n_own];
		char mem[SIP_ADDR_TEXT];

		if (!sdp_ip_parse(sip_addr_print_host(&addr, mem), &own->ip))
			continue;
		if (sdp_ip_is_unspecified(&own->ip))
			own->ip.family = 0;
		own->first = own->last = sip_addr_port(&addr);
		l->n_own++;
	}
}

int listeners_new(uv_loop_t *loop, struct sip_endpoint *endpoint, const struct config *config,
		  struct listeners **out)
{
	struct listeners *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->loop = loop;
	l->endpoint = endpoint;
	l->config = config;
	add_own(l, &config->sip.udp);
	add_own(l, &config->sip.tcp);
	add_own(l, &config->sip.tls);
	add_own(l, &config->web.http);
	add_own(l, &config->web.https);
	*out = l;
	return 0;
}

/* A family that the machine lacks is no error when the address is only our default. */
static bool may_skip(const struct config_addresses *list, int err)
{
	return !list->chosen && (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL);
}

static int complain(const char *what, const struct config_address *address, int err)
{
	log_error("cannot listen on %s %s: %s", what, address->text,
		  err == -EADDRINUSE ? "another program has this port" : uv_strerror(err));
	return err;
}

static void on_tls_failed(void *arg, const struct sip_addr *remote, const char *why)
{
	struct listeners *l = arg;
	char mem[SIP_ADDR_TEXT];
	unsigned held_back = 0;

	if (log_rate_allows(&l->tls_failures, uv_now(l->loop), &held_back))
		log_warn("tls: closed: %s peer=%.*s held_back=%u", why,
			 STR_ARG(sip_addr_print(remote, mem)), held_back);
}

static int open_tls(struct listeners *l)
{
	const struct config_addresses *tls = &l->config->sip.tls;
	char why[512];
	int err;

	if (tls->n == 0)
		return 0;
	err = sip_tls_context_new(
		&(struct sip_tls_config){ .certificate = l->config->web.certificate,
					  .key = l->config->web.key,
					  .ca = l->config->sip.tls_ca },
		&l->tls_context, why, sizeof(why));
	if (err)
		log_error("SIP/TLS: %s", why);
	for (size_t i = 0; !err && i < tls->n; i++) {
		struct sip_addr addr = addr_of(&tls->list[i]);

		err = sip_tls_listen(l->endpoint, l->loop, &addr,
				     &(struct sip_tls){ .context = l->tls_context,
							.on_failed = on_tls_failed,
							.arg = l },
				     &l->tls[l->n_tls]);
		if (err)
			complain("SIP/TLS", &tls->list[i], err);
		else
			l->n_tls++;
	}
	return err;
}

static int open_sip(struct listeners *l)
{
	const struct config_addresses *udp = &l->config->sip.udp, *tcp = &l->config->sip.tcp;

	for (size_t i = 0; i < udp->n; i++) {
		struct sip_addr addr = addr_of(&udp->list[i]);
		int err = sip_udp_listen(l->endpoint, l->loop, &addr, &l->udp[l->n_udp]);

		if (err == 0)
			l->n_udp++;
		else if (!may_skip(udp, err))
			return complain("SIP/UDP", &udp->list[i], err);
	}
	for (size_t i = 0; i < tcp->n; i++) {
		struct sip_addr addr = addr_of(&tcp->list[i]);
		int err = sip_tcp_listen(l->endpoint, l->loop, &addr, &l->tcp[l->n_tcp]);

		if (err == 0)
			l->n_tcp++;
		else if (!may_skip(tcp, err))
			return complain("SIP/TCP", &tcp->list[i], err);
	}
	return open_tls(l);
}

static bool is_proxied(const struct config *config, bool tls)
{
	switch (config->web.proxy_protocol) {
	case CONFIG_PROXY_OFF:
		return false;
	case CONFIG_PROXY_ON:
		return true;
	case CONFIG_PROXY_HTTPS:
		return tls;
	case CONFIG_PROXY_HTTP:
		return !tls;
	}
	return false;
}

static size_t add_web(const struct config *config, bool tls, struct web_listener *list)
{
	const struct config_addresses *from = tls ? &config->web.https : &config->web.http;

	for (size_t i = 0; i < from->n; i++)
		list[i] = (struct web_listener){ .address = addr_of(&from->list[i]),
						 .tls = tls,
						 .proxied = is_proxied(config, tls),
						 .optional = !from->chosen };
	return from->n;
}

static int open_web(struct listeners *l, const struct listeners_hooks *hooks)
{
	const struct config *config = l->config;
	struct web_listener list[2 * CONFIG_MAX_LIST];
	size_t n = add_web(config, false, list);
	char why[256];
	int err;

	n += add_web(config, true, list + n);
	if (n == 0)
		return 0;
	err = web_server_new(
		&(struct web_server_config){
			.loop = l->loop,
			.endpoint = l->endpoint,
			.listeners = list,
			.n_listeners = n,
			.certificate = config->web.certificate,
			.key = config->web.key,
			.origins = (const char *const *)config->web.origins.list,
			.n_origins = config->web.origins.n,
			.root = config->web.root,
			.proxies = config->web.trusted_proxies.list,
			.n_proxies = config->web.trusted_proxies.n,
			.demo_json = config->web.demo_json,
			.is_ready = hooks->is_ready,
			.lets_in = hooks->lets_in,
			.ice_servers = hooks->ice_servers,
			.arg = hooks->arg,
		},
		&l->web, why, sizeof(why));
	if (err)
		log_error("%s", why);
	return err;
}

int listeners_open(struct listeners *listeners, const struct listeners_hooks *hooks)
{
	int err = open_sip(listeners);

	return err ? err : open_web(listeners, hooks);
}

void listeners_drain(struct listeners *listeners,
		     bool (*keep)(void *arg, const struct sip_flow *flow), void *arg)
{
	if (listeners->web)
		web_server_drain(listeners->web, keep, arg);
}

void listeners_close(struct listeners *listeners, void (*on_closed)(void *arg), void *arg)
{
	struct web_server *web = listeners->web;

	for (size_t i = 0; i < listeners->n_udp; i++)
		sip_udp_close(listeners->udp[i]);
	for (size_t i = 0; i < listeners->n_tcp; i++)
		sip_tcp_close(listeners->tcp[i]);
	for (size_t i = 0; i < listeners->n_tls; i++)
		sip_tcp_close(listeners->tls[i]);
	listeners->n_udp = listeners->n_tcp = listeners->n_tls = 0;
	listeners->web = NULL;
	if (web)
		web_server_close(web, on_closed, arg);
	else
		on_closed(arg);
}

void listeners_free(struct listeners *listeners)
{
	if (listeners)
		sip_tls_context_free(listeners->tls_context);
	free(listeners);
}

static struct sip_udp *udp_for(struct listeners *l, int family)
{
	for (size_t i = 0; i < l->n_udp; i++)
		if (sip_udp_local(l->udp[i])->sa.any.sa_family == family)
			return l->udp[i];
	return NULL;
}

static struct sip_tcp *tcp_for(struct sip_tcp *const *list, size_t n, int family)
{
	for (size_t i = 0; i < n; i++)
		if (sip_tcp_local(list[i])->sa.any.sa_family == family)
			return list[i];
	return NULL;
}

/* A URI's address literal and port. */
static int address_of(const struct sip_uri *uri, uint16_t default_port, struct sip_addr *addr)
{
	char text[SIP_ADDR_TEXT];
	struct writer w;
	struct str literal;

	writer_init(&w, text, sizeof(text));
	writer_put(&w, uri->host_is_ipv6 ? STR("[") : STR(""));
	writer_put(&w, uri->host);
	writer_put(&w, uri->host_is_ipv6 ? STR("]") : STR(""));
	writer_printf(&w, ":%u", uri->port ? uri->port : default_port);
	return writer_end(&w, &literal) == 0 && sip_addr_parse(literal, 0, addr) == 0 ? 0
										      : -EBADMSG;
}

int listeners_flow_to(struct listeners *listeners, const struct sip_uri *uri, struct str name,
		      struct sip_flow **out)
{
	struct str transport = STR("udp");
	struct sip_addr addr = { 0 };
	struct sip_tcp *tcp;

	sip_param(uri->params, STR("transport"), &transport);

	bool tls = str_ieq(transport, STR("tls"));

	if (address_of(uri, tls ? 5061 : 5060, &addr))
		return -EBADMSG;
	if (str_ieq(transport, STR("udp"))) {
		struct sip_udp *udp = udp_for(listeners, addr.sa.any.sa_family);

		return udp ? sip_udp_flow(udp, &addr, out) : -ENOTSUP;
	}
	if (tls) {
		tcp = tcp_for(listeners->tls, listeners->n_tls, addr.sa.any.sa_family);
		return tcp ? sip_tls_flow(tcp, &addr, str_empty(name) ? uri->host : name, out)
			   : -ENOTSUP;
	}
	tcp = tcp_for(listeners->tcp, listeners->n_tcp, addr.sa.any.sa_family);
	return tcp && str_ieq(transport, STR("tcp")) ? sip_tcp_flow(tcp, &addr, out) : -ENOTSUP;
}

int listeners_reopen(struct listeners *listeners, struct str transport,
		     const struct sip_addr *local, const struct sip_addr *remote,
		     struct sip_flow **out)
{
	struct sip_udp *udp = NULL;

	if (!str_ieq(transport, STR("UDP")))
		return -ENOENT;
	for (size_t i = 0; i < listeners->n_udp && !udp; i++)
		if (sip_addr_eq(sip_udp_local(listeners->udp[i]), local))
			udp = listeners->udp[i];
	if (!udp) /* the listener has another address than before */
		udp = udp_for(listeners, remote->sa.any.sa_family);
	return udp ? sip_udp_flow(udp, remote, out) : -ENOENT;
}

size_t listeners_pages(const struct listeners *listeners)
{
	return listeners->web ? web_server_flows(listeners->web) : 0;
}

const struct sdp_own *listeners_own(const struct listeners *listeners, size_t *n)
{
	*n = listeners->n_own;
	return listeners->own;
}

static size_t add_addresses(const struct config_addresses *from, struct sip_addr *list, size_t n,
			    bool *any)
{
	for (size_t i = 0; i < from->n && n < MOST_OWN; i++) {
		struct sip_addr addr = addr_of(&from->list[i]);
		char mem[SIP_ADDR_TEXT];
		struct sdp_ip ip;

		*any |= sdp_ip_parse(sip_addr_print_host(&addr, mem), &ip) &&
			sdp_ip_is_unspecified(&ip);
		list[n++] = addr;
	}
	return n;
}

/* Bound to all: every address of the machine is ours. */
static size_t add_machine(struct sip_addr *list, size_t n)
{
	uv_interface_address_t *machine;
	int count;

	if (uv_interface_addresses(&machine, &count) != 0)
		return n;
	for (int i = 0; i < count && n < MOST_OWN; i++) {
		if (machine[i].address.address4.sin_family == AF_INET)
			list[n++].sa.v4 = machine[i].address.address4;
		else if (machine[i].address.address6.sin6_family == AF_INET6)
			list[n++].sa.v6 = machine[i].address.address6;
	}
	uv_free_interface_addresses(machine, count);
	return n;
}

int listeners_domains(const struct config *config, struct domains **out)
{
	struct sip_addr list[MOST_OWN] = { 0 };
	bool any = false;
	size_t n = 0;

	n = add_addresses(&config->sip.udp, list, n, &any);
	n = add_addresses(&config->sip.tcp, list, n, &any);
	n = add_addresses(&config->sip.tls, list, n, &any);
	n = add_addresses(&config->web.http, list, n, &any);
	n = add_addresses(&config->web.https, list, n, &any);
	if (any)
		n = add_machine(list, n);
	return domains_new(
		&(struct domains_config){
			.realm = str_of(config->registrar.realm),
			.names = (const char *const *)config->sip.domains.list,
			.n_names = config->sip.domains.n,
			.addresses = list,
			.n_addresses = n,
		},
		out);
}
