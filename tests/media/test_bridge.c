/* Audio through the bridge: both ways, relayed and transcoded, damaged and hostile. */
#include "tests/media/pair.h"

#include <errno.h>

static void each_hears_the_other_through_a_transcoder(void)
{
	static const struct codec *const codecs[] = { &codec_pcma, &codec_pcmu };

	for (int i = 0; i < 2; i++) {
		struct leg_config plain = phone_pcma;
		struct bridge_counts counts;

		plain.codec = codecs[i];
		plain.pt = codecs[i]->static_pt;
		REQUIRE(call(&browser_opus, &plain));
		talk(0, 5000);
		CHECK_EQ(browser.n_got, 250);
		CHECK_EQ(phone.n_got, 250);
		audio_is_steady(&browser);
		audio_is_steady(&phone);
		hears_only(&browser, PHONE_HZ, BROWSER_HZ, 0.5);
		hears_only(&phone, BROWSER_HZ, PHONE_HZ, 0.5);
		bridge_end_counts(browser.end, &counts);
		CHECK(!counts.relaying);
		CHECK_EQ(counts.receiver.decoded, 250);
		CHECK_EQ(counts.relayed, 0);
		hang_up();
	}
}

static void the_same_codec_is_relayed_octet_by_octet(void)
{
	struct leg_config web = phone_pcma;
	struct bridge_counts counts;
	uint8_t packet[RTP_MAX_PACKET];

	web.pt = 96;
	web.event_pt = 0;
	web.browser = true;
	REQUIRE(call(&web, &phone_pcma));
	talk(0, 3000);
	audio_is_steady(&browser);
	audio_is_steady(&phone);
	hears_only(&browser, PHONE_HZ, BROWSER_HZ, 0.5);
	hears_only(&phone, BROWSER_HZ, PHONE_HZ, 0.5);
	size_t bytes = leg_pack(&browser, BROWSER_HZ, 8000, packet);
	bridge_end_receive(browser.end, packet, bytes, 3000);
	CHECK(memcmp(packet + 12, phone.got[phone.n_got - 1].bytes + 12, bytes - 12) == 0);
	CHECK_EQ(phone.got[phone.n_got - 1].packet.pt, 8);
	bridge_end_counts(browser.end, &counts);
	CHECK(counts.relaying);
	CHECK_EQ(counts.relayed, 151);
	CHECK_EQ(counts.receiver.decoded, 0);
	hang_up();
}

static void any_ptime_comes_in_and_the_declared_one_goes_out(void)
{
	for (unsigned in_ms = 10; in_ms <= 60; in_ms += 10) {
		for (unsigned out_ms = 10; out_ms <= 60; out_ms += 10) {
			struct leg_config web = browser_opus, plain = phone_pcma;

			web.ptime_ms = codec_ptime_ms(&codec_opus, in_ms);
			plain.ptime_ms = out_ms;
			REQUIRE(call(&web, &plain));
			talk(0, 1200);
			run(1200);
			CHECK_EQ(phone.n_got, 1200 / out_ms);
			CHECK_EQ(browser.n_got, 1200 / web.ptime_ms);
			CHECK_EQ(phone.got[0].packet.bytes, 8 * out_ms);
			audio_is_steady(&browser);
			audio_is_steady(&phone);
			hang_up();
		}
	}
}

static void sequence_and_timestamp_wrap_unheard(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 20000); /* all eight counters wrap */
	CHECK(browser.got[0].packet.seq > browser.got[browser.n_got - 1].packet.seq);
	CHECK(phone.got[0].packet.seq > phone.got[phone.n_got - 1].packet.seq);
	CHECK(browser.got[0].packet.timestamp > browser.got[browser.n_got - 1].packet.timestamp);
	audio_is_steady(&browser);
	audio_is_steady(&phone);
	hang_up();
}

/* Every tenth packet toward the phone is lost: no gap in its timeline, no hole in the
 * sound. */
