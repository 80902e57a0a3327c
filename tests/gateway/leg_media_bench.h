/* leg_media_bench.h: what the tests of leg_media share.
 *
 * Everything is static, because CHECK counts in each test program by itself. */
#pragma once

#include "gateway/leg_media.h"
#include "tests/check.h"
#include "tests/oom.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"

static struct config *config;
static char sample_text[16384];

static struct str sample(const char *name)
{
	char path[512];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/sdp/samples/%s.sdp", TESTS_FOLDER, name);
	FILE *file = fopen(path, "rb");
	if (file) {
		n = fread(sample_text, 1, sizeof(sample_text), file);
		fclose(file);
	}
	return (struct str){ sample_text, n };
}

static struct sdp_ip ip_of(const char *text)
{
	struct sdp_ip ip = { 0 };

	sdp_ip_parse(str_of(text), &ip);
	return ip;
}

static void make(struct leg_media *m, enum sdp_profile profile)
{
	struct config_error error;

	if (!config && config_parse("test", "/", "", 0, &config, &error) != 0)
		abort();
	leg_media_init(m, &(struct leg_media_config){ .profile = profile,
						      .config = config,
						      .session_id = 4711,
						      .max_playback_rate = 8000 });
}

static void set_local(struct leg_media *m)
{
	struct session_local ours = {
		.ip = ip_of("192.0.2.1"),
		.port = 20000,
		.rtcp_port = 20001,
		.ssrc = 12345,
		.cname = "cname",
		.ufrag = "frag",
		.pwd = "0123456789abcdefghijklmn",
		.fingerprint = { .hash = SDP_SHA256, .n = 32 },
		.foundations = { "1" },
		.n_candidates = 1,
	};

	ours.candidates[0] = (struct sdp_candidate){
		.ip = ours.ip, .port = 20000, .priority = 2130706431, .type = SDP_HOST
	};
	leg_media_set_local(m, &ours);
}

static bool has(struct str text, const char *what)
{
	struct str w = str_of(what);

	for (size_t i = 0; i + w.n <= text.n; i++)
		if (str_starts(str_skip(text, i), w))
			return true;
	return false;
}

static bool has_line(struct str text, const char *line)
{
	while (!str_empty(text)) {
		struct str l = str_cut(&text, '\n');

		if (str_eq(str_ends(l, STR("\r")) ? str_head(l, l.n - 1) : l, str_of(line)))
			return true;
	}
	return false;
}

#pragma GCC diagnostic pop
