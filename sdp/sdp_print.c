/* sdp_print.c: see sdp_print.h. Both profiles share origin, formats, direction
 * and the refused m-lines; print_web() adds what only a browser wants. */
#include "sdp/sdp_print.h"

#include "sdp/sdp_parser.h"

#include <errno.h>

static const char *const direction_names[] = {
	[SDP_SENDRECV] = "sendrecv",
	[SDP_SENDONLY] = "sendonly",
	[SDP_RECVONLY] = "recvonly",
	[SDP_INACTIVE] = "inactive",
};

static const char *const setup_names[] = {
	[SDP_ACTPASS] = "actpass",
	[SDP_ACTIVE] = "active",
	[SDP_PASSIVE] = "passive",
};

static void put_line(struct writer *w, const char *name, struct str value)
{
	writer_put(w, str_of(name));
	writer_put(w, value);
	writer_put(w, STR("\r\n"));
}

/* "IN IP4 192.0.2.1" */
static void put_address(struct writer *w, const char *before, const struct sdp_ip *ip)
{
	writer_printf(w, "%sIN IP%c ", before, ip->family == 6 ? '6' : '4');
	sdp_ip_print(w, ip);
	writer_put(w, STR("\r\n"));
}

/* May stand behind a colon: nothing that ends or breaks the line. */
static bool is_printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool web_is_printable(const struct sdp_local *local)
{
	return !str_empty(local->ufrag) && is_printable(local->ufrag) && !str_empty(local->pwd) &&
	       is_printable(local->pwd) && local->fingerprint.n > 0 &&
	       local->fingerprint.n <= sizeof(local->fingerprint.bytes) &&
	       (local->setup == SDP_ACTPASS || local->setup == SDP_ACTIVE ||
		local->setup == SDP_PASSIVE) &&
	       (str_empty(local->mid) || sdp_is_token(local->mid)) && local->ssrc != 0 &&
	       sdp_is_token(local->cname) && sdp_is_token(local->stream_id) &&
	       sdp_is_token(local->track_id);
}

static bool can_print(const struct sdp_local *local)
{
	if (!local->ip.family || local->port == 0 || local->n_formats == 0)
		return false;
	if (local->is_answer && !local->remote)
		return false;
	if (local->remote && local->line >= local->remote->n_lines)
		return false;
	for (size_t i = 0; i < local->n_formats; i++) {
		const struct sdp_format *f = &local->formats[i];

		if (!sdp_is_token(f->name) || f->clock == 0 || f->pt > 127 ||
		    !is_printable(f->fmtp))
			return false;
	}
	for (size_t i = 0; i < local->n_candidates; i++)
		if (str_empty(local->candidates[i].foundation) ||
		    !is_printable(local->candidates[i].foundation) ||
		    !local->candidates[i].ip.family)
			return false;
	return local->profile == SDP_PLAIN || web_is_printable(local);
}

/* The mid of our section. A peer that uses none gets none in an answer, and a
 * phone only its own (RFC 5888 §9.1). */
static struct str mid_of(const struct sdp_local *local)
{
	if (local->remote && !str_empty(local->remote->lines[local->line].mid))
		return local->remote->lines[local->line].mid;
	if (local->is_answer || local->profile == SDP_PLAIN)
		return (struct str){ 0 };
	return str_empty(local->mid) ? STR("0") : local->mid;
}

static bool has_word(struct str words, struct str word)
{
	while (!str_empty(words))
		if (str_eq(str_word(&words), word))
			return true;
	return false;
}

/* RFC 8843 §7.3: an answer bundles only what the offer bundled. */
static bool bundled(const struct sdp_local *local, struct str mid)
{
	if (str_empty(mid))
		return false;
	return !local->is_answer || has_word(local->remote->bundle, mid);
}

static void print_rtpmap(struct writer *w, const struct sdp_format *f)
{
	writer_printf(w, "a=rtpmap:%u ", f->pt);
	writer_put(w, f->name);
	writer_printf(w, "/%u", f->clock);
	if (f->channels > 1)
		writer_printf(w, "/%u", f->channels);
	writer_put(w, STR("\r\n"));
}

static void print_formats(struct writer *w, const struct sdp_local *local)
{
	for (size_t i = 0; i < local->n_formats; i++) {
		const struct sdp_format *f = &local->formats[i];
		struct str fmtp = f->fmtp;

		if (str_empty(fmtp) && sdp_format_is_event(f))
			fmtp = STR("0-15");
		if (!local->brief || !sdp_format_is_static(f))
			print_rtpmap(w, f);
		if (sdp_format_is_red(f) && i + 1 < local->n_formats) {
			writer_printf(w, "a=fmtp:%u %u/%u\r\n", f->pt, f[1].pt, f[1].pt);
		} else if (!str_empty(fmtp)) {
			writer_printf(w, "a=fmtp:%u ", f->pt);
			put_line(w, "", fmtp);
		}
	}
}

static void print_candidate(struct writer *w, const struct sdp_candidate *c)
{
	writer_put(w, STR("a=candidate:"));
	writer_put(w, c->foundation);
	writer_printf(w, " 1 udp %u ", c->priority);
	sdp_ip_print(w, &c->ip);
	writer_printf(w, " %u typ %s", c->port, sdp_candidate_type_name(c->type));
	if (c->related_ip.family) {
		writer_put(w, STR(" raddr "));
		sdp_ip_print(w, &c->related_ip);
		writer_printf(w, " rport %u", c->related_port);
	}
	writer_put(w, STR("\r\n"));
}

