/* TURN credentials of the shared-secret scheme, the tokens pages ask for them with, and
 * who holds such a token. */
#include "gateway/ice_servers.h"
#include "gateway/turn.h"
#include "tests/check.h"
#include "tests/oom.h"
#include "tests/sip/fake_transport.c" /* its folder's fakes are not linked here */

#include <errno.h>

static const char *const urls[] = { "turn:turn.example.org?transport=udp",
				    "turns:[2001:db8::1]:443?transport=tcp" };
static const struct ice_servers servers = {
	.urls = urls, .n_urls = 2, .secret = { "north-by-northwest", 18 }, .ttl_s = 3600
};

/* --- the answer --- */

static void credentials_are_those_that_coturn_computes(void)
{
	char mem[ICE_JSON_BYTES];
	struct str json = STR("");

	CHECK_EQ(ice_servers_print(&servers, "alice@example.org", 1790000000, mem, sizeof(mem),
				   &json),
		 0);
	/* printf 1790003600:alice@example.org |
	 * openssl dgst -sha1 -hmac north-by-northwest -binary | base64 */
	CHECK_STR(json, "{\"iceServers\":[{\"urls\":[\"turn:turn.example.org?transport=udp\","
			"\"turns:[2001:db8::1]:443?transport=tcp\"],"
			"\"username\":\"1790003600:alice@example.org\","
			"\"credential\":\"WbiVpGjxJ3Lo3JMLdrnarFeaoOU=\"}],\"ttl\":3600}\n");
	CHECK_EQ(ice_servers_print(&servers, "alice", 1790000000, mem, 100, &json), -ENOBUFS);
}

static void names_need_no_quoting_anywhere(void)
{
	char name[ICE_MOST_NAME + 1], longest[ICE_MOST_NAME + 2];

	CHECK_EQ(ice_name(STR("sip:alice@example.org"), name), 0);
	CHECK_STR(str_of(name), "alice@example.org");
	CHECK_EQ(ice_name(STR("1000"), name), 0);
	CHECK_STR(str_of(name), "1000");
	CHECK_EQ(ice_name(STR("a:b\"\\\n\xc3\xa4%"), name), 0);
	CHECK_STR(str_of(name), "a%3Ab%22%5C%0A%C3%A4%25");
	CHECK_EQ(ice_name((struct str){ "a\0b", 3 }, name), 0);
	CHECK_STR(str_of(name), "a%00b");
	CHECK_EQ(ice_name(STR(""), name), -EMSGSIZE);
	CHECK_EQ(ice_name(STR("sip:"), name), -EMSGSIZE);
	memset(longest, 'x', sizeof(longest));
	CHECK_EQ(ice_name((struct str){ longest, ICE_MOST_NAME }, name), 0);
	CHECK_EQ(ice_name((struct str){ longest, ICE_MOST_NAME + 1 }, name), -EMSGSIZE);
}

/* --- the token --- */

static void a_token_says_what_was_put_into_it(void)
{
	struct ice_claim claim = { .boot = UINT64_MAX, .flow = 7, .until_s = 1790000120 }, got;
	char text[ICE_TOKEN_TEXT];

	for (size_t n = 1; n <= ICE_MOST_NAME; n++) { /* every padding of base64 */
		memset(claim.name, 'n', n);
		CHECK_EQ(ice_token_make(&servers, &claim, text), 0);
		memset(&got, 0, sizeof(got));
		CHECK(ice_token_read(&servers, str_of(text), &got));
		CHECK(got.boot == claim.boot && got.flow == 7 && got.until_s == 1790000120);
		CHECK(strcmp(got.name, claim.name) == 0);
	}
	/* claim=1790000120:18446744073709551615:7:alice@example.org
	 * printf $claim | base64
	 * (printf 'hookswitch ice-servers token 1\0'; printf $claim) |
	 * openssl dgst -sha256 -hmac north-by-northwest | cut -c1-32 */
	CHECK_EQ(str_copy(STR("alice@example.org"), claim.name, sizeof(claim.name)), 0);
	CHECK_EQ(ice_token_make(&servers, &claim, text), 0);
	CHECK_STR(str_of(text),
		  "MTc5MDAwMDEyMDoxODQ0Njc0NDA3MzcwOTU1MTYxNTo3OmFsaWNlQGV4YW1wbGUub3Jn"
		  ".3181b7d48a99a392dd2dd7ca12925150");
	for (const char *p = text; *p; p++) /* RFC 6750 §2.1 */
		CHECK(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/"
			     "=",
			     *p) != NULL);
}

