/* Flow tokens: what names a browser's flow toward the registrar (RFC 5626 §5.1). */
#include "gateway/token.h"
#include "gateway/token_file.h"
#include "tests/check.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t boot = 0x123456789abc, flow = 77;

static struct token_keys keys_at(uint64_t now_s)
{
	struct token_keys keys = { .gateway = 0xdeadbeef };
	uint8_t secret[TOKEN_SECRET];

	memset(secret, 7, sizeof(secret));
	token_keys_rotate(&keys, now_s, secret);
	return keys;
}

static void a_token_names_its_flow(void)
{
	struct token_keys keys = keys_at(1000);
	char text[TOKEN_TEXT + 1];
	uint64_t got = 0;

	CHECK_EQ(token_make(&keys, boot, flow, text), 0);
	CHECK_EQ(strlen(text), TOKEN_TEXT);
	for (size_t i = 0; i < TOKEN_TEXT; i++) /* a user part without escapes */
		CHECK(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
			     text[i]) != NULL);
	CHECK_EQ(token_read(&keys, boot, str_of(text), &got), TOKEN_GOOD);
	CHECK_EQ(got, flow);
}

static void one_bit_changed_anywhere_is_a_forgery(void)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct token_keys keys = keys_at(1000);
	char text[TOKEN_TEXT + 1];
	uint64_t got = 0;

	CHECK_EQ(token_make(&keys, boot, flow, text), 0);
	for (size_t i = 0; i < TOKEN_TEXT; i++) {
		char was = text[i];

		for (unsigned bit = 0; bit < 6; bit++) {
			size_t value = (size_t)(strchr(alphabet, was) - alphabet);

			text[i] = alphabet[value ^ 1u << bit];
			CHECK_EQ(token_read(&keys, boot, str_of(text), &got), TOKEN_FORGED);
		}
		text[i] = was;
	}
	CHECK_EQ(got, 0);
	CHECK_EQ(token_read(&keys, boot, str_of(text), &got), TOKEN_GOOD);
}

