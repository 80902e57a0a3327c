/* Digest authentication, both roles (RFC 7616, RFC 8760). */
#include "sip/digest_parts.h"
#include "sip/print.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>

/* --- the arithmetic --- */

/* RFC 2617 §3.5 and RFC 7616 §3.9.1. */
static void the_rfcs_examples_come_out(void)
{
	static const struct {
		struct str realm, password, nonce, cnonce;
		enum sip_digest_algorithm algorithm;
		const char *response;
	} rows[] = {
		{ STR("testrealm@host.com"), STR("Circle Of Life"),
		  STR("dcd98b7102dd2f0e8b11d0f600bfb0c093"), STR("0a4f113b"), SIP_DIGEST_MD5,
		  "6629fae49393a05397450978507c4ef1" },
		{ STR("http-auth@example.org"), STR("Circle of Life"),
		  STR("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
		  STR("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"), SIP_DIGEST_MD5,
		  "8ca523f5e9506fed4657c9700eebdbec" },
		{ STR("http-auth@example.org"), STR("Circle of Life"),
		  STR("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
		  STR("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"), SIP_DIGEST_SHA256,
		  "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_ha1 ha1;
		char hex[SIP_DIGEST_HEX + 1];

		sip_ha1_make(STR("Mufasa"), rows[i].realm, rows[i].password, &ha1);
		CHECK(digest_response(
			&(struct digest_input){ .algorithm = rows[i].algorithm,
						.ha1 = str_of(ha1.hex[rows[i].algorithm]),
						.method = STR("GET"),
						.uri = STR("/dir/index.html"),
						.nonce = rows[i].nonce,
						.qop_auth = true,
						.nc = STR("00000001"),
						.cnonce = rows[i].cnonce },
			hex));
		CHECK(str_eq(str_of(hex), str_of(rows[i].response)));
	}
}

/* --- a server and requests for it --- */

enum { NOW = 1700000000 }; /* seconds */
static const uint64_t now_ms = NOW * 1000ull;

static void counting(void *bytes, size_t n)
{
	uint8_t *to = bytes;

	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)i;
}

static struct sip_digest_server *server_with(size_t n, enum sip_digest_algorithm first)
{
	struct sip_digest_server *server = NULL;

	CHECK_EQ(sip_digest_server_new(
			 &(struct sip_digest_server_config){
				 .realm = STR("hookswitch"),
				 .order = { first, first == SIP_DIGEST_MD5 ? SIP_DIGEST_SHA256
									   : SIP_DIGEST_MD5 },
				 .n_order = n,
				 .random = counting },
			 &server),
		 0);
	return server;
}

static char text_mem[16384];

static struct sip_msg *request_with(struct str lines)
{
	struct sip_msg *msg = NULL;
	struct sip_error error;
	struct writer w;
	struct str text = STR("");

	writer_init(&w, text_mem, sizeof(text_mem));
	writer_put(&w,
		   STR("REGISTER sip:hookswitch SIP/2.0\r\nVia: SIP/2.0/WS h;branch=z9hG4bK1\r\n"
		       "From: <sip:alice@hookswitch>;tag=1\r\nTo: <sip:alice@hookswitch>\r\n"
		       "Call-ID: i\r\nCSeq: 1 REGISTER\r\n"));
	writer_put(&w, lines);
	writer_put(&w, STR("\r\n"));
	CHECK_EQ(writer_end(&w, &text), 0);
	if (sip_msg_parse(text, SIP_WEBSOCKET, &msg, &error)) {
		printf("  %s\n", error.why);
		check_failures++;
		sip_msg_unref(error.answerable);
	}
	return msg;
}

/* The server's challenge within a 401. */
static struct sip_msg *challenge_of(struct sip_digest_server *server, uint64_t at_ms, bool stale)
{
	char lines[1024], mem[4096];
	struct writer w;
	struct str out = STR("");
	struct sip_msg *request = request_with(STR("")), *response = NULL;

	writer_init(&w, lines, sizeof(lines));
	sip_digest_challenge(server, at_ms, stale, &w);
	CHECK_EQ(writer_end(&w, &out), 0);
	struct sip_response_parts parts = { .status = 401, .to_tag = STR("t"), .headers = out };
	writer_init(&w, mem, sizeof(mem));
	sip_response_print(&w, request, &parts);
	CHECK_EQ(writer_end(&w, &out), 0);
	CHECK_EQ(sip_msg_parse(out, SIP_STREAM, &response, NULL), 0);
	sip_msg_unref(request);
	return response;
}

/* What our own client makes of it, as a request. */
static struct sip_msg *answer_to(const struct sip_msg *challenge, struct str user,
				 struct str password)
{
	char mem[2048];
	struct writer w;
	struct str line = STR("");

	writer_init(&w, mem, sizeof(mem));
	CHECK_EQ(sip_digest_answer(challenge, STR("REGISTER"), STR("sip:hookswitch"), user,
				   password, STR("hookswitch"), counting, &w),
		 0);
	CHECK_EQ(writer_end(&w, &line), 0);
	return request_with(line);
}

static int judge(struct sip_digest_server *server, const struct sip_msg *request, uint64_t at_ms,
		 const struct sip_ha1 *ha1)
{
	struct sip_credentials c;
	enum sip_digest_verdict verdict = sip_digest_read(server, request, at_ms, &c);

	CHECK_EQ(verdict, SIP_DIGEST_CLAIMED);
	return verdict == SIP_DIGEST_CLAIMED ? sip_digest_check(server, &c, request, ha1) : 1;
}

static void each_configured_algorithm_lets_the_right_password_in(void)
{
	static const struct {
		size_t n;
		enum sip_digest_algorithm first;
		const char *picked;
	} rows[] = {
		{ 1, SIP_DIGEST_MD5, "algorithm=MD5," },
		{ 1, SIP_DIGEST_SHA256, "algorithm=SHA-256," },
		{ 2, SIP_DIGEST_MD5, "algorithm=SHA-256," },
		{ 2, SIP_DIGEST_SHA256, "algorithm=SHA-256," },
	};
	struct sip_ha1 right, wrong;

	sip_ha1_make(STR("alice"), STR("hookswitch"), STR("secret"), &right);
	sip_ha1_make(STR("alice"), STR("hookswitch"), STR("Secret"), &wrong);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_digest_server *server = server_with(rows[i].n, rows[i].first);
		struct sip_msg *challenge = challenge_of(server, now_ms, false);
		struct sip_msg *request = answer_to(challenge, STR("alice"), STR("secret"));
		struct sip_credentials c;

		REQUIRE(request != NULL);
		struct str value = sip_msg_header(request, SIP_HEADER_AUTHORIZATION);
		size_t at = 0;
		while (at < value.n && !str_starts(str_skip(value, at), str_of(rows[i].picked)))
			at++;
		CHECK(at < value.n);
		CHECK_EQ(judge(server, request, now_ms, NULL), -EACCES);
		CHECK_EQ(judge(server, request, now_ms, &wrong), -EACCES);
		CHECK_EQ(judge(server, request, now_ms, &right), 0);
		CHECK_EQ(sip_digest_read(server, request, now_ms, &c), SIP_DIGEST_CLAIMED);
		CHECK_STR(c.username, "alice");
		sip_msg_unref(request);
		sip_msg_unref(challenge);
		sip_digest_server_free(server);
	}
}

static void challenges_stand_in_the_order_of_preference(void)
{
	struct sip_digest_server *server = server_with(2, SIP_DIGEST_SHA256);
	char mem[1024];
	struct writer w;
	struct str out, line;

	writer_init(&w, mem, sizeof(mem));
	sip_digest_challenge(server, now_ms, true, &w);
	CHECK_EQ(writer_end(&w, &out), 0);
	line = str_cut(&out, '\n');
	CHECK(str_starts(line, STR("WWW-Authenticate: Digest realm=\"hookswitch\", nonce=\"")));
	CHECK(str_ends(line, STR("\", algorithm=SHA-256, qop=\"auth\", stale=true\r")));
	line = str_cut(&out, '\n');
	CHECK(str_ends(line, STR("\", algorithm=MD5, qop=\"auth\", stale=true\r")));
	CHECK(str_empty(out));
	sip_digest_server_free(server);
}

/* onsip/SIP.js sends nc=00000001 again with the same nonce. */
static void a_repeated_count_is_stale_and_not_a_wrong_password(void)
{
	struct sip_digest_server *server = server_with(1, SIP_DIGEST_MD5);
	struct sip_msg *challenge = challenge_of(server, now_ms, false);
	struct sip_msg *request = answer_to(challenge, STR("alice"), STR("secret"));
	struct sip_ha1 right, wrong;

	sip_ha1_make(STR("alice"), STR("hookswitch"), STR("secret"), &right);
	sip_ha1_make(STR("alice"), STR("hookswitch"), STR("x"), &wrong);
	REQUIRE(request != NULL);
	CHECK_EQ(judge(server, request, now_ms, &right), 0);
	CHECK_EQ(judge(server, request, now_ms, &right), -EAGAIN);
	CHECK_EQ(judge(server, request, now_ms, &wrong), -EACCES);
	sip_msg_unref(request);
	sip_msg_unref(challenge);

	/* another nonce of the same millisecond is another nonce */
	challenge = challenge_of(server, now_ms, true);
	request = answer_to(challenge, STR("alice"), STR("secret"));
	CHECK_EQ(judge(server, request, now_ms, &right), 0);
	sip_msg_unref(request);
	sip_msg_unref(challenge);
	sip_digest_server_free(server);
}

static void a_nonce_lives_five_minutes_and_dies_with_its_key(void)
{
	struct sip_digest_server *server = server_with(1, SIP_DIGEST_MD5), *other = NULL;
	struct sip_msg *challenge = challenge_of(server, now_ms, false);
	struct sip_msg *request = answer_to(challenge, STR("alice"), STR("secret"));
	struct sip_credentials c;
	uint64_t end_ms = now_ms + SIP_NONCE_SECONDS * 1000;

	CHECK_EQ(sip_digest_server_new(
			 &(struct sip_digest_server_config){ .realm = STR("hookswitch"),
							     .order = { SIP_DIGEST_MD5 },
							     .n_order = 1 },
			 &other),
		 0);
	CHECK_EQ(sip_digest_read(server, request, end_ms, &c), SIP_DIGEST_CLAIMED);
	CHECK_EQ(sip_digest_read(server, request, end_ms + 1, &c), SIP_DIGEST_STALE);
	CHECK_EQ(sip_digest_read(server, request, now_ms - 10000, &c), SIP_DIGEST_STALE);
	CHECK_EQ(sip_digest_read(other, request, now_ms, &c), SIP_DIGEST_STALE);
	sip_msg_unref(request);
	sip_msg_unref(challenge);
	sip_digest_server_free(server);
	sip_digest_server_free(other);
	sip_digest_server_free(NULL);
}

/* However many nonces were used since, none can be used twice. */
static void no_nonce_is_replayed_after_the_table_ran_over(void)
{
	enum { NONCES = 20000 };
	struct sip_digest_server *server = server_with(1, SIP_DIGEST_MD5);
	struct sip_ha1 right;
	struct sip_msg *kept[4] = { NULL };
	int refused = 0;

	sip_ha1_make(STR("alice"), STR("hookswitch"), STR("secret"), &right);
	for (unsigned i = 0; i < NONCES; i++) {
		struct sip_msg *challenge = challenge_of(server, now_ms + i, false);
		struct sip_msg *request = answer_to(challenge, STR("alice"), STR("secret"));

		if (judge(server, request, now_ms + i, &right))
			refused++;
		if (i % (NONCES / 4) == 0)
			kept[i / (NONCES / 4)] = sip_msg_ref(request);
		sip_msg_unref(request);
		sip_msg_unref(challenge);
	}
	CHECK_EQ(refused, 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(judge(server, kept[i], now_ms + NONCES, &right), -EAGAIN);
		sip_msg_unref(kept[i]);
	}
	sip_digest_server_free(server);
}

static void the_digest_is_bound_to_method_and_uri(void)
{
	struct sip_digest_server *server = server_with(1, SIP_DIGEST_MD5);
	struct sip_msg *challenge = challenge_of(server, now_ms, false), *request;
	struct sip_ha1 right;
	static const struct {
		struct str method, uri;
		int verdict;
	} rows[] = {
		{ STR("INVITE"), STR("sip:hookswitch"), -EACCES },
		{ STR("REGISTER"), STR("sip:other"), -EACCES },
		{ STR("REGISTER"), STR("sip:alice@hookswitch"), -EACCES },
		{ STR("REGISTER"), STR("sip:hookswitch:5070"), -EACCES },
		{ STR("REGISTER"), STR("sip:HOOKSWITCH;transport=udp"), 0 },
	};

	sip_ha1_make(STR("alice"), STR("hookswitch"), STR("secret"), &right);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char mem[1024];
		struct writer w;
		struct str line = STR("");

		writer_init(&w, mem, sizeof(mem));
		CHECK_EQ(sip_digest_answer(challenge, rows[i].method, rows[i].uri, STR("alice"),
					   STR("secret"), STR("hookswitch"), NULL, &w),
			 0);
		CHECK_EQ(writer_end(&w, &line), 0);
		request = request_with(line);
		CHECK_EQ(judge(server, request, now_ms, &right), rows[i].verdict);
		sip_msg_unref(request);
	}
	sip_msg_unref(challenge);
	sip_digest_server_free(server);
}

