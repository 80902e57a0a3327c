/* config.c: the file as a whole. GLib's GKeyFile reads it; it merges repeated
 * sections and keys silently and knows no line numbers, so a pass of our own over
 * the lines comes first. */
#include "gateway/config.h"

#include "gateway/config_lines.h"
#include "gateway/config_music.h"
#include "gateway/config_value.h"
#include "gateway/log.h"
#include "sip/uri.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <assert.h>
#include <errno.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_WORKERS 64

struct reader {
	struct config_lines lines;
	const char *folder; /* what relative paths are relative to */
	GKeyFile *keys;
	struct config *config;
};

static unsigned line_of(const struct reader *r, const char *section, const char *key)
{
	const struct config_place *place = config_lines_find(&r->lines, str_of(section),
							     str_of(key));

	return place ? place->line : 0;
}

static int bad_value(struct reader *r, const char *section, const char *key, const char *wanted,
		     struct str value)
{
	char quoted[LOG_QUOTE_BYTES];

	return config_lines_fail(&r->lines, line_of(r, section, key),
				 "[%s] %s: expected %s, not %s", section, key, wanted,
				 log_quote(str_head(value, 100), quoted));
}

/* The value without blanks and escapes; NULL when the file does not name the key. */
static int get(struct reader *r, const char *section, const char *key, char **out)
{
	GError *failed = NULL;

	*out = NULL;
	if (!line_of(r, section, key))
		return 0;
	*out = g_key_file_get_string(r->keys, section, key, &failed);
	if (*out && !failed)
		return 0;
	g_free(*out);
	*out = NULL;
	config_lines_fail(&r->lines, line_of(r, section, key),
			  "[%s] %s: expected a value without stray backslashes", section, key);
	g_clear_error(&failed);
	return -EBADMSG;
}

static int set_key(struct reader *r, const struct config_key *key)
{
	char *value;
	int err = get(r, key->section, key->key, &value);

	if (err)
		return err;
	struct str text = str_trim(value ? str_of(value) : str_of(key->initial));
	err = config_value_set(r->config, key, text, r->folder);
	if (!err && (key->type == CONFIG_ADDRESS_PORTS || key->type == CONFIG_ADDRESSES))
		((struct config_addresses *)((char *)r->config + key->offset))->chosen = value;
	if (err == -EBADMSG && key->type == CONFIG_SECRET)
		config_lines_fail(&r->lines, line_of(r, key->section, key->key),
				  "[%s] %s: expected %s", key->section, key->key, key->expected);
	else if (err == -EBADMSG)
		bad_value(r, key->section, key->key, key->expected, text);
	g_free(value);
	return err;
}

#define PHONE_CONTACT "a SIP URI with an IP address like sip:1000@192.0.2.7, by udp or tcp"

/* What a flow can be opened to: no names, as nothing resolves them. */
static bool is_reachable(struct str text)
{
	struct str transport = STR("udp");
	struct in6_addr address;
	struct sip_uri uri;
	char host[64];

	if (text.n > 256 || sip_uri_parse(text, &uri) || !str_ieq(uri.scheme, STR("sip")))
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (!isgraph((unsigned char)text.p[i]) || strchr("<>\",\\", text.p[i]))
			return false;
	}
	sip_param(uri.params, STR("transport"), &transport);
	if (!str_ieq(transport, STR("udp")) && !str_ieq(transport, STR("tcp")))
		return false;
	return str_copy(uri.host, host, sizeof(host)) == 0 &&
	       inet_pton(uri.host_is_ipv6 ? AF_INET6 : AF_INET, host, &address) == 1;
}

static int set_phone(struct reader *r, struct str section, struct str name, unsigned line)
{
	struct config *c = r->config;
	struct config_phone *phone;
	char in_section[80], *value = NULL;
	int err;

	for (size_t i = 0; i < c->phones.n; i++) {
		if (str_eq(str_of(c->phones.list[i].name), name))
			return config_lines_fail(&r->lines, line,
						 "[%.*s]: phone repeated, expected it once",
						 STR_ARG(section));
	}
	if (str_copy(section, in_section, sizeof(in_section)))
		return config_lines_fail(&r->lines, line, "[phone NAME]: too long");
	if (c->phones.n == CONFIG_MAX_PHONES)
		return config_lines_fail(&r->lines, line, "[%s]: expected up to %d phones",
					 in_section, CONFIG_MAX_PHONES);
	if (!line_of(r, in_section, "contact"))
		return config_lines_fail(&r->lines, line,
					 "[%s] contact: missing, expected " PHONE_CONTACT,
					 in_section);
	err = get(r, in_section, "contact", &value);
	if (err)
		return err;
	struct str contact = str_trim(str_of(value));
	if (!is_reachable(contact)) {
		err = bad_value(r, in_section, "contact", PHONE_CONTACT, contact);
	} else {
		phone = &c->phones.list[c->phones.n++];
		phone->name = str_dup(name);
		phone->contact = str_dup(contact);
		if (!phone->name || !phone->contact)
			err = -ENOMEM;
	}
	g_free(value);
	return err;
}