static void what_is_no_token_is_a_forgery(void)
{
	static const char *const texts[] = {
		"",
		"x",
		"alice",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	struct token_keys keys = keys_at(1000);
	uint64_t got;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		CHECK_EQ(token_read(&keys, boot, str_of(texts[i]), &got), TOKEN_FORGED);
	CHECK_EQ(token_read(&keys, boot, (struct str){ (char[TOKEN_TEXT]){ 0 }, TOKEN_TEXT }, &got),
		 TOKEN_FORGED);
}

static void one_of_an_earlier_run_is_stale(void)
{
	struct token_keys keys = keys_at(1000);
	char text[TOKEN_TEXT + 1];
	uint64_t got;

	CHECK_EQ(token_make(&keys, boot, flow, text), 0);
	CHECK_EQ(token_read(&keys, boot + 1, str_of(text), &got), TOKEN_STALE);
}

static void one_of_another_gateway_is_a_forgery(void)
{
	struct token_keys keys = keys_at(1000), other = keys;
	char text[TOKEN_TEXT + 1];
	uint64_t got;

	other.gateway++;
	CHECK_EQ(token_make(&keys, boot, flow, text), 0);
	CHECK_EQ(token_read(&other, boot, str_of(text), &got), TOKEN_FORGED);
}

static void keys_change_each_period_and_old_ones_are_good_for_a_while(void)
{
	struct token_keys keys = keys_at(1000);
	uint8_t secret[TOKEN_SECRET] = { 9 };
	char text[TOKEN_TEXT + 1], again[TOKEN_TEXT + 1];
	uint64_t got = 0, now = 1000;

	CHECK_EQ(token_make(&keys, boot, flow, text), 0);
	CHECK(!token_keys_rotate(&keys, now + TOKEN_PERIOD_S - 1, secret));
	for (unsigned i = 1; i < TOKEN_KEYS; i++) {
		secret[0]++;
		now += TOKEN_PERIOD_S;
		CHECK(token_keys_rotate(&keys, now, secret));
		CHECK_EQ(keys.keys[0].id, 1 + i);
		CHECK_EQ(token_read(&keys, boot, str_of(text), &got), TOKEN_GOOD);
		CHECK_EQ(got, flow);
	}
	CHECK_EQ(token_make(&keys, boot, flow, again), 0);
	CHECK(strcmp(text, again) != 0);
	CHECK(token_keys_rotate(&keys, now + TOKEN_PERIOD_S, secret));
	CHECK_EQ(token_read(&keys, boot, str_of(text), &got), TOKEN_FORGED); /* its key is gone */
	CHECK_EQ(token_read(&keys, boot, str_of(again), &got), TOKEN_GOOD);
	CHECK(token_keys_rotate(&keys, now + 100 * (uint64_t)TOKEN_PERIOD_S, secret));
	CHECK_EQ(keys.n, 1);
}

static void key_ids_wrap_round_without_zero(void)
{
	struct token_keys keys = keys_at(1000);
	uint8_t secret[TOKEN_SECRET] = { 9 };

	keys.keys[0].id = UINT16_MAX;
	CHECK(token_keys_rotate(&keys, 1000 + TOKEN_PERIOD_S, secret));
	CHECK_EQ(keys.keys[0].id, 1);
}

static void keys_survive_their_text(void)
{
	struct token_keys keys = keys_at(1000), read = { 0 };
	char mem[1024];
	struct str text;

	CHECK_EQ(token_keys_print(&keys, mem, sizeof(mem), &text), 0);
	CHECK_EQ(token_keys_parse(text, &read), 0);
	CHECK_EQ(read.gateway, keys.gateway);
	CHECK_EQ(read.n, 1);
	CHECK(memcmp(read.keys[0].secret, keys.keys[0].secret, TOKEN_SECRET) == 0);
	CHECK_EQ(token_keys_parse(STR(""), &read), -EBADMSG);
	CHECK_EQ(token_keys_parse(STR("gateway 1\n"), &read), -EBADMSG);
	CHECK_EQ(token_keys_parse(STR("gateway 1\nkey 0 1 00\n"), &read), -EBADMSG);
	CHECK_EQ(token_keys_parse(STR("key 1 1 00\n"), &read), -EBADMSG);
	CHECK_EQ(read.n, 1);
}

static void the_file_is_its_owners_and_outlives_a_restart(void)
{
	char folder[] = "/tmp/token-XXXXXX", file[64], why[256];
	struct token_keys keys, again;
	char text[TOKEN_TEXT + 1];
	uint64_t got = 0;
	struct stat st;

	REQUIRE(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/token-keys", folder);
	CHECK_EQ(token_file_load(file, 1000, &keys, why, sizeof(why)), 0);
	CHECK_EQ(stat(file, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(token_make(&keys, boot, flow, text), 0);
	CHECK_EQ(token_file_load(file, 1000 + TOKEN_PERIOD_S, &again, why, sizeof(why)), 0);
	CHECK_EQ(again.n, 2);
	CHECK_EQ(token_read(&again, boot, str_of(text), &got), TOKEN_GOOD);
	CHECK_EQ(token_file_rotate(file, 1000 + 2 * TOKEN_PERIOD_S, &again), 0);
	CHECK_EQ(token_file_load(file, 1000 + 2 * TOKEN_PERIOD_S, &keys, why, sizeof(why)), 0);
	CHECK_EQ(keys.n, 3);

	CHECK_EQ(truncate(file, 3), 0);
	CHECK_EQ(token_file_load(file, 1000, &keys, why, sizeof(why)), -EBADMSG);
	unlink(file);
	rmdir(folder);
	CHECK_EQ(token_file_load(file, 1000, &keys, why, sizeof(why)), -ENOENT);
}

TESTS(a_token_names_its_flow, one_bit_changed_anywhere_is_a_forgery, what_is_no_token_is_a_forgery,
      one_of_an_earlier_run_is_stale, one_of_another_gateway_is_a_forgery,
      keys_change_each_period_and_old_ones_are_good_for_a_while, key_ids_wrap_round_without_zero,
      keys_survive_their_text, the_file_is_its_owners_and_outlives_a_restart)
