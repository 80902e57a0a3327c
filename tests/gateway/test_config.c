/* The configuration file: values, defaults, and errors a stranger understands. */
#include "gateway/config.h"
#include "gateway/media/music.h"
#include "gateway/log.h"
#include "tests/check.h"
#include "tests/oom.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#define SAMPLE TESTS_FOLDER "/../examples/hookswitch.conf"

#define PHONE_CONTACT "a SIP URI with an IP address like sip:1000@192.0.2.7, by udp or tcp"

static int parse(const char *text, struct config **out, struct config_error *error)
{
	return config_parse("x.conf", "/etc/x", text, strlen(text), out, error);
}

static struct config *good(const char *text)
{
	struct config *config = NULL;
	struct config_error error;

	if (parse(text, &config, &error)) {
		printf("  refused: %s\n", error.text);
		check_failures++;
	}
	return config;
}

static void an_empty_file_means_the_defaults(void)
{
	struct config *c = good("");

	REQUIRE(c);
	CHECK_STR(str_of(c->gateway.state), "/var/lib/hookswitch");
	CHECK_STR(str_of(c->registrar.database), "/var/lib/hookswitch/hookswitch.db");
	CHECK_EQ(c->sip.udp.n, 2);
	CHECK_STR(str_of(c->sip.udp.list[0].text), "0.0.0.0:5060");
	CHECK_STR(str_of(c->sip.udp.list[1].text), "[::]:5060");
	CHECK(!c->sip.udp.chosen);
	CHECK_STR(str_of(c->web.http.list[0].text), "127.0.0.1:8080");
	CHECK_EQ(c->web.https.n, 2);
	CHECK(!c->web.certificate && !c->web.key);
	CHECK_EQ(c->media.port_min, 20000);
	CHECK_EQ(c->media.port_max, 29999);
	CHECK(c->media.workers >= 1);
	CHECK_EQ(c->media.codecs.n, 4);
	CHECK_STR(str_of(c->media.codecs.list[1]), "G722");
	CHECK_EQ(c->media.plan, CONFIG_PLAN_AUTO);
	CHECK_EQ(c->media.transcoders, 200);
	CHECK_EQ(c->media.symmetric_rtp, CONFIG_SYMMETRIC_AUTO);
	CHECK(c->media.redundancy);
	CHECK_EQ(c->media.browser_bitrate, 0);
	CHECK_EQ(c->media.opus_complexity, 0);
	CHECK_STR(str_of(c->registrar.realm), "hookswitch");
	CHECK_EQ(c->registrar.digest_n, 1);
	CHECK_EQ(c->registrar.digest[0], CONFIG_DIGEST_MD5);
	CHECK_EQ(c->registrar.min_expires_s, 60);
	CHECK_EQ(c->registrar.max_expires_s, 3600);
	CHECK_EQ(c->calls.ring_timeout_ms, 60000);
	CHECK_EQ(c->calls.reconnect_timeout_ms, 120000);
	CHECK_EQ(c->calls.page_timeout_ms, 15000);
	CHECK_EQ(c->calls.phone_timeout_ms, 60000);
	CHECK_EQ(c->calls.drain_delay_ms, 0);
	CHECK_EQ(c->calls.drain_timeout_ms, 0);
	CHECK_EQ(c->log.level, LOG_LEVEL_INFO);
	CHECK(!c->log.json);
	CHECK_EQ(c->phones.n, 0);
	CHECK_EQ(c->turn.urls.n, 0);
	CHECK(!c->turn.secret);
	config_free(c);
	config_free(NULL);
}

/* The gateway does not start with music that nobody will hear. */
static void music_is_read_with_the_file_that_names_it(void)
{
	static const uint8_t wav[] =
		"RIFF....WAVEfmt \20\0\0\0\1\0\1\0\100\37\0\0\200\76\0\0\2\0\20\0"
		"data\4\0\0\0\1\2\3\4";
	char file[] = "/tmp/hookswitch-music-XXXXXX", text[128];
	struct config_error error;
	struct config *c;
	int fd = mkstemp(file);

	REQUIRE(fd >= 0);
	snprintf(text, sizeof(text), "[calls]\nhold_music = %s\n", file);
	CHECK_EQ(config_parse("x.conf", "/etc/x", text, strlen(text), &c, &error), -EBADMSG);
	CHECK(strstr(error.text, "x.conf:2: [calls] hold_music: /tmp/") != NULL);
	CHECK(strstr(error.text, "another kind of file") != NULL);
	REQUIRE(write(fd, wav, sizeof(wav) - 1) == (ssize_t)sizeof(wav) - 1);
	close(fd);
	c = good(text);
	REQUIRE(c);
	REQUIRE(c->calls.music);
	CHECK_EQ(c->calls.music->n, 2);
	CHECK_EQ(c->calls.music->pcm[1], 0x0403);
	config_free(c);
	unlink(file);
	CHECK_EQ(config_parse("x.conf", "/etc/x", text, strlen(text), &c, &error), -EBADMSG);
	CHECK(strstr(error.text, "No such file") != NULL);
}

