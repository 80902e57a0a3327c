/* A call: two codecs, and what both sides throw at the bridge between them.
 *
 * The first octet picks the codecs; then each packet is an octet of what, an octet of
 * length (of a sixth of it, with the marker) and that many octets. Covers decoders (Opus,
 * G.722), concealment, digits, reordering, RED, comfort noise, RTCP, the senders, and
 * other formats, directions and partners in mid-call. */
#include "gateway/media/bridge.h"
#include "tests/fuzz/fuzz.h"

enum { EVENT_PT = 101, AUDIO_PT = 96, RED_PT = 63, MOST_PACKETS = 400 };

struct side {
	struct bridge_end *end;
	const struct codec *codec;
	uint16_t seq;
	uint32_t timestamp;
};

static void on_send(void *arg, uint8_t *bytes, size_t n, size_t cap)
{
	struct rtp_packet packet;

	MUST(n <= RTP_MAX_PACKET && cap >= n + RTP_TAIL);
	MUST(rtp_parse(bytes, n, &packet) == 0);
	MUST(packet.ssrc == bridge_end_ssrc(((struct side *)arg)->end));
	MUST(packet.pt == AUDIO_PT || packet.pt == EVENT_PT);
	memset(bytes, 0xee, cap);
}

/* How it is negotiated: `how` is the packet time, the direction and which of the rest. */
static int set_media(struct side *side, const struct codec *codec, uint8_t how)
{
	const struct bridge_media media = {
		.receive = { { .pt = AUDIO_PT, .codec = codec },
			     { .pt = RED_PT, .codec = codec, .red = true },
			     { .pt = 8, .codec = &codec_pcma },
			     { .pt = 9, .codec = &codec_g722 } },
		.n_receive = how & 0x40 ? 2 : 4,
		.receive_events = { { EVENT_PT, 8000 }, { 110, 48000 } },
		.n_receive_events = how & 0x80 ? 1 : 2,
		.send = { .codec = codec,
			  .pt = AUDIO_PT,
			  .ptime_ms = (how & 7u) * 10,
			  .dtmf_pt = how & 8 ? SENDER_NO_PT : EVENT_PT,
			  .dtmf_clock = 8000 },
		.direction = (enum bridge_direction)(how >> 4 & 3),
	};
	int err = bridge_end_set_media(side->end, &media);

	if (!err)
		side->codec = codec;
	return err;
}

static void open_side(struct side *side, const struct codec *codec, bool conceals)
{
	const struct bridge_end_config config = {
		.sender = { .ssrc = 1, .first_seq = 65530, .send = on_send, .arg = side },
		.far_conceals = conceals,
	};

	*side = (struct side){ .codec = codec, .seq = 65000 };
	MUST(bridge_end_open(&config, &side->end) == 0);
	MUST(set_media(side, codec, 0) == 0);
}

static void throw(struct side * side, uint8_t what, const uint8_t *bytes, size_t n, uint64_t now_ms)
{
	static const uint8_t pts[] = { AUDIO_PT, AUDIO_PT, RED_PT, 8,
				       9,	 EVENT_PT, 110,	   RTP_PT_COMFORT_NOISE };
	uint8_t out[RTP_MAX_PACKET];
	unsigned step = what >> 6; /* 0: a duplicate; 2, 3: a loss */

	side->seq = (uint16_t)(side->seq + step);
	side->timestamp += step * side->codec->rtp_clock / 50;
	const struct rtp_packet packet = {
		.pt = pts[what & 7],
		.marker = what & 0x20,
		.seq = side->seq,
		.timestamp = side->timestamp,
		.ssrc = 77,
		.payload = bytes,
		.bytes = n,
	};
	int written = rtp_write(&packet, out, sizeof(out));
	MUST(written > 0);
	bridge_end_receive(side->end, out, (size_t)written, now_ms);
}

/* Something is negotiated anew while packets flow. */
static void change(struct side sides[2], uint8_t what, uint8_t how, uint64_t now_ms)
{
	struct side *side = &sides[what >> 3 & 1];

	switch (what & 7) {
	case 0:
		bridge_part(side->end);
		break;
	case 1:
		(void)bridge_join(sides[0].end, sides[1].end);
		break;
	case 2:
		(void)bridge_end_play(side->end, (enum bridge_sound)(how % 2), now_ms);
		break;
	case 3:
		(void)bridge_end_send_digit(side->end, (char)how, how * 4u, now_ms);
		break;
	default:
		(void)set_media(side, codec_at(what & 3), how);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct side sides[2];
	uint64_t now_ms = 1000;

	if (n == 0)
		return 0;
	open_side(&sides[0], codec_at(bytes[0] & 3), bytes[0] & 0x10);
	open_side(&sides[1], codec_at(bytes[0] >> 2 & 3), false);
	MUST(bridge_join(sides[0].end, sides[1].end) == 0);
	for (size_t i = 1, packets = 0; i + 2 <= n && packets < MOST_PACKETS; packets++) {
		uint8_t what = bytes[i];
		size_t rest = n - i - 2, length = bytes[i + 1] * (what & 0x20 ? 6u : 1u);
		struct side *side = &sides[what >> 3 & 1];

		length = length < rest ? length : rest;
		length = length < RTP_MAX_PAYLOAD ? length : RTP_MAX_PAYLOAD;
		i += 2;
		if ((what & 0xf0) == 0x10)
			bridge_end_receive(side->end, bytes + i, length, now_ms);
		else if ((what & 0xf0) == 0x30)
			bridge_end_receive_rtcp(side->end, bytes + i, length, now_ms, now_ms);
		else if ((what & 0xf0) == 0x70)
			change(sides, what, length ? bytes[i] : 0, now_ms);
		else
			throw(side, what, bytes + i, length, now_ms);
		i += length;
		now_ms += 10;
		for (int k = 0; k < 2; k++)
			if (bridge_end_due(sides[k].end) <= now_ms)
				bridge_end_run(sides[k].end, now_ms);
	}
	for (int k = 0; k < 2; k++) {
		struct bridge_counts counts;
		uint8_t out[RTCP_MAX_BYTES];

		bridge_end_counts(sides[k].end, &counts);
		MUST(bridge_end_write_rtcp(sides[k].end, STR("c"), true, now_ms, now_ms, out,
					   sizeof(out)) > 0);
	}
	bridge_end_close(sides[0].end);
	bridge_end_close(sides[1].end);
	return 0;
}
