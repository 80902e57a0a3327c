/* What a scripted peer's re-INVITEs and UPDATEs meet (RFC 3261 §14.2, RFC 3311);
 * see test_invite_pair.c for both ends at work. */
#include "sip/core.h"
#include "tests/check.h"
#include "tests/sip/fake_leg.h"

#include <errno.h>
#include <stdio.h>

static struct fake_net net;
static struct fake_flow flow;
static struct sip_endpoint *endpoint;
static struct fake_leg leg;
static char our_tag[64];
static unsigned branch;
static bool keeps_crossing;

static void on_request(void *arg, struct sip_server_tx *tx, struct sip_msg *request)
{
	(void)arg;
	(void)request;
	CHECK_EQ(fake_leg_take(&leg, endpoint, tx), 0);
}

static const struct sip_endpoint_events events = { .on_request = on_request };

static void peer_says(const char *method, unsigned cseq, const char *contact, const char *body)
{
	if (strcmp(method, "CANCEL") != 0)
		branch++;
	fake_receive(&flow,
		     "%s sip:callee@192.0.2.1 SIP/2.0\n"
		     "Via: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKpeer%u\n"
		     "From: <sip:alice@example.org>;tag=alice\nTo: <sip:bob@example.org>%s\n"
		     "Call-ID: call@example.org\nCSeq: %u %s\nContact: <%s>\n"
		     "Content-Type: application/sdp\nContent-Length: %zu\n\n%s",
		     method, branch, our_tag, cseq, method, contact, strlen(body), body);
}

static const char here[] = "sip:alice@198.51.100.7";

static void expect(unsigned status)
{
	struct sip_msg *msg = fake_take(&flow);

	CHECK(msg && !msg->is_request);
	if (msg)
		CHECK_EQ(msg->status, status);
	sip_msg_unref(msg);
}

static void offer(void)
{
	fake_net_init(&net);
	memset(&leg, 0, sizeof(leg));
	leg.keeps_crossing = keeps_crossing;
	our_tag[0] = '\0';
	branch = 0;
	endpoint = fake_endpoint(&net, &events, NULL);
	fake_flow_open(&flow, &net, endpoint, &fake_udp, "192.0.2.1:5060", "192.0.2.2:5060");
	peer_says("INVITE", 1, here, "v=offer\r\n");
	CHECK_EQ(sip_invite_progress(leg.invite, 180, STR(""), STR("")), 0);

	struct sip_msg *ringing = fake_take(&flow);
	snprintf(our_tag, sizeof(our_tag), ";tag=%.*s", STR_ARG(ringing->to_tag));
	sip_msg_unref(ringing);
}

static void set_up(void)
{
	offer();
	CHECK_EQ(sip_invite_answer(leg.invite, STR("v=answer\r\n")), 0);
	expect(200);
	peer_says("ACK", 1, here, "");
	CHECK_EQ(leg.confirmed, 1);
}

static void tear_down(void)
{
	fake_leg_free(&leg);
	fake_advance(&net, 200000);
	CHECK_EQ(endpoint->n_transactions, 0);
	CHECK_EQ(endpoint->dialogs.n, 0);
	CHECK(sip_endpoint_due(endpoint) == UINT64_MAX);
	fake_flow_close(&flow);
	sip_endpoint_free(endpoint);
}

static void the_target_follows_an_accepted_reinvite(void)
{
	set_up();
	leg.accept_reoffers = true;
	peer_says("INVITE", 2, "sip:alice@203.0.113.9:7000", "v=new\r\n");
	expect(200);
	peer_says("ACK", 2, here, "");
	sip_invite_hang_up(leg.invite, STR(""));
	struct sip_msg *bye = fake_last(&flow);
	REQUIRE(bye);
	CHECK_STR(bye->uri_text, "sip:alice@203.0.113.9:7000");
	sip_msg_unref(bye);
	tear_down();

	set_up(); /* a refused one changes nothing */
	peer_says("INVITE", 2, "sip:alice@203.0.113.9:7000", "v=new\r\n");
	sip_invite_reject(leg.invite, 488, STR(""));
	sip_invite_hang_up(leg.invite, STR(""));
	bye = fake_last(&flow);
	REQUIRE(bye);
	CHECK_STR(bye->uri_text, "sip:alice@198.51.100.7");
	sip_msg_unref(bye);
	tear_down();
}