static void lost_packets_are_concealed_toward_the_phone(void)
{
	struct bridge_counts counts;
	uint8_t packet[RTP_MAX_PACKET];

	REQUIRE(call(&browser_opus, &phone_pcma));
	for (uint64_t now_ms = 0; now_ms < 10000; now_ms += 10) {
		run(now_ms);
		if (now_ms % 20 != 0)
			continue;
		size_t bytes = leg_pack(&browser, 300, now_ms / 200 % 2 ? 12000 : 3000, packet);
		if (now_ms / 20 % 10 != 5)
			bridge_end_receive(browser.end, packet, bytes, now_ms);
	}
	bridge_end_counts(browser.end, &counts);
	CHECK(counts.receiver.lost == 50 || counts.receiver.lost == 49);
	CHECK_EQ(counts.lost, 50); /* its network's, for the report; not what is left */
	/* SILK spends FEC on the loud ones alone; the rest is made up. */
	CHECK(counts.receiver.recovered >= 20);
	CHECK(counts.receiver.recovered + counts.receiver.made_up_ms / 20 >= 49);
	CHECK(counts.receiver.recovered + counts.receiver.made_up_ms / 20 <= 51);
	CHECK_EQ(phone.n_got, 500);
	audio_is_steady(&phone);

	size_t n = leg_hear(&phone, heard, PCM);
	REQUIRE(n == 80000);
	for (size_t at = 1600; at < n; at += 160)
		CHECK(rms(heard + at, 160) > 300); /* no hole */
	hang_up();
}

/* Toward a browser the loss keeps its place: its NetEQ conceals better. */
static void lost_packets_stay_a_gap_toward_the_browser(void)
{
	uint8_t packet[RTP_MAX_PACKET];

	REQUIRE(call(&browser_opus, &phone_pcma));
	for (uint64_t now_ms = 0; now_ms < 400; now_ms += 20) {
		run(now_ms);
		size_t bytes = leg_pack(&phone, PHONE_HZ, 8000, packet);
		if (now_ms != 200 && now_ms != 220)
			bridge_end_receive(phone.end, packet, bytes, now_ms);
	}
	run(1000);
	REQUIRE(browser.n_got == 18);
	for (size_t i = 1; i < browser.n_got; i++) {
		unsigned step = i == 10 ? 3 : 1;
		const struct rtp_packet *p = &browser.got[i].packet, *before = p;

		before = &browser.got[i - 1].packet;
		CHECK_EQ((uint16_t)(p->seq - before->seq), step);
		CHECK_EQ(p->timestamp - before->timestamp, step * 960);
	}
	hang_up();
}

static void reordered_packets_are_put_right(void)
{
	for (int same = 0; same < 2; same++) {
		struct leg_config web = same ? phone_pcma : browser_opus;
		uint8_t packet[2][RTP_MAX_PACKET];
		size_t bytes[2];
		struct bridge_counts counts;

		REQUIRE(call(&web, &phone_pcma));
		leg_talk(&browser, BROWSER_HZ, 8000, 0);
		for (uint64_t now_ms = 20; now_ms < 4000; now_ms += 40) {
			run(now_ms);
			for (int i = 0; i < 2; i++)
				bytes[i] = leg_pack(&browser, BROWSER_HZ, 8000, packet[i]);
			bridge_end_receive(browser.end, packet[1], bytes[1], now_ms);
			bridge_end_receive(browser.end, packet[0], bytes[0], now_ms + 3);
			run(now_ms + 10);
			run(now_ms + 30);
		}
		run(4010);
		bridge_end_counts(browser.end, &counts);
		CHECK_EQ(counts.receiver.lost, 0);
		REQUIRE(phone.n_got == 201);
		if (!same)
			audio_is_steady(&phone);
		for (size_t i = 1; same && i < phone.n_got; i += 2) {
			CHECK_EQ((uint16_t)(phone.got[i].packet.seq - phone.got[0].packet.seq),
				 i + 1);
			CHECK_EQ(phone.got[i].packet.timestamp - phone.got[i + 1].packet.timestamp,
				 160);
		}
		hang_up();
	}
}

static void nobody_talks(uint64_t from_ms, uint64_t to_ms)
{
	for (uint64_t now_ms = from_ms; now_ms < to_ms; now_ms += 10)
		run(now_ms);
}

