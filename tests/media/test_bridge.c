/* Two legs and the bridge between them, on a virtual clock: a browser and a phone
 * that talk tones. */
#include "tests/check.h"
#include "tests/media/leg.h"
#include "tests/oom.h"

#include <errno.h>
#include <math.h>

enum { PCM = 8000 * 60, BROWSER_HZ = 440, PHONE_HZ = 1000 };

static struct leg browser, phone;
static int16_t heard[PCM];

static const struct leg_config browser_opus = {
	.codec = &codec_opus,
	.pt = 111,
	.event_pt = 110,
	.event_clock = 48000,
	.browser = true,
	.first_seq = 65000,
	.first_timestamp = 0xffff0000,
};

static const struct leg_config phone_pcma = {
	.codec = &codec_pcma,
	.pt = 8,
	.event_pt = 101,
	.event_clock = 8000,
	.first_seq = 65500,
	.first_timestamp = 0xfffffff0,
};

static bool call(const struct leg_config *web, const struct leg_config *plain)
{
	return leg_open(&browser, web) == 0 && leg_open(&phone, plain) == 0 &&
	       bridge_join(browser.end, phone.end) == 0;
}

static void hang_up(void)
{
	leg_close(&browser);
	leg_close(&phone);
}

static void run(uint64_t now_ms)
{
	browser.now_ms = phone.now_ms = now_ms;
	if (bridge_end_due(browser.end) <= now_ms)
		bridge_end_run(browser.end, now_ms);
	if (bridge_end_due(phone.end) <= now_ms)
		bridge_end_run(phone.end, now_ms);
}

/* Both talk from `from_ms` until `to_ms`. */
static void talk(uint64_t from_ms, uint64_t to_ms)
{
	for (uint64_t now_ms = from_ms; now_ms < to_ms; now_ms += 10) {
		run(now_ms);
		if (now_ms % browser.ptime_ms == 0)
			leg_talk(&browser, BROWSER_HZ, 8000, now_ms);
		if (now_ms % phone.ptime_ms == 0)
			leg_talk(&phone, PHONE_HZ, 8000, now_ms);
	}
}

static void audio_is_steady(const struct leg *leg)
{
	uint32_t step = leg->codec->rtp_clock / 1000 * leg->ptime_ms;
	long wrong = 0;

	for (size_t i = 1; i < leg->n_got; i++) {
		const struct rtp_packet *p = &leg->got[i].packet, *before = &leg->got[i - 1].packet;

		wrong += p->timestamp - before->timestamp != step;
		wrong += (uint16_t)(p->seq - before->seq) != 1;
		wrong += p->ssrc != 0xabcd0000u + leg->pt || p->pt != leg->pt;
	}
	CHECK_EQ(wrong, 0);
}

/* A bridge that is swapped or looped fails here: each hears only the other. */
static void hears_only(struct leg *leg, double hz, double other_hz, double db_off)
{
	size_t n = leg_hear(leg, heard, PCM);

	REQUIRE(n > 8000);
	double level = tone_amplitude(heard + 4000, n - 4000, hz, 8000);
	double noise = rms(heard + 4000, n - 4000);
	CHECK(fabs(20 * log10(level / 8000)) < db_off);
	CHECK(tone_amplitude(heard + 4000, n - 4000, other_hz, 8000) < 40);
	/* What is no tone is at least 15 dB below it. */
	double rest = noise * noise - level * level / 2;
	CHECK(rest < level * level / 2 / 31);
}

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
	for (uint64_t now_ms = 0; now_ms < 10000; now_ms += 20) {
		run(now_ms);
		size_t bytes = leg_pack(&browser, BROWSER_HZ, 8000, packet);
		if (now_ms / 20 % 10 != 5)
			bridge_end_receive(browser.end, packet, bytes, now_ms);
	}
	run(11000);
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.receiver.lost, 50);
	CHECK_EQ(counts.lost, 50);
	CHECK(counts.receiver.recovered + counts.receiver.made_up_ms / 20 == 50);
	CHECK(counts.receiver.recovered > 0); /* SILK spends FEC on what sounds like speech */
	CHECK_EQ(phone.n_got, 500);
	audio_is_steady(&phone);

	size_t n = leg_hear(&phone, heard, PCM);
	REQUIRE(n == 80000);
	for (size_t at = 1600; at < n; at += 160)
		CHECK(rms(heard + at, 160) > 500); /* a tone upsets SILK, but no hole */
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
		}
		run(5000);
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

