/* SRTP of both profiles: what is dropped, what is counted, what survives. */
#include "tests/check.h"

#include "dtls/srtp.h"

#include <errno.h>

enum { SSRC = 0x11223344 };

struct side {
	struct dtls_srtp *ours, *peers;
	struct dtls_keys mirrored;
};

static struct dtls_keys keys_of(enum dtls_profile profile)
{
	struct dtls_keys keys = { .profile = profile,
				  .n = profile == DTLS_AEAD_AES_128_GCM ? 28 : 30 };

	for (size_t i = 0; i < keys.n; i++) {
		keys.local[i] = (uint8_t)i;
		keys.remote[i] = (uint8_t)(100 + i);
	}
	return keys;
}

static struct side open_side(enum dtls_profile profile)
{
	struct dtls_keys keys = keys_of(profile);
	struct side s = { .mirrored = keys };

	memcpy(s.mirrored.local, keys.remote, keys.n);
	memcpy(s.mirrored.remote, keys.local, keys.n);
	if (dtls_srtp_new(&keys, SSRC, &s.ours) || dtls_srtp_new(&s.mirrored, SSRC, &s.peers))
		abort();
	return s;
}

static void close_side(struct side *s)
{
	dtls_srtp_free(s->ours);
	dtls_srtp_free(s->peers);
}

_Alignas(4) static uint8_t packet[256];

static size_t make_rtp(uint16_t seq, uint32_t ssrc)
{
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x80;
	packet[1] = 111;
	packet[2] = (uint8_t)(seq >> 8);
	packet[3] = (uint8_t)seq;
	packet[8] = (uint8_t)(ssrc >> 24);
	packet[9] = (uint8_t)(ssrc >> 16);
	packet[10] = (uint8_t)(ssrc >> 8);
	packet[11] = (uint8_t)ssrc;
	memcpy(packet + 12, "audio of a call", 15);
	return 27;
}

static size_t make_rtcp(uint32_t ssrc)
{
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x80;
	packet[1] = 201;
	packet[3] = 1;
	packet[4] = (uint8_t)(ssrc >> 24);
	packet[5] = (uint8_t)(ssrc >> 16);
	packet[6] = (uint8_t)(ssrc >> 8);
	packet[7] = (uint8_t)ssrc;
	return 8;
}

/* Through one session into the other; 0 or the error of either. */
static int pass(struct side *s, uint16_t seq)
{
	size_t n = make_rtp(seq, SSRC);
	int err = dtls_srtp_protect_rtp(s->peers, packet, &n, sizeof(packet));

	return err ? err : dtls_srtp_unprotect_rtp(s->ours, packet, &n);
}

static struct dtls_srtp_counts counts(const struct side *s)
{
	struct dtls_srtp_counts c;

	dtls_srtp_get_counts(s->ours, &c);
	return c;
}

#define EACH_PROFILE(p)                                                                            \
	for (enum dtls_profile p = DTLS_AES128_CM_SHA1_80; p <= DTLS_AEAD_AES_128_GCM; p++)

static void packets_come_out_as_they_went_in(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);
		size_t n = make_rtp(1, SSRC);

		CHECK_EQ(dtls_srtp_protect_rtp(s.ours, packet, &n, sizeof(packet)), 0);
		CHECK(n > 27 && n <= 27 + DTLS_SRTP_OVERHEAD);
		CHECK(memcmp(packet + 12, "audio of a call", 15) != 0);
		CHECK_EQ(dtls_srtp_unprotect_rtp(s.peers, packet, &n), 0);
		CHECK_EQ(n, 27);
		CHECK(memcmp(packet + 12, "audio of a call", 15) == 0);

		n = make_rtcp(SSRC);
		CHECK_EQ(dtls_srtp_protect_rtcp(s.ours, packet, &n, sizeof(packet)), 0);
		CHECK(n > 8 && n <= 8 + DTLS_SRTP_OVERHEAD);
		CHECK_EQ(dtls_srtp_unprotect_rtcp(s.peers, packet, &n), 0);
		CHECK_EQ(n, 8);
		close_side(&s);
	}
}

static void each_way_has_keys_of_its_own(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);
		size_t n = make_rtp(1, SSRC);

		CHECK_EQ(dtls_srtp_protect_rtp(s.ours, packet, &n, sizeof(packet)), 0);
		CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, packet, &n), -EBADMSG);
		CHECK_EQ(counts(&s).bad_tag, 1);
		close_side(&s);
	}
}

/* RFC 3711 §3.3.2; the repeated packet counts, and nothing else happens. */
static void a_replayed_packet_is_dropped(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);
		_Alignas(4) uint8_t copy[256];
		size_t n = make_rtp(1, SSRC), m;

		CHECK_EQ(dtls_srtp_protect_rtp(s.peers, packet, &n, sizeof(packet)), 0);
		memcpy(copy, packet, n);
		m = n;
		CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, packet, &n), 0);
		n = m;
		CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, copy, &n), -EBADMSG);
		CHECK_EQ(counts(&s).replayed, 1);
		CHECK_EQ(pass(&s, 2), 0);
		close_side(&s);
	}
}

/* CVE-2021-41105: FreeSWITCH ended the call. */
static void bad_packets_are_counted_and_good_ones_still_pass(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);

		CHECK_EQ(pass(&s, 1), 0);
		for (int i = 0; i < 10000; i++) {
			size_t n = make_rtp((uint16_t)(2 + i * 7), SSRC);

			n += 16;
			CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, packet, &n), -EBADMSG);
		}
		CHECK_EQ(counts(&s).bad_tag, 10000);
		CHECK_EQ(pass(&s, 2), 0);

		for (size_t n = 0; n < 40; n++) {
			size_t length = n;

			make_rtp(3, SSRC);
			CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, packet, &length), -EBADMSG);
			length = n;
			make_rtcp(SSRC);
			CHECK_EQ(dtls_srtp_unprotect_rtcp(s.ours, packet, &length), -EBADMSG);
		}
		CHECK_EQ(pass(&s, 3), 0);
		close_side(&s);
	}
}

