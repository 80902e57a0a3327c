/* session_bench.h: sessions with their far ends: a *line* is a phone and its session, a
 * *page* a browser and its. Included by the tests of sessions. */
#pragma once

#include "tests/check.h"
#include "tests/gateway/far.h"
#include "tests/gateway/stage.h"

#include <math.h>
#include <string.h>

struct line { /* a phone and its session */
	struct part part;
	struct phone phone;
};

static inline void line_open(struct line *line, struct stage *stage, const struct codec *codec,
			     uint8_t pt, double hz)
{
	struct session_remote remote;

	part_open(&line->part, stage, SESSION_PLAIN, false);
	phone_open(&line->phone, &stage->loop, codec, pt, hz);
	WAIT(stage, line->part.ready == 1, 2000);
	CHECK_EQ(line->part.local.rtcp_port, line->part.local.port + 1);
	phone_set_remote(&line->phone, line->part.local.port, line->part.local.rtcp_port);
	phone_describe(&line->phone, &remote);
	CHECK_EQ(session_set_remote(stage->workers, line->part.ref, &remote), 0);
	WAIT(stage, line->part.connected == 1, 2000);
}

static inline void line_close(struct line *line)
{
	struct stage *stage = line->part.stage;

	part_close(&line->part);
	WAIT(stage, line->part.closed == 1, 2000);
	phone_close(&line->phone);
	WAIT(stage, line->phone.open_handles == 0, 2000);
	CHECK_EQ(line->part.failed, 0);
}

/* A tone is heard at its level, and no other. */
static inline void check_hears(const struct voice *voice, double hz, double not_hz)
{
	double level = voice_level_db(voice, hz, 200), other = voice_level_db(voice, not_hz, 200);

	if (fabs(level) > 1 || other > -30)
		printf("  %g Hz at %.1f dB, %g Hz at %.1f dB\n", hz, level, not_hz, other);
	CHECK(fabs(level) <= 1);
	CHECK(other <= -30);
}

/* Sequence numbers without a hole, timestamps as the clock has it, one SSRC. */
static inline void check_stream(const struct voice *voice, unsigned clock, uint32_t ssrc)
{
	unsigned wrong = 0;

	for (size_t i = 1; i < voice->n_heard; i++) {
		const struct voice_packet *p = &voice->heard[i], *last = &voice->heard[i - 1];

		wrong += p->seq != (uint16_t)(last->seq + 1) || p->ssrc != ssrc ||
			 p->timestamp != last->timestamp + clock * VOICE_FRAME_MS / 1000;
	}
	CHECK_EQ(wrong, 0);
}

struct page { /* a browser and its session */
	struct part part;
	struct wire wire;
	struct browser browser;
};

static inline void fingerprint_of(const struct part *part, struct dtls_fingerprint *out)
{
	*out = (struct dtls_fingerprint){ .n = part->local.fingerprint.n };
	memcpy(out->bytes, part->local.fingerprint.bytes, out->n);
}

static inline void page_open(struct page *page, struct stage *stage, const struct codec *codec,
			     uint8_t pt, double hz)
{
	part_open(&page->part, stage, SESSION_WEB, false);
	wire_open(&page->wire, &stage->loop);
	browser_open(&page->browser, &stage->loop, &page->wire, true, codec, pt, hz);
	WAIT(stage, page->part.ready == 1, 2000);
	CHECK(page->part.local.n_candidates >= 1);
}

/* Both learn each other's descriptions. */
static inline void page_meet(struct page *page, bool candidates, bool gateway_is_client)
{
	struct session_remote remote;
	struct dtls_fingerprint fingerprint;
	struct part *part = &page->part;

	fingerprint_of(part, &fingerprint);
	browser_set_remote(&page->browser, part->local.ufrag, part->local.pwd, &fingerprint,
			   !gateway_is_client, part->local.candidates[0].port);
	browser_describe(&page->browser, candidates, &remote);
	remote.dtls_client = gateway_is_client;
	CHECK_EQ(session_set_remote(part->stage->workers, part->ref, &remote), 0);
}

static inline void page_close(struct page *page)
{
	struct stage *stage = page->part.stage;

	part_close(&page->part);
	WAIT(stage, page->part.closed == 1, 2000);
	browser_close(&page->browser);
	WAIT(stage, page->browser.closed == 1, 2000);
	wire_close(&page->wire);
	CHECK_EQ(page->wire.strangers, 0);
	CHECK_EQ(page->wire.counts.other, 0);
}
