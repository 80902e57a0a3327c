/* ice.c: see ice.h.
 *
 *   readable host socket ──► peek one datagram
 *        ├─ STUN, right ───► iterate libnice, which reads it (and what is behind it)
 *        ├─ STUN, wrong ───► read and dropped
 *        ├─ other, accepted sender ──► read by us, on_packet
 *        └─ other, stranger ─► read and dropped
 *
 * libnice's signals only set flags; events are called when no function of
 * libnice is on the stack (but on_packet for what libnice read). The agent is
 * taken down when nothing of ours is on the stack either (`depth`). */
#include "ice/ice.h"

#include "ice/bridge.h"
#include "ice/filter.h"
#include "ice/peers.h"
#include "ice/stun.h"

#include <nice/agent.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	COMPONENT = 1,
	MOST_DATAGRAM = 4096,  /* longer ones are no RTP of a browser: dropped */
	DATAGRAMS_A_TURN = 64, /* then other sessions of the loop have a turn */
	ITERATIONS_A_TURN = 16,
};

struct route {	/* where ice_send() sends, past libnice */
	int fd; /* ours; -1: use libnice */
	union ice_address to;
};

struct ice {
	uv_loop_t *loop;
	const struct ice_events *events;
	void *arg;
	union ice_address advertise;
	bool advertises;

	GMainContext *context;
	NiceAgent *agent;
	guint stream;
	struct bridge *bridge;
	int hosts[ICE_MOST_LOCAL]; /* libnice's descriptors of the host sockets */
	size_t n_hosts;

	char *local_ufrag, *local_pwd;
	char remote_ufrag[ICE_MOST_UFRAG + 1], remote_pwd[ICE_MOST_PWD + 1];
	struct ice_peers remotes;   /* candidates told */
	struct ice_peers senders;   /* sources of verified checks */
	union ice_address selected; /* the pair's remote end */
	bool has_selected;
	struct route route;

	bool gathered, reselected, failed; /* events not told yet */
	bool closing;
	int depth; /* functions of ours on the stack */

	uint64_t last_check_ms;
	struct ice_drops drops;
};

static _Thread_local uint8_t datagram[MOST_DATAGRAM];

/* ---- closing ---- */

static void on_bridge_closed(void *arg)
{
	struct ice *ice = arg;
	const struct ice_events *events = ice->events;
	void *user = ice->arg;

	g_free(ice->local_ufrag);
	g_free(ice->local_pwd);
	free(ice);
	if (events && events->on_closed)
		events->on_closed(user);
}

static void take_down(struct ice *ice)
{
	g_signal_handlers_disconnect_by_data(ice->agent, ice);
	nice_agent_remove_stream(ice->agent, ice->stream);
	g_object_unref(ice->agent);
	for (int i = 0; i < ITERATIONS_A_TURN && g_main_context_iteration(ice->context, FALSE); i++)
		;
	g_main_context_unref(ice->context);
	bridge_close(ice->bridge);
}

static void enter(struct ice *ice)
{
	ice->depth++;
}

static void leave(struct ice *ice)
{
	if (--ice->depth == 0 && ice->closing)
		take_down(ice);
}

void ice_close(struct ice *ice)
{
	if (!ice || ice->closing)
		return;
	enter(ice);
	ice->closing = true;
	leave(ice);
}

/* ---- events ---- */

static void find_route(struct ice *ice)
{
	NiceCandidate *local, *remote;
	GSocket *socket = nice_agent_get_selected_socket(ice->agent, ice->stream, COMPONENT);

	ice->route.fd = -1;
	if (!nice_agent_get_selected_pair(ice->agent, ice->stream, COMPONENT, &local, &remote))
		return;
	memset(&ice->selected, 0, sizeof(ice->selected));
	nice_address_copy_to_sockaddr(&remote->addr, &ice->selected.sa);
	ice->has_selected = true;
	/* NULL for a relayed pair */
	if (socket) {
		ice->route.fd = bridge_fd(ice->bridge, g_socket_get_fd(socket));
		ice->route.to = ice->selected;
	}
}

/* Calls what the signals left to say. */
static void tell(struct ice *ice)
{
	const struct ice_events *events = ice->events;

	if (ice->gathered && !ice->closing) {
		ice->gathered = false;
		if (events->on_gathered)
			events->on_gathered(ice->arg);
	}
	if (ice->reselected && !ice->closing) {
		ice->reselected = false;
		find_route(ice);
		if (ice->has_selected && events->on_connected)
			events->on_connected(ice->arg);
	}
	if (ice->failed && !ice->closing) {
		ice->failed = false;
		if (events->on_failed)
			events->on_failed(ice->arg);
	}
}