static void a_browser_that_falls_silent_is_no_loss(void)
{
	struct bridge_counts counts;

	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 1000);
	browser.timestamp += 48000; /* DTX: time passes, no number is used */
	talk(2000, 2500);
	browser.timestamp += 960 * 3; /* short enough to be made up, but no loss */
	talk(2560, 3060);
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.receiver.lost, 0);
	CHECK_EQ(counts.receiver.made_up_ms, 0);
	REQUIRE(phone.n_got == 100);
	CHECK_EQ(phone.got[75].packet.timestamp - phone.got[74].packet.timestamp, 160 + 480);
	CHECK_EQ(phone.got[50].packet.timestamp - phone.got[49].packet.timestamp, 160 + 8000);
	CHECK(phone.got[50].packet.marker);
	CHECK_EQ((uint16_t)(phone.got[50].packet.seq - phone.got[49].packet.seq), 1);
	hang_up();
}

/* Loud enough to clip on the way: it may clip, but never wrap to the other sign. */
static void too_loud_saturates(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	for (uint64_t now_ms = 0; now_ms < 2000; now_ms += 20) {
		leg_talk(&browser, 400, 60000, now_ms);
		leg_talk(&phone, 400, 60000, now_ms);
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

static void hostile_opus(const uint8_t *payload, size_t bytes, uint64_t now_ms)
{
	const struct rtp_packet bad = {
		.pt = browser.pt,
		.seq = browser.seq++,
		.timestamp = browser.timestamp,
		.ssrc = browser.ssrc,
		.payload = payload,
		.bytes = bytes,
	};
	uint8_t packet[RTP_MAX_PACKET];
	int n = rtp_write(&bad, packet, sizeof(packet));

	browser.timestamp += 960;
	bridge_end_receive(browser.end, packet, (size_t)n, now_ms);
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

static void digits_change_payload_type_and_clock(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 200);
	uint32_t timestamp = browser.timestamp;
	for (uint16_t i = 1; i <= 8; i++) {
		leg_event(&browser, '9', i == 1, i > 5, i > 5 ? 5 * 960 : i * 960, timestamp,
			  200 + 20u * i);
		for (unsigned t = 0; t < 20; t += 5)
			run(200 + 20u * i + t);
	}
	for (uint64_t t = 380; t < 600; t += 5)
		run(t);

	CHECK(leg_count(&phone, 101) >= 5 + 3);
	size_t ends = 0;
	for (size_t i = 0; i < phone.n_got; i++) {
		const struct rtp_packet *p = &phone.got[i].packet;

		if (p->pt != 101)
			continue;
		CHECK_EQ(p->payload[0], 9);
		if (p->payload[1] & 0x80) {
			ends++;
			unsigned ms = (unsigned)(p->payload[2] << 8 | p->payload[3]) / 8;
			CHECK(ms >= 100 && ms <= 140);
		}
	}
	CHECK_EQ(ends, 3);
	REQUIRE(browser.n_digits == 1);
	CHECK_EQ(browser.digits[0].digit, '9');
	CHECK_EQ(browser.digits[0].ms, 100);
	CHECK(browser.digits[0].passed);
	CHECK(phone.dues > 0);
	CHECK_EQ(phone.n_digits, 0);
	hang_up();
}

/* What a leg's telephone-event stream says, by our own receiver. */
static size_t read_digits(const struct leg *leg, char *out, size_t cap)
{
	struct dtmf_receiver receiver;
	struct dtmf_news news[3];
	size_t n = 0;

	dtmf_receiver_init(&receiver);
	for (size_t i = 0; i < leg->n_got; i++) {
		if (leg->got[i].packet.pt != leg->event_pt)
			continue;
		size_t k = dtmf_receiver_put(&receiver, &leg->got[i].packet, leg->event_clock,
					     leg->got[i].ms, news);
		for (size_t j = 0; j < k; j++)
			if (news[j].what == DTMF_PRESSED && n < cap)
				out[n++] = news[j].digit;
	}
	return n;
}

/* One digit in five packets' worth of loss, both transcoded and relayed, each way. */
static void each_digit_arrives_once_at_twenty_percent_loss(void)
{
	struct leg_config web = browser_opus;
	unsigned seed = 99;

	for (int variant = 0; variant < 4; variant++) {
		web.codec = variant & 1 ? &codec_pcma : &codec_opus;
		web.event_clock = variant & 1 ? 8000 : 48000;
		REQUIRE(call(&web, &phone_pcma));
		struct leg *from = variant & 2 ? &phone : &browser;
		struct leg *to = variant & 2 ? &browser : &phone;
		const char *digits = "1123*0##ABCD99";
		uint64_t now_ms = 0;

		for (size_t d = 0; digits[d]; d++) {
			uint32_t timestamp = from->timestamp;

			for (unsigned i = 1; i <= 8; i++, now_ms += 20) {
				unsigned step = from->event_clock / 50;

				seed = seed * 1103515245 + 12345;
				run(now_ms);
				if ((seed >> 16) % 5 == 0 && i != 3) {
					from->seq++; /* lost */
					continue;
				}
				leg_event(from, digits[d], i == 1, i > 5,
					  (uint16_t)(step * (i > 5 ? 5 : i)), timestamp, now_ms);
			}
			from->timestamp += from->codec->rtp_clock / 1000 * 160;
			for (unsigned i = 0; i < 10; i++, now_ms += 20) {
				run(now_ms);
				leg_talk(from, 500, 5000, now_ms);
			}
		}
		for (uint64_t end = now_ms + 1000; now_ms < end; now_ms += 20)
			run(now_ms);

		char got[64];
		size_t n = read_digits(to, got, 64);
		CHECK_EQ(n, strlen(digits));
		CHECK(memcmp(got, digits, strlen(digits)) == 0);
		CHECK_EQ(from->n_digits, strlen(digits));
		hang_up();
	}
}

/* Event packets use numbers of the stream; none of them is a lost audio packet. */
static void digits_are_not_mistaken_for_losses(void)
{
	struct bridge_counts counts;

	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 200);
	uint32_t timestamp = browser.timestamp;
	for (uint16_t i = 1; i <= 8; i++)
		leg_event(&browser, '1', i == 1, i > 5, i * 960, timestamp, 200 + 20u * i);
	browser.timestamp += 960 * 8;
	talk(380, 1000);
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.receiver.lost, 0);
	CHECK_EQ(counts.receiver.made_up_ms, 0);
	CHECK_EQ(counts.digits, 1);
	hang_up();
}

