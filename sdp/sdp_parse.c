/* sdp_parse.c: text to struct sdp, in one pass over the lines after a first one
 * that counts the m-lines; see sdp.h.
 *
 * A media section starts as a copy of what the session level said, so a media
 * level attribute simply overwrites it. */
#include "sdp/sdp_parser.h"

#include <errno.h>
#include <stdlib.h>

int sdp_fail(struct sdp_error *error, int code, size_t offset, const char *why)
{
	if (error)
		*error = (struct sdp_error){ offset, why };
	return code;
}

static int bad(struct sdp_parser *p, struct str at, const char *why)
{
	return sdp_fail(p->error, -EBADMSG, (size_t)(at.p - p->begin), why);
}

/* The next line without its end, blanks at its end left out. */
static struct str next_line(struct str *rest)
{
	struct str line = str_cut(rest, '\n');

	while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' ' ||
			  line.p[line.n - 1] == '\t'))
		line.n--;
	return line;
}

static int read_origin(struct sdp_parser *p, struct str line)
{
	struct str rest = str_skip(line, 2);

	if (p->has_origin)
		return 0;
	p->has_origin = true;
	str_word(&rest); /* user name */
	p->sdp->session_id = str_word(&rest);
	str_to_u64(str_word(&rest), 0, UINT64_MAX, &p->sdp->version);
	str_word(&rest); /* IN */
	str_word(&rest); /* IP4 */
	p->sdp->origin_address = str_word(&rest);
	if (str_empty(p->sdp->origin_address))
		return bad(p, line, "o= has too few fields");
	return 0;
}

static void read_connection(struct sdp_parser *p, struct str line)
{
	struct sdp_media *section = p->line ? p->media : &p->session;
	struct str rest = str_skip(line, 2);

	if (!section)
		return;
	str_word(&rest); /* IN */
	str_word(&rest); /* IP4 */
	rest = str_word(&rest);
	section->address = str_cut(&rest, '/'); /* a multicast address has a TTL behind */
	section->ip = (struct sdp_ip){ 0 };
	sdp_ip_parse(section->address, &section->ip);
}

static enum sdp_kind kind_of(struct str word)
{
	if (str_ieq(word, STR("audio")))
		return SDP_AUDIO;
	if (str_ieq(word, STR("video")))
		return SDP_VIDEO;
	if (str_ieq(word, STR("application")))
		return SDP_APPLICATION;
	return SDP_OTHER_KIND;
}

static enum sdp_proto proto_of(struct str word)
{
	static const struct {
		struct str name;
		enum sdp_proto proto;
	} protos[] = {
		{ STR("RTP/AVP"), SDP_RTP_AVP },
		{ STR("RTP/AVPF"), SDP_RTP_AVPF },
		{ STR("RTP/SAVP"), SDP_RTP_SAVP },
		{ STR("RTP/SAVPF"), SDP_RTP_SAVPF },
		{ STR("UDP/TLS/RTP/SAVPF"), SDP_UDP_TLS_RTP_SAVPF },
		{ STR("UDP/TLS/RTP/SAVP"), SDP_UDP_TLS_RTP_SAVPF },
		{ STR("TCP/TLS/RTP/SAVPF"), SDP_UDP_TLS_RTP_SAVPF }, /* RFC 8829 §5.1.2 */
	};

	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++)
		if (str_ieq(word, protos[i].name))
			return protos[i].proto;
	return SDP_OTHER_PROTO;
}

/* RFC 3551 §6: payload types that mean something without a=rtpmap */
static const struct {
	uint8_t pt;
	struct str name;
} static_types[] = {
	{ 0, STR("PCMU") }, { 8, STR("PCMA") },	 { 9, STR("G722") },
	{ 13, STR("CN") },  { 18, STR("G729") },
};

bool sdp_format_is_static(const struct sdp_format *f)
{
	for (size_t i = 0; i < sizeof(static_types) / sizeof(static_types[0]); i++)
		if (static_types[i].pt == f->pt)
			return str_ieq(static_types[i].name, f->name) && f->clock == 8000;
	return false;
}

static void list_pt(struct sdp_parser *p, uint8_t pt)
{
	struct sdp_listed *listed;

	if (p->slot[pt]) /* repeated: the first counts */
		return;
	listed = &p->listed[p->n_listed++];
	p->slot[pt] = (uint8_t)p->n_listed;
	*listed = (struct sdp_listed){ .format = { .pt = pt } };
	for (size_t i = 0; i < sizeof(static_types) / sizeof(static_types[0]); i++) {
		if (static_types[i].pt == pt) {
			listed->format.name = static_types[i].name;
			listed->format.clock = 8000;
			listed->format.channels = 1;
			listed->usable = true;
		}
	}
}

/* What ends with the section: its formats are known now. */
static void end_media(struct sdp_parser *p)
{
	for (size_t i = 0; p->media && i < p->n_listed; i++)
		if (p->listed[i].usable && p->media->n_codecs < SDP_MAX_CODECS)
			p->media->codecs[p->media->n_codecs++] = p->listed[i].format;
	p->n_listed = 0;
	memset(p->slot, 0, sizeof(p->slot));
}

