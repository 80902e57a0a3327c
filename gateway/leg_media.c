/* leg_media.c: see leg_media.h. */
#include "gateway/leg_media.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Payload types of our offers where the codec has no static one (Chromium's own,
 * so that a trace reads alike in both directions). */
enum { PT_OPUS = 111, PT_EVENT_48000 = 110, PT_EVENT_WEB_8000 = 126, PT_EVENT_PLAIN = 101 };

static void add_format(struct leg_media *m, const struct codec *codec, struct str name,
		       unsigned clock, unsigned channels, unsigned pt, struct str fmtp)
{
	if (m->n_formats == LEG_MEDIA_FORMATS)
		return;
	m->codecs[m->n_formats] = codec;
	m->formats[m->n_formats++] = (struct sdp_format){ .name = name,
							  .clock = clock,
							  .channels = (uint8_t)channels,
							  .pt = (uint8_t)pt,
							  .fmtp = fmtp };
}

static struct str print_opus_fmtp(struct leg_media *m)
{
	struct sdp_opus_policy policy = { .max_playback_rate = m->config.max_playback_rate };
	struct str fmtp = STR("");

	sdp_opus_fmtp(&policy, m->fmtp, sizeof(m->fmtp), &fmtp);
	return fmtp;
}

static void add_codec(struct leg_media *m, const struct codec *codec)
{
	bool dynamic = codec->static_pt == CODEC_PT_DYNAMIC;
	struct str fmtp = str_of(codec->fmtp);

	if (codec == &codec_opus)
		fmtp = print_opus_fmtp(m);
	add_format(m, codec, str_of(codec->name), codec->rtp_clock, codec->channels,
		   dynamic ? PT_OPUS : codec->static_pt, fmtp);
}

static void add_events(struct leg_media *m)
{
	bool wide = false;

	for (size_t i = 0; i < m->n_formats; i++)
		wide |= m->formats[i].clock == 48000;
	if (wide)
		add_format(m, NULL, STR("telephone-event"), 48000, 1, PT_EVENT_48000, STR("0-15"));
	add_format(m, NULL, STR("telephone-event"), 8000, 1,
		   m->config.profile == SDP_WEB ? PT_EVENT_WEB_8000 : PT_EVENT_PLAIN, STR("0-15"));
}

/* Opus stays on the browser's side, so that an INVITE to a desk phone is small. Under
 * plan `opus` phones are asked for it too, and browsers for nothing else. */
static bool suits(const struct leg_media *m, const struct codec *codec)
{
	bool web = m->config.profile == SDP_WEB, opus = codec == &codec_opus;

	if (m->config.config->media.plan == CONFIG_PLAN_OPUS)
		return opus || !web;
	return web || m->config.opus || !opus;
}

void leg_media_init(struct leg_media *m, const struct leg_media_config *config)
{
	*m = (struct leg_media){ .config = *config };
	const struct config_words *words = &config->config->media.codecs;

	for (size_t i = 0; i < words->n; i++) {
		for (size_t j = 0; codec_at(j); j++) {
			const struct codec *codec = codec_at(j);

			if (str_ieq(str_of(codec->name), str_of(words->list[i])) && suits(m, codec))
				add_codec(m, codec);
		}
	}
	add_events(m);
}

void leg_media_free(struct leg_media *m)
{
	sdp_free(m->remote);
	free((char *)m->agreed_text.p);
	m->remote = NULL;
	m->agreed_text = (struct str){ NULL, 0 }; /* may be freed again */
}

void leg_media_limit(struct leg_media *m, const struct codec *const *codecs, size_t n)
{
	m->n_formats = 0;
	for (size_t i = 0; i < n; i++)
		add_codec(m, codecs[i]);
	add_events(m);
}

void leg_media_set_playback_rate(struct leg_media *m, unsigned hz)
{
	m->config.max_playback_rate = hz < codec_opus.pcm_rate ? hz : 0;
	for (size_t i = 0; i < m->n_formats; i++)
		if (m->codecs[i] == &codec_opus)
			m->formats[i].fmtp = print_opus_fmtp(m);
}

