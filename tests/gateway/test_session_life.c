/* Sessions and workers come and go: in every state, a thousand times, without memory,
 * without ports. The loop and the clock are real. */
#include "gateway/log.h"
#include "gateway/media_address.h"
#include "gateway/session.h"
#include "tests/gateway/session_bench.h"
#include "tests/oom.h"

#include <dirent.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static uint32_t random_state = 7;

static unsigned random_below(unsigned n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

enum { AT_A_TIME = 20 };

static void open_and_close(struct stage *stage, unsigned sessions)
{
	static struct part parts[AT_A_TIME];
	bool used[AT_A_TIME] = { false };

	for (unsigned i = 0; i < sessions; i++) {
		unsigned at = random_below(AT_A_TIME);
		struct session_remote remote = { .port = 9 };

		if (used[at]) {
			part_close(&parts[at]);
			WAIT(stage, parts[at].closed == 1, 3000);
		}
		part_open(&parts[at], stage, random_below(2) ? SESSION_WEB : SESSION_PLAIN,
			  random_below(2));
		used[at] = true;
		if (random_below(2))
			WAIT(stage, parts[at].ready || parts[at].failed, 3000);
		CHECK_EQ(parts[at].failed, 0);
		/* also with what no session can use: it fails, no more */
		if (random_below(4) == 0)
			session_set_remote(stage->workers, parts[at].ref, &remote);
		if (random_below(4) == 0)
			session_join(stage->workers, parts[at].ref,
				     parts[random_below(at + 1)].ref);
	}
	for (unsigned at = 0; at < AT_A_TIME; at++) {
		if (!used[at])
			continue;
		part_close(&parts[at]);
		WAIT(stage, parts[at].closed == 1, 3000);
	}
	CHECK_EQ(workers_sessions(stage->workers), 0);
}

static void a_thousand_sessions_leave_nothing_behind(void)
{
	struct stage stage;

	stage_open(&stage, &(struct stage_config){ .workers = 2 });
	open_and_close(&stage, 300);
	stage_run(&stage, 50);
	unsigned fds = descriptors();
	size_t bytes = mallinfo2().uordblks;
	open_and_close(&stage, 700);
	stage_run(&stage, 50);
	CHECK_EQ(descriptors(), fds);
	long long growth = (long long)mallinfo2().uordblks - (long long)bytes;
	if (growth > 64 * 1024)
		printf("  grew by %lld bytes\n", growth);
	CHECK(growth <= 64 * 1024);
	stage_close(&stage);
}

/* Closed right after the open; ready; told of the peer; during ICE; during DTLS. */
static void a_session_may_be_closed_in_each_state(void)
{
	struct stage stage;

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	for (unsigned ms = 0; ms < 60; ms++) {
		struct page page = { .wire = { .port = 0 } };
		struct part early, plain;

		part_open(&early, &stage, SESSION_WEB, true);
		part_close(&early);
		part_open(&plain, &stage, SESSION_PLAIN, false);
		part_close(&plain);
		page_open(&page, &stage, &codec_pcmu, 0, 440);
		page_meet(&page, true, ms & 1);
		stage_run(&stage, ms);
		page_close(&page);
		WAIT(&stage, early.closed == 1 && plain.closed == 1, 2000);
		CHECK_EQ(early.ready, 0);
		CHECK_EQ(early.failed, 0);
	}
	CHECK_EQ(workers_sessions(stage.workers), 0);
	stage_close(&stage);
}

static void workers_stop_with_sessions_in_each_state(void)
{
	struct stage stage;
	struct part parts[6];
	struct line line;
	struct page page;

	stage_open(&stage, &(struct stage_config){ .workers = 2 });
	line_open(&line, &stage, &codec_pcmu, 0, 440);
	page_open(&page, &stage, &codec_opus, 111, 440);
	page_meet(&page, true, true);
	session_join(stage.workers, page.part.ref, line.part.ref);
	phone_talk(&line.phone, true);
	stage_run(&stage, 30);
	for (unsigned i = 0; i < 6; i++)
		part_open(&parts[i], &stage, i & 1 ? SESSION_WEB : SESSION_PLAIN, false);
	part_close(&parts[2]);
	part_close(&parts[3]);
	workers_stop(stage.workers);
	workers_stop(stage.workers); /* harmless */
	phone_close(&line.phone);
	browser_close(&page.browser);
	wire_close(&page.wire);
	stage_close(&stage);
	CHECK_EQ(page.browser.closed, 1);
	CHECK_EQ(line.phone.open_handles, 0);
}

/* Sessions are named by slot and generation, so a late word reaches nobody. */
static void late_commands_to_a_dead_session_are_harmless(void)
{
	struct stage stage;
	struct part dead, alive;
	struct session_remote remote = { .port = 9 };

	stage_open(&stage, &(struct stage_config){ .workers = 1 });
	part_open(&dead, &stage, SESSION_PLAIN, false);
	WAIT(&stage, dead.ready == 1, 2000);
	part_close(&dead);
	/* closing, and then closed */
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(session_set_remote(stage.workers, dead.ref, &remote), 0);
		CHECK_EQ(session_send_digit(stage.workers, dead.ref, '5', 100), 0);
		CHECK_EQ(session_join(stage.workers, dead.ref, dead.ref), 0);
		WAIT(&stage, dead.closed == 1, 2000);
	}
	session_close(stage.workers, dead.ref, NULL, NULL);
	CHECK_EQ(workers_sessions(stage.workers), 0);
	part_open(&alive, &stage, SESSION_PLAIN, false);
	session_close(stage.workers, dead.ref, NULL, NULL);
	session_join(stage.workers, alive.ref, dead.ref);
	WAIT(&stage, alive.ready == 1, 2000);
	stage_run(&stage, 20);
	CHECK_EQ(alive.failed, 0);
	CHECK_EQ(workers_sessions(stage.workers), 1);
	CHECK_EQ(dead.failed, 0);
	part_close(&alive);
	WAIT(&stage, alive.closed == 1, 2000);
	stage_close(&stage);
}

