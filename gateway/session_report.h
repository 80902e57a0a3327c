/* session_report.h: what the media of a leg was like, in words for the log: enough to see
 * why a call sounded bad, and on whose network. */
#pragma once

#include "gateway/workers.h"

enum { SESSION_REPORT = 512 }; /* octets that always suffice */

/* "packets=1500 relayed=0 ... lost=31 jitter_ms=12 ...", key=value pairs, into `text`, which
 * it returns. From the leg: `lost` and `jitter_ms` as its network had it, `late`, `unheard`
 * (neither came in time nor was said again: concealed), `recovered` (said again by FEC or
 * RED), `made_up_ms` of sound, `waits_ms` (the jitter buffer's delay at the end, at
 * most, and as it was aimed at), `cut_ms` and `put_in_ms` where it was bent. Toward the leg: `far_lost_percent` and
 * `round_trip_ms` as it last told. */
const char *session_report(const struct session_stats *stats, char text[SESSION_REPORT]);