static void an_offer_within_an_offer_is_told_to_wait(void)
{
	set_up();
	peer_says("INVITE", 2, here, "v=new\r\n");
	peer_says("UPDATE", 3, here, "v=newer\r\n");
	expect(500);
	struct sip_msg *last = fake_last(&flow);
	uint32_t seconds;
	REQUIRE(last);
	CHECK(str_to_u32(sip_msg_header(last, SIP_HEADER_RETRY_AFTER), 0, 10, &seconds));
	sip_msg_unref(last);
	CHECK_EQ(leg.reoffers, 1);
	CHECK_EQ(sip_invite_accept(leg.invite, STR("v=fine\r\n")), 0);
	expect(200);
	tear_down();
}

static void an_offer_that_meets_ours_gets_491(void)
{
	set_up();
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=ours\r\n")), 0);
	struct sip_msg *ours = fake_take(&flow);
	REQUIRE(ours);
	CHECK_EQ(ours->method, SIP_INVITE);
	CHECK_EQ(ours->cseq, 1);
	CHECK_STR(ours->to_tag, "alice");
	CHECK_STR(sip_msg_header(ours, SIP_HEADER_CONTACT), "<sip:callee@192.0.2.1>");
	peer_says("INVITE", 2, here, "v=theirs\r\n");
	expect(491);
	peer_says("UPDATE", 3, here, "v=theirs\r\n");
	expect(491);
	CHECK_EQ(leg.reoffers, 0);
	fake_reply(&flow, ours, 200, "", "", "v=fine\r\n");
	sip_msg_unref(ours);
	CHECK_EQ(leg.reoffered, 1);
	peer_says("INVITE", 4, here, "v=theirs\r\n");
	CHECK_EQ(leg.reoffers, 1);
	tear_down();
}

/* §14.1: ours met a 491, and when its time comes the peer's is still open */
static void a_retry_waits_for_the_offer_that_was_quicker(void)
{
	set_up();
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=ours\r\n")), 0);
	struct sip_msg *ours = fake_take(&flow);
	fake_reply(&flow, ours, 491, "", "", NULL);
	sip_msg_unref(ours);
	peer_says("INVITE", 2, here, "v=theirs\r\n");
	CHECK_EQ(leg.reoffers, 1);
	fake_advance(&net, 10000);
	CHECK_EQ(fake_count(&flow, "INVITE "), 1);
	sip_invite_accept(leg.invite, STR("v=fine\r\n"));
	peer_says("ACK", 2, here, "");
	fake_advance(&net, 2100);
	CHECK(fake_count(&flow, "INVITE ") > 1);
	CHECK_EQ(leg.reoffered, 0);
	tear_down();
}

/* RFC 3261 §14.2: our re-INVITE came into one of the peer's that we never saw */
static void a_peer_that_is_busy_is_asked_again_when_it_says(void)
{
	set_up();
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=ours\r\n")), 0);
	struct sip_msg *ours = fake_take(&flow);
	REQUIRE(ours);
	fake_reply(&flow, ours, 500, "", "Retry-After: 3\r\n", NULL);
	sip_msg_unref(ours);
	fake_advance(&net, 2999);
	CHECK_EQ(leg.postponed, 0);
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=ours\r\n")), -EAGAIN);
	fake_advance(&net, 20);
	CHECK_EQ(leg.postponed, 1);
	CHECK_EQ(fake_count(&flow, "INVITE "), 2);
	CHECK_EQ(leg.reoffered, 0);
	tear_down();

	set_up(); /* any other 500 is its last word */
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=ours\r\n")), 0);
	ours = fake_take(&flow);
	REQUIRE(ours);
	fake_reply(&flow, ours, 500, "", "Retry-After: 11\r\n", NULL);
	sip_msg_unref(ours);
	fake_advance(&net, 20000);
	CHECK_EQ(leg.postponed, 1); /* told as it came */
	tear_down();
}

