/* result.h: what a run found out, and how it is told. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct series { /* of numbers, for percentiles */
	size_t n, cap;
	double *v;
};

void series_add(struct series *series, double value);
double series_percentile(struct series *series, double percent); /* 0 when empty; sorts */
void series_free(struct series *series);

enum { RESULT_REASONS = 24 };

struct result {
	unsigned attempted, established, failed;
	unsigned established_also; /* ... of them in the page's second codec */
	unsigned registered, register_failed, register_requests;
	struct {
		char why[80];
		unsigned n;
	} reasons[RESULT_REASONS];

	struct series invite_200_ms, invite_rtp_ms, register_ms;
	struct series delay_to_phone_ms, delay_to_page_ms, match;
	struct series late_to_phone_ms, late_to_page_ms; /* each packet, after the fastest */
	uint64_t to_phone_heard, to_phone_lost, to_page_heard, to_page_lost;
	char srtp[32];		/* negotiated */
	unsigned playback_rate; /* the answer's maxplaybackrate; 0: none */

	bool has_server;
	double seconds;					   /* measured */
	double cpu_ms;					   /* in them */
	double call_seconds;				   /* in them */
	double idle_cpu_ms;				   /* per second, before the calls */
	double memory_before, memory_loaded, memory_after; /* KiB */
	size_t descriptors_before, descriptors_loaded, descriptors_after;
	unsigned loaded; /* calls or users when it was loaded */
};

/* Counts a failure under its reason. */
void result_reason(struct result *result, const char *why);
void result_print(struct result *result, const char *mode, bool json);
void result_free(struct result *result);
