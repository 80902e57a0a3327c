/* Two DTLS ends in memory, and a client of bare OpenSSL for what ours never sends. */
#include "tests/check.h"
#include "tests/dtls/pair.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>

static struct net net;
static struct end client, server;

static void start(void)
{
	dtls_start(server.dtls, clock_ms);
	dtls_start(client.dtls, clock_ms);
}

static bool both_connected(void)
{
	return client.connected == 1 && server.connected == 1 && client.failed == 0 &&
	       server.failed == 0;
}

static bool keys_agree(void)
{
	return client.keys.n == server.keys.n && client.keys.profile == server.keys.profile &&
	       memcmp(client.keys.local, server.keys.remote, client.keys.n) == 0 &&
	       memcmp(client.keys.remote, server.keys.local, client.keys.n) == 0 &&
	       memcmp(client.keys.local, client.keys.remote, client.keys.n) != 0;
}

static void two_ends_get_the_same_keys(void)
{
	pair_open(&net, &client, &server);
	CHECK_EQ(dtls_due(server.dtls), DTLS_NEVER);
	start();
	CHECK_EQ(dtls_state(server.dtls), DTLS_HANDSHAKE);
	net_deliver(&net);
	CHECK(both_connected());
	CHECK(keys_agree());
	CHECK_EQ(client.keys.profile, DTLS_AEAD_AES_128_GCM);
	CHECK_EQ(client.keys.n, 28);
	CHECK_EQ(dtls_state(client.dtls), DTLS_CONNECTED);
	CHECK(net.longest <= DTLS_MTU);
	CHECK_EQ(dtls_due(client.dtls), DTLS_NEVER);
	CHECK_EQ(dtls_due(server.dtls), DTLS_NEVER);
	CHECK_EQ(client.sent + server.sent, 4); /* one datagram a flight */
	pair_free(&client, &server);
}

static void aes_cm_serves_a_peer_that_has_only_that(void)
{
	for (int who = 0; who < 2; who++) {
		memset(&net, 0, sizeof(net));
		end_open(&client, &net, test_context(0, who == 0 ? DTLS_OFFER_CM : DTLS_OFFER_ALL),
			 DTLS_CLIENT, test_certificate(1));
		end_open(&server, &net, test_context(1, who == 1 ? DTLS_OFFER_CM : DTLS_OFFER_ALL),
			 DTLS_SERVER, test_certificate(0));
		client.other = &server;
		server.other = &client;
		start();
		net_deliver(&net);
		CHECK(both_connected());
		CHECK(keys_agree());
		CHECK_EQ(client.keys.profile, DTLS_AES128_CM_SHA1_80);
		CHECK_EQ(client.keys.n, 30);
		pair_free(&client, &server);
	}
}

static void no_profile_in_common_fails(void)
{
	memset(&net, 0, sizeof(net));
	end_open(&client, &net, test_context(0, DTLS_OFFER_CM), DTLS_CLIENT, test_certificate(1));
	end_open(&server, &net, test_context(1, DTLS_OFFER_GCM), DTLS_SERVER, test_certificate(0));
	client.other = &server;
	server.other = &client;
	start();
	net_deliver(&net);
	CHECK_EQ(client.connected + server.connected, 0);
	CHECK_EQ(client.failed, 1);
	CHECK_EQ(server.failed, 1);
	CHECK_STR(str_of(server.why), "no SRTP profile in common");
	pair_free(&client, &server);
}

static int drop_one(unsigned index, void *arg)
{
	return index == *(unsigned *)arg ? 0 : 1;
}

/* The last flight is lost too: then the client repeats its own, and the server,
 * connected already, answers again (RFC 6347 §4.2.4). */
static void any_lost_datagram_is_repeated(void)
{
	for (unsigned lost = 0; lost < 4; lost++) {
		uint64_t begin = clock_ms;

		pair_open(&net, &client, &server);
		net.copies = drop_one;
		net.arg = &lost;
		start();
		pair_run(&net, &client, &server, begin + 1000);
		CHECK(both_connected());
		CHECK(keys_agree());
		CHECK(clock_ms - begin <= 200);
		pair_free(&client, &server);
	}
}

static int lose_a_third(unsigned index, void *arg)
{
	(void)index;
	(void)arg;
	return test_random() % 3 ? 1 : 0;
}

