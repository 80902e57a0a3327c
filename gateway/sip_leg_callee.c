/* sip_leg_callee.c: the leg of who is called: one attempt to reach a phone or a
 * page. */
#include "gateway/sip_leg_internal.h"

#include <errno.h>
#include <stdlib.h>

static const struct sip_invite_events invite_events;

static void hang_up(struct leg *leg, const struct cause *cause)
{
	struct sip_leg *l = sip_leg_of(leg);
	char reason[192];

	if (l->state >= ENDING)
		return;
	l->cause = *cause;
	sip_leg_enter(l, ENDING);
	if (l->invite)
		sip_invite_hang_up(l->invite, cause_print_reason(cause, reason, sizeof(reason)));
	else
		sip_leg_finish_later(l);
}

static struct sip_flow *on_silent(void *arg)
{
	struct sip_leg *l = arg;
	struct sip_flow *next = l->central.next_flow ? l->central.next_flow(l->central.arg) : NULL;

	sip_leg_note(l, next ? "no response, the next is asked" : "no response, nobody left");
	if (next)
		l->flow_id = next->id;
	else if (l->central.next_flow)
		l->cause = cause_no_registrar;
	return next;
}

static int place(struct sip_leg *l, size_t most_datagram)
{
	struct sip_flow *flow = sip_flow_find(l->shared->endpoint, l->flow_id);
	char contact[SIP_ADDR_TEXT + 96], headers[256];
	struct str offer;
	int err;

	if (!flow)
		return -EPIPE;
	err = leg_media_offer(&l->media, &offer);
	if (err)
		return err;
	sip_leg_print_contact(flow, contact, sizeof(contact));
	err = sip_invite_start(
		l->shared->endpoint,
		&(struct sip_invite_config){
			.events = &invite_events,
			.arg = l,
			.keeps_crossing = l->is_web,
			.contact = str_of(contact),
			.headers = sip_leg_print_headers(l, headers, sizeof(headers)),
			.flow = flow,
			.uri = str_of(l->uri),
			.from = str_of(l->from),
			.to = str_of(l->to),
			.offer = offer,
			.max_forwards = l->max_forwards,
			.most_datagram = most_datagram,
			.routes = l->routes,
			.n_routes = l->n_routes,
			.silent_ms = l->central.next_flow ? SIP_LEG_SILENT_MS : 0,
			.call_id = str_of(l->again_call_id),
			.from_tag = str_of(l->again_tag),
			.cseq = l->again_cseq,
			.credentials = str_of(l->credentials),
		},
		&l->invite);
	if (err)
		return err;
	l->shared->on_dialog(l->shared->arg, l->call_id, sip_invite_call_id(l->invite));
	sip_leg_enter(l, CALLING);
	return 0;
}

/* RFC 3261 §18.1.1: what a datagram should not carry is made shorter, or goes by TCP, but
 * to a phone that is known by a UDP flow alone. With room for credentials, as the INVITE
 * that has them says nothing else anew. */
int sip_leg_place(struct sip_leg *l)
{
	bool first = !l->again_call_id;
	size_t room = first && l->central.on_challenge ? SIP_LEG_CREDENTIALS : 0;
	int err = place(l, SIP_LEG_MOST_DATAGRAM - room);
	struct sip_flow *flow;

	if (err == -EMSGSIZE && first) {
		leg_media_shorten(&l->media);
		err = place(l, SIP_LEG_MOST_DATAGRAM - room);
	}
	if (err != -EMSGSIZE)
		return err;
	flow = l->central.tcp_flow ? l->central.tcp_flow(l->central.arg) : NULL;
	if (flow)
		l->flow_id = flow->id;
	return place(l, 0);
}

static int dial(struct leg *leg, const struct leg *caller)
{
	struct sip_leg *l = sip_leg_of(leg);

	if (caller->relay)
		leg_media_limit(&l->media, caller->offered, caller->n_offered);
	leg_media_set_playback_rate(&l->media, caller->max_rate);
	leg_media_want(&l->media, caller->peer);
	if (l->state == READY)
		return sip_leg_place(l);
	if (l->state != OPENING)
		return -EPIPE;
	sip_leg_enter(l, DIAL_WAITS);
	return 0;
}

void sip_leg_dial_now(struct sip_leg *l)
{
	if (sip_leg_place(l) != 0)
		sip_leg_finish(l, &cause_broken);
}

/* The callee's SDP, in a 18x or the 2xx: agree and tell our session. */
static int take_answer(struct sip_leg *l, struct str sdp, struct cause *cause)
{
	bool known = l->leg.codec && str_eq(sdp, l->media.agreed_text);
	int err = leg_media_take_answer(&l->media, sdp, cause);

	if (err || known)
		return err;
	err = sip_leg_apply(l);
	if (err)
		*cause = cause_failed;
	return err;
}

