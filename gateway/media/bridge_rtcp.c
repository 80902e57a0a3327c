/* bridge_rtcp.c: the RTCP of one leg, which ends here. */
#include "gateway/media/bridge_end.h"

static void take_report(struct bridge_end *end, const struct rtcp_report *report, uint64_t wall_ms)
{
	unsigned percent = report->fraction_lost * 100u / 256;

	/* Worse is believed at once, better slowly: FEC should outlast a good second. */
	if (percent < end->counts.far_loss_percent)
		percent = (3 * end->counts.far_loss_percent + percent) / 4;
	end->counts.far_loss_percent = percent;
	sender_set_loss(end->sender, percent);

	unsigned trip_ms = rtcp_round_trip_ms(report, wall_ms);
	if (trip_ms)
		end->counts.round_trip_ms = trip_ms;
}

void bridge_end_receive_rtcp(struct bridge_end *end, const uint8_t *packet, size_t bytes,
			     uint64_t now_ms, uint64_t wall_ms)
{
	struct rtcp_received got;

	if (rtcp_parse(packet, bytes, sender_ssrc(end->sender), &got)) {
		end->counts.malformed++;
		return;
	}
	end->counts.heard_ms = now_ms;
	if (got.has_report)
		take_report(end, &got.report, wall_ms);
	if (got.has_sender) {
		end->last_sr = rtcp_ntp_middle(got.sender.ntp);
		end->last_sr_ms = now_ms;
	}
}

int bridge_end_write_rtcp(struct bridge_end *end, struct str cname, bool bye, uint64_t now_ms,
			  uint64_t wall_ms, uint8_t *out, size_t cap)
{
	struct rtcp_sender sender;
	struct rtcp_report report = { 0 };
	bool reports = rtp_stats_report(&end->stats, &report);
	bool sends = sender_report(end->sender, now_ms, wall_ms, &sender) &&
		     sender.packets != end->packets_reported;

	if (sends)
		end->packets_reported = sender.packets;
	if (reports && end->last_sr_ms) {
		report.lsr = end->last_sr;
		report.dlsr = (uint32_t)((now_ms - end->last_sr_ms) * 65536 / 1000);
	}
	const struct rtcp_compound compound = {
		.ssrc = sender_ssrc(end->sender),
		.sender = sends ? &sender : NULL,
		.report = reports ? &report : NULL,
		.cname = cname,
		.bye = bye,
	};
	return rtcp_write(&compound, out, cap);
}
