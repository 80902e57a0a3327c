/* leg_media.c: see leg_media.h. */
#include "gateway/leg_media.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void leg_media_init(struct leg_media *m, const struct leg_media_config *config)
{
	*m = (struct leg_media){ .config = *config };
	leg_media_list_codecs(m);
}

static void forget_remote(struct leg_media *m)
{
	sdp_free(m->remote);
	free((char *)m->agreed_text.p);
	m->remote = NULL;
	m->agreed_text = (struct str){ NULL, 0 };
}

static void say(struct leg_media *m, struct str text)
{
	free((char *)m->text.p);
	m->text = text;
}

void leg_media_free(struct leg_media *m)
{
	forget_remote(m);
	say(m, (struct str){ NULL, 0 }); /* may be freed again */
}

void leg_media_set_local(struct leg_media *m, const struct session_local *ours)
{
	m->ours = *ours;
	for (size_t i = 0; i < ours->n_candidates; i++)
		m->ours.candidates[i].foundation = str_of(m->ours.foundations[i]);
	m->ready = true;
}

static struct sdp_terms terms_of(const struct leg_media *m, bool is_answer)
{
	return (struct sdp_terms){
		.profile = m->config.profile,
		.is_answer = is_answer,
		.preference = m->config.profile == SDP_WEB || m->prefers ? SDP_OURS_FIRST
									 : SDP_PEERS_FIRST,
		.formats = m->formats,
		.n_formats = m->n_formats,
		.direction = is_answer ? m->said : m->wanted,
		.family = m->ready ? m->ours.ip.family : 0,
		.source_is_local = m->config.peer_is_local,
		.own = m->config.own,
		.n_own = m->config.n_own,
		.role = m->remote ? m->stream.setup : SDP_SETUP_NONE,
		.line = m->remote ? m->stream.line : 0,
	};
}

static int take(struct leg_media *m, struct str text, bool is_answer, struct cause *cause)
{
	struct sdp *remote = NULL;
	struct sdp_error error;
	struct sdp_refusal refusal;
	struct sdp_stream stream;
	struct sdp_terms terms = terms_of(m, is_answer);
	char *copy = NULL;
	int err = sdp_parse(text, &remote, &error);

	if (err == -ENOMEM)
		goto out_of_memory;
	if (err) {
		*cause = cause_not_acceptable(399, error.why);
		return err;
	}
	err = sdp_negotiate(&terms, remote, &stream, &refusal);
	if (err) {
		*cause = cause_not_acceptable(refusal.code, refusal.why);
		sdp_free(remote);
		return err;
	}
	bool new_ufrag = m->remote && !str_eq(stream.ufrag, m->stream.ufrag);
	bool new_pwd = m->remote && !str_eq(stream.pwd, m->stream.pwd);
	if (new_ufrag != new_pwd) {
		*cause = cause_not_acceptable(399, "an ICE restart changes both ufrag and pwd");
		sdp_free(remote);
		return -ENOTSUP;
	}
	copy = str_dup(text);
	if (!copy)
		goto out_of_memory;
	if (is_answer)
		leg_media_note_answer(m, &stream);
	else
		leg_media_note_offer(m, &stream);
	forget_remote(m);
	m->new_credentials = new_ufrag;
	m->remote = remote;
	m->stream = stream;
	m->agreed_text = (struct str){ copy, text.n };
	m->answering = !is_answer;
	m->follows = NULL;
	return 0;

out_of_memory:
	sdp_free(remote);
	*cause = cause_failed;
	return -ENOMEM;
}

int leg_media_take_offer(struct leg_media *m, struct str sdp, struct cause *cause)
{
	return take(m, sdp, false, cause);
}

int leg_media_take_answer(struct leg_media *m, struct str sdp, struct cause *cause)
{
	return take(m, sdp, true, cause);
}

/* Prints what m->local says; the last text goes when the new one is there. */
static int print(struct leg_media *m, struct str *out)
{
	char *mem = malloc(LEG_MEDIA_SDP), *less;
	struct str text;
	int err = mem ? sdp_local_update(&m->local, m->text, mem, LEG_MEDIA_SDP, &text) : -ENOMEM;

	if (err) {
		free(mem);
		return err;
	}
	less = realloc(mem, text.n);
	say(m, (struct str){ less ? less : mem, text.n });
	*out = m->text;
	return 0;
}

/* The same; the formats live on the caller's stack. */
static int print_formats(struct leg_media *m, struct str *out)
{
	int err = print(m, out);

	m->local.formats = NULL;
	m->local.n_formats = 0;
	return err;
}

static void fill_local(struct leg_media *m)
{
	const struct session_local *ours = &m->ours;
	struct sdp_local *local = &m->local;
	uint64_t version = local->version;

	*local = (struct sdp_local){
		.profile = m->config.profile,
		.session_id = m->config.session_id,
		.version = version,
		.ip = ours->ip,
		.port = ours->port,
		.rtcp_port = ours->rtcp_port,
		.ptime_ms = 20,
		.brief = m->brief,
		.remote = m->remote,
		.line = m->remote ? m->stream.line : 0,
		.ufrag = str_of(ours->ufrag),
		.pwd = str_of(ours->pwd),
		.fingerprint = ours->fingerprint,
		.candidates = ours->candidates,
		.n_candidates = ours->n_candidates,
		.ssrc = ours->ssrc,
		.cname = str_of(ours->cname),
		.stream_id = STR("hookswitch"),
		.track_id = STR("audio"),
	};
}

void leg_media_shorten(struct leg_media *m)
{
	m->brief = true;
}

