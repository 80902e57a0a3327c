/* token_file.h: where the keys of flow tokens outlive a restart: a file in the state
 * folder, readable by its owner only. */
#pragma once

#include "gateway/token.h"

/* Reads the file, makes a new key if one is due, and writes what changed. 0,
 * -EBADMSG for a file that holds no keys, -E... of the file system; `why` gets a line. */
int token_file_load(const char *file, uint64_t now_s, struct token_keys *keys, char *why,
		    size_t why_bytes);

/* A new key if one is due, as of a running gateway: about once a day. If the file
 * cannot be written, the new key is used all the same. 0 or -E... */
int token_file_rotate(const char *file, uint64_t now_s, struct token_keys *keys);
