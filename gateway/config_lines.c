/* config_lines.c: see config_lines.h. */
#include "gateway/config_lines.h"

#include "gateway/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_LINES 65536

int config_lines_fail(const struct config_lines *r, unsigned line, const char *format, ...)
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

const struct config_place *config_lines_find(const struct config_lines *r, struct str section,
					     struct str key)
{
	for (size_t i = 0; i < r->n; i++) {
		if (str_eq(r->places[i].section, section) && str_eq(r->places[i].key, key))
			return &r->places[i];
	}
	return NULL;
}

static int note(struct config_lines *r, struct str section, struct str key, unsigned line)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? 2 * r->cap : 64;
		struct config_place *grown = realloc(r->places, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		r->places = grown;
		r->cap = cap;
	}
	r->places[r->n++] = (struct config_place){ section, key, line };
	return 0;
}

bool config_lines_is_phone(struct str section, struct str *name)
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

	if (config_lines_is_phone(section, &phone))
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
	if (config_lines_is_phone(section, &phone))
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

static int see_section(struct config_lines *r, struct str section, unsigned line)
{
	char quoted[LOG_QUOTE_BYTES], list[256];
	struct str phone;
	const struct config_place *before = config_lines_find(r, section, STR(""));

	if (!known(section, STR("")))
		return config_lines_fail(r, line, "[%s]: unknown section, expected one of %s",
					 log_quote(str_head(section, 64), quoted),
					 expected(STR(""), list, sizeof(list)));
	if (config_lines_is_phone(section, &phone) && !is_phone_name(phone))
		return config_lines_fail(
			r, line,
			"[phone NAME]: expected a NAME of up to 64 letters, digits and ._+*#-");
	if (before)
		return config_lines_fail(
			r, line, "[%.*s]: section repeated, expected it once (first on line %u)",
			STR_ARG(section), before->line);
	return note(r, section, STR(""), line);
}

static int see_key(struct config_lines *r, struct str section, struct str key, unsigned line)
{
	char quoted[LOG_QUOTE_BYTES], list[256];
	const struct config_place *before = config_lines_find(r, section, key);

	if (!section.p)
		return config_lines_fail(r, line,
					 "%s: before the first section, expected [SECTION]",
					 log_quote(str_head(key, 64), quoted));
	if (str_empty(key) || !known(section, key))
		return config_lines_fail(r, line, "[%.*s] %s: unknown key, expected one of %s",
					 STR_ARG(section), log_quote(str_head(key, 64), quoted),
					 expected(section, list, sizeof(list)));
	if (before)
		return config_lines_fail(
			r, line, "[%.*s] %.*s: key repeated, expected it once (first on line %u)",
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

int config_lines_read(struct config_lines *r, struct str text)
{
	struct str section = { 0 };
	int err = 0;

	for (unsigned line = 1; !err && !str_empty(text); line++) {
		struct str s = str_cut(&text, '\n');

		if (line > MAX_LINES)
			return config_lines_fail(r, line, "too long, expected up to %u lines",
						 MAX_LINES);
		if (str_ends(s, STR("\r")))
			s = str_head(s, s.n - 1);
		s = str_trim(s);
		if (has_controls(s))
			return config_lines_fail(r, line, "expected text, not control characters");
		if (str_empty(s) || s.p[0] == '#')
			continue;
		size_t equals = str_find(s, '=');
		if (s.p[0] == '[' && str_ends(s, STR("]"))) {
			section = str_head(str_skip(s, 1), s.n - 2);
			err = see_section(r, section, line);
		} else if (s.p[0] != '[' && equals < s.n) {
			err = see_key(r, section, str_trim(str_head(s, equals)), line);
		} else {
			err = config_lines_fail(r, line,
						"expected [SECTION], KEY = VALUE or # COMMENT");
		}
	}
	return err;
}

void config_lines_free(struct config_lines *r)
{
	free(r->places);
}
