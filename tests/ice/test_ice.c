/* Two ICE ends of ours on one loop over 127.0.0.1. */
#include "ice/interfaces.h"
#include "tests/check.h"
#include "tests/ice/peer.h"

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOON = 5000 }; /* ms; a deadline, nothing waits for all of it */

#define DTLS_LIKE "\x16hello"
#define RTP_LIKE  "\x80hello"

static bool pair_up(uv_loop_t *loop, struct peer *a, struct peer *b)
{
	return uv_loop_init(loop) == 0 && peer_open(a, loop, true) == 0 &&
	       peer_open(b, loop, false) == 0 && peer_tell(a, b, true) == 0 &&
	       peer_tell(b, a, true) == 0 && run_until(loop, &a->connected, 1, SOON) &&
	       run_until(loop, &b->connected, 1, SOON);
}

static void two_ends_connect_and_exchange_packets(void)
{
	uv_loop_t loop;
	struct peer a = { 0 }, b = { 0 };
	char text[128];

	REQUIRE(pair_up(&loop, &a, &b));
	CHECK_EQ(a.gathered, 1);
	CHECK(ice_connected(a.ice) && ice_connected(b.ice));
	CHECK(ice_last_check_ms(b.ice) > 0);
	ice_print_pair(a.ice, text, sizeof(text));
	CHECK(str_starts(str_of(text), STR("127.0.0.1:31")));

	for (int i = 1; i <= 20; i++) {
		CHECK_EQ(ice_send(a.ice, DTLS_LIKE, 6), 0);
		CHECK_EQ(ice_send(b.ice, RTP_LIKE, 6), 0);
	}
	CHECK(run_until(&loop, &b.packets, 20, SOON));
	CHECK(run_until(&loop, &a.packets, 20, SOON));
	CHECK_EQ(b.last_n, 6);
	CHECK(memcmp(b.last, DTLS_LIKE, 6) == 0);
	CHECK(memcmp(a.last, RTP_LIKE, 6) == 0);
	CHECK(wind_up(&loop, &a, &b));
	CHECK_EQ(a.failed + b.failed, 0);
}

/* libnice asks for them for every candidate, which was a quarter of a set-up's cost. */
static void the_kernel_is_not_asked_for_interfaces_by_each_end(void)
{
	uint64_t begin_ns = uv_hrtime(), before = ice_interfaces_reads();

	for (int i = 0; i < 5; i++) {
		uv_loop_t loop;
		struct peer a = { 0 }, b = { 0 };

		REQUIRE(pair_up(&loop, &a, &b));
		CHECK(wind_up(&loop, &a, &b));
	}
	uint64_t ms = (uv_hrtime() - begin_ns) / 1000000;
	CHECK(ice_interfaces_reads() >= 1);
	CHECK(ice_interfaces_reads() - before <= 1 + ms / ICE_INTERFACES_MS);
}

static void be_over(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* libnice would go on ticking for 5 s, every 20 ms, in each agent. */
static void a_connected_end_lets_the_loop_sleep(void)
{
	uv_loop_t loop;
	uv_timer_t timer;
	struct peer a = { 0 }, b = { 0 };
	bool over = false;
	int turns = 0;

	REQUIRE(pair_up(&loop, &a, &b));
	run_for(&loop, 500);
	uv_timer_init(&loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, be_over, 600, 0);
	while (!over) {
		uv_run(&loop, UV_RUN_ONCE);
		turns++;
	}
	CHECK(turns < 10);
	uv_close((uv_handle_t *)&timer, NULL);
	CHECK(wind_up(&loop, &a, &b));
}

static void sending_before_there_is_a_pair_is_an_error(void)
{
	uv_loop_t loop;
	struct peer a = { 0 };

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, true) == 0);
	CHECK_EQ(ice_send(a.ice, RTP_LIKE, 6), -ENOTCONN);
	CHECK_EQ(a.gathered, 0);
	CHECK(run_until(&loop, &a.gathered, 1, SOON));
	CHECK(wind_up(&loop, &a, NULL));
}