#define NONCE "0000018bcfe568000000000000112233445566778899aabbccddeeff"
#define HASH  "0123456789abcdef0123456789ABCDEF"

static void malformed_credentials_are_told_from_none_and_from_stale(void)
{
	/* a nonce of the right form is "stale" here: it gets as far as its MAC */
	static const struct {
		const char *value;
		enum sip_digest_verdict verdict;
	} rows[] = {
		{ "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", SIP_DIGEST_ABSENT },
		{ "NoOneKnowsThisScheme opaque-data=here", SIP_DIGEST_ABSENT },
		{ "Digest realm=\"elsewhere\", nonce=\"x\"", SIP_DIGEST_ABSENT },
		/* the layout of versatica/JsSIP */
		{ "Digest algorithm=MD5, username=\"alice\", realm=\"hookswitch\", nonce=\"" NONCE
		  "\", uri=\"sip:hookswitch\", response=\"" HASH
		  "\", qop=auth, cnonce=\"1jon2kp870ib\", nc=00000001",
		  SIP_DIGEST_STALE },
		/* quotes where none belong, blanks, empty elements, unknown parameters */
		{ "digest  ,username = \"alice\",,realm=\"hookswitch\" , nonce=\"" NONCE
		  "\",uri=\"sip:hookswitch\",response=\"" HASH
		  "\",qop=\"auth\",cnonce=\"a\",nc=\"0000000a\",algorithm=\"md5\",x=\"y,z\"",
		  SIP_DIGEST_STALE },
#define ALL                                                                                        \
	"Digest username=\"alice\", realm=\"hookswitch\", nonce=\"" NONCE                          \
	"\", uri=\"sip:hookswitch\", "
		{ ALL "response=\"" HASH "\", qop=auth, cnonce=\"a\", nc=00000001",
		  SIP_DIGEST_STALE },
		{ ALL "response=\"" HASH "\"", SIP_DIGEST_MALFORMED }, /* no qop */
		{ ALL "response=\"" HASH "\", qop=auth-int, cnonce=\"a\", nc=00000001",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH "\", qop=auth, nc=00000001", SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH "\", qop=auth, cnonce=\"\", nc=00000001",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH "\", qop=auth, cnonce=\"a\"", SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH "\", qop=auth, cnonce=\"a\", nc=1", SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH "\", qop=auth, cnonce=\"a\", nc=0000000g",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH "0\", qop=auth, cnonce=\"a\", nc=00000001",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH HASH "\", qop=auth, cnonce=\"a\", nc=00000001",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"\", qop=auth, cnonce=\"a\", nc=00000001", SIP_DIGEST_MALFORMED },
		{ ALL "qop=auth, cnonce=\"a\", nc=00000001", SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH
		      "\", qop=auth, cnonce=\"a\", nc=00000001, algorithm=SHA-256",
		  SIP_DIGEST_MALFORMED }, /* not offered */
		{ ALL "response=\"" HASH
		      "\", qop=auth, cnonce=\"a\", nc=00000001, algorithm=MD5-sess",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH "\", qop=auth, cnonce=\"a\", nc=00000001, userhash=true",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH
		      "\", qop=auth, cnonce=\"a\", nc=00000001, username=\"bob\"",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH
		      "\", qop=auth, cnonce=\"a\", nc=00000001, realm=\"elsewhere\"",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH "\", qop=auth, cnonce=\"a\", nc=00000001, x",
		  SIP_DIGEST_MALFORMED },
		{ ALL "response=\"" HASH "\", qop=auth, cnonce=\"a, nc=00000001",
		  SIP_DIGEST_MALFORMED },
#define REST ", response=\"" HASH "\", qop=auth, cnonce=\"a\", nc=00000001"
		{ "Digest realm=\"hookswitch\", nonce=\"" NONCE "\", uri=\"sip:hookswitch\"" REST,
		  SIP_DIGEST_MALFORMED },
		{ "Digest username=\"a\\\"b\", realm=\"hookswitch\", nonce=\"" NONCE
		  "\", uri=\"sip:hookswitch\"" REST,
		  SIP_DIGEST_MALFORMED },
		{ "Digest username=\"alice\", nonce=\"" NONCE "\", uri=\"sip:hookswitch\"" REST,
		  SIP_DIGEST_MALFORMED },
		{ "Digest username=\"alice\", realm=\"hookswitch\", uri=\"sip:hookswitch\"" REST,
		  SIP_DIGEST_MALFORMED },
		{ "Digest username=\"alice\", realm=\"hookswitch\", nonce=\"abc\", "
		  "uri=\"sip:hookswitch\"" REST,
		  SIP_DIGEST_MALFORMED },
		{ "Digest username=\"alice\", realm=\"hookswitch\", nonce=\"" NONCE "\"" REST,
		  SIP_DIGEST_MALFORMED },
		{ "Digest", SIP_DIGEST_MALFORMED },
		{ "Digest =", SIP_DIGEST_MALFORMED },
		{ "Digest \"", SIP_DIGEST_MALFORMED },
	};
	struct sip_digest_server *server = server_with(1, SIP_DIGEST_MD5);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[1024];
		struct sip_credentials c;

		snprintf(line, sizeof(line), "Authorization: %s\r\n", rows[i].value);
		struct sip_msg *request = request_with(str_of(line));
		enum sip_digest_verdict got = sip_digest_read(server, request, now_ms, &c);
		if (got != rows[i].verdict) {
			printf("  row %zu: %d\n", i, got);
			check_failures++;
		}
		sip_msg_unref(request);
	}
	sip_digest_server_free(server);
}