static void a_partner_without_telephone_event_only_has_it_reported(void)
{
	struct leg_config plain = phone_pcma;

	plain.event_pt = 0;
	REQUIRE(call(&browser_opus, &plain));
	leg_event(&browser, '3', true, true, 4800, 1000, 100);
	REQUIRE(browser.n_digits == 1);
	CHECK(!browser.digits[0].passed);
	CHECK_EQ(phone.n_got, 0);
	hang_up();
}

static void a_digit_can_be_pressed_toward_one_leg(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	CHECK_EQ(bridge_end_send_digit(phone.end, '#', 0, 1000), 0);
	CHECK_EQ(bridge_end_send_digit(phone.end, 'x', 0, 1000), -EINVAL);
	for (uint64_t now_ms = 1000; now_ms < 1500; now_ms += 5)
		run(now_ms);
	CHECK_EQ(leg_count(&phone, 101), 7);
	CHECK_EQ(browser.n_got, 0);
	bridge_end_set_direction(phone.end, BRIDGE_RECVONLY);
	CHECK_EQ(bridge_end_send_digit(phone.end, '#', 0, 1000), -EAGAIN);
	hang_up();
}

static void a_hold_drops_digits_that_wait(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	for (int i = 0; i < 10; i++)
		CHECK_EQ(bridge_end_send_digit(phone.end, '#', 0, 1000), 0);
	bridge_end_set_direction(phone.end, BRIDGE_INACTIVE);
	CHECK_EQ(bridge_end_due(phone.end), UINT64_MAX);
	bridge_end_set_direction(phone.end, BRIDGE_SENDRECV);
	CHECK_EQ(bridge_end_due(phone.end), UINT64_MAX);
	hang_up();
}