/* Toward the phone the clock goes on for a second, with comfort noise. */
static void a_browser_that_falls_silent_is_no_loss(void)
{
	struct bridge_counts counts;
	size_t marker = 0;

	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 1000);
	browser.timestamp += 48000; /* DTX: time passes, no number is used */
	nobody_talks(1000, 2000);
	CHECK(phone.n_got >= 97 && phone.n_got <= 99);
	talk(2000, 2500);
	browser.timestamp += 960 * 3;
	nobody_talks(2500, 2560);
	talk(2560, 3060);
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.receiver.lost, 0);
	CHECK_EQ(counts.receiver.late, 0);
	CHECK(counts.receiver.made_up_ms <= 1100);

	for (size_t i = 1; i < phone.n_got; i++) {
		const struct rtp_packet *p = &phone.got[i].packet,
					*before = &phone.got[i - 1].packet;

		CHECK_EQ((uint16_t)(p->seq - before->seq), 1);
		if (p->marker)
			marker = i;
		else
			CHECK_EQ(p->timestamp - before->timestamp, 160);
	}
	/* The pause was no jump: the timeline is that of the clock on the wall. */
	REQUIRE(marker > 0);
	uint32_t units = phone.got[phone.n_got - 1].packet.timestamp -
			 phone.got[0].packet.timestamp;
	uint64_t ms = phone.got[phone.n_got - 1].ms - phone.got[0].ms;
	CHECK(llabs((long long)units / 8 - (long long)ms) <= 40);
	hang_up();
}

/* Loud enough to clip on the way: it may clip, but never wrap to the other sign. */
static void too_loud_saturates(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	for (uint64_t now_ms = 0; now_ms < 2000; now_ms += 20) {
		leg_talk(&browser, 400, 60000, now_ms);
		leg_talk(&phone, 400, 60000, now_ms);
		run(now_ms + 10);
	}
	struct leg *legs[] = { &browser, &phone };
	for (int i = 0; i < 2; i++) {
		size_t n = leg_hear(legs[i], heard, PCM);
		int most = 0;

		REQUIRE(n == 16000);
		for (size_t k = 1601; k < n; k++)
			most = abs(heard[k] - heard[k - 1]) > most ? abs(heard[k] - heard[k - 1])
								   : most;
		CHECK(most < 45000);
		CHECK(rms(heard + 1600, n - 1600) > 20000);
	}
	hang_up();
}

static void hostile_opus_harms_nothing(void)
{
	static const uint8_t payloads[][6] = {
		{ 0x0b, 63, 0 }, { 0x0b, 0 },	       { 0xe3, 48 },	 { 0x1b, 2 },
		{ 0x1b, 3 },	 { 0x0b, 0xff, 255 },  { 0x0a, 250, 1 }, { 0x0b, 0x41, 255, 255 },
		{ 0xfb, 0x83 },	 { 0xff, 0xff, 0xff },
	};
	struct bridge_counts counts;
	unsigned seed = 5;

	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 500);
	for (uint64_t now_ms = 500; now_ms < 20500; now_ms += 20) {
		uint8_t noise[RTP_MAX_PAYLOAD];

		seed = seed * 1103515245 + 12345;
		run(now_ms);
		if (now_ms / 20 % 2) {
			hostile_opus(payloads[seed >> 16 & 7], 1 + (seed >> 20) % 6, now_ms);
			continue;
		}
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
		hostile_opus(noise, (seed >> 8) % sizeof(noise), now_ms);
	}
	bridge_end_counts(browser.end, &counts);
	CHECK(counts.receiver.undecodable > 100);

	/* The call goes on: the next second is heard as ever. */
	phone.n_got = 0;
	talk(20500, 22500);
	CHECK(phone.n_got >= 95 && phone.n_got <= 105);
	size_t n = leg_hear(&phone, heard, PCM);
	double level = tone_amplitude(heard + n - 8000, 8000, BROWSER_HZ, 8000);
	CHECK(fabs(20 * log10(level / 8000)) < 1);
	hang_up();
}

