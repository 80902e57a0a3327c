/* state_folder.c: see state_folder.h. */
#include "gateway/state_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int state_folder_make(const struct config *config, char *why, size_t why_bytes)
{
	const char *folder = config->gateway.state;
	struct stat st;

	if (mkdir(folder, 0700) == 0)
		return 0;
	int err = -errno;
	/* Whoever made it decides who may read it. */
	if (err == -EEXIST && stat(folder, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	if (err == -EEXIST)
		err = -ENOTDIR;
	snprintf(why, why_bytes, "[gateway] state: %s cannot be made: %s", folder, strerror(-err));
	return err;
}