static void values_reach_their_fields(void)
{
	struct config *c = good("# a comment\n"
				"[sip]\r\n"
				"udp = 127.0.0.1:33000 [::1]:33001\n"
				"tcp=\n"
				"tls = 192.0.2.1:5061\n"
				"tls_ca = ca.pem\n"
				"domains = example.org, pbx.example.net\n"
				"[web]\n"
				"https = [2001:DB8::1]:443\n"
				"certificate = tls/chain.pem\n"
				"key = /keys/key.pem\n"
				"origins = https://shop.example\n"
				"proxy_protocol = https\n"
				"trusted_proxies = 10.1.2.3/8, 2001:db8::1\n"
				"[media]\n"
				"address = 10.0.0.7, 2001:db8::7\n"
				"advertise = 203.0.113.7, 2001:db8::8\n"
				"ports = 30000 - 30003\n"
				"workers = 3\n"
				"codecs = pcmu opus\n"
				"plan = relay\n"
				"transcoders = 0\n"
				"symmetric_rtp = off\n"
				"redundancy = off\n"
				"browser_bitrate = 16000\n"
				"opus_complexity = 7\n"
				"[registrar]\n"
				"digest = SHA-256 MD5\n"
				"database = users.db\n"
				"max_expires = 2h\n"
				"[calls]\n"
				"ring_timeout = 2m\n"
				"page_timeout = 9 s\n"
				"[phone 1000]\n"
				"contact = sip:1000@192.0.2.7\n"
				"[phone lobby]\n"
				"contact = sip:[2001:db8::9]:5070;transport=tcp\n"
				"[turn]\n"
				"urls = turn:[2001:db8::5]:3478?transport=udp, turns:t.example\n"
				"secret = a=b;c#d0123456789/+=\n"
				"ttl = 10m\n"
				"[log]\n"
				"level = debug\n"
				"format = json\n");

	REQUIRE(c);
	CHECK_EQ(c->sip.udp.n, 2);
	CHECK(c->sip.udp.chosen);
	CHECK_EQ(ntohs(((struct sockaddr_in6 *)&c->sip.udp.list[1].addr)->sin6_port), 33001);
	CHECK_EQ(c->sip.tcp.n, 0);
	CHECK_STR(str_of(c->sip.tls.list[0].text), "192.0.2.1:5061");
	CHECK_STR(str_of(c->sip.tls_ca), "/etc/x/ca.pem");
	CHECK_STR(str_of(c->sip.domains.list[1]), "pbx.example.net");
	CHECK_STR(str_of(c->web.https.list[0].text), "[2001:db8::1]:443");
	CHECK_STR(str_of(c->web.certificate), "/etc/x/tls/chain.pem");
	CHECK_STR(str_of(c->web.key), "/keys/key.pem");
	CHECK_STR(str_of(c->web.origins.list[0]), "https://shop.example");
	CHECK_EQ(c->web.proxy_protocol, CONFIG_PROXY_HTTPS);
	CHECK_EQ(c->web.trusted_proxies.n, 2);
	CHECK_EQ(c->web.trusted_proxies.list[0].bits, 104);
	CHECK_EQ(c->web.trusted_proxies.list[1].bits, 128);
	CHECK_STR(str_of(c->media.advertise.list[0].text), "203.0.113.7");
	CHECK_EQ(c->media.port_max, 30003);
	CHECK_EQ(c->media.workers, 3);
	CHECK_EQ(c->media.codecs.n, 2);
	CHECK_STR(str_of(c->media.codecs.list[0]), "PCMU");
	CHECK_EQ(c->media.plan, CONFIG_PLAN_RELAY);
	CHECK_EQ(c->media.opus_complexity, 7);
	CHECK_EQ(c->media.transcoders, 0);
	CHECK_EQ(c->media.symmetric_rtp, CONFIG_SYMMETRIC_OFF);
	CHECK(!c->media.redundancy);
	CHECK_EQ(c->media.browser_bitrate, 16000);
	CHECK_EQ(c->registrar.digest_n, 2);
	CHECK_EQ(c->registrar.digest[0], CONFIG_DIGEST_SHA256);
	CHECK_STR(str_of(c->registrar.database), "/etc/x/users.db");
	CHECK_EQ(c->registrar.max_expires_s, 7200);
	CHECK_EQ(c->calls.ring_timeout_ms, 120000);
	CHECK_EQ(c->calls.page_timeout_ms, 9000);
	CHECK_EQ(c->phones.n, 2);
	CHECK_STR(str_of(c->phones.list[0].name), "1000");
	CHECK_STR(str_of(c->phones.list[1].contact), "sip:[2001:db8::9]:5070;transport=tcp");
	CHECK_EQ(c->turn.urls.n, 2);
	CHECK_STR(str_of(c->turn.urls.list[0]), "turn:[2001:db8::5]:3478?transport=udp");
	CHECK_STR(str_of(c->turn.secret), "a=b;c#d0123456789/+=");
	CHECK_EQ(c->turn.ttl_s, 600);
	CHECK_EQ(c->log.level, LOG_LEVEL_DEBUG);
	CHECK(c->log.json);
	config_free(c);
}

