/* offer_answer.c: see offer_answer.h. Each audio m-line is tried in turn; the
 * refusal told is that of the m-line that came furthest. */
#include "sdp/offer_answer.h"

#include <errno.h>
#include <stdio.h>

/* How far an m-line came before it was refused. */
enum stage { NOTHING, NOT_AUDIO, SWITCHED_OFF, WRONG_PROTOCOL, LACKS, NO_CODEC, AGREED };

static enum stage refuse(struct sdp_refusal *refusal, enum stage stage, unsigned code,
			 const char *why, const char *detail)
{
	refusal->code = code;
	snprintf(refusal->why, sizeof(refusal->why), "%s%s", why, detail);
	return stage;
}

enum sdp_direction sdp_direction_answer(enum sdp_direction theirs, enum sdp_direction ours)
{
	static const enum sdp_direction answers[4][4] = {
		/* ours:             sendrecv      sendonly      recvonly      inactive */
		[SDP_SENDRECV] = { SDP_SENDRECV, SDP_SENDONLY, SDP_RECVONLY, SDP_INACTIVE },
		[SDP_SENDONLY] = { SDP_RECVONLY, SDP_INACTIVE, SDP_RECVONLY, SDP_INACTIVE },
		[SDP_RECVONLY] = { SDP_SENDONLY, SDP_SENDONLY, SDP_INACTIVE, SDP_INACTIVE },
		[SDP_INACTIVE] = { SDP_INACTIVE, SDP_INACTIVE, SDP_INACTIVE, SDP_INACTIVE },
	};

	return answers[theirs][ours];
}

/* RFC 8842 §5, RFC 4145 §4.1: without a=setup an offerer is active and an
 * answerer passive. Gives our role, or SDP_SETUP_NONE. */
static enum sdp_setup role_against(enum sdp_setup theirs, bool theirs_is_answer)
{
	switch (theirs) {
	case SDP_ACTPASS:
		/* Passive lets the browser's ClientHello come when it has our answer. */
		return theirs_is_answer ? SDP_SETUP_NONE : SDP_PASSIVE;
	case SDP_ACTIVE:
		return SDP_PASSIVE;
	case SDP_PASSIVE:
		return SDP_ACTIVE;
	case SDP_SETUP_NONE:
		return theirs_is_answer ? SDP_ACTIVE : SDP_PASSIVE;
	case SDP_HOLDCONN:
		break;
	}
	return SDP_SETUP_NONE;
}

static enum stage check_role(const struct sdp_terms *terms, const struct sdp_media *media,
			     struct sdp_stream *stream, struct sdp_refusal *refusal)
{
	stream->setup = role_against(media->setup, terms->is_answer);
	if (stream->setup == SDP_SETUP_NONE)
		return refuse(refusal, LACKS, 399, "unusable a=setup", "");
	if (terms->role == SDP_SETUP_NONE || terms->role == stream->setup)
		return AGREED;
	if (media->setup != SDP_ACTPASS)
		return refuse(refusal, LACKS, 399, "the DTLS role may not change", "");
	stream->setup = terms->role;
	return AGREED;
}

static enum stage check_web(const struct sdp_terms *terms, const struct sdp_media *media,
			    struct sdp_stream *stream, struct sdp_refusal *refusal)
{
	/* RFC 8829 §5.1.2 has the short form accepted too. */
	if (media->proto != SDP_UDP_TLS_RTP_SAVPF && media->proto != SDP_RTP_SAVPF)
		return refuse(refusal, WRONG_PROTOCOL, 302, "no UDP/TLS/RTP/SAVPF", "");
	if (media->n_fingerprints == 0)
		return refuse(refusal, LACKS, 399, "no DTLS fingerprint",
			      media->weak_fingerprint ? " of sha-256 or stronger" : "");
	if (str_empty(media->ufrag))
		return refuse(refusal, LACKS, 399, "no ice-ufrag", "");
	if (str_empty(media->pwd))
		return refuse(refusal, LACKS, 399, "no ice-pwd", "");
	if (!media->rtcp_mux)
		return refuse(refusal, LACKS, 399, "no rtcp-mux", "");
	stream->fingerprint = media->fingerprints[0];
	stream->ufrag = media->ufrag;
	stream->pwd = media->pwd;
	return check_role(terms, media, stream, refusal);
}

static const char *refusal_of(const struct sdp_terms *terms, const struct sdp_ip *ip, uint16_t port)
{
	return sdp_ip_refusal(ip, port, terms->source_is_local, terms->own, terms->n_own);
}

static enum stage check_plain(const struct sdp_terms *terms, const struct sdp_media *media,
			      struct sdp_stream *stream, struct sdp_refusal *refusal)
{
	const char *why;

