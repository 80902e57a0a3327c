/* rtcp.c: see rtcp.h. */
#include "gateway/media/rtcp.h"

#include "gateway/media/wire.h"

#include <errno.h>

enum {
	HEADER = 4,
	SENDER_INFO = 20,
	REPORT = 24,
	SDES_CNAME = 1,
};

/* Header of a packet of `bytes`, a multiple of four (§6.4.1). */
static void put_header(uint8_t *p, unsigned count, unsigned type, size_t bytes)
{
	p[0] = (uint8_t)(0x80 | count);
	p[1] = (uint8_t)type;
	put16(p + 2, (unsigned)(bytes / 4 - 1));
}

static void put_sender(uint8_t *p, const struct rtcp_sender *sender)
{
	put32(p, (uint32_t)(sender->ntp >> 32));
	put32(p + 4, (uint32_t)sender->ntp);
	put32(p + 8, sender->timestamp);
	put32(p + 12, sender->packets);
	put32(p + 16, sender->octets);
}

static void put_report(uint8_t *p, const struct rtcp_report *report)
{
	put32(p, report->ssrc);
	put32(p + 4, (uint32_t)report->fraction_lost << 24 | ((uint32_t)report->lost & 0xffffff));
	put32(p + 8, report->highest_seq);
	put32(p + 12, report->jitter);
	put32(p + 16, report->lsr);
	put32(p + 20, report->dlsr);
}

int rtcp_write(const struct rtcp_compound *compound, uint8_t *out, size_t cap)
{
	struct str cname = str_head(compound->cname, RTCP_MAX_CNAME);
	size_t report = HEADER + 4 + (compound->sender ? SENDER_INFO : 0) +
			(compound->report ? REPORT : 0);
	/* One to four NULs end the list of items (§6.5). */
	size_t sdes = (HEADER + 4 + 2 + cname.n + 4) / 4 * 4;
	size_t bye = compound->bye ? HEADER + 4 : 0;

	if (report + sdes + bye > cap)
		return -ENOBUFS;
	memset(out, 0, report + sdes + bye);

	uint8_t *p = out;
	put_header(p, compound->report != NULL, compound->sender ? RTCP_SR : RTCP_RR, report);
	put32(p + HEADER, compound->ssrc);
	p += HEADER + 4;
	if (compound->sender) {
		put_sender(p, compound->sender);
		p += SENDER_INFO;
	}
	if (compound->report)
		put_report(p, compound->report);

	p = out + report;
	put_header(p, 1, RTCP_SDES, sdes);
	put32(p + HEADER, compound->ssrc);
	p[8] = SDES_CNAME;
	p[9] = (uint8_t)cname.n;
	if (cname.n)
		memcpy(p + 10, cname.p, cname.n);

	if (compound->bye) {
		p = out + report + sdes;
		put_header(p, 1, RTCP_BYE, bye);
		put32(p + HEADER, compound->ssrc);
	}
	return (int)(report + sdes + bye);
}

static void get_sender(const uint8_t *p, struct rtcp_sender *sender)
{
	sender->ntp = (uint64_t)get32(p) << 32 | get32(p + 4);
	sender->timestamp = get32(p + 8);
	sender->packets = get32(p + 12);
	sender->octets = get32(p + 16);
}

static void get_report(const uint8_t *p, struct rtcp_report *report)
{
	uint32_t lost = get32(p + 4) & 0xffffff;

	report->ssrc = get32(p);
	report->fraction_lost = p[4];
	report->lost = lost & 0x800000 ? (int32_t)lost - 0x1000000 : (int32_t)lost;
	report->highest_seq = get32(p + 8);
	report->jitter = get32(p + 12);
	report->lsr = get32(p + 16);
	report->dlsr = get32(p + 20);
}

/* `p` has `bytes` octets behind the common header, `count` and `type` are its own. */
static bool take(unsigned type, unsigned count, const uint8_t *p, size_t bytes, uint32_t our_ssrc,
		 struct rtcp_received *out)
{
	size_t at = 4;

	switch (type) {
	case RTCP_SR:
		at += SENDER_INFO;
		if (bytes < at)
			return false;
		out->has_sender = true;
		out->sender_ssrc = get32(p);
		get_sender(p + 4, &out->sender);
		break;
	case RTCP_RR:
		break;
	case RTCP_BYE:
		if (bytes < 4u * count)
			return false;
		out->bye = true;
		return true;
	default:
		return true;
	}

	if (bytes < at + count * (size_t)REPORT)
		return false;
	for (unsigned i = 0; i < count; i++, at += REPORT) {
		if (get32(p + at) != our_ssrc)
			continue;
		out->has_report = true;
		get_report(p + at, &out->report);
	}
	return true;
}

int rtcp_parse(const uint8_t *packet, size_t bytes, uint32_t our_ssrc, struct rtcp_received *out)
{
	struct rtcp_received got = { 0 };

	if (bytes < HEADER + 4)
		return -EBADMSG;
	for (size_t at = 0; at < bytes;) {
		if (bytes - at < HEADER || packet[at] >> 6 != 2)
			return -EBADMSG;

		size_t whole = 4u * (get16(packet + at + 2) + 1u);
		if (whole > bytes - at)
			return -EBADMSG;
		size_t body = whole - HEADER;
		if (packet[at] & 0x20) { /* padding */
			uint8_t padding = packet[at + whole - 1];

			if (body == 0 || padding == 0 || padding > body)
				return -EBADMSG;
			body -= padding;
		}
		if (!take(packet[at + 1], packet[at] & 0x1f, packet + at + HEADER, body, our_ssrc,
			  &got))
			return -EBADMSG;
		at += whole;
	}
	*out = got;
	return 0;
}

uint64_t rtcp_ntp(uint64_t wall_ms)
{
	uint64_t seconds = wall_ms / 1000 + 2208988800u; /* 1900 to 1970 */

	return seconds << 32 | ((wall_ms % 1000) << 32) / 1000;
}

uint32_t rtcp_ntp_middle(uint64_t ntp)
{
	return (uint32_t)(ntp >> 16);
}

unsigned rtcp_round_trip_ms(const struct rtcp_report *report, uint64_t wall_ms)
{
	if (report->lsr == 0)
		return 0;

	uint32_t trip = rtcp_ntp_middle(rtcp_ntp(wall_ms)) - report->dlsr - report->lsr;
	if (trip > INT32_MAX) /* its clock and ours disagree by a hair */
		return 0;
	return (unsigned)((uint64_t)trip * 1000 >> 16);
}
