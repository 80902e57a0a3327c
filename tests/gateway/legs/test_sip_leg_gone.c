/* A page or a phone that is not there any more, or is there again. */
#include "tests/check.h"
#include "tests/gateway/legs/two_legs.h"

static void a_page_that_goes_while_it_rings_gives_up(void)
{
	struct two_legs t;

	REQUIRE(two_legs_ring(&t));
	fake_flow_close(t.page.flow);
	fake_advance(&two_net, 0);
	CHECK_EQ(side_got(&t.phone, "CANCEL "), 1);
	CHECK(side_says(&t.phone, "CANCEL ", "text=\"Page gone\""));
	phone_says(&t, 487, "");
	CHECK_EQ(t.ended, 1);
	two_legs_stop(&t);
}

static void a_page_that_goes_in_mid_call_has_its_time(void)
{
	struct two_legs t;
	uint64_t went;

	REQUIRE(two_legs_talk(&t));
	went = two_net.now_ms;
	fake_flow_close(t.page.flow);
	fake_advance(&two_net, SESSION_QUIET_MS);
	t.page.session->config.events->on_quiet(t.page.session->config.arg, true);
	fake_run(&two_net, went + t.config->calls.page_timeout_ms - 1);
	CHECK_EQ(side_got(&t.phone, "BYE "), 0);
	fake_run(&two_net, went + t.config->calls.page_timeout_ms);
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	CHECK(side_says(&t.phone, "BYE ", "text=\"Page gone\""));
	side_replies(&t.phone, "BYE ", 200);
	fake_advance(&two_net, 33000);
	CHECK_EQ(t.ended, 1);
	two_legs_stop(&t);
}

static void a_page_that_is_heard_may_come_back_on_another_socket(void)
{
	static struct fake_flow again;
	struct two_legs t;
	uint64_t id;

	REQUIRE(two_legs_talk(&t));
	id = t.page.flow->flow.id;
	fake_flow_close(t.page.flow);
	fake_advance(&two_net, t.config->calls.reconnect_timeout_ms - 1);
	CHECK_EQ(side_got(&t.phone, "BYE "), 0);
	fake_flow_open(&again, &two_net, t.endpoint, &fake_ws, "192.0.2.1:8080",
		       "192.0.2.10:50001");
	sip_legs_flow_moved(&t.shared, id, &again.flow);
	fake_advance(&two_net, 10 * t.config->calls.reconnect_timeout_ms);
	CHECK_EQ(t.ended, 0);
	call_hang_up(t.call, &cause_shutdown);
	fake_advance(&two_net, 0);
	CHECK_EQ(fake_count(&again, "BYE "), 1);
	call_free(t.call);
	t.call = NULL;
	fake_flow_close(&again);
	two_legs_stop(&t);
}

static void a_phone_that_is_unplugged_ends_the_call_after_its_time(void)
{
	struct two_legs t;
	uint64_t last;

	REQUIRE(two_legs_talk(&t));
	sip_endpoint_timers(t.endpoint)->clock = two_net_clock;
	last = two_net.now_ms;
	fake_advance(&two_net, SESSION_QUIET_MS);
	t.phone.session->config.events->on_quiet(t.phone.session->config.arg, true);
	fake_run(&two_net, last + t.config->calls.phone_timeout_ms - 1);
	CHECK_EQ(side_got(&t.page, "BYE "), 0);
	fake_run(&two_net, last + t.config->calls.phone_timeout_ms);
	CHECK_EQ(side_got(&t.page, "BYE "), 1);
	CHECK(side_says(&t.page, "BYE ", "Reason: SIP;cause=408;text=\"Phone gone\""));
	CHECK_EQ(side_got(&t.phone, "BYE "), 1);
	two_legs_stop(&t);
}

static void a_phone_that_is_heard_again_in_time_keeps_the_call(void)
{
	struct two_legs t;

	REQUIRE(two_legs_talk(&t));
	fake_advance(&two_net, SESSION_QUIET_MS);
	t.phone.session->config.events->on_quiet(t.phone.session->config.arg, true);
	fake_advance(&two_net, t.config->calls.phone_timeout_ms - SESSION_QUIET_MS - 1);
	t.phone.session->config.events->on_quiet(t.phone.session->config.arg, false);
	fake_advance(&two_net, 10 * t.config->calls.phone_timeout_ms);
	CHECK_EQ(t.ended, 0);
	two_legs_stop(&t);
}

static void a_phone_that_announced_silence_may_be_silent(void)
{
	static const char *const silent[] = { "recvonly", "inactive" };

	for (size_t i = 0; i < 2; i++) {
		struct two_legs t;

		REQUIRE(two_legs_talk(&t));
		side_sends(&t.phone, "INVITE", phone_sdp(2, silent[i]));
		side_sends(&t.phone, "ACK", "");
		CHECK_EQ(side_got(&t.page, "INVITE "), 1);
		side_answers(&t.page, 488, "", "");
		fake_advance(&two_net, SESSION_QUIET_MS);
		t.phone.session->config.events->on_quiet(t.phone.session->config.arg, true);
		fake_run(&two_net, two_net.now_ms + 10 * t.config->calls.phone_timeout_ms);
		CHECK_EQ(side_got(&t.page, "BYE "), 0);
		two_legs_stop(&t);
	}
}

TESTS(a_page_that_goes_while_it_rings_gives_up, a_page_that_goes_in_mid_call_has_its_time,
      a_page_that_is_heard_may_come_back_on_another_socket,
      a_phone_that_is_unplugged_ends_the_call_after_its_time,
      a_phone_that_is_heard_again_in_time_keeps_the_call,
      a_phone_that_announced_silence_may_be_silent)