static void a_flipped_bit_anywhere_is_noticed(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);
		_Alignas(4) uint8_t sealed[256];
		size_t n = make_rtp(1, SSRC);

		CHECK_EQ(dtls_srtp_protect_rtp(s.peers, packet, &n, sizeof(packet)), 0);
		memcpy(sealed, packet, n);
		for (size_t bit = 0; bit < n * 8; bit++) {
			size_t m = n;

			memcpy(packet, sealed, n);
			packet[bit / 8] ^= (uint8_t)(1 << bit % 8);
			CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, packet, &m), -EBADMSG);
		}
		memcpy(packet, sealed, n);
		CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, packet, &n), 0);
		close_side(&s);
	}
}

/* A peer with the keys may still not make us keep a stream per packet. */
static void ssrcs_of_the_peer_are_bounded(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);

		for (uint32_t i = 0; i < 100; i++) {
			struct dtls_srtp *other;
			size_t n;

			REQUIRE(dtls_srtp_new(&s.mirrored, 1000 + i, &other) == 0);
			if (i % 2) {
				n = make_rtp(1, 1000 + i);
				CHECK_EQ(dtls_srtp_protect_rtp(other, packet, &n, sizeof(packet)),
					 0);
				CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, packet, &n),
					 i < 4 ? 0 : -EBADMSG);
			} else {
				n = make_rtcp(1000 + i);
				CHECK_EQ(dtls_srtp_protect_rtcp(other, packet, &n, sizeof(packet)),
					 0);
				CHECK_EQ(dtls_srtp_unprotect_rtcp(s.ours, packet, &n),
					 i < 4 ? 0 : -EBADMSG);
			}
			dtls_srtp_free(other);
		}
		CHECK_EQ(counts(&s).surplus_ssrc, 96);
		close_side(&s);
	}
}

/* Packets that were never authenticated take no place. */
static void forged_ssrcs_use_no_place(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);

		for (uint32_t i = 0; i < 100; i++) {
			size_t n = make_rtp(1, 5000 + i) + 16;

			CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, packet, &n), -EBADMSG);
		}
		CHECK_EQ(counts(&s).surplus_ssrc, 0);
		CHECK_EQ(pass(&s, 1), 0);
		close_side(&s);
	}
}

/* sipwise/rtpengine #1443: the roll-over counter goes on beyond 65,535. */
static void the_sequence_wraps_and_wraps_again(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);
		uint16_t seq = 65000;

		for (int i = 0; i < 140000; i++) {
			int err = pass(&s, seq++);

			if (err) {
				CHECK_EQ(err, 0);
				break;
			}
		}
		CHECK_EQ(counts(&s).bad_tag + counts(&s).replayed, 0);
		close_side(&s);
	}
}

static void late_packets_within_the_window_pass(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);
		_Alignas(4) uint8_t late[256];
		size_t n = make_rtp(1000, SSRC), m;

		CHECK_EQ(dtls_srtp_protect_rtp(s.peers, packet, &n, sizeof(packet)), 0);
		memcpy(late, packet, n);
		m = n;
		for (uint16_t i = 1001; i < 1000 + 128; i++)
			CHECK_EQ(pass(&s, i), 0);
		CHECK_EQ(dtls_srtp_unprotect_rtp(s.ours, late, &m), 0);
		close_side(&s);
	}
}

static void what_is_not_ours_is_not_sent(void)
{
	EACH_PROFILE(profile)
	{
		struct side s = open_side(profile);
		size_t n = make_rtp(1, SSRC + 1);

		CHECK_EQ(dtls_srtp_protect_rtp(s.ours, packet, &n, sizeof(packet)), -EINVAL);
		n = make_rtp(1, SSRC);
		CHECK_EQ(dtls_srtp_protect_rtp(s.ours, packet, &n, n + DTLS_SRTP_OVERHEAD - 1),
			 -ENOBUFS);
		CHECK_EQ(n, 27);
		CHECK_EQ(dtls_srtp_protect_rtp(s.ours, packet, &n, sizeof(packet)), 0);
		n = make_rtp(1, SSRC); /* the same number would be the same key stream */
		CHECK_EQ(dtls_srtp_protect_rtp(s.ours, packet, &n, sizeof(packet)), -EINVAL);
		n = 11;
		CHECK_EQ(dtls_srtp_protect_rtp(s.ours, packet, &n, sizeof(packet)), -EINVAL);
		close_side(&s);
	}
}

static void keys_of_a_wrong_length_are_refused(void)
{
	struct dtls_keys keys = keys_of(DTLS_AEAD_AES_128_GCM);
	struct dtls_srtp *s;

	keys.n = 30;
	CHECK_EQ(dtls_srtp_new(&keys, 1, &s), -EINVAL);
	dtls_srtp_free(NULL);
}

TESTS(packets_come_out_as_they_went_in, each_way_has_keys_of_its_own, a_replayed_packet_is_dropped,
      bad_packets_are_counted_and_good_ones_still_pass, a_flipped_bit_anywhere_is_noticed,
      ssrcs_of_the_peer_are_bounded, forged_ssrcs_use_no_place, the_sequence_wraps_and_wraps_again,
      late_packets_within_the_window_pass, what_is_not_ours_is_not_sent,
      keys_of_a_wrong_length_are_refused)
