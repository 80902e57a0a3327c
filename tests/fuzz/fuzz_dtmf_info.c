/* A key in the body of an INFO: the content type, a line feed, the body. */
#include "gateway/dtmf_info.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char *const types[] = { "application/dtmf-relay", "application/dtmf" };
	struct str body = fuzz_text(bytes, n), whole = body, type = str_cut(&body, '\n');
	struct dtmf_info info;

	for (int i = 0; i < 3; i++) {
		if (dtmf_info_read(i < 2 ? str_of(types[i]) : type, i < 2 ? whole : body, &info))
			continue;
		MUST(info.digit && strchr("0123456789*#ABCD", info.digit));
		MUST(info.duration_ms >= DTMF_INFO_MIN_MS && info.duration_ms <= DTMF_INFO_MAX_MS);
	}
	return 0;
}
