/* sip_leg.c: what callers and callees share, see sip_leg.h. sip_leg_enter() alone
 * changes the state; sip_leg_finish() alone tells LEG_ENDED. */
#include "gateway/sip_leg_internal.h"

#include "gateway/rtp_peer.h"

#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static struct timers *timers_of(const struct sip_leg *l)
{
	return sip_endpoint_timers(l->shared->endpoint);
}

void sip_leg_tell(struct sip_leg *l, enum leg_event_kind kind, unsigned status)
{
	l->leg.on_event(l->leg.owner, &l->leg,
			&(struct leg_event){ .kind = kind, .status = status });
}

void sip_leg_note(struct sip_leg *l, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	l->shared->on_note(l->shared->arg, l->call_id, l->is_caller ? "caller" : "callee", text);
}

void sip_leg_enter(struct sip_leg *l, enum sip_leg_state next)
{
	l->state = next;
	if (next == TALKING) {
		l->told = l->leg.codec;
		liveness_start(&l->liveness);
	} else if (next > TALKING) {
		liveness_stop(&l->liveness);
	}
}

/* The last word; the owner may destroy us in it. */
void sip_leg_finish(struct sip_leg *l, const struct cause *cause)
{
	if (l->state == ENDED)
		return;
	timer_stop(&l->later);
	sip_leg_enter(l, ENDED);
	l->leg.on_event(l->leg.owner, &l->leg,
			&(struct leg_event){ .kind = LEG_ENDED, .cause = *cause });
}

static void finish_later(void *arg)
{
	struct sip_leg *l = arg;

	sip_leg_finish(l, &l->cause);
}

void sip_leg_finish_later(struct sip_leg *l)
{
	timer_start(&l->later, timers_of(l), 0, finish_later, l);
}

/* The owner is told before our BYE, which nobody may answer, has run its 32 s. It may
 * hang us up in there, but not destroy us. */
static void lose(struct sip_leg *l, const struct cause *cause)
{
	l->leg.on_event(l->leg.owner, &l->leg,
			&(struct leg_event){ .kind = LEG_LOST, .cause = *cause });
	l->leg.ops->hang_up(&l->leg, cause);
}

static void on_dead(void *arg, const struct cause *cause)
{
	sip_leg_note(arg, "%s", cause->text);
	lose(arg, cause);
}

static struct sdp_ip ip_of(const struct sip_addr *addr)
{
	struct sdp_ip ip = { 0 };
	char mem[SIP_ADDR_TEXT];

	sdp_ip_parse(sip_addr_print_host(addr, mem), &ip);
	return ip;
}

/* A phone behind a NAT names an address of its own network; its signalling shows where
 * it is. */
static struct sdp_ip nat_of(const struct sip_leg *l, const struct sdp_ip *named)
{
	const struct sip_flow *flow = sip_invite_flow(l->invite);
	struct sdp_ip source = { 0 };

	if (flow && l->shared->config->media.symmetric_rtp == CONFIG_SYMMETRIC_AUTO)
		source = ip_of(&flow->remote);
	return rtp_peer_nat(named, &source);
}

int sip_leg_apply(struct sip_leg *l)
{
	struct session_remote remote;
	char text[128];

	l->leg.codec = leg_media_codec(&l->media);
	l->leg.max_rate = leg_media_max_rate(&l->media);
	leg_media_describe(&l->media, text, sizeof(text));
	sip_leg_note(l, "agreed %s", text);
	leg_media_remote(&l->media, &remote);
	if (!l->is_web) {
		liveness_hold(&l->liveness, remote.media.direction != BRIDGE_SENDRECV);
		remote.nat = nat_of(l, &remote.ip);
	}
	return session_set_remote(l->shared->workers, l->leg.session, &remote);
}

void sip_leg_print_contact(const struct sip_flow *flow, char *mem, size_t size)
{
	snprintf(mem, size, "<sip:hookswitch@%s;transport=%s>", flow->sent_by,
		 flow->transport->param);
}

struct str sip_leg_print_headers(const struct sip_leg *l, char *mem, size_t size)
{
	snprintf(mem, size,
		 "Allow: " SIP_LEG_ALLOW "\r\n"
		 "Session-ID: %s;remote=00000000000000000000000000000000\r\n",
		 l->call_id);
	return str_of(mem);
}