static void local_side_is_complete_at_once(void)
{
	uv_loop_t loop;
	struct peer a = { 0 };

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, false) == 0);
	CHECK_EQ(a.local.n, 1);
	CHECK(strlen(a.local.ufrag) >= 4);
	CHECK(strlen(a.local.pwd) >= 22);
	CHECK_STR(str_of(a.local.candidates[0].address), "127.0.0.1");
	CHECK_EQ(a.local.candidates[0].type, ICE_HOST);
	CHECK_EQ(a.local.candidates[0].component, 1);
	CHECK(a.local.candidates[0].priority > 0);
	CHECK(a.local.candidates[0].port >= 31000 && a.local.candidates[0].port <= 31999);
	CHECK(!str_empty(str_of(a.local.candidates[0].foundation)));
	CHECK(wind_up(&loop, &a, NULL));
}

static void the_advertised_address_is_told(void)
{
	static const char *const addresses[] = { "127.0.0.1", "::1" };
	static const struct ice_events none = { 0 };
	uv_loop_t loop;
	struct ice *ice;
	struct ice_local local;

	uv_loop_init(&loop);
	struct ice_config config = { .loop = &loop,
				     .addresses = addresses,
				     .n_addresses = 2,
				     .advertise = "203.0.113.7",
				     .events = &none };
	REQUIRE(ice_new(&config, &ice) == 0);
	ice_get_local(ice, &local);
	CHECK_EQ(local.n, 2);
	for (size_t i = 0; i < local.n; i++)
		CHECK(str_eq(str_of(local.candidates[i].address), STR("203.0.113.7")) ||
		      str_eq(str_of(local.candidates[i].address), STR("::1")));
	ice_close(ice);
	uv_run(&loop, UV_RUN_DEFAULT);

	config.advertise = "gateway.example";
	CHECK_EQ(ice_new(&config, &ice), -EINVAL);
	config.advertise = NULL;
	config.addresses = (const char *const[]){ "127.0.0.1", "localhost" };
	CHECK_EQ(ice_new(&config, &ice), -EINVAL);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

/* JsSIP sends its offer before any candidate is gathered; a browser without
 * microphone permission has .local candidates only. RFC 8445 §7.3.1.3. */
static void a_peer_without_candidates_connects(void)
{
	uv_loop_t loop;
	struct peer a = { 0 }, b = { 0 };

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, true) == 0);
	REQUIRE(peer_open(&b, &loop, false) == 0);
	CHECK_EQ(peer_tell(&a, &b, true), 0);
	CHECK_EQ(peer_tell(&b, &a, false), 0);
	CHECK(run_until(&loop, &a.connected, 1, SOON));
	CHECK(run_until(&loop, &b.connected, 1, SOON));
	CHECK_EQ(ice_send(b.ice, RTP_LIKE, 6), 0);
	CHECK(run_until(&loop, &a.packets, 1, SOON));
	CHECK(wind_up(&loop, &a, &b));
}

/* The other role has none: the browser was called, and knows our candidates. */
static void a_controlled_peer_without_candidates_connects(void)
{
	uv_loop_t loop;
	struct peer a = { 0 }, b = { 0 };

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, true) == 0);
	REQUIRE(peer_open(&b, &loop, false) == 0);
	CHECK_EQ(peer_tell(&a, &b, false), 0);
	CHECK_EQ(peer_tell(&b, &a, true), 0);
	CHECK(run_until(&loop, &a.connected, 1, SOON));
	CHECK(run_until(&loop, &b.connected, 1, SOON));
	CHECK(wind_up(&loop, &a, &b));
}

/* A closed port of this machine, as a home address of a browser is to us. */
static const struct ice_candidate nobody = {
	.foundation = "9",
	.component = 1,
	.priority = 2130706431,
	.address = "127.0.0.9",
	.port = 9999,
	.type = ICE_HOST,
};

/* libnice would nominate only once the check of the other candidate has failed. */
static void a_candidate_that_leads_nowhere_delays_nothing(void)
{
	uv_loop_t loop;
	struct peer a = { .patience_ms = 1000 }, b = { 0 };

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, true) == 0);
	REQUIRE(peer_open(&b, &loop, false) == 0);
	CHECK_EQ(peer_tell(&a, &b, false), 0);
	CHECK_EQ(ice_add_remote(a.ice, &nobody), 0);
	CHECK_EQ(peer_tell(&b, &a, true), 0);
	CHECK(run_until(&loop, &a.connected, 1, 900));
	CHECK(run_until(&loop, &b.connected, 1, 900));
	CHECK(wind_up(&loop, &a, &b));
}