	if (media->proto != SDP_RTP_AVP && media->proto != SDP_RTP_AVPF)
		return refuse(refusal, WRONG_PROTOCOL, 302, "no RTP/AVP", "");
	if (!media->ip.family)
		return refuse(refusal, LACKS, 301, "no IP address in c=", "");
	if (terms->family && media->ip.family != terms->family)
		return refuse(refusal, LACKS, 301,
			      terms->family == 4 ? "no IPv4 address" : "no IPv6 address", "");
	stream->ip = media->ip;
	stream->port = media->port;
	if (sdp_ip_is_unspecified(&media->ip))
		return AGREED; /* old hold: nothing will be sent */
	why = refusal_of(terms, &media->ip, media->port);
	if (why)
		return refuse(refusal, LACKS, 399, "media address: ", why);

	uint32_t rtcp_port = media->rtcp_port ? media->rtcp_port : media->port + 1u;
	if (rtcp_port <= 65535 && !refusal_of(terms, &media->ip, (uint16_t)rtcp_port))
		stream->rtcp_port = (uint16_t)rtcp_port;
	return AGREED;
}

/* --- formats --- */

/* Formats in common, each of ours once, voice and events apart. */
struct common {
	struct sdp_agreed agreed[SDP_MAX_CODECS];
	size_t n;
};

static bool is_voice(const struct sdp_format *f)
{
	return !sdp_format_is_event(f) && !str_ieq(f->name, STR("CN")) && !sdp_format_is_red(f);
}

static struct sdp_agreed agree(const struct sdp_terms *terms, size_t ours,
			       const struct sdp_format *theirs)
{
	return (struct sdp_agreed){
		.ours = ours,
		.send_pt = theirs->pt,
		/* an answerer uses the offerer's number, an offerer keeps its own */
		.receive_pt = terms->is_answer ? terms->formats[ours].pt : theirs->pt,
		.clock = theirs->clock,
		.peer_fmtp = theirs->fmtp,
	};
}

static void consider(const struct sdp_terms *terms, size_t ours, const struct sdp_format *theirs,
		     struct common *common)
{
	const struct sdp_format *mine = &terms->formats[ours];

	if (!sdp_format_same(mine, theirs) || common->n == SDP_MAX_CODECS)
		return;
	for (size_t i = 0; i < common->n; i++)
		if (common->agreed[i].ours == ours)
			return;
	common->agreed[common->n++] = agree(terms, ours, theirs);
}

static void find_common(const struct sdp_terms *terms, const struct sdp_media *media,
			bool (*wanted)(const struct sdp_format *f), struct common *common)
{
	bool ours_first = terms->preference == SDP_OURS_FIRST;
	size_t n_outer = ours_first ? terms->n_formats : media->n_codecs;
	size_t n_inner = ours_first ? media->n_codecs : terms->n_formats;

	common->n = 0;
	for (size_t outer = 0; outer < n_outer; outer++) {
		for (size_t inner = 0; inner < n_inner; inner++) {
			size_t ours = ours_first ? outer : inner;
			const struct sdp_format *theirs =
				&media->codecs[ours_first ? inner : outer];

			if (wanted(theirs))
				consider(terms, ours, theirs, common);
		}
	}
}

static void keep_more(struct sdp_stream *stream, const struct common *common, size_t but)
{
	for (size_t i = 0; i < common->n; i++)
		if (i != but && stream->n_more < SDP_MAX_MORE)
			stream->more[stream->n_more++] = common->agreed[i];
}

/* "111/111", one or more repetitions of that payload type alone (RFC 2198 §5). */
static bool repeats(struct str fmtp, unsigned pt)
{
	unsigned times = 0;

	while (!str_empty(fmtp)) {
		uint32_t number;

		if (!str_to_u32(str_trim(str_cut(&fmtp, '/')), 0, 127, &number) || number != pt)
			return false;
		times++;
	}
	return times >= 2;
}

static void agree_redundancy(const struct sdp_terms *terms, const struct sdp_media *media,
			     struct sdp_stream *stream)
{
	const struct sdp_format *codec = &terms->formats[stream->codec.ours];

	for (size_t ours = 0; ours < terms->n_formats; ours++) {
		const struct sdp_format *red = &terms->formats[ours];

		if (!sdp_format_is_red(red) || red->clock != codec->clock ||
		    red->channels != codec->channels)
			continue;
		for (size_t i = 0; i < media->n_codecs; i++) {
			const struct sdp_format *theirs = &media->codecs[i];

			if (sdp_format_same(red, theirs) &&
			    repeats(theirs->fmtp, stream->codec.send_pt)) {
				stream->redundancy = agree(terms, ours, theirs);
				return;
			}
		}
	}
}

static enum stage no_codec(const struct sdp_terms *terms, const struct sdp_media *media,
			   struct sdp_refusal *refusal)
{
	char theirs[72], ours[72];

	sdp_format_names(media->codecs, media->n_codecs, theirs, sizeof(theirs));
	sdp_format_names(terms->formats, terms->n_formats, ours, sizeof(ours));
	refusal->code = 305;
	snprintf(refusal->why, sizeof(refusal->why),
		 "no audio codec in common: %s %s; supported %s",
		 terms->is_answer ? "answered" : "offered", theirs, ours);
	return NO_CODEC;
}

