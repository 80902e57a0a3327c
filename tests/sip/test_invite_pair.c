/* Two endpoints over a network that delays, loses and reorders: re-INVITEs, the
 * crossings of RFC 5407, lost messages, failing allocations. */
#include "sip/core.h"
#include "tests/check.h"
#include "tests/oom.h"
#include "tests/sip/fake_leg.h"

#include <errno.h>
#include <stdio.h>

static struct fake_net net;
static struct fake_flow to_callee, to_caller; /* of the caller's endpoint, of the callee's */
static struct sip_endpoint *calling, *called;
static struct fake_leg caller, callee;
static unsigned unwanted; /* requests no dialog claimed, but for the INVITE */
static unsigned taken;

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	if (request->method == SIP_INVITE && taken == 0 &&
	    fake_leg_take(&callee, called, tx) == 0) {
		taken++;
		return;
	}
	unwanted += request->method != SIP_INVITE;
	sip_respond(tx, &(struct sip_answer){ .status = 480 });
}

static const struct sip_endpoint_events events = { .on_request = on_request };

/* 0 or -ENOMEM */
static int open_up(const struct sip_transport *transport)
{
	fake_net_init(&net);
	net.delay_ms = 20;
	memset(&caller, 0, sizeof(caller));
	memset(&callee, 0, sizeof(callee));
	unwanted = taken = 0;
	calling = fake_endpoint(&net, &events, NULL);
	called = fake_endpoint(&net, &events, NULL);
	if (!calling || !called)
		return -ENOMEM;
	fake_flow_open(&to_callee, &net, calling, transport, "192.0.2.1:5060", "192.0.2.2:5060");
	fake_flow_open(&to_caller, &net, called, transport, "192.0.2.2:5060", "192.0.2.1:5060");
	fake_link(&to_callee, &to_caller);
	return 0;
}

/* Legs still there are freed; gives what is left in both endpoints. */
static size_t close_down(void)
{
	size_t left = 0;

	fake_leg_free(&caller);
	fake_leg_free(&callee);
	if (calling && called) {
		fake_advance(&net, 200000);
		left = calling->n_transactions + called->n_transactions + calling->dialogs.n +
		       called->dialogs.n + calling->timers.n + called->timers.n;
		fake_flow_close(&to_callee);
		fake_flow_close(&to_caller);
	}
	sip_endpoint_free(calling);
	sip_endpoint_free(called);
	calling = called = NULL;
	return left;
}

static void talk(const struct sip_transport *transport)
{
	CHECK_EQ(open_up(transport), 0);
	callee.answer_at_once = true;
	caller.accept_reoffers = callee.accept_reoffers = true;
	CHECK_EQ(fake_leg_call(&caller, calling, &to_callee.flow), 0);
	fake_advance(&net, 100);
	CHECK_EQ(caller.answered, 1);
	CHECK_EQ(callee.confirmed, 1);
}

static void tear_down(void)
{
	CHECK_EQ(unwanted, 0);
	CHECK_EQ(close_down(), 0);
}

static void hang_up_and_tear_down(void)
{
	if (caller.invite)
		sip_invite_hang_up(caller.invite, STR(""));
	fake_advance(&net, 200);
	CHECK_EQ(caller.ended, 1);
	CHECK_EQ(callee.ended, 1);
	tear_down();
}

static void either_side_changes_the_session(void)
{
	talk(&fake_udp);
	CHECK_EQ(sip_invite_reoffer(caller.invite, STR("v=hold\r\n")), 0);
	CHECK_EQ(sip_invite_reoffer(caller.invite, STR("v=twice\r\n")), -EAGAIN);
	fake_advance(&net, 100);
	CHECK_EQ(callee.reoffers, 1);
	CHECK(strcmp(callee.body, "v=hold\r\n") == 0);
	CHECK_EQ(caller.reoffered, 1);
	CHECK_EQ(caller.status, 200);
	CHECK(strcmp(caller.body, "v=reanswer\r\n") == 0);

	CHECK_EQ(sip_invite_reoffer(callee.invite, STR("v=other\r\n")), 0);
	fake_advance(&net, 100);
	CHECK_EQ(caller.reoffers, 1);
	CHECK_EQ(callee.reoffered, 1);
	CHECK_EQ(callee.status, 200);
	CHECK_EQ(fake_count(&to_caller, "SIP/2.0 200 "), 2); /* each stopped by its ACK */
	CHECK_EQ(fake_count(&to_callee, "SIP/2.0 200 "), 1);
	hang_up_and_tear_down();
}