/* RFC 8445 §2.5: a lite peer sends no checks of its own. */
static void a_peer_that_does_not_check_is_checked_after_a_while(void)
{
	uv_loop_t loop;
	struct peer a = { .patience_ms = 100 }, b = { 0 };

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, true) == 0);
	REQUIRE(peer_open(&b, &loop, false) == 0);
	CHECK_EQ(peer_tell(&a, &b, true), 0);
	CHECK_EQ(peer_tell(&b, &a, false), 0);
	run_for(&loop, 50);
	CHECK_EQ(a.connected, 0);
	CHECK(run_until(&loop, &a.connected, 1, SOON));
	CHECK(run_until(&loop, &b.connected, 1, SOON));
	CHECK(wind_up(&loop, &a, &b));
}

/* meetecho/janus-gateway #286: ICE gave up while the phone rang. */
static void checks_before_the_credentials_are_kept(void)
{
	uv_loop_t loop;
	struct peer a = { 0 }, b = { 0 };

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, true) == 0);
	REQUIRE(peer_open(&b, &loop, false) == 0);
	CHECK_EQ(peer_tell(&a, &b, true), 0);
	run_for(&loop, 300);
	CHECK_EQ(b.connected, 0);
	CHECK(ice_last_check_ms(b.ice) > 0);
	CHECK_EQ(peer_tell(&b, &a, false), 0);
	CHECK(run_until(&loop, &a.connected, 1, SOON));
	CHECK(run_until(&loop, &b.connected, 1, SOON));
	CHECK_EQ(a.failed + b.failed, 0);
	CHECK(wind_up(&loop, &a, &b));
}

static void a_strangers_packets_are_dropped(void)
{
	uv_loop_t loop;
	struct peer a = { 0 }, b = { 0 };
	struct ice_drops drops;

	REQUIRE(pair_up(&loop, &a, &b));
	int fd = stranger_open(&b);
	REQUIRE(fd >= 0);
	for (int i = 0; i < 50; i++) {
		CHECK_EQ(send(fd, DTLS_LIKE, 6, 0), 6);
		CHECK_EQ(send(fd, RTP_LIKE, 6, 0), 6);
	}
	CHECK_EQ(ice_send(a.ice, RTP_LIKE, 6), 0);
	CHECK(run_until(&loop, &b.packets, 1, SOON));
	run_for(&loop, 50);
	CHECK_EQ(b.packets, 1);
	ice_get_drops(b.ice, &drops);
	CHECK_EQ(drops.stranger, 100);
	CHECK(wind_up(&loop, &a, &b));
	close(fd);
}

static void a_strangers_stun_is_dropped(void)
{
	uv_loop_t loop;
	struct peer a = { 0 }, b = { 0 };
	struct ice_drops drops;
	uint8_t bytes[600], answer[600];
	char username[80];

	REQUIRE(pair_up(&loop, &a, &b));
	int fd = stranger_open(&b);
	snprintf(username, sizeof(username), "%s:%s", b.local.ufrag, a.local.ufrag);

	/* A wrong password, a wrong name, no name, an indication: drops.stun */
	size_t n = make_check(bytes, username, "wrongwrongwrongwrongwrong", 0x0001);
	CHECK_EQ(send(fd, bytes, n, 0), n);
	n = make_check(bytes, "xxxx:yyyy", b.local.pwd, 0x0001);
	CHECK_EQ(send(fd, bytes, n, 0), n);
	n = make_check(bytes, NULL, b.local.pwd, 0x0001);
	CHECK_EQ(send(fd, bytes, n, 0), n);
	n = make_check(bytes, username, b.local.pwd, 0x0011);
	CHECK_EQ(send(fd, bytes, n, 0), n);
	/* A length that is none, a wrong cookie, a stray first byte: the kernel's filter. */
	n = make_check(bytes, username, b.local.pwd, 0x0001);
	CHECK_EQ(send(fd, bytes, n - 4, 0), n - 4);
	bytes[4] ^= 1;
	CHECK_EQ(send(fd, bytes, n, 0), n);
	CHECK_EQ(send(fd, "\x05hello", 6, 0), 6);
	CHECK_EQ(send(fd, "\x40hello", 6, 0), 6);
	CHECK_EQ(send(fd, "\xC0hello", 6, 0), 6);
	CHECK_EQ(send(fd, "", 0, 0), 0);
	run_for(&loop, 100);
	ice_get_drops(b.ice, &drops);
	CHECK_EQ(drops.stun, 4);
	CHECK_EQ(drops.stranger, 0);
	CHECK_EQ(recv(fd, answer, sizeof(answer), MSG_DONTWAIT), -1);
	CHECK_EQ(b.packets, 0);

	/* The right password makes an accepted sender: answered, and heard. */
	n = make_check(bytes, username, b.local.pwd, 0x0001);
	CHECK_EQ(send(fd, bytes, n, 0), n);
	run_for(&loop, 100);
	CHECK(recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 20);
	CHECK_EQ(send(fd, DTLS_LIKE, 6, 0), 6);
	CHECK(run_until(&loop, &b.packets, 1, SOON));
	CHECK(wind_up(&loop, &a, &b));
	close(fd);
}

