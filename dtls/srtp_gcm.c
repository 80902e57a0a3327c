/* srtp_gcm.c: AEAD_AES_128_GCM (RFC 7714 §8, §9). */
#include "dtls/srtp_key.h"

#include <errno.h>

enum { TAG = 16, SSRC_AT = 2, NONCE = 12 };

static int open_key(struct srtp_key *key, const uint8_t *cipher_key, const uint8_t *auth_key,
		    bool sealing)
{
	(void)auth_key;
	return EVP_CipherInit_ex(key->cipher, EVP_aes_128_gcm(), NULL, cipher_key, NULL, sealing) ==
			       1
		       ? 0
		       : -ENOMEM;
}

/* Nonce and associated data, then the text. */
static bool crypt(struct srtp_key *key, uint8_t *packet, size_t clear, size_t n,
		  const struct srtp_place *place)
{
	EVP_CIPHER_CTX *cipher = key->cipher;
	uint8_t iv[NONCE];
	int got;

	srtp_nonce(key, place, SSRC_AT, iv);
	if (EVP_CipherInit_ex(cipher, NULL, NULL, NULL, iv, -1) != 1 ||
	    EVP_CipherUpdate(cipher, NULL, &got, packet, (int)clear) != 1)
		return false;
	if (place->rtcp &&
	    EVP_CipherUpdate(cipher, NULL, &got, place->word, sizeof(place->word)) != 1)
		return false;
	return n == clear || EVP_CipherUpdate(cipher, packet + clear, &got, packet + clear,
					      (int)(n - clear)) == 1;
}

static bool seal(struct srtp_key *key, uint8_t *packet, size_t clear, size_t n,
		 const struct srtp_place *place, uint8_t *tag)
{
	uint8_t none[16];
	int got;

	return crypt(key, packet, clear, n, place) &&
	       EVP_CipherFinal_ex(key->cipher, none, &got) == 1 &&
	       EVP_CIPHER_CTX_ctrl(key->cipher, EVP_CTRL_AEAD_GET_TAG, TAG, tag) == 1;
}

static bool unseal(struct srtp_key *key, uint8_t *packet, size_t clear, size_t n,
		   const struct srtp_place *place, uint8_t *tag)
{
	uint8_t none[16];
	int got;

	return crypt(key, packet, clear, n, place) &&
	       EVP_CIPHER_CTX_ctrl(key->cipher, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
	       EVP_CipherFinal_ex(key->cipher, none, &got) == 1;
}

const struct srtp_profile srtp_aead_aes_gcm = {
	.salt = 12,
	.tag = TAG,
	.word_last = true,
	.open = open_key,
	.seal = seal,
	.unseal = unseal,
};
