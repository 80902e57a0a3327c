/* What we seal another implementation opens, and the other way round. */
#include "tests/check.h"

#include "dtls/srtp.h"
#include "dtls/srtp_key.h"
#include "dtls/srtp_window.h"

#include <errno.h>
#include <srtp2/srtp.h>

enum { SSRC = 0x11223344, SPEECH = 160 };

struct pair {
	struct dtls_srtp *ours;
	srtp_t in, out; /* libsrtp's, of the peer */
};

static srtp_t peer_session(enum dtls_profile profile, uint8_t *key, srtp_ssrc_type_t type)
{
	srtp_policy_t policy;
	srtp_t session = NULL;

	memset(&policy, 0, sizeof(policy));
	if (profile == DTLS_AEAD_AES_128_GCM) {
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
		srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
	} else {
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
		srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
	}
	policy.ssrc = (srtp_ssrc_t){ type, 0 };
	policy.key = key;
	policy.window_size = 1024;
	CHECK_EQ(srtp_create(&session, &policy), srtp_err_status_ok);
	return session;
}

static struct pair open_pair(enum dtls_profile profile)
{
	struct dtls_keys keys = { .profile = profile,
				  .n = profile == DTLS_AEAD_AES_128_GCM ? 28 : 30 };
	struct pair p;

	srtp_init();
	for (size_t i = 0; i < keys.n; i++) {
		keys.local[i] = (uint8_t)(i * 7 + 3);
		keys.remote[i] = (uint8_t)(200 - 5 * i);
	}
	CHECK_EQ(dtls_srtp_new(&keys, SSRC, &p.ours), 0);
	p.in = peer_session(profile, keys.local, ssrc_any_inbound);
	p.out = peer_session(profile, keys.remote, ssrc_any_outbound);
	return p;
}

static void close_pair(struct pair *p)
{
	dtls_srtp_free(p->ours);
	srtp_dealloc(p->in);
	srtp_dealloc(p->out);
	srtp_shutdown();
}

_Alignas(8) static uint8_t packet[512], plain[512];

static void put(uint8_t *p, uint32_t value, int octets)
{
	for (int i = 0; i < octets; i++)
		p[i] = (uint8_t)(value >> 8 * (octets - 1 - i));
}

/* With CSRCs and a header extension, which stay clear, for each second and third. */
static size_t make_rtp(uint16_t seq)
{
	size_t csrcs = seq % 2 ? 2 : 0, n = 12 + 4 * csrcs;

	memset(plain, 0, sizeof(plain));
	plain[0] = (uint8_t)(0x80 | csrcs | (seq % 3 ? 0 : 0x10));
	plain[1] = 111;
	put(plain + 2, seq, 2);
	put(plain + 4, 960u * seq, 4);
	put(plain + 8, SSRC, 4);
	if (seq % 3 == 0) {
		put(plain + n, 0xbede0001, 4);
		put(plain + n + 4, 0x10ff0000, 4);
		n += 8;
	}
	for (size_t i = 0; i < seq % SPEECH; i++)
		plain[n++] = (uint8_t)(seq + i);
	memcpy(packet, plain, n);
	return n;
}

static size_t make_rtcp(unsigned i)
{
	size_t n = 8 + 4 * (size_t)(i % 12);

	memset(plain, (int)i, sizeof(plain));
	put(plain, 0x80c90000 + (uint32_t)(n / 4 - 1), 4);
	put(plain + 4, SSRC, 4);
	memcpy(packet, plain, n);
	return n;
}

#define EACH_PROFILE(p)                                                                            \
	for (enum dtls_profile p = DTLS_AES128_CM_SHA1_80; p <= DTLS_AEAD_AES_128_GCM; p++)

static bool same(size_t n, int got)
{
	return got == (int)n && memcmp(packet, plain, n) == 0;
}

/* Over the wrap of the sequence number, so that the roll-over counter is in it. */
static void the_peer_opens_what_we_seal(void)
{
	EACH_PROFILE(profile)
	{
		struct pair p = open_pair(profile);
		unsigned wrong = 0;

		for (unsigned i = 0; i < 70000; i++) {
			size_t n = make_rtp((uint16_t)(30000 + i)), sealed = n;
			int err = dtls_srtp_protect_rtp(p.ours, packet, &sealed, sizeof(packet));
			int got = (int)sealed;

			wrong += err || srtp_unprotect(p.in, packet, &got) || !same(n, got);
		}
		for (unsigned i = 0; i < 500; i++) {
			size_t n = make_rtcp(i), sealed = n;
			int err = dtls_srtp_protect_rtcp(p.ours, packet, &sealed, sizeof(packet));
			int got = (int)sealed;

			wrong += err || srtp_unprotect_rtcp(p.in, packet, &got) || !same(n, got);
		}
		CHECK_EQ(wrong, 0);
		close_pair(&p);
	}
}

