/* Commands, events and bridges across the workers' threads, for the thread sanitizer.
 * ICE is a plain socket here (test_worker_threads/ice.c); DTLS, SRTP, RTP and the
 * queues are real. */
#include "tests/check.h"
#include "tests/gateway/far.h"
#include "tests/gateway/stage.h"

#include <string.h>

enum { WORKERS = 3, MOST = 24 };

static uint32_t random_state = 1;

static unsigned random_below(unsigned n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

/* Tells one web session what another has, as two gateways would by SDP. */
static void introduce(const struct part *to, const struct part *of, bool dtls_client)
{
	static struct session_remote remote;
	const struct voice opus = { .codec = &codec_opus, .pt = 111 };

	remote = (struct session_remote){ .fingerprint = of->local.fingerprint,
					  .dtls_client = dtls_client,
					  .n_candidates = 1 };
	far_media(&opus, &remote);
	memcpy(remote.ufrag, of->local.ufrag, sizeof(remote.ufrag));
	memcpy(remote.pwd, of->local.pwd, sizeof(remote.pwd));
	remote.candidates[0] = of->local.candidates[0];
	memcpy(remote.foundations[0], of->local.foundations[0], sizeof(remote.foundations[0]));
	session_set_remote(to->stage->workers, to->ref, &remote);
}

/* A phone, its session and a web session, bridged in one worker. */
struct end {
	struct part plain, web;
	struct phone phone;
};

static void end_open(struct end *end, struct stage *stage, const struct codec *codec, uint8_t pt,
		     double hz)
{
	struct session_remote remote;

	part_open(&end->web, stage, SESSION_WEB, false);
	part_open_near(&end->plain, stage, SESSION_PLAIN, &end->web);
	CHECK_EQ(end->plain.ref.worker, end->web.ref.worker);
	phone_open(&end->phone, &stage->loop, codec, pt, hz);
	WAIT(stage, end->plain.ready && end->web.ready, 5000);
	phone_set_remote(&end->phone, end->plain.local.port, end->plain.local.rtcp_port);
	phone_describe(&end->phone, &remote);
	session_set_remote(stage->workers, end->plain.ref, &remote);
	CHECK_EQ(session_join(stage->workers, end->plain.ref, end->web.ref), 0);
	phone_talk(&end->phone, true);
}

static void end_close(struct end *end, struct stage *stage)
{
	part_close(&end->plain);
	part_close(&end->web);
	phone_close(&end->phone);
	WAIT(stage, end->plain.closed && end->web.closed && !end->phone.open_handles, 5000);
}

/* Phone to phone through four sessions in two threads:
 * PCMU -> Opus over SRTP -> PCMA, and back. */
static void a_call_crosses_two_workers(void)
{
	struct stage stage;
	struct end one, other;

	stage_open(&stage, &(struct stage_config){ .workers = 2 });
	end_open(&one, &stage, &codec_pcmu, 0, 440);
	end_open(&other, &stage, &codec_pcma, 8, 1000);
	CHECK(one.web.ref.worker != other.web.ref.worker);
	introduce(&one.web, &other.web, true);
	introduce(&other.web, &one.web, false);
	WAIT(&stage, one.web.connected && other.web.connected, 10000);
	WAIT(&stage, one.phone.voice.n_heard >= 60 && other.phone.voice.n_heard >= 60, 10000);
	session_send_digit(stage.workers, one.plain.ref, '5', 100);
	CHECK(voice_level_db(&one.phone.voice, 1000, 200) > -3);
	CHECK(voice_level_db(&one.phone.voice, 440, 200) < -30);
	CHECK(voice_level_db(&other.phone.voice, 440, 200) > -3);
	end_close(&one, &stage);
	end_close(&other, &stage);
	CHECK_EQ(one.web.failed + other.web.failed, 0);
	stage_close(&stage);
}

static void do_something(struct stage *stage, struct part *parts, bool *used)
{
	unsigned at = random_below(MOST);
	struct part *part = &parts[at], *other = &parts[random_below(MOST)];
	struct session_remote remote = { .port = 9 };

	if (!used[at]) {
		part_open_near(part, stage, random_below(2) ? SESSION_WEB : SESSION_PLAIN,
			       random_below(2) && other->stage ? other : NULL);
		used[at] = true;
		return;
	}
	switch (random_below(6)) {
	case 0:
		part_close(part);
		WAIT(stage, part->closed == 1, 5000);
		used[at] = false;
		break;
	case 1:
		if (part->ready && other->stage && other->ready && other != part &&
		    part->local.n_candidates && other->local.n_candidates) {
			introduce(part, other, true);
			introduce(other, part, false);
		}
		break;
	case 2:
		if (other->stage)
			session_join(stage->workers, part->ref, other->ref);
		break;
	case 3:
		session_send_digit(stage->workers, part->ref, '1', 60);
		break;
	case 4:
		if (!part->local.n_candidates) {
			const struct voice pcmu = { .codec = &codec_pcmu, .pt = 0 };

			far_media(&pcmu, &remote);
			sdp_ip_parse(STR("127.0.0.1"), &remote.ip);
			remote.rtcp_port = 9;
			session_set_remote(stage->workers, part->ref, &remote);
		}
		break;
	case 5:
		stage_turn(stage);
		break;
	}
}

static void random_commands_while_a_call_goes_on(void)
{
	static struct part parts[MOST];
	struct stage stage;
	bool used[MOST] = { false };
	struct end one, other;

	memset(parts, 0, sizeof(parts));
	stage_open(&stage, &(struct stage_config){ .workers = WORKERS, .quiet_ms = 50 });
	end_open(&one, &stage, &codec_pcmu, 0, 440);
	end_open(&other, &stage, &codec_pcma, 8, 1000);
	introduce(&one.web, &other.web, true);
	introduce(&other.web, &one.web, false);
	for (unsigned i = 0; i < 3000; i++)
		do_something(&stage, parts, used);
	for (unsigned at = 0; at < MOST; at++) {
		if (!used[at])
			continue;
		part_close(&parts[at]);
		WAIT(&stage, parts[at].closed == 1, 5000);
	}
	size_t before = one.phone.voice.n_heard;
	WAIT(&stage, one.phone.voice.n_heard > before, 5000);
	end_close(&one, &stage);
	end_close(&other, &stage);
	CHECK_EQ(workers_sessions(stage.workers), 0);
	stage_close(&stage);
}

static void workers_may_be_stopped_while_busy(void)
{
	for (unsigned round = 0; round < 10; round++) {
		static struct part parts[MOST];
		struct stage stage;
		bool used[MOST] = { false };
		struct end one, other;

		memset(parts, 0, sizeof(parts));
		stage_open(&stage, &(struct stage_config){ .workers = WORKERS, .quiet_ms = 20 });
		end_open(&one, &stage, &codec_pcmu, 0, 440);
		end_open(&other, &stage, &codec_pcma, 8, 1000);
		introduce(&one.web, &other.web, true);
		introduce(&other.web, &one.web, false);
		for (unsigned i = 0; i < 20 + 20 * round; i++)
			do_something(&stage, parts, used);
		workers_stop(stage.workers);
		phone_close(&one.phone);
		phone_close(&other.phone);
		stage_close(&stage);
		CHECK_EQ(one.phone.open_handles, 0);
		CHECK_EQ(one.plain.closed, 0);
	}
}

TESTS(a_call_crosses_two_workers, random_commands_while_a_call_goes_on,
      workers_may_be_stopped_while_busy)
