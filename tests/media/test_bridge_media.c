/* Joining, parting, holding and renegotiating; memory. */
#include "gateway/media/bridge_end.h"
#include "tests/media/pair.h"
#include "tests/oom.h"

#include <errno.h>

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
		run(now_ms + 10);
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
	const struct receiver *before = browser.end->receiver;
	CHECK_EQ(bridge_end_set_media(phone.end, &media), 0);
	CHECK_EQ(bridge_end_set_media(browser.end, &web), 0);
	CHECK_EQ(bridge_join(phone.end, browser.end), 0); /* they are joined already */
	talk(1000, 2000);
	audio_is_steady(&phone);
	audio_is_steady(&browser);
	CHECK_EQ(phone.n_got, 100);
	hears_only(&phone, BROWSER_HZ, PHONE_HZ, 0.5);
	struct bridge_counts counts;
	bridge_end_counts(browser.end, &counts);
	CHECK_EQ(counts.receiver.decoded, 100);
	CHECK(browser.end->receiver == before); /* the same decoder */
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
	CHECK_EQ(counts.receiver.decoded, 50); /* what was counted before is not forgotten */
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

static void negotiated_media_bring_their_direction(void)
{
	REQUIRE(call(&browser_opus, &phone_pcma));
	struct bridge_media media = leg_media(&phone);
	media.direction = BRIDGE_SENDONLY;
	CHECK_EQ(bridge_end_set_media(phone.end, &media), 0);
	talk(0, 400);
	CHECK_EQ(phone.n_got, 20);
	CHECK_EQ(browser.n_got, 0);
	media.direction = BRIDGE_SENDRECV;
	CHECK_EQ(bridge_end_set_media(phone.end, &media), 0);
	talk(400, 800);
	CHECK_EQ(phone.n_got, 40);
	CHECK_EQ(browser.n_got, 20);
	hang_up();
}

/* rtpengine #944: a packet time that changes in mid-call is kept at once, evenly. */
static void the_packet_time_may_change_in_mid_call(void)
{
	static const unsigned ptimes[] = { 30, 60, 10, 20, 40 };
	uint64_t now_ms = 1000;

	REQUIRE(call(&browser_opus, &phone_pcma));
	talk(0, now_ms);
	for (size_t i = 0; i < sizeof(ptimes) / sizeof(ptimes[0]); i++) {
		struct bridge_media media = leg_media(&phone);

		media.send.ptime_ms = ptimes[i];
		CHECK_EQ(bridge_end_set_media(phone.end, &media), 0);
		talk(now_ms, now_ms + 600);
		size_t from = phone.n_got; /* settled by now */
		talk(now_ms + 600, now_ms + 1800);
		now_ms += 1800;
		REQUIRE(phone.n_got >= from + 1200 / ptimes[i] - 1);
		for (size_t k = from + 1; k < phone.n_got; k++) {
			CHECK_EQ(phone.got[k].packet.bytes, 8 * ptimes[i]);
			CHECK_EQ(phone.got[k].ms - phone.got[k - 1].ms, ptimes[i]);
		}
	}
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
		bridge_end_run(web.end, 10);
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

TESTS(direction_gates_each_way, a_hold_of_twelve_minutes_leaves_no_jump,
      an_end_without_partner_counts_and_drops, another_partner_continues_the_same_stream,
      a_refresh_of_the_media_changes_nothing, the_codec_may_change_in_mid_call,
      media_that_cannot_be_joined_are_refused, negotiated_media_bring_their_direction,
      the_packet_time_may_change_in_mid_call, running_out_of_memory_leaves_nothing_behind,
      nothing_is_allocated_while_packets_flow)
