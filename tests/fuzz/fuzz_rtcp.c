/* A compound RTCP packet. */
#include "gateway/media/rtcp.h"
#include "gateway/media/rtp.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct rtcp_received received;
	uint32_t ours = 0;

	(void)packet_kind(bytes, n);
	if (n >= 12)
		memcpy(&ours, bytes + 8, sizeof(ours)); /* sometimes a block is about us */
	memset(&received, 0x5a, sizeof(received));
	struct rtcp_received untouched = received;
	if (rtcp_parse(bytes, n, ours, &received)) {
		MUST(memcmp(&received, &untouched, sizeof(received)) == 0);
		return 0;
	}
	if (received.has_report)
		(void)rtcp_round_trip_ms(&received.report, 1700000000000);
	return 0;
}