static void a_changed_token_is_none(void)
{
	struct ice_servers others = servers;
	struct ice_claim claim = { .boot = 1, .flow = 2, .until_s = 3, .name = "alice" }, got;
	char text[ICE_TOKEN_TEXT], changed[ICE_TOKEN_TEXT];

	CHECK_EQ(ice_token_make(&servers, &claim, text), 0);
	for (size_t i = 0; text[i]; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(changed, text, sizeof(text));
			changed[i] = (char)((unsigned char)changed[i] ^ 1u << bit);
			if (ice_token_read(&servers, str_of(changed), &got))
				CHECK(got.boot == 1 && got.flow == 2 && got.until_s == 3 &&
				      strcmp(got.name, "alice") == 0); /* a digit's other case */
		}
		CHECK(!ice_token_read(&servers, (struct str){ text, i }, &got));
	}
	others.secret = STR("north-by-northwesT");
	CHECK(!ice_token_read(&others, str_of(text), &got));
	CHECK(ice_token_read(&servers, str_of(text), &got));
	for (size_t n = 0; n < 5000; n += 7) {
		static char long_text[5040];

		memset(long_text, 'A', sizeof(long_text));
		memcpy(long_text + n, ".00112233445566778899aabbccddeeff", 33);
		CHECK(!ice_token_read(&servers, (struct str){ long_text, n + 33 }, &got));
	}
}

/* --- who holds one --- */

static struct fake_net net;
static struct sip_endpoint *endpoint;
static struct fake_flow ws, ws2, udp;
static struct turn *turn, *other;
static struct str user;

static uint64_t now_ms(void *arg)
{
	(void)arg;
	return 1790000000000 + net.now_ms;
}

static struct str user_of(void *arg, const struct sip_flow *flow)
{
	(void)arg;
	return flow == &ws.flow ? user : STR("");
}

static const struct sip_endpoint_events events = { 0 };