static void two_credentials_for_our_realm_are_one_too_many(void)
{
	struct sip_digest_server *server = server_with(1, SIP_DIGEST_MD5);
	struct sip_credentials c;
	struct sip_msg *request = request_with(
		STR("Authorization: Digest realm=\"elsewhere\", username=\"x\"\r\n"
		    "Authorization: " ALL "response=\"" HASH
		    "\", qop=auth, cnonce=\"a\", nc=00000001\r\n"));

	CHECK_EQ(sip_digest_read(server, request, now_ms, &c), SIP_DIGEST_STALE);
	sip_msg_unref(request);
	request = request_with(STR("Authorization: Digest realm=\"hookswitch\"\r\n"
				   "Authorization: " ALL "response=\"" HASH
				   "\", qop=auth, cnonce=\"a\", nc=00000001\r\n"));
	CHECK_EQ(sip_digest_read(server, request, now_ms, &c), SIP_DIGEST_MALFORMED);
	sip_msg_unref(request);
	sip_digest_server_free(server);
}

/* --- client --- */

static struct sip_msg *response_with(unsigned status, struct str lines)
{
	struct sip_msg *request = request_with(STR("")), *response = NULL;
	char mem[4096];
	struct writer w;
	struct str out = STR("");

	writer_init(&w, mem, sizeof(mem));
	sip_response_print(&w, request,
			   &(struct sip_response_parts){ .status = status, .headers = lines });
	CHECK_EQ(writer_end(&w, &out), 0);
	CHECK_EQ(sip_msg_parse(out, SIP_STREAM, &response, NULL), 0);
	sip_msg_unref(request);
	return response;
}

