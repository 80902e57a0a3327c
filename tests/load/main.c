/* main.c: the options of a load; tests/load/README.md says what they mean. */
#include "tests/load/load.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct codec *codec_named(const char *name)
{
	for (size_t i = 0; codec_at(i); i++)
		if (str_ieq(str_of(name), str_of(codec_at(i)->name)))
			return codec_at(i);
	load_die("codecs are opus, G722, PCMA and PCMU");
}

static void address(const char *text, struct sip_addr *out)
{
	if (sip_addr_parse(str_of(text), 0, out) != 0)
		load_die("addresses are IP:PORT");
}

static double amount(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || value < 0)
		load_die("not a number");
	return value;
}

enum {
	WS = 256,
	WSS,
	PHONE,
	PAGE_CODEC,
	PAGE_ALSO,
	PHONE_CODEC,
	SRTP,
	NO_MEDIA,
	NO_REGISTER,
	CALLS,
	USERS,
	FIRST_USER,
	RATE,
	KNOCK,
	CONNECT_RATE,
	SECONDS,
	HOLD,
	SAMPLES,
	SPEECH,
	SEED,
	PREFIX,
	PASSWORD,
	DOMAIN_,
	NUMBER,
	PID,
	SETTLE,
	JSON,
};

static const struct option long_options[] = {
	{ "ws", 1, NULL, WS },
	{ "wss", 1, NULL, WSS },
	{ "phone", 1, NULL, PHONE },
	{ "page-codec", 1, NULL, PAGE_CODEC },
	{ "page-also", 1, NULL, PAGE_ALSO },
	{ "phone-codec", 1, NULL, PHONE_CODEC },
	{ "srtp", 1, NULL, SRTP },
	{ "no-media", 0, NULL, NO_MEDIA },
	{ "no-register", 0, NULL, NO_REGISTER },
	{ "calls", 1, NULL, CALLS },
	{ "users", 1, NULL, USERS },
	{ "first-user", 1, NULL, FIRST_USER },
	{ "rate", 1, NULL, RATE },
	{ "knock", 1, NULL, KNOCK },
	{ "connect-rate", 1, NULL, CONNECT_RATE },
	{ "seconds", 1, NULL, SECONDS },
	{ "hold", 1, NULL, HOLD },
	{ "samples", 1, NULL, SAMPLES },
	{ "speech", 1, NULL, SPEECH },
	{ "seed", 1, NULL, SEED },
	{ "prefix", 1, NULL, PREFIX },
	{ "password", 1, NULL, PASSWORD },
	{ "domain", 1, NULL, DOMAIN_ },
	{ "number", 1, NULL, NUMBER },
	{ "pid", 1, NULL, PID },
	{ "settle", 1, NULL, SETTLE },
	{ "json", 0, NULL, JSON },
	{ NULL, 0, NULL, 0 },
};

static void set_option(struct load *load, int option, const char *value)
{
	struct options *o = &load->o;

	switch (option) {
	case WS:
	case WSS:
		o->secure = option == WSS;
		address(value, &o->web);
		break;
	case PHONE:
		address(value, &o->phone);
		break;
	case PAGE_CODEC:
		o->page_codec = codec_named(value);
		break;
	case PAGE_ALSO:
		o->page_also = codec_named(value);
		break;
	case PHONE_CODEC:
		o->phone_codec = codec_named(value);
		break;
	case SRTP:
		o->srtp = strcmp(value, "gcm") == 0  ? DTLS_OFFER_GCM
			  : strcmp(value, "cm") == 0 ? DTLS_OFFER_CM
						     : DTLS_OFFER_ALL;
		break;
	case NO_MEDIA:
		o->media = false;
		break;
	case NO_REGISTER:
		o->register_first = false;
		break;
	case CALLS:
		o->calls = (unsigned)amount(value);
		break;
	case USERS:
		o->users = (unsigned)amount(value);
		break;
	case FIRST_USER:
		o->first_user = (unsigned)amount(value);
		break;
	case KNOCK:
		o->knock = amount(value);
		break;
	case RATE:
		o->rate = amount(value);
		break;
	case CONNECT_RATE:
		o->connect_rate = amount(value);
		break;
	case SECONDS:
		o->seconds = amount(value);
		break;
	case HOLD:
		o->hold = amount(value);
		break;
	case SAMPLES:
		o->samples = (unsigned)amount(value);
		break;
	case SPEECH:
		o->speech_seconds = (unsigned)amount(value);
		break;
	case SEED:
		o->seed = (uint64_t)amount(value);
		break;
	case PREFIX:
		o->prefix = value;
		break;
	case PASSWORD:
		o->password = value;
		break;
	case DOMAIN_:
		o->domain = value;
		break;
	case NUMBER:
		o->number = value;
		break;
	case PID:
		server_add(&load->server, (int)amount(value));
		break;
	case SETTLE:
		o->settle = amount(value);
		break;
	case JSON:
		o->json = true;
		break;
	default:
		load_die("see tests/load/README.md");
	}
}

int main(int argc, char **argv)
{
	static struct load load;
	int option;

	load.o = (struct options){
		.page_codec = &codec_opus,
		.phone_codec = &codec_pcma,
		.srtp = DTLS_OFFER_ALL,
		.media = true,
		.register_first = true,
		.calls = 10,
		.rate = 20,
		.connect_rate = 200,
		.seconds = 10,
		.samples = 4,
		.settle = 3,
		.speech_seconds = 20,
		.seed = 1,
		.prefix = "u",
		.password = "load",
		.domain = "hookswitch",
		.number = "2000",
	};
	address("127.0.0.1:45060", &load.o.phone);
	if (argc < 2)
		load_die("see tests/load/README.md");
	load.o.mode = argv[1];
	optind = 2;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(&load, option, optarg);
	if (!load.o.web.sa.any.sa_family)
		load_die("--ws IP:PORT or --wss IP:PORT is missing");
	if (!load.o.users)
		load.o.users = load.o.calls;
	if (load.o.calls > load.o.users && strcmp(load.o.mode, "calls") == 0)
		load.o.users = load.o.calls;
	return load_run(&load);
}
