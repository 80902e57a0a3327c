/* web_files.h: the static pages, read into memory once at start.
 *
 * A request only ever looks a name up in this index: no path is joined with what
 * a peer sent, nothing is opened while serving, and the loop never waits for a
 * disk. Symbolic links that leave the root, names beginning with a dot and what
 * is not a regular file are left out. */
#pragma once

#include "sdp/str.h"

#define WEB_FILES_MAX	    4096      /* files; more is -EMSGSIZE */
#define WEB_FILES_MAX_DEPTH 16	      /* folders within folders */
#define WEB_FILE_MAX_BYTES  16777216  /* of one file */
#define WEB_FILES_MAX_BYTES 134217728 /* of all */
#define WEB_FILE_MAX_PATH   1024

struct web_files;

struct web_file {
	char *path;	  /* "/index.html" */
	const char *type; /* MIME type */
	char *body;
	size_t bytes;
	char etag[36]; /* with its quotes */
};

/* Reads the folder. 0, -ENOMEM, -ENOENT, -EACCES and other errors of reading,
 * -EMSGSIZE; `why` gets one line. */
int web_files_read(const char *root, struct web_files **out, char *why, size_t why_bytes);
void web_files_free(struct web_files *files); /* NULL is fine */

/* The file of that (unescaped) path, "/" and "/folder/" meaning their
 * index.html; NULL if there is none. */
const struct web_file *web_files_find(const struct web_files *files, struct str path);

/* By the name's extension; application/octet-stream for an unknown one. */
const char *web_files_type(struct str path);
