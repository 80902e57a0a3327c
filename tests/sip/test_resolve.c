/* Names into addresses (RFC 3263 §4.2, RFC 2782), asked of a name server of the test's. */
#include "sip/resolve.h"
#include "tests/check.h"
#include "tests/sip/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <strings.h>
#include <unistd.h>

static uv_loop_t loop;
static struct sip_resolver *resolver;
static int server = -1;
static bool closed;
static struct {
	unsigned told;
	uint32_t ttl_s;
	size_t n;
	struct sip_addr list[SIP_RESOLVE_MOST];
} got;

/* What the name server knows. */
static const struct record {
	const char *name;
	uint16_t type; /* 1: A, 33: SRV */
	uint16_t priority, weight, port;
	const char *data; /* address or target */
	uint16_t ttl_s;
} records[] = {
	{ "one.example.", 1, 0, 0, 0, "192.0.2.1", 70 },
	{ "two.example.", 1, 0, 0, 0, "192.0.2.2", 80 },
	{ "_sip._udp.both.example.", 33, 20, 0, 5070, "two.example.", 300 },
	{ "_sip._udp.both.example.", 33, 10, 0, 5080, "one.example.", 300 },
	{ "_sip._udp.heavy.example.", 33, 10, 0, 5070, "two.example.", 300 },
	{ "_sip._udp.heavy.example.", 33, 10, 65000, 5080, "one.example.", 300 },
	{ "_sip._tcp.both.example.", 33, 10, 0, 5090, "two.example.", 30 },
	{ "_sips._tcp.both.example.", 33, 10, 0, 5091, "one.example.", 300 },
};

