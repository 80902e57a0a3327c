/* stage.c: see stage.h. */
#include "tests/gateway/stage.h"

#include "gateway/log.h"

#include <stdio.h>
#include <stdlib.h>

static void on_ready(void *arg, const struct session_local *local)
{
	struct part *part = arg;

	part->ready++;
	part->local = *local;
}

static void on_connected(void *arg, const char *path, const char *srtp)
{
	struct part *part = arg;

	(void)path;
	part->connected++;
	snprintf(part->srtp, sizeof(part->srtp), "%s", srtp);
}

static void on_failed(void *arg, const char *why)
{
	struct part *part = arg;

	part->failed++;
	snprintf(part->why, sizeof(part->why), "%s", why);
}

static void on_quiet(void *arg, bool quiet)
{
	struct part *part = arg;

	if (quiet)
		part->quiet++;
	else
		part->back++;
}

static void on_digit(void *arg, char digit, unsigned duration_ms, bool passed)
{
	struct part *part = arg;

	(void)digit, (void)duration_ms, (void)passed;
	part->digits++;
}

static void on_note(void *arg, const char *text)
{
	struct part *part = arg;

	part->notes++;
	snprintf(part->note, sizeof(part->note), "%s", text);
}

const struct session_events part_events = {
	.on_ready = on_ready,
	.on_connected = on_connected,
	.on_failed = on_failed,
	.on_quiet = on_quiet,
	.on_digit = on_digit,
	.on_note = on_note,
};

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

void stage_open(struct stage *stage, const struct stage_config *config)
{
	struct config_error error;
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "[media]\naddress = 127.0.0.1\nports = %u-%u\nworkers = %u\n%s",
			 config->port_min ? config->port_min : 38000,
			 config->port_max ? config->port_max : 38899,
			 config->workers ? config->workers : 1, config->more ? config->more : "");

	log_set_level(LOG_LEVEL_ERROR);
	*stage = (struct stage){ .workers = NULL };
	if (config_parse("test", ".", text, (size_t)n, &stage->config, &error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		abort();
	}
	if (dtls_certificate_new(NULL, &stage->certificate) != 0 ||
	    uv_loop_init(&stage->loop) != 0 ||
	    workers_new(&(struct workers_config){ .loop = &stage->loop,
						  .config = stage->config,
						  .certificate = stage->certificate,
						  .quiet_ms = config->quiet_ms },
			&stage->workers) != 0)
		abort();
	uv_timer_init(&stage->loop, &stage->tick);
	uv_timer_start(&stage->tick, on_tick, 1, 1);
}

void stage_close(struct stage *stage)
{
	workers_stop(stage->workers);
	uv_close((uv_handle_t *)&stage->tick, NULL);
	uv_run(&stage->loop, UV_RUN_DEFAULT);
	workers_free(stage->workers);
	if (uv_loop_close(&stage->loop) != 0)
		abort(); /* somebody left a handle open */
	dtls_certificate_free(stage->certificate);
	config_free(stage->config);
}

uint64_t stage_turn(struct stage *stage)
{
	uv_run(&stage->loop, UV_RUN_ONCE);
	return uv_now(&stage->loop);
}

void stage_run(struct stage *stage, unsigned ms)
{
	uint64_t end = stage_turn(stage) + ms;

	while (stage_turn(stage) < end)
		;
}

static void open_part(struct part *part, struct stage *stage, const struct session_config *config)
{
	struct session_config whole = *config;

	*part = (struct part){ .stage = stage };
	whole.call_id = "test";
	whole.events = &part_events;
	whole.arg = part;
	if (session_open(stage->workers, &whole, &part->ref) != 0)
		abort();
}

void part_open(struct part *part, struct stage *stage, enum session_kind kind, bool controlling)
{
	open_part(part, stage,
		  &(struct session_config){ .kind = kind, .controlling = controlling });
}

void part_open_near(struct part *part, struct stage *stage, enum session_kind kind,
		    const struct part *near)
{
	struct session_config config = { .kind = kind };

	if (near)
		config.near = near->ref;
	open_part(part, stage, &config);
}

static void on_stats(void *arg, const struct session_stats *stats)
{
	struct part *part = arg;

	part->closed++;
	part->stats = *stats;
}

void part_close(struct part *part)
{
	session_close(part->stage->workers, part->ref, on_stats, part);
}
