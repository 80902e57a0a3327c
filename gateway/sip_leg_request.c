/* sip_leg_request.c: what a peer asks within its dialog that changes no media: keys
 * by INFO, OPTIONS. */
#include "gateway/dtmf_info.h"
#include "gateway/sip_leg_internal.h"

#include <errno.h>

static void refuse(struct sip_server_tx *tx, unsigned status, struct str headers)
{
	sip_respond(tx, &(struct sip_answer){ .status = status, .headers = headers });
}

static void got_info(struct sip_leg *l, struct sip_server_tx *tx, const struct sip_msg *request)
{
	struct dtmf_info key;

	if (sip_msg_has(request, SIP_HEADER_CONTENT_ENCODING)) {
		refuse(tx, 415, STR("Accept-Encoding: identity\r\n"));
		return;
	}
	if (!str_empty(sip_msg_header_named(request, STR("Info-Package")))) {
		refuse(tx, 469, STR("Recv-Info:\r\n")); /* RFC 6086 §4.2.2: we know none */
		return;
	}
	if (str_empty(request->body)) { /* an empty one asks only whether we are there */
		sip_respond(tx, &(struct sip_answer){ .status = 200 });
		return;
	}
	switch (dtmf_info_read(sip_msg_header(request, SIP_HEADER_CONTENT_TYPE), request->body,
			       &key)) {
	case 0:
		sip_respond(tx, &(struct sip_answer){ .status = 200 });
		sip_leg_note(l, "digit %c %u ms by INFO", key.digit, key.duration_ms);
		l->leg.on_event(l->leg.owner, &l->leg,
				&(struct leg_event){ .kind = LEG_KEY,
						     .key = key.digit,
						     .duration_ms = key.duration_ms });
		break; /* we may be gone */
	case -ENOTSUP:
		refuse(tx, 415, STR(DTMF_INFO_ACCEPT));
		break;
	default:
		refuse(tx, 400, STR("Warning: 399 hookswitch \"no telephone key in it\"\r\n"));
	}
}

void sip_leg_on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	struct sip_leg *l = arg;

	sip_leg_heard_on(l, sip_invite_flow(l->invite));
	switch (request->method) {
	case SIP_INFO:
		got_info(l, tx, request);
		break;
	case SIP_OPTIONS:
		sip_respond(tx,
			    &(struct sip_answer){ .status = 200,
						  .headers = STR("Allow: " SIP_LEG_ALLOW "\r\n"
								 "Accept: application/sdp\r\n") });
		break;
	default:
		refuse(tx, 405, STR("Allow: " SIP_LEG_ALLOW "\r\n"));
	}
}

/* A peer without telephone-event hears nothing of it; the other side's INFO was
 * right all the same. */
void sip_leg_key(struct leg *leg, char digit, unsigned duration_ms)
{
	struct sip_leg *l = sip_leg_of(leg);

	if (l->state >= ENDING || !leg->codec)
		return;
	if (!l->media.stream.event.clock)
		sip_leg_note(l, "digit %c not sent: the peer takes no telephone-event", digit);
	else if (session_send_digit(l->shared->workers, leg->session, digit, duration_ms) != 0)
		sip_leg_note(l, "digit %c not sent: out of memory", digit);
}
