/* log.c: a bounded list of records, and the thread that writes them.
 *
 *   any thread --record--> [ list under a mutex ] --batch--> writer --write()--> fd
 *
 * The one piece of state that belongs to the process rather than to a gateway:
 * every thread logs, also before there is a gateway and after it has gone. */
#define _GNU_SOURCE
#include "gateway/log.h"

#include "sdp/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define STOP_WAITS_S 2				/* for a reader of our output that has stalled */
#define LINE_BYTES   (6 * LOG_LINE_BYTES + 128) /* a text that JSON escapes throughout */
#define WRITE_BYTES  (4 * LINE_BYTES)		/* at once */
#define GATHER_MS    10				/* after a write, what comes meanwhile waits */

struct record {
	struct record *next;
	struct timespec time;
	enum log_level level;
	size_t n;
	char text[];
};

struct queue {
	pthread_mutex_t mutex;
	pthread_cond_t some;
	pthread_t writer;

	/* under the mutex */
	struct record *first;
	struct record **end;
	size_t n, cap;
	unsigned long dropped;
	bool waiting; /* the writer, for a first record */
	bool urgent;  /* an error is in the list */
	bool ending;

	/* set once */
	int fd;
	bool json;
};

static atomic_int max_level = LOG_LEVEL_INFO;

/* The queue while there is one. Producers hold the mutex while they put a record
 * in, so when log_stop() has taken it away nobody is inside any more. */
static pthread_mutex_t global = PTHREAD_MUTEX_INITIALIZER;
static struct queue *running; /* under `global` */

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	return names[level];
}

void log_set_level(enum log_level level)
{
	atomic_store(&max_level, (int)level);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&max_level, memory_order_relaxed);
}

static void put_text(struct writer *w, const char *text, size_t n)
{
	/* One record is one line, whatever is in it. */
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		writer_char(w, c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
}

static void put_json(struct writer *w, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\') {
			writer_char(w, '\\');
			writer_char(w, (char)c);
		} else if (c < 0x20 || c >= 0x7f) {
			writer_printf(w, "\\u%04x", c);
		} else {
			writer_char(w, (char)c);
		}
	}
}

static void print_record(struct writer *w, bool json, const struct record *r)
{
	char when[40];
	struct tm tm;

	gmtime_r(&r->time.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	writer_printf(w,
		      json ? "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"text\":\""
			   : "%s.%03ldZ %-5s ",
		      when, r->time.tv_nsec / 1000000, log_level_name(r->level));
	if (json)
		put_json(w, r->text, r->n);
	else
		put_text(w, r->text, r->n);
	writer_put(w, json ? STR("\"}\n") : STR("\n"));
}

static void write_all(int fd, struct writer *w)
{
	struct str out = { 0 };

	if (writer_end(w, &out))
		return; /* cannot be: LINE_BYTES is the worst case */
	while (out.n) {
		ssize_t done = write(fd, out.p, out.n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* nobody to tell */
		out = str_skip(out, (size_t)done);
	}
}

/* The list, in as few writes as it takes. Frees it. */
static void write_records(int fd, bool json, struct record *r)
{
	char text[WRITE_BYTES];
	struct writer w;

	writer_init(&w, text, sizeof(text));
	while (r) {
		struct record *next = r->next;

		print_record(&w, json, r);
		free(r);
		r = next;
		if (!r || sizeof(text) - w.n < LINE_BYTES) {
			write_all(fd, &w);
			writer_init(&w, text, sizeof(text));
		}
	}
}

static struct record *record_new(enum log_level level, const char *text, size_t n)
{
	struct record *r = malloc(sizeof(*r) + n);

	if (!r)
		return NULL;
	r->next = NULL;
	clock_gettime(CLOCK_REALTIME, &r->time);
	r->level = level;
	r->n = n;
	memcpy(r->text, text, n);
	return r;
}

static void say_dropped(struct queue *q, unsigned long dropped)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "log: output too slow, records dropped=%lu", dropped);
	struct record *r = record_new(LOG_LEVEL_WARN, text, (size_t)n);

	if (r)
		write_records(q->fd, q->json, r);
}

/* Records come in crowds: a thread woken for each costs more than they do. Under the
 * mutex. */
static void gather(struct queue *q)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += GATHER_MS * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!q->ending && !q->urgent)
		if (pthread_cond_timedwait(&q->some, &q->mutex, &until) == ETIMEDOUT)
			return;
}

