/* config_music.c: see config_music.h. */
#include "gateway/config_music.h"

#include "gateway/media/music.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int read_all(FILE *f, struct music **out)
{
	long end = fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
	int err = -EIO;

	if (end < 0 || fseek(f, 0, SEEK_SET) != 0)
		return errno ? -errno : -EIO;
	if (end > MUSIC_MOST_BYTES)
		return -EMSGSIZE;
	uint8_t *mem = malloc((size_t)end + 1);
	if (!mem)
		return -ENOMEM;
	if (fread(mem, 1, (size_t)end, f) == (size_t)end)
		err = music_parse(mem, (size_t)end, out);
	free(mem);
	return err;
}

int config_music_load(const char *file, struct music **out)
{
	FILE *f = fopen(file, "re");
	int err;

	if (!f)
		return errno ? -errno : -EIO;
	err = read_all(f, out);
	fclose(f);
	return err;
}