/* ---- out of memory ---- */

static void no_ready(struct session *session, const struct session_local *local)
{
	(void)session, (void)local;
}

static void no_word(struct session *session, const char *one, const char *other)
{
	(void)session, (void)one, (void)other;
}

static void no_why(struct session *session, const char *why)
{
	(void)session, (void)why;
}

static void no_silence(struct session *session, bool quiet)
{
	(void)session, (void)quiet;
}

static void no_digit(struct session *session, char digit, unsigned duration_ms, bool passed)
{
	(void)session, (void)digit, (void)duration_ms, (void)passed;
}

static void count_closed(struct session *session, const struct session_stats *stats)
{
	(void)stats;
	++*(unsigned *)session->owner;
}

static const struct session_hooks no_hooks = {
	.on_ready = no_ready,
	.on_connected = no_word,
	.on_failed = no_why,
	.on_quiet = no_silence,
	.on_digit = no_digit,
	.on_note = no_why,
	.on_closed = count_closed,
};

static struct config *oom_config;
static struct media_addresses oom_addresses;

/* Two phones' sessions, bridged with a transcoder between them. */
static int make_and_end(void)
{
	const struct voice voices[2] = { { .codec = &codec_pcmu, .pt = 0 },
					 { .codec = &codec_opus, .pt = 111 } };
	static struct session_remote remote;
	struct session *sessions[2] = { NULL };
	unsigned made = 0, closed = 0;
	uv_loop_t loop;
	int err = uv_loop_init(&loop);

	for (; made < 2 && !err; made += !err)
		err = session_new(
			&(struct session_setup){
				.owner = &closed,
				.hooks = &no_hooks,
				.loop = &loop,
				.config = oom_config,
				.addresses = &oom_addresses,
				.quiet_ms = 100,
			},
			&(struct session_config){ .kind = SESSION_PLAIN, .call_id = "oom" },
			&sessions[made]);
	for (unsigned i = 0; i < 2 && !err; i++) {
		remote = (struct session_remote){ .port = 9, .rtcp_port = 9 };
		sdp_ip_parse(STR("127.0.0.1"), &remote.ip);
		far_media(&voices[i], &remote);
		err = session_remote(sessions[i], &remote);
	}
	if (!err)
		err = session_bridge(sessions[0], sessions[1]);
	for (unsigned i = 0; i < made; i++)
		session_end(sessions[i]);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&loop), 0);
	CHECK_EQ(closed, made);
	return err;
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	static const char text[] = "[media]\naddress = 127.0.0.1\nports = 38000-38899\n";
	struct config_error error;

	log_set_level(LOG_LEVEL_ERROR);
	REQUIRE(config_parse("test", ".", text, sizeof(text) - 1, &oom_config, &error) == 0);
	REQUIRE(media_addresses_read(oom_config, &oom_addresses) == 0);
	CHECK(oom_sweep("session", make_and_end) > 10);
	config_free(oom_config);
}

/* ---- ports ---- */

static bool is_free(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool is = bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;

	close(fd);
	return is;
}

static void a_full_port_range_is_told(void)
{
	struct stage stage;
	struct part one, two, three, web;
	uint16_t first = 38900;

	while (!is_free(first) || !is_free(first + 1) || !is_free(first + 2) || !is_free(first + 3))
		first += 4;
	stage_open(&stage, &(struct stage_config){ .port_min = first, .port_max = first + 3u });
	part_open(&one, &stage, SESSION_PLAIN, false);
	part_open(&two, &stage, SESSION_PLAIN, false);
	WAIT(&stage, one.ready && two.ready, 2000);
	CHECK(one.local.port != two.local.port);
	part_open(&three, &stage, SESSION_PLAIN, false);
	part_open(&web, &stage, SESSION_WEB, false);
	WAIT(&stage, three.failed == 1 && web.failed == 1, 2000);
	CHECK(strstr(three.why, "no free port") != NULL);
	CHECK(strstr(web.why, "no free port") != NULL);
	part_close(&three);
	part_close(&web);
	part_close(&one);
	WAIT(&stage, one.closed == 1 && three.closed == 1 && web.closed == 1, 2000);

	/* and there is room again */
	part_open(&three, &stage, SESSION_PLAIN, false);
	WAIT(&stage, three.ready == 1, 2000);
	part_close(&two);
	part_close(&three);
	WAIT(&stage, two.closed == 1 && three.closed == 1, 2000);
	stage_close(&stage);
}

TESTS(a_thousand_sessions_leave_nothing_behind, a_session_may_be_closed_in_each_state,
      workers_stop_with_sessions_in_each_state, late_commands_to_a_dead_session_are_harmless,
      running_out_of_memory_leaves_nothing_behind, a_full_port_range_is_told)