static void *write_out(void *arg)
{
	struct queue *q = arg;

	pthread_mutex_lock(&q->mutex);
	for (;;) {
		while (!q->first && !q->ending && !q->dropped) {
			q->waiting = true;
			pthread_cond_wait(&q->some, &q->mutex);
		}
		struct record *r = q->first;
		unsigned long dropped = q->dropped;
		bool ending = q->ending;

		q->first = NULL;
		q->end = &q->first;
		q->n = 0;
		q->dropped = 0;
		q->waiting = q->urgent = false;
		pthread_mutex_unlock(&q->mutex);

		if (!r && !dropped && ending)
			return NULL;
		write_records(q->fd, q->json, r);
		if (dropped)
			say_dropped(q, dropped);
		pthread_mutex_lock(&q->mutex);
		gather(q);
	}
}

int log_start(const struct log_config *config)
{
	struct queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t monotonic;
	int err = 0;

	if (!q)
		return -ENOMEM;
	pthread_mutex_init(&q->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&q->some, &monotonic);
	pthread_condattr_destroy(&monotonic);
	q->end = &q->first;
	q->cap = config->queue_records ? config->queue_records : LOG_QUEUE_RECORDS;
	q->fd = config->fd ? config->fd : STDERR_FILENO;
	q->json = config->json;
	pthread_mutex_lock(&global);
	if (running)
		err = -EINVAL;
	else if (pthread_create(&q->writer, NULL, write_out, q))
		err = -EAGAIN;
	else
		running = q;
	pthread_mutex_unlock(&global);
	if (err) {
		pthread_cond_destroy(&q->some);
		pthread_mutex_destroy(&q->mutex);
		free(q);
		return err;
	}
	log_set_level(config->level);
	return 0;
}

void log_stop(void)
{
	struct timespec until;

	pthread_mutex_lock(&global);
	struct queue *q = running;
	running = NULL;
	pthread_mutex_unlock(&global);
	if (!q)
		return;
	pthread_mutex_lock(&q->mutex);
	q->ending = true;
	pthread_cond_signal(&q->some);
	pthread_mutex_unlock(&q->mutex);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_WAITS_S;
	/* A reader that never reads again must not keep us: the queue is then left
	 * to the end of the process, which is near. */
	if (pthread_timedjoin_np(q->writer, NULL, &until)) {
		pthread_detach(q->writer);
		return;
	}
	pthread_cond_destroy(&q->some);
	pthread_mutex_destroy(&q->mutex);
	free(q);
}

/* False when there is no writer: then the record is still the caller's. */
static bool enqueue(struct record *r)
{
	bool dropped = false;

	pthread_mutex_lock(&global);
	struct queue *q = running;
	if (q) {
		pthread_mutex_lock(&q->mutex);
		dropped = q->n >= q->cap;
		if (dropped) {
			q->dropped++;
		} else {
			*q->end = r;
			q->end = &r->next;
			q->n++;
		}
		q->urgent = q->urgent || r->level == LOG_LEVEL_ERROR;
		if (q->waiting || q->urgent)
			pthread_cond_signal(&q->some);
		q->waiting = false;
		pthread_mutex_unlock(&q->mutex);
	}
	pthread_mutex_unlock(&global);
	if (dropped)
		free(r);
	return q != NULL;
}

void log_write(enum log_level level, const char *format, ...)
{
	char text[LOG_LINE_BYTES];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0)
		return;
	if ((size_t)n >= sizeof(text)) {
		memcpy(text + sizeof(text) - 4, "...", 4);
		n = (int)sizeof(text) - 1;
	}

	struct record *r = record_new(level, text, (size_t)n);
	if (r && !enqueue(r))
		write_records(STDERR_FILENO, false, r);
}

const char *log_quote(struct str text, char *buf)
{
	struct str shown = str_head(text, LOG_QUOTE_OCTETS);
	struct writer w;

	writer_init(&w, buf, LOG_QUOTE_BYTES);
	writer_char(&w, '"');
	for (size_t i = 0; i < shown.n; i++) {
		unsigned char c = (unsigned char)shown.p[i];

		if (c == '"' || c == '\\')
			writer_printf(&w, "\\%c", c);
		else if (c == '\r')
			writer_put(&w, STR("\\r"));
		else if (c == '\n')
			writer_put(&w, STR("\\n"));
		else if (c < 0x20 || c > 0x7e)
			writer_printf(&w, "\\x%02x", c);
		else
			writer_char(&w, (char)c);
	}
	writer_put(&w, shown.n < text.n ? STR("\"...") : STR("\""));
	writer_char(&w, '\0');
	return buf;
}

bool log_rate_allows(struct log_rate *rate, uint64_t now_ms, unsigned *held_back)
{
	unsigned burst = rate->burst ? rate->burst : 10;
	uint64_t per_ms = rate->per_ms ? rate->per_ms : 60000;

	if (now_ms - rate->since_ms >= per_ms) {
		rate->since_ms = now_ms;
		rate->made = 0;
	}
	if (rate->made >= burst) {
		rate->held_back++;
		return false;
	}
	rate->made++;
	if (held_back)
		*held_back = rate->held_back;
	rate->held_back = 0;
	return true;
}
