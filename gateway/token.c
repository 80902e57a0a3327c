/* token.c: see token.h. */
#include "gateway/token.h"

#include "sdp/writer.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { CLAIM = 20, MAC = 16, BYTES = CLAIM + MAC };

_Static_assert(BYTES % 3 == 0 && BYTES / 3 * 4 == TOKEN_TEXT, "no bit of the text is unused");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put(uint8_t *p, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(value >> 8 * (n - 1 - i));
}

static uint64_t get(const uint8_t *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value = value << 8 | p[i];
	return value;
}

static bool mac_of(const struct token_key *key, const uint8_t claim[CLAIM], uint8_t mac[MAC])
{
	static const char purpose[] = "hookswitch flow token 1";
	uint8_t text[sizeof(purpose) + CLAIM], whole[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	memcpy(text, purpose, sizeof(purpose));
	memcpy(text + sizeof(purpose), claim, CLAIM);
	if (!HMAC(EVP_sha256(), key->secret, sizeof(key->secret), text, sizeof(text), whole, &n))
		return false;
	memcpy(mac, whole, MAC);
	return true;
}

static void encode(const uint8_t bytes[BYTES], char *text)
{
	for (size_t i = 0; i < BYTES; i += 3) {
		uint32_t three = (uint32_t)get(bytes + i, 3);

		for (int shift = 18; shift >= 0; shift -= 6)
			*text++ = alphabet[three >> shift & 63];
	}
	*text = '\0';
}

static bool decode(struct str text, uint8_t bytes[BYTES])
{
	if (text.n != TOKEN_TEXT)
		return false;
	for (size_t i = 0; i < TOKEN_TEXT; i += 4) {
		uint32_t three = 0;

		for (size_t j = 0; j < 4; j++) {
			const char *at = text.p[i + j] ? strchr(alphabet, text.p[i + j]) : NULL;

			if (!at)
				return false;
			three = three << 6 | (uint32_t)(at - alphabet);
		}
		put(bytes + i / 4 * 3, three, 3);
	}
	return true;
}

int token_make(const struct token_keys *keys, uint64_t boot, uint64_t flow,
	       char text[TOKEN_TEXT + 1])
{
	uint8_t bytes[BYTES];

	put(bytes, keys->keys[0].id, 2);
	put(bytes + 2, keys->gateway, 4);
	put(bytes + 6, boot, 6);
	put(bytes + 12, flow, 8);
	if (keys->n == 0 || !mac_of(&keys->keys[0], bytes, bytes + CLAIM))
		return -EIO;
	encode(bytes, text);
	return 0;
}

enum token_verdict token_read(const struct token_keys *keys, uint64_t boot, struct str text,
			      uint64_t *flow)
{
	uint8_t bytes[BYTES], mac[MAC];

	if (!decode(text, bytes) || get(bytes + 2, 4) != keys->gateway)
		return TOKEN_FORGED;
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->keys[i].id != get(bytes, 2))
			continue;
		if (!mac_of(&keys->keys[i], bytes, mac) ||
		    CRYPTO_memcmp(mac, bytes + CLAIM, MAC) != 0)
			return TOKEN_FORGED;
		if (get(bytes + 6, 6) != (boot & 0xffffffffffff))
			return TOKEN_STALE;
		*flow = get(bytes + 12, 8);
		return TOKEN_GOOD;
	}
	return TOKEN_FORGED;
}

bool token_keys_rotate(struct token_keys *keys, uint64_t now_s, const uint8_t secret[TOKEN_SECRET])
{
	bool changed = false;
	struct token_key fresh = { .id = 1, .made_s = now_s };

	while (keys->n > 0 &&
	       now_s >= keys->keys[keys->n - 1].made_s + (uint64_t)TOKEN_KEYS * TOKEN_PERIOD_S) {
		OPENSSL_cleanse(&keys->keys[--keys->n], sizeof(keys->keys[0]));
		changed = true;
	}
	if (keys->n > 0 && now_s >= keys->keys[0].made_s &&
	    now_s < keys->keys[0].made_s + TOKEN_PERIOD_S)
		return changed;
	if (keys->n > 0)
		fresh.id = keys->keys[0].id == UINT16_MAX ? 1 : (uint16_t)(keys->keys[0].id + 1);
	memcpy(fresh.secret, secret, sizeof(fresh.secret));
	if (keys->n == TOKEN_KEYS)
		keys->n--;
	memmove(keys->keys + 1, keys->keys, keys->n * sizeof(keys->keys[0]));
	keys->keys[0] = fresh;
	keys->n++;
	return true;
}

int token_keys_print(const struct token_keys *keys, char *mem, size_t cap, struct str *out)
{
	struct writer w;

	writer_init(&w, mem, cap);
	writer_printf(&w, "gateway %lu\n", (unsigned long)keys->gateway);
	for (size_t i = 0; i < keys->n; i++) {
		const struct token_key *key = &keys->keys[i];

		writer_printf(&w, "key %u %llu ", (unsigned)key->id,
			      (unsigned long long)key->made_s);
		writer_hex(&w, key->secret, sizeof(key->secret));
		writer_char(&w, '\n');
	}
	return writer_end(&w, out);
}

static bool parse_key(struct str line, struct token_key *key)
{
	uint32_t id;

	if (!str_to_u32(str_word(&line), 1, UINT16_MAX, &id) ||
	    !str_to_u64(str_word(&line), 0, UINT64_MAX / 2, &key->made_s))
		return false;
	key->id = (uint16_t)id;
	return str_to_hex(str_word(&line), key->secret, sizeof(key->secret)) && str_empty(line);
}

int token_keys_parse(struct str text, struct token_keys *keys)
{
	struct token_keys read = { 0 };
	bool named = false;

	while (!str_empty(text)) {
		struct str line = str_cut(&text, '\n'), what = str_word(&line);
		bool good = false;

		if (str_eq(what, STR("gateway")) && !named)
			good = named = str_to_u32(str_trim(line), 0, UINT32_MAX, &read.gateway);
		else if (str_eq(what, STR("key")) && read.n < TOKEN_KEYS)
			good = parse_key(line, &read.keys[read.n++]);
		if (!good)
			return -EBADMSG;
	}
	if (!named || read.n == 0)
		return -EBADMSG;
	*keys = read;
	return 0;
}
