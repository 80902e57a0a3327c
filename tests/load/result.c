/* result.c: see result.h. */
#include "tests/load/result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void series_add(struct series *s, double value)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 1024;
		s->v = realloc(s->v, s->cap * sizeof(*s->v));
		if (!s->v)
			abort();
	}
	s->v[s->n++] = value;
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;

	return one < other ? -1 : one > other;
}

double series_percentile(struct series *s, double percent)
{
	if (s->n == 0)
		return 0;
	qsort(s->v, s->n, sizeof(*s->v), by_size);
	size_t at = (size_t)(percent / 100 * (double)s->n);
	return s->v[at < s->n ? at : s->n - 1];
}

void series_free(struct series *s)
{
	free(s->v);
	*s = (struct series){ 0 };
}

void result_reason(struct result *r, const char *why)
{
	for (size_t i = 0; i < RESULT_REASONS; i++) {
		if (!r->reasons[i].n)
			snprintf(r->reasons[i].why, sizeof(r->reasons[i].why), "%s", why);
		if (strcmp(r->reasons[i].why, why) == 0) {
			r->reasons[i].n++;
			return;
		}
	}
}

struct line {
	const char *key;
	double value;
	const char *unit;
};

static size_t percentiles(struct line *out, const char *const keys[3], struct series *s,
			  const char *unit)
{
	if (s->n == 0)
		return 0;
	out[0] = (struct line){ keys[0], series_percentile(s, 50), unit };
	out[1] = (struct line){ keys[1], series_percentile(s, 95), unit };
	out[2] = (struct line){ keys[2], series_percentile(s, 99), unit };
	return 3;
}

static double percent_lost(uint64_t heard, uint64_t lost)
{
	return heard + lost ? 100.0 * (double)lost / (double)(heard + lost) : 0;
}

static size_t media_lines(struct result *r, struct line *out)
{
	size_t n = 0;

	if (!r->to_phone_heard && !r->to_page_heard)
		return 0;
	out[n++] = (struct line){ "lost_to_phone",
				  percent_lost(r->to_phone_heard, r->to_phone_lost), "%" };
	out[n++] = (struct line){ "lost_to_page", percent_lost(r->to_page_heard, r->to_page_lost),
				  "%" };
	out[n++] = (struct line){ "late_to_phone_p99", series_percentile(&r->late_to_phone_ms, 99),
				  "ms" };
	out[n++] = (struct line){ "late_to_page_p99", series_percentile(&r->late_to_page_ms, 99),
				  "ms" };
	out[n++] = (struct line){ "maxplaybackrate", r->playback_rate, "Hz" };
	if (r->match.n) {
		out[n++] = (struct line){ "sampled_directions", (double)r->match.n, "" };
		out[n++] = (struct line){ "match_least", series_percentile(&r->match, 0), "" };
		out[n++] = (struct line){ "delay_to_phone_median",
					  series_percentile(&r->delay_to_phone_ms, 50), "ms" };
		out[n++] = (struct line){ "delay_to_page_median",
					  series_percentile(&r->delay_to_page_ms, 50), "ms" };
	}
	return n;
}

static size_t server_lines(const struct result *r, struct line *out)
{
	size_t n = 0;
	double each = r->loaded ? 1.0 / r->loaded : 0;

	if (!r->has_server)
		return 0;
	out[n++] = (struct line){ "cpu_idle", r->idle_cpu_ms, "CPU-ms/s" };
	out[n++] = (struct line){ "cpu", r->cpu_ms, "CPU-ms" };
	if (r->call_seconds > 0)
		out[n++] = (struct line){ "cpu_per_call_second", r->cpu_ms / r->call_seconds,
					  "CPU-ms" };
	else if (r->attempted)
		out[n++] = (struct line){ "cpu_per_call", r->cpu_ms / r->attempted, "CPU-ms" };
	else if (r->registered)
		out[n++] = (struct line){ "cpu_per_register", r->cpu_ms / r->registered, "CPU-ms" };
	if (r->loaded)
		out[n++] = (struct line){ "memory_each",
					  (r->memory_loaded - r->memory_before) * each, "KiB" };
	out[n++] = (struct line){ "memory_before", r->memory_before, "KiB" };
	out[n++] = (struct line){ "memory_loaded", r->memory_loaded, "KiB" };
	out[n++] = (struct line){ "memory_after", r->memory_after, "KiB" };
	out[n++] = (struct line){ "descriptors_before", (double)r->descriptors_before, "" };
	out[n++] = (struct line){ "descriptors_loaded", (double)r->descriptors_loaded, "" };
	out[n++] = (struct line){ "descriptors_after", (double)r->descriptors_after, "" };
	return n;
}

void result_print(struct result *r, const char *mode, bool json)
{
	static const char *const invite_200[] = { "invite_200_p50", "invite_200_p95",
						  "invite_200_p99" };
	static const char *const invite_rtp[] = { "invite_rtp_p50", "invite_rtp_p95",
						  "invite_rtp_p99" };
	static const char *const reg[] = { "register_p50", "register_p95", "register_p99" };
	struct line lines[64];
	size_t n = 0;

	lines[n++] = (struct line){ "seconds", r->seconds, "s" };
	lines[n++] = (struct line){ "attempted", r->attempted, "" };
	lines[n++] = (struct line){ "established", r->established, "" };
	lines[n++] = (struct line){ "established_also", r->established_also, "" };
	lines[n++] = (struct line){ "failed", r->failed, "" };
	lines[n++] = (struct line){ "registered", r->registered, "" };
	lines[n++] = (struct line){ "register_requests", r->register_requests, "" };
	lines[n++] = (struct line){ "register_failed", r->register_failed, "" };
	n += percentiles(lines + n, invite_200, &r->invite_200_ms, "ms");
	n += percentiles(lines + n, invite_rtp, &r->invite_rtp_ms, "ms");
	n += percentiles(lines + n, reg, &r->register_ms, "ms");
	n += media_lines(r, lines + n);
	n += server_lines(r, lines + n);

	printf(json ? "{\"mode\": \"%s\", \"srtp\": \"%s\"" : "mode %s\nsrtp %s\n", mode, r->srtp);
	for (size_t i = 0; i < n; i++)
		printf(json ? ", \"%s\": %.3f" : "%-24s %12.3f ", lines[i].key, lines[i].value),
			json ? 0 : printf("%s\n", lines[i].unit);
	if (json)
		printf(", \"reasons\": {");
	for (size_t i = 0; i < RESULT_REASONS && r->reasons[i].n; i++)
		if (json)
			printf("%s\"%s\": %u", i ? ", " : "", r->reasons[i].why, r->reasons[i].n);
		else
			printf("failed: %-40s %u\n", r->reasons[i].why, r->reasons[i].n);
	if (json)
		printf("}}\n");
	fflush(stdout);
}

void result_free(struct result *r)
{
	series_free(&r->invite_200_ms);
	series_free(&r->invite_rtp_ms);
	series_free(&r->register_ms);
	series_free(&r->delay_to_phone_ms);
	series_free(&r->delay_to_page_ms);
	series_free(&r->match);
	series_free(&r->late_to_phone_ms);
	series_free(&r->late_to_page_ms);
}
