/* Media sessions of browsers over real sockets: ICE, DTLS and SRTP, and what must never
 * leave. The loop and the clock are real. */
#include "tests/gateway/session_bench.h"

static void browser_and_phone(const struct codec *codec, uint8_t pt,
			      const struct codec *phone_codec, uint8_t phone_pt, bool candidates,
			      bool gateway_is_client)
{
	struct stage stage;
	struct page page;
	struct line line;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, codec, pt, 440);
	line_open(&line, &stage, phone_codec, phone_pt, 1000);
	CHECK_EQ(session_join(stage.workers, page.part.ref, line.part.ref), 0);
	page_meet(&page, candidates, gateway_is_client);
	WAIT(&stage, page.part.connected && page.browser.connected, 5000);
	CHECK(strcmp(page.part.srtp, "AEAD_AES_128_GCM") == 0);
	browser_talk(&page.browser, true);
	phone_talk(&line.phone, true);
	WAIT(&stage, page.browser.voice.n_heard >= 60 && line.phone.voice.n_heard >= 60, 3000);
	browser_talk(&page.browser, false);
	phone_talk(&line.phone, false);
	stage_run(&stage, 50);

	check_hears(&page.browser.voice, 1000, 440);
	check_hears(&line.phone.voice, 440, 1000);
	check_stream(&page.browser.voice, codec->rtp_clock, page.part.local.ssrc);
	check_stream(&line.phone.voice, 8000, line.part.local.ssrc);
	CHECK_EQ(page.browser.not_authentic, 0);
	line_close(&line);
	page_close(&page);
	CHECK_EQ(page.part.failed, 0);
	CHECK_EQ(page.part.stats.bad_srtp, 0);
	CHECK_EQ(page.part.stats.counts.relaying, codec == phone_codec);
	stage_close(&stage);
}

static void a_browser_and_a_phone_of_one_codec_are_relayed(void)
{
	browser_and_phone(&codec_pcmu, 0, &codec_pcmu, 0, true, false);
}

static void opus_and_pcma_are_transcoded(void)
{
	browser_and_phone(&codec_opus, 111, &codec_pcma, 8, true, false);
}

static int every_fifth_late(void *arg, bool from_gateway)
{
	unsigned *n = arg;

	return !from_gateway && ++*n % 5 == 0 ? WIRE_LATE : WIRE_PASS;
}

static int every_tenth_lost(void *arg, bool from_gateway)
{
	unsigned *n = arg;

	return !from_gateway && ++*n % 10 == 0 ? WIRE_DROP : WIRE_PASS;
}

static void opus_on_a_bad_network(int (*judge)(void *arg, bool from_gateway),
				  struct receiver_counts *counts, double *level_db)
{
	struct stage stage;
	struct page page;
	struct line line;
	unsigned n = 0;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, &codec_opus, 111, 440);
	line_open(&line, &stage, &codec_pcma, 8, 1000);
	session_join(stage.workers, page.part.ref, line.part.ref);
	page_meet(&page, true, false);
	WAIT(&stage, page.part.connected && page.browser.connected, 5000);
	page.wire.judge = judge;
	page.wire.arg = &n;
	/* as a browser does when receiver reports tell it of losses: in-band FEC */
	codec_opus.set_loss(page.browser.voice.encoder, 20);
	browser_talk(&page.browser, true);
	WAIT(&stage, line.phone.voice.n_heard >= 150, 8000);
	browser_talk(&page.browser, false);
	stage_run(&stage, 80);
	*level_db = voice_level_db(&line.phone.voice, 440, 200);
	CHECK(voice_level_db(&line.phone.voice, 1000, 200) < -30);
	check_stream(&line.phone.voice, 8000, line.part.local.ssrc);
	line_close(&line);
	page_close(&page);
	CHECK(page.wire.dropped + page.wire.delayed >= 10);
	CHECK_EQ(page.part.stats.bad_srtp, 0);
	*counts = page.part.stats.counts.receiver;
	stage_close(&stage);
}

/* Put in order, once it is known how much they do so. */
static void packets_that_overtake_each_other_are_put_in_order(void)
{
	struct receiver_counts counts;
	double level_db;

	opus_on_a_bad_network(every_fifth_late, &counts, &level_db);
	CHECK(fabs(level_db) <= 1);
	CHECK(counts.decoded >= 100);
	CHECK(counts.lost <= 2);
	CHECK(counts.late <= 2);
	CHECK(counts.made_up_ms <= 200);
}

static void lost_packets_are_concealed(void)
{
	struct receiver_counts counts;
	double level_db;

	opus_on_a_bad_network(every_tenth_lost, &counts, &level_db);
	CHECK(level_db > -10); /* a tone is Opus's worst case: it predicts from what was lost */
	CHECK(counts.lost >= 9);
	CHECK(counts.recovered * VOICE_FRAME_MS + counts.made_up_ms >=
	      counts.lost * VOICE_FRAME_MS);
}

