/* log.h: one line per record on stderr: `time level text`, or JSON.
 *
 * Any thread may log, and none ever waits for the terminal or the pipe: records
 * go into a bounded queue that a thread of our own writes out. When the queue is
 * full a record is dropped and counted, and the count is said as soon as there is
 * room. Before log_start() and after log_stop() records are written directly.
 *
 * Text from a peer is always passed through LOG_QUOTE(). Keys, passwords and
 * digests are never logged. */
#pragma once

#include "sdp/str.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

#define LOG_LINE_BYTES	  1024 /* a longer text is cut */
#define LOG_QUEUE_RECORDS 4096
#define LOG_QUOTE_OCTETS  256 /* of a peer's text that are shown */
#define LOG_QUOTE_BYTES	  (4 * LOG_QUOTE_OCTETS + 6)

struct log_config {
	enum log_level level; /* records above it are not made */
	bool json;	      /* one object per line: time, level, text */
	int fd;		      /* 0 means stderr; stays the caller's */
	size_t queue_records; /* 0 means LOG_QUEUE_RECORDS */
};

/* Starts the writing thread. 0, -EINVAL when started already, -ENOMEM, -EAGAIN. */
int log_start(const struct log_config *config);

/* Writes what is queued, then ends the thread. Harmless when not started. */
void log_stop(void);

/* Also callable before log_start(). */
void log_set_level(enum log_level level);

/* Whether a record of this level would be written: for work done only to log. */
bool log_enabled(enum log_level level);

/* One record; a newline is not needed. The text is printf's, best ended with
 * key=value pairs: log_info("call %s: ringing -> talking codec=%s", ...). */
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

#define log_at(level, ...)                                                                         \
	do {                                                                                       \
		if (log_enabled(level))                                                            \
			log_write(level, __VA_ARGS__);                                             \
	} while (0)

__attribute__((format(printf, 2, 3))) void log_write(enum log_level level, const char *format, ...);

/* A peer's text in double quotes, for "%s": control octets, quotes, backslashes
 * and octets above 126 as \n, \" or \xNN, cut after LOG_QUOTE_OCTETS with "...".
 * Gives `buf`, which has room for LOG_QUOTE_BYTES. */
const char *log_quote(struct str text, char *buf);

/* The same with a buffer that lives to the end of the enclosing block. */
#define LOG_QUOTE(text) log_quote((text), (char[LOG_QUOTE_BYTES]){ 0 })

/* Keeps one kind of record from flooding: at most `burst` in each `per_ms`. Owned
 * by the call site's object and used by its thread only; zero it, then set the
 * first two (0 means 10 in 60 s). */
struct log_rate {
	unsigned burst;
	uint64_t per_ms;
	uint64_t since_ms;
	unsigned made;
	unsigned held_back;
};

/* Whether to log now. *held_back (may be NULL) gets the number of records that
 * were held back since the last one allowed, to be said with this one. */
bool log_rate_allows(struct log_rate *rate, uint64_t now_ms, unsigned *held_back);

/* "error", "warn", "info", "debug". */
const char *log_level_name(enum log_level level);