unsigned leg_media_max_rate(const struct leg_media *m)
{
	unsigned hz = 0;

	if (m->remote)
		return leg_media_codec(m)->pcm_rate;
	for (size_t i = 0; i < m->n_formats; i++)
		if (m->codecs[i] && m->codecs[i]->pcm_rate > hz)
			hz = m->codecs[i]->pcm_rate;
	return hz;
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
	leg_media_free(m);
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

/* Prints what m->local says into the buffer that the last text is not in. */
static int print(struct leg_media *m, struct str *out)
{
	unsigned next = !m->which;
	struct str text;
	int err = sdp_local_update(&m->local, m->text, m->mem[next], LEG_MEDIA_SDP, &text);

	if (err)
		return err;
	m->which = next;
	m->text = text;
	*out = text;
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

static bool is_taken(const struct leg_media *m, unsigned pt, size_t but)
{
	for (size_t i = 0; i < m->n_formats; i++)
		if (i != but && m->formats[i].pt == pt)
			return true;
	return false;
}

/* A number stays with its format for the whole session (RFC 3264 §8.3.2). Formats
 * that were not agreed on make room. */
static void keep_numbers(struct leg_media *m)
{
	bool agreed[LEG_MEDIA_FORMATS] = { false };
	const struct sdp_stream *s = &m->stream;

	for (size_t i = 0; i < s->n_more; i++) {
		m->formats[s->more[i].ours].pt = s->more[i].receive_pt;
		agreed[s->more[i].ours] = true;
	}
	m->formats[s->codec.ours].pt = s->codec.receive_pt;
	agreed[s->codec.ours] = true;
	if (s->event.clock) {
		m->formats[s->event.ours].pt = s->event.receive_pt;
		agreed[s->event.ours] = true;
	}
	for (size_t i = 0; i < m->n_formats; i++)
		for (unsigned pt = 127; !agreed[i] && is_taken(m, m->formats[i].pt, i) && pt >= 96;
		     pt--)
			if (!is_taken(m, pt, i))
				m->formats[i].pt = (uint8_t)pt;
}

static void follow_swap(struct sdp_agreed *agreed, size_t one)
{
	if (agreed->ours == one)
		agreed->ours = 0;
	else if (agreed->ours == 0)
		agreed->ours = one;
}

static void put_first(struct leg_media *m, size_t at)
{
	struct sdp_stream *s = &m->stream;
	struct sdp_format format = m->formats[at];
	const struct codec *codec = m->codecs[at];

	if (at == 0)
		return;
	m->formats[at] = m->formats[0];
	m->codecs[at] = m->codecs[0];
	m->formats[0] = format;
	m->codecs[0] = codec;
	follow_swap(&s->codec, at);
	if (s->event.clock)
		follow_swap(&s->event, at);
	for (size_t i = 0; i < s->n_more; i++)
		follow_swap(&s->more[i], at);
}

void leg_media_prefer(struct leg_media *m, const struct codec *codec)
{
	for (size_t i = 0; i < m->n_formats; i++) {
		if (m->codecs[i] == codec) {
			put_first(m, i);
			m->prefers = true;
			return;
		}
	}
}

void leg_media_follow(struct leg_media *m, const struct codec *codec)
{
	m->follows = NULL;
	for (size_t i = 0; i < m->n_formats && codec != leg_media_codec(m); i++)
		if (codec && m->codecs[i] == codec)
			m->follows = codec;
}

static size_t place_of(const struct leg_media *m, const struct codec *codec)
{
	size_t at = 0;

	while (m->codecs[at] != codec)
		at++;
	return at;
}

int leg_media_offer(struct leg_media *m, struct str *out)
{
	struct sdp_format formats[LEG_MEDIA_FORMATS];
	size_t n = 0;

	if (!m->ready)
		return -EINVAL;
	if (m->remote) { /* the codec in use stays, or makes room for one */
		put_first(m, m->follows ? place_of(m, m->follows) : m->stream.codec.ours);
		keep_numbers(m);
	}
	for (size_t i = 0; i < m->n_formats; i++)
		if (!m->follows || i == 0 || !m->codecs[i])
			formats[n++] = m->formats[i];
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
	struct sdp_format formats[2];
	struct sdp_terms terms = terms_of(m, false);

	if (!m->ready || !m->remote)
		return -EINVAL;
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
		.dtmf_pt = s->event.clock ? s->event.send_pt : SENDER_NO_PT,
		.dtmf_clock = s->event.clock,
	};
	str_copy(s->codec.peer_fmtp, out->peer_fmtp, sizeof(out->peer_fmtp));
	add_receive(m, &s->codec, media);
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
	snprintf(text, size, "%s/%u pt=%u ptime=%u events=%u %s", leg_media_codec(m)->name,
		 leg_media_codec(m)->rtp_clock, m->stream.codec.send_pt, m->stream.ptime_ms,
		 m->stream.event.clock, directions[m->stream.direction]);
}
