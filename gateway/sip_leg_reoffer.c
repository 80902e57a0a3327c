/* sip_leg_reoffer.c: what is agreed with the peer changes in mid-call: the peer's
 * re-INVITEs and UPDATEs, and ours.
 *
 *   SETTLED --we offer--> OFFERED --answer--> SETTLED
 *      |                     +-----refused--> REFUSED --the other side changes--> SETTLED
 *      +--asked for an offer--> OFFERED_IN_200 --ACK--> SETTLED
 *
 * The leg that gets an offer answers it at once, whatever the other side of the call
 * does. The other side follows: sip_leg_catch_up() offers when our direction has to
 * change, or our codec where nothing is translated, and no transaction is open, so of
 * several changes only the last is told. */
#include "gateway/sip_leg_internal.h"

static const char *name_of(enum sdp_direction direction)
{
	static const char *const names[] = { [SDP_SENDRECV] = "sendrecv",
					     [SDP_SENDONLY] = "sendonly",
					     [SDP_RECVONLY] = "recvonly",
					     [SDP_INACTIVE] = "inactive" };

	return names[direction];
}

static void settle(struct sip_leg *l, enum sip_leg_offer next)
{
	l->offer = next;
}

/* ---- ours ---- */

void sip_leg_catch_up(struct sip_leg *l)
{
	struct str sdp;
	int err;

	if (l->state != TALKING || l->offer != SETTLED || !leg_media_is_due(&l->media) ||
	    !sip_invite_can_reoffer(l->invite))
		return; /* or it is tried again when what is open has ended */
	err = leg_media_offer(&l->media, &sdp);
	if (!err)
		err = sip_invite_reoffer(l->invite, sdp);
	if (err) {
		sip_leg_note(l, "the peer could not be told: %d", err);
		return;
	}
	sip_leg_note(l, "offers %s", name_of(l->media.said));
	settle(l, OFFERED);
}

/* A party on hold is sent music, where there is some, in whatever way it is held. */
static enum sdp_direction wanted_by(const struct sip_leg *l, const struct leg *other)
{
	return l->shared->config->calls.music && !sdp_receives(other->peer) ? SDP_SENDONLY
									    : other->peer;
}

void sip_leg_follow(struct leg *leg, const struct leg *other)
{
	struct sip_leg *l = sip_leg_of(leg);
	enum sdp_direction wanted = wanted_by(l, other);

	if (l->offer == REFUSED && l->media.wanted != wanted)
		settle(l, SETTLED);
	leg_media_want(&l->media, wanted);
	if (leg->relay || other->relay)
		leg_media_follow(&l->media, other->codec);
	sip_leg_catch_up(l);
}

/* The peer holds, lets go, or uses another codec. */
static void tell_changes(struct sip_leg *l)
{
	enum sdp_direction peer = leg_media_peer(&l->media);

	if ((peer == l->leg.peer && l->leg.codec == l->told) || l->state != TALKING)
		return;
	if (peer != l->leg.peer)
		sip_leg_note(l, "the peer wants %s", name_of(peer));
	l->leg.peer = peer;
	l->told = l->leg.codec;
	sip_leg_tell(l, LEG_CHANGED, 0);
}

/* The answer to an offer of ours; one of no use leaves in force what was agreed. */
static void take_answer(struct sip_leg *l, struct str sdp)
{
	struct cause cause = cause_not_acceptable(399, "the answer has no SDP");

	if (str_empty(sdp) || leg_media_take_answer(&l->media, sdp, &cause) != 0) {
		sip_leg_note(l, "answer not used: %s", cause.detail);
		settle(l, REFUSED);
		return;
	}
	settle(l, SETTLED);
	if (sip_leg_apply(l) != 0)
		sip_leg_note(l, "out of memory, the media stay as they were");
	tell_changes(l);
}

/* RFC 3261 §14.1: a refusal changes nothing and does not end the call. */
void sip_leg_on_reoffered(void *arg, const struct sip_msg *response)
{
	struct sip_leg *l = arg;

	if (!response) { /* the flow broke: again when there is another */
		settle(l, SETTLED);
		return;
	}
	if (response->status < 300) {
		take_answer(l, response->body);
	} else if (response->status == 491 ||
		   (response->status == 500 &&
		    !str_empty(sip_msg_header(response, SIP_HEADER_RETRY_AFTER)))) {
		settle(l, SETTLED);
	} else {
		sip_leg_note(l, "re-INVITE refused with %u", response->status);
		settle(l, REFUSED);
	}
	sip_leg_catch_up(l);
}

void sip_leg_on_reoffer_acked(void *arg, const struct sip_msg *ack)
{
	struct sip_leg *l = arg;

	if (l->offer == OFFERED_IN_200)
		take_answer(l, ack->body);
	sip_leg_catch_up(l);
}

/* ---- the peer's ---- */

static void reject(struct sip_leg *l, const struct cause *cause)
{
	char mem[320];
	struct writer w;
	struct str warning = { NULL, 0 };

	writer_init(&w, mem, sizeof(mem));
	cause_print_warning(cause, &w);
	writer_end(&w, &warning);
	sip_invite_reject(l->invite, cause->status, warning);
}

/* The session has restarted ICE and told its new credentials. */
void sip_leg_answer_restart(struct sip_leg *l)
{
	struct str sdp;

	if (leg_media_answer(&l->media, &sdp) != 0 || sip_invite_accept(l->invite, sdp) != 0)
		reject(l, &cause_failed); /* harmless if it was withdrawn */
	tell_changes(l);
	sip_leg_catch_up(l);
}

/* A re-INVITE without SDP: the offer is ours to make, and asks for all we want. */
static int make_offer(struct sip_leg *l, struct str *sdp)
{
	int err = leg_media_offer_asked(&l->media, sdp);

	if (!err)
		settle(l, OFFERED_IN_200);
	return err;
}

/* What to answer the peer's re-offer with. 0, or not and *cause. */
static int agree_again(struct sip_leg *l, const struct sip_msg *request, struct str *sdp,
		       struct cause *cause)
{
	int err;

	*cause = cause_failed;
	if (str_empty(request->body))
		return request->method == SIP_INVITE ? make_offer(l, sdp) : 0;
	if (leg_media_is_refresh(&l->media, request->body))
		return leg_media_answer(&l->media, sdp);
	err = leg_media_take_offer(&l->media, request->body, cause);
	if (err)
		return err;
	*cause = cause_failed;
	if (l->media.new_credentials) { /* answered when the session has told its own */
		err = sip_leg_apply(l);
		l->restarts += !err;
		return err;
	}
	err = leg_media_answer(&l->media, sdp);
	return err ? err : sip_leg_apply(l);
}

/* Answered by the leg that got it; a refresh changes nothing (RFC 3264 §8). */
void sip_leg_on_reoffer(void *arg, const struct sip_msg *request)
{
	struct sip_leg *l = arg;
	struct str sdp = { NULL, 0 };
	struct cause cause;

	sip_leg_heard_on(l, sip_invite_flow(l->invite));
	if (agree_again(l, request, &sdp, &cause) != 0) {
		reject(l, &cause);
	} else if (l->restarts) {
		return;
	} else if (sip_invite_accept(l->invite, sdp) != 0) {
		reject(l, &cause_failed); /* harmless if it has been answered */
	} else {
		if (l->offer == REFUSED && !str_empty(request->body))
			settle(l, SETTLED);
		tell_changes(l);
	}
	sip_leg_catch_up(l);
}