/* The one who holds the key is gone: nobody else would end the tone. */
static void parting_releases_the_key_that_is_held(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	leg_event(&browser, '5', true, false, 960, 1000, 0);
	bridge_part(browser.end);
	uint64_t now_ms = 0;
	while (bridge_end_due(phone.end) != UINT64_MAX && now_ms < 10000)
		run(now_ms += 5);
	CHECK(now_ms < 300);
	CHECK(phone.got[phone.n_got - 1].packet.payload[1] & 0x80);
	hang_up();
}

static void direction_gates_each_way(void)
{
	static const struct {
		enum bridge_direction direction;
		bool to_phone, to_browser;
	} cases[] = {
		{ BRIDGE_SENDRECV, true, true },
		{ BRIDGE_SENDONLY, true, false },
		{ BRIDGE_RECVONLY, false, true },
		{ BRIDGE_INACTIVE, false, false },
	};

	for (size_t i = 0; i < 4; i++) {
		struct bridge_counts counts;

		REQUIRE(call(&browser_opus, &phone_pcma));
		bridge_end_set_direction(phone.end, cases[i].direction);
		talk(0, 1000);
		CHECK_EQ(phone.n_got, cases[i].to_phone ? 50 : 0);
		CHECK_EQ(browser.n_got, cases[i].to_browser ? 50 : 0);
		bridge_end_counts(phone.end, &counts);
		CHECK_EQ(counts.held > 0, i > 0);
		hang_up();
	}
}

/* meetecho/janus-gateway #3640: after eleven minutes on hold the far side's sequence
 * has run half round, and what follows looks old to SRTP. */
static void a_hold_of_twelve_minutes_leaves_no_jump(void)
{
	for (int same = 0; same < 2; same++) {
		struct leg_config web = same ? phone_pcma : browser_opus;

		REQUIRE(call(&web, &phone_pcma));
		talk(0, 1000);
		bridge_end_set_direction(browser.end, BRIDGE_INACTIVE);
		talk(1000, 721000);
		CHECK_EQ(browser.n_got, 50);
		CHECK_EQ(phone.n_got, 50);
		bridge_end_set_direction(browser.end, BRIDGE_SENDRECV);
		talk(721000, 722000);
		struct leg *legs[] = { &browser, &phone };
		for (int i = 0; i < 2; i++) {
			const struct leg *leg = legs[i];

			REQUIRE(leg->n_got == 100);
			const struct rtp_packet *a = &leg->got[49].packet,
						*b = &leg->got[50].packet;
			CHECK_EQ((uint16_t)(b->seq - a->seq), 1);
			CHECK(b->marker);
			/* The timeline went on with the clock. */
			uint32_t ms = (b->timestamp - a->timestamp) /
				      (leg->codec->rtp_clock / 1000);
			CHECK(ms >= 720000 && ms <= 720060);
		}
		hang_up();
	}
}

static void an_end_without_partner_counts_and_drops(void)
{
	struct bridge_counts counts;

	REQUIRE(leg_open(&browser, &browser_opus) == 0);
	leg_talk(&browser, 440, 8000, 0);
	leg_talk(&browser, 440, 8000, 20);
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.packets, 2);
	CHECK_EQ(counts.no_partner, 2);
	CHECK_EQ(counts.heard_ms, 20);

	/* Joined later, parted again. */
	REQUIRE(leg_open(&phone, &phone_pcma) == 0);
	REQUIRE(bridge_join(browser.end, phone.end) == 0);
	talk(40, 540);
	CHECK_EQ(phone.n_got, 25);
	bridge_part(phone.end);
	talk(540, 1040);
	CHECK_EQ(phone.n_got, 25);
	CHECK_EQ(browser.n_got, 25);
	hang_up();
}

