/* RED (RFC 2198): packets that say their predecessor again, in each of the three ways that
 * audio can take. */
#include "gateway/media/red.h"
#include "tests/media/pair.h"

enum { RED_PT = 63 };

static struct bridge_counts counts;

static bool call_with_red(const struct leg_config *callee)
{
	if (!call(&browser_opus, callee))
		return false;

	struct bridge_media media = leg_media(&browser);
	media.receive[1] = (struct receiver_format){ .pt = RED_PT,
						     .codec = &codec_opus,
						     .red = true };
	media.n_receive = 2;
	return bridge_end_set_media(browser.end, &media) == 0;
}

/* The last packet of the browser's voice, and the one before it. */
static uint8_t said[2][RTP_MAX_PACKET];
static struct rtp_packet now, before;
static unsigned lost;

/* The next packet of its voice, said once more in the one after it; given to the gateway or,
 * if it is `gone`, not. */
static void say(bool gone, uint64_t now_ms)
{
	uint8_t red[RTP_MAX_PACKET], packet[RTP_MAX_PACKET];
	static unsigned turn;

	before = now;
	turn = !turn;
	size_t n = leg_pack(&browser, BROWSER_HZ, 8000, said[turn]);
	if (rtp_parse(said[turn], n, &now))
		abort();
	lost += gone;
	if (gone)
		return;

	size_t at = 0, repeats = before.bytes;
	if (repeats) {
		uint32_t earlier = now.timestamp - before.timestamp;

		red[at++] = 0x80 | browser_opus.pt;
		red[at++] = (uint8_t)(earlier >> 6);
		red[at++] = (uint8_t)((earlier & 0x3f) << 2 | repeats >> 8);
		red[at++] = (uint8_t)repeats;
	}
	red[at++] = browser_opus.pt;
	if (repeats)
		memcpy(red + at, before.payload, repeats);
	memcpy(red + at + repeats, now.payload, now.bytes);

	struct rtp_packet whole = now;
	whole.pt = RED_PT;
	whole.payload = red;
	whole.bytes = at + repeats + now.bytes;
	int bytes = rtp_write(&whole, packet, sizeof(packet));
	bridge_end_receive(browser.end, packet, (size_t)bytes, now_ms);
}

/* Two seconds, of which each seventh packet is lost. */
static void say_with_losses(void)
{
	lost = 0;
	before = now = (struct rtp_packet){ 0 };
	for (uint64_t now_ms = 0; now_ms < 2000; now_ms += 10) {
		run(now_ms);
		if (now_ms % 20 == 0)
			say(now_ms / 20 % 7 == 5, now_ms);
	}
	bridge_end_counts(browser.end, &counts);
}

static void losses_are_repaired_toward_a_phone(void)
{
	REQUIRE(call_with_red(&phone_pcma));
	say_with_losses();
	CHECK_EQ(counts.redundant, 100 - lost);
	CHECK_EQ(counts.lost, lost); /* the browser is told of its network's loss */
	CHECK(counts.receiver.recovered >= lost - 1);
	CHECK(counts.receiver.recovered <= counts.receiver.lost);
	CHECK(counts.receiver.made_up_ms <= 40); /* before it had learnt to wait */
	audio_is_steady(&phone);
	hang_up();
}

static void losses_are_repaired_toward_a_browser_of_another_codec(void)
{
	struct leg_config other = phone_pcma;

	other.browser = true;
	REQUIRE(call_with_red(&other));
	say_with_losses();
	CHECK_EQ(counts.receiver.recovered, lost);
	CHECK_EQ(counts.receiver.decoded, 100);
	CHECK_EQ(phone.n_got, 100);
	audio_is_steady(&phone);
	hang_up();
}

static void losses_are_repaired_where_opus_is_relayed(void)
{
	struct leg_config other = browser_opus;

	other.pt = 98;
	REQUIRE(call_with_red(&other));
	say_with_losses();
	CHECK_EQ(counts.receiver.recovered, lost);
	CHECK_EQ(counts.relayed, 100 - lost);
	CHECK_EQ(phone.n_got, 100);
	audio_is_steady(&phone);
	hears_only(&phone, BROWSER_HZ, PHONE_HZ, 1);
	hang_up();
}

/* Overtaken, not lost: neither heard twice nor called late. */
static void a_packet_that_comes_after_its_repetition_is_no_loss(void)
{
	struct leg_config others[] = { phone_pcma, phone_pcma, browser_opus };

	others[1].browser = true;
	others[2].pt = 98;
	for (size_t way = 0; way < 3; way++) {
		REQUIRE(call_with_red(&others[way]));
		before = now = (struct rtp_packet){ 0 };
		for (uint64_t now_ms = 0; now_ms < 1000; now_ms += 20) {
			run(now_ms);
			run(now_ms + 10);
			if (now_ms % 200 != 100) {
				say(false, now_ms);
				continue;
			}
			say(true, now_ms);
			struct rtp_packet overtaken = now;
			uint8_t payload[RTP_MAX_PACKET] = { browser_opus.pt };
			memcpy(payload + 1, now.payload, now.bytes);
			say(false, now_ms);

			uint8_t packet[RTP_MAX_PACKET];
			overtaken.pt = RED_PT;
			overtaken.payload = payload;
			overtaken.bytes++;
			int n = rtp_write(&overtaken, packet, sizeof(packet));
			bridge_end_receive(browser.end, packet, (size_t)n, now_ms);
			now_ms += 20;
		}
		bridge_end_counts(browser.end, &counts);
		CHECK_EQ(counts.lost, 0);
		if (way == 0)
			CHECK_EQ(counts.receiver.late + counts.receiver.lost, 0);
		CHECK(phone.n_got <= 50);
		audio_is_steady(&phone);
		hang_up();
	}
}