/* JsSIP ends the call when its hold meets a 491 */
static void a_crossing_reinvite_may_be_kept_until_ours_is_over(void)
{
	keeps_crossing = true;
	set_up();
	leg.accept_reoffers = true;
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=ours\r\n")), 0);
	struct sip_msg *ours = fake_take(&flow);
	REQUIRE(ours);
	peer_says("INVITE", 2, here, "v=theirs\r\n");
	CHECK_EQ(leg.reoffers, 0);
	CHECK_EQ(sip_invite_accept(leg.invite, STR("v=not-yet\r\n")), -ENOENT);
	CHECK_EQ(sip_invite_reject(leg.invite, 488, STR("")), -ENOENT);
	peer_says("UPDATE", 3, here, "v=more\r\n"); /* one is enough */
	expect(500);
	fake_reply(&flow, ours, 491, "", "", NULL);
	sip_msg_unref(ours);
	CHECK_EQ(leg.reoffers, 1);
	sip_msg_unref(fake_take(&flow)); /* the ACK of the 491 */
	expect(200);
	peer_says("ACK", 2, here, "");
	CHECK_EQ(leg.acked, 1);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 491 "), 0);
	/* up to 2 s, by chance; not longer, or the second is sent again */
	for (unsigned ms = 0; ms <= 2000 && leg.postponed == 0; ms += 10)
		fake_advance(&net, 10);
	CHECK_EQ(leg.postponed, 1);
	CHECK_EQ(fake_count(&flow, "INVITE "), 2);
	tear_down();

	set_up(); /* a kept one can be withdrawn, and the end answers it */
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=ours\r\n")), 0);
	sip_msg_unref(fake_take(&flow));
	peer_says("INVITE", 2, here, "v=theirs\r\n");
	peer_says("CANCEL", 2, here, "");
	expect(200);
	expect(487);
	peer_says("INVITE", 3, here, "v=theirs\r\n");
	sip_invite_hang_up(leg.invite, STR(""));
	expect(487);
	keeps_crossing = false;
	tear_down();
}

/* RFC 3261 §14.2: the offer is in our 200, the answer in the peer's ACK */
static void the_answer_to_an_offer_of_our_200_comes_in_the_ack(void)
{
	set_up();
	peer_says("INVITE", 2, here, "");
	CHECK_EQ(leg.reoffers, 1);
	CHECK_EQ(sip_invite_accept(leg.invite, STR("v=ours\r\n")), 0);
	struct sip_msg *ok = fake_take(&flow);
	REQUIRE(ok);
	CHECK_STR(ok->body, "v=ours\r\n");
	sip_msg_unref(ok);
	peer_says("ACK", 2, here, "v=theirs\r\n");
	CHECK_EQ(leg.acked, 1);
	CHECK(strcmp(leg.body, "v=theirs\r\n") == 0);
	peer_says("ACK", 2, here, "v=theirs\r\n"); /* sent again: told once */
	CHECK_EQ(leg.acked, 1);
	CHECK_EQ(leg.confirmed, 1);
	tear_down();
}

static void an_owner_who_hangs_up_over_a_failed_reoffer_sends_one_bye(void)
{
	set_up();
	leg.hang_up_when_reoffered = true;
	sip_invite_reoffer(leg.invite, STR("v=ours\r\n"));
	struct sip_msg *ours = fake_take(&flow);
	fake_reply(&flow, ours, 481, "", "", NULL);
	sip_msg_unref(ours);
	CHECK_EQ(leg.ended, 0);
	CHECK_EQ(fake_count(&flow, "BYE "), 1);
	struct sip_msg *bye = fake_last(&flow);
	fake_reply(&flow, bye, 481, "", "", NULL);
	sip_msg_unref(bye);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_HUNG_UP);
	tear_down();
}

static void a_withdrawn_reinvite_gets_487_and_can_no_longer_be_accepted(void)
{
	set_up();
	peer_says("INVITE", 2, here, "v=new\r\n");
	peer_says("CANCEL", 2, here, "");
	expect(200);
	expect(487);
	CHECK_EQ(sip_invite_accept(leg.invite, STR("v=late\r\n")), -ENOENT);
	CHECK_EQ(leg.ended, 0);
	peer_says("INVITE", 3, here, "v=newer\r\n");
	CHECK_EQ(leg.reoffers, 2);
	CHECK_EQ(sip_invite_accept(leg.invite, STR("v=fine\r\n")), 0);
	tear_down();
}

static void a_200_to_a_reinvite_without_ack_ends_the_session(void)
{
	set_up();
	leg.accept_reoffers = true;
	peer_says("INVITE", 2, here, "v=new\r\n");
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=ours\r\n")), -EAGAIN);
	fake_advance(&net, 31999);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 200 "), 1 + 11);
	CHECK_EQ(leg.ended, 0);
	fake_advance(&net, 1);
	CHECK_EQ(leg.ended, 1);
	CHECK_EQ(leg.end.kind, SIP_END_TIMEOUT);
	CHECK_EQ(fake_count(&flow, "BYE "), 1);
	tear_down();
}

static void an_ack_of_another_invite_does_not_stop_the_200(void)
{
	set_up();
	leg.accept_reoffers = true;
	peer_says("INVITE", 2, here, "v=new\r\n");
	peer_says("ACK", 1, here, "");
	fake_advance(&net, 600);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 200 "), 3);
	peer_says("ACK", 2, here, "");
	fake_advance(&net, 40000);
	CHECK_EQ(fake_count(&flow, "SIP/2.0 200 "), 3);
	CHECK_EQ(leg.ended, 0);
	tear_down();
}