static void we_open_what_the_peer_seals(void)
{
	EACH_PROFILE(profile)
	{
		struct pair p = open_pair(profile);
		unsigned wrong = 0;

		for (unsigned i = 0; i < 70000; i++) {
			size_t n = make_rtp((uint16_t)(30000 + i));
			int sealed = (int)n;
			int err = srtp_protect(p.out, packet, &sealed);
			size_t got = (size_t)sealed;

			wrong += err || dtls_srtp_unprotect_rtp(p.ours, packet, &got) ||
				 !same(n, (int)got);
		}
		for (unsigned i = 0; i < 500; i++) {
			size_t n = make_rtcp(i);
			int sealed = (int)n;
			int err = srtp_protect_rtcp(p.out, packet, &sealed);
			size_t got = (size_t)sealed;

			wrong += err || dtls_srtp_unprotect_rtcp(p.ours, packet, &got) ||
				 !same(n, (int)got);
		}
		CHECK_EQ(wrong, 0);
		close_pair(&p);
	}
}

/* RFC 3711 appendix B.3 */
static void session_keys_are_those_of_the_standard(void)
{
	static const uint8_t master[] = { 0xe1, 0xf9, 0x7a, 0x0d, 0x3e, 0x01, 0x8b, 0xe0,
					  0xd6, 0x4f, 0xa3, 0x2c, 0x06, 0xde, 0x41, 0x39 };
	static const uint8_t salt[] = { 0x0e, 0xc6, 0x75, 0xad, 0x49, 0x8a, 0xfe,
					0xeb, 0xb6, 0x96, 0x0b, 0x3a, 0xab, 0xe6 };
	static const uint8_t cipher[] = { 0xc6, 0x1e, 0x7a, 0x93, 0x74, 0x4f, 0x39, 0xee,
					  0x10, 0x73, 0x4a, 0xfe, 0x3f, 0xf7, 0xa0, 0x87 };
	static const uint8_t session_salt[] = { 0x30, 0xcb, 0xbc, 0x08, 0x86, 0x3d, 0x8c,
						0x85, 0xd4, 0x9d, 0xb3, 0x4a, 0x9a, 0xe1 };
	static const uint8_t auth[] = {
		0xce, 0xbe, 0x32, 0x1f, 0x6f, 0xf7, 0x71, 0x6b, 0x6f, 0xd4,
		0xab, 0x49, 0xaf, 0x25, 0x6a, 0x15, 0x6d, 0x38, 0xba, 0xa4
	};
	uint8_t out[20];

	CHECK_EQ(srtp_derive(master, salt, 0, out, 16), 0);
	CHECK(memcmp(out, cipher, 16) == 0);
	CHECK_EQ(srtp_derive(master, salt, 2, out, 14), 0);
	CHECK(memcmp(out, session_salt, 14) == 0);
	CHECK_EQ(srtp_derive(master, salt, 1, out, 20), 0);
	CHECK(memcmp(out, auth, 20) == 0);
}

static void the_window_remembers_what_came(void)
{
	static struct srtp_window w;

	CHECK(srtp_window_open(&w, 5));
	srtp_window_mark(&w, 2000);
	CHECK(!srtp_window_open(&w, 2000));
	CHECK(srtp_window_open(&w, 2001));
	CHECK(srtp_window_open(&w, 2000 - DTLS_SRTP_WINDOW + 1));
	CHECK(!srtp_window_open(&w, 2000 - DTLS_SRTP_WINDOW));
	srtp_window_mark(&w, 1990);
	CHECK(!srtp_window_open(&w, 1990));
	CHECK(srtp_window_open(&w, 1991));

	/* The place of an index that left the window is free again. */
	srtp_window_mark(&w, 1990 + DTLS_SRTP_WINDOW - 1);
	CHECK(srtp_window_open(&w, 1991));
	CHECK(!srtp_window_open(&w, 1990));
	srtp_window_mark(&w, 1990 + 3 * DTLS_SRTP_WINDOW);
	CHECK(srtp_window_open(&w, 1990 + 3 * DTLS_SRTP_WINDOW - 1));
	CHECK(!srtp_window_open(&w, 1990 + 3 * DTLS_SRTP_WINDOW));
}

static void the_nearest_index_is_guessed(void)
{
	struct srtp_window w = { 0 };

	CHECK_EQ(srtp_window_guess(&w, 65530), 65530);
	srtp_window_mark(&w, 65530);
	CHECK_EQ(srtp_window_guess(&w, 3), 65536 + 3);
	srtp_window_mark(&w, 65536 + 3);
	CHECK_EQ(srtp_window_guess(&w, 65529), 65529);
	CHECK_EQ(srtp_window_guess(&w, 3 + 32767), 65536 + 3 + 32767);

	/* Before the first round there is none. */
	w = (struct srtp_window){ 0 };
	srtp_window_mark(&w, 10);
	CHECK_EQ(srtp_window_guess(&w, 65000), 65000);
	CHECK_EQ(srtp_window_guess(&w, 1), 1);
}

TESTS(the_peer_opens_what_we_seal, we_open_what_the_peer_seals,
      session_keys_are_those_of_the_standard, the_window_remembers_what_came,
      the_nearest_index_is_guessed)
