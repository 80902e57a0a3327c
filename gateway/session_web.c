/* session_web.c: the path to a browser: ICE, then DTLS, then SRTP.
 *
 *   ICE connected --> DTLS handshake --keys--> SRTP; nothing but STUN and DTLS
 *   leaves before the keys. What comes too early is kept (SESSION_EARLY packets of
 *   each kind): a ClientHello before a pair is selected, SRTP that overtakes the end
 *   of the handshake.
 *
 * ice.h has already dropped what does not come from an accepted sender. */
#include "gateway/session.h"

#include "dtls/srtp.h"
#include "gateway/media_address.h"
#include "ice/ice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Packets of accepted senders that cannot be used yet, in their order. */
struct early {
	size_t n, used;
	struct {
		uint16_t at, bytes;
	} list[SESSION_EARLY];
	uint8_t packets[SESSION_EARLY_BYTES] __attribute__((aligned(8)));
};

struct web {
	struct session *session;
	struct ice *ice;
	struct dtls *dtls; /* from the first session_remote() on */
	bool dtls_started;
	struct dtls_srtp *srtp; /* from the keys on */
	enum dtls_profile profile;
	uint64_t heard_ms; /* the last packet that SRTP found authentic */

	struct early *early_dtls; /* NULL: DTLS has started */
	struct early *early_srtp; /* NULL: the keys are there */
};

static struct web *of(const struct session *session)
{
	return session->path_state;
}

static const char *profile_name(enum dtls_profile profile)
{
	return profile == DTLS_AEAD_AES_128_GCM ? "AEAD_AES_128_GCM" : "AES_CM_128_HMAC_SHA1_80";
}

/* ---- SRTP ---- */

static void web_send(struct session *session, uint8_t *packet, size_t bytes, size_t cap, bool rtcp)
{
	struct web *w = of(session);
	int err;

	if (!w->srtp)
		return; /* never in the clear */
	err = rtcp ? dtls_srtp_protect_rtcp(w->srtp, packet, &bytes, cap)
		   : dtls_srtp_protect_rtp(w->srtp, packet, &bytes, cap);
	if (!err)
		ice_send(w->ice, packet, bytes);
}

static void receive_srtp(struct web *w, uint8_t *packet, size_t bytes, bool rtcp)
{
	int err = rtcp ? dtls_srtp_unprotect_rtcp(w->srtp, packet, &bytes)
		       : dtls_srtp_unprotect_rtp(w->srtp, packet, &bytes);

	if (err)
		return; /* counted in there */
	w->heard_ms = session_now(w->session);
	session_receive(w->session, packet, bytes, rtcp);
}

static void keep(struct early *early, const uint8_t *packet, size_t bytes)
{
	if (!early || early->n == SESSION_EARLY || bytes > sizeof(early->packets) - early->used)
		return;
	memcpy(early->packets + early->used, packet, bytes);
	early->list[early->n].at = (uint16_t)early->used;
	early->list[early->n++].bytes = (uint16_t)bytes;
	/* the next one aligned, too */
	early->used += (bytes + 7) & ~(size_t)7;
	if (early->used > sizeof(early->packets))
		early->used = sizeof(early->packets);
}

static void use_early_srtp(struct web *w)
{
	struct early *early = w->early_srtp;

	w->early_srtp = NULL;
	for (size_t i = 0; early && i < early->n; i++) {
		uint8_t *packet = early->packets + early->list[i].at;
		size_t bytes = early->list[i].bytes;

		receive_srtp(w, packet, bytes, packet_kind(packet, bytes) == PACKET_RTCP);
	}
	free(early);
}

/* ---- DTLS ---- */

static void dtls_send(void *arg, const uint8_t *bytes, size_t n)
{
	struct web *w = arg;

	ice_send(w->ice, bytes, n);
}

static void on_keys(void *arg, const struct dtls_keys *keys)
{
	struct web *w = arg;
	char pair[128];

	if (dtls_srtp_new(keys, w->session->ssrc, &w->srtp) != 0) {
		session_fail(w->session, "SRTP could not be set up");
		return;
	}
	w->profile = keys->profile;
	ice_print_pair(w->ice, pair, sizeof(pair));
	w->heard_ms = session_now(w->session);
	session_connected(w->session, pair, profile_name(keys->profile));
	use_early_srtp(w);
}

static void on_dtls_failed(void *arg, const char *why)
{
	struct web *w = arg;

	session_fail(w->session, why);
}

/* Says nothing about the call: its end comes by SIP or by silence. */
static void on_dtls_closed(void *arg)
{
	struct web *w = arg;

	session_note(w->session, "DTLS closed by the peer");
}