static void a_reoffer_may_be_refused_later_and_the_call_goes_on(void)
{
	talk(&fake_tcp);
	callee.accept_reoffers = false;
	CHECK_EQ(sip_invite_reoffer(caller.invite, STR("v=new\r\n")), 0);
	fake_advance(&net, 5000);
	CHECK_EQ(callee.reoffers, 1);
	CHECK_EQ(sip_invite_reoffer(callee.invite, STR("v=new\r\n")), -EAGAIN);
	CHECK_EQ(sip_invite_reject(callee.invite, 488, STR("Warning: 304 x \"no\"\r\n")), 0);
	CHECK_EQ(sip_invite_reject(callee.invite, 488, STR("")), -ENOENT);
	CHECK_EQ(sip_invite_accept(callee.invite, STR("")), -ENOENT);
	fake_advance(&net, 100);
	CHECK_EQ(caller.reoffered, 1);
	CHECK_EQ(caller.status, 488);
	CHECK_EQ(caller.ended + callee.ended, 0);
	CHECK_EQ(sip_invite_reoffer(caller.invite, STR("v=again\r\n")), 0);
	fake_advance(&net, 100);
	sip_invite_accept(callee.invite, STR("v=fine\r\n"));
	fake_advance(&net, 100);
	CHECK_EQ(caller.status, 200);
	hang_up_and_tear_down();
}

/* §14.1: 491 both ways; the callee comes again within 2 s, the caller after 2.1 to 4 s */
static void reoffers_that_meet_are_both_tried_again(void)
{
	talk(&fake_udp);
	uint64_t start = net.now_ms;
	CHECK_EQ(sip_invite_reoffer(caller.invite, STR("v=mine\r\n")), 0);
	CHECK_EQ(sip_invite_reoffer(callee.invite, STR("v=yours\r\n")), 0);
	fake_advance(&net, 60);
	CHECK_EQ(fake_count(&to_callee, "SIP/2.0 491 "), 1);
	CHECK_EQ(fake_count(&to_caller, "SIP/2.0 491 "), 1);
	CHECK_EQ(caller.reoffered + callee.reoffered, 0);
	CHECK_EQ(sip_invite_reoffer(caller.invite, STR("v=more\r\n")), -EAGAIN);
	fake_run(&net, start + 2110);
	CHECK_EQ(callee.reoffered, 1);
	CHECK_EQ(callee.status, 200);
	CHECK_EQ(caller.reoffered, 0);
	fake_run(&net, start + 4200);
	CHECK_EQ(caller.reoffered, 1);
	CHECK_EQ(caller.status, 200);
	CHECK(strcmp(callee.body, "v=once-more\r\n") == 0);
	hang_up_and_tear_down();
}

/* RFC 5407 §3.2.2 */
static void a_bye_that_crosses_a_reinvite_ends_both_sides(void)
{
	for (int who = 0; who < 2; who++) {
		talk(who ? &fake_udp : &fake_tcp);
		struct fake_leg *offers = who ? &caller : &callee;
		struct fake_leg *leaves = who ? &callee : &caller;
		CHECK_EQ(sip_invite_reoffer(offers->invite, STR("v=new\r\n")), 0);
		sip_invite_hang_up(leaves->invite, STR(""));
		fake_advance(&net, 200);
		CHECK_EQ(offers->ended, 1);
		CHECK_EQ(offers->end.kind, SIP_END_BYE);
		CHECK_EQ(leaves->ended, 1);
		CHECK_EQ(leaves->end.kind, SIP_END_HUNG_UP);
		tear_down();
	}
}

static void hanging_up_leaves_no_reinvite_open(void)
{
	talk(&fake_udp); /* ours is not answered yet */
	callee.accept_reoffers = false;
	sip_invite_reoffer(caller.invite, STR("v=new\r\n"));
	fake_advance(&net, 100);
	sip_invite_hang_up(caller.invite, STR(""));
	fake_advance(&net, 100);
	CHECK_EQ(caller.ended + callee.ended, 2);
	CHECK_EQ(caller.reoffered, 0);
	CHECK_EQ(fake_count(&to_caller, "SIP/2.0 487 "), 1); /* §15.1.2 */
	tear_down();

	talk(&fake_udp); /* theirs is not */
	callee.accept_reoffers = false;
	sip_invite_reoffer(caller.invite, STR("v=new\r\n"));
	fake_advance(&net, 100);
	sip_invite_hang_up(callee.invite, STR(""));
	CHECK_EQ(fake_count(&to_caller, "SIP/2.0 487 "), 1);
	fake_advance(&net, 100);
	CHECK_EQ(caller.ended + callee.ended, 2);
	tear_down();
}

static void byes_that_cross_end_both_sides(void)
{
	talk(&fake_udp);
	sip_invite_hang_up(caller.invite, STR(""));
	sip_invite_hang_up(callee.invite, STR(""));
	fake_advance(&net, 100);
	CHECK_EQ(caller.ended, 1);
	CHECK_EQ(callee.ended, 1);
	CHECK_EQ(fake_count(&to_caller, "SIP/2.0 481 ") + fake_count(&to_callee, "SIP/2.0 481 "),
		 0);
	tear_down();
}

