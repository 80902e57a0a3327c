/* Calls that last: holds longer than half the sequence numbers, and more packets than
 * there are numbers, through bridge and SRTP on a clock of our own.
 *
 * meetecho/janus-gateway #3640: after 11 minutes on hold the call is one-way. The phone
 * talks on meanwhile; were its numbers let through, the browser would take the first
 * ones after the hold for old. sipwise/rtpengine #643, #102: roll-over counter lost. */
#include "dtls/srtp.h"
#include "gateway/media/bridge.h"
#include "tests/check.h"

#include <stdlib.h>

enum { SSRC_TO_BROWSER = 0x11111111, SSRC_TO_PHONE = 0x22222222, PAYLOAD = 160 };

/* A browser behind SRTP and a phone in the clear, with the bridge between. */
struct talk {
	struct bridge_end *browser, *phone;
	struct dtls_srtp *ours, *theirs; /* the gateway's keys, the browser's */
	const struct codec *browser_codec;
	uint64_t now_ms;

	uint16_t browser_seq, phone_seq; /* of what they send next */
	uint32_t browser_timestamp, phone_timestamp;

	unsigned to_browser, to_phone; /* packets that came, in order */
	unsigned refused;	       /* by SRTP, either way */
	unsigned out_of_order;
	uint16_t seq_at_browser, seq_at_phone; /* of the last that came */
	uint32_t timestamp_at_browser;
};

static void note_order(struct talk *t, unsigned *came, uint16_t *last, uint16_t seq)
{
	t->out_of_order += *came && (uint16_t)(*last + 1) != seq;
	*last = seq;
	(*came)++;
}

static void to_browser(void *arg, uint8_t *packet, size_t bytes, size_t cap)
{
	_Alignas(8) uint8_t there[RTP_MAX_PACKET + RTP_TAIL];
	struct talk *t = arg;
	struct rtp_packet rtp;

	if (dtls_srtp_protect_rtp(t->ours, packet, &bytes, cap) != 0) {
		t->refused++;
		return;
	}
	memcpy(there, packet, bytes);
	if (dtls_srtp_unprotect_rtp(t->theirs, there, &bytes) != 0 ||
	    rtp_parse(there, bytes, &rtp) != 0) {
		t->refused++;
		return;
	}
	note_order(t, &t->to_browser, &t->seq_at_browser, rtp.seq);
	t->timestamp_at_browser = rtp.timestamp;
}

static void to_phone(void *arg, uint8_t *packet, size_t bytes, size_t cap)
{
	struct talk *t = arg;
	struct rtp_packet rtp;

	(void)cap;
	if (rtp_parse(packet, bytes, &rtp) == 0)
		note_order(t, &t->to_phone, &t->seq_at_phone, rtp.seq);
}

static struct bridge_end *open_end(struct talk *t, uint32_t ssrc, const struct codec *codec,
				   bool browser)
{
	struct bridge_end_config config = {
		.sender = { .ssrc = ssrc,
			    .first_seq = 32000,
			    .first_timestamp = 0xffff0000,
			    .send = browser ? to_browser : to_phone,
			    .arg = t },
		.far_conceals = browser,
	};
	struct bridge_media media = {
		.receive = { { .pt = (uint8_t)codec->static_pt, .codec = codec } },
		.n_receive = 1,
		.send = { .codec = codec,
			  .pt = (uint8_t)codec->static_pt,
			  .ptime_ms = 20,
			  .dtmf_pt = SENDER_NO_PT },
	};
	struct bridge_end *end;

	if (bridge_end_open(&config, &end) != 0 || bridge_end_set_media(end, &media) != 0)
		abort();
	return end;
}

static void open_talk(struct talk *t, enum dtls_profile profile, const struct codec *codec)
{
	struct dtls_keys keys = { .profile = profile,
				  .n = profile == DTLS_AEAD_AES_128_GCM ? 28 : 30 };
	struct dtls_keys mirrored = keys;

	for (size_t i = 0; i < keys.n; i++) {
		keys.local[i] = mirrored.remote[i] = (uint8_t)i;
		keys.remote[i] = mirrored.local[i] = (uint8_t)(100 + i);
	}
	*t = (struct talk){
		.browser_codec = codec, .now_ms = 1000, .browser_seq = 32000, .phone_seq = 65000
	};
	if (dtls_srtp_new(&keys, SSRC_TO_BROWSER, &t->ours) != 0 ||
	    dtls_srtp_new(&mirrored, 0x33333333, &t->theirs) != 0)
		abort();
	t->browser = open_end(t, SSRC_TO_BROWSER, codec, true);
	t->phone = open_end(t, SSRC_TO_PHONE, &codec_pcma, false);
	if (bridge_join(t->browser, t->phone) != 0)
		abort();
}

static void close_talk(struct talk *t)
{
	bridge_end_close(t->browser);
	bridge_end_close(t->phone);
	dtls_srtp_free(t->ours);
	dtls_srtp_free(t->theirs);
}

static size_t write_packet(uint8_t *out, uint8_t pt, uint16_t seq, uint32_t timestamp,
			   uint32_t ssrc)
{
	static const uint8_t payload[PAYLOAD] = { 0x55, 0x2a, 0x13, 0xd5 };
	int n = rtp_write(&(struct rtp_packet){ .pt = pt,
						.seq = seq,
						.timestamp = timestamp,
						.ssrc = ssrc,
						.payload = payload,
						.bytes = sizeof(payload) },
			  out, RTP_MAX_PACKET);

	return n > 0 ? (size_t)n : 0;
}