static void errors_name_file_line_section_key_and_what_was_expected(void)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "\n[sips]\n",
		  "x.conf:2: [\"sips\"]: unknown section, expected one of gateway, sip, "
		  "web, media, registrar, calls, turn, log, phone NAME" },
		{ "[log]\nlevle = info\n",
		  "x.conf:2: [log] \"levle\": unknown key, expected one of level, format" },
		{ "[log]\nlevel = info\n\nlevel = warn\n",
		  "x.conf:4: [log] level: key repeated, expected it once (first on line 2)" },
		{ "[log]\n[sip]\n[log]\n",
		  "x.conf:3: [log]: section repeated, expected it once (first on line 1)" },
		{ "level = info\n",
		  "x.conf:1: \"level\": before the first section, expected [SECTION]" },
		{ "[log]\nlevel\n", "x.conf:2: expected [SECTION], KEY = VALUE or # COMMENT" },
		{ "[log]\n; level = info\n",
		  "x.conf:2: [log] \"; level\": unknown key, expected one "
		  "of level, format" },
		{ "[log\n", "x.conf:1: expected [SECTION], KEY = VALUE or # COMMENT" },
		{ "[log]\nlevel = loud\n",
		  "x.conf:2: [log] level: expected error, warn, info or debug, not \"loud\"" },
		{ "[sip]\nudp = 127.0.0.1\n",
		  "x.conf:2: [sip] udp: expected a list of ADDRESS:PORT, not \"127.0.0.1\"" },
		{ "[sip]\nudp = ::1:5060\n",
		  "x.conf:2: [sip] udp: expected a list of ADDRESS:PORT, not \"::1:5060\"" },
		{ "[sip]\nudp = 127.0.0.1:5060 127.0.0.1:5060\n",
		  "x.conf:2: [sip] udp: expected a list of ADDRESS:PORT, not \"127.0.0.1:5060 "
		  "127.0.0.1:5060\"" },
		{ "[sip]\ntcp = localhost:5060\n",
		  "x.conf:2: [sip] tcp: expected a list of ADDRESS:PORT, not \"localhost:5060\"" },
		{ "[sip]\nudp = 127.0.0.1:65536\n",
		  "x.conf:2: [sip] udp: expected a list of ADDRESS:PORT, not \"127.0.0.1:65536\"" },
		{ "[sip]\ntsl = 127.0.0.1:5061\n",
		  "x.conf:2: [sip] \"tsl\": unknown key, expected one "
		  "of udp, tcp, tls, tls_ca, domains" },
		{ "[trunk x]\n",
		  "x.conf:1: [\"trunk x\"]: unknown section, expected one of gateway, sip, "
		  "web, media, registrar, calls, turn, log, phone NAME" },
		{ "[media]\nports = 20000-20002\n",
		  "x.conf:2: [media] ports: expected FIRST-LAST, within 1024 to 65535, at least 4 "
		  "ports, not \"20000-20002\"" },
		{ "[media]\ncodecs = opus, opus\n",
		  "x.conf:2: [media] codecs: expected a list of opus, G722, PCMA, PCMU, each "
		  "once, not \"opus, opus\"" },
		{ "[media]\ncodecs =\n", "x.conf:2: [media] codecs: expected a list of opus, G722, "
					 "PCMA, PCMU, each once, not \"\"" },
		{ "[media]\nplan = opus\ncodecs = PCMA\n",
		  "x.conf:2: [media] codecs: expected opus beside plan = opus" },
		{ "[media]\naddress = 10.0.0.1\n\nadvertise = 2001:db8::1\n",
		  "x.conf:4: [media] advertise: expected one address of the same kind for each in "
		  "address" },
		{ "[media]\nworkers = -1\n",
		  "x.conf:2: [media] workers: expected a number from 0 to 64, not \"-1\"" },
		{ "[registrar]\nmode = elsewhere\n",
		  "x.conf:2: [registrar] mode: expected built-in or central, not "
		  "\"elsewhere\"" },
		{ "[registrar]\nmode = central\n",
		  "x.conf:2: [registrar] targets: expected 1 to 8 beside mode = central" },
		{ "[registrar]\ntargets = sip:192.0.2.300\n",
		  "x.conf:2: [registrar] targets: expected up to 8 of "
		  "sip:HOST[:PORT][;transport=udp, tcp or tls], not \"sip:192.0.2.300\"" },
		{ "[registrar]\ntargets = sip:192.0.2.1;transport=sctp\n",
		  "x.conf:2: [registrar] targets: expected up to 8 of "
		  "sip:HOST[:PORT][;transport=udp, tcp or tls], not "
		  "\"sip:192.0.2.1;transport=sctp\"" },
		{ "[registrar]\ntargets = sip:192.0.2.1;transport=tls\n",
		  "x.conf:2: [sip] tls: expected beside transport=tls" },
		{ "[registrar]\ndigest = MD5 MD5\n",
		  "x.conf:2: [registrar] digest: expected MD5, "
		  "SHA-256 or both, each once, not \"MD5 MD5\"" },
		{ "[registrar]\nrealm = my \"pbx\"\n", "x.conf:2: [registrar] realm: expected a "
						       "word without quotes, blanks or colons, not "
						       "\"my \\\"pbx\\\"\"" },
		{ "[media]\nbrowser_bitrate = 5999\n",
		  "x.conf:2: [media] browser_bitrate: expected 0, or a number from 6000 to "
		  "510000" },
		{ "[media]\nredundancy = yes\n",
		  "x.conf:2: [media] redundancy: expected off or on, not \"yes\"" },
		{ "[registrar]\nmin_expires = 600\nmax_expires = 300\n",
		  "x.conf:3: [registrar] max_expires: expected at least min_expires, 600 s" },
		{ "[calls]\nring_timeout = 3601\n",
		  "x.conf:2: [calls] ring_timeout: expected 1 to 3600 seconds, not \"3601\"" },
		{ "[calls]\nring_timeout = 99999999999m\n",
		  "x.conf:2: [calls] ring_timeout: expected 1 to 3600 seconds, not "
		  "\"99999999999m\"" },
		{ "[web]\ncertificate = a.pem\n",
		  "x.conf:2: [web] certificate: expected key beside it" },
		{ "[web]\norigins = shop.example\n", "x.conf:2: [web] origins: expected a list of "
						     "https://HOST[:PORT], not \"shop.example\"" },
		{ "[turn]\nurls = turn:t.example\n",
		  "x.conf:2: [turn] urls: expected secret beside it" },
		{ "[turn]\nsecret = 0123456789abcdef\n",
		  "x.conf:2: [turn] secret: expected urls beside it" },
		{ "[turn]\nurls = turn:t.example, stun:t.example\n",
		  "x.conf:2: [turn] urls: expected a list of turn:HOST[:PORT][?transport=udp or "
		  "tcp] "
		  "and turns:..., not \"turn:t.example, stun:t.example\"" },
		{ "[turn]\nurls = turn:t.example?transport=tls\n",
		  "x.conf:2: [turn] urls: expected a list of turn:HOST[:PORT][?transport=udp or "
		  "tcp] "
		  "and turns:..., not \"turn:t.example?transport=tls\"" },
		{ "[turn]\nurls = turns:\n", "x.conf:2: [turn] urls: expected a list of "
					     "turn:HOST[:PORT][?transport=udp or tcp] "
					     "and turns:..., not \"turns:\"" },
		/* what is nearly a secret is not shown */
		{ "[turn]\nurls = turn:t.example\nsecret = short\n",
		  "x.conf:3: [turn] secret: expected 16 to 256 letters, digits or signs without "
		  "blanks, quotes and backslashes" },
		{ "[turn]\nurls = turn:t.example\nsecret = two words of a secret\n",
		  "x.conf:3: [turn] secret: expected 16 to 256 letters, digits or signs without "
		  "blanks, quotes and backslashes" },
		{ "[turn]\nttl = 59\n",
		  "x.conf:2: [turn] ttl: expected 60 to 86400 seconds, not \"59\"" },
		{ "[web]\nproxy_protocol = on\n",
		  "x.conf:2: [web] trusted_proxies: expected beside proxy_protocol" },
		{ "[web]\nproxy_protocol = yes\n",
		  "x.conf:2: [web] proxy_protocol: expected off, on, https or http, not \"yes\"" },
		{ "[web]\ntrusted_proxies = 10.0.0.0/33\n",
		  "x.conf:2: [web] trusted_proxies: expected a list of ADDRESS or ADDRESS/BITS, "
		  "not \"10.0.0.0/33\"" },
		{ "[web]\nroot =\n", "x.conf:2: [web] root: expected a folder, not \"\"" },
		{ "[web]\nroot = a\\b\n",
		  "x.conf:2: [web] root: expected a value without stray backslashes" },
		{ "[phone 1000]\n",
		  "x.conf:1: [phone 1000] contact: missing, expected " PHONE_CONTACT },
		{ "[phone 1000]\ncontact = 192.0.2.7\n",
		  "x.conf:2: [phone 1000] contact: expected " PHONE_CONTACT ", not \"192.0.2.7\"" },
		{ "[phone 1000]\ncontact = sip:1000@phone.example\n",
		  "x.conf:2: [phone 1000] contact: expected " PHONE_CONTACT
		  ", not \"sip:1000@phone.example\"" },
		{ "[phone 1000]\ncontact = sip:1000@192.0.2.7;transport=tls\n",
		  "x.conf:2: [phone 1000] contact: expected " PHONE_CONTACT
		  ", not \"sip:1000@192.0.2.7;transport=tls\"" },
		{ "[phone a/b]\n", "x.conf:1: [phone NAME]: expected a NAME of up to 64 letters, "
				   "digits and ._+*#-" },
		{ "[phone 1]\ncontact = sip:192.0.2.1\n[phone  1]\ncontact = sip:192.0.2.2\n",
		  "x.conf:3: [phone  1]: phone repeated, expected it once" },
		{ "[sip]\nudp =\ntcp =\n[web]\nhttp =\nhttps =\n",
		  "x.conf: [sip] udp, tcp, tls, [web] http, https: expected at least one address" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct config *c = NULL;
		struct config_error error;

		CHECK_EQ(parse(rows[i].text, &c, &error), -EBADMSG);
		CHECK(!c);
		if (strcmp(error.text, rows[i].error) != 0) {
			printf("  %s\n  not\n  %s\n", error.text, rows[i].error);
			check_failures++;
		}
	}
}