static void on_new_pair(NiceAgent *agent, guint stream, guint component, NiceCandidate *local,
			NiceCandidate *remote, gpointer arg)
{
	struct ice *ice = arg;

	(void)agent, (void)stream, (void)component, (void)local, (void)remote;
	ice->reselected = true;
	ice->failed = false;
	bridge_kick(ice->bridge);
}

static void on_state(NiceAgent *agent, guint stream, guint component, guint state, gpointer arg)
{
	struct ice *ice = arg;

	(void)agent, (void)stream, (void)component;
	ice->failed = state == NICE_COMPONENT_STATE_FAILED;
	if (ice->failed)
		bridge_kick(ice->bridge);
}

/* ---- packets ---- */

static bool accepted(const struct ice *ice, const union ice_address *from)
{
	return (ice->has_selected && ice_address_eq(&ice->selected, from)) ||
	       ice_peers_have(&ice->senders, from);
}

/* What libnice read behind a check. It tells no sender, but passes on only those
 * that a check of its own validated. */
static void on_nice_packet(NiceAgent *agent, guint stream, guint component, guint n, gchar *bytes,
			   gpointer arg)
{
	struct ice *ice = arg;

	(void)agent, (void)stream, (void)component;
	if (ice->closing)
		return;
	if (!ice->has_selected && ice->senders.n == 0) {
		ice->drops.stranger++;
		return;
	}
	if (n > 0 && !ice_stun_looks((uint8_t *)bytes, n) && ice->events->on_packet)
		ice->events->on_packet(ice->arg, (uint8_t *)bytes, n);
}

/* USERNAME of a check for us: "our ufrag:the peer's" (RFC 8445 §7.2.2). */
static bool for_us(const struct ice *ice, struct str username)
{
	struct str ours = str_of(ice->local_ufrag);

	return username.n > ours.n && username.p[ours.n] == ':' && str_starts(username, ours);
}

/* Whether libnice may see this message. */
static bool check_passes(struct ice *ice, const uint8_t *bytes, size_t n,
			 const union ice_address *from)
{
	struct ice_stun_message m;

	if (ice_stun_parse(bytes, n, &m) != 0 || m.method != 1)
		return false;
	switch (m.class) {
	case ICE_STUN_REQUEST:
		if (!m.has_fingerprint || !m.has_username || !for_us(ice, m.username) ||
		    !ice_stun_verify(bytes, &m, str_of(ice->local_pwd)))
			return false;
		ice_peers_add(&ice->senders, from); /* the ninth is not a sender; fine */
		break;
	case ICE_STUN_SUCCESS:
	case ICE_STUN_ERROR:
		if (!ice_stun_verify(bytes, &m, str_of(ice->remote_pwd)))
			return false;
		break;
	case ICE_STUN_INDICATION:
		return false; /* a keep-alive that proves nothing */
	}
	ice->last_check_ms = uv_now(ice->loop);
	return true;
}

/* Reads what stands before the next good check. True when libnice should read. */
static bool read_socket(struct ice *ice, int fd)
{
	for (int i = 0; i < DATAGRAMS_A_TURN && !ice->closing; i++) {
		union ice_address from;
		socklen_t from_size = sizeof(from);
		ssize_t n = recvfrom(fd, datagram, sizeof(datagram),
				     MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC, &from.sa, &from_size);

		if (n < 0)
			return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;

		bool fits = (size_t)n <= sizeof(datagram);
		if (fits && ice_stun_looks(datagram, (size_t)n)) {
			if (check_passes(ice, datagram, (size_t)n, &from))
				return true;
			ice->drops.stun++;
			fits = false;
		} else if (!accepted(ice, &from)) {
			ice->drops.stranger++;
			fits = false;
		}
		recv(fd, NULL, 0, MSG_DONTWAIT); /* takes it off the queue */
		if (fits && n > 0 && ice->events->on_packet)
			ice->events->on_packet(ice->arg, datagram, (size_t)n);
	}
	return false;
}

static bool is_host(const struct ice *ice, int original)
{
	for (size_t i = 0; i < ice->n_hosts; i++)
		if (ice->hosts[i] == original)
			return true;
	return false;
}