static size_t put_name(uint8_t *to, const char *name)
{
	size_t n = 0;

	while (*name) {
		size_t label = strcspn(name, ".");

		to[n++] = (uint8_t)label;
		memcpy(to + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	to[n++] = 0;
	return n;
}

static void put_u16(uint8_t *to, unsigned value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static size_t put_record(uint8_t *to, const struct record *record)
{
	size_t n = put_name(to, record->name), data;

	put_u16(to + n, record->type);
	put_u16(to + n + 2, 1);
	put_u16(to + n + 4, 0);
	put_u16(to + n + 6, record->ttl_s);
	data = n + 10;
	if (record->type == 1) {
		inet_pton(AF_INET, record->data, to + data);
		put_u16(to + n + 8, 4);
		return data + 4;
	}
	put_u16(to + data, record->priority);
	put_u16(to + data + 2, record->weight);
	put_u16(to + data + 4, record->port);
	size_t target = put_name(to + data + 6, record->data);
	put_u16(to + n + 8, (unsigned)(6 + target));
	return data + 6 + target;
}

/* One question, if there is one. */
static void answer(void)
{
	uint8_t mem[2048];
	char name[256];
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	ssize_t n = recvfrom(server, mem, 512, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
	size_t at = 12, at_name = 0, end, found = 0;

	if (n < 17)
		return;
	while (mem[at]) {
		memcpy(name + at_name, mem + at + 1, mem[at]);
		at_name += mem[at];
		name[at_name++] = '.';
		at += mem[at] + 1u;
	}
	name[at_name] = '\0';
	unsigned type = (unsigned)mem[at + 1] << 8 | mem[at + 2];
	end = at + 5;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		if (strcasecmp(records[i].name, name) != 0 || records[i].type != type)
			continue;
		end += put_record(mem + end, &records[i]);
		found++;
	}
	mem[2] = 0x84;
	mem[3] = found ? 0 : 3;
	put_u16(mem + 6, (unsigned)found);
	memset(mem + 8, 0, 4);
	sendto(server, mem, end, 0, (struct sockaddr *)&from, length);
}

static void set_up(bool answers)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t length = sizeof(at);
	char servers[64];

	memset(&got, 0, sizeof(got));
	closed = false;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	uv_loop_init(&loop);
	server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(server, (struct sockaddr *)&at, sizeof(at)), 0);
	getsockname(server, (struct sockaddr *)&at, &length);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", ntohs(at.sin_port));
	CHECK_EQ(sip_resolver_new(&loop, servers, &resolver), 0);
	if (!answers) {
		close(server);
		server = -1;
	}
}

static void on_closed(void *arg)
{
	(void)arg;
	closed = true;
}

static void tear_down(void)
{
	sip_resolver_close(resolver, on_closed, NULL);
	CHECK(LOOP_UNTIL(&loop, closed));
	CHECK_EQ(uv_loop_close(&loop), 0);
	if (server >= 0)
		close(server);
	server = -1;
}

static void on_resolved(void *arg, const struct sip_addr *list, size_t n, uint32_t ttl_s)
{
	(void)arg;
	got.ttl_s = ttl_s;
	got.told++;
	got.n = n;
	memcpy(got.list, list, n * sizeof(*list));
}

static struct sip_query *ask(const char *host, uint16_t port, const char *transport)
{
	struct sip_query *query = NULL;

	CHECK_EQ(sip_resolve(resolver,
			     &(struct sip_query_config){ .host = str_of(host),
							 .port = port,
							 .transport = transport,
							 .on_resolved = on_resolved },
			     &query),
		 0);
	return query;
}

static bool told(void)
{
	answer();
	return got.told > 0;
}

static void check_is(size_t i, const char *address)
{
	char mem[SIP_ADDR_TEXT];

	CHECK(i < got.n && str_eq(sip_addr_print(&got.list[i], mem), str_of(address)));
}

static void srv_gives_the_order(void)
{
	set_up(true);
	ask("both.example", 0, "udp");
	CHECK(LOOP_UNTIL(&loop, told()));
	CHECK_EQ(got.told, 1);
	CHECK_EQ(got.n, 2);
	check_is(0, "192.0.2.1:5080");
	check_is(1, "192.0.2.2:5070");
	CHECK_EQ(got.ttl_s, 70); /* the least of all that led there */
	tear_down();
}

static void srv_is_asked_for_its_transport(void)
{
	set_up(true);
	ask("both.example", 0, "tcp");
	CHECK(LOOP_UNTIL(&loop, told()));
	CHECK_EQ(got.n, 1);
	check_is(0, "192.0.2.2:5090");
	CHECK_EQ(got.ttl_s, 30); /* that of the SRV record itself */
	got.told = 0;
	ask("both.example", 0, "tls"); /* _sips._tcp */
	CHECK(LOOP_UNTIL(&loop, told()));
	CHECK_EQ(got.n, 1);
	check_is(0, "192.0.2.1:5091");
	got.told = 0;
	ask("one.example", 0, "tls"); /* no SRV: TLS's own port */
	CHECK(LOOP_UNTIL(&loop, told()));
	check_is(0, "192.0.2.1:5061");
	tear_down();
}

static void within_a_priority_the_heavier_comes_first_as_a_rule(void)
{
	unsigned heavy = 0;

	set_up(true);
	for (unsigned i = 0; i < 20; i++) {
		char mem[SIP_ADDR_TEXT];

		got.told = 0;
		ask("heavy.example", 0, "udp");
		CHECK(LOOP_UNTIL(&loop, told()));
		CHECK_EQ(got.n, 2);
		heavy += str_eq(sip_addr_print(&got.list[0], mem), STR("192.0.2.1:5080"));
	}
	CHECK(heavy >= 19);
	tear_down();
}

static void without_srv_the_name_itself_is_asked(void)
{
	set_up(true);
	ask("one.example", 0, "udp");
	CHECK(LOOP_UNTIL(&loop, told()));
	CHECK_EQ(got.n, 1);
	check_is(0, "192.0.2.1:5060");
	tear_down();
}

static void with_a_port_srv_is_not_asked(void)
{
	set_up(true);
	ask("one.example", 5099, "udp");
	CHECK(LOOP_UNTIL(&loop, told()));
	check_is(0, "192.0.2.1:5099");
	tear_down();
}

static void a_name_that_is_none_gives_nothing(void)
{
	set_up(true);
	ask("none.example", 0, "udp");
	CHECK(LOOP_UNTIL(&loop, told()));
	CHECK_EQ(got.n, 0);
	CHECK_EQ(got.ttl_s, 0);
	struct sip_query *query;
	CHECK_EQ(sip_resolve(resolver, &(struct sip_query_config){ .host = STR("") }, &query),
		 -EINVAL);
	tear_down();
}

static void a_cancelled_question_tells_nothing(void)
{
	set_up(true);
	sip_query_cancel(ask("one.example", 5060, "udp"));
	ask("two.example", 5060, "udp");
	CHECK(LOOP_UNTIL(&loop, told()));
	for (unsigned i = 0; i < 20; i++) {
		answer();
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	CHECK_EQ(got.told, 1);
	check_is(0, "192.0.2.2:5060");
	tear_down();
}

static void closing_ends_open_questions_without_a_word(void)
{
	set_up(false);
	ask("one.example", 0, "udp");
	ask("two.example", 5060, "udp");
	tear_down();
	CHECK_EQ(got.told, 0);
}

TESTS(srv_gives_the_order, srv_is_asked_for_its_transport,
      within_a_priority_the_heavier_comes_first_as_a_rule, without_srv_the_name_itself_is_asked,
      with_a_port_srv_is_not_asked, a_name_that_is_none_gives_nothing,
      a_cancelled_question_tells_nothing, closing_ends_open_questions_without_a_word)