static void on_progress(void *arg, const struct sip_msg *response)
{
	struct sip_leg *l = arg;
	struct cause cause;

	if (l->state != CALLING)
		return;
	if (str_empty(response->body)) {
		sip_leg_tell(l, LEG_RINGING, response->status);
	} else if (take_answer(l, response->body, &cause) == 0) {
		sip_leg_tell(l, LEG_EARLY, response->status);
	} else { /* the 200 may still bring one we can use */
		sip_leg_note(l, "early SDP not used: %s", cause.detail);
		sip_leg_tell(l, LEG_RINGING, 180);
	}
}

static void on_answered(void *arg, const struct sip_msg *response)
{
	struct sip_leg *l = arg;
	struct cause cause = cause_not_acceptable(399, "the answer has no SDP");
	int err = -EBADMSG;

	if (l->state != CALLING)
		return;
	if (!str_empty(response->body))
		err = take_answer(l, response->body, &cause);
	else if (l->leg.codec)
		err = 0; /* the 18x had it */
	if (err) {
		sip_leg_note(l, "answer not acceptable: %s", cause.detail);
		hang_up(&l->leg, &cause);
		return;
	}
	sip_leg_enter(l, TALKING);
	l->leg.peer = leg_media_peer(&l->media);
	sip_leg_tell(l, LEG_ANSWERED, 200);
}

static void ring(struct leg *leg, unsigned status, const struct leg *callee)
{
	(void)leg; /* a callee is rung by dial() */
	(void)status;
	(void)callee;
}

static int answer(struct leg *leg, const struct leg *callee)
{
	(void)leg;
	(void)callee;
	return -EINVAL;
}

static const struct sip_invite_events invite_events = {
	.on_progress = on_progress,
	.on_answered = on_answered,
	.on_silent = on_silent,
	.on_reoffer = sip_leg_on_reoffer,
	.on_reoffer_acked = sip_leg_on_reoffer_acked,
	.on_reoffered = sip_leg_on_reoffered,
	.on_request = sip_leg_on_request,
	.on_ended = sip_leg_on_ended,
};

static const struct leg_ops callee_ops = {
	.name = "callee",
	.dial = dial,
	.ring = ring,
	.answer = answer,
	.key = sip_leg_key,
	.follow = sip_leg_follow,
	.hang_up = hang_up,
	.destroy = sip_leg_destroy,
};

/* `"Display" <uri>`, or <sip:user@host> without one; made with malloc(). */
static char *print_name_addr(struct str display, struct str uri, struct str user, struct str host)
{
	char mem[1024];
	struct writer w;
	struct str out;

	writer_init(&w, mem, sizeof(mem));
	if (!str_empty(display)) {
		writer_char(&w, '"');
		for (size_t i = 0; i < display.n; i++) {
			char c = display.p[i];

			if (c == '"' || c == '\\')
				writer_char(&w, '\\');
			if ((unsigned char)c >= ' ' && c != 127)
				writer_char(&w, c);
		}
		writer_put(&w, STR("\" "));
	}
	writer_char(&w, '<');
	if (str_empty(uri)) {
		writer_put(&w, STR("sip:"));
		sip_user_print(&w, user);
		writer_char(&w, '@');
		writer_put(&w, host);
	} else {
		writer_put(&w, uri);
	}
	writer_char(&w, '>');
	return writer_end(&w, &out) == 0 ? str_dup(out) : NULL;
}

static int copy_routes(struct sip_leg *l, const struct str *routes, size_t n)
{
	size_t bytes = 0;
	struct writer w;

	if (n > SIP_LEG_MOST_ROUTES)
		return -EMSGSIZE;
	for (size_t i = 0; i < n; i++)
		bytes += routes[i].n;
	if (bytes == 0)
		return 0;
	l->routes_mem = malloc(bytes);
	if (!l->routes_mem)
		return -ENOMEM;
	writer_init(&w, l->routes_mem, bytes);
	for (size_t i = 0; i < n; i++) {
		l->routes[i] = (struct str){ l->routes_mem + w.n, routes[i].n };
		writer_put(&w, routes[i]);
	}
	l->n_routes = n;
	return 0;
}

int sip_leg_to(struct sip_leg_shared *shared, const struct sip_leg_target *target,
	       const char *call_id, struct leg **out)
{
	struct sip_flow *flow = target->flow;
	struct sip_leg *l = sip_leg_make(shared, flow, &callee_ops, false, call_id);
	int err = -ENOMEM;

	if (!l)
		return -ENOMEM;
	/* A page knows its own domain; a phone gets an address it can dial back. */
	struct str host = l->is_web ? str_of(shared->config->registrar.realm)
				    : str_of(flow->sent_by);
	l->max_forwards = target->max_forwards;
	l->uri = str_dup(target->uri);
	l->central = target->central;
	l->from = print_name_addr(target->from_display, target->from_uri, target->from_user, host);
	l->to = print_name_addr(STR(""), target->to_uri, target->to_user, host);
	if (l->uri && l->from && l->to)
		err = copy_routes(l, target->routes, target->n_routes);
	if (!err)
		err = sip_leg_open_session(l, flow, target->near);
	if (err) {
		sip_leg_destroy(&l->leg);
		return err;
	}
	*out = &l->leg;
	return 0;
}