static void another_partner_continues_the_same_stream(void)
{
	static struct leg other;
	struct leg_config plain = phone_pcma;

	plain.codec = &codec_pcmu;
	plain.pt = 0;
	REQUIRE(call(&browser_opus, &phone_pcma));
	REQUIRE(leg_open(&other, &plain) == 0);
	talk(0, 1000);
	CHECK_EQ(bridge_join(browser.end, other.end), 0); /* a transfer */
	for (uint64_t now_ms = 1000; now_ms < 2000; now_ms += 20) {
		leg_talk(&other, PHONE_HZ, 8000, now_ms);
		leg_talk(&browser, BROWSER_HZ, 8000, now_ms);
		leg_talk(&phone, 2000, 8000, now_ms); /* nobody hears it */
	}
	CHECK_EQ(browser.n_got, 100);
	CHECK_EQ(other.n_got, 50);
	audio_is_steady(&browser);
	hears_only(&browser, PHONE_HZ, 2000, 0.5);
	leg_close(&other);
	hang_up();
}

static void a_refresh_of_the_media_changes_nothing(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 1000);
	struct bridge_media media = leg_media(&phone), web = leg_media(&browser);
	CHECK_EQ(bridge_end_set_media(phone.end, &media), 0);
	CHECK_EQ(bridge_end_set_media(browser.end, &web), 0);
	talk(1000, 2000);
	audio_is_steady(&phone);
	audio_is_steady(&browser);
	CHECK_EQ(phone.n_got, 100);
	hears_only(&phone, BROWSER_HZ, PHONE_HZ, 0.5);
	struct bridge_counts counts;
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.receiver.decoded, 100); /* by the same decoder */
	hang_up();
}

static void the_codec_may_change_in_mid_call(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 1000);
	phone.codec->close_encoder(phone.encoder);
	phone.codec->close_decoder(phone.decoder);
	phone.codec = &codec_opus;
	phone.pt = 98;
	const struct codec_config config = { .pcm_rate = 8000 };
	REQUIRE(codec_opus.open_encoder(&config, &phone.encoder) == 0);
	REQUIRE(codec_opus.open_decoder(&config, &phone.decoder) == 0);
	struct bridge_media media = leg_media(&phone);
	REQUIRE(bridge_end_set_media(phone.end, &media) == 0);
	talk(1000, 3000); /* now relayed */
	struct bridge_counts counts;
	bridge_end_counts(phone.end, &counts);
	CHECK(counts.relaying);
	CHECK_EQ(phone.n_got, 150);
	for (size_t i = 1; i < phone.n_got; i++)
		CHECK_EQ((uint16_t)(phone.got[i].packet.seq - phone.got[i - 1].packet.seq), 1);
	audio_is_steady(&browser);
	memmove(phone.got, phone.got + 50, 100 * sizeof(*phone.got));
	phone.n_got = 100;
	for (size_t i = 0; i < 100; i++) /* the payloads moved with them */
		phone.got[i].packet.payload = phone.got[i].bytes + 12;
	hears_only(&phone, BROWSER_HZ, PHONE_HZ, 0.5);
	hang_up();
}

static void media_that_cannot_be_joined_are_refused(void)
{
	static const struct codec wide = { .name = "wide", .rtp_clock = 8000, .pcm_rate = 16000 };
	struct bridge_media media;

	REQUIRE(call(&browser_opus, &phone_pcma));
	media = leg_media(&browser);
	media.receive[0].codec = &wide;
	media.send.codec = &wide;
	CHECK_EQ(bridge_end_set_media(browser.end, &media), -ENOTSUP);
	media.n_receive = 0;
	CHECK_EQ(bridge_end_set_media(browser.end, &media), -EINVAL);
	CHECK_EQ(bridge_join(phone.end, phone.end), -EINVAL);
	talk(0, 1000); /* the old ones are in force */
	CHECK_EQ(phone.n_got, 50);
	hang_up();
}

static void what_is_not_negotiated_is_counted(void)
{
	const uint8_t noise[] = { 0x80, 13, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x40 };
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
	CHECK(phone.n_got > before);
	n = bridge_end_write_rtcp(browser.end, STR("x"), true, 4000, wall_ms, rtcp, sizeof(rtcp));
	REQUIRE(n > 0 && rtcp_parse(rtcp, (size_t)n, browser.ssrc, &got) == 0);
	CHECK(got.bye);
	hang_up();
}