static void a_reinvite_without_answer_ends_the_session(void)
{
	talk(&fake_udp);
	to_callee.peer = NULL; /* the peer is gone */
	sip_invite_reoffer(caller.invite, STR("v=new\r\n"));
	fake_advance(&net, 31999);
	CHECK_EQ(caller.reoffered, 0);
	fake_advance(&net, 1);
	CHECK_EQ(caller.reoffered, 1);
	CHECK_EQ(caller.status, 0);
	CHECK_EQ(caller.ended, 1);
	CHECK_EQ(caller.end.kind, SIP_END_TIMEOUT);
	CHECK_EQ(fake_count(&to_callee, "BYE "), 1);
	tear_down();
}

/* §12.2.1.2: a page that was reloaded knows its calls no more */
static void a_481_ends_the_session(void)
{
	talk(&fake_ws);
	fake_leg_free(&callee);
	sip_invite_reoffer(caller.invite, STR("v=new\r\n"));
	fake_advance(&net, 100);
	CHECK_EQ(caller.reoffered, 1);
	CHECK_EQ(caller.status, 481);
	CHECK_EQ(caller.ended, 1);
	CHECK_EQ(caller.end.kind, SIP_END_REFUSED);
	CHECK_EQ(caller.end.status, 481);
	tear_down();

	talk(&fake_ws);
	fake_leg_free(&callee);
	sip_invite_request_send(caller.invite, SIP_INFO, STR(""), STR(""), NULL, NULL);
	fake_advance(&net, 100);
	CHECK_EQ(caller.ended, 1);
	CHECK_EQ(caller.end.status, 481);
	tear_down();
}

static void a_freed_leg_inside_its_reoffer_is_safe(void)
{
	talk(&fake_udp);
	caller.free_when_reoffered = true;
	sip_invite_reoffer(caller.invite, STR("v=new\r\n"));
	fake_advance(&net, 100);
	CHECK(caller.invite == NULL);
	sip_invite_hang_up(callee.invite, STR(""));
	fake_advance(&net, 100);
	CHECK_EQ(callee.ended, 1); /* the peer says 481: as good */
	tear_down();
}

static unsigned infos, infos_failed;

static void on_info(void *arg, const struct sip_msg *response)
{
	(void)arg;
	if (response && response->status == 200)
		infos++;
	else
		infos_failed++;
}

static void requests_within_the_dialog_are_answered_once_each(void)
{
	infos = infos_failed = 0;
	talk(&fake_udp);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(sip_invite_request_send(i ? caller.invite : callee.invite, SIP_INFO,
						 STR("application/dtmf-relay"), STR("Signal=5\r\n"),
						 on_info, NULL),
			 0);
	fake_advance(&net, 100);
	CHECK_EQ(infos, 3);
	CHECK_EQ(caller.requests + callee.requests, 3);
	CHECK(strcmp(callee.body, "Signal=5\r\n") == 0);

	/* UPDATE comes as a reoffer */
	CHECK_EQ(sip_invite_request_send(caller.invite, SIP_UPDATE, STR("application/sdp"),
					 STR("v=update\r\n"), on_info, NULL),
		 0);
	fake_advance(&net, 100);
	CHECK_EQ(callee.reoffers, 1);
	CHECK_EQ(infos, 4);

	/* of those without an answer each is told before the end */
	to_callee.peer = NULL;
	sip_invite_request_send(caller.invite, SIP_INFO, STR(""), STR(""), on_info, NULL);
	int err = 0;
	for (int i = 0; i < 100 && !err; i++)
		err = sip_invite_request_send(caller.invite, SIP_INFO, STR(""), STR(""), NULL,
					      NULL);
	CHECK_EQ(err, -EAGAIN); /* a limit */
	sip_invite_hang_up(caller.invite, STR(""));
	fake_advance(&net, 40000);
	CHECK_EQ(infos_failed, 1);
	CHECK_EQ(caller.ended, 1);
	tear_down();
}

/* --- losses --- */

/* A whole call with hold; returns what went wrong. */
static const char *whole_call(bool callee_leaves)
{
	callee.answer_at_once = true;
	caller.accept_reoffers = callee.accept_reoffers = true;
	if (fake_leg_call(&caller, calling, &to_callee.flow))
		return "not started";
	fake_advance(&net, 70000); /* longer than anything may repeat */
	if (!caller.ended)
		sip_invite_reoffer(caller.invite, STR("v=hold\r\n"));
	fake_advance(&net, 70000);
	if (!caller.ended && !callee_leaves)
		sip_invite_hang_up(caller.invite, STR(""));
	if (taken && !callee.ended && callee_leaves)
		sip_invite_hang_up(callee.invite, STR(""));
	fake_advance(&net, 70000);
	if (caller.ended != 1)
		return "the caller was not told its end once";
	if (taken && callee.ended != 1)
		return "the callee was not told its end once";
	return NULL;
}

