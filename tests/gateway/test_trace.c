/* The trace of a call: what is kept, what never is, and the ladder. */
#include "gateway/trace.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <errno.h>

static uint64_t now_ms;

static uint64_t clock_ms(void *arg)
{
	(void)arg;
	return now_ms;
}

static const struct sip_transport udp = { .via = "UDP", .param = "udp" };
static const struct sip_transport wss = { .via = "WSS", .param = "ws", .web = true };

static struct sip_flow flow_of(const struct sip_transport *transport, const char *remote)
{
	struct sip_flow flow = { .transport = transport };

	sip_addr_parse(str_of(remote), 5060, &flow.remote);
	return flow;
}

#define CALL "7f3a00112233445566778899aabbccdd"

#define FROM_PAGE                                                                                  \
	"INVITE sip:1000@hookswitch SIP/2.0\r\n"                                                   \
	"Call-ID: page-call\r\n"                                                                   \
	"CSeq: 2 INVITE\r\n"                                                                       \
	"Authorization: Digest username=\"alice\",\r\n"                                            \
	" response=\"0123456789abcdef\"\r\n"                                                       \
	"proxy-authorization : Digest response=\"fedcba\"\r\n"                                     \
	"Hookswitch-Token: b2Zhbm90aGVy.00\r\n"                                                    \
	"Content-Type: application/sdp\r\n"                                                        \
	"\r\n"                                                                                     \
	"v=0\r\n"                                                                                  \
	"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0\r\n"                                   \
	"a=sendrecv\r\n"

#define TO_PHONE                                                                                   \
	"INVITE sip:1000@127.0.0.1:5062 SIP/2.0\r\n"                                               \
	"Call-ID: phone-call\r\n"                                                                  \
	"CSeq: 1 INVITE\r\n"                                                                       \
	"\r\n"                                                                                     \
	"v=0\r\n"

#define RINGING "SIP/2.0 180 Ringing\r\nCall-ID: phone-call\r\nCSeq: 1 INVITE\r\n\r\n"

