/* config_lines.h: the configuration file line by line, for what GKeyFile does not
 * see: what is unknown, what is repeated, and where everything stands. */
#pragma once

#include "gateway/config.h"
#include "sdp/str.h"

struct config_place {
	struct str section, key; /* key is empty for the section itself */
	unsigned line;
};

struct config_lines {
	const char *name; /* of the file, in errors */
	struct config_error *error;
	struct config_place *places; /* in the order of the file; slices into its text */
	size_t n, cap;
};

/* Notes every section and key of `text`, which must live as long. Zero *lines but for
 * name and error first. 0, -EBADMSG with *error set, or -ENOMEM. */
int config_lines_read(struct config_lines *lines, struct str text);

/* Where a key, or a section (empty key), stands; NULL if nowhere. */
const struct config_place *config_lines_find(const struct config_lines *lines, struct str section,
					     struct str key);

/* Whether it is a [phone NAME], and its NAME. */
bool config_lines_is_phone(struct str section, struct str *name);

/* Sets the error to "FILE:LINE: ..." (without LINE when 0) and gives -EBADMSG. */
__attribute__((format(printf, 3, 4))) int config_lines_fail(const struct config_lines *lines,
							    unsigned line, const char *format, ...);

void config_lines_free(struct config_lines *lines);