static void what_is_not_negotiated_is_counted(void)
{
	const uint8_t noise[] = { 0x80, 14, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x40 };
	struct bridge_counts counts;

	REQUIRE(call(&browser_opus, &phone_pcma));
	bridge_end_receive(phone.end, noise, sizeof(noise), 0);
	bridge_end_receive(phone.end, noise, 5, 0);
	bridge_end_receive_rtcp(phone.end, noise, 5, 0, 0);
	bridge_end_counts(phone.end, &counts);
	CHECK_EQ(counts.unknown_pt, 1);
	CHECK_EQ(counts.malformed, 2);
	CHECK_EQ(browser.n_got, 0);
	hang_up();
}

static void rtcp_tells_loss_and_round_trip_and_never_ends_a_call(void)
{
	uint8_t rtcp[RTCP_MAX_BYTES];
	struct rtcp_received got;
	struct bridge_counts counts;
	const uint64_t wall_ms = 1700000000000;

	REQUIRE(call(&browser_opus, &phone_pcma));
	for (uint64_t now_ms = 0; now_ms < 2000; now_ms += 20) {
		if (now_ms % 80 == 20)
			browser.seq++, browser.timestamp += 960;
		else
			leg_talk(&browser, 440, 8000, now_ms);
		leg_talk(&phone, 440, 8000, now_ms);
		run(now_ms + 10);
	}
	int n = bridge_end_write_rtcp(browser.end, STR("x"), false, 2000, wall_ms, rtcp,
				      sizeof(rtcp));
	REQUIRE(n > 0 && rtcp_parse(rtcp, (size_t)n, browser.ssrc, &got) == 0);
	CHECK(got.has_sender && got.has_report && !got.bye);
	CHECK_EQ(got.sender_ssrc, bridge_end_ssrc(browser.end));
	CHECK_EQ(got.sender.packets, 100);
	CHECK_EQ(got.report.fraction_lost, 64);

	/* The browser answers: a quarter lost, and BYE. */
	const struct rtcp_report report = {
		.ssrc = bridge_end_ssrc(browser.end),
		.fraction_lost = 64,
		.lsr = rtcp_ntp_middle(got.sender.ntp),
		.dlsr = 65536,
	};
	n = rtcp_write(&(struct rtcp_compound){ .ssrc = 1, .report = &report, .bye = true }, rtcp,
		       sizeof(rtcp));
	bridge_end_receive_rtcp(browser.end, rtcp, (size_t)n, 3100, wall_ms + 1100);
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.far_loss_percent, 25);
	CHECK(counts.round_trip_ms >= 99 && counts.round_trip_ms <= 101);
	CHECK_EQ(counts.heard_ms, 3100);
	size_t before = phone.n_got;
	leg_talk(&browser, 440, 8000, 3120);
	run(3140);
	run(3141);
	CHECK(phone.n_got > before);
	n = bridge_end_write_rtcp(browser.end, STR("x"), true, 4000, wall_ms, rtcp, sizeof(rtcp));
	REQUIRE(n > 0 && rtcp_parse(rtcp, (size_t)n, browser.ssrc, &got) == 0);
	CHECK(got.bye);
	hang_up();
}

/* A packet of padding alone, as browsers send to probe the network. */
static void a_packet_without_payload_is_no_audio_and_no_loss(void)
{
	for (int same = 0; same < 2; same++) {
		struct leg_config web = same ? phone_pcma : browser_opus;
		struct bridge_counts counts;

		REQUIRE(call(&web, &phone_pcma));
		for (uint64_t now_ms = 0; now_ms < 1000; now_ms += 20) {
			leg_talk(&browser, BROWSER_HZ, 8000, now_ms);
			hostile_opus(NULL, 0, now_ms);
			browser.timestamp -= 960;
			run(now_ms + 10);
		}
		bridge_end_counts(browser.end, &counts);
		CHECK_EQ(counts.receiver.undecodable, 0);
		CHECK_EQ(counts.receiver.lost, 0);
		CHECK_EQ(phone.n_got, 50);
		audio_is_steady(&phone);
		hang_up();
	}
}