#define TRUNK "Proxy-Authenticate: Digest realm=\"trunk\", nonce=\"n\""

/* RFC 8760 §2.6, and credentials for one realm only (EnableSecurity's
 * "digest leak"). */
static void the_client_answers_its_realm_with_the_best_algorithm(void)
{
	static const struct {
		unsigned status;
		struct str lines;
		int err;
		const char *has;
	} rows[] = {
		{ 407, STR(TRUNK "\r\n"), 0,
		  "Proxy-Authorization: Digest username=\"u\", realm=\"trunk\", nonce=\"n\", "
		  "uri=\"sip:x\", response=\"" },
		{ 407, STR(TRUNK ", qop=\"auth,auth-int\", opaque=\"o\\\"p\"\r\n"), 0,
		  ", algorithm=MD5, cnonce=\"000102030405060708090a0b0c0d0e0f\", qop=auth, "
		  "nc=00000001, "
		  "opaque=\"o\\\"p\"\r\n" },
		{ 407, STR(TRUNK ", algorithm=MD5\r\n" TRUNK ", algorithm=SHA-256\r\n"), 0,
		  ", algorithm=SHA-256\r\n" },
		{ 407, STR(TRUNK ", algorithm=SHA-256\r\n" TRUNK ", algorithm=MD5\r\n"), 0,
		  ", algorithm=SHA-256\r\n" },
		{ 407, STR(TRUNK ", algorithm=SHA-512-256\r\n" TRUNK ", algorithm=MD5\r\n"), 0,
		  ", algorithm=MD5\r\n" },
		{ 407, STR(TRUNK ", algorithm=SHA-512-256\r\n"), -ENOTSUP, NULL },
		{ 407, STR(TRUNK ", qop=\"auth-int\"\r\n"), -ENOTSUP, NULL },
		{ 407, STR("Proxy-Authenticate: Digest realm=\"other\", nonce=\"n\"\r\n"), -EACCES,
		  NULL },
		{ 407, STR("Proxy-Authenticate: Digest realm=\"trunk\"\r\n"), -EACCES, NULL },
		{ 407, STR("Proxy-Authenticate: Basic realm=\"trunk\"\r\n"), -EACCES, NULL },
		{ 401, STR(TRUNK "\r\n"), -EACCES, NULL },
		{ 403, STR(TRUNK "\r\n"), -EACCES, NULL },
		{ 401, STR("WWW-Authenticate: Digest realm=\"trunk\",nonce=\"n\"\r\n"), 0,
		  "Authorization: Digest username=\"u\"" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_msg *response = response_with(rows[i].status, rows[i].lines);
		char mem[1024] = "";
		struct writer w;

		writer_init(&w, mem, sizeof(mem) - 1);
		CHECK_EQ(sip_digest_answer(response, STR("INVITE"), STR("sip:x"), STR("u"),
					   STR("p"), STR("trunk"), counting, &w),
			 rows[i].err);
		mem[w.n] = '\0';
		if (rows[i].has ? !strstr(mem, rows[i].has) : w.n != 0) {
			printf("  row %zu: %s\n", i, mem);
			check_failures++;
		}
		sip_msg_unref(response);
	}
}

static void the_client_injects_nothing(void)
{
	struct sip_msg *response = response_with(407, STR(TRUNK "\r\n"));
	char mem[1024];
	struct writer w;
	struct str out;

	writer_init(&w, mem, sizeof(mem));
	CHECK_EQ(sip_digest_answer(response, STR("INVITE"), STR("sip:x"), STR("u\r\nX: y"),
				   STR("p"), STR("trunk"), counting, &w),
		 -ENOBUFS);
	writer_init(&w, mem, sizeof(mem));
	CHECK_EQ(sip_digest_answer(response, STR("INVITE"), STR("sip:x"), STR("u\""), STR("p"),
				   STR("trunk"), counting, &w),
		 0);
	CHECK_EQ(writer_end(&w, &out), 0);
	CHECK(str_starts(out, STR("Proxy-Authorization: Digest username=\"u\\\"\", realm")));
	writer_init(&w, mem, 40);
	CHECK_EQ(sip_digest_answer(response, STR("INVITE"), STR("sip:x"), STR("u"), STR("p"),
				   STR("trunk"), counting, &w),
		 -ENOBUFS);
	sip_msg_unref(response);
}

static int make_a_server(void)
{
	struct sip_digest_server *server = NULL;
	int err = sip_digest_server_new(
		&(struct sip_digest_server_config){ .realm = STR("hookswitch"), .n_order = 1 },
		&server);

	sip_digest_server_free(server);
	return err;
}

static void a_server_without_memory_or_realm_is_none(void)
{
	struct sip_digest_server *server = NULL;

	CHECK_EQ(oom_sweep("sip_digest_server", make_a_server), 3);
	CHECK_EQ(sip_digest_server_new(&(struct sip_digest_server_config){ .n_order = 1 }, &server),
		 -EINVAL);
	CHECK_EQ(sip_digest_server_new(
			 &(struct sip_digest_server_config){ .realm = STR("a\"b"), .n_order = 1 },
			 &server),
		 -EINVAL);
	CHECK_EQ(sip_digest_server_new(&(struct sip_digest_server_config){ .realm = STR("a") },
				       &server),
		 -EINVAL);
}

TESTS(the_rfcs_examples_come_out, each_configured_algorithm_lets_the_right_password_in,
      challenges_stand_in_the_order_of_preference,
      a_repeated_count_is_stale_and_not_a_wrong_password,
      a_nonce_lives_five_minutes_and_dies_with_its_key,
      no_nonce_is_replayed_after_the_table_ran_over, the_digest_is_bound_to_method_and_uri,
      malformed_credentials_are_told_from_none_and_from_stale,
      two_credentials_for_our_realm_are_one_too_many,
      the_client_answers_its_realm_with_the_best_algorithm, the_client_injects_nothing,
      a_server_without_memory_or_realm_is_none)
