/* One message: parsed under each framing, walked, answered; the answer parses. */
#include "sip/print.h"
#include "tests/fuzz/fuzz.h"

static void walk_all(const struct sip_msg *msg)
{
	for (int id = SIP_HEADER_OTHER + 1; id < SIP_HEADERS; id++) {
		struct sip_walk walk = { 0 };
		struct str element;

		while (sip_msg_walk(msg, id, &walk, &element)) {
			struct sip_name_addr addr;

			MUST(!str_empty(element));
			(void)sip_name_addr_parse(element, &addr);
		}
		(void)sip_msg_lists(msg, id, STR("path"));
	}
	(void)sip_contact_expires(msg, msg->to.params, 60);
}

static void answer(const struct sip_msg *request, bool accepted)
{
	static char mem[2 * SIP_MAX_MESSAGE];
	const struct sip_response_parts parts = {
		.status = 486, .to_tag = STR("ours"), .received = STR("192.0.2.1"), .rport = 7
	};
	struct sip_msg *response = NULL;
	struct writer w;
	struct str text;

	writer_init(&w, mem, sizeof(mem));
	sip_response_print(&w, request, &parts);
	if (writer_end(&w, &text) || text.n > SIP_MAX_MESSAGE)
		return;

	int err = sip_msg_parse(text, SIP_STREAM, &response, NULL);
	MUST(err == 0 || !accepted);
	if (err == 0) {
		MUST(response->status == 486);
		MUST(str_eq(response->call_id, request->call_id));
		MUST(response->cseq == request->cseq);
	}
	sip_msg_unref(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	for (enum sip_framing framing = SIP_DATAGRAM; framing <= SIP_WEBSOCKET; framing++) {
		struct sip_msg *msg = NULL;
		struct sip_error error = { 0 };
		int err = sip_msg_parse(fuzz_text(bytes, n), framing, &msg, &error);

		if (err == 0) {
			MUST(msg->n_fields <= SIP_MAX_HEADERS);
			MUST(fuzz_within(msg->text, msg->body));
			for (size_t i = 0; i < msg->n_fields; i++)
				MUST(str_find(msg->fields[i].value, '\r') ==
					     msg->fields[i].value.n &&
				     str_find(msg->fields[i].value, '\n') ==
					     msg->fields[i].value.n);
			walk_all(msg);
			if (msg->is_request)
				answer(msg, true);
			sip_msg_unref(msg);
		} else {
			MUST(error.why && error.offset <= n);
			MUST(!error.answerable || error.answerable->method != SIP_ACK);
			if (error.answerable)
				answer(error.answerable, false);
			sip_msg_unref(error.answerable);
		}
	}
	return 0;
}