static void a_central_registrar_has_targets_and_short_registrations(void)
{
	struct config *c = NULL;
	struct config_error error;

	CHECK_EQ(parse("[registrar]\nmode = central\n"
		       "targets = sip:192.0.2.1, sip:[2001:db8::1]:5070;transport=tcp, "
		       "sip:example.org\n"
		       "realms = example.org\n",
		       &c, &error),
		 0);
	REQUIRE(c);
	CHECK_EQ(c->registrar.mode, CONFIG_MODE_CENTRAL);
	CHECK_EQ(c->registrar.targets.n, 3);
	CHECK_STR(str_of(c->registrar.targets.list[1]), "sip:[2001:db8::1]:5070;transport=tcp");
	CHECK_STR(str_of(c->registrar.realms.list[0]), "example.org");
	CHECK_EQ(c->registrar.max_expires_s, 120);
	config_free(c);
	c = NULL;
	CHECK_EQ(parse("[registrar]\nmode = central\ntargets = sip:192.0.2.1\nmax_expires = 600\n",
		       &c, &error),
		 0);
	REQUIRE(c);
	CHECK_EQ(c->registrar.max_expires_s, 600);
	config_free(c);
}

static void files_that_are_no_text_are_refused(void)
{
	struct config *c = NULL;
	struct config_error error;
	char *big = malloc(CONFIG_MAX_BYTES + 2);

	memset(big, '\n', CONFIG_MAX_BYTES + 2);
	CHECK_EQ(config_parse("x.conf", ".", "[log]\n\0", 7, &c, &error), -EBADMSG);
	CHECK_EQ(config_parse("x.conf", ".", big, CONFIG_MAX_BYTES + 1, &c, &error), -EBADMSG);
	CHECK_EQ(config_parse("x.conf", ".", "[log]\nlevel = \xff\n", 15, &c, &error), -EBADMSG);
	CHECK_EQ(config_load("/nowhere/x.conf", &c, &error), -ENOENT);
	CHECK(strcmp(error.text, "/nowhere/x.conf: cannot be read: No such file or directory") ==
	      0);
	CHECK_EQ(config_load("/", &c, &error), -EISDIR);
	free(big);
}

