/* stun_seal.h: closes a STUN message so that it is taken for authentic, whatever is in it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

static inline uint32_t stun_crc32(const uint8_t *bytes, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* FINGERPRINT (RFC 8489 §14.7) as the last 8 of `n` octets. */
static inline void stun_seal_fingerprint(uint8_t *bytes, size_t n)
{
	uint32_t crc = stun_crc32(bytes, n - 8) ^ 0x5354554e;

	bytes[n - 8] = 0x80;
	bytes[n - 7] = 0x28;
	bytes[n - 6] = 0;
	bytes[n - 5] = 4;
	for (int i = 0; i < 4; i++)
		bytes[n - 4 + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
}
