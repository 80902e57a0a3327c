/* sdp_attributes.c: the a= lines, one function each and a table; see sdp.h.
 *
 * Whatever an attribute says wrongly is as if it had not been said: the
 * negotiation then names what is missing. */
#include "sdp/sdp_parser.h"

#include <errno.h>

#define MAX_MID 64 /* bytes; it is echoed in answers */

bool sdp_is_token(struct str s)
{
	static const char others[] = "!#$%&'*+-.^_`{|}~";

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      memchr(others, c, sizeof(others) - 1)))
			return false;
	}
	return s.n > 0;
}

/* ice-char of RFC 8839 §5.4 */
static bool is_ice_text(struct str s, size_t min)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      c == '+' || c == '/'))
			return false;
	}
	return s.n >= min && s.n <= 256;
}

/* In all of these `section` is the session level or a media section. */

static void on_sendrecv(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p, (void)value;
	section->direction = SDP_SENDRECV;
}

static void on_sendonly(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p, (void)value;
	section->direction = SDP_SENDONLY;
}

static void on_recvonly(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p, (void)value;
	section->direction = SDP_RECVONLY;
}

static void on_inactive(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p, (void)value;
	section->direction = SDP_INACTIVE;
}

static struct sdp_listed *listed_pt(struct sdp_parser *p, struct str word)
{
	uint32_t pt;

	if (!str_to_u32(word, 0, 127, &pt) || !p->slot[pt])
		return NULL;
	return &p->listed[p->slot[pt] - 1];
}

/* a=rtpmap:111 opus/48000/2. A line that says nothing usable makes the payload
 * type no codec, also a static one: its meaning is in doubt. */
static void on_rtpmap(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	struct sdp_listed *listed = listed_pt(p, str_word(&value));
	struct str encoding = str_word(&value);
	uint32_t clock = 0, channels = 1;

	(void)section;
	if (!listed || listed->mapped)
		return;
	struct str name = str_cut(&encoding, '/');
	bool good = sdp_is_token(name) && str_to_u32(str_cut(&encoding, '/'), 1, 384000, &clock);
	if (!str_empty(encoding))
		good = good && str_to_u32(encoding, 1, 255, &channels);
	listed->mapped = true;
	listed->usable = good;
	listed->format.name = name;
	listed->format.clock = clock;
	listed->format.channels = (uint8_t)channels;
}

static void on_fmtp(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	struct sdp_listed *listed = listed_pt(p, str_word(&value));

	(void)section;
	if (listed && str_empty(listed->format.fmtp))
		listed->format.fmtp = str_trim(value);
}

static void on_ptime(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p;
	str_to_u32(str_trim(value), 1, 1000, &section->ptime_ms);
}

static void on_maxptime(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p;
	str_to_u32(str_trim(value), 1, 1000, &section->maxptime_ms);
}

static void on_rtcp(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	uint32_t port;

	(void)p;
	if (str_to_u32(str_word(&value), 1, 65535, &port))
		section->rtcp_port = (uint16_t)port;
}

static void on_rtcp_mux(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p, (void)value;
	section->rtcp_mux = true;
}

static void on_ufrag(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p;
	value = str_trim(value);
	section->ufrag = is_ice_text(value, 4) ? value : (struct str){ 0 };
}

static void on_pwd(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p;
	value = str_trim(value);
	section->pwd = is_ice_text(value, 22) ? value : (struct str){ 0 };
}

static void on_ice_options(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p;
	section->ice_options = str_trim(value);
}

static const struct {
	const char *name;
	uint8_t bytes;
} hashes[] = {
	[SDP_SHA256] = { "sha-256", 32 },
	[SDP_SHA384] = { "sha-384", 48 },
	[SDP_SHA512] = { "sha-512", 64 },
};

const char *sdp_hash_name(enum sdp_hash hash)
{
	return hashes[hash].name;
}

/* "sha-256 4A:AD:..." (RFC 8122 §5) */
static bool read_fingerprint(struct str value, struct sdp_fingerprint *out)
{
	struct str name = str_word(&value);
	struct str hex = str_trim(value);
	struct sdp_fingerprint f = { 0 };
	size_t hash = 0;

	while (!str_ieq(name, str_of(hashes[hash].name)))
		if (++hash == sizeof(hashes) / sizeof(hashes[0]))
			return false;
	f.hash = (enum sdp_hash)hash;
	f.n = hashes[hash].bytes;
	if (hex.n != 3u * f.n - 1)
		return false;
	for (size_t i = 0; i < f.n; i++) {
		if (i > 0 && hex.p[3 * i - 1] != ':')
			return false;
		if (!str_to_hex((struct str){ hex.p + 3 * i, 2 }, &f.bytes[i], 1))
			return false;
	}
	*out = f;
	return true;
}

