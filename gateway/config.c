/* config.c: the file as a whole. GLib's GKeyFile reads it; it merges repeated
 * sections and keys silently and knows no line numbers, so a pass of our own over
 * the lines comes first. */
#include "gateway/config.h"

#include "gateway/config_value.h"
#include "gateway/log.h"

#include <ctype.h>
#include <errno.h>
#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_LINES   65536
#define MAX_WORKERS 64

/* Where something was said, for errors about it and to find what is repeated. */
struct place {
	struct str section, key; /* key is empty for the section itself */
	unsigned line;
};

struct reader {
	const char *name; /* of the file, in errors */
	const char *folder;
	struct place *places;
	size_t n, cap;
	GKeyFile *keys;
	struct config *config;
	struct config_error *error;
};

__attribute__((format(printf, 3, 4))) static int fail(struct reader *r, unsigned line,
						      const char *format, ...)
{
	char *text = r->error->text;
	size_t room = sizeof(r->error->text);
	int n = line ? snprintf(text, room, "%s:%u: ", r->name, line)
		     : snprintf(text, room, "%s: ", r->name);
	va_list args;

	if (n > 0 && (size_t)n < room) {
		va_start(args, format);
		vsnprintf(text + n, room - (size_t)n, format, args);
		va_end(args);
	}
	return -EBADMSG;
}

/* ---- the pass over the lines ---- */

static const struct place *find(const struct reader *r, struct str section, struct str key)
{
	for (size_t i = 0; i < r->n; i++) {
		if (str_eq(r->places[i].section, section) && str_eq(r->places[i].key, key))
			return &r->places[i];
	}
	return NULL;
}

static int note(struct reader *r, struct str section, struct str key, unsigned line)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 64;
		struct place *grown = realloc(r->places, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		r->places = grown;
		r->cap = cap;
	}
	r->places[r->n++] = (struct place){ section, key, line };
	return 0;
}

static bool is_phone(struct str section, struct str *name)
{
	if (!str_starts(section, STR("phone ")))
		return false;
	*name = str_trim(str_skip(section, 6));
	return true;
}

static bool is_phone_name(struct str name)
{
	for (size_t i = 0; i < name.n; i++) {
		if (!isalnum((unsigned char)name.p[i]) && !strchr("._+*#-", name.p[i]))
			return false;
	}
	return name.n > 0 && name.n <= 64;
}

static bool known(struct str section, struct str key)
{
	struct str phone;

	if (is_phone(section, &phone))
		return str_empty(key) || str_eq(key, STR("contact"));
	for (const struct config_key *k = config_keys; k->section; k++) {
		if (str_eq(str_of(k->section), section) &&
		    (str_empty(key) || str_eq(str_of(k->key), key)))
			return true;
	}
	return false;
}

/* The keys of a section, or the sections, for an error message. */
static const char *expected(struct str section, char *buf, size_t room)
{
	struct str phone, last = { 0 };
	size_t n = 0;

	buf[0] = 0;
	if (is_phone(section, &phone))
		return "contact";
	for (const struct config_key *k = config_keys; k->section; k++) {
		const char *word = str_empty(section) ? k->section : k->key;

		if (str_empty(section) ? str_eq(last, str_of(k->section))
				       : !str_eq(section, str_of(k->section)))
			continue;
		last = str_of(k->section);
		n += (size_t)snprintf(buf + n, room - n, "%s%s", n ? ", " : "", word);
		if (n >= room)
			return "another";
	}
	if (str_empty(section))
		snprintf(buf + n, room - n, ", phone NAME");
	return buf;
}

static int see_section(struct reader *r, struct str section, unsigned line)
{
	char quoted[LOG_QUOTE_BYTES], list[256];
	struct str phone;
	const struct place *before = find(r, section, STR(""));

	if (!known(section, STR("")))
		return fail(r, line, "[%s]: unknown section, expected one of %s",
			    log_quote(str_head(section, 64), quoted),
			    expected(STR(""), list, sizeof(list)));
	if (is_phone(section, &phone) && !is_phone_name(phone))
		return fail(r, line,
			    "[phone NAME]: expected a NAME of up to 64 letters, digits and ._+*#-");
	if (before)
		return fail(r, line,
			    "[%.*s]: section repeated, expected it once (first on line %u)",
			    STR_ARG(section), before->line);
	return note(r, section, STR(""), line);
}