static void a_browsers_timestamp_that_jumps_is_no_pause(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 400);
	browser.timestamp += 48000 * 60;
	talk(400, 800);
	browser.timestamp -= 48000 * 600;
	talk(800, 1200);
	CHECK_EQ(phone.n_got, 60);
	audio_is_steady(&phone); /* one clock plays both: no jump, and no marker */
	struct bridge_counts counts;
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.receiver.decoded, 60 - 2 * 2); /* believed at the third packet */
	hang_up();
}

static void report_loss(struct leg *leg, uint8_t fraction)
{
	uint8_t rtcp[RTCP_MAX_BYTES];
	const struct rtcp_report report = {
		.ssrc = bridge_end_ssrc(leg->end),
		.fraction_lost = fraction,
	};
	int n = rtcp_write(&(struct rtcp_compound){ .ssrc = 1, .report = &report }, rtcp,
			   sizeof(rtcp));

	bridge_end_receive_rtcp(leg->end, rtcp, (size_t)n, 0, 0);
}

/* Packets of two seconds for the browser that can tell what their predecessor was. */
static unsigned packets_with_fec(uint64_t from_ms)
{
	int16_t pcm[160];
	unsigned with = 0;

	browser.n_got = 0;
	for (uint64_t t = 0; t < 2000; t += 20) /* syllables: no FEC for a steady tone */
		leg_talk(&phone, 300, t / 200 % 2 ? 12000 : 50, from_ms + t);
	for (size_t i = 5; i < browser.n_got; i++)
		with += codec_opus.recover(browser.decoder, browser.got[i].packet.payload,
					   browser.got[i].packet.bytes, pcm, 160) == 160;
	return with;
}

/* The encoder spends bits on FEC exactly while the browser tells of losses; what the phone
 * tells of its G.711 is none of the encoder's business. */
static void reported_loss_turns_fec_on(void)
{
	struct bridge_counts counts;

	REQUIRE(call(&browser_opus, &phone_pcma));
	report_loss(&browser, 0);
	CHECK_EQ(packets_with_fec(0), 0);
	report_loss(&phone, 128);
	CHECK_EQ(packets_with_fec(2000), 0);
	report_loss(&browser, 64);
	CHECK(packets_with_fec(4000) > 20);
	for (int i = 0; i < 20; i++)
		report_loss(&browser, 0);
	CHECK_EQ(packets_with_fec(6000), 0);
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.far_loss_percent, 0);
	bridge_end_counts(phone.end, &counts);
	CHECK_EQ(counts.far_loss_percent, 50);
	hang_up();
}

static void a_report_echoes_the_peers_clock(void)
{
	uint8_t rtcp[RTCP_MAX_BYTES];
	struct rtcp_received got;
	const struct rtcp_sender sender = { .ntp = 0x1111222233334444 };

	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 100);
	int n = rtcp_write(&(struct rtcp_compound){ .ssrc = browser.ssrc, .sender = &sender }, rtcp,
			   sizeof(rtcp));
	bridge_end_receive_rtcp(browser.end, rtcp, (size_t)n, 1000, 0);
	n = bridge_end_write_rtcp(browser.end, STR("x"), false, 1500, 0, rtcp, sizeof(rtcp));
	REQUIRE(n > 0 && rtcp_parse(rtcp, (size_t)n, browser.ssrc, &got) == 0 && got.has_report);
	CHECK_EQ(got.report.lsr, 0x22223333);
	CHECK_EQ(got.report.dlsr, 32768);
	hang_up();
}

TESTS(each_hears_the_other_through_a_transcoder, the_same_codec_is_relayed_octet_by_octet,
      any_ptime_comes_in_and_the_declared_one_goes_out, sequence_and_timestamp_wrap_unheard,
      lost_packets_are_concealed_toward_the_phone, lost_packets_stay_a_gap_toward_the_browser,
      reordered_packets_are_put_right, a_browser_that_falls_silent_is_no_loss, too_loud_saturates,
      hostile_opus_harms_nothing, what_is_not_negotiated_is_counted,
      rtcp_tells_loss_and_round_trip_and_never_ends_a_call,
      a_packet_without_payload_is_no_audio_and_no_loss, a_browsers_timestamp_that_jumps_is_no_pause,
      reported_loss_turns_fec_on, a_report_echoes_the_peers_clock)
