/* Every codec with every other across the bridge: sound, level and time. */
#include "tests/media/pair.h"

#include <errno.h>

/* The far side of a leg with that codec. */
static struct leg_config side(const struct codec *codec, bool is_browser)
{
	struct leg_config config = is_browser ? browser_opus : phone_pcma;

	config.codec = codec;
	config.pt = codec == &codec_opus ? 111 : codec->static_pt;
	config.rate = codec == &codec_opus ? 16000 : codec->pcm_rate;
	config.event_clock = codec->rtp_clock;
	return config;
}

static void every_pair_carries_each_voice_to_the_other_side_at_its_level(void)
{
	for (size_t i = 0; codec_at(i); i++) {
		for (size_t j = 0; codec_at(j); j++) {
			struct leg_config web = side(codec_at(i), true);
			struct leg_config plain = side(codec_at(j), false);
			struct bridge_counts counts;
			int before = check_failures;

			REQUIRE(call(&web, &plain));
			talk(0, 3000);
			audio_is_steady(&browser);
			audio_is_steady(&phone);
			CHECK_EQ(browser.n_got, 150);
			CHECK_EQ(phone.n_got, 150);
			hears_only(&browser, PHONE_HZ, BROWSER_HZ, 0.5);
			hears_only(&phone, BROWSER_HZ, PHONE_HZ, 0.5);
			bridge_end_counts(browser.end, &counts);
			CHECK_EQ(counts.relaying, i == j);
			CHECK_EQ(counts.receiver.undecodable, 0);
			if (check_failures > before)
				printf("  browser %s, phone %s\n", web.codec->name,
				       plain.codec->name);
			hang_up();
		}
	}
}

/* The RTP clock is the codec's, whatever rate the PCM has: a packet of P ms steps by
 * P * clock / 1000, for each pair of durations. */
static void timestamps_step_by_the_duration_of_the_packet_in_every_pair(void)
{
	for (size_t k = 0; k < 4 * 4 * 6 * 6; k++) {
		struct leg_config web = side(codec_at(k % 4), true);
		struct leg_config plain = side(codec_at(k / 4 % 4), false);
		int before = check_failures;

		web.ptime_ms = codec_ptime_ms(web.codec, (unsigned)(k / 16 % 6 + 1) * 10);
		plain.ptime_ms = codec_ptime_ms(plain.codec, (unsigned)(k / 96 % 6 + 1) * 10);
		if (web.codec == plain.codec)
			plain.ptime_ms = web.ptime_ms; /* relayed as it comes */
		REQUIRE(call(&web, &plain));
		talk(0, 600);
		run(600);
		CHECK_EQ(browser.n_got, 600 / web.ptime_ms);
		CHECK_EQ(phone.n_got, 600 / plain.ptime_ms);
		audio_is_steady(&browser);
		audio_is_steady(&phone);
		CHECK_EQ(browser.got[0].packet.timestamp, web.first_timestamp);
		CHECK_EQ(phone.got[0].packet.timestamp, plain.first_timestamp);
		if (check_failures > before)
			printf("  %s %u ms, %s %u ms\n", web.codec->name, web.ptime_ms,
			       plain.codec->name, plain.ptime_ms);
		hang_up();
	}
}

/* The phone's re-INVITE declares another ptime, and it talks in it from then on. */
static void the_duration_of_packets_may_change_in_mid_call_in_every_pair(void)
{
	for (size_t k = 0; k < 4 * 4 * 6; k++) {
		struct leg_config web = side(codec_at(k % 4), true);
		struct leg_config plain = side(codec_at(k / 4 % 4), false);
		unsigned ms = codec_ptime_ms(plain.codec, (unsigned)(k / 16 + 1) * 10);
		unsigned unit = plain.codec->rtp_clock / 1000;
		int before = check_failures;

		if (web.codec == plain.codec)
			continue; /* relayed as it comes */
		REQUIRE(call(&web, &plain));
		talk(0, 600);
		phone.ptime_ms = ms;
		struct bridge_media media = leg_media(&phone);
		REQUIRE(bridge_end_set_media(phone.end, &media) == 0);
		talk(600, 1800);
		run(1800);
		CHECK_EQ(phone.n_got, 30 + 1200 / ms);
		CHECK_EQ(browser.n_got, 90);
		audio_is_steady(&browser);
		for (size_t i = 1; i < phone.n_got; i++)
			CHECK_EQ(phone.got[i].packet.timestamp - phone.got[i - 1].packet.timestamp,
				 unit * (i <= 30 ? 20 : ms));
		hears_only(&browser, PHONE_HZ, BROWSER_HZ, 0.5);
		hears_only(&phone, BROWSER_HZ, PHONE_HZ, 0.5);
		if (check_failures > before)
			printf("  browser %s, phone %s to %u ms\n", web.codec->name,
			       plain.codec->name, ms);
		hang_up();
	}
}