/* ---- what the media session tells ---- */

static void on_ready(void *arg, const struct session_local *local)
{
	struct sip_leg *l = arg;

	leg_media_set_local(&l->media, local);
	if (l->state == OPENING) {
		sip_leg_enter(l, READY);
		if (l->is_caller)
			sip_leg_tell(l, LEG_READY, 0);
	} else if (l->state == DIAL_WAITS) {
		sip_leg_dial_now(l);
	} else if (l->restarts && --l->restarts == 0) {
		sip_leg_answer_restart(l);
	}
}

static void on_connected(void *arg, const char *path, const char *srtp)
{
	struct sip_leg *l = arg;

	sip_leg_note(l, "media connected %s%s%s", path, srtp[0] ? " DTLS-SRTP " : "", srtp);
	if (l->is_web)
		liveness_media(&l->liveness, false, timers_now(timers_of(l)));
}

static void on_failed(void *arg, const char *why)
{
	struct sip_leg *l = arg;

	sip_leg_note(l, "media failed: %s", why);
	lose(l, &cause_media_failed);
}

static void on_quiet(void *arg, bool quiet)
{
	struct sip_leg *l = arg;
	uint64_t now = timers_now(timers_of(l));

	sip_leg_note(l, quiet ? "nothing heard of the peer" : "the peer is heard again");
	liveness_media(&l->liveness, quiet, now > SESSION_QUIET_MS ? now - SESSION_QUIET_MS : 0);
}

static void on_digit(void *arg, char digit, unsigned duration_ms, bool passed)
{
	struct sip_leg *l = arg;

	sip_leg_note(l, "digit %c %u ms%s", digit, duration_ms, passed ? "" : " (not passed on)");
}

static void on_note(void *arg, const char *text)
{
	sip_leg_note(arg, "%s", text);
}

static const struct session_events session_events = {
	.on_ready = on_ready,
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_quiet = on_quiet,
	.on_digit = on_digit,
	.on_note = on_note,
};

/* ---- what SIP tells ---- */

void sip_leg_heard_on(struct sip_leg *l, const struct sip_flow *flow)
{
	if (!flow || flow->id == l->flow_id)
		return;
	sip_leg_note(l, "came back on another connection");
	l->flow_id = flow->id;
	liveness_flow(&l->liveness, false);
}

void sip_leg_on_ended(void *arg, const struct sip_end *end)
{
	struct sip_leg *l = arg;
	struct cause cause = cause_normal;

	if (sip_leg_waits(l, end))
		return;
	switch (end->kind) {
	case SIP_END_REFUSED:
		cause = cause_of_response(end->status);
		break;
	case SIP_END_CANCELLED: /* RFC 3326: a proxy that forked says why */
		cause = end->msg && cause_is_elsewhere(sip_msg_header(end->msg, SIP_HEADER_REASON))
				? cause_elsewhere
				: cause_cancelled;
		break;
	case SIP_END_BYE:
	case SIP_END_HUNG_UP:
		break;
	case SIP_END_TIMEOUT:
		cause = cause_no_response;
		break;
	case SIP_END_BROKEN:
		cause = cause_broken;
		break;
	}
	sip_leg_finish(l, l->cause.status ? &l->cause : &cause);
}

/* ---- making and destroying ---- */

void sip_leg_destroy(struct leg *leg)
{
	struct sip_leg *l = sip_leg_of(leg);

	timer_stop(&l->later);
	liveness_stop(&l->liveness);
	if (l->prev)
		l->prev->next = l->next;
	else if (l->shared->first == l)
		l->shared->first = l->next;
	if (l->next)
		l->next->prev = l->prev;
	sip_invite_free(l->invite);
	if (session_is(l->leg.session))
		session_close(l->shared->workers, l->leg.session, NULL, NULL);
	leg_media_free(&l->media);
	sip_msg_unref(l->challenged);
	free(l->again_call_id);
	free(l->again_tag);
	free(l->credentials);
	free(l->routes_mem);
	free(l->uri);
	free(l->from);
	free(l->to);
	free(l);
}

static void nobody(void *owner, struct leg *leg, const struct leg_event *event)
{
	(void)owner;
	(void)leg;
	(void)event;
}