static void heavy_loss_is_overcome(void)
{
	int connected = 0;

	for (int i = 0; i < 60; i++) {
		uint64_t begin = clock_ms;

		pair_open(&net, &client, &server);
		net.copies = lose_a_third;
		start();
		pair_run(&net, &client, &server, begin + 14999);
		connected += both_connected() && keys_agree();
		pair_free(&client, &server);
	}
	CHECK(connected >= 59);
}

static int double_or_lose(unsigned index, void *arg)
{
	(void)index;
	(void)arg;
	return (int)(test_random() % 8 ? 2 : 0);
}

static void duplicates_and_disorder_are_sorted_out(void)
{
	for (int i = 0; i < 40; i++) {
		uint64_t begin = clock_ms;

		pair_open(&net, &client, &server);
		net.copies = double_or_lose;
		net.shuffled = true;
		start();
		pair_run(&net, &client, &server, begin + 10000);
		CHECK(both_connected());
		CHECK(keys_agree());
		pair_free(&client, &server);
	}
}

static void a_silent_peer_fails_at_the_deadline(void)
{
	static const uint64_t times[] = { 0, 100, 300, 700, 1500, 3100, 6300, 9500, 12700 };
	uint64_t begin = clock_ms;

	pair_open(&net, &client, &server);
	client.other = NULL;
	dtls_start(client.dtls, clock_ms);
	pair_run(&net, &client, &server, begin + 14999);
	CHECK_EQ(client.failed, 0);
	CHECK_EQ(client.sent, 9);
	for (unsigned i = 0; i < 9; i++)
		CHECK_EQ(client.sent_at[i] - begin, times[i]);
	pair_run(&net, &client, &server, begin + 15000);
	CHECK_EQ(client.failed, 1);
	CHECK_STR(str_of(client.why), "the handshake timed out");
	CHECK_EQ(dtls_due(client.dtls), DTLS_NEVER);
	pair_free(&client, &server);
}

/* A wrong certificate must never lead to keys. RFC 5763 §5. */
static void a_wrong_fingerprint_gives_no_keys(void)
{
	for (int who = 0; who < 2; who++) {
		memset(&net, 0, sizeof(net));
		end_open(&client, &net, test_context(0, DTLS_OFFER_ALL), DTLS_CLIENT,
			 test_certificate(who == 0 ? 2 : 1));
		end_open(&server, &net, test_context(1, DTLS_OFFER_ALL), DTLS_SERVER,
			 test_certificate(who == 1 ? 2 : 0));
		client.other = &server;
		server.other = &client;
		start();
		net_deliver(&net);
		struct end *wronged = who == 0 ? &client : &server;
		struct end *impostor = who == 0 ? &server : &client;
		CHECK_EQ(client.connected + server.connected, 0);
		CHECK_EQ(wronged->failed, 1);
		CHECK_STR(str_of(wronged->why), "the certificate does not match the fingerprint");
		CHECK_EQ(impostor->failed, 1);
		CHECK_STR(str_of(impostor->why), "the peer ended the handshake by an alert");
		pair_free(&client, &server);
	}
}

static void told(struct end *end, int certificate)
{
	struct dtls_fingerprint f;

	dtls_certificate_fingerprint(test_certificate(certificate), &f);
	CHECK_EQ(dtls_set_remote(end->dtls, &f, clock_ms), 0);
}

/* We offered; the browser's ClientHello is faster than its answer. */
static void a_late_fingerprint_is_waited_for(void)
{
	struct dtls_fingerprint f;

	for (int right = 0; right < 2; right++) {
		memset(&net, 0, sizeof(net));
		end_open(&client, &net, test_context(0, DTLS_OFFER_ALL), DTLS_CLIENT,
			 test_certificate(1));
		end_open(&server, &net, test_context(1, DTLS_OFFER_ALL), DTLS_SERVER, NULL);
		client.other = &server;
		server.other = &client;
		start();
		net_deliver(&net);
		CHECK_EQ(client.connected, 1);
		CHECK_EQ(server.connected, 0);
		CHECK_EQ(dtls_state(server.dtls), DTLS_WAITING);
		told(&server, right ? 0 : 2);
		CHECK_EQ(server.connected, right);
		CHECK_EQ(server.failed, !right);
		if (right) {
			CHECK(keys_agree());
			told(&server, 0); /* again: nothing */
			CHECK_EQ(server.connected, 1);
			dtls_certificate_fingerprint(test_certificate(2), &f);
			CHECK_EQ(dtls_set_remote(server.dtls, &f, clock_ms), -EINVAL);
		} else {
			net_deliver(&net);
			CHECK_EQ(client.closed, 1);
		}
		pair_free(&client, &server);
	}
}

