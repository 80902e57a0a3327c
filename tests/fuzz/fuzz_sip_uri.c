/* URIs, name-addrs, parameters, Vias, and lists of them. */
#include "sip/lex.h"
#include "sip/msg.h"
#include "tests/fuzz/fuzz.h"

static void take_uri(struct str text)
{
	struct sip_uri uri = { 0 };
	char mem[512];
	struct str out;

	if (sip_uri_parse(text, &uri))
		return;
	MUST(!str_empty(uri.host) && fuzz_within(text, uri.host));
	MUST(fuzz_within(text, uri.user) && fuzz_within(text, uri.params));
	(void)sip_param(uri.params, STR("transport"), &out);
	if (sip_unescape(uri.user, mem, sizeof(mem), &out) == 0) {
		/* What is printed again is read as the same user. */
		char printed[2048], again[512];
		struct writer w;
		struct str user, same;

		writer_init(&w, printed, sizeof(printed));
		sip_user_print(&w, out);
		if (writer_end(&w, &user) == 0) {
			MUST(sip_unescape(user, again, sizeof(again), &same) == 0);
			MUST(str_eq(same, out));
		}
	}
}

static void take_element(struct str text)
{
	struct sip_name_addr addr = { 0 };
	struct sip_via via = { 0 };
	struct str value;

	if (sip_name_addr_parse(text, &addr) == 0) {
		MUST(fuzz_within(text, addr.display) && fuzz_within(text, addr.params));
		(void)sip_param(addr.params, STR("tag"), &value);
		take_uri(addr.uri.text);
	}
	if (sip_via_parse(text, &via) == 0)
		MUST(!str_empty(via.host) && fuzz_within(text, via.branch));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str text = fuzz_text(bytes, n), rest = text, value;
	char mem[256];

	take_uri(text);
	take_element(text);
	(void)sip_param(text, STR("lr"), &value);
	(void)sip_unescape(text, mem, sizeof(mem), &value);
	while (!str_empty(rest)) {
		size_t before = rest.n;

		take_element(lex_cut(&rest, ','));
		MUST(rest.n < before);
	}
	return 0;
}