static void print_fingerprint(struct writer *w, const struct sdp_fingerprint *f)
{
	writer_printf(w, "a=fingerprint:%s ", sdp_hash_name(f->hash));
	for (size_t i = 0; i < f->n; i++)
		writer_printf(w, i ? ":%02X" : "%02X", f->bytes[i]);
	writer_put(w, STR("\r\n"));
}

/* What RFC 8829 §5.2.1 wants of a section beyond plain RTP. */
static void print_web(struct writer *w, const struct sdp_local *local)
{
	put_line(w, "a=ice-ufrag:", local->ufrag);
	put_line(w, "a=ice-pwd:", local->pwd);
	for (size_t i = 0; i < local->n_candidates; i++)
		print_candidate(w, &local->candidates[i]);
	put_line(w, "a=end-of-candidates", (struct str){ 0 });
	print_fingerprint(w, &local->fingerprint);
	writer_printf(w, "a=setup:%s\r\na=rtcp-mux\r\n", setup_names[local->setup]);
	writer_put(w, STR("a=msid:"));
	writer_put(w, local->stream_id);
	put_line(w, " ", local->track_id);
	writer_printf(w, "a=ssrc:%u", local->ssrc);
	put_line(w, " cname:", local->cname);
}

static void print_audio(struct writer *w, const struct sdp_local *local)
{
	bool web = local->profile == SDP_WEB;
	struct str proto = web ? STR("UDP/TLS/RTP/SAVPF") : STR("RTP/AVP");
	struct str mid = mid_of(local);

	if (local->remote)
		proto = local->remote->lines[local->line].proto;
	writer_printf(w, "m=audio %u ", local->port);
	writer_put(w, proto);
	for (size_t i = 0; i < local->n_formats; i++)
		writer_printf(w, " %u", local->formats[i].pt);
	writer_put(w, STR("\r\n"));
	if (web)
		put_address(w, "c=", &local->ip);
	print_formats(w, local);
	if (local->ptime_ms)
		writer_printf(w, "a=ptime:%u\r\n", local->ptime_ms);
	if (!local->brief || local->direction != SDP_SENDRECV)
		writer_printf(w, "a=%s\r\n", direction_names[local->direction]);
	if (!web && local->rtcp_port && local->rtcp_port != local->port + 1)
		writer_printf(w, "a=rtcp:%u\r\n", local->rtcp_port);
	if (!str_empty(mid))
		put_line(w, "a=mid:", mid);
	if (web)
		print_web(w, local);
}

/* RFC 3264 §6: a refused m-line stays in its place, with port 0 and a format. */
static void print_refused(struct writer *w, const struct sdp_local *local,
			  const struct sdp_line *line)
{
	writer_put(w, STR("m="));
	writer_put(w, line->kind);
	writer_put(w, STR(" 0 "));
	writer_put(w, line->proto);
	writer_char(w, ' ');
	put_line(w, "", str_empty(line->format) ? STR("0") : line->format);
	if (local->profile == SDP_WEB)
		writer_put(w, STR("c=IN IP4 0.0.0.0\r\na=inactive\r\n"));
	if (!str_empty(line->mid))
		put_line(w, "a=mid:", line->mid);
}

int sdp_print(const struct sdp_local *local, char *mem, size_t cap, struct str *out)
{
	struct writer w;

	if (!can_print(local))
		return -EINVAL;
	writer_init(&w, mem, cap);
	writer_put(&w, STR("v=0\r\no=- "));
	writer_u64(&w, local->session_id);
	writer_char(&w, ' ');
	writer_u64(&w, local->version);
	put_address(&w, " ", &local->ip);
	writer_put(&w, STR("s=-\r\n"));
	if (local->profile == SDP_PLAIN)
		put_address(&w, "c=", &local->ip);
	writer_put(&w, STR("t=0 0\r\n"));
	if (local->profile == SDP_WEB && bundled(local, mid_of(local)))
		put_line(&w, "a=group:BUNDLE ", mid_of(local));

	size_t n_lines = local->remote ? local->remote->n_lines : 1;
	for (size_t i = 0; i < n_lines; i++) {
		if (!local->remote || i == local->line)
			print_audio(&w, local);
		else
			print_refused(&w, local, &local->remote->lines[i]);
	}
	return writer_end(&w, out);
}

int sdp_local_update(struct sdp_local *local, struct str previous, char *mem, size_t cap,
		     struct str *out)
{
	struct str text;
	int err;

	err = sdp_print(local, mem, cap, &text);
	if (err)
		return err;
	if (!str_empty(previous) && !str_eq(text, previous)) {
		local->version++;
		err = sdp_print(local, mem, cap, &text);
		if (err) {
			local->version--;
			return err;
		}
	}
	*out = text;
	return 0;
}

int sdp_opus_fmtp(const struct sdp_opus_policy *policy, char *mem, size_t cap, struct str *out)
{
	struct writer w;

	writer_init(&w, mem, cap);
	writer_printf(&w, "minptime=10;useinbandfec=%d", policy->no_fec ? 0 : 1);
	if (policy->max_playback_rate)
		writer_printf(&w, ";maxplaybackrate=%u", policy->max_playback_rate);
	writer_put(&w, STR(";stereo=0;sprop-stereo=0"));
	if (policy->max_average_bitrate)
		writer_printf(&w, ";maxaveragebitrate=%u", policy->max_average_bitrate);
	return writer_end(&w, out);
}
