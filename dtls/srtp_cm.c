/* srtp_cm.c: AES_CM_128_HMAC_SHA1_80 (RFC 3711 §4.1.1, §4.2.1).
 *
 * SHA-1 by its old functions: a state of theirs is copied with the padded key taken in,
 * where EVP_MAC would allocate for each packet. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "dtls/srtp_key.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <string.h>

enum { BLOCK = 64, TAG = 10, SSRC_AT = 4 };

static void take_in(SHA_CTX *sha, const uint8_t *key, uint8_t pad)
{
	uint8_t block[BLOCK];

	for (size_t i = 0; i < BLOCK; i++)
		block[i] = (i < SRTP_AUTH_KEY ? key[i] : 0) ^ pad;
	SHA1_Init(sha);
	SHA1_Update(sha, block, BLOCK);
	OPENSSL_cleanse(block, sizeof(block));
}

static int open_key(struct srtp_key *key, const uint8_t *cipher_key, const uint8_t *auth_key,
		    bool sealing)
{
	(void)sealing;
	take_in(&key->inner, auth_key, 0x36);
	take_in(&key->outer, auth_key, 0x5c);
	return EVP_EncryptInit_ex(key->cipher, EVP_aes_128_ctr(), NULL, cipher_key, NULL) == 1
		       ? 0
		       : -ENOMEM;
}

/* Encrypts or decrypts: both are the same. */
static bool crypt(struct srtp_key *key, uint8_t *bytes, size_t n, const struct srtp_place *place)
{
	uint8_t iv[16] = { 0 };
	int got = 0;

	if (n == 0)
		return true;
	srtp_nonce(key, place, SSRC_AT, iv);
	return EVP_EncryptInit_ex(key->cipher, NULL, NULL, NULL, iv) == 1 &&
	       EVP_EncryptUpdate(key->cipher, bytes, &got, bytes, (int)n) == 1;
}

static void make_tag(const struct srtp_key *key, const uint8_t *packet, size_t n,
		     const struct srtp_place *place, uint8_t *tag)
{
	uint8_t hash[SHA_DIGEST_LENGTH];
	SHA_CTX sha = key->inner;

	SHA1_Update(&sha, packet, n);
	SHA1_Update(&sha, place->word, sizeof(place->word));
	SHA1_Final(hash, &sha);
	sha = key->outer;
	SHA1_Update(&sha, hash, sizeof(hash));
	SHA1_Final(hash, &sha);
	memcpy(tag, hash, TAG);
}

static bool seal(struct srtp_key *key, uint8_t *packet, size_t clear, size_t n,
		 const struct srtp_place *place, uint8_t *tag)
{
	if (!crypt(key, packet + clear, n - clear, place))
		return false;
	make_tag(key, packet, n, place, tag);
	return true;
}

static bool unseal(struct srtp_key *key, uint8_t *packet, size_t clear, size_t n,
		   const struct srtp_place *place, uint8_t *tag)
{
	uint8_t right[TAG];

	make_tag(key, packet, n, place, right);
	return CRYPTO_memcmp(right, tag, TAG) == 0 && crypt(key, packet + clear, n - clear, place);
}

const struct srtp_profile srtp_aes_cm_sha1_80 = {
	.salt = 14,
	.tag = TAG,
	.open = open_key,
	.seal = seal,
	.unseal = unseal,
};