static int set_phones(struct reader *r)
{
	struct str name;
	size_t phones = 0;
	int err = 0;

	for (size_t i = 0; i < r->lines.n; i++)
		phones += str_empty(r->lines.places[i].key) &&
			  config_lines_is_phone(r->lines.places[i].section, &name);
	if (!phones)
		return 0;
	r->config->phones.list = calloc(phones, sizeof(struct config_phone));
	if (!r->config->phones.list)
		return -ENOMEM;
	for (size_t i = 0; !err && i < r->lines.n; i++) {
		const struct config_place *p = &r->lines.places[i];

		if (str_empty(p->key) && config_lines_is_phone(p->section, &name))
			err = set_phone(r, p->section, name, p->line);
	}
	return err;
}

static bool lists(const struct config_words *words, struct str one)
{
	for (size_t i = 0; i < words->n; i++)
		if (str_eq(str_of(words->list[i]), one))
			return true;
	return false;
}

/* What concerns more than one key. */
static int agree(struct reader *r)
{
	struct config *c = r->config;

	if (!c->web.certificate != !c->web.key) {
		const char *has = c->web.key ? "key" : "certificate";

		return config_lines_fail(&r->lines, line_of(r, "web", has),
					 "[web] %s: expected %s beside it", has,
					 c->web.key ? "certificate" : "key");
	}
	if (c->web.proxy_protocol != CONFIG_PROXY_OFF && !c->web.trusted_proxies.n)
		return config_lines_fail(&r->lines, line_of(r, "web", "proxy_protocol"),
					 "[web] trusted_proxies: expected beside proxy_protocol");
	if (c->registrar.mode == CONFIG_MODE_CENTRAL &&
	    (c->registrar.targets.n == 0 || c->registrar.targets.n > 8))
		return config_lines_fail(
			&r->lines,
			line_of(r, "registrar", c->registrar.targets.n ? "targets" : "mode"),
			"[registrar] targets: expected 1 to 8 beside mode = central");
	if (!c->turn.urls.n != !c->turn.secret) {
		const char *has = c->turn.secret ? "secret" : "urls";

		return config_lines_fail(&r->lines, line_of(r, "turn", has),
					 "[turn] %s: expected %s beside it", has,
					 c->turn.secret ? "urls" : "secret");
	}
	if (c->media.plan == CONFIG_PLAN_OPUS && !lists(&c->media.codecs, STR("opus")))
		return config_lines_fail(&r->lines, line_of(r, "media", "plan"),
					 "[media] codecs: expected opus beside plan = opus");
	if (c->media.browser_bitrate && c->media.browser_bitrate < 6000)
		return config_lines_fail(&r->lines, line_of(r, "media", "browser_bitrate"),
					 "[media] browser_bitrate: expected 0, or a number from "
					 "6000 to 510000");
	/* so that a browser that vanished soon stops ringing */
	if (c->registrar.mode == CONFIG_MODE_CENTRAL && !line_of(r, "registrar", "max_expires") &&
	    !line_of(r, "registrar", "min_expires"))
		c->registrar.max_expires_s = 120;
	if (c->registrar.min_expires_s > c->registrar.max_expires_s) {
		unsigned line = line_of(r, "registrar", "max_expires");

		return config_lines_fail(
			&r->lines, line ? line : line_of(r, "registrar", "min_expires"),
			"[registrar] max_expires: expected at least min_expires, %u s",
			c->registrar.min_expires_s);
	}
	bool same = !c->media.advertise.n || c->media.advertise.n == c->media.address.n;
	for (size_t i = 0; same && i < c->media.advertise.n; i++)
		same = c->media.advertise.list[i].addr.ss_family ==
		       c->media.address.list[i].addr.ss_family;
	if (!same)
		return config_lines_fail(
			&r->lines, line_of(r, "media", "advertise"),
			"[media] advertise: expected one address of the same kind for each in "
			"address");
	for (size_t i = 0; !c->sip.tls.n && i < c->registrar.targets.n; i++)
		if (str_ends(str_of(c->registrar.targets.list[i]), STR(";transport=tls")))
			return config_lines_fail(&r->lines, line_of(r, "registrar", "targets"),
						 "[sip] tls: expected beside transport=tls");
	if (!c->sip.udp.n && !c->sip.tcp.n && !c->sip.tls.n && !c->web.http.n && !c->web.https.n)
		return config_lines_fail(
			&r->lines, 0,
			"[sip] udp, tcp, tls, [web] http, https: expected at least one address");
	return 0;
}