static void iterate(struct ice *ice)
{
	/* libnice reads every socket: let it find nothing we have not looked at. */
	for (size_t i = 0; i < ice->n_hosts && !ice->closing; i++) {
		int fd = bridge_fd(ice->bridge, ice->hosts[i]);

		if (fd >= 0)
			read_socket(ice, fd);
	}
	for (int i = 0; i < ITERATIONS_A_TURN && !ice->closing; i++)
		if (!g_main_context_iteration(ice->context, FALSE))
			break;
}

static void on_ready(void *arg, int original, int fd)
{
	struct ice *ice = arg;

	enter(ice);
	tell(ice);
	if (!ice->closing && (!is_host(ice, original) || read_socket(ice, fd)))
		iterate(ice);
	tell(ice);
	leave(ice);
}

static const struct bridge_events bridge_events = {
	.on_ready = on_ready,
	.on_closed = on_bridge_closed,
};

/* ---- making ---- */

/* RFC 8839 §5.4 */
static bool is_ice_text(const char *text, size_t least, size_t most)
{
	size_t n = strnlen(text, most + 1);

	if (n < least || n > most)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!g_ascii_isalnum(text[i]) && text[i] != '+' && text[i] != '/')
			return false;
	return true;
}

static bool are_credentials(const char *ufrag, const char *pwd)
{
	return is_ice_text(ufrag, 4, ICE_MOST_UFRAG) && is_ice_text(pwd, 22, ICE_MOST_PWD);
}

static void read_credentials(struct ice *ice)
{
	g_free(ice->local_ufrag);
	g_free(ice->local_pwd);
	ice->local_ufrag = ice->local_pwd = NULL;
	nice_agent_get_local_credentials(ice->agent, ice->stream, &ice->local_ufrag,
					 &ice->local_pwd);
}

static int add_addresses(struct ice *ice, const struct ice_config *config)
{
	for (size_t i = 0; i < config->n_addresses; i++) {
		NiceAddress address;

		nice_address_init(&address);
		if (!nice_address_set_from_string(&address, config->addresses[i]))
			return -EINVAL;
		nice_agent_add_local_address(ice->agent, &address);
	}
	return 0;
}

static int open_sockets(struct ice *ice)
{
	if (!nice_agent_gather_candidates(ice->agent, ice->stream))
		return -EADDRINUSE;

	int err = 0;
	GPtrArray *sockets = nice_agent_get_sockets(ice->agent, ice->stream, COMPONENT);
	for (guint i = 0; sockets && i < sockets->len && ice->n_hosts < ICE_MOST_LOCAL; i++) {
		int fd = g_socket_get_fd(g_ptr_array_index(sockets, i));

		err = ice_filter_attach(fd);
		if (err)
			break;
		ice->hosts[ice->n_hosts++] = fd;
	}
	if (sockets)
		g_ptr_array_unref(sockets);
	if (!err && ice->n_hosts == 0)
		err = -EADDRINUSE;
	return err;
}

static int make_agent(struct ice *ice, const struct ice_config *config)
{
	/* Trickle means: never give up for want of candidates. Regular nomination
	 * is RFC 8445's. Consent freshness stays off: a signed 403 would crash. */
	ice->agent = nice_agent_new_full(ice->context, NICE_COMPATIBILITY_RFC5245,
					 NICE_AGENT_OPTION_REGULAR_NOMINATION |
						 NICE_AGENT_OPTION_ICE_TRICKLE);
	g_object_set(ice->agent, "upnp", FALSE, "ice-tcp", FALSE, "controlling-mode",
		     (gboolean)config->controlling, "keepalive-conncheck", TRUE, NULL);

	ice->stream = nice_agent_add_stream(ice->agent, 1);
	int err = add_addresses(ice, config);
	if (err)
		return err;
	if (config->port_min || config->port_max)
		nice_agent_set_port_range(ice->agent, ice->stream, COMPONENT, config->port_min,
					  config->port_max);
	g_signal_connect(ice->agent, "new-selected-pair-full", G_CALLBACK(on_new_pair), ice);
	g_signal_connect(ice->agent, "component-state-changed", G_CALLBACK(on_state), ice);
	nice_agent_attach_recv(ice->agent, ice->stream, COMPONENT, ice->context, on_nice_packet,
			       ice);
	return open_sockets(ice);
}

static bool config_is_valid(const struct ice_config *config)
{
	if (!config->loop || !config->events || config->n_addresses < 1 ||
	    config->n_addresses > ICE_MOST_LOCAL || config->port_min > config->port_max)
		return false;
	for (size_t i = 0; i < config->n_addresses; i++)
		if (!config->addresses[i])
			return false;
	return true;
}