/* G.722 says 8000 and samples at 16 kHz; taken at its word, sound would come out at
 * half speed and an octave low. */
static void g722_is_160_octets_and_units_for_20_ms(void)
{
	struct leg_config web = side(&codec_opus, true), plain = side(&codec_g722, false);

	REQUIRE(call(&web, &plain));
	talk(0, 400);
	REQUIRE(phone.n_got == 20);
	CHECK_EQ(phone.got[5].packet.bytes, 160);
	CHECK_EQ(phone.got[5].packet.timestamp - phone.got[4].packet.timestamp, 160);
	CHECK_EQ(browser.got[5].packet.timestamp - browser.got[4].packet.timestamp, 960);
	hang_up();
}

static void wide_sound_passes_between_opus_and_g722(void)
{
	struct leg_config web = side(&codec_opus, true), plain = side(&codec_g722, false);
	struct leg *legs[] = { &browser, &phone };

	REQUIRE(call(&web, &plain));
	for (uint64_t now_ms = 0; now_ms < 3000; now_ms += 20) {
		run(now_ms);
		leg_talk(&browser, 5200, 8000, now_ms);
		leg_talk(&phone, 6100, 8000, now_ms);
	}
	for (int i = 0; i < 2; i++) {
		size_t n = leg_hear(legs[i], heard, PCM);
		double level = tone_amplitude(heard + n / 2, n / 2, i ? 5200 : 6100, 16000);

		CHECK(fabs(20 * log10(level / 8000)) < 1);
	}
	hang_up();
}

/* After its answer a phone may send any codec it kept, without a word. */
static void a_phone_may_fall_back_from_g722_in_mid_call(void)
{
	struct leg_config web = side(&codec_opus, true), plain = side(&codec_g722, false);
	struct leg_config fallback = side(&codec_pcma, false);
	static struct leg other;

	REQUIRE(call(&web, &plain));
	REQUIRE(leg_open(&other, &fallback) == 0);
	struct bridge_media media = leg_media(&phone);
	media.receive[1] = (struct receiver_format){ .pt = 8, .codec = &codec_pcma };
	media.receive[2] = (struct receiver_format){ .pt = 0, .codec = &codec_pcmu };
	media.n_receive = 3;
	REQUIRE(bridge_end_set_media(phone.end, &media) == 0);
	talk(0, 1000);
	other.ssrc = phone.ssrc;
	other.seq = phone.seq;
	other.timestamp = phone.timestamp;
	browser.n_got = 0;
	for (uint64_t now_ms = 1000; now_ms < 4000; now_ms += 20) {
		uint8_t packet[RTP_MAX_PACKET];
		size_t bytes = leg_pack(&other, PHONE_HZ, 8000, packet);

		run(now_ms);
		bridge_end_receive(phone.end, packet, bytes, now_ms);
	}
	CHECK_EQ(browser.n_got, 150);
	audio_is_steady(&browser);
	hears_only(&browser, PHONE_HZ, BROWSER_HZ, 0.5);
	leg_close(&other);
	hang_up();
}

/* Longer than a packet may last, or nothing at all: dropped or bounded, the next one
 * is heard. */