static void the_ninth_sender_is_a_stranger(void)
{
	uv_loop_t loop;
	struct peer a = { 0 };
	uint8_t bytes[600];
	char username[80];
	int fds[9];

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, false) == 0);
	snprintf(username, sizeof(username), "%s:abcd", a.local.ufrag);
	size_t n = make_check(bytes, username, a.local.pwd, 0x0001);
	for (int i = 0; i < 9; i++) {
		fds[i] = stranger_open(&a);
		CHECK_EQ(send(fds[i], bytes, n, 0), n);
		run_for(&loop, 10);
		CHECK_EQ(send(fds[i], DTLS_LIKE, 6, 0), 6);
	}
	run_for(&loop, 50);
	CHECK_EQ(a.packets, 8);
	CHECK(wind_up(&loop, &a, NULL));
	for (int i = 0; i < 9; i++)
		close(fds[i]);
}

/* libnice 0.1.21 with consent freshness ends the process here. */
static void a_signed_403_before_a_pair_is_harmless(void)
{
	uv_loop_t loop;
	struct peer a = { 0 }, b = { 0 };
	uint8_t bytes[600];

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, true) == 0);
	REQUIRE(peer_open(&b, &loop, false) == 0);
	int fd = stranger_open(&a);
	CHECK_EQ(peer_tell(&a, &b, true), 0);
	for (int i = 0; i < 10; i++) {
		size_t n = make_check(bytes, NULL, b.local.pwd, 0x0111);

		CHECK_EQ(send(fd, bytes, n, 0), n);
		run_for(&loop, 10);
	}
	CHECK_EQ(peer_tell(&b, &a, true), 0);
	CHECK(run_until(&loop, &a.connected, 1, SOON));
	CHECK(wind_up(&loop, &a, &b));
	close(fd);
}

static void candidates_that_cannot_be_are_skipped(void)
{
	uv_loop_t loop;
	struct peer a = { 0 };
	struct ice_candidate c = { .foundation = "1",
				   .component = 1,
				   .priority = 5,
				   .address = "127.0.0.1",
				   .port = 31999 };

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, true) == 0);
	CHECK_EQ(ice_add_remote(a.ice, &c), -EINVAL);
	CHECK_EQ(ice_set_remote(a.ice, "abc", "0123456789012345678901"), -EBADMSG);
	CHECK_EQ(ice_set_remote(a.ice, "abcd", "012345678901234567890"), -EBADMSG);
	CHECK_EQ(ice_set_remote(a.ice, "abc\r", "0123456789012345678901"), -EBADMSG);
	CHECK_EQ(ice_set_remote(a.ice, "abcd", "0123456789012345678901"), 0);
	CHECK_EQ(ice_set_remote(a.ice, "abcd", "0123456789012345678901"), 0);
	CHECK_EQ(ice_set_remote(a.ice, "abcd", "0123456789012345678902"), -EINVAL);
	CHECK(!ice_is_restart(a.ice, "abcd", "0123456789012345678902"));
	CHECK(ice_is_restart(a.ice, "abce", "0123456789012345678902"));

	CHECK_EQ(ice_add_remote(a.ice, &c), 0);
	CHECK_EQ(ice_add_remote(a.ice, &c), 0);
	struct ice_candidate bad = c;
	bad.tcp = true;
	CHECK_EQ(ice_add_remote(a.ice, &bad), -ENOTSUP);
	bad = c, bad.component = 2;
	CHECK_EQ(ice_add_remote(a.ice, &bad), -ENOTSUP);
	bad = c, bad.priority = 0;
	CHECK_EQ(ice_add_remote(a.ice, &bad), -ENOTSUP);
	bad = c, bad.port = 9;
	CHECK_EQ(ice_add_remote(a.ice, &bad), -ENOTSUP);
	bad = c, bad.port = 0;
	CHECK_EQ(ice_add_remote(a.ice, &bad), -ENOTSUP);
	bad = c, snprintf(bad.address, sizeof(bad.address), "0f2d-11.local");
	CHECK_EQ(ice_add_remote(a.ice, &bad), -ENOTSUP);

	for (uint16_t i = 1; i < ICE_MOST_REMOTE; i++) {
		c.port = (uint16_t)(31999 - i);
		CHECK_EQ(ice_add_remote(a.ice, &c), 0);
	}
	c.port = 31001;
	CHECK_EQ(ice_add_remote(a.ice, &c), -ENOBUFS);
	CHECK(wind_up(&loop, &a, NULL));
}