/* m=audio 49170 RTP/AVP 0 8 101 */
static int read_media(struct sdp_parser *p, struct str line)
{
	struct str rest = str_skip(line, 2);
	struct str kind = str_word(&rest);
	struct str ports = str_word(&rest);
	struct str proto = str_word(&rest);
	struct str proto_parts = proto;
	uint32_t port, pt;

	if (!sdp_is_token(kind))
		return bad(p, line, "m= without a media type");
	if (!str_to_u32(str_cut(&ports, '/'), 0, 65535, &port))
		return bad(p, line, "m= without a port from 0 to 65535");
	do {
		if (!sdp_is_token(str_cut(&proto_parts, '/')))
			return bad(p, line, "m= without a transport protocol");
	} while (!str_empty(proto_parts));

	end_media(p);
	size_t at = (size_t)(p->line ? p->line - p->sdp->lines + 1 : 0);
	p->line = &p->sdp->lines[at];
	p->media = at < p->sdp->n_media ? &p->sdp->media[at] : NULL;
	p->attributes = 0;
	p->own_fingerprint = false;
	*p->line = (struct sdp_line){ .kind = kind, .proto = proto };
	struct str formats = rest;
	struct str first = str_word(&formats);
	if (sdp_is_token(first))
		p->line->format = first;
	if (!p->media)
		return 0;

	*p->media = p->session;
	p->media->kind = kind_of(kind);
	p->media->proto = proto_of(proto);
	p->media->proto_text = proto;
	p->media->port = (uint16_t)port;
	p->media->line = at;
	p->media->offset = (size_t)(line.p - p->begin);
	if (p->media->proto == SDP_OTHER_PROTO)
		return 0; /* formats of something that is not RTP */
	for (struct str word = str_word(&rest); !str_empty(word); word = str_word(&rest)) {
		if (!str_to_u32(word, 0, 127, &pt))
			return bad(p, word, "payload type not from 0 to 127");
		list_pt(p, (uint8_t)pt);
	}
	return 0;
}

static int read_line(struct sdp_parser *p, struct str line)
{
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ' && line.p[i] != '\t')
			return bad(p, str_skip(line, i), "control character");
	if (line.n < 2 || line.p[1] != '=')
		return bad(p, line, "line is not type=value");

	switch (line.p[0]) {
	case 'o':
		return p->line ? 0 : read_origin(p, line);
	case 'c':
		read_connection(p, line);
		return 0;
	case 'm':
		return read_media(p, line);
	case 'a':
		return sdp_read_attribute(p, line);
	default:
		return 0;
	}
}

static int read_all(struct sdp_parser *p, struct str text)
{
	bool first = true;

	while (!str_empty(text)) {
		struct str line = next_line(&text);
		int err;

		if (str_empty(line))
			continue;
		if (first && !str_eq(line, STR("v=0")))
			return bad(p, line, "does not begin with v=0");
		first = false;
		err = read_line(p, line);
		if (err)
			return err;
	}
	if (first)
		return sdp_fail(p->error, -EBADMSG, 0, "empty");
	if (!p->has_origin)
		return sdp_fail(p->error, -EBADMSG, 0, "no o= line");
	end_media(p);
	return 0;
}

/* How many m-lines, so that one allocation does for all. */
static int count_lines(struct str text, size_t *n, struct sdp_error *error)
{
	const char *begin = text.p;

	*n = 0;
	while (!str_empty(text)) {
		struct str line = next_line(&text);

		if (!str_starts(line, STR("m=")))
			continue;
		if (++*n > SDP_MAX_LINES)
			return sdp_fail(error, -EMSGSIZE, (size_t)(line.p - begin),
					"too many m= lines");
	}
	return 0;
}

int sdp_parse(struct str text, struct sdp **out, struct sdp_error *error)
{
	struct sdp_parser p = { .error = error };
	size_t n_lines;
	char *copy;
	int err;

	if (text.n > SDP_MAX_BYTES)
		return sdp_fail(error, -EMSGSIZE, SDP_MAX_BYTES, "longer than 64 KiB");
	if (str_empty(text))
		return sdp_fail(error, -EBADMSG, 0, "empty");
	err = count_lines(text, &n_lines, error);
	if (err)
		return err;
	size_t n_media = n_lines < SDP_MAX_MEDIA ? n_lines : SDP_MAX_MEDIA;
	size_t head = sizeof(struct sdp) + n_media * sizeof(struct sdp_media);
	p.sdp = calloc(1, head + text.n);
	if (!p.sdp)
		return sdp_fail(error, -ENOMEM, 0, "out of memory");
	p.sdp->n_lines = n_lines;
	p.sdp->n_media = n_media;
	copy = (char *)p.sdp + head;
	memcpy(copy, text.p, text.n);
	p.begin = copy;

	err = read_all(&p, (struct str){ copy, text.n });
	if (err) {
		sdp_free(p.sdp);
		return err;
	}
	*out = p.sdp;
	return 0;
}

void sdp_free(struct sdp *sdp)
{
	free(sdp);
}
