/* A connection that breaks does not end the dialogs on it: the next request opens another
 * (RFC 3261 §18). A registrar that was restarted in mid-call meets this. */
#include "tests/sip/caller_script.h"

static struct fake_flow second;

/* In a call whose peer is at `contact`, behind `route` if that is not empty. */
static void set_up_call(const struct sip_transport *transport, const char *contact_uri,
			const char *route)
{
	char headers[256];

	set_up(transport);
	REQUIRE(invite);
	next_hop[0] = '\0';
	again = NULL;
	snprintf(headers, sizeof(headers), "%sContact: <%s>\r\n", route, contact_uri);
	fake_reply(&flow, invite, 200, "bob", headers, "v=answer\r\n");
	expect_request(SIP_ACK, "bob");
	fake_flow_open(&second, &net, endpoint, transport, "192.0.2.1:5060", "192.0.2.2:5060");
	again = &second.flow;
	fake_flow_close(&flow);
}

static void tear_down_call(void)
{
	tear_down();
	again = NULL;
}

static void a_bye_opens_a_connection_to_the_first_route(void)
{
	set_up_call(&fake_tcp, "sip:bob@198.51.100.7",
		    "Record-Route: <sip:192.0.2.2:5070;transport=tcp;lr>\r\n");
	CHECK_EQ(leg.ended, 0);
	CHECK_STR(str_of(next_hop), "");
	CHECK(sip_invite_hang_up(leg.invite, STR("")));
	CHECK_STR(str_of(next_hop), "sip:192.0.2.2:5070;transport=tcp;lr");
	struct sip_msg *bye = fake_take(&second);
	REQUIRE(bye);
	CHECK_EQ(bye->method, SIP_BYE);
	CHECK_STR(bye->uri_text, "sip:bob@198.51.100.7");
	fake_reply(&second, bye, 200, "bob", "", NULL);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	sip_msg_unref(bye);
	fake_flow_close(&second);
	tear_down_call();
}

static void a_reoffer_does_too_and_without_a_route_it_goes_to_the_target(void)
{
	set_up_call(&fake_tcp, "sip:bob@192.0.2.2:5090;transport=tcp", "");
	CHECK(sip_invite_can_reoffer(leg.invite));
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=new\r\n")), 0);
	CHECK_STR(str_of(next_hop), "sip:bob@192.0.2.2:5090;transport=tcp");
	struct sip_msg *again_invite = fake_take(&second);
	REQUIRE(again_invite);
	CHECK_EQ(again_invite->method, SIP_INVITE);
	sip_msg_unref(again_invite);
	fake_flow_close(&second);
	tear_down_call();
}

static void nobody_connects_to_where_the_peer_was_not(void)
{
	set_up_call(&fake_tcp, "sip:bob@198.51.100.7", "");
	CHECK(!sip_invite_can_reoffer(leg.invite));
	CHECK(sip_invite_hang_up(leg.invite, STR("")));
	CHECK_STR(str_of(next_hop), "");
	CHECK_EQ(second.n_sent, 0);
	fake_advance(&net, 40000);
	CHECK_EQ(leg.ended, 1);
	fake_flow_close(&second);
	tear_down_call();
}

static void nor_to_a_browser(void)
{
	set_up_call(&fake_ws, "sip:bob@192.0.2.2", "");
	CHECK(!sip_invite_can_reoffer(leg.invite));
	CHECK_STR(str_of(next_hop), "");
	fake_flow_close(&second);
	tear_down_call();
}

TESTS(a_bye_opens_a_connection_to_the_first_route,
      a_reoffer_does_too_and_without_a_route_it_goes_to_the_target,
      nobody_connects_to_where_the_peer_was_not, nor_to_a_browser)