static void before_the_session_stands_offers_are_turned_away(void)
{
	offer();
	peer_says("UPDATE", 2, here, ""); /* a target refresh alone is fine */
	expect(200);
	peer_says("UPDATE", 3, here, "v=early\r\n");
	expect(500);
	peer_says("INVITE", 4, here, "v=early\r\n");
	expect(500);
	sip_invite_answer(leg.invite, STR("v=answer\r\n"));
	expect(200);
	peer_says("UPDATE", 5, here, "v=early\r\n");
	expect(491);
	peer_says("ACK", 1, here, "");
	CHECK_EQ(leg.confirmed, 1);
	CHECK_EQ(leg.reoffers, 0);
	tear_down();
}

/* RFC 5407 §3.1.4: the ACK was lost or is late, but who sends this has had our 200. */
static void a_reinvite_is_as_good_as_the_ack(void)
{
	offer();
	leg.accept_reoffers = true;
	sip_invite_answer(leg.invite, STR("v=answer\r\n"));
	expect(200);
	peer_says("INVITE", 2, here, "v=new\r\n");
	CHECK_EQ(leg.confirmed, 1);
	expect(200);
	peer_says("ACK", 1, here, ""); /* the late one */
	CHECK_EQ(leg.acked, 0);
	peer_says("ACK", 2, here, "");
	CHECK_EQ(leg.acked, 1);
	CHECK_EQ(leg.confirmed, 1);
	fake_advance(&net, 40000);
	CHECK_EQ(leg.ended, 0);
	tear_down();
}

/* RFC 5407 §3.1.5, RFC 3264 §4: one offer at a time, and ours is in a 200. */
static void an_offer_while_ours_waits_for_its_ack_gets_491(void)
{
	set_up();
	peer_says("INVITE", 2, here, "");
	CHECK_EQ(sip_invite_accept(leg.invite, STR("v=ours\r\n")), 0);
	expect(200);
	peer_says("INVITE", 3, here, "v=theirs\r\n");
	expect(491);
	peer_says("ACK", 3, here, "");
	peer_says("UPDATE", 4, here, "v=theirs\r\n");
	expect(491);
	peer_says("UPDATE", 5, here, ""); /* offers nothing */
	expect(200);
	CHECK_EQ(leg.reoffers, 1);
	CHECK_EQ(leg.acked, 0);
	peer_says("ACK", 2, here, "v=answer\r\n");
	CHECK_EQ(leg.acked, 1);
	CHECK(strcmp(leg.body, "v=answer\r\n") == 0);
	leg.accept_reoffers = true;
	peer_says("INVITE", 6, here, "v=theirs\r\n");
	expect(200);
	tear_down();
}

static void a_reinvite_whose_flow_breaks_is_forgotten_and_the_session_stays(void)
{
	set_up();
	peer_says("INVITE", 2, here, "v=new\r\n");
	fake_flow_close(&flow);
	CHECK_EQ(sip_invite_accept(leg.invite, STR("v=late\r\n")), -ENOENT);
	CHECK_EQ(leg.ended, 0);
	tear_down();

	set_up();
	CHECK_EQ(sip_invite_reoffer(leg.invite, STR("v=ours\r\n")), 0);
	fake_flow_close(&flow);
	CHECK_EQ(leg.reoffered, 1);
	CHECK_EQ(leg.status, 0);
	CHECK_EQ(leg.ended, 0);
	tear_down();
}

TESTS(the_target_follows_an_accepted_reinvite, an_offer_within_an_offer_is_told_to_wait,
      an_offer_that_meets_ours_gets_491, a_retry_waits_for_the_offer_that_was_quicker,
      a_peer_that_is_busy_is_asked_again_when_it_says,
      a_crossing_reinvite_may_be_kept_until_ours_is_over,
      the_answer_to_an_offer_of_our_200_comes_in_the_ack,
      an_owner_who_hangs_up_over_a_failed_reoffer_sends_one_bye,
      a_withdrawn_reinvite_gets_487_and_can_no_longer_be_accepted,
      a_200_to_a_reinvite_without_ack_ends_the_session,
      an_ack_of_another_invite_does_not_stop_the_200,
      before_the_session_stands_offers_are_turned_away, a_reinvite_is_as_good_as_the_ack,
      an_offer_while_ours_waits_for_its_ack_gets_491,
      a_reinvite_whose_flow_breaks_is_forgotten_and_the_session_stays)
