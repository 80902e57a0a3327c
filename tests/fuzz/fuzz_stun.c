/* What libnice may see of a STUN message. The fingerprint is put right first where there
 * is one, or nothing would ever get past it. */
#include "ice/stun.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/stun_seal.h"

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
	stun_seal_fingerprint(copy, n);
	take(copy, n);
	free(copy);
	return 0;
}
