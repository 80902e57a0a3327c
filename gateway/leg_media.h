/* leg_media.h: what one leg says and hears in SDP: our capabilities under the
 * codec plan, the negotiation with the peer, and the texts that were sent.
 *
 * No I/O and no events: the leg hands in what its session and its peer told and
 * sends what comes out. The two profiles (a browser's, a phone's) differ by data. */
#pragma once

#include "gateway/cause.h"
#include "gateway/workers.h"
#include "sdp/offer_answer.h"

enum {
	LEG_MEDIA_FORMATS = 8, /* codecs, telephone-events and RED that we may list */
	LEG_MEDIA_SDP = 8192,  /* octets of one description of ours */
};

struct leg_media_config {
	enum sdp_profile profile;
	/* Plain, and Opus is listed under any plan: the peer calls us, or it is a registrar,
	 * behind which may be browsers. */
	bool opus;
	const struct config *config; /* [media]; borrowed for life */
	bool peer_is_local;	     /* signalling comes from a loopback or link-local address */
	const struct sdp_own *own;   /* ports of ours; borrowed for life */
	size_t n_own;
	uint64_t session_id;	    /* random, for o= */
	unsigned max_playback_rate; /* Hz, told a browser's Opus encoder; 0: nothing */
};

struct leg_media {
	struct leg_media_config config;
	struct session_local ours; /* once the session is ready */
	bool ready;

	const struct codec *codecs[LEG_MEDIA_FORMATS]; /* of `formats`; NULL: event or RED */
	struct sdp_format formats[LEG_MEDIA_FORMATS];  /* what we can do, or did offer */
	size_t n_formats;
	bool prefers;		     /* the first of them is chosen if the peer offers it */
	const struct codec *follows; /* see leg_media_follow(); NULL: none */
	char fmtp[128];		     /* of Opus */

	struct sdp *remote;	  /* the peer's latest description that was agreed */
	struct sdp_stream stream; /* valid if remote */
	bool answering;		  /* the peer offered first */
	struct sdp_local local;
	struct str text;	   /* our latest description; owned */
	struct str agreed_text;	   /* the peer's text as agreed, for comparing; owned */
	enum sdp_direction wanted; /* what the other side of the call sends and hears */
	enum sdp_direction said;   /* the direction of our latest offer */
	/* What the peer itself wants, see leg_media_peer(): as its own offers said, and
	 * its answers since. */
	enum sdp_direction by_offer, by_answer;
	bool brief;	      /* what goes without saying is not said */
	bool asked;	      /* the peer asked for our latest offer */
	bool new_credentials; /* the description taken last restarts ICE (RFC 8839 §4.4.1.1.1) */
};

void leg_media_init(struct leg_media *m, const struct leg_media_config *config);
void leg_media_free(struct leg_media *m);

/* Limits what we list to these codecs, where nothing is translated; before any SDP. */
void leg_media_limit(struct leg_media *m, const struct codec *const *codecs, size_t n);

/* Of what the peer offers this codec is chosen, whatever its own order is; from the next
 * leg_media_take_offer() on. Nothing if it is not listed. */
void leg_media_prefer(struct leg_media *m, const struct codec *codec);

/* The other side uses this codec now and nothing is translated between both: our next
 * offer has it alone, if it is one that we list and not the one in use. An answer
 * settles that, whatever it says. */
void leg_media_follow(struct leg_media *m, const struct codec *codec);

/* What we say from now on is as short as can be: for an INVITE that must fit. */
void leg_media_shorten(struct leg_media *m);

/* The other side plays no sound wider than `hz`: a browser need not send more (RFC
 * 7587 §6.1, maxplaybackrate). Before our description goes out. */
void leg_media_set_playback_rate(struct leg_media *m, unsigned hz);

/* Hz: the widest sound of the codecs we list; of the one agreed on, if there is one. */
unsigned leg_media_max_rate(const struct leg_media *m);

/* The session told what it has. */
void leg_media_set_local(struct leg_media *m, const struct session_local *ours);

/* What the other side of the call wants to send and hear (sendrecv at first): our
 * direction in offers and answers from now on, as far as the peer wants the same. */
void leg_media_want(struct leg_media *m, enum sdp_direction direction);

/* What the peer itself wants to send and hear. A peer that does not send where we
 * would not hear it, or does not hear where we do not send, has said nothing: then it
 * is as before (RFC 6337 §5.3: both may hold, each lets go of its own hold only). Who
 * held by an offer lets go by an offer: JsSIP forgets its hold in its answers. */
enum sdp_direction leg_media_peer(const struct leg_media *m);

/* Does the peer have to be told that our direction, or our codec, has changed? */
bool leg_media_is_due(const struct leg_media *m);

/* Is it the description that is agreed already: the same text, or the same version of
 * it (RFC 3264 §8)? Then it changes nothing, whatever else it says, except for a hold
 * (there are phones that do not count up) and an ICE restart. */
bool leg_media_is_refresh(const struct leg_media *m, struct str sdp);

/* The peer's offer (the first, or a later one). 0; -ENOTSUP, -EBADMSG and others
 * with *cause: nothing has changed then. */
int leg_media_take_offer(struct leg_media *m, struct str sdp, struct cause *cause);

/* The peer's answer to leg_media_offer(). The same text again is fine. */
int leg_media_take_answer(struct leg_media *m, struct str sdp, struct cause *cause);

/* Our offer, or our answer to the offer taken. Borrowed until the next call. An offer
 * after an agreement keeps its payload types (RFC 3264 §8.3.2). -EINVAL before
 * leg_media_set_local(). */
int leg_media_offer(struct leg_media *m, struct str *out);
/* The same, asked for by a re-INVITE without SDP: the answer is as good as an offer of
 * the peer's, and lets go of its hold. */
int leg_media_offer_asked(struct leg_media *m, struct str *out);
int leg_media_answer(struct leg_media *m, struct str *out);

/* The codec agreed on; NULL before. */
const struct codec *leg_media_codec(const struct leg_media *m);

/* The codecs of ours that the peer lists, in its order; gives how many. */
size_t leg_media_common(const struct leg_media *m, const struct codec **out, size_t cap);

/* What the session must know of the agreement. */
void leg_media_remote(const struct leg_media *m, struct session_remote *out);

/* "opus/48000 pt=111 ptime=20 events=48000 sendrecv": for log and trace. */
void leg_media_describe(const struct leg_media *m, char *text, size_t size);

/* ---- between leg_media.c, leg_media_formats.c and leg_media_direction.c ---- */

/* Lists all that the configuration and the plan allow this leg. */
void leg_media_list_codecs(struct leg_media *m);

/* Our a=fmtp of Opus says what holds now. */
void leg_media_refresh_fmtp(struct leg_media *m);

/* What to offer now, under the numbers that hold. RED stands before its codec, or Chromium
 * would not send it. Gives how many. */
size_t leg_media_offered(struct leg_media *m, struct sdp_format out[LEG_MEDIA_FORMATS]);

/* The peer's description is about to be agreed on. An answer may not say more than the
 * peer wants: it sets the stream's direction. */
void leg_media_note_offer(struct leg_media *m, const struct sdp_stream *stream);
void leg_media_note_answer(struct leg_media *m, struct sdp_stream *stream);
