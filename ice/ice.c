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

#include "ice/filter.h"
#include "ice/interfaces.h"
#include "ice/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
	ice_held_drop(ice);
	nice_agent_remove_stream(ice->agent, ice->stream);
	g_object_unref(ice->agent);
	for (int i = 0; i < ICE_ITERATIONS_A_TURN && g_main_context_iteration(ice->context, FALSE);
	     i++)
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
	GSocket *socket = nice_agent_get_selected_socket(ice->agent, ice->stream, ICE_COMPONENT);

	ice->route.fd = -1;
	if (!nice_agent_get_selected_pair(ice->agent, ice->stream, ICE_COMPONENT, &local, &remote))
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
	ice->reselected = ice->found_pair = true;
	ice->failed = false;
	ice_held_drop(ice);
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
			ice_read_socket(ice, fd, ICE_DATAGRAMS_A_TURN);
	}
	for (int i = 0; i < ICE_ITERATIONS_A_TURN && !ice->closing; i++)
		if (!g_main_context_iteration(ice->context, FALSE))
			break;
}

static bool on_ready(void *arg, int original, int fd)
{
	struct ice *ice = arg;
	bool media;

	enter(ice);
	tell(ice);
	/* One datagram: another one makes the socket readable again, and most have none. */
	media = !ice->closing && is_host(ice, original) && !ice_read_socket(ice, fd, 1);
	if (!media && !ice->closing)
		iterate(ice);
	tell(ice);
	leave(ice);
	return !media;
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
	GPtrArray *sockets = nice_agent_get_sockets(ice->agent, ice->stream, ICE_COMPONENT);
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
		     (gboolean)config->controlling, "keepalive-conncheck", TRUE, "idle-timeout",
		     (guint)ICE_IDLE_MS, "stun-pacing-timer", (guint)ICE_PACE_MS, NULL);

	ice->stream = nice_agent_add_stream(ice->agent, 1);
	int err = add_addresses(ice, config);
	if (err)
		return err;
	if (config->port_min || config->port_max)
		nice_agent_set_port_range(ice->agent, ice->stream, ICE_COMPONENT, config->port_min,
					  config->port_max);
	g_signal_connect(ice->agent, "new-selected-pair-full", G_CALLBACK(on_new_pair), ice);
	g_signal_connect(ice->agent, "component-state-changed", G_CALLBACK(on_state), ice);
	nice_agent_attach_recv(ice->agent, ice->stream, ICE_COMPONENT, ice->context,
			       ice_on_nice_packet, ice);
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

/* GLib ends the process when a descriptor cannot be had, so we ask before it does. */
static int descriptors_are_left(uv_loop_t *loop, size_t n_addresses)
{
	int fds[ICE_SPARE_DESCRIPTORS + 2 * ICE_MOST_LOCAL];
	size_t n = 0, want = ICE_SPARE_DESCRIPTORS + 2 * n_addresses;
	int err = 0;

	while (n < want && !err) {
		fds[n] = fcntl(uv_backend_fd(loop), F_DUPFD_CLOEXEC, 0);
		if (fds[n] < 0)
			err = -errno;
		else
			n++;
	}
	while (n > 0)
		close(fds[--n]);
	return err;
}

int ice_new(const struct ice_config *config, struct ice **out)
{
	struct ice *ice;
	int err;

	if (!config_is_valid(config))
		return -EINVAL;
	err = descriptors_are_left(config->loop, config->n_addresses);
	if (err)
		return err;
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
	ice->patience_ms = config->patience_ms;
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
	ice_interfaces_refresh();
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

void ice_get_local(const struct ice *ice, struct ice_local *local)
{
	GSList *list = nice_agent_get_local_candidates(ice->agent, ice->stream, ICE_COMPONENT);

	local->ufrag = ice->local_ufrag;
	local->pwd = ice->local_pwd;
	local->n = 0;
	for (GSList *item = list; item && local->n < ICE_MOST_LOCAL; item = item->next) {
		const NiceCandidate *candidate = item->data;

		/* what checks found out is the peer's to see (RFC 8445 §7.2.5.3.1) */
		if (candidate->type != NICE_CANDIDATE_TYPE_PEER_REFLEXIVE)
			ice_candidate_from_nice(ice, candidate, &local->candidates[local->n++]);
	}
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
	nice_agent_set_remote_candidates(ice->agent, ice->stream, ICE_COMPONENT, NULL);
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
	if (candidate->tcp || candidate->component != ICE_COMPONENT || candidate->priority == 0 ||
	    candidate->port == 0 || candidate->port == 9 ||
	    ice_address_parse(candidate->address, candidate->port, &address) != 0)
		return -ENOTSUP;
	if (ice_peers_have(&ice->remotes, &address))
		return 0;
	err = ice_peers_add(&ice->remotes, &address);
	if (err)
		return err;

	enter(ice);
	ice_hold(ice, ice_candidate_to_nice(ice, candidate, &address));
	settle(ice);
	leave(ice);
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
	ice_held_drop(ice);
	ice->found_pair = false;
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
	return nice_agent_send(ice->agent, ice->stream, ICE_COMPONENT, (guint)n, bytes) < 0
		       ? -EAGAIN
		       : 0;
}

uint64_t ice_last_check_ms(const struct ice *ice)
{
	return ice->last_check_ms;
}

void ice_get_drops(const struct ice *ice, struct ice_drops *drops)
{
	*drops = ice->drops;
}
