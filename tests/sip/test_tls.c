/* TLS as a core: two ends in memory; whose certificate is accepted (RFC 5922). */
#include "sip/tls.h"
#include "tests/check.h"
#include "tests/oom.h"
#include "tests/sip/certificates.h"

#include <errno.h>

struct end {
	struct tls *tls;
	char wire[262144], clear[131072];
	size_t n_wire, n_clear;
	unsigned ready;
	int err; /* what tls_put gave */
	int refuse;
};

struct pair {
	struct sip_tls_context *context;
	struct end client, server;
};

static int append(char *mem, size_t size, size_t *n, struct str bytes)
{
	if (bytes.n > size - *n)
		return -ENOBUFS;
	memcpy(mem + *n, bytes.p, bytes.n);
	*n += bytes.n;
	return 0;
}

static int on_wire(void *arg, struct str bytes)
{
	struct end *end = arg;

	return append(end->wire, sizeof(end->wire), &end->n_wire, bytes);
}

static int on_clear(void *arg, struct str bytes)
{
	struct end *end = arg;

	return end->refuse ? end->refuse
			   : append(end->clear, sizeof(end->clear), &end->n_clear, bytes);
}

static void on_ready(void *arg)
{
	struct end *end = arg;

	end->ready++;
}

static const struct tls_events events = { on_wire, on_clear, on_ready };

/* What `from` wrote reaches `to`, `step` octets at a time. */
static void carry(struct end *from, struct end *to, size_t step)
{
	struct str wire = { from->wire, from->n_wire };

	from->n_wire = 0;
	while (!str_empty(wire) && !to->err) {
		to->err = tls_put(to->tls, str_head(wire, step));
		wire = str_skip(wire, step);
	}
}

static void carry_all(struct pair *pair, size_t step)
{
	while (pair->client.n_wire || pair->server.n_wire) {
		carry(&pair->client, &pair->server, step);
		carry(&pair->server, &pair->client, step);
	}
}

static int make(struct pair *pair, const char *names, bool expired, const char *name)
{
	struct sip_tls_config config = { .certificate = certificate_for(names, expired),
					 .key = certificates()->key,
					 .ca = certificates()->ca };
	char why[256];
	int err;

	memset(pair, 0, sizeof(*pair));
	err = sip_tls_context_new(&config, &pair->context, why, sizeof(why));
	if (!err)
		err = tls_new(pair->context, str_of(name), &events, &pair->client,
			      &pair->client.tls);
	if (!err)
		err = tls_new(pair->context, STR(""), &events, &pair->server, &pair->server.tls);
	return err ? err : tls_start(pair->client.tls);
}

static void drop(struct pair *pair)
{
	tls_free(pair->client.tls);
	tls_free(pair->server.tls);
	sip_tls_context_free(pair->context);
}

static struct pair pair;

static void text_goes_both_ways_in_any_pieces(void)
{
	static char big[100000];

	memset(big, 'x', sizeof(big));
	for (size_t step = 1; step < 100000; step = step * 40 + 1) {
		REQUIRE(make(&pair, "DNS:sip.example", false, "sip.example") == 0);
		/* before hands are shaken: it waits */
		CHECK_EQ(tls_send(pair.client.tls, STR("early ")), 0);
		CHECK_EQ(tls_send(pair.client.tls, STR("")), 0);
		CHECK_EQ(tls_send(pair.client.tls, STR("words")), 0);
		carry_all(&pair, step);
		CHECK_EQ(pair.client.ready, 1);
		CHECK_EQ(pair.server.ready, 1);
		CHECK_STR(((struct str){ pair.server.clear, pair.server.n_clear }), "early words");
		CHECK_EQ(tls_send(pair.server.tls, (struct str){ big, sizeof(big) }), 0);
		carry_all(&pair, step);
		CHECK_EQ(pair.client.n_clear, sizeof(big));
		CHECK(memcmp(pair.client.clear, big, sizeof(big)) == 0);
		CHECK_EQ(pair.client.err | pair.server.err, 0);

		tls_goodbye(pair.client.tls);
		carry_all(&pair, step);
		CHECK_EQ(pair.server.err, -EPIPE);
		CHECK_EQ(tls_send(pair.client.tls, STR("x")), -EPIPE);
		CHECK_EQ(tls_send(pair.server.tls, STR("x")), -EPIPE);
		drop(&pair);
	}
}