static bool lose_nth(void *arg, const struct fake_flow *from, size_t nth, struct str text)
{
	const size_t *lost = arg;

	(void)text;
	return (from == &to_callee && nth == lost[0]) || (from == &to_caller && nth == lost[1]);
}

static void any_one_message_may_be_lost_each_way(void)
{
	for (size_t i = 0; i < 12; i++) {
		for (size_t j = 0; j < 12; j++) {
			size_t lost[2] = { i, j };

			REQUIRE(open_up(&fake_udp) == 0);
			net.lose = lose_nth;
			net.lose_arg = lost;
			const char *wrong = whole_call((i + j) % 2);
			if (wrong)
				printf("  lost %zu and %zu: %s\n", i, j, wrong);
			CHECK(!wrong);
			CHECK_EQ(caller.answered, 1);
			CHECK_EQ(callee.confirmed, 1);
			CHECK_EQ(caller.reoffered, 1);
			CHECK_EQ(caller.status, 200);
			tear_down();
		}
	}
}

static void a_network_that_loses_and_reorders_leaves_no_ghost(void)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		REQUIRE(open_up(&fake_udp) == 0);
		net.seed = seed * 0x9e3779b97f4a7c15u;
		net.lose_percent = seed % 3 * 20;
		net.jitter_ms = seed % 2 ? 300 : 900;
		const char *wrong = whole_call(seed % 2);
		if (wrong)
			printf("  seed %llu: %s\n", (unsigned long long)seed, wrong);
		CHECK(!wrong);
		CHECK_EQ(close_down(), 0);
	}
}

/* Hanging up at any moment, by either side, with messages under way. */
static void hanging_up_at_any_moment_ends_both_sides(void)
{
	for (uint32_t at = 0; at < 300; at += 7) {
		for (int who = 0; who < 3; who++) {
			REQUIRE(open_up(&fake_udp) == 0);
			net.delay_ms = 50;
			callee.answer_at_once = at % 2;
			caller.accept_reoffers = callee.accept_reoffers = true;
			REQUIRE(fake_leg_call(&caller, calling, &to_callee.flow) == 0);
			fake_advance(&net, at);
			if (caller.answered)
				sip_invite_reoffer(caller.invite, STR("v=new\r\n"));
			if (who != 1)
				sip_invite_hang_up(caller.invite, STR(""));
			if (who != 0 && callee.invite)
				sip_invite_hang_up(callee.invite, STR(""));
			fake_advance(&net, 500);
			if (!caller.ended && caller.invite) /* the callee was not there yet */
				sip_invite_hang_up(caller.invite, STR(""));
			fake_advance(&net, 500);
			if (caller.ended != 1 || callee.ended != taken)
				printf("  at %u by %d\n", at, who);
			CHECK_EQ(caller.ended, 1);
			CHECK_EQ(callee.ended, taken);
			tear_down();
		}
	}
}

static int call_with_failing_allocations(void)
{
	const char *wrong = NULL;
	int err = open_up(&fake_udp);

	if (!err) {
		wrong = whole_call(true);
		if (wrong || caller.answered != 1 || callee.confirmed != 1)
			err = -ENOMEM; /* worse than planned, but nothing is left */
		if (wrong && strcmp(wrong, "not started") != 0)
			printf("  %s\n", wrong);
		if (wrong && strcmp(wrong, "not started") != 0)
			err = -EFAULT;
	}
	if (close_down() != 0)
		err = -EFAULT;
	return err;
}

static void no_failing_allocation_leaves_a_ghost(void)
{
	CHECK(oom_sweep("call", call_with_failing_allocations) > 50);
}

TESTS(either_side_changes_the_session, a_reoffer_may_be_refused_later_and_the_call_goes_on,
      reoffers_that_meet_are_both_tried_again, a_bye_that_crosses_a_reinvite_ends_both_sides,
      hanging_up_leaves_no_reinvite_open, byes_that_cross_end_both_sides,
      a_reinvite_without_answer_ends_the_session, a_481_ends_the_session,
      a_freed_leg_inside_its_reoffer_is_safe, requests_within_the_dialog_are_answered_once_each,
      any_one_message_may_be_lost_each_way, a_network_that_loses_and_reorders_leaves_no_ghost,
      hanging_up_at_any_moment_ends_both_sides, no_failing_allocation_leaves_a_ghost)
