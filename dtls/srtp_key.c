/* srtp_key.c: session keys from master keys (RFC 3711 §4.3); no key is ever derived again. */
#include "dtls/srtp_key.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <string.h>

enum { LABEL_AT = 7, LABEL_CIPHER = 0, LABEL_AUTH = 1, LABEL_SALT = 2, LABEL_RTCP = 3 };

int srtp_derive(const uint8_t *master, const uint8_t *salt, uint8_t label, uint8_t *out, size_t n)
{
	EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
	uint8_t iv[16] = { 0 };
	int got = 0;

	memcpy(iv, salt, SRTP_MOST_SALT);
	iv[LABEL_AT] ^= label;
	memset(out, 0, n);
	bool ok = aes && EVP_EncryptInit_ex(aes, EVP_aes_128_ctr(), NULL, master, iv) == 1 &&
		  EVP_EncryptUpdate(aes, out, &got, out, (int)n) == 1 && got == (int)n;

	EVP_CIPHER_CTX_free(aes);
	OPENSSL_cleanse(iv, sizeof(iv));
	return ok ? 0 : -ENOMEM;
}

int srtp_key_open(struct srtp_key *key, const struct srtp_profile *profile, const uint8_t *master,
		  bool rtcp, bool sealing)
{
	uint8_t cipher[SRTP_CIPHER_KEY], auth[SRTP_AUTH_KEY];
	uint8_t salt[SRTP_MOST_SALT] = { 0 }; /* RFC 7714 §11: a shorter one is padded */
	uint8_t first = rtcp ? LABEL_RTCP : 0;
	int err;

	memset(key, 0, sizeof(*key));
	memcpy(salt, master + SRTP_CIPHER_KEY, profile->salt);
	err = srtp_derive(master, salt, first + LABEL_CIPHER, cipher, sizeof(cipher));
	if (!err)
		err = srtp_derive(master, salt, first + LABEL_AUTH, auth, sizeof(auth));
	if (!err)
		err = srtp_derive(master, salt, first + LABEL_SALT, key->salt, profile->salt);
	if (!err) {
		key->cipher = EVP_CIPHER_CTX_new();
		err = key->cipher ? profile->open(key, cipher, auth, sealing) : -ENOMEM;
	}
	OPENSSL_cleanse(cipher, sizeof(cipher));
	OPENSSL_cleanse(auth, sizeof(auth));
	OPENSSL_cleanse(salt, sizeof(salt));
	return err;
}

void srtp_key_close(struct srtp_key *key)
{
	EVP_CIPHER_CTX_free(key->cipher);
	OPENSSL_cleanse(key, sizeof(*key));
}

void srtp_nonce(const struct srtp_key *key, const struct srtp_place *place, size_t at, uint8_t *iv)
{
	memcpy(iv, key->salt, at + 10);
	for (size_t i = 0; i < 4; i++)
		iv[at + i] ^= (uint8_t)(place->ssrc >> (24 - 8 * i));
	for (size_t i = 0; i < 6; i++)
		iv[at + 4 + i] ^= (uint8_t)(place->index >> (40 - 8 * i));
}
