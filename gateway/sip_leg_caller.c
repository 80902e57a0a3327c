/* sip_leg_caller.c: the leg of who calls: takes an INVITE, rings and answers. */
#include "gateway/sip_leg_internal.h"

#include <errno.h>
#include <stdlib.h>

static int refuse_with(struct sip_leg *l, const struct cause *cause)
{
	char mem[CAUSE_HEADERS];

	return sip_invite_refuse(l->invite, cause->status >= 300 ? cause->status : 480,
				 cause_print_headers(cause, mem));
}

/* Is there no codec in common only because no transcoder was left? Later, or at another
 * gateway, there may be one (RFC 3261 §21.5.4). */
static bool wants_transcoder(const struct sip_leg *l, const struct cause *cause)
{
	return l->leg.relay && l->shared->config->media.plan != CONFIG_PLAN_RELAY &&
	       (cause->status == 488 || cause->status == 606);
}

static void hang_up(struct leg *leg, const struct cause *cause)
{
	struct sip_leg *l = sip_leg_of(leg);
	enum sip_leg_state was = l->state;
	char reason[192];

	if (was >= ENDING)
		return;
	if (was != TALKING && wants_transcoder(l, cause))
		cause = &cause_no_transcoder;
	l->cause = *cause;
	sip_leg_enter(l, ENDING);
	if (was == TALKING)
		sip_invite_hang_up(l->invite, cause_print_reason(cause, reason, sizeof(reason)));
	else if (was == CHALLENGED || refuse_with(l, cause) != 0)
		sip_leg_finish_later(l);
}

static bool has_offered(const struct sip_leg *l, const struct codec *codec)
{
	for (size_t i = 0; i < l->leg.n_offered; i++)
		if (l->leg.offered[i] == codec)
			return true;
	return false;
}

/* Should the caller's codec be the callee's? Where nothing is translated it must; a phone
 * is spared the translation if it can be; a browser keeps its Opus. */
static bool takes_over(const struct sip_leg *l, const struct leg *callee)
{
	if (!callee->codec || callee->codec == leg_media_codec(&l->media))
		return false;
	return l->leg.relay || (!l->is_web && has_offered(l, callee->codec));
}

/* Tells our session what was agreed. */
static int settle(struct sip_leg *l, const struct leg *callee)
{
	if (takes_over(l, callee)) {
		struct cause cause;
		char *again = str_dup(l->media.agreed_text);

		if (!again)
			return -ENOMEM;
		leg_media_prefer(&l->media, callee->codec);
		int err = leg_media_take_offer(&l->media, str_of(again), &cause);
		free(again);
		if (err)
			return err;
	}
	leg_media_set_playback_rate(&l->media, callee->max_rate);
	return sip_leg_apply(l);
}

/* May the description go out now? A browser gets it in the first 18x, so that ICE
 * and DTLS finish while the phone rings; a phone when there is something to hear.
 * Where nothing is translated, the codec is known only from the callee's first SDP. */
static bool describable(const struct sip_leg *l, const struct leg *callee)
{
	if (l->leg.relay && !callee->codec)
		return false;
	return l->is_web || callee->codec;
}

/* Makes the ringback tone for pages that make none, as early media: a 180 becomes a 183,
 * or a page would make its own besides (RFC 3960 §3.1). An announcement takes its
 * place: the callee's session becomes the partner then. Gives the status to send. */
static unsigned play_ringback(struct sip_leg *l, unsigned status, const struct leg *callee)
{
	if (l->shared->config->calls.ringback != CONFIG_RINGBACK_GATEWAY || !l->is_web ||
	    !l->sdp_sent || status != 180 || callee->codec ||
	    session_play(l->shared->workers, l->leg.session, BRIDGE_RINGBACK) != 0)
		return status;
	return 183;
}

static void ring(struct leg *leg, unsigned status, const struct leg *callee)
{
	struct sip_leg *l = sip_leg_of(leg);
	struct str sdp = { NULL, 0 };

	if (l->state != READY)
		return;
	if (!l->sdp_sent && describable(l, callee)) {
		if (settle(l, callee) != 0 || leg_media_answer(&l->media, &sdp) != 0)
			return; /* the answer will try again and fail the call */
		l->sdp_sent = true;
	}
	status = play_ringback(l, status, callee);
	sip_invite_progress(l->invite, status, sdp, (struct str){ NULL, 0 });
}