static bool contains(const char *text, const char *what)
{
	return text && strstr(text, what);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; p && (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

/* A page calls a phone, up to its 180. */
static void play(struct traces *traces)
{
	struct sip_flow page = flow_of(&wss, "127.0.0.1:50000");
	struct sip_flow phone = flow_of(&udp, "127.0.0.1:5062");

	now_ms = 1000000;
	traces_begin(traces, CALL);
	traces_wire(traces, CALL, &page, false, STR(FROM_PAGE));
	traces_dialog(traces, CALL, STR("page-call"));
	now_ms += 3;
	traces_wire_of(traces, STR("phone-call"), &phone, true, STR(TO_PHONE));
	traces_dialog(traces, CALL, STR("phone-call"));
	now_ms += 7;
	traces_wire_of(traces, STR("phone-call"), &phone, false, STR(RINGING));
	traces_note(traces, CALL, "callee", "agreed PCMA/8000");
	traces_wire_of(traces, STR("page-call"), &page, true,
		       STR("SIP/2.0 180 Ringing\r\nCSeq: 2 INVITE\r\n\r\n"));
}

static char *played(struct traces **traces, const char *name)
{
	if (traces_new(clock_ms, NULL, traces) != 0)
		return NULL;
	play(*traces);
	return traces_print(*traces, str_of(name));
}

static void the_ladder_shows_who_sent_what_to_whom_and_when(void)
{
	struct traces *traces = NULL;
	char *text = played(&traces, "last");

	REQUIRE(text);
	CHECK(contains(text, "\n       0  |- INVITE sip:1000@hookswitch +SDP --"));
	CHECK(contains(text, "|  #1 WSS 127.0.0.1:50000\n"));
	/* the phone's column: an arrow from the gateway, sent before its dialog was named */
	CHECK(contains(text, "\n       3  |                                      |- INVITE "
			     "sip:1000@127.0.0.1.. +SDP -->|"));
	CHECK(contains(text, "|  #2 UDP 127.0.0.1:5062\n"));
	CHECK(contains(text, "\n      10  |                                      |<- 180 Ringing "
			     "(INVITE) --"));
	CHECK(contains(text, "\n      10  * callee: agreed PCMA/8000\n"));
	CHECK(contains(text, "\n      10  |<- 180 Ringing (INVITE) --"));
	free(text);
	traces_free(traces);
}

static void every_message_is_there_in_full(void)
{
	struct traces *traces = NULL;
	char *text = played(&traces, "last");

	CHECK(contains(text, "\n#1  0 ms  caller -> gateway  WSS 127.0.0.1:50000\n"
			     "    INVITE sip:1000@hookswitch SIP/2.0\n"));
	CHECK(contains(text, "\n#2  3 ms  gateway -> callee  UDP"));
	CHECK(contains(text, "    a=sendrecv\n"));
	free(text);
	traces_free(traces);
}

static void credentials_and_keys_are_never_kept(void)
{
	struct traces *traces = NULL;
	char *text = played(&traces, "last");

	CHECK(contains(text, "Authorization: (not kept)\n"));
	CHECK(contains(text, "proxy-authorization : (not kept)\n"));
	CHECK(contains(text, "Hookswitch-Token: (not kept)\n"));
	CHECK(contains(text, "a=crypto: (not kept)\n"));
	CHECK(!contains(text, "alice"));
	CHECK(!contains(text, "0123456789abcdef")); /* on a folded line */
	CHECK(!contains(text, "fedcba"));
	CHECK(!contains(text, "c2VjcmV0"));
	CHECK(contains(text, "    Content-Type: application/sdp\n"));
	free(text);
	traces_free(traces);
}

static void a_peers_octets_do_not_reach_the_terminal(void)
{
	struct sip_flow phone = flow_of(&udp, "127.0.0.1:5062");
	struct traces *traces = NULL;
	char *text = played(&traces, "last");

	free(text);
	traces_wire_of(traces, STR("phone-call"), &phone, false,
		       STR("SIP/2.0 486 \033[2J\r\nX: \xc2\x9b\0y\r\n\r\n"));
	text = traces_print(traces, STR("last"));
	CHECK(contains(text, "486 \\x1b[2J"));
	CHECK(contains(text, "X: \\xc2\\x9b\\x00y\n"));
	CHECK(!contains(text, "\033"));
	free(text);
	traces_free(traces);
}

static void a_call_is_found_by_its_id_a_beginning_or_a_sip_call_id(void)
{
	static const char *const names[] = { CALL, "7f3a", "page-call", "phone-call", "last" };
	static const char *const others[] = { "7f3", "7f3b", "page", "", "LAST" };
	struct traces *traces = NULL;

	free(played(&traces, "last"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text = traces_print(traces, str_of(names[i]));

		CHECK(contains(text, "call " CALL));
		free(text);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		CHECK(!traces_print(traces, str_of(others[i])));
	traces_free(traces);
}

static void last_is_the_call_that_began_last_though_it_ended_first(void)
{
	struct traces *traces = NULL;
	char *text;

	free(played(&traces, "last"));
	traces_begin(traces, "second");
	traces_end(traces, "second");
	text = traces_print(traces, STR("last"));
	CHECK(contains(text, "call second "));
	free(text);
	traces_free(traces);
}

static void messages_after_the_end_still_belong_to_the_call(void)
{
	struct sip_flow phone = flow_of(&udp, "127.0.0.1:5062");
	struct traces *traces = NULL;
	char *text;

	free(played(&traces, "last"));
	now_ms += 90;
	traces_end(traces, CALL);
	traces_wire_of(traces, STR("phone-call"), &phone, false,
		       STR("SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n\r\n"));
	text = traces_print(traces, STR("last"));
	CHECK(contains(text, "ended after 100 ms"));
	CHECK(contains(text, "200 OK (BYE)"));
	free(text);
	traces_free(traces);
}

static void only_the_last_calls_that_ended_are_kept(void)
{
	struct traces *traces = NULL;
	char id[16];

	REQUIRE(traces_new(clock_ms, NULL, &traces) == 0);
	for (int i = 0; i < TRACES_KEPT + 2; i++) {
		snprintf(id, sizeof(id), "call-%d.", i);
		traces_begin(traces, id);
		traces_dialog(traces, id, str_of(id));
		traces_end(traces, id);
	}
	CHECK(!traces_print(traces, STR("call-1.")));
	char *text = traces_print(traces, STR("call-2."));
	CHECK(contains(text, "call call-2. "));
	free(text);
	traces_free(traces);
}

static void a_call_keeps_its_newest_32_kib(void)
{
	struct traces *traces = NULL;
	char note[1001];
	char *text;

	memset(note, 'x', sizeof(note));
	note[1000] = '\0';
	REQUIRE(traces_new(clock_ms, NULL, &traces) == 0);
	traces_begin(traces, "long");
	for (int i = 0; i < 1000; i++) {
		snprintf(note, 8, "%07d", i);
		note[7] = 'x';
		traces_note(traces, "long", "call", note);
	}
	text = traces_print(traces, STR("long"));
	REQUIRE(text);
	CHECK(strlen(text) < TRACE_BYTES + 4096);
	CHECK(strlen(text) > TRACE_BYTES / 2);
	CHECK(contains(text, "0000999"));
	CHECK(!contains(text, "0000900x"));
	CHECK(contains(text, "older entries are not kept"));
	free(text);
	traces_free(traces);
}

static void a_huge_message_is_cut(void)
{
	static char huge[SIP_MAX_MESSAGE];
	struct sip_flow phone = flow_of(&udp, "127.0.0.1:5062");
	struct traces *traces = NULL;
	char *text;

	free(played(&traces, "last"));
	memset(huge, '\n', sizeof(huge));
	memcpy(huge, "SIP/2.0 200", 11);
	traces_wire_of(traces, STR("phone-call"), &phone, false,
		       (struct str){ huge, sizeof(huge) });
	memset(huge, 'A', sizeof(huge));
	for (size_t i = 0; i + 16 <= sizeof(huge); i += 16)
		memcpy(huge + i, "Authorization:\r\n", 16);
	traces_wire_of(traces, STR("phone-call"), &phone, false,
		       (struct str){ huge, sizeof(huge) });
	text = traces_print(traces, STR("last"));
	CHECK(text && strlen(text) < 4 * TRACE_BYTES);
	free(text);
	traces_free(traces);
}

static void what_belongs_to_no_call_is_ignored(void)
{
	struct sip_flow phone = flow_of(&udp, "127.0.0.1:5062");
	struct traces *traces = NULL;
	char *text, *again;

	text = played(&traces, "last");
	traces_wire_of(traces, STR(""), &phone, false, STR("\r\n\r\n"));
	traces_wire_of(traces, STR("other"), &phone, false, STR(TO_PHONE));
	traces_wire_of(traces, STR("other"), &phone, true, STR(TO_PHONE)); /* nobody claims it */
	traces_note(traces, "none", "call", "x");
	traces_wire(traces, "none", &phone, true, STR(RINGING));
	traces_dialog(traces, "none", STR("other"));
	traces_end(traces, "none");
	again = traces_print(traces, STR("last"));
	CHECK(again && text && strcmp(text, again) == 0);
	free(text);
	free(again);
	traces_free(traces);
}

static void attempts_are_numbered_when_there_are_several(void)
{
	struct sip_flow phone = flow_of(&udp, "127.0.0.1:5063");
	struct traces *traces = NULL;
	char *text;

	free(played(&traces, "last"));
	traces_dialog(traces, CALL, STR("second"));
	traces_dialog(traces, CALL, STR("second"));
	traces_wire_of(traces, STR("second"), &phone, false, STR(RINGING));
	text = traces_print(traces, STR("last"));
	CHECK(contains(text, "UDP 127.0.0.1:5063 callee 2\n"));
	CHECK(contains(text, "UDP 127.0.0.1:5062 callee 1\n"));
	CHECK_EQ(count(text, "callee 2  Call-ID: second"), 1);
	free(text);
	traces_free(traces);
}

/* A proxy that forks to two pages of ours sends one Call-ID twice. */
static void a_call_id_used_again_belongs_to_the_call_that_goes_on(void)
{
	static const char *const ends[] = { "first", "second" };

	for (size_t i = 0; i < 2; i++) {
		struct sip_flow phone = flow_of(&udp, "127.0.0.1:5062");
		struct traces *traces = NULL;
		char *text;

		REQUIRE(traces_new(clock_ms, NULL, &traces) == 0);
		traces_begin(traces, "first");
		traces_dialog(traces, "first", STR("same"));
		traces_begin(traces, "second");
		traces_dialog(traces, "second", STR("same"));
		traces_end(traces, ends[i]);
		traces_wire_of(traces, STR("same"), &phone, false, STR(RINGING));
		text = traces_print(traces, STR("same"));
		CHECK(contains(text, ends[1 - i]) && contains(text, "180 Ringing"));
		free(text);
		traces_free(traces);
	}
}

static int scenario(void)
{
	struct traces *traces = NULL;
	char *text;

	if (traces_new(clock_ms, NULL, &traces) != 0)
		return -ENOMEM;
	play(traces);
	text = traces_print(traces, STR("last"));
	traces_end(traces, CALL);
	/* Whatever was lost, nothing of it shows as if it were all there. */
	int err = text && contains(text, "#4 ") && !contains(text, "not kept)\n\n") ? 0 : -ENOMEM;
	free(text);
	traces_free(traces);
	return err;
}

static void it_survives_without_memory(void)
{
	CHECK(oom_sweep("trace", scenario) > 8);
}

TESTS(the_ladder_shows_who_sent_what_to_whom_and_when, every_message_is_there_in_full,
      credentials_and_keys_are_never_kept, a_peers_octets_do_not_reach_the_terminal,
      a_call_is_found_by_its_id_a_beginning_or_a_sip_call_id,
      last_is_the_call_that_began_last_though_it_ended_first,
      messages_after_the_end_still_belong_to_the_call, only_the_last_calls_that_ended_are_kept,
      a_call_keeps_its_newest_32_kib, a_huge_message_is_cut, what_belongs_to_no_call_is_ignored,
      attempts_are_numbered_when_there_are_several,
      a_call_id_used_again_belongs_to_the_call_that_goes_on, it_survives_without_memory)
