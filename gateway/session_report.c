/* session_report.c: see session_report.h. */
#include "gateway/session_report.h"

#include <stdio.h>

const char *session_report(const struct session_stats *stats, char text[SESSION_REPORT])
{
	const struct bridge_counts *c = &stats->counts;
	const struct receiver_counts *r = &c->receiver;

	snprintf(text, SESSION_REPORT,
		 "packets=%u relayed=%u red=%u decoded=%u digits=%u lost=%u jitter_ms=%u late=%u "
		 "recovered=%u unheard=%u made_up_ms=%u waits_ms=%u waits_most_ms=%u "
		 "waits_target_ms=%u cut_ms=%u put_in_ms=%u far_lost_percent=%u round_trip_ms=%u "
		 "malformed=%u strangers=%llu bad_srtp=%llu",
		 c->packets, c->relayed, c->redundant, r->decoded, c->digits, c->lost, c->jitter_ms,
		 r->late, r->recovered, r->lost > r->recovered ? r->lost - r->recovered : 0,
		 r->made_up_ms, r->depth_ms, r->most_ms, r->target_ms, r->cut_ms, r->put_in_ms,
		 c->far_loss_percent, c->round_trip_ms, c->malformed + c->unknown_pt,
		 (unsigned long long)stats->stranger, (unsigned long long)stats->bad_srtp);
	return text;
}