static int set_up(const char *secret)
{
	static struct config config;
	struct turn_config settings = { .config = &config, .unix_ms = now_ms, .user_of = user_of };
	int err;

	config = (struct config){
		.turn = { .urls = { (char **)urls, 2 }, .secret = (char *)secret, .ttl_s = 600 }
	};
	fake_net_init(&net);
	user = STR("sip:alice@example.org");
	turn = other = NULL;
	endpoint = fake_endpoint(&net, &events, NULL);
	if (!endpoint)
		return -ENOMEM;
	fake_flow_open(&ws, &net, endpoint, &fake_ws, "192.0.2.1:443", "198.51.100.1:50000");
	fake_flow_open(&ws2, &net, endpoint, &fake_ws, "192.0.2.1:443", "198.51.100.2:50000");
	fake_flow_open(&udp, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.10:5060");
	settings.endpoint = endpoint;
	err = turn_new(&settings, &turn);
	return err ? err : turn_new(&settings, &other);
}

static void tear_down(void)
{
	struct fake_flow *all[] = { &ws, &ws2, &udp };

	turn_free(turn);
	turn_free(other);
	for (size_t i = 0; endpoint && i < 3; i++)
		if (all[i]->flow.open)
			fake_flow_close(all[i]);
	sip_endpoint_free(endpoint);
}

/* The token of the header for that flow; empty if there is none. */
static struct str token_for(const struct turn *from, const struct fake_flow *flow, struct str name,
			    uint32_t expires_s)
{
	static char mem[1024];
	struct writer w;
	struct str line = STR("");

	writer_init(&w, mem, sizeof(mem));
	turn_put_header(from, &flow->flow, name, expires_s, &w);
	CHECK_EQ(writer_end(&w, &line), 0);
	if (str_empty(line))
		return line;
	CHECK(str_starts(line, STR("Hookswitch-Token: ")) && str_ends(line, STR("\r\n")));
	line = str_skip(line, 18);
	return str_head(line, line.n - 2);
}

static unsigned ask(const struct turn *who, struct str token)
{
	static char mem[ICE_JSON_BYTES];
	struct str json = STR("");
	unsigned status = turn_answer(who, token, mem, sizeof(mem), &json);

	CHECK((status == 200) == str_starts(json, STR("{\"iceServers\":[{\"urls\":[\"turn:")));
	return status;
}

static void a_token_holds_as_long_as_its_page_is_registered(void)
{
	CHECK_EQ(set_up("north-by-northwest"), 0);
	struct str token = token_for(turn, &ws, user, 120);

	CHECK_EQ(ask(turn, token), 200);
	fake_advance(&net, 3600000); /* refreshed meanwhile: the page may keep the first one */
	CHECK_EQ(ask(turn, token), 200);
	user = STR("sip:bob@example.org");
	CHECK_EQ(ask(turn, token), 401);
	user = STR("");
	CHECK_EQ(ask(turn, token), 401);
	user = STR("sip:alice@example.org");
	CHECK_EQ(ask(turn, token), 200);
	fake_flow_close(&ws);
	CHECK_EQ(ask(turn, token), 401);
	tear_down();
}

static void another_gateway_of_the_same_secret_takes_it_until_its_time(void)
{
	CHECK_EQ(set_up("north-by-northwest"), 0);
	struct str token = token_for(other, &ws2, STR("carol"), 120);

	CHECK_EQ(ask(turn, token), 200);
	CHECK_EQ(ask(other, token), 401); /* who knows: nobody is registered there */
	fake_advance(&net, 119999);
	CHECK_EQ(ask(turn, token), 200);
	fake_advance(&net, 1);
	CHECK_EQ(ask(turn, token), 401);
	CHECK_EQ(ask(turn, STR("")), 401);
	CHECK_EQ(ask(turn, STR("Zm9v.00112233445566778899aabbccddeeff")), 401);
	tear_down();
}

static void only_pages_get_one_and_only_with_turn(void)
{
	static char long_name[ICE_MOST_NAME + 1];

	CHECK_EQ(set_up("north-by-northwest"), 0);
	memset(long_name, ' ', sizeof(long_name));
	CHECK_STR(token_for(turn, &udp, STR("1000"), 120), "");
	CHECK_STR(token_for(turn, &ws, (struct str){ long_name, sizeof(long_name) }, 120), "");
	tear_down();
	CHECK_EQ(set_up(NULL), 0);
	CHECK(turn == NULL);
	CHECK_STR(token_for(turn, &ws, STR("alice"), 120), "");
	CHECK_EQ(ask(turn, STR("x")), 404);
	tear_down();
}

static int all_of_it(void)
{
	int err = set_up("north-by-northwest");

	if (!err)
		CHECK_EQ(ask(turn, token_for(turn, &ws, user, 120)), 200);
	tear_down();
	return err;
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	CHECK(oom_sweep("turn", all_of_it) >= 2);
}

TESTS(credentials_are_those_that_coturn_computes, names_need_no_quoting_anywhere,
      a_token_says_what_was_put_into_it, a_changed_token_is_none,
      a_token_holds_as_long_as_its_page_is_registered,
      another_gateway_of_the_same_secret_takes_it_until_its_time,
      only_pages_get_one_and_only_with_turn, running_out_of_memory_leaves_nothing_behind)
