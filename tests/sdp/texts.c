/* texts.c: see texts.h. */
#include "tests/sdp/texts.h"

#include <stdio.h>
#include <stdlib.h>

struct str sample(const char *name)
{
	static char text[8192];
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/sdp/samples/%s.sdp", TESTS_FOLDER, name);
	file = fopen(path, "rb");
	if (!file) {
		printf("  cannot read %s\n", path);
		exit(1);
	}
	size_t n = fread(text, 1, sizeof(text), file);
	fclose(file);
	return (struct str){ text, n };
}

struct sdp *parsed(struct str text)
{
	struct sdp_error error = { 0 };
	struct sdp *sdp = NULL;

	if (sdp_parse(text, &sdp, &error))
		printf("  does not parse: %s at %zu\n", error.why, error.offset);
	return sdp;
}

struct sdp_ip ip_of(const char *text)
{
	struct sdp_ip ip = { 0 };

	if (!sdp_ip_parse(str_of(text), &ip)) {
		printf("  not an address: %s\n", text);
		exit(1);
	}
	return ip;
}