/* Whoever of the two is the client, and whichever profile the browser knows. */
static void each_profile_and_each_dtls_role(void)
{
	for (unsigned i = 0; i < 4; i++) {
		bool cm = i & 1, gateway_is_client = i & 2;
		struct stage stage;
		struct page page;
		struct line line;

		stage_open(&stage, &(struct stage_config){ .workers = 1 });
		page_open(&page, &stage, &codec_pcmu, 0, 440);
		line_open(&line, &stage, &codec_pcmu, 0, 1000);
		session_join(stage.workers, page.part.ref, line.part.ref);
		browser_only(&page.browser, cm ? DTLS_OFFER_CM : DTLS_OFFER_GCM);
		page_meet(&page, true, gateway_is_client);
		WAIT(&stage, page.part.connected && page.browser.connected, 5000);
		CHECK(strcmp(page.part.srtp, cm ? "AES_CM_128_HMAC_SHA1_80" : "AEAD_AES_128_GCM") ==
		      0);
		browser_talk(&page.browser, true);
		phone_talk(&line.phone, true);
		WAIT(&stage, page.browser.voice.n_heard >= 40 && line.phone.voice.n_heard >= 40,
		     3000);
		CHECK_EQ(page.browser.not_authentic, 0);
		line_close(&line);
		page_close(&page);
		CHECK_EQ(page.part.stats.bad_srtp, 0);
		stage_close(&stage);
	}
}

/* A page whose candidates are all hidden (`.local`) is found by its checks. */
static void a_browser_without_candidates_connects(void)
{
	browser_and_phone(&codec_opus, 111, &codec_pcmu, 0, false, true);
}

/* RFC 5763 §6.7.1, RFC 7983: before keys only STUN and DTLS may be on the wire. */
static void nothing_but_stun_and_dtls_leaves_before_the_keys(void)
{
	struct stage stage;
	struct page page;
	struct line line;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, &codec_pcmu, 0, 440);
	line_open(&line, &stage, &codec_pcmu, 0, 1000);
	session_join(stage.workers, page.part.ref, line.part.ref);
	page.wire.holds_dtls = true;
	phone_talk(&line.phone, true);
	page_meet(&page, true, true);
	WAIT(&stage, page.wire.counts.dtls >= 2, 3000);
	stage_run(&stage, 200);
	CHECK_EQ(page.part.connected, 0);
	CHECK(page.wire.counts.stun > 0);
	CHECK_EQ(page.wire.counts.rtp, 0);
	CHECK_EQ(page.wire.counts.rtcp, 0);
	CHECK_EQ(page.wire.counts.other, 0);

	/* and everything after them is authentic */
	page.wire.holds_dtls = false;
	WAIT(&stage, page.browser.voice.n_heard >= 60, 5000);
	CHECK(page.wire.counts.rtp >= 60);
	check_hears(&page.browser.voice, 1000, 440);
	phone_talk(&line.phone, false);
	stage_run(&stage, 50);
	CHECK_EQ(page.browser.not_authentic, 0);
	line_close(&line);
	page_close(&page);
	stage_close(&stage);
}

/* A browser may begin DTLS before our own check has come back: its ClientHello is
 * answered when it has, not only when repeated (libdatachannel holds such, too). */
static void a_hello_before_the_selected_pair_is_kept(void)
{
	struct stage stage;
	struct page page;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, &codec_pcmu, 0, 440);
	page.wire.holds_answers = true;
	page_meet(&page, true, false);
	WAIT(&stage, page.wire.hellos >= 1, 3000);
	page.wire.holds_dtls = true; /* it is not repeated */
	stage_run(&stage, 20);
	CHECK_EQ(page.wire.counts.dtls, 0);
	page.wire.holds_answers = false;
	WAIT(&stage, page.wire.counts.dtls >= 1, 3000);
	page.wire.holds_dtls = false;
	WAIT(&stage, page.part.connected && page.browser.connected, 3000);
	page_close(&page);
	stage_close(&stage);
}

/* meetecho/janus-gateway #286: a page that rings for minutes, or whose way is blocked for
 * a while, is not given up when our own checks have failed: its later ones connect. */
static void checks_that_failed_are_no_verdict(void)
{
	struct stage stage;
	struct page page;
	struct session_remote remote;
	struct dtls_fingerprint fingerprint;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, &codec_pcmu, 0, 440);
	page.wire.cut = true;
	browser_describe(&page.browser, true, &remote);
	CHECK_EQ(session_set_remote(stage.workers, page.part.ref, &remote), 0);
	WAIT(&stage, strcmp(page.part.note, "ICE checks failed") == 0, 20000);
	CHECK_EQ(page.part.failed, 0);
	page.wire.cut = false;
	fingerprint_of(&page.part, &fingerprint);
	browser_set_remote(&page.browser, page.part.local.ufrag, page.part.local.pwd, &fingerprint,
			   true, page.part.local.candidates[0].port);
	WAIT(&stage, page.part.connected && page.browser.connected, 5000);
	CHECK_EQ(page.part.failed, 0);
	page_close(&page);
	stage_close(&stage);
}