int ice_new(const struct ice_config *config, struct ice **out)
{
	struct ice *ice;
	int err;

	if (!config_is_valid(config))
		return -EINVAL;
	ice = calloc(1, sizeof(*ice));
	if (!ice)
		return -ENOMEM;
	ice->advertises = config->advertise != NULL;
	if (ice->advertises && ice_address_parse(config->advertise, 0, &ice->advertise)) {
		free(ice);
		return -EINVAL;
	}
	ice->loop = config->loop;
	ice->arg = config->arg;
	ice->route.fd = -1;
	ice->remotes.cap = ICE_MOST_REMOTE;
	ice->senders.cap = ICE_MOST_SENDERS;
	ice->context = g_main_context_new();
	err = bridge_new(config->loop, ice->context, &bridge_events, ice, &ice->bridge);
	if (err) {
		g_main_context_unref(ice->context);
		free(ice);
		return err;
	}
	err = make_agent(ice, config);
	if (!err)
		err = bridge_sync(ice->bridge);
	if (err) {
		ice_close(ice); /* without events, so nobody hears of it */
		return err;
	}
	read_credentials(ice);
	ice->events = config->events;
	ice->gathered = true;
	bridge_kick(ice->bridge);
	*out = ice;
	return 0;
}

/* ---- local and remote side ---- */

static enum ice_type type_of(NiceCandidateType type)
{
	switch (type) {
	case NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE:
		return ICE_SRFLX;
	case NICE_CANDIDATE_TYPE_PEER_REFLEXIVE:
		return ICE_PRFLX;
	case NICE_CANDIDATE_TYPE_RELAYED:
		return ICE_RELAY;
	case NICE_CANDIDATE_TYPE_HOST:
		break;
	}
	return ICE_HOST;
}

static NiceCandidateType nice_type_of(enum ice_type type)
{
	switch (type) {
	case ICE_SRFLX:
		return NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE;
	case ICE_PRFLX:
		return NICE_CANDIDATE_TYPE_PEER_REFLEXIVE;
	case ICE_RELAY:
		return NICE_CANDIDATE_TYPE_RELAYED;
	case ICE_HOST:
		break;
	}
	return NICE_CANDIDATE_TYPE_HOST;
}

static void print_candidate(const struct ice *ice, const NiceCandidate *from,
			    struct ice_candidate *to)
{
	union ice_address address;

	memset(to, 0, sizeof(*to));
	memset(&address, 0, sizeof(address));
	snprintf(to->foundation, sizeof(to->foundation), "%s", from->foundation);
	to->component = from->component_id;
	to->priority = from->priority;
	to->type = type_of(from->type);
	to->port = (uint16_t)nice_address_get_port(&from->addr);
	nice_address_copy_to_sockaddr(&from->addr, &address.sa);
	if (ice->advertises && ice->advertise.sa.sa_family == address.sa.sa_family)
		address = ice->advertise;
	getnameinfo(&address.sa, ice_address_size(&address), to->address, sizeof(to->address), NULL,
		    0, NI_NUMERICHOST);
}

void ice_get_local(const struct ice *ice, struct ice_local *local)
{
	GSList *list = nice_agent_get_local_candidates(ice->agent, ice->stream, COMPONENT);

	local->ufrag = ice->local_ufrag;
	local->pwd = ice->local_pwd;
	local->n = 0;
	for (GSList *item = list; item && local->n < ICE_MOST_LOCAL; item = item->next)
		print_candidate(ice, item->data, &local->candidates[local->n++]);
	g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
}

/* After a call into libnice: what changed in its context, what it has to say. */
static void settle(struct ice *ice)
{
	bridge_sync(ice->bridge);
	if (ice->reselected || ice->failed)
		bridge_kick(ice->bridge);
}

static void use_remote(struct ice *ice, const char *ufrag, const char *pwd)
{
	snprintf(ice->remote_ufrag, sizeof(ice->remote_ufrag), "%s", ufrag);
	snprintf(ice->remote_pwd, sizeof(ice->remote_pwd), "%s", pwd);
	nice_agent_set_remote_credentials(ice->agent, ice->stream, ufrag, pwd);
	/* No candidates, but checks that came early are looked at now. */
	nice_agent_set_remote_candidates(ice->agent, ice->stream, COMPONENT, NULL);
}

int ice_set_remote(struct ice *ice, const char *ufrag, const char *pwd)
{
	if (!are_credentials(ufrag, pwd))
		return -EBADMSG;
	if (ice->remote_ufrag[0])
		return strcmp(ufrag, ice->remote_ufrag) == 0 && strcmp(pwd, ice->remote_pwd) == 0
			       ? 0
			       : -EINVAL;
	enter(ice);
	use_remote(ice, ufrag, pwd);
	settle(ice);
	leave(ice);
	return 0;
}

