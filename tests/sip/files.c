/* files.c: see files.h. */
#include "tests/sip/files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

struct str file_read(const char *name)
{
	char path[512];
	char *mem = malloc(70000);

	snprintf(path, sizeof(path), "%s/%s", TESTS_FOLDER, name);
	FILE *file = fopen(path, "rb");
	if (!file || !mem) {
		printf("  cannot read %s\n", path);
		if (file)
			fclose(file);
		free(mem);
		return (struct str){ NULL, 0 };
	}
	size_t n = fread(mem, 1, 70000, file);
	fclose(file);
	return (struct str){ mem, n };
}

/* One recording: "--- text frame, N bytes", then N octets in which each line
 * feed stands for CRLF, then a line feed. */
static size_t walk_recording(const char *name, struct str text,
			     void (*each)(void *arg, const char *file, struct str message),
			     void *arg)
{
	static const char mark[] = "--- text frame, ";
	char *wire = malloc(70000);
	size_t frames = 0;

	while (wire && !str_empty(text)) {
		struct str line = str_cut(&text, '\n');
		uint32_t bytes;

		if (!str_starts(line, str_of(mark)))
			continue;
		line = str_skip(line, sizeof(mark) - 1);
		if (!str_to_u32(str_word(&line), 1, 65535, &bytes))
			continue;
		size_t n = 0;
		while (n < bytes && !str_empty(text)) {
			if (text.p[0] == '\n')
				wire[n++] = '\r';
			wire[n++] = text.p[0];
			text = str_skip(text, 1);
		}
		if (n != bytes)
			printf("  %s: frame %zu is %zu bytes, not %u\n", name, frames, n, bytes);
		each(arg, name, (struct str){ wire, n });
		frames++;
	}
	free(wire);
	return frames;
}

size_t samples_walk(void (*each)(void *arg, const char *file, struct str message), void *arg)
{
	static const char *const names[] = { "chromium-jssip", "chromium-sipjs", "firefox-jssip",
					     "firefox-sipjs" };
	size_t frames = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[64];

		snprintf(path, sizeof(path), "sip/samples/%s.txt", names[i]);
		struct str text = file_read(path);
		frames += walk_recording(names[i], text, each, arg);
		free((void *)text.p);
	}
	return frames;
}

size_t torture_walk(const char *rfc, void (*each)(void *arg, const char *name, struct str message),
		    void *arg)
{
	char where[512];
	size_t n = 0;

	snprintf(where, sizeof(where), "%s/sip/%s", TESTS_FOLDER, rfc);
	DIR *folder = opendir(where);

	for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
		struct str name = str_of(entry->d_name);
		char path[300], base[64];

		if (!str_ends(name, STR(".dat")))
			continue;
		str_copy(str_head(name, name.n - 4), base, sizeof(base));
		snprintf(path, sizeof(path), "sip/%s/%s", rfc, entry->d_name);
		struct str message = file_read(path);
		if (message.p)
			each(arg, base, message);
		free((void *)message.p);
		n++;
	}
	if (folder)
		closedir(folder);
	return n;
}