/* sipwise/rtpengine #771, #1019: the peer's network changes, media goes on. */
static void a_restart_renews_the_credentials_and_connects(void)
{
	uv_loop_t loop;
	struct peer a = { 0 }, b = { 0 };
	char ufrag[300];

	REQUIRE(pair_up(&loop, &a, &b));
	snprintf(ufrag, sizeof(ufrag), "%s", a.local.ufrag);
	uint16_t port = a.local.candidates[0].port;

	CHECK_EQ(ice_restart(a.ice, NULL, NULL), 0);
	ice_get_local(a.ice, &a.local);
	CHECK(strcmp(ufrag, a.local.ufrag) != 0);
	CHECK_EQ(a.local.candidates[0].port, port);

	/* until the new pair is there, the old one carries media */
	CHECK_EQ(ice_send(a.ice, RTP_LIKE, 6), 0);
	CHECK(run_until(&loop, &b.packets, 1, SOON));
	CHECK_EQ(ice_send(b.ice, RTP_LIKE, 6), 0);
	CHECK(run_until(&loop, &a.packets, 1, SOON));

	CHECK(ice_is_restart(b.ice, a.local.ufrag, a.local.pwd));
	CHECK_EQ(ice_restart(b.ice, a.local.ufrag, a.local.pwd), 0);
	ice_get_local(b.ice, &b.local);
	CHECK_EQ(peer_tell(&a, &b, true), 0);
	for (size_t i = 0; i < a.local.n; i++)
		CHECK_EQ(ice_add_remote(b.ice, &a.local.candidates[i]), 0);
	CHECK(run_until(&loop, &a.connected, 2, SOON));
	CHECK_EQ(ice_send(a.ice, RTP_LIKE, 6), 0);
	CHECK(run_until(&loop, &b.packets, 2, SOON));
	CHECK_EQ(ice_send(b.ice, RTP_LIKE, 6), 0);
	CHECK(run_until(&loop, &a.packets, 2, SOON));
	CHECK(wind_up(&loop, &a, &b));
}

static void senders_are_forgotten_at_a_restart(void)
{
	uv_loop_t loop;
	struct peer a = { 0 };
	uint8_t bytes[600];
	char username[80];

	uv_loop_init(&loop);
	REQUIRE(peer_open(&a, &loop, false) == 0);
	snprintf(username, sizeof(username), "%s:abcd", a.local.ufrag);
	size_t n = make_check(bytes, username, a.local.pwd, 0x0001);
	int fd = stranger_open(&a);
	CHECK_EQ(send(fd, bytes, n, 0), n);
	run_for(&loop, 20);
	CHECK_EQ(send(fd, DTLS_LIKE, 6, 0), 6);
	CHECK(run_until(&loop, &a.packets, 1, SOON));
	CHECK_EQ(ice_restart(a.ice, NULL, NULL), 0);
	CHECK_EQ(send(fd, DTLS_LIKE, 6, 0), 6);
	CHECK_EQ(send(fd, bytes, n, 0), n); /* the old password */
	CHECK_EQ(send(fd, DTLS_LIKE, 6, 0), 6);
	run_for(&loop, 50);
	CHECK_EQ(a.packets, 1);
	CHECK(wind_up(&loop, &a, NULL));
	close(fd);
}

