/* Digits through the bridge: each once, in the other leg's payload type and clock. */
#include "tests/media/pair.h"

#include <errno.h>

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

TESTS(digits_change_payload_type_and_clock, each_digit_arrives_once_at_twenty_percent_loss,
      digits_are_not_mistaken_for_losses, a_partner_without_telephone_event_only_has_it_reported,
      a_digit_can_be_pressed_toward_one_leg, a_hold_drops_digits_that_wait,
      parting_releases_the_key_that_is_held)