static int see_key(struct reader *r, struct str section, struct str key, unsigned line)
{
	char quoted[LOG_QUOTE_BYTES], list[256];
	const struct place *before = find(r, section, key);

	if (!section.p)
		return fail(r, line, "%s: before the first section, expected [SECTION]",
			    log_quote(str_head(key, 64), quoted));
	if (str_empty(key) || !known(section, key))
		return fail(r, line, "[%.*s] %s: unknown key, expected one of %s", STR_ARG(section),
			    log_quote(str_head(key, 64), quoted),
			    expected(section, list, sizeof(list)));
	if (before)
		return fail(r, line,
			    "[%.*s] %.*s: key repeated, expected it once (first on line %u)",
			    STR_ARG(section), STR_ARG(key), before->line);
	return note(r, section, key, line);
}

static bool has_controls(struct str line)
{
	for (size_t i = 0; i < line.n; i++) {
		unsigned char c = (unsigned char)line.p[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static int see_lines(struct reader *r, struct str text)
{
	struct str section = { 0 };
	int err = 0;

	for (unsigned line = 1; !err && !str_empty(text); line++) {
		struct str s = str_cut(&text, '\n');

		if (line > MAX_LINES)
			return fail(r, line, "too long, expected up to %u lines", MAX_LINES);
		if (str_ends(s, STR("\r")))
			s = str_head(s, s.n - 1);
		s = str_trim(s);
		if (has_controls(s))
			return fail(r, line, "expected text, not control characters");
		if (str_empty(s) || s.p[0] == '#')
			continue;
		size_t equals = str_find(s, '=');
		if (s.p[0] == '[' && str_ends(s, STR("]"))) {
			section = str_head(str_skip(s, 1), s.n - 2);
			err = see_section(r, section, line);
		} else if (s.p[0] != '[' && equals < s.n) {
			err = see_key(r, section, str_trim(str_head(s, equals)), line);
		} else {
			err = fail(r, line, "expected [SECTION], KEY = VALUE or # COMMENT");
		}
	}
	return err;
}

/* ---- the values ---- */

static unsigned line_of(const struct reader *r, const char *section, const char *key)
{
	const struct place *place = find(r, str_of(section), str_of(key));

	return place ? place->line : 0;
}

static int bad_value(struct reader *r, const char *section, const char *key, const char *wanted,
		     struct str value)
{
	char quoted[LOG_QUOTE_BYTES];

	return fail(r, line_of(r, section, key), "[%s] %s: expected %s, not %s", section, key,
		    wanted, log_quote(str_head(value, 100), quoted));
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
	fail(r, line_of(r, section, key), "[%s] %s: expected a value without stray backslashes",
	     section, key);
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
	if (err == -EBADMSG)
		bad_value(r, key->section, key->key, key->expected, text);
	g_free(value);
	return err;
}

/* Enough to catch slips; the SIP side parses it for good. */
static bool is_sip_uri(struct str uri)
{
	if (!str_istarts(uri, STR("sip:")) || uri.n < 5 || uri.n > 256)
		return false;
	for (size_t i = 0; i < uri.n; i++) {
		if (!isgraph((unsigned char)uri.p[i]) || strchr("<>\",\\", uri.p[i]))
			return false;
	}
	return !str_ends(uri, STR("@"));
}

static int set_phone(struct reader *r, struct str section, struct str name, unsigned line)
{
	struct config *c = r->config;
	struct config_phone *phone;
	char in_section[80], *value = NULL;
	int err;

	for (size_t i = 0; i < c->phones.n; i++) {
		if (str_eq(str_of(c->phones.list[i].name), name))
			return fail(r, line, "[%.*s]: phone repeated, expected it once",
				    STR_ARG(section));
	}
	if (str_copy(section, in_section, sizeof(in_section)))
		return fail(r, line, "[phone NAME]: too long");
	if (c->phones.n == CONFIG_MAX_PHONES)
		return fail(r, line, "[%s]: expected up to %d phones", in_section,
			    CONFIG_MAX_PHONES);
	if (!line_of(r, in_section, "contact"))
		return fail(r, line,
			    "[%s] contact: missing, expected a SIP URI like sip:1000@192.0.2.7",
			    in_section);
	err = get(r, in_section, "contact", &value);
	if (err)
		return err;
	struct str contact = str_trim(str_of(value));
	if (!is_sip_uri(contact)) {
		err = bad_value(r, in_section, "contact", "a SIP URI like sip:1000@192.0.2.7",
				contact);
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

	for (size_t i = 0; i < r->n; i++)
		phones += str_empty(r->places[i].key) && is_phone(r->places[i].section, &name);
	if (!phones)
		return 0;
	r->config->phones.list = calloc(phones, sizeof(struct config_phone));
	if (!r->config->phones.list)
		return -ENOMEM;
	for (size_t i = 0; !err && i < r->n; i++) {
		const struct place *p = &r->places[i];

		if (str_empty(p->key) && is_phone(p->section, &name))
			err = set_phone(r, p->section, name, p->line);
	}
	return err;
}

/* What concerns more than one key. */
static int agree(struct reader *r)
{
	struct config *c = r->config;

	if (!c->web.certificate != !c->web.key) {
		const char *has = c->web.key ? "key" : "certificate";

		return fail(r, line_of(r, "web", has), "[web] %s: expected %s beside it", has,
			    c->web.key ? "certificate" : "key");
	}
	if (c->registrar.min_expires_s > c->registrar.max_expires_s) {
		unsigned line = line_of(r, "registrar", "max_expires");

		return fail(r, line ? line : line_of(r, "registrar", "min_expires"),
			    "[registrar] max_expires: expected at least min_expires, %u s",
			    c->registrar.min_expires_s);
	}
	bool same = !c->media.advertise.n || c->media.advertise.n == c->media.address.n;
	for (size_t i = 0; same && i < c->media.advertise.n; i++)
		same = c->media.advertise.list[i].addr.ss_family ==
		       c->media.address.list[i].addr.ss_family;
	if (!same)
		return fail(r, line_of(r, "media", "advertise"),
			    "[media] advertise: expected one address of the same kind for each in "
			    "address");
	if (!c->sip.udp.n && !c->sip.tcp.n && !c->web.http.n && !c->web.https.n)
		return fail(r, 0,
			    "[sip] udp, tcp, [web] http, https: expected at least one address");
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
		size_t room = strlen(c->gateway.state) + sizeof(database);

		c->registrar.database = malloc(room);
		if (!c->registrar.database)
			return -ENOMEM;
		snprintf(c->registrar.database, room, "%s%s", c->gateway.state, database);
	}
	return 0;
}

int config_parse(const char *name, const char *folder, const char *text, size_t n,
		 struct config **out, struct config_error *error)
{
	struct reader r = { .name = name, .folder = folder, .error = error };
	GError *failed = NULL;
	int err;

	error->text[0] = 0;
	r.keys = g_key_file_new();
	r.config = calloc(1, sizeof(*r.config));
	err = r.config ? 0 : -ENOMEM;
	if (!err && (n > CONFIG_MAX_BYTES || memchr(text, 0, n)))
		err = fail(&r, 0, "expected a text file of up to %d bytes", CONFIG_MAX_BYTES);
	if (!err)
		err = see_lines(&r, (struct str){ text, n });
	if (!err && n && !g_key_file_load_from_data(r.keys, text, n, G_KEY_FILE_NONE, &failed)) {
		err = fail(&r, 0, "expected [SECTION] and KEY = VALUE lines: %s", failed->message);
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
	if (err == -ENOMEM)
		snprintf(error->text, sizeof(error->text), "%s: out of memory", name);
	g_key_file_free(r.keys);
	free(r.places);
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
		return -errno;
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
	free(config->web.demo_json);
	free(config->file);
	free(config);
}