static void g722_of_hostile_length_hurts_no_call(void)
{
	static const size_t lengths[] = { 0, 1, 7, 159, 161, 480, 959, 960, 961, 1300 };
	static const uint8_t payload[1400] = { 1, 2, 3 };
	struct leg_config plain = side(&codec_g722, false);

	for (int way = 0; way < 2; way++) {
		struct leg_config web = side(way ? &codec_pcmu : &codec_opus, true);

		REQUIRE(call(&web, &plain));
		talk(0, 200);
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			const struct rtp_packet bad = {
				.pt = phone.pt,
				.seq = phone.seq++,
				.timestamp = phone.timestamp,
				.ssrc = phone.ssrc,
				.payload = payload,
				.bytes = lengths[i],
			};
			uint8_t packet[RTP_MAX_PACKET];
			int n = rtp_write(&bad, packet, sizeof(packet));

			phone.timestamp += 160;
			bridge_end_receive(phone.end, packet, (size_t)n, 200 + 20 * i);
		}
		for (uint64_t now_ms = 400; now_ms < 2000; now_ms += 10)
			run(now_ms);
		browser.n_got = phone.n_got = 0;
		talk(2000, 3000);
		CHECK(browser.n_got >= 48 && browser.n_got <= 52);
		CHECK_EQ(phone.n_got, 50);
		hang_up();
	}
}

/* RFC 3389: a phone that suppresses silence says so once and pauses. What it says is not
 * decoded as sound, its number is not taken for a lost packet. */
static void comfort_noise_of_a_phone_is_silence(void)
{
	static const uint8_t level[] = { 70 };

	for (int way = 0; way < 2; way++) {
		struct leg_config web = side(way ? &codec_g722 : &codec_opus, true);
		struct leg_config plain = side(&codec_g722, false);
		struct bridge_counts counts;
		uint8_t packet[RTP_MAX_PACKET];

		REQUIRE(call(&web, &plain));
		talk(0, 400);
		const struct rtp_packet noise = {
			.pt = 13,
			.seq = phone.seq++,
			.timestamp = phone.timestamp,
			.ssrc = phone.ssrc,
			.payload = level,
			.bytes = sizeof(level),
		};
		int n = rtp_write(&noise, packet, sizeof(packet));
		bridge_end_receive(phone.end, packet, (size_t)n, 400);
		phone.timestamp += 8 * 600;
		talk(1000, 1400);
		bridge_end_counts(phone.end, &counts);
		CHECK_EQ(counts.lost, 0);
		CHECK_EQ(counts.receiver.lost, 0);
		CHECK_EQ(counts.receiver.made_up_ms, 0);
		REQUIRE(browser.n_got == 40);
		const struct rtp_packet *a = &browser.got[19].packet, *b = &browser.got[20].packet;
		CHECK_EQ((uint16_t)(b->seq - a->seq), 1);
		CHECK_EQ(b->timestamp - a->timestamp, web.codec->rtp_clock / 1000 * 620);
		hang_up();
	}
}

static void too_loud_saturates_in_every_pair(void)
{
	for (size_t k = 0; k < 16; k++) {
		struct leg_config web = side(codec_at(k % 4), true);
		struct leg_config plain = side(codec_at(k / 4), false);

		REQUIRE(call(&web, &plain));
		for (uint64_t now_ms = 0; now_ms < 2000; now_ms += 20) {
			run(now_ms);
			leg_talk(&browser, BROWSER_HZ, 60000, now_ms);
			run(now_ms + 10);
		}
		/* Wrapped samples would take the fundamental away. */
		size_t n = leg_hear(&phone, heard, PCM);
		REQUIRE(n > 16000 - 1);
		double level = tone_amplitude(heard + n / 2, n / 2, BROWSER_HZ, phone.rate);
		if (level < 32000) {
			printf("  %s to %s: %.0f\n", web.codec->name, plain.codec->name, level);
			CHECK(false);
		}
		hang_up();
	}
}

TESTS(every_pair_carries_each_voice_to_the_other_side_at_its_level,
      timestamps_step_by_the_duration_of_the_packet_in_every_pair,
      the_duration_of_packets_may_change_in_mid_call_in_every_pair,
      g722_is_160_octets_and_units_for_20_ms, wide_sound_passes_between_opus_and_g722,
      a_phone_may_fall_back_from_g722_in_mid_call, g722_of_hostile_length_hurts_no_call,
      comfort_noise_of_a_phone_is_silence, too_loud_saturates_in_every_pair)