static void report_loss(uint8_t fraction)
{
	uint8_t rtcp[RTCP_MAX_BYTES];
	const struct rtcp_report report = {
		.ssrc = bridge_end_ssrc(browser.end),
		.fraction_lost = fraction,
	};
	int n = rtcp_write(&(struct rtcp_compound){ .ssrc = 1, .report = &report }, rtcp,
			   sizeof(rtcp));

	bridge_end_receive_rtcp(browser.end, rtcp, (size_t)n, 0, 0);
}

/* The encoder spends bits on FEC exactly while the browser tells of losses. */
static void reported_loss_turns_fec_on(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	for (int lossy = 0; lossy < 2; lossy++) {
		int16_t pcm[160];
		unsigned with = 0;

		report_loss(lossy ? 64 : 0);
		browser.n_got = 0;
		for (uint64_t t = 0; t < 2000; t += 20) /* syllables: no FEC for a steady tone */
			leg_talk(&phone, 300, t / 200 % 2 ? 12000 : 50,
				 2000u * (unsigned)lossy + t);
		for (size_t i = 5; i < browser.n_got; i++)
			with += codec_opus.recover(browser.decoder, browser.got[i].packet.payload,
						   browser.got[i].packet.bytes, pcm, 160) == 160;
		CHECK(lossy ? with > 20 : with == 0);
	}
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

static int open_and_close(void)
{
	struct leg web = { .codec = &codec_opus }, plain = { .codec = &codec_pcma };
	int err = leg_open(&web, &browser_opus);

	if (err)
		return err;
	err = leg_open(&plain, &phone_pcma);
	if (!err)
		err = bridge_join(web.end, plain.end);
	if (!err) {
		struct bridge_media media = leg_media(&web);

		media.send.peer_fmtp = STR("maxplaybackrate=16000");
		err = bridge_end_set_media(web.end, &media);
		leg_talk(&web, 440, 8000, 0); /* it works either way */
		leg_talk(&plain, 440, 8000, 0);
		if (web.n_got != 1 || plain.n_got != 1)
			err = -EINVAL;
	}
	leg_close(&web);
	leg_close(&plain);
	return err;
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	CHECK(oom_sweep("bridge", open_and_close) > 10);
}

static int flow(void)
{
	talk(1000, 3000);
	bridge_end_send_digit(phone.end, '1', 0, 3000);
	talk(3000, 4000);
	leg_event(&browser, '1', true, true, 4800, browser.timestamp, 4000);
	talk(4020, 5000);
	return 0;
}

static void nothing_is_allocated_while_packets_flow(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, 1000);
	/* The first run fails the first allocation there is: none means one run. */
	CHECK_EQ(oom_sweep("flow", flow), 1);
	CHECK(phone.n_got > 200);
	hang_up();
}

TESTS(each_hears_the_other_through_a_transcoder, the_same_codec_is_relayed_octet_by_octet,
      any_ptime_comes_in_and_the_declared_one_goes_out, sequence_and_timestamp_wrap_unheard,
      lost_packets_are_concealed_toward_the_phone, lost_packets_stay_a_gap_toward_the_browser,
      reordered_packets_are_put_right, a_browser_that_falls_silent_is_no_loss, too_loud_saturates,
      hostile_opus_harms_nothing, digits_change_payload_type_and_clock,
      each_digit_arrives_once_at_twenty_percent_loss, digits_are_not_mistaken_for_losses,
      a_partner_without_telephone_event_only_has_it_reported, a_digit_can_be_pressed_toward_one_leg,
      a_hold_drops_digits_that_wait, parting_releases_the_key_that_is_held,
      direction_gates_each_way, a_hold_of_twelve_minutes_leaves_no_jump,
      an_end_without_partner_counts_and_drops, another_partner_continues_the_same_stream,
      a_refresh_of_the_media_changes_nothing, the_codec_may_change_in_mid_call,
      media_that_cannot_be_joined_are_refused, what_is_not_negotiated_is_counted,
      rtcp_tells_loss_and_round_trip_and_never_ends_a_call, reported_loss_turns_fec_on,
      a_report_echoes_the_peers_clock, running_out_of_memory_leaves_nothing_behind,
      nothing_is_allocated_while_packets_flow)
