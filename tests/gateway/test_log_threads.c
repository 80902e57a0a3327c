/* The log, read back through a pipe. Run under the thread sanitizer too. */
#define _GNU_SOURCE
#include "gateway/log.h"
#include "tests/check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

struct output {
	int from;
	int to;
	size_t n;
	char text[1 << 20];
};

static struct output *output_new(void)
{
	struct output *o = calloc(1, sizeof(*o));
	int ends[2];

	if (!o || pipe2(ends, O_CLOEXEC))
		abort();
	o->from = ends[0];
	o->to = ends[1];
	return o;
}

/* All that was written, after log_stop(). */
static void output_read(struct output *o)
{
	ssize_t n;

	close(o->to);
	while ((n = read(o->from, o->text + o->n, sizeof(o->text) - 1 - o->n)) > 0)
		o->n += (size_t)n;
	o->text[o->n] = 0;
}

static void output_free(struct output *o)
{
	close(o->from);
	free(o);
}

static size_t lines(const struct output *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++)
		n += o->text[i] == '\n';
	return n;
}

static void a_record_is_time_level_and_text(void)
{
	struct output *o = output_new();

	CHECK_EQ(log_start(&(struct log_config){ .level = LOG_LEVEL_INFO, .fd = o->to }), 0);
	CHECK_EQ(log_start(&(struct log_config){ .fd = o->to }), -EINVAL);
	log_info("call %s: %s", "7f3a", "ringing -> talking\nforged line");
	log_debug("never shown");
	log_stop();
	output_read(o);
	CHECK_EQ(lines(o), 1);
	/* 2026-01-01T00:00:00.000Z info  call ... */
	CHECK(o->n > 25 && o->text[10] == 'T' && o->text[23] == 'Z');
	CHECK(strcmp(o->text + 24, " info  call 7f3a: ringing -> talking?forged line\n") == 0);
	output_free(o);
}

static void json_records_are_escaped(void)
{
	struct output *o = output_new();

	CHECK_EQ(log_start(&(struct log_config){
			 .level = LOG_LEVEL_DEBUG, .json = true, .fd = o->to }),
		 0);
	log_debug("say \"hi\" \\ \x01\xff");
	log_stop();
	output_read(o);
	CHECK(strncmp(o->text, "{\"time\":\"", 9) == 0);
	CHECK(strstr(o->text, "\",\"level\":\"debug\","
			      "\"text\":\"say \\\"hi\\\" \\\\ \\u0001\\u00ff\"}\n"));
	output_free(o);
}

static void a_long_record_is_cut(void)
{
	struct output *o = output_new();
	char big[3 * LOG_LINE_BYTES];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = 0;
	log_start(&(struct log_config){ .level = LOG_LEVEL_INFO, .fd = o->to });
	log_warn("%s", big);
	log_stop();
	output_read(o);
	CHECK_EQ(lines(o), 1);
	CHECK(o->n < LOG_LINE_BYTES + 40);
	CHECK(strstr(o->text, "xxx...\n"));
	output_free(o);
}

/* Nobody reads the pipe: logging goes on, and what was lost is said later. */
static void a_full_queue_drops_and_counts(void)
{
	struct output *o = output_new();
	char filler[900];

	memset(filler, 'f', sizeof(filler));
	filler[sizeof(filler) - 1] = 0;
	log_start(
		&(struct log_config){ .level = LOG_LEVEL_INFO, .fd = o->to, .queue_records = 10 });
	for (unsigned i = 0; i < 1000; i++) /* 900 kB: the pipe holds 64 */
		log_info("%s", filler);
	char *mem = o->text;
	size_t got = 0;
	/* Make room, so that the writer comes to the end. */
	fcntl(o->from, F_SETFL, O_NONBLOCK);
	for (;;) {
		ssize_t n = read(o->from, mem + got, sizeof(o->text) - 1 - got);

		if (n > 0)
			got += (size_t)n;
		mem[got] = 0;
		if (strstr(mem, "dropped="))
			break;
	}
	o->n = got;
	log_stop();
	output_read(o);
	CHECK(lines(o) < 1000);
	CHECK(strstr(o->text, "warn  log: output too slow, records dropped="));
	output_free(o);
}

enum { THREADS = 4, EACH = 500 };

static void *log_many(void *arg)
{
	for (unsigned i = 0; i < EACH; i++)
		log_info("thread=%d number=%u", *(int *)arg, i);
	return NULL;
}

static void threads_do_not_mix_their_lines(void)
{
	struct output *o = output_new();
	pthread_t threads[THREADS];
	int names[THREADS];

	fcntl(o->to, F_SETPIPE_SZ, 1 << 20);
	log_start(&(struct log_config){ .level = LOG_LEVEL_INFO, .fd = o->to });
	for (int i = 0; i < THREADS; i++) {
		names[i] = i;
		pthread_create(&threads[i], NULL, log_many, &names[i]);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	log_stop();
	output_read(o);

	unsigned next[THREADS] = { 0 };
	struct str rest = { o->text, o->n };
	while (!str_empty(rest)) {
		struct str line = str_cut(&rest, '\n');
		struct str digits = str_skip(line, str_find(line, '=') + 1);
		uint32_t thread = THREADS, number = 0;

		CHECK(str_to_u32(str_cut(&digits, ' '), 0, THREADS - 1, &thread));
		str_cut(&digits, '=');
		CHECK(str_to_u32(digits, 0, EACH, &number));
		if (thread < THREADS) {
			CHECK_EQ(number, next[thread]);
			next[thread] = number + 1;
		}
	}
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(next[i], EACH);
	output_free(o);
}

/* A peer must not be able to forge log lines or drive a terminal. */
static void peers_text_is_quoted_and_cut(void)
{
	char buf[LOG_QUOTE_BYTES], big[1000];

	CHECK(strcmp(log_quote(STR("plain"), buf), "\"plain\"") == 0);
	CHECK(strcmp(log_quote(STR("a\r\nb\x1b[2J\"\\\xe4\0c"), buf),
		     "\"a\\r\\nb\\x1b[2J\\\"\\\\\\xe4\\x00c\"") == 0);
	CHECK(strcmp(log_quote((struct str){ NULL, 0 }, buf), "\"\"") == 0);
	memset(big, 0x01, sizeof(big));
	log_quote((struct str){ big, sizeof(big) }, buf);
	CHECK_EQ(strlen(buf), 4 * LOG_QUOTE_OCTETS + 5);
	CHECK(strcmp(buf + strlen(buf) - 5, "1\"...") == 0);
	CHECK(strcmp(LOG_QUOTE(STR("x")), "\"x\"") == 0);
}

static void repeated_records_are_held_back(void)
{
	struct log_rate rate = { .burst = 2, .per_ms = 1000 };
	unsigned held = 9;

	CHECK(log_rate_allows(&rate, 5000, &held) && held == 0);
	CHECK(log_rate_allows(&rate, 5001, &held) && held == 0);
	CHECK(!log_rate_allows(&rate, 5002, &held));
	CHECK(!log_rate_allows(&rate, 5999, NULL));
	CHECK(log_rate_allows(&rate, 6000, &held) && held == 2);
	CHECK(log_rate_allows(&rate, 6001, &held) && held == 0);
	CHECK(!log_rate_allows(&rate, 6002, &held));
}

TESTS(a_record_is_time_level_and_text, json_records_are_escaped, a_long_record_is_cut,
      a_full_queue_drops_and_counts, threads_do_not_mix_their_lines, peers_text_is_quoted_and_cut,
      repeated_records_are_held_back)