static void a_fingerprint_that_never_comes_fails(void)
{
	uint64_t begin = clock_ms;

	memset(&net, 0, sizeof(net));
	end_open(&client, &net, test_context(0, DTLS_OFFER_ALL), DTLS_CLIENT, test_certificate(1));
	end_open(&server, &net, test_context(1, DTLS_OFFER_ALL), DTLS_SERVER, NULL);
	client.other = &server;
	server.other = &client;
	start();
	pair_run(&net, &client, &server, begin + 15000);
	CHECK_EQ(server.failed, 1);
	CHECK_STR(str_of(server.why), "the fingerprint was never told");
	pair_free(&client, &server);
}

static void garbage_changes_nothing(void)
{
	uint8_t bytes[1500];
	uint64_t dropped = 0;

	pair_open(&net, &client, &server);
	start();
	while (!both_connected() && net.n > 0) {
		struct packet p = net.queue[0];

		/* every truncation of what is on its way, and noise */
		for (size_t n = 0; n < p.n; n++) {
			uint64_t before = dtls_dropped(p.to->dtls);

			CHECK_EQ(dtls_receive(p.to->dtls, p.bytes, n, clock_ms), 0);
			/* whole records of a longer datagram are a datagram, too */
			dropped += dtls_dropped(p.to->dtls) - before;
		}
		for (int i = 0; i < 100; i++) {
			size_t n = test_random() % sizeof(bytes);

			for (size_t k = 0; k < n; k++)
				bytes[k] = (uint8_t)test_random();
			dtls_receive(p.to->dtls, bytes, n, clock_ms);
		}
		memmove(&net.queue[0], &net.queue[1], --net.n * sizeof(net.queue[0]));
		dtls_receive(p.to->dtls, p.bytes, p.n, clock_ms);
	}
	CHECK(dropped > 500);
	CHECK(both_connected());
	CHECK(keys_agree());
	pair_free(&client, &server);
}

/* CVE-2023-49786 and its like: one bad ClientHello must not keep the good one out. */
static void a_bad_client_hello_does_not_end_the_handshake(void)
{
	pair_open(&net, &client, &server);
	start();
	REQUIRE(net.n == 1);
	struct packet p = net.queue[0];
	p.bytes[13 + 12 + 2 + 32] = 0xFF; /* the session id is longer than the message */
	for (int i = 0; i < 20; i++)
		dtls_receive(server.dtls, p.bytes, p.n, clock_ms);
	CHECK_EQ(server.failed, 0);
	CHECK_EQ(server.sent, 0); /* no alert either: it would go to the good client */
	net_deliver(&net);
	CHECK(both_connected());
	pair_free(&client, &server);
}

static void a_handshake_has_limits(void)
{
	pair_open(&net, &client, &server);
	start();
	struct packet p = net.queue[0];
	for (int i = 0; i < DTLS_MOST_HANDSHAKE_DATAGRAMS; i++) {
		net.n = 0;
		dtls_receive(server.dtls, p.bytes, p.n, clock_ms);
	}
	CHECK_EQ(server.failed, 0);
	dtls_receive(server.dtls, p.bytes, p.n, clock_ms);
	CHECK_EQ(server.failed, 1);
	CHECK_STR(str_of(server.why), "the handshake is too long");
	pair_free(&client, &server);

	/* 64 KiB come sooner than 200 datagrams when they are long */
	uint8_t record[1200] = { 22, 0xFE, 0xFD, [11] = (1200 - 13) >> 8, (1200 - 13) & 0xFF };
	pair_open(&net, &client, &server);
	dtls_start(server.dtls, clock_ms);
	for (int i = 0; i < 64 * 1024 / 1200; i++)
		dtls_receive(server.dtls, record, sizeof(record), clock_ms);
	CHECK_EQ(server.failed, 0);
	dtls_receive(server.dtls, record, sizeof(record), clock_ms);
	CHECK_EQ(server.failed, 1);
	CHECK_STR(str_of(server.why), "the handshake is too long");
	pair_free(&client, &server);
}