static void addresses_are_replaced_by_the_command_line(void)
{
	struct config *c = good("");

	REQUIRE(c);
	CHECK_EQ(config_addresses_set(&c->web.http, "127.0.0.1:1 [::1]:2", true), 0);
	CHECK_EQ(c->web.http.n, 2);
	CHECK_STR(str_of(c->web.http.list[1].text), "[::1]:2");
	CHECK_EQ(config_addresses_set(&c->web.http, "nonsense", true), -EBADMSG);
	CHECK_EQ(c->web.http.n, 2);
	config_free(c);
}

/* The line `key = value` of a section in the sample, with or without its "#". */
static bool in_sample(struct str sample, const char *section, const char *key, struct str *value)
{
	struct str now = { 0 };

	while (!str_empty(sample)) {
		struct str line = str_cut(&sample, '\n');

		if (str_starts(line, STR("[")))
			now = str_head(str_skip(line, 1), line.n - 2);
		if (str_starts(line, STR("#")))
			line = str_skip(line, 1);
		if (!str_eq(now, str_of(section)) || str_find(line, '=') == line.n)
			continue;
		if (!str_eq(str_trim(str_head(line, str_find(line, '='))), str_of(key)))
			continue;
		*value = str_trim(str_skip(line, str_find(line, '=') + 1));
		return true;
	}
	return false;
}