static const struct dtls_events dtls_events = {
	.send = dtls_send,
	.on_connected = on_keys,
	.on_failed = on_dtls_failed,
	.on_closed = on_dtls_closed,
};

static void start_dtls(struct web *w)
{
	struct early *early = w->early_dtls;
	uint64_t now = session_now(w->session);

	if (w->dtls_started || !w->dtls || !ice_connected(w->ice))
		return;
	w->dtls_started = true;
	w->early_dtls = NULL;
	dtls_start(w->dtls, now);
	for (size_t i = 0; early && i < early->n; i++)
		dtls_receive(w->dtls, early->packets + early->list[i].at, early->list[i].bytes,
			     now);
	free(early);
	session_touch(w->session);
}

/* ---- ICE ---- */

/* Tells what the peer has to know of our end. */
static void describe(struct web *w)
{
	struct ice_local from;
	struct session_local local = { .port = 9 };

	ice_get_local(w->ice, &from);
	str_copy(str_of(from.ufrag), local.ufrag, sizeof(local.ufrag));
	str_copy(str_of(from.pwd), local.pwd, sizeof(local.pwd));
	local.fingerprint = *w->session->fingerprint;
	for (size_t i = 0; i < from.n; i++) {
		struct sdp_candidate *c = &local.candidates[local.n_candidates];

		if (!sdp_ip_parse(str_of(from.candidates[i].address), &c->ip))
			continue;
		str_copy(str_of(from.candidates[i].foundation),
			 local.foundations[local.n_candidates], sizeof(local.foundations[0]));
		c->priority = from.candidates[i].priority;
		c->port = from.candidates[i].port;
		c->type = SDP_HOST;
		local.n_candidates++;
	}
	if (local.n_candidates) {
		local.ip = local.candidates[0].ip;
		local.port = local.candidates[0].port;
	}
	session_ready(w->session, &local);
}

static void on_gathered(void *arg)
{
	describe(arg);
}

static void on_ice_connected(void *arg)
{
	struct web *w = arg;
	char pair[128], note[160];

	ice_print_pair(w->ice, pair, sizeof(pair));
	snprintf(note, sizeof(note), "ICE pair %s", pair);
	session_note(w->session, note);
	start_dtls(w);
}

/* No verdict: checks of the peer that come later still connect, and nobody comes
 * at all is for the ring and media timeouts to say. */
static void on_ice_failed(void *arg)
{
	struct web *w = arg;

	session_note(w->session, "ICE checks failed");
}

static void on_packet(void *arg, uint8_t *bytes, size_t n)
{
	struct web *w = arg;
	enum packet_kind kind = packet_kind(bytes, n);

	switch (kind) {
	case PACKET_DTLS:
		if (w->dtls_started)
			dtls_receive(w->dtls, bytes, n, session_now(w->session));
		else
			keep(w->early_dtls, bytes, n);
		session_touch(w->session);
		break;
	case PACKET_RTP:
	case PACKET_RTCP:
		if (w->srtp)
			receive_srtp(w, bytes, n, kind == PACKET_RTCP);
		else
			keep(w->early_srtp, bytes, n);
		break;
	case PACKET_STUN:
	case PACKET_UNKNOWN:
		break;
	}
}

static void free_web(struct web *w)
{
	free(w->early_dtls);
	free(w->early_srtp);
	free(w);
}

static void on_ice_closed(void *arg)
{
	struct web *w = arg;
	struct session *session = w->session;

	free_web(w);
	session_path_closed(session);
}

static const struct ice_events ice_events = {
	.on_gathered = on_gathered,
	.on_connected = on_ice_connected,
	.on_failed = on_ice_failed,
	.on_packet = on_packet,
	.on_closed = on_ice_closed,
};

/* ---- the path ---- */

static int web_open(struct session *session, const struct session_config *config)
{
	struct web *w = calloc(1, sizeof(*w));
	const char *addresses[ICE_MOST_LOCAL];
	struct ice_config ice = {
		.loop = session->loop,
		.addresses = addresses,
		.port_min = (uint16_t)session->config->media.port_min,
		.port_max = (uint16_t)session->config->media.port_max,
		.controlling = config->controlling,
		.patience_ms = SESSION_ICE_PATIENCE_MS,
		.events = &ice_events,
		.arg = w,
	};
	int err;

	if (!w)
		return -ENOMEM;
	w->session = session;
	w->early_dtls = calloc(1, sizeof(*w->early_dtls));
	w->early_srtp = calloc(1, sizeof(*w->early_srtp));
	if (!w->early_dtls || !w->early_srtp) {
		free_web(w);
		return -ENOMEM;
	}
	for (size_t i = 0; i < session->addresses->n && i < ICE_MOST_LOCAL; i++) {
		addresses[ice.n_addresses++] = session->addresses->list[i].text;
		if (session->addresses->list[i].advertise_text[0])
			ice.advertise = session->addresses->list[i].advertise_text;
	}
	err = ice_new(&ice, &w->ice);
	if (err) {
		free_web(w);
		return err;
	}
	session->path_state = w;
	return 0;
}