/* A page that moves networks restarts ICE by a re-INVITE (RFC 8445 §2.4): a new path, and
 * nothing else is new; the browser waits for no new handshake (rtpengine #1019). */
static void an_ice_restart_changes_the_path_and_nothing_else(void)
{
	struct stage stage;
	struct page page;
	struct line line;
	struct session_remote remote;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, &codec_pcmu, 0, 440);
	line_open(&line, &stage, &codec_pcmu, 0, 1000);
	session_join(stage.workers, page.part.ref, line.part.ref);
	page_meet(&page, true, false);
	WAIT(&stage, page.part.connected && page.browser.connected, 5000);
	phone_talk(&line.phone, true);
	browser_talk(&page.browser, true);
	WAIT(&stage, page.browser.voice.n_heard >= 20 && line.phone.voice.n_heard >= 20, 3000);

	struct session_local before = page.part.local;
	unsigned dtls = page.wire.counts.dtls, hellos = page.wire.hellos;
	unsigned stun = page.wire.counts.stun;

	browser_restart_ice(&page.browser);
	browser_describe(&page.browser, true, &remote);
	session_set_remote(stage.workers, page.part.ref, &remote);
	WAIT(&stage, page.part.ready == 2, 2000);
	const struct session_local *now = &page.part.local;
	CHECK(strcmp(now->ufrag, before.ufrag) != 0);
	CHECK(strcmp(now->pwd, before.pwd) != 0);
	CHECK_EQ(now->ssrc, before.ssrc);
	CHECK_EQ(now->port, before.port);
	CHECK_EQ(now->n_candidates, before.n_candidates);
	CHECK(memcmp(&now->fingerprint, &before.fingerprint, sizeof(before.fingerprint)) == 0);
	browser_restarted(&page.browser, now->ufrag, now->pwd);

	unsigned at_page = page.browser.voice.n_heard, at_line = line.phone.voice.n_heard;
	WAIT(&stage, page.browser.voice.n_heard >= at_page + 60, 4000);
	WAIT(&stage, line.phone.voice.n_heard >= at_line + 60, 4000);
	CHECK(page.wire.counts.stun > stun);
	CHECK_EQ(page.wire.counts.dtls, dtls);
	CHECK_EQ(page.wire.hellos, hellos);
	browser_talk(&page.browser, false);
	phone_talk(&line.phone, false);
	stage_run(&stage, 50);
	check_stream(&page.browser.voice, 8000, before.ssrc);
	CHECK_EQ(page.browser.not_authentic, 0);
	CHECK_EQ(page.part.failed, 0);
	line_close(&line);
	page_close(&page);
	stage_close(&stage);
}

/* RFC 5763 §5: a certificate that the description did not promise ends it. */
static void a_wrong_fingerprint_fails_at_once_and_passes_no_media(void)
{
	struct stage stage;
	struct page page;
	struct line line;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	page_open(&page, &stage, &codec_pcmu, 0, 440);
	line_open(&line, &stage, &codec_pcmu, 0, 1000);
	session_join(stage.workers, page.part.ref, line.part.ref);
	phone_talk(&line.phone, true);
	page.browser.fingerprint.bytes[7] ^= 1;
	page_meet(&page, true, false);
	WAIT(&stage, page.part.failed == 1, 3000);
	CHECK(strstr(page.part.why, "fingerprint") != NULL);
	browser_talk(&page.browser, true);
	stage_run(&stage, 100);
	CHECK_EQ(page.part.connected, 0);
	CHECK_EQ(page.wire.counts.rtp, 0);
	CHECK_EQ(line.phone.voice.n_heard, 0);
	line_close(&line);
	page_close(&page);
	stage_close(&stage);
}

static void a_page_that_vanishes_is_silent(void)
{
	struct stage stage;
	struct page page;

	stage_open(&stage, &(struct stage_config){ .quiet_ms = 300 });
	page_open(&page, &stage, &codec_opus, 111, 440);
	page_meet(&page, true, false);
	WAIT(&stage, page.part.connected == 1, 5000);
	browser_talk(&page.browser, true);
	stage_run(&stage, 500);
	CHECK_EQ(page.part.quiet, 0);
	browser_talk(&page.browser, false);
	page.wire.cut = true;
	WAIT(&stage, page.part.quiet == 1, 2000);
	page_close(&page);
	stage_close(&stage);
}

TESTS(a_browser_and_a_phone_of_one_codec_are_relayed, opus_and_pcma_are_transcoded,
      packets_that_overtake_each_other_are_put_in_order, lost_packets_are_concealed,
      each_profile_and_each_dtls_role, a_browser_without_candidates_connects,
      nothing_but_stun_and_dtls_leaves_before_the_keys, a_hello_before_the_selected_pair_is_kept,
      checks_that_failed_are_no_verdict, an_ice_restart_changes_the_path_and_nothing_else,
      a_wrong_fingerprint_fails_at_once_and_passes_no_media, a_page_that_vanishes_is_silent)