static void closing_tells_the_peer(void)
{
	pair_open(&net, &client, &server);
	start();
	net_deliver(&net);
	dtls_close(server.dtls);
	net_deliver(&net);
	CHECK_EQ(client.closed, 1);
	CHECK_EQ(dtls_state(client.dtls), DTLS_CLOSED);
	CHECK_EQ(server.closed, 0);
	CHECK_EQ(dtls_due(server.dtls), DTLS_NEVER);
	dtls_close(server.dtls);
	CHECK_EQ(net.n, 0);
	pair_free(&client, &server);
}

static void a_connected_end_minds_no_garbage(void)
{
	static const uint8_t alert[] = { 21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40 };
	static const uint8_t sealed[] = { 21, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40 };

	pair_open(&net, &client, &server);
	start();
	net_deliver(&net);
	for (int i = 0; i < 1000; i++) {
		dtls_receive(server.dtls, alert, sizeof(alert), clock_ms);
		dtls_receive(client.dtls, sealed, sizeof(sealed), clock_ms);
	}
	CHECK_EQ(server.closed + client.closed, 0);
	CHECK_EQ(dtls_state(server.dtls), DTLS_CONNECTED);
	CHECK_EQ(dtls_state(client.dtls), DTLS_CONNECTED);
	pair_free(&client, &server);
}

static void freeing_inside_events_is_safe(void)
{
	for (int who = 0; who < 2; who++)
		for (int when = 0; when < 2; when++) {
			pair_open(&net, &client, &server);
			struct end *e = who ? &server : &client;

			e->free_in_send = when == 0;
			e->free_in_connected = when == 1;
			start();
			net_deliver(&net);
			CHECK(e->dtls == NULL);
			CHECK_EQ(e->connected, when);
			pair_free(&client, &server);
		}
	pair_open(&net, &client, &server);
	client.free_in_failed = true;
	client.other = NULL;
	dtls_start(client.dtls, clock_ms);
	pair_run(&net, &client, &server, clock_ms + 20000);
	CHECK(client.dtls == NULL);
	CHECK_EQ(client.failed, 1);
	pair_free(&client, &server);
	dtls_free(NULL);
}

static void nothing_happens_before_the_start(void)
{
	static const uint8_t record[] = { 22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

	pair_open(&net, &client, &server);
	CHECK_EQ(dtls_receive(server.dtls, record, sizeof(record), clock_ms), -EINVAL);
	dtls_run(client.dtls, clock_ms);
	dtls_close(client.dtls);
	CHECK_EQ(client.sent, 0);
	CHECK_EQ(dtls_start(client.dtls, clock_ms), 0);
	CHECK_EQ(dtls_start(client.dtls, clock_ms), -EINVAL);
	CHECK_EQ(client.sent, 1);
	pair_free(&client, &server);
}

/* ---- a client of bare OpenSSL ---- */

struct bare {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
};

static void bare_open(struct bare *b, int max_version)
{
	b->ctx = SSL_CTX_new(DTLS_client_method());
	SSL_CTX_set_cipher_list(b->ctx, "DEFAULT:@SECLEVEL=0");
	SSL_CTX_set_min_proto_version(b->ctx, 0);
	SSL_CTX_set_max_proto_version(b->ctx, max_version);
	SSL_CTX_set_tlsext_use_srtp(b->ctx, "SRTP_AES128_CM_SHA1_80");
	SSL_CTX_set_options(b->ctx, SSL_OP_NO_QUERY_MTU);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 1000);
	X509_set_pubkey(x509, key);
	X509_sign(x509, key, EVP_sha256());
	SSL_CTX_use_certificate(b->ctx, x509);
	SSL_CTX_use_PrivateKey(b->ctx, key);
	X509_free(x509);
	EVP_PKEY_free(key);
	b->ssl = SSL_new(b->ctx);
	b->in = BIO_new(BIO_s_mem());
	b->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(b->in, -1);
	SSL_set_bio(b->ssl, b->in, b->out);
	SSL_set_connect_state(b->ssl);
	DTLS_set_link_mtu(b->ssl, DTLS_MTU);
}

static void bare_close(struct bare *b)
{
	SSL_free(b->ssl);
	SSL_CTX_free(b->ctx);
}