/* RED in RED in RED: unwrapped once, in bounded work. */
static void nested_redundancy_is_malformed(void)
{
	struct leg_config others[] = { phone_pcma, phone_pcma, browser_opus };

	others[1].browser = true;
	others[2].pt = 98;
	for (size_t way = 0; way < 3; way++) {
		uint8_t payload[RTP_MAX_PAYLOAD], packet[RTP_MAX_PACKET];

		memset(payload, RED_PT, sizeof(payload));
		REQUIRE(call_with_red(&others[way]));
		for (uint16_t seq = 0; seq < 50; seq++) {
			const struct rtp_packet nested = { .pt = RED_PT,
							   .seq = seq,
							   .timestamp = seq * 960u,
							   .payload = payload,
							   .bytes = sizeof(payload) };
			int n = rtp_write(&nested, packet, sizeof(packet));

			bridge_end_receive(browser.end, packet, (size_t)n, seq * 20u);
			run(seq * 20u);
		}
		bridge_end_counts(browser.end, &counts);
		CHECK_EQ(counts.receiver.undecodable + counts.malformed, 50);
		CHECK_EQ(phone.n_got, 0);
		hang_up();
	}
}

static void a_packet_is_split_into_those_it_stands_for(void)
{
	/* RFC 2198 §3: an earlier one of 1 octet, the primary of 2. */
	const uint8_t payload[] = {
		0x80 | 111, 960 >> 6, (960 & 0x3f) << 2, 1, 111, 'a', 'b', 'c'
	};
	const struct rtp_packet packet = { .marker = true,
					   .pt = 63,
					   .seq = 0,
					   .timestamp = 100,
					   .ssrc = 7,
					   .payload = payload,
					   .bytes = sizeof(payload) };
	struct rtp_packet packets[RED_MAX_BLOCKS];

	REQUIRE(red_unwrap(&packet, packets) == 2);
	CHECK_EQ(packets[0].seq, 65535);
	CHECK_EQ(packets[0].timestamp, 100u - 960u);
	CHECK(!packets[0].marker && packets[0].bytes == 1 && packets[0].payload[0] == 'a');
	CHECK_EQ(packets[1].seq, 0);
	CHECK_EQ(packets[1].timestamp, 100);
	CHECK(packets[1].marker && packets[1].bytes == 2 && packets[1].payload[0] == 'b');
	CHECK(packets[1].pt == 111 && packets[1].ssrc == 7);
}

/* RED to a phone that speaks the same codec: the primary block alone is relayed. */
static void the_primary_block_alone_is_relayed(void)
{
	struct leg_config plain = browser_opus;

	plain.browser = false;
	plain.pt = 98;
	plain.event_pt = 0;
	REQUIRE(call(&browser_opus, &plain));
	struct bridge_media media = leg_media(&browser);
	media.receive[1] = (struct receiver_format){ .pt = 63, .codec = &codec_opus, .red = true };
	media.n_receive = 2;
	REQUIRE(bridge_end_set_media(browser.end, &media) == 0);

	const uint8_t payload[] = {
		0x80 | 111, 960 >> 6, (960 & 0x3f) << 2, 2, 111, 1, 2, 7, 8, 9
	};
	uint8_t packet[64];
	int n = rtp_write(
		&(struct rtp_packet){ .pt = 63, .payload = payload, .bytes = sizeof(payload) },
		packet, sizeof(packet));
	bridge_end_receive(browser.end, packet, (size_t)n, 0);
	REQUIRE(phone.n_got == 1);
	CHECK_EQ(phone.got[0].packet.pt, 98);
	CHECK_EQ(phone.got[0].packet.bytes, 3);
	CHECK_EQ(phone.got[0].packet.payload[0], 7);

	packet[15] = 200; /* a block longer than the packet */
	packet[3]++;
	bridge_end_receive(browser.end, packet, (size_t)n, 20);
	struct bridge_counts bridge;
	bridge_end_counts(browser.end, &bridge);
	CHECK_EQ(bridge.malformed, 1);
	CHECK_EQ(phone.n_got, 1);
	hang_up();
}

TESTS(losses_are_repaired_toward_a_phone, losses_are_repaired_toward_a_browser_of_another_codec,
      losses_are_repaired_where_opus_is_relayed,
      a_packet_that_comes_after_its_repetition_is_no_loss, nested_redundancy_is_malformed,
      a_packet_is_split_into_those_it_stands_for, the_primary_block_alone_is_relayed)