/* Of a phone silence counts only once it has been heard. */
static void watch(struct sip_leg *l)
{
	const struct config *config = l->shared->config;
	uint64_t phone_ms = config->calls.phone_timeout_ms;

	liveness_init(&l->liveness,
		      &(struct liveness_config){
			      .timers = timers_of(l),
			      .reconnect_timeout_ms = config->calls.reconnect_timeout_ms,
			      .page_timeout_ms = config->calls.page_timeout_ms,
			      .silent_timeout_ms = l->is_web ? LIVENESS_MEDIA_MS : phone_ms,
			      .silent_cause = l->is_web ? &cause_media_lost : &cause_phone_gone,
			      .on_dead = on_dead,
			      .arg = l,
		      });
	if (!l->is_web)
		liveness_media(&l->liveness, false, 0);
}

struct sip_leg *sip_leg_make(struct sip_leg_shared *shared, const struct sip_flow *flow,
			     const struct leg_ops *ops, bool is_caller, const char *call_id)
{
	struct sip_leg *l = calloc(1, sizeof(*l));
	struct sdp_ip ip = ip_of(&flow->remote);
	uint64_t session_id;

	if (!l)
		return NULL;
	if (RAND_bytes((unsigned char *)&session_id, sizeof(session_id)) != 1) {
		free(l);
		return NULL;
	}
	l->shared = shared;
	l->flow_id = flow->id;
	l->is_caller = is_caller;
	l->is_web = flow->transport->web;
	l->leg.ops = ops;
	l->leg.relay = shared->config->media.plan == CONFIG_PLAN_RELAY;
	l->leg.on_event = nobody;
	str_copy(str_of(call_id), l->call_id, sizeof(l->call_id));
	watch(l);
	leg_media_init(&l->media,
		       &(struct leg_media_config){
			       .profile = l->is_web ? SDP_WEB : SDP_PLAIN,
			       .opus = is_caller || (shared->is_registrar &&
						     shared->is_registrar(shared->arg, flow)),
			       .config = shared->config,
			       .peer_is_local = sdp_ip_is_local(&ip),
			       .own = shared->own,
			       .n_own = shared->n_own,
			       .session_id = session_id >> 2,
		       });
	l->leg.max_rate = leg_media_max_rate(&l->media);
	l->next = shared->first;
	if (l->next)
		l->next->prev = l;
	shared->first = l;
	return l;
}

int sip_leg_open_session(struct sip_leg *l, const struct sip_flow *flow, struct session_ref near)
{
	return session_open(l->shared->workers,
			    &(struct session_config){
				    .kind = l->is_web ? SESSION_WEB : SESSION_PLAIN,
				    .near = near,
				    .call_id = l->call_id,
				    .peer = ip_of(&flow->remote),
				    .controlling = !l->is_caller,
				    .events = &session_events,
				    .arg = l,
			    },
			    &l->leg.session);
}

void sip_legs_flow_closed(struct sip_leg_shared *shared, const struct sip_flow *flow)
{
	for (struct sip_leg *l = shared->first, *next; l; l = next) {
		next = l->next;
		if (l->flow_id != flow->id || !flow->transport->web)
			continue;
		if (l->state == TALKING) {
			sip_leg_note(l, "WebSocket lost");
			liveness_flow(&l->liveness, true);
		} else { /* early dialogs do not move */
			l->leg.ops->hang_up(&l->leg, &cause_page_gone);
		}
	}
}

void sip_legs_flow_moved(struct sip_leg_shared *shared, uint64_t from, struct sip_flow *to)
{
	for (struct sip_leg *l = shared->first; l; l = l->next) {
		if (l->flow_id != from || l->state != TALKING)
			continue;
		sip_leg_note(l, "moved to a new WebSocket");
		l->flow_id = to->id;
		sip_invite_move(l->invite, to);
		liveness_flow(&l->liveness, false);
		sip_leg_catch_up(l);
	}
}

bool sip_legs_use(const struct sip_leg_shared *shared, const struct sip_flow *flow)
{
	for (const struct sip_leg *l = shared->first; l; l = l->next)
		if (l->flow_id == flow->id)
			return true;
	return false;
}

bool sip_legs_await_page(const struct sip_leg_shared *shared)
{
	for (const struct sip_leg *l = shared->first; l; l = l->next)
		if (l->state == TALKING && l->liveness.flow_lost)
			return true;
	return false;
}