/* What it wrote, a record a datagram. Gives how many. */
static int bare_to_server(struct bare *b)
{
	uint8_t record[2000];
	int n = 0;

	while (BIO_read(b->out, record, 13) == 13) {
		size_t length = (size_t)record[11] << 8 | record[12];

		if (BIO_read(b->out, record + 13, (int)length) != (int)length)
			break;
		dtls_receive(server.dtls, record, 13 + length, clock_ms);
		n++;
	}
	return n;
}

/* Every record from the server, one after the other. */
static void server_to_bare(struct bare *b)
{
	while (net.n > 0) {
		BIO_write(b->in, net.queue[0].bytes, (int)net.queue[0].n);
		memmove(&net.queue[0], &net.queue[1], --net.n * sizeof(net.queue[0]));
		SSL_do_handshake(b->ssl);
	}
}

/* Post-quantum key shares make a browser's ClientHello span datagrams (wolfSSL/wolfssl
 * #9266, algesten/dimpl #86). */
static void a_fragmented_client_hello_is_read(void)
{
	struct bare b;
	uint8_t alpn[1024];

	memset(&net, 0, sizeof(net));
	end_open(&server, &net, test_context(1, DTLS_OFFER_ALL), DTLS_SERVER, NULL);
	bare_open(&b, DTLS1_2_VERSION);
	for (size_t i = 0; i < sizeof(alpn); i += 128) {
		memset(alpn + i, 'a', 128);
		alpn[i] = 127;
	}
	SSL_set_alpn_protos(b.ssl, alpn, sizeof(alpn));
	DTLS_set_link_mtu(b.ssl, 300);
	dtls_start(server.dtls, clock_ms);
	SSL_do_handshake(b.ssl);
	CHECK(bare_to_server(&b) >= 4);
	for (int i = 0; i < 4; i++) {
		server_to_bare(&b);
		bare_to_server(&b);
	}
	CHECK(SSL_is_init_finished(b.ssl));
	CHECK_EQ(dtls_state(server.dtls), DTLS_WAITING);

	struct dtls_fingerprint f = { .n = 32 };
	X509_digest(SSL_get_certificate(b.ssl), EVP_sha256(), f.bytes, NULL);
	CHECK_EQ(dtls_set_remote(server.dtls, &f, clock_ms), 0);
	CHECK_EQ(server.connected, 1);
	CHECK_EQ(server.keys.profile, DTLS_AES128_CM_SHA1_80);
	bare_close(&b);
	dtls_free(server.dtls);
}

static void dtls_1_0_is_refused(void)
{
	struct bare b;
	uint64_t begin = clock_ms;
	struct end none = { 0 };

	memset(&net, 0, sizeof(net));
	end_open(&server, &net, test_context(1, DTLS_OFFER_ALL), DTLS_SERVER, NULL);
	bare_open(&b, DTLS1_VERSION);
	dtls_start(server.dtls, clock_ms);
	SSL_do_handshake(b.ssl);
	CHECK(bare_to_server(&b) >= 1);
	server_to_bare(&b);
	CHECK(!SSL_is_init_finished(b.ssl));
	net.n = 0;
	pair_run(&net, &none, &server, begin + 15000);
	CHECK_EQ(server.connected, 0);
	CHECK_EQ(server.failed, 1);
	CHECK_STR(str_of(server.why), "no DTLS version in common");
	bare_close(&b);
	dtls_free(server.dtls);
	ERR_clear_error();
}

TESTS(two_ends_get_the_same_keys, aes_cm_serves_a_peer_that_has_only_that,
      no_profile_in_common_fails, any_lost_datagram_is_repeated, heavy_loss_is_overcome,
      duplicates_and_disorder_are_sorted_out, a_silent_peer_fails_at_the_deadline,
      a_wrong_fingerprint_gives_no_keys, a_late_fingerprint_is_waited_for,
      a_fingerprint_that_never_comes_fails, garbage_changes_nothing,
      a_bad_client_hello_does_not_end_the_handshake, a_handshake_has_limits, closing_tells_the_peer,
      a_connected_end_minds_no_garbage, freeing_inside_events_is_safe,
      nothing_happens_before_the_start, a_fragmented_client_hello_is_read, dtls_1_0_is_refused)
