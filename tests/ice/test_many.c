/* Ten thousand agents made and closed in random order: nothing stays behind.
 * libnice closes descriptors inside its own iterations, which is what the dup()s
 * of the bridge are for (versatica/Kurento #460, meetecho/janus-gateway #2288). */
#include "tests/check.h"
#include "tests/ice/peer.h"

#include <dirent.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { AGENTS = 2000 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { AGENTS = 2000 };
#else
enum { AGENTS = 10000 };
#endif
#else
enum { AGENTS = 10000 };
#endif

enum { AT_ONCE = 60 };

static uint32_t random_state = 1;

/* Numerical Recipes' generator: the same order in each run. */
static uint32_t pick(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* The struct is used again once on_closed came. */
static void close_peer(struct peer *p)
{
	p->closing = p->ice != NULL;
	ice_close(p->ice);
	p->ice = NULL;
}

static void agents_come_and_go_without_a_trace(void)
{
	static struct peer peers[AT_ONCE];
	uv_loop_t loop;
	int before = 0, opened = 0, connected = 0;

	uv_loop_init(&loop);
	for (int made = 0; made < AGENTS;) {
		struct peer *p = &peers[pick(AT_ONCE)];
		struct peer *q = &peers[(p - peers) ^ 1];

		if (p->ice && pick(8) == 0) {
			connected += p->connected > 0;
			close_peer(p);
		} else if (!p->ice && (!p->closing || p->closed)) {
			memset(p, 0, sizeof(*p));
			if (peer_open(p, &loop, (p - peers) & 1) == 0)
				made++, opened++;
			else
				CHECK(!"an agent could not be made");
		} else if (p->ice && q->ice && pick(4)) {
			peer_tell(p, q, true);
			peer_tell(q, p, pick(2));
		} else if (p->ice && pick(4) == 0) {
			ice_restart(p->ice, NULL, NULL);
			ice_get_local(p->ice, &p->local);
		}
		if (pick(3) == 0)
			uv_run(&loop, UV_RUN_NOWAIT);
		if (pick(20) == 0)
			run_for(&loop, 2);
		if (made == 500 && before == 0) {
			for (int i = 0; i < AT_ONCE; i++)
				close_peer(&peers[i]);
			uv_run(&loop, UV_RUN_DEFAULT);
			before = count_descriptors();
		}
	}
	for (int i = 0; i < AT_ONCE; i++)
		ice_close(peers[i].ice);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(count_descriptors(), before);
	CHECK_EQ(uv_loop_close(&loop), 0);
	CHECK(connected > AGENTS / 50);
	printf("  %d agents, %d of them connected\n", opened, connected);
}

TESTS(agents_come_and_go_without_a_trace)