/* Defaults that follow from other values or from the machine. */
static int complete(struct config *c)
{
	static const char database[] = "/hookswitch.db";

	if (!c->media.workers) {
		long cores = sysconf(_SC_NPROCESSORS_ONLN);

		c->media.workers = cores < 1		 ? 1
				   : cores > MAX_WORKERS ? MAX_WORKERS
							 : (uint32_t)cores;
	}
	if (!c->registrar.database) {
		assert(c->gateway.state); /* its key has min 1: never empty */
		size_t room = strlen(c->gateway.state) + sizeof(database);

		c->registrar.database = malloc(room);
		if (!c->registrar.database)
			return -ENOMEM;
		snprintf(c->registrar.database, room, "%s%s", c->gateway.state, database);
	}
	return 0;
}

static int load_music(struct reader *r)
{
	const char *file = r->config->calls.hold_music;
	int err = file ? config_music_load(file, &r->config->calls.music) : 0;

	if (!err || err == -ENOMEM)
		return err;
	return config_lines_fail(
		&r->lines, line_of(r, "calls", "hold_music"),
		"[calls] hold_music: %.200s: expected a WAV file: PCM of 16 bit, 8 "
		"kHz, mono: %s",
		file,
		err == -EBADMSG	   ? "it is another kind of file"
		: err == -EMSGSIZE ? "it is too long"
				   : g_strerror(-err));
}

int config_parse(const char *name, const char *folder, const char *text, size_t n,
		 struct config **out, struct config_error *error)
{
	struct reader r = { .lines = { .name = name, .error = error }, .folder = folder };
	GError *failed = NULL;
	int err;

	error->text[0] = 0;
	r.keys = g_key_file_new();
	r.config = calloc(1, sizeof(*r.config));
	err = r.config ? 0 : -ENOMEM;
	if (!err && (n > CONFIG_MAX_BYTES || (n && memchr(text, 0, n))))
		err = config_lines_fail(&r.lines, 0, "expected a text file of up to %d bytes",
					CONFIG_MAX_BYTES);
	if (!err)
		err = config_lines_read(&r.lines, (struct str){ text, n });
	if (!err && n && !g_key_file_load_from_data(r.keys, text, n, G_KEY_FILE_NONE, &failed)) {
		err = config_lines_fail(&r.lines, 0, "expected [SECTION] and KEY = VALUE lines: %s",
					failed->message);
		g_clear_error(&failed);
	}
	for (const struct config_key *k = config_keys; !err && k->section; k++)
		err = set_key(&r, k);
	if (!err)
		err = set_phones(&r);
	if (!err)
		err = agree(&r);
	if (!err)
		err = complete(r.config);
	if (!err)
		err = load_music(&r);
	if (err == -ENOMEM)
		snprintf(error->text, sizeof(error->text), "%s: out of memory", name);
	g_key_file_free(r.keys);
	config_lines_free(&r.lines);
	if (err) {
		config_free(r.config);
		return err;
	}
	*out = r.config;
	return 0;
}

static int read_file(const char *file, char **text, size_t *n)
{
	FILE *f = fopen(file, "re");
	int err = 0;

	if (!f)
		return errno ? -errno : -EIO;
	char *mem = malloc(CONFIG_MAX_BYTES + 1);
	if (mem) {
		*n = fread(mem, 1, CONFIG_MAX_BYTES + 1, f);
		if (ferror(f))
			err = errno ? -errno : -EIO;
	} else {
		err = -ENOMEM;
	}
	fclose(f);
	if (err)
		free(mem);
	else
		*text = mem;
	return err;
}

int config_load(const char *file, struct config **out, struct config_error *error)
{
	struct config *config = NULL;
	char *text = NULL, *folder = NULL;
	const char *slash = strrchr(file, '/');
	size_t n = 0;
	int err = read_file(file, &text, &n);

	if (err) {
		snprintf(error->text, sizeof(error->text), "%s: cannot be read: %s", file,
			 g_strerror(-err));
		return err;
	}
	folder = str_dup(slash ? (struct str){ file, (size_t)(slash - file) } : STR("."));
	err = folder ? config_parse(file, slash == file ? "/" : folder, text, n, &config, error)
		     : -ENOMEM;
	if (!err) {
		config->file = str_dup(str_of(file));
		err = config->file ? 0 : -ENOMEM;
	}
	if (err == -ENOMEM)
		snprintf(error->text, sizeof(error->text), "%s: out of memory", file);
	free(folder);
	free(text);
	if (err) {
		config_free(config);
		return err;
	}
	*out = config;
	return 0;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (const struct config_key *k = config_keys; k->section; k++)
		config_value_free(config, k);
	for (size_t i = 0; i < config->phones.n; i++) {
		free(config->phones.list[i].name);
		free(config->phones.list[i].contact);
	}
	free(config->phones.list);
	free(config->calls.music);
	free(config->web.demo_json);
	free(config->file);
	free(config);
}
