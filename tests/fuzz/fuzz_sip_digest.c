/* The value of an Authorization header at the server, and of a challenge at the client. */
#include "sip/digest.h"
#include "sip/print.h"
#include "tests/fuzz/fuzz.h"

static void fixed(void *bytes, size_t n)
{
	memset(bytes, 7, n);
}

/* The message with that header; NULL if it does not stand in one line. */
static struct sip_msg *with(const char *start, const char *name, struct str value)
{
	static char mem[SIP_MAX_MESSAGE];
	struct sip_msg *msg = NULL;
	struct sip_error error = { 0 };
	struct writer w;
	struct str text;

	writer_init(&w, mem, sizeof(mem));
	writer_printf(&w,
		      "%s\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n"
		      "To: <sip:a@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
		      "Max-Forwards: 70\r\n",
		      start);
	sip_header_print(&w, str_of(name), value);
	writer_put(&w, STR("Content-Length: 0\r\n\r\n"));
	if (writer_end(&w, &text) == 0)
		(void)sip_msg_parse(text, SIP_STREAM, &msg, &error);
	sip_msg_unref(error.answerable);
	return msg;
}

static struct sip_digest_server *server_of(void)
{
	static struct sip_digest_server *server;
	const struct sip_digest_server_config config = {
		.realm = STR("hookswitch"),
		.order = { SIP_DIGEST_SHA256, SIP_DIGEST_MD5 },
		.n_order = 2,
		.random = fixed,
	};

	if (!server && sip_digest_server_new(&config, &server))
		abort();
	return server;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str text = fuzz_text(bytes, n);
	struct sip_msg *request = with("REGISTER sip:h SIP/2.0", "Authorization", text);
	struct sip_msg *response = with("SIP/2.0 401 Unauthorized", "WWW-Authenticate", text);
	struct sip_credentials claimed = { 0 };

	/* The octets of the response hash cannot be guessed: nothing may pass. */
	if (request &&
	    sip_digest_read(server_of(), request, 1700000000000, &claimed) == SIP_DIGEST_CLAIMED) {
		struct sip_ha1 ha1;

		sip_ha1_make(claimed.username, STR("hookswitch"), STR("unguessed"), &ha1);
		MUST(sip_digest_check(server_of(), &claimed, request, &ha1) != 0);
		MUST(sip_digest_check(server_of(), &claimed, request, NULL) != 0);
	}
	if (response) {
		char mem[4096];
		struct writer w;
		struct str line;

		writer_init(&w, mem, sizeof(mem));
		if (sip_digest_answer(response, STR("REGISTER"), STR("sip:h"), STR("a"), STR("p"),
				      STR("hookswitch"), fixed, &w) == 0 &&
		    writer_end(&w, &line) == 0)
			/* One header line, whatever the challenge held. */
			MUST(line.n > 2 && str_find(line, '\n') == line.n - 1);
	}
	sip_msg_unref(request);
	sip_msg_unref(response);
	return 0;
}