static void a_server_is_who_its_certificate_names(void)
{
	static const struct {
		const char *names, *name;
		bool good;
	} rows[] = {
		{ "DNS:sip.example", "sip.example", true },
		{ "DNS:SIP.example", "sip.EXAMPLE", true },
		{ "DNS:a.example,DNS:b.example", "b.example", true },
		{ "URI:sip:sip.example", "sip.example", true },
		{ "URI:sip:a.example,URI:sip:b.example", "b.example", true },
		{ "DNS:other.example", "sip.example", false },
		{ "DNS:sip.example", "example", false },
		{ "DNS:sip.example", "x.sip.example", false },
		/* no wildcards, no common name, no URI with a user or another scheme */
		{ "DNS:*.example", "sip.example", false },
		{ "", "common.example", false },
		{ "URI:sip:alice@sip.example", "sip.example", false },
		{ "URI:sips:sip.example", "sip.example", false },
		{ "URI:https://sip.example", "sip.example", false },
		/* DNS names count only where there is no URI */
		{ "DNS:sip.example,URI:sip:other.example", "sip.example", false },
		{ "DNS:sip.example,URI:sip:alice@other.example", "sip.example", true },
		{ "DNS:sip.example,URI:https://other.example", "sip.example", true },
		{ "IP:127.0.0.1", "127.0.0.1", true },
		{ "IP:2001:db8::1", "2001:db8::1", true },
		{ "IP:127.0.0.1", "127.0.0.2", false },
		{ "DNS:sip.example", "127.0.0.1", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		REQUIRE(make(&pair, rows[i].names, false, rows[i].name) == 0);
		tls_send(pair.client.tls, STR("secret"));
		carry_all(&pair, 100000);
		if (pair.client.err != (rows[i].good ? 0 : -EACCES) ||
		    pair.client.ready != rows[i].good ||
		    pair.server.n_clear != (rows[i].good ? 6u : 0u)) {
			printf("  %s of [%s]: %s\n", rows[i].name, rows[i].names,
			       tls_why(pair.client.tls));
			check_failures++;
		}
		drop(&pair);
	}
}

static void a_chain_that_is_not_trusted_or_too_old_is_refused(void)
{
	struct sip_tls_context *other = NULL;
	char why[256];

	REQUIRE(make(&pair, "DNS:sip.example", true, "sip.example") == 0);
	carry_all(&pair, 100000);
	CHECK_EQ(pair.client.err, -EACCES);
	CHECK(strstr(tls_why(pair.client.tls), "expired") != NULL);
	CHECK_EQ(pair.server.err, -EBADMSG); /* it is told */
	drop(&pair);

	/* the system's CAs do not know ours */
	REQUIRE(make(&pair, "DNS:sip.example", false, "sip.example") == 0);
	REQUIRE(sip_tls_context_new(&(struct sip_tls_config){ 0 }, &other, why, sizeof(why)) == 0);
	tls_free(pair.client.tls);
	pair.client = (struct end){ 0 };
	CHECK_EQ(tls_new(other, STR(""), &events, &pair.client, &pair.client.tls), -EINVAL);
	REQUIRE(tls_new(other, STR("sip.example"), &events, &pair.client, &pair.client.tls) == 0);
	CHECK_EQ(tls_start(pair.client.tls), 0);
	carry_all(&pair, 100000);
	CHECK_EQ(pair.client.err, -EACCES);
	CHECK_EQ(pair.client.ready, 0);
	drop(&pair);
	sip_tls_context_free(other);
}

static void what_is_no_tls_is_refused(void)
{
	REQUIRE(make(&pair, "DNS:sip.example", false, "sip.example") == 0);
	CHECK_EQ(tls_put(pair.server.tls, STR("OPTIONS sip:a@b SIP/2.0\r\n\r\n")), -EBADMSG);
	CHECK(*tls_why(pair.server.tls) != '\0');
	CHECK_EQ(tls_put(pair.server.tls, STR("x")), -EPIPE);
	CHECK_EQ(tls_put(pair.client.tls, STR("SIP/2.0 200 OK\r\n\r\n")), -EBADMSG);
	CHECK_EQ(pair.client.ready + pair.server.ready, 0);
	drop(&pair);
}

/* Any octet changed on its way, in the handshake or behind it. */
static void a_changed_octet_ends_it(void)
{
	REQUIRE(make(&pair, "DNS:sip.example", false, "sip.example") == 0);
	carry_all(&pair, 100000);
	CHECK_EQ(tls_send(pair.client.tls, STR("hello")), 0);
	pair.client.wire[pair.client.n_wire - 1] ^= 1;
	carry(&pair.client, &pair.server, 100000);
	CHECK_EQ(pair.server.err, -EBADMSG);
	CHECK_EQ(pair.server.n_clear, 0);
	drop(&pair);
}

static void what_waits_for_the_handshake_is_limited(void)
{
	static char much[TLS_MAX_PENDING];

	REQUIRE(make(&pair, "DNS:sip.example", false, "sip.example") == 0);
	CHECK_EQ(tls_send(pair.client.tls, (struct str){ much, sizeof(much) }), 0);
	CHECK_EQ(tls_send(pair.client.tls, STR("x")), -ENOBUFS);
	drop(&pair);
}

static void an_event_that_refuses_ends_the_work(void)
{
	REQUIRE(make(&pair, "DNS:sip.example", false, "sip.example") == 0);
	carry_all(&pair, 100000);
	pair.server.refuse = -ECONNABORTED;
	tls_send(pair.client.tls, STR("one"));
	tls_send(pair.client.tls, STR("two"));
	carry(&pair.client, &pair.server, 100000);
	CHECK_EQ(pair.server.err, -ECONNABORTED);
	drop(&pair);
}

static void files_that_cannot_be_used_are_named(void)
{
	const char *good = certificate_for("DNS:sip.example", false);
	const struct {
		struct sip_tls_config config;
		const char *names;
	} rows[] = {
		{ { .ca = "/nonexistent/ca.pem" }, "/nonexistent/ca.pem" },
		{ { .ca = certificates()->key }, certificates()->key },
		{ { .certificate = "/nonexistent/c.pem", .key = certificates()->key },
		  "/nonexistent/c.pem" },
		{ { .certificate = good, .key = "/nonexistent/k.pem" }, "/nonexistent/k.pem" },
		{ { .certificate = certificates()->ca, .key = certificates()->key },
		  certificates()->key }, /* not a pair */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_tls_context *context = NULL;
		char why[512] = "";

		CHECK_EQ(sip_tls_context_new(&rows[i].config, &context, why, sizeof(why)),
			 -EBADMSG);
		CHECK(!context && strstr(why, rows[i].names) != NULL);
	}
}

static int make_and_talk(void)
{
	int err = make(&pair, "DNS:sip.example", false, "sip.example");

	if (!err)
		err = tls_send(pair.client.tls, STR("hello"));
	if (!err) {
		carry_all(&pair, 100000);
		err = pair.client.err ? pair.client.err : pair.server.err;
	}
	CHECK(err || pair.server.n_clear == 5);
	drop(&pair);
	return err;
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	CHECK(oom_sweep("sip_tls", make_and_talk) > 3);
}

TESTS(text_goes_both_ways_in_any_pieces, a_server_is_who_its_certificate_names,
      a_chain_that_is_not_trusted_or_too_old_is_refused, what_is_no_tls_is_refused,
      a_changed_octet_ends_it, what_waits_for_the_handshake_is_limited,
      an_event_that_refuses_ends_the_work, files_that_cannot_be_used_are_named,
      running_out_of_memory_leaves_nothing_behind)
