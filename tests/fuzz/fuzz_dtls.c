/* Two associations that shake hands while a hostile network changes what they say, and
 * says things of its own.
 *
 * The first octet: whether each end knows the other's fingerprint from the start. Then an
 * octet of what and to whom, and what that takes. OpenSSL itself is as Debian built it: what
 * is watched closely is dtls/ and what it hands over. */
#include "tests/dtls/pair.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_STEPS = 64, MOST_WAITING = 100, RECORD = 13, HANDSHAKE = 12 };

static struct net net;
static struct end client, server;
static const uint8_t *input;
static size_t rest;

static uint8_t next(void)
{
	if (rest == 0)
		return 0;
	rest--;
	return *input++;
}

static int room(unsigned index, void *arg)
{
	(void)index;
	(void)arg;
	return net.n < MOST_WAITING ? 1 : 0;
}

/* A copy with no octet to spare, as the first octet of a datagram sorts it. */
static void give(struct end *end, const uint8_t *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		return;
	memcpy(copy, bytes, n);
	if (dtls_looks(copy, n))
		dtls_receive(end->dtls, copy, n, clock_ms);
	free(copy);
}

static bool take_first(struct packet *packet)
{
	if (net.n == 0)
		return false;
	*packet = net.queue[0];
	net.n--;
	memmove(net.queue, net.queue + 1, net.n * sizeof(net.queue[0]));
	return true;
}

static void put16(uint8_t *p, size_t n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
}

/* The datagram's first record, a whole handshake message in the clear, as two fragments in
 * two datagrams (RFC 6347 §4.2.3); anything else unchanged. */
static void give_in_pieces(const struct packet *p, size_t cut)
{
	uint8_t piece[sizeof(p->bytes)];
	size_t length = p->n > RECORD ? (size_t)p->bytes[11] << 8 | p->bytes[12] : 0;

	if (length <= HANDSHAKE || length + RECORD > p->n || p->bytes[0] != 22 || p->bytes[4]) {
		give(p->to, p->bytes, p->n);
		return;
	}
	size_t body = length - HANDSHAKE, first = cut % (body + 1);
	for (int i = 0; i < 2; i++) {
		size_t from = i ? first : 0, n = i ? body - first : first;

		memcpy(piece, p->bytes, RECORD + HANDSHAKE);
		piece[10] = (uint8_t)(p->bytes[10] + i * 64); /* another record */
		put16(piece + 11, HANDSHAKE + n);
		put16(piece + RECORD + 7, from);
		put16(piece + RECORD + 10, n);
		memcpy(piece + RECORD + HANDSHAKE, p->bytes + RECORD + HANDSHAKE + from, n);
		give(p->to, piece, RECORD + HANDSHAKE + n);
	}
}

static void say(struct end *end)
{
	size_t n = next() | (size_t)next() << 8;

	n = n < rest ? n : rest;
	n = n < 4096 ? n : 4096;
	give(end, input, n);
	input += n;
	rest -= n;
}

static void change(uint8_t what)
{
	struct packet p;

	if (!take_first(&p))
		return;
	switch (what) {
	case 1:
		give(p.to, p.bytes, p.n);
		break;
	case 2: /* some octets */
		for (int i = 0; i < 3; i++) {
			size_t at = (next() | (size_t)next() << 8) % p.n;

			p.bytes[at] ^= next();
		}
		give(p.to, p.bytes, p.n);
		break;
	case 3: /* cut off */
		give(p.to, p.bytes, (next() | (size_t)next() << 8) % (p.n + 1));
		break;
	case 4: /* another epoch, number or kind */
		p.bytes[0] = (uint8_t)(20 + next() % 5);
		p.bytes[4] = next();
		p.bytes[10] ^= next();
		give(p.to, p.bytes, p.n);
		break;
	case 5:
		give_in_pieces(&p, next());
		break;
	}
}

static void pass_time(unsigned ms)
{
	clock_ms += ms;
	for (int i = 0; i < 2; i++) {
		struct end *end = i ? &server : &client;

		if (dtls_due(end->dtls) <= clock_ms)
			dtls_run(end->dtls, clock_ms);
		MUST(dtls_due(end->dtls) == DTLS_NEVER || dtls_due(end->dtls) >= clock_ms ||
		     dtls_due(end->dtls) + 1000 > clock_ms);
	}
}

static void tell_fingerprint(struct end *end, int of)
{
	struct dtls_fingerprint fingerprint;

	dtls_certificate_fingerprint(test_certificate(of), &fingerprint);
	dtls_set_remote(end->dtls, &fingerprint, clock_ms);
}

static void check(const struct end *end)
{
	enum dtls_state state = dtls_state(end->dtls);

	MUST(end->connected + end->failed <= 1);
	MUST(end->connected == (state == DTLS_CONNECTED || state == DTLS_CLOSED));
	MUST(end->failed == (state == DTLS_FAILED));
	MUST(net.longest <= DTLS_MTU);
	MUST(!end->connected || end->keys.n == 28 || end->keys.n == 30);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n < 2)
		return 0;
	memset(&net, 0, sizeof(net));
	net.copies = room;
	end_open(&client, &net, test_context(0, DTLS_OFFER_ALL), DTLS_CLIENT,
		 bytes[0] & 1 ? test_certificate(1) : NULL);
	end_open(&server, &net, test_context(1, DTLS_OFFER_ALL), DTLS_SERVER,
		 bytes[0] & 2 ? test_certificate(0) : NULL);
	client.other = &server;
	server.other = &client;
	dtls_start(server.dtls, clock_ms);
	dtls_start(client.dtls, clock_ms);
	input = bytes + 1;
	rest = n - 1;
	for (int i = 0; i < MOST_STEPS && rest > 0; i++) {
		uint8_t what = next();
		struct end *end = what & 8 ? &server : &client;

		if ((what & 7) == 0)
			say(end);
		else if ((what & 7) < 6)
			change(what & 7);
		else if ((what & 7) == 6)
			pass_time(next() * 16u);
		else if (what & 0x10)
			tell_fingerprint(end, what & 0x20 ? 2 : what & 8 ? 0 : 1);
		else if (what & 0x40)
			dtls_close(end->dtls);
		check(&client);
		check(&server);
	}
	pair_free(&client, &server);
	return 0;
}