static void on_fingerprint(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	struct sdp_fingerprint f;
	size_t at;

	if (!p->own_fingerprint) { /* RFC 8122 §5: the media level overrides */
		p->own_fingerprint = true;
		section->n_fingerprints = 0;
		section->weak_fingerprint = false;
	}
	if (!read_fingerprint(value, &f)) {
		section->weak_fingerprint = true;
		return;
	}
	if (section->n_fingerprints == SDP_MAX_FINGERPRINTS)
		return;
	at = section->n_fingerprints++;
	while (f.hash == SDP_SHA256 && at > 0 && section->fingerprints[at - 1].hash != SDP_SHA256) {
		section->fingerprints[at] = section->fingerprints[at - 1];
		at--;
	}
	section->fingerprints[at] = f;
}

static void on_setup(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	static const struct {
		const char *name;
		enum sdp_setup setup;
	} roles[] = {
		{ "actpass", SDP_ACTPASS },
		{ "active", SDP_ACTIVE },
		{ "passive", SDP_PASSIVE },
		{ "holdconn", SDP_HOLDCONN },
	};

	(void)p;
	section->setup = SDP_SETUP_NONE;
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (str_ieq(str_trim(value), str_of(roles[i].name)))
			section->setup = roles[i].setup;
}

static void on_candidate(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p;
	if (section->n_candidates < SDP_MAX_CANDIDATES &&
	    sdp_candidate_parse(value, &section->candidates[section->n_candidates]) == 0)
		section->n_candidates++;
	else
		section->n_candidates_skipped++;
}

static void on_end_of_candidates(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)p, (void)value;
	section->end_of_candidates = true;
}

static void on_ssrc(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	uint32_t ssrc;

	(void)p;
	if (!str_to_u32(str_word(&value), 1, UINT32_MAX, &ssrc))
		return;
	if (!section->ssrc)
		section->ssrc = ssrc;
	value = str_trim(value);
	if (section->ssrc == ssrc && str_empty(section->cname) && str_istarts(value, STR("cname:")))
		section->cname = str_skip(value, STR("cname:").n);
}

static void on_mid(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	value = str_trim(value);
	if (!sdp_is_token(value) || value.n > MAX_MID)
		return;
	p->line->mid = value;
	if (section)
		section->mid = value;
}

static void on_group(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)section;
	if (str_ieq(str_word(&value), STR("BUNDLE")) && str_empty(p->sdp->bundle))
		p->sdp->bundle = str_trim(value);
}

static void on_ice_lite(struct sdp_parser *p, struct sdp_media *section, struct str value)
{
	(void)section, (void)value;
	p->sdp->ice_lite = true;
}

enum level { SESSION = 1, MEDIA = 2, ANY = SESSION | MEDIA };

static const struct {
	struct str name;
	unsigned levels;
	void (*read)(struct sdp_parser *p, struct sdp_media *section, struct str value);
} attributes[] = {
	{ STR("sendrecv"), ANY, on_sendrecv },
	{ STR("sendonly"), ANY, on_sendonly },
	{ STR("recvonly"), ANY, on_recvonly },
	{ STR("inactive"), ANY, on_inactive },
	{ STR("rtpmap"), MEDIA, on_rtpmap },
	{ STR("fmtp"), MEDIA, on_fmtp },
	{ STR("ptime"), ANY, on_ptime },
	{ STR("maxptime"), ANY, on_maxptime },
	{ STR("rtcp"), MEDIA, on_rtcp },
	{ STR("rtcp-mux"), MEDIA, on_rtcp_mux },
	{ STR("mid"), MEDIA, on_mid },
	{ STR("group"), SESSION, on_group },
	{ STR("ice-lite"), SESSION, on_ice_lite },
	{ STR("ice-ufrag"), ANY, on_ufrag },
	{ STR("ice-pwd"), ANY, on_pwd },
	{ STR("ice-options"), ANY, on_ice_options },
	{ STR("fingerprint"), ANY, on_fingerprint },
	{ STR("setup"), ANY, on_setup },
	{ STR("candidate"), MEDIA, on_candidate },
	{ STR("end-of-candidates"), ANY, on_end_of_candidates },
	{ STR("ssrc"), MEDIA, on_ssrc },
};

int sdp_read_attribute(struct sdp_parser *p, struct str line)
{
	struct str value = str_skip(line, 2);
	struct str name = str_cut(&value, ':');
	unsigned level = p->line ? MEDIA : SESSION;
	struct sdp_media *section = p->line ? p->media : &p->session;

	if (++p->attributes > SDP_MAX_ATTRIBUTES)
		return sdp_fail(p->error, -EMSGSIZE, (size_t)(line.p - p->begin),
				"too many attributes in one section");
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (!str_eq(name, attributes[i].name) || !(attributes[i].levels & level))
			continue;
		if (section || attributes[i].read == on_mid)
			attributes[i].read(p, section, value);
		break;
	}
	return 0;
}