static int answer(struct leg *leg, const struct leg *callee)
{
	struct sip_leg *l = sip_leg_of(leg);
	struct str sdp;
	int err;

	if (l->state != READY)
		return -EPIPE;
	if (!l->sdp_sent) {
		err = settle(l, callee);
		if (err)
			return err;
	}
	err = leg_media_answer(&l->media, &sdp); /* the same text again, if it was sent */
	if (err)
		return err;
	err = sip_invite_answer(l->invite, sdp);
	if (err)
		return err;
	sip_leg_enter(l, TALKING);
	return 0;
}

static int dial(struct leg *leg, const struct leg *caller)
{
	(void)leg; /* a caller is not called */
	(void)caller;
	return -EINVAL;
}

static void on_confirmed(void *arg, const struct sip_msg *ack)
{
	struct sip_leg *l = arg;

	(void)ack;
	sip_leg_heard_on(l, sip_invite_flow(l->invite));
	sip_leg_tell(l, LEG_CONFIRMED, 0);
	sip_leg_catch_up(l);
}

static const struct sip_invite_events invite_events = {
	.on_confirmed = on_confirmed,
	.on_reoffer = sip_leg_on_reoffer,
	.on_reoffer_acked = sip_leg_on_reoffer_acked,
	.on_reoffered = sip_leg_on_reoffered,
	.on_request = sip_leg_on_request,
	.on_ended = sip_leg_on_ended,
};

static const struct leg_ops caller_ops = {
	.name = "caller",
	.dial = dial,
	.ring = ring,
	.answer = answer,
	.key = sip_leg_key,
	.follow = sip_leg_follow,
	.hang_up = hang_up,
	.destroy = sip_leg_destroy,
};

int sip_leg_take_invite(struct sip_leg *l, struct sip_server_tx *tx)
{
	char contact[SIP_ADDR_TEXT + 96], headers[256];

	sip_leg_print_contact(sip_server_tx_flow(tx), contact, sizeof(contact));
	return sip_invite_take(
		l->shared->endpoint, tx,
		&(struct sip_invite_config){
			.events = &invite_events,
			.arg = l,
			.keeps_crossing = l->is_web,
			.contact = str_of(contact),
			.headers = sip_leg_print_headers(l, headers, sizeof(headers)),
		},
		&l->invite);
}

int sip_leg_take_offer(struct sip_leg *l, struct str sdp, struct cause *cause)
{
	int err;

	if (str_empty(sdp)) {
		*cause = cause_not_acceptable(399,
					      "an INVITE without an SDP offer is not supported");
		return -ENOTSUP;
	}
	leg_media_free(&l->media); /* whatever was offered before */
	err = leg_media_take_offer(&l->media, sdp, cause);
	if (err)
		return err;
	l->leg.max_rate = leg_media_max_rate(&l->media);
	l->leg.peer = leg_media_peer(&l->media);
	l->leg.n_offered = leg_media_common(&l->media, l->leg.offered,
					    sizeof(l->leg.offered) / sizeof(l->leg.offered[0]));
	if (has_offered(l, &codec_opus))
		l->leg.max_rate = codec_opus.pcm_rate; /* a browser's is relayed, see settle() */
	return 0;
}

int sip_leg_take(struct sip_leg_shared *shared, struct sip_server_tx *tx, const char *call_id,
		 struct leg **out, struct cause *cause)
{
	struct sip_flow *flow = sip_server_tx_flow(tx);
	struct sip_msg *request = sip_server_tx_request(tx);
	struct sip_leg *l = sip_leg_make(shared, flow, &caller_ops, true, call_id);
	int err = -ENOMEM;

	*cause = cause_failed;
	if (!l)
		return -ENOMEM;
	err = sip_leg_take_offer(l, request->body, cause);
	if (err)
		goto fail;
	err = sip_leg_open_session(l, flow, (struct session_ref){ 0 });
	if (err) {
		*cause = cause_failed;
		goto fail;
	}
	err = sip_leg_take_invite(l, tx);
	if (err)
		goto fail;
	shared->on_dialog(shared->arg, call_id, request->call_id);
	*out = &l->leg;
	return 0;
fail:
	sip_leg_destroy(&l->leg);
	return err;
}