static void browser_talks(struct talk *t)
{
	_Alignas(8) uint8_t packet[RTP_MAX_PACKET + RTP_TAIL];
	size_t n = write_packet(packet, (uint8_t)t->browser_codec->static_pt, t->browser_seq++,
				t->browser_timestamp, 0x33333333);

	t->browser_timestamp += PAYLOAD;
	if (dtls_srtp_protect_rtp(t->theirs, packet, &n, sizeof(packet)) != 0 ||
	    dtls_srtp_unprotect_rtp(t->ours, packet, &n) != 0)
		t->refused++;
	else
		bridge_end_receive(t->browser, packet, n, t->now_ms);
}

static void phone_talks(struct talk *t)
{
	uint8_t packet[RTP_MAX_PACKET];
	size_t n = write_packet(packet, (uint8_t)codec_pcma.static_pt, t->phone_seq++,
				t->phone_timestamp, 0x44444444);

	t->phone_timestamp += PAYLOAD;
	bridge_end_receive(t->phone, packet, n, t->now_ms);
}

static void run(struct talk *t)
{
	if (bridge_end_due(t->browser) <= t->now_ms)
		bridge_end_run(t->browser, t->now_ms);
	if (bridge_end_due(t->phone) <= t->now_ms)
		bridge_end_run(t->phone, t->now_ms);
}

/* So many packets of 20 ms of each who talks. */
static void pass(struct talk *t, unsigned packets, bool browser, bool phone)
{
	for (unsigned i = 0; i < packets; i++) {
		for (unsigned ms = 0; ms < 20; ms += 10) {
			t->now_ms += 10;
			run(t);
		}
		if (browser)
			browser_talks(t);
		if (phone)
			phone_talks(t);
	}
}

static const enum dtls_profile profiles[] = { DTLS_AES128_CM_SHA1_80, DTLS_AEAD_AES_128_GCM };
/* relayed, and decoded on the way */
static const struct codec *const codecs[] = { &codec_pcma, &codec_pcmu };

static void is_two_way(struct talk *t, unsigned packets)
{
	unsigned browser = t->to_browser, phone = t->to_phone;

	pass(t, packets, true, true);
	/* a jitter buffer may keep some back, or be filled at first */
	CHECK(t->to_browser - browser >= packets - 12 && t->to_browser - browser <= packets + 12);
	CHECK(t->to_phone - phone >= packets - 12 && t->to_phone - phone <= packets + 12);
	CHECK_EQ(t->refused, 0);
	CHECK_EQ(t->out_of_order, 0);
}

static void more_packets_than_numbers_pass_both_ways(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct talk t;

		open_talk(&t, profiles[i], codecs[i]);
		is_two_way(&t, 70000);
		CHECK(t.to_browser > 65536 && t.to_phone > 65536);
		close_talk(&t);
	}
}

static void a_hold_of_half_the_numbers_does_not_make_the_call_one_way(void)
{
	static const struct {
		enum bridge_direction browser, phone; /* while it lasts */
		bool browser_talks, phone_talks;
	} rows[] = {
		/* the page holds; the phone talks on into nothing, or both do */
		{ BRIDGE_RECVONLY, BRIDGE_SENDONLY, false, true },
		{ BRIDGE_RECVONLY, BRIDGE_SENDONLY, true, true },
		/* the phone holds; the browser sends its silence on */
		{ BRIDGE_SENDONLY, BRIDGE_RECVONLY, true, false },
		{ BRIDGE_INACTIVE, BRIDGE_INACTIVE, true, true },
		{ BRIDGE_INACTIVE, BRIDGE_INACTIVE, false, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t j = 0; j < 2; j++) {
			struct talk t;

			open_talk(&t, profiles[j], codecs[j]);
			is_two_way(&t, 1000);
			bridge_end_set_direction(t.browser, rows[i].browser);
			bridge_end_set_direction(t.phone, rows[i].phone);
			unsigned browser = t.to_browser, phone = t.to_phone;
			uint32_t timestamp = t.timestamp_at_browser;
			pass(&t, 40000, rows[i].browser_talks, rows[i].phone_talks);
			/* what may go on is silence, where the jitter buffer fills in */
			if (rows[i].browser != BRIDGE_SENDONLY)
				CHECK(t.to_browser - browser <= 12);
			if (rows[i].phone != BRIDGE_SENDONLY)
				CHECK(t.to_phone - phone <= 12);

			bridge_end_set_direction(t.browser, BRIDGE_SENDRECV);
			bridge_end_set_direction(t.phone, BRIDGE_SENDRECV);
			is_two_way(&t, 2000);
			/* The sequence goes on where it stopped; the time by the clock, or by
			 * that of a phone which was silent without being told to be. */
			uint32_t passed = (t.timestamp_at_browser - timestamp) / PAYLOAD;
			unsigned by_clock = rows[i].browser == BRIDGE_SENDONLY ? 2000 : 42000;
			CHECK(passed + 10 > by_clock && passed < by_clock + 10);
			CHECK_EQ((uint16_t)(32000 + t.to_browser - 1), t.seq_at_browser);
			is_two_way(&t, 34000); /* and over the top of the numbers */
			close_talk(&t);
		}
	}
}

TESTS(more_packets_than_numbers_pass_both_ways,
      a_hold_of_half_the_numbers_does_not_make_the_call_one_way)