int ice_add_remote(struct ice *ice, const struct ice_candidate *candidate)
{
	union ice_address address;
	int err;

	if (!ice->remote_ufrag[0])
		return -EINVAL;
	if (candidate->tcp || candidate->component != COMPONENT || candidate->priority == 0 ||
	    candidate->port == 0 || candidate->port == 9 ||
	    ice_address_parse(candidate->address, candidate->port, &address) != 0)
		return -ENOTSUP;
	if (ice_peers_have(&ice->remotes, &address))
		return 0;
	err = ice_peers_add(&ice->remotes, &address);
	if (err)
		return err;

	NiceCandidate *c = nice_candidate_new(nice_type_of(candidate->type));
	GSList list = { c, NULL };

	c->transport = NICE_CANDIDATE_TRANSPORT_UDP;
	c->stream_id = ice->stream;
	c->component_id = COMPONENT;
	c->priority = candidate->priority;
	snprintf(c->foundation, sizeof(c->foundation), "%s", candidate->foundation);
	nice_address_set_from_sockaddr(&c->addr, &address.sa);
	c->base_addr = c->addr;
	enter(ice);
	nice_agent_set_remote_candidates(ice->agent, ice->stream, COMPONENT, &list);
	settle(ice);
	leave(ice);
	nice_candidate_free(c);
	return 0;
}

bool ice_is_restart(const struct ice *ice, const char *ufrag, const char *pwd)
{
	return ice->remote_ufrag[0] && strcmp(ufrag, ice->remote_ufrag) != 0 &&
	       strcmp(pwd, ice->remote_pwd) != 0;
}

int ice_restart(struct ice *ice, const char *ufrag, const char *pwd)
{
	if ((ufrag == NULL) != (pwd == NULL))
		return -EINVAL;
	if (ufrag && !are_credentials(ufrag, pwd))
		return -EBADMSG;

	enter(ice);
	/* This first: it forgets credentials and candidates of the peer. */
	nice_agent_restart_stream(ice->agent, ice->stream);
	read_credentials(ice);
	ice->remotes.n = 0;
	ice->senders.n = 0;
	ice->remote_ufrag[0] = ice->remote_pwd[0] = '\0';
	if (ufrag)
		use_remote(ice, ufrag, pwd);
	settle(ice);
	leave(ice);
	return 0;
}

/* ---- sending ---- */

bool ice_connected(const struct ice *ice)
{
	return ice->has_selected;
}

int ice_send(struct ice *ice, const void *bytes, size_t n)
{
	if (!ice->has_selected)
		return -ENOTCONN;
	if (n > 65507)
		return -EMSGSIZE;
	if (ice->route.fd >= 0) {
		const union ice_address *to = &ice->route.to;

		if (sendto(ice->route.fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL, &to->sa,
			   ice_address_size(to)) >= 0)
			return 0;
		return errno == EWOULDBLOCK || errno == ENOBUFS ? -EAGAIN : -errno;
	}
	return nice_agent_send(ice->agent, ice->stream, COMPONENT, (guint)n, bytes) < 0 ? -EAGAIN
											: 0;
}

uint64_t ice_last_check_ms(const struct ice *ice)
{
	return ice->last_check_ms;
}

static const char *type_name(NiceCandidateType type)
{
	static const char *const names[] = { "host", "srflx", "prflx", "relay" };

	return names[type_of(type)];
}

void ice_print_pair(const struct ice *ice, char *text, size_t size)
{
	NiceCandidate *local, *remote;
	union ice_address ends[2];
	char from[64], to[64];

	if (size > 0)
		text[0] = '\0';
	if (!ice->has_selected ||
	    !nice_agent_get_selected_pair(ice->agent, ice->stream, COMPONENT, &local, &remote))
		return;
	memset(ends, 0, sizeof(ends));
	nice_address_copy_to_sockaddr(&local->addr, &ends[0].sa);
	nice_address_copy_to_sockaddr(&remote->addr, &ends[1].sa);
	ice_address_print(&ends[0], from, sizeof(from));
	ice_address_print(&ends[1], to, sizeof(to));
	snprintf(text, size, "%s %s -> %s %s", from, type_name(local->type), to,
		 type_name(remote->type));
}

void ice_get_drops(const struct ice *ice, struct ice_drops *drops)
{
	*drops = ice->drops;
}