static void add_candidates(struct web *w, const struct session_remote *remote)
{
	for (size_t i = 0; i < remote->n_candidates; i++) {
		const struct sdp_candidate *from = &remote->candidates[i];
		struct ice_candidate c = {
			.component = 1,
			.priority = from->priority,
			.port = from->port,
			.type = (enum ice_type)from->type,
		};
		struct writer writer;
		struct str text;

		memcpy(c.foundation, remote->foundations[i], sizeof(c.foundation));
		writer_init(&writer, c.address, sizeof(c.address) - 1);
		sdp_ip_print(&writer, &from->ip);
		if (writer_end(&writer, &text) == 0)
			ice_add_remote(w->ice, &c); /* what it skips is no error of the call */
	}
}

/* A new path for the same DTLS and SRTP (RFC 8842 §5.5: the fingerprint is as it was,
 * so is the association). */
static int restart_ice(struct web *w, const struct session_remote *remote)
{
	int err = ice_restart(w->ice, remote->ufrag, remote->pwd);

	if (err)
		return err;
	session_note(w->session, "ICE restart");
	describe(w);
	add_candidates(w, remote);
	return 0;
}

static int web_set_remote(struct session *session, const struct session_remote *remote)
{
	struct web *w = of(session);
	struct dtls_fingerprint fingerprint = { .n = remote->fingerprint.n };
	int err;

	memcpy(fingerprint.bytes, remote->fingerprint.bytes, sizeof(fingerprint.bytes));
	if (!w->dtls) {
		err = dtls_new(
			&(struct dtls_config){
				.context = session->dtls,
				.role = remote->dtls_client ? DTLS_CLIENT : DTLS_SERVER,
				.remote = &fingerprint,
				.events = &dtls_events,
				.arg = w,
			},
			&w->dtls);
		if (err)
			return err;
	} else {
		err = dtls_set_remote(w->dtls, &fingerprint, session_now(session));
		if (err)
			return err;
	}
	if (ice_is_restart(w->ice, remote->ufrag, remote->pwd))
		return restart_ice(w, remote);
	err = ice_set_remote(w->ice, remote->ufrag, remote->pwd);
	if (err)
		return err;
	add_candidates(w, remote);
	start_dtls(w);
	return 0;
}

static uint64_t web_due(struct session *session)
{
	struct web *w = of(session);

	return w->dtls_started ? dtls_due(w->dtls) : UINT64_MAX;
}

static void web_run(struct session *session, uint64_t now_ms)
{
	dtls_run(of(session)->dtls, now_ms);
}

static uint64_t web_heard_ms(struct session *session)
{
	struct web *w = of(session);
	uint64_t check = ice_last_check_ms(w->ice);

	return check > w->heard_ms ? check : w->heard_ms;
}

static void web_stats(struct session *session, struct session_stats *stats)
{
	struct web *w = of(session);
	struct ice_drops drops;

	ice_get_drops(w->ice, &drops);
	stats->stranger = drops.stranger + drops.stun;
	ice_print_pair(w->ice, stats->path, sizeof(stats->path));
	if (w->srtp) {
		struct dtls_srtp_counts counts;

		dtls_srtp_get_counts(w->srtp, &counts);
		stats->bad_srtp = counts.bad_tag + counts.replayed + counts.surplus_ssrc;
		snprintf(stats->srtp, sizeof(stats->srtp), "%s", profile_name(w->profile));
	}
}

static void web_close(struct session *session)
{
	struct web *w = of(session);

	if (w->dtls_started)
		dtls_close(w->dtls);
	dtls_free(w->dtls);
	w->dtls = NULL;
	w->dtls_started = false;
	dtls_srtp_free(w->srtp);
	w->srtp = NULL;
	ice_close(w->ice);
}

const struct session_path session_web_path = {
	.open = web_open,
	.set_remote = web_set_remote,
	.send = web_send,
	.due = web_due,
	.run = web_run,
	.heard_ms = web_heard_ms,
	.stats = web_stats,
	.close = web_close,
};