static enum stage agree_formats(const struct sdp_terms *terms, const struct sdp_media *media,
				struct sdp_stream *stream, struct sdp_refusal *refusal)
{
	struct common voice, events;
	size_t event = 0;

	find_common(terms, media, is_voice, &voice);
	find_common(terms, media, sdp_format_is_event, &events);
	if (voice.n == 0)
		return no_codec(terms, media, refusal);
	stream->codec = voice.agreed[0];
	for (size_t i = 0; i < events.n; i++) {
		if (events.agreed[i].clock == stream->codec.clock) {
			event = i; /* RFC 4733 §2.1 wants the codec's clock */
			break;
		}
	}
	if (events.n)
		stream->event = events.agreed[event];
	agree_redundancy(terms, media, stream);
	keep_more(stream, &voice, 0);
	keep_more(stream, &events, event);
	return AGREED;
}

/* What the peer asks for, as whole 10 ms steps our senders can do. */
static uint32_t ptime_of(const struct sdp_media *media)
{
	uint32_t ms = media->ptime_ms >= 10 && media->ptime_ms <= 120 ? media->ptime_ms : 20;

	if (ms > 60)
		ms = 60;
	if (media->maxptime_ms >= 10 && ms > media->maxptime_ms)
		ms = media->maxptime_ms;
	return ms - ms % 10;
}

static enum stage try_media(const struct sdp_terms *terms, const struct sdp_media *media,
			    struct sdp_stream *stream, struct sdp_refusal *refusal)
{
	enum sdp_direction theirs = media->direction;
	enum stage stage;

	*stream = (struct sdp_stream){ .line = media->line, .media = media };
	if (media->kind != SDP_AUDIO)
		return refuse(refusal, NOT_AUDIO, 304, "no audio", "");
	if (media->port == 0)
		return refuse(refusal, SWITCHED_OFF, 304, "audio has port 0", "");
	stage = terms->profile == SDP_WEB ? check_web(terms, media, stream, refusal)
					  : check_plain(terms, media, stream, refusal);
	if (stage != AGREED)
		return stage;
	stage = agree_formats(terms, media, stream, refusal);
	if (stage != AGREED)
		return stage;

	if (terms->profile == SDP_PLAIN && sdp_ip_is_unspecified(&media->ip))
		theirs = sdp_sends(theirs) ? SDP_SENDONLY : SDP_INACTIVE;
	stream->theirs = theirs;
	stream->direction = sdp_direction_answer(theirs, terms->direction);
	stream->ptime_ms = ptime_of(media);
	return AGREED;
}

int sdp_negotiate(const struct sdp_terms *terms, const struct sdp *remote, struct sdp_stream *out,
		  struct sdp_refusal *refusal)
{
	struct sdp_refusal last, best = { 304, "no audio" };
	enum stage furthest = NOTHING;
	struct sdp_stream stream;

	for (size_t i = 0; i < remote->n_media; i++) {
		if (terms->is_answer && i != terms->line)
			continue;
		enum stage stage = try_media(terms, &remote->media[i], &stream, &last);
		if (stage == AGREED) {
			*out = stream;
			return 0;
		}
		if (stage > furthest) {
			furthest = stage;
			best = last;
		}
	}
	if (refusal)
		*refusal = best;
	return -ENOTSUP;
}

size_t sdp_answer_formats(const struct sdp_terms *terms, const struct sdp_stream *stream,
			  struct sdp_format out[SDP_MOST_ANSWERED])
{
	const struct sdp_agreed *const all[] = { &stream->redundancy, &stream->codec,
						 &stream->event };
	size_t n = 0;

	for (size_t i = 0; i < SDP_MOST_ANSWERED; i++) {
		if (all[i]->clock == 0)
			continue;
		out[n] = terms->formats[all[i]->ours];
		out[n++].pt = all[i]->receive_pt;
	}
	return n;
}

static bool named_before(const struct sdp_format *formats, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (str_ieq(formats[i].name, formats[at].name))
			return true;
	return false;
}

void sdp_format_names(const struct sdp_format *formats, size_t n, char *buf, size_t cap)
{
	static const char more[] = "...";
	struct str text = { 0 };
	struct writer w;

	if (cap == 0)
		return;
	/* room for ", ..." and NUL is kept back, so that there is always a way out */
	writer_init(&w, buf, cap > 6 ? cap - 6 : 0);
	for (size_t i = 0; i < n; i++) {
		size_t before = w.n;

		if (!is_voice(&formats[i]) || named_before(formats, i))
			continue;
		if (w.n)
			writer_put(&w, STR(", "));
		writer_put(&w, formats[i].name);
		if (w.overflow) {
			w = (struct writer){ .mem = buf, .cap = cap - 1, .n = before };
			if (before)
				writer_put(&w, STR(", "));
			writer_put(&w, str_of(more));
			break;
		}
	}
	if (w.n == 0) {
		writer_init(&w, buf, cap - 1);
		writer_put(&w, STR("nothing"));
	}
	if (writer_end(&w, &text))
		w.n = 0;
	buf[w.n] = '\0';
}
