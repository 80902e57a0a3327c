/* leg_media_direction.c: who of both wants to send and hear: holds. See leg_media.h. */
#include "gateway/leg_media.h"

static enum sdp_direction direction_made(bool sends, bool hears)
{
	return sends ? (hears ? SDP_SENDRECV : SDP_SENDONLY)
		     : (hears ? SDP_RECVONLY : SDP_INACTIVE);
}

/* The peer's own wish, of what it has said to our direction. */
static enum sdp_direction wish(enum sdp_direction said, enum sdp_direction ours,
			       enum sdp_direction before)
{
	return direction_made(sdp_sends(said) || (!sdp_receives(ours) && sdp_sends(before)),
			      sdp_receives(said) || (!sdp_sends(ours) && sdp_receives(before)));
}

void leg_media_note_offer(struct leg_media *m, const struct sdp_stream *stream)
{
	m->by_offer = wish(stream->theirs, m->remote ? m->stream.direction : SDP_SENDRECV,
			   leg_media_peer(m));
	m->by_answer = SDP_SENDRECV;
}

void leg_media_note_answer(struct leg_media *m, struct sdp_stream *stream)
{
	if (m->asked)
		m->by_offer = SDP_SENDRECV;
	m->by_answer = wish(stream->theirs, m->said, m->by_answer);
	stream->direction = sdp_direction_answer(leg_media_peer(m), m->said);
}

void leg_media_want(struct leg_media *m, enum sdp_direction direction)
{
	m->wanted = direction;
}

enum sdp_direction leg_media_peer(const struct leg_media *m)
{
	return direction_made(sdp_sends(m->by_offer) && sdp_sends(m->by_answer),
			      sdp_receives(m->by_offer) && sdp_receives(m->by_answer));
}

bool leg_media_is_due(const struct leg_media *m)
{
	return m->remote && (m->follows || sdp_direction_answer(leg_media_peer(m), m->wanted) !=
						   m->stream.direction);
}

bool leg_media_is_refresh(const struct leg_media *m, struct str text)
{
	struct sdp *sdp;
	bool same;

	if (!m->remote || leg_media_is_due(m))
		return false;
	if (str_eq(text, m->agreed_text))
		return true;
	if (sdp_parse(text, &sdp, NULL) != 0)
		return false;
	same = m->remote->version && sdp->version == m->remote->version &&
	       str_eq(sdp->session_id, m->remote->session_id) &&
	       str_eq(sdp->origin_address, m->remote->origin_address) &&
	       m->stream.line < sdp->n_media &&
	       sdp->media[m->stream.line].direction == m->stream.media->direction &&
	       str_eq(sdp->media[m->stream.line].ufrag, m->stream.media->ufrag) &&
	       str_eq(sdp->media[m->stream.line].pwd, m->stream.media->pwd) &&
	       sdp_ip_is_unspecified(&sdp->media[m->stream.line].ip) ==
		       sdp_ip_is_unspecified(&m->stream.media->ip);
	sdp_free(sdp);
	return same;
}