int leg_media_offer(struct leg_media *m, struct str *out)
{
	struct sdp_format formats[LEG_MEDIA_FORMATS];

	if (!m->ready)
		return -EINVAL;
	size_t n = leg_media_offered(m, formats);
	m->said = m->wanted;
	m->asked = false;
	fill_local(m);
	m->local.formats = formats;
	m->local.n_formats = n;
	m->local.direction = m->said;
	m->local.setup = SDP_ACTPASS; /* the answer has the role in force (RFC 8842 §5.5) */
	return print_formats(m, out);
}

int leg_media_offer_asked(struct leg_media *m, struct str *out)
{
	int err = leg_media_offer(m, out);

	m->asked = !err;
	return err;
}

int leg_media_answer(struct leg_media *m, struct str *out)
{
	struct sdp_format formats[SDP_MOST_ANSWERED];
	struct sdp_terms terms = terms_of(m, false);

	if (!m->ready || !m->remote)
		return -EINVAL;
	leg_media_refresh_fmtp(m);
	fill_local(m);
	m->local.is_answer = true;
	m->local.n_formats = sdp_answer_formats(&terms, &m->stream, formats);
	m->local.formats = formats;
	m->local.direction = m->stream.direction;
	m->local.setup = m->stream.setup;
	return print_formats(m, out);
}

const struct codec *leg_media_codec(const struct leg_media *m)
{
	return m->remote ? m->codecs[m->stream.codec.ours] : NULL;
}

size_t leg_media_common(const struct leg_media *m, const struct codec **out, size_t cap)
{
	size_t n = 0;

	if (!m->remote)
		return 0;
	if (cap)
		out[n++] = leg_media_codec(m);
	for (size_t i = 0; i < m->stream.n_more && n < cap; i++)
		if (m->codecs[m->stream.more[i].ours])
			out[n++] = m->codecs[m->stream.more[i].ours];
	return n;
}

static enum bridge_direction direction_of(enum sdp_direction direction)
{
	switch (direction) {
	case SDP_SENDRECV:
		return BRIDGE_SENDRECV;
	case SDP_SENDONLY:
		return BRIDGE_SENDONLY;
	case SDP_RECVONLY:
		return BRIDGE_RECVONLY;
	case SDP_INACTIVE:
		break;
	}
	return BRIDGE_INACTIVE;
}

static void add_receive(const struct leg_media *m, const struct sdp_agreed *agreed,
			struct bridge_media *media)
{
	const struct codec *codec = m->codecs[agreed->ours];

	if (codec && media->n_receive < RECEIVER_MAX_FORMATS)
		media->receive[media->n_receive++] = (struct receiver_format){
			.pt = agreed->receive_pt, .codec = codec
		};
	if (!codec && media->n_receive_events < BRIDGE_MAX_EVENTS)
		media->receive_events[media->n_receive_events++] = (struct bridge_event_format){
			.pt = agreed->receive_pt, .clock = agreed->clock
		};
}

void leg_media_remote(const struct leg_media *m, struct session_remote *out)
{
	const struct sdp_stream *s = &m->stream;
	struct bridge_media *media = &out->media;

	*out = (struct session_remote){ .ip = s->ip, .port = s->port, .rtcp_port = s->rtcp_port };
	media->direction = direction_of(s->direction);
	media->send = (struct sender_format){
		.codec = leg_media_codec(m),
		.pt = s->codec.send_pt,
		.ptime_ms = s->ptime_ms,
		.complexity = m->config.config->media.opus_complexity,
		.dtmf_pt = s->event.clock ? s->event.send_pt : SENDER_NO_PT,
		.dtmf_clock = s->event.clock,
	};
	str_copy(s->codec.peer_fmtp, out->peer_fmtp, sizeof(out->peer_fmtp));
	add_receive(m, &s->codec, media);
	if (s->redundancy.clock)
		media->receive[media->n_receive++] = (struct receiver_format){
			.pt = s->redundancy.receive_pt, .codec = leg_media_codec(m), .red = true
		};
	if (s->event.clock)
		add_receive(m, &s->event, media);
	/* After our answer of one codec the peer sends that one; after its answer to
	 * our offer it may send any of those it kept. */
	for (size_t i = 0; !m->answering && i < s->n_more; i++)
		add_receive(m, &s->more[i], media);

	if (m->config.profile != SDP_WEB)
		return;
	str_copy(s->ufrag, out->ufrag, sizeof(out->ufrag));
	str_copy(s->pwd, out->pwd, sizeof(out->pwd));
	out->fingerprint = s->fingerprint;
	out->dtls_client = s->setup == SDP_ACTIVE;
	for (size_t i = 0; i < s->media->n_candidates; i++) {
		out->candidates[i] = s->media->candidates[i];
		str_copy(s->media->candidates[i].foundation, out->foundations[i],
			 sizeof(out->foundations[i]));
		out->candidates[i].foundation = STR("");
		out->n_candidates++;
	}
}

void leg_media_describe(const struct leg_media *m, char *text, size_t size)
{
	static const char *const directions[] = { [SDP_SENDRECV] = "sendrecv",
						  [SDP_SENDONLY] = "sendonly",
						  [SDP_RECVONLY] = "recvonly",
						  [SDP_INACTIVE] = "inactive" };

	if (!m->remote) {
		snprintf(text, size, "nothing agreed");
		return;
	}
	int n = snprintf(text, size, "%s/%u pt=%u ptime=%u events=%u %s", leg_media_codec(m)->name,
			 leg_media_codec(m)->rtp_clock, m->stream.codec.send_pt, m->stream.ptime_ms,
			 m->stream.event.clock, directions[m->stream.direction]);
	if (m->stream.redundancy.clock && n > 0 && (size_t)n < size)
		snprintf(text + n, size - (size_t)n, " red=%u", m->stream.redundancy.receive_pt);
}
