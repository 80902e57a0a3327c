/* config_value.h: one value of the configuration file into its field. */
#pragma once

#include "gateway/config.h"
#include "sdp/str.h"

/* Parses `text` as `key` says into its field of `config`, which is still empty.
 * `folder` is what relative paths are relative to. 0, -EBADMSG or -ENOMEM; what
 * was made until then stays in the field. */
int config_value_set(struct config *config, const struct config_key *key, struct str text,
		     const char *folder);

/* Frees what the field owns and empties it. */
void config_value_free(struct config *config, const struct config_key *key);

/* Takes the next of a list's values off `*rest`: blanks and commas separate. False
 * at the end. */
bool config_value_next(struct str *rest, struct str *value);
