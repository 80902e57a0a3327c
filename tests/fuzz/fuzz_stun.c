/* What libnice may see of a STUN message. The fingerprint is put right first where there
 * is one, or nothing would ever get past it. */
#include "ice/stun.h"
#include "tests/fuzz/fuzz.h"

static uint32_t crc32(const uint8_t *bytes, size_t n)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void take(const uint8_t *bytes, size_t n)
{
	struct str text = fuzz_text(bytes, n);
	struct ice_stun_message message = { 0 };

	if (ice_stun_parse(bytes, n, &message))
		return;
	MUST(n <= ICE_STUN_MOST_BYTES && n % 4 == 0 && ice_stun_looks(bytes, n));
	MUST(fuzz_within(text, message.username));
	MUST(message.integrity_at == 0 || message.integrity_at + 24 <= n);
	(void)ice_stun_verify(bytes, &message, STR("a password of 22 signs"));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	take(bytes, n);
	if (n < 28 || n > 2048)
		return 0;

	uint8_t *copy = malloc(n);
	if (!copy)
		return 0;
	memcpy(copy, bytes, n);
	copy[n - 8] = 0x80;
	copy[n - 7] = 0x28;
	copy[n - 6] = 0;
	copy[n - 5] = 4;
	uint32_t crc = crc32(copy, n - 8) ^ 0x5354554e;
	for (int i = 0; i < 4; i++)
		copy[n - 4 + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
	take(copy, n);
	free(copy);
	return 0;
}