static char *sample_text(void)
{
	static char text[65536];
	FILE *f = fopen(SAMPLE, "r");

	if (!f)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = 0;
	fclose(f);
	return text;
}

static void the_sample_shows_every_key_with_its_default(void)
{
	char *sample = sample_text();

	REQUIRE(sample);
	for (const struct config_key *k = config_keys; k->section; k++) {
		struct str value = { 0 };

		if (!in_sample(str_of(sample), k->section, k->key, &value)) {
			printf("  [%s] %s is not in the sample\n", k->section, k->key);
			check_failures++;
		} else if (strcmp(k->key, "root") == 0) {
			/* Where it is follows the installation's prefix. */
			CHECK(str_ends(value, STR("/share/hookswitch/web")));
			CHECK(str_ends(str_of(k->initial), STR("/share/hookswitch/web")));
		} else if (!str_eq(value, str_of(k->initial))) {
			printf("  [%s] %s is \"%.*s\" in the sample, not \"%s\"\n", k->section,
			       k->key, STR_ARG(value), k->initial);
			check_failures++;
		}
	}
}

/* As shipped, and with every key's comment sign taken off. */
static void the_sample_is_a_good_file(void)
{
	struct config *c = NULL;
	struct config_error error;
	char *sample = sample_text();

	REQUIRE(sample);
	CHECK_EQ(config_load(SAMPLE, &c, &error), 0);
	config_free(c);
	for (char *p = sample; (p = strstr(p, "\n#")); p++) {
		if (p[2] >= 'a' && p[2] <= 'z')
			p[1] = ' ';
	}
	c = good(sample);
	REQUIRE(c);
	CHECK(c->sip.udp.chosen);
	config_free(c);
}

static int load_something(void)
{
	struct config *c = NULL;
	struct config_error error;
	int err = parse(
		"[sip]\ndomains = a b\n[phone 1]\ncontact = sip:1@192.0.2.1\n[log]\nlevel = warn\n",
		&c, &error);

	config_free(c);
	return err;
}

static void running_out_of_memory_leaves_nothing_behind(void)
{
	CHECK(oom_sweep("config", load_something) > 10);
}

TESTS(an_empty_file_means_the_defaults, values_reach_their_fields,
      music_is_read_with_the_file_that_names_it,
      errors_name_file_line_section_key_and_what_was_expected,
      a_central_registrar_has_targets_and_short_registrations, files_that_are_no_text_are_refused,
      addresses_are_replaced_by_the_command_line, the_sample_shows_every_key_with_its_default,
      the_sample_is_a_good_file, running_out_of_memory_leaves_nothing_behind)