static void closing_inside_events_is_safe(void)
{
	uv_loop_t loop;
	struct peer a = { 0 }, b = { 0 };

	REQUIRE(pair_up(&loop, &a, &b));
	b.close_in_packet = true;
	for (int i = 0; i < 10; i++)
		CHECK_EQ(ice_send(a.ice, RTP_LIKE, 6), 0);
	CHECK(run_until(&loop, &b.closed, 1, SOON));
	CHECK_EQ(b.packets, 1);
	CHECK(wind_up(&loop, &a, &b));

	struct peer c = { 0 }, d = { .close_in_connected = true };
	uv_loop_init(&loop);
	REQUIRE(peer_open(&c, &loop, true) == 0 && peer_open(&d, &loop, false) == 0);
	CHECK_EQ(peer_tell(&c, &d, true), 0);
	CHECK_EQ(peer_tell(&d, &c, true), 0);
	CHECK(run_until(&loop, &d.closed, 1, SOON));
	CHECK(wind_up(&loop, &c, &d));
}

/* Both made the offer, or neither did: RFC 8445 §7.3.1.1. */
static void a_role_conflict_is_settled(void)
{
	for (int role = 0; role < 2; role++) {
		uv_loop_t loop;
		struct peer a = { 0 }, b = { 0 };

		uv_loop_init(&loop);
		REQUIRE(peer_open(&a, &loop, role) == 0);
		REQUIRE(peer_open(&b, &loop, role) == 0);
		CHECK_EQ(peer_tell(&a, &b, true), 0);
		CHECK_EQ(peer_tell(&b, &a, true), 0);
		CHECK(run_until(&loop, &a.connected, 1, SOON));
		CHECK(run_until(&loop, &b.connected, 1, SOON));
		CHECK_EQ(a.failed + b.failed, 0);
		CHECK(wind_up(&loop, &a, &b));
	}
}

/* GLib would end the process. */
static void without_descriptors_there_is_an_error(void)
{
	uv_loop_t loop;
	struct peer a = { 0 };
	struct rlimit before, tight;

	uv_loop_init(&loop);
	REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
	for (rlim_t limit = 3; limit < 40; limit++) {
		tight = before;
		tight.rlim_cur = limit;
		REQUIRE(setrlimit(RLIMIT_NOFILE, &tight) == 0);
		int err = peer_open(&a, &loop, false);
		if (!err)
			ice_close(a.ice);
		CHECK(err == -EMFILE || (!err && limit > 15));
		uv_run(&loop, UV_RUN_DEFAULT);
	}
	REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
	CHECK(a.closed > 0);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

static void a_used_up_port_range_is_an_error(void)
{
	static const char *const addresses[] = { "127.0.0.1" };
	static const struct ice_events none = { 0 };
	uv_loop_t loop;
	struct ice *one, *two;

	uv_loop_init(&loop);
	struct ice_config config = { .loop = &loop,
				     .addresses = addresses,
				     .n_addresses = 1,
				     .port_min = 31777,
				     .port_max = 31777,
				     .events = &none };
	REQUIRE(ice_new(&config, &one) == 0);
	CHECK_EQ(ice_new(&config, &two), -EADDRINUSE);
	ice_close(one);
	uv_run(&loop, UV_RUN_DEFAULT);
	REQUIRE(ice_new(&config, &one) == 0);
	ice_close(one);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK_EQ(uv_loop_close(&loop), 0);
}

TESTS(two_ends_connect_and_exchange_packets, the_kernel_is_not_asked_for_interfaces_by_each_end,
      a_connected_end_lets_the_loop_sleep, sending_before_there_is_a_pair_is_an_error,
      local_side_is_complete_at_once, the_advertised_address_is_told,
      a_candidate_that_leads_nowhere_delays_nothing,
      a_peer_that_does_not_check_is_checked_after_a_while, a_peer_without_candidates_connects,
      a_controlled_peer_without_candidates_connects, checks_before_the_credentials_are_kept,
      a_strangers_packets_are_dropped, a_strangers_stun_is_dropped, the_ninth_sender_is_a_stranger,
      a_signed_403_before_a_pair_is_harmless, candidates_that_cannot_be_are_skipped,
      a_restart_renews_the_credentials_and_connects, senders_are_forgotten_at_a_restart,
      closing_inside_events_is_safe, a_role_conflict_is_settled,
      without_descriptors_there_is_an_error, a_used_up_port_range_is_an_error)
