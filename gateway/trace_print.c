/* trace_print.c: a trace as a ladder, then each message in full.
 *
 *       ms  caller                      gateway                      callee
 *       +0  |--- INVITE bob@example +SDP ->|                            |  #1 WSS 127.0.0.1:50000
 *       +3  |                            |-- INVITE bob@... +SDP ------>|  #3 UDP 127.0.0.1:5062
 *       +9  * callee: agreed PCMA/8000 pt=8 ptime=20 events=8000 sendrecv
 *
 * Peers' octets reach a terminal only as printable ASCII. */
#include "gateway/trace_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { COLUMN = 38 }; /* between two of the three lines */

/* Text that grows; forgets all once memory has failed. */
struct text {
	char *p;
	size_t n, cap;
	bool failed;
};

static char *room(struct text *t, size_t n)
{
	size_t cap = t->cap ? t->cap : 4096;
	char *p;

	while (cap < t->n + n + 1)
		cap *= 2;
	if (t->failed)
		return NULL;
	if (cap != t->cap) {
		p = realloc(t->p, cap);
		if (!p) {
			t->failed = true;
			return NULL;
		}
		t->p = p;
		t->cap = cap;
	}
	p = t->p + t->n;
	t->n += n;
	t->p[t->n] = '\0';
	return p;
}

static void add(struct text *t, struct str s)
{
	char *p = room(t, s.n);

	if (p)
		memcpy(p, s.p, s.n);
}

static void repeat(struct text *t, char c, size_t n)
{
	char *p = room(t, n);

	if (p)
		memset(p, c, n);
}

__attribute__((format(printf, 2, 3))) static void print(struct text *t, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	add(t, str_of(line));
}

/* A peer's text: no control or 8-bit octet gets through. */
static void add_plain(struct text *t, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '\t')
			add(t, STR(" "));
		else if (c >= ' ' && c < 127)
			add(t, (struct str){ s.p + i, 1 });
		else
			print(t, "\\x%02x", c);
	}
}

static struct str without_cr(struct str line)
{
	return str_ends(line, STR("\r")) ? str_head(line, line.n - 1) : line;
}

/* The value of a header, for the ladder alone; the message need not be whole. */
static struct str header(struct str text, struct str name)
{
	while (!str_empty(text)) {
		struct str line = without_cr(str_cut(&text, '\n'));

		if (str_empty(line))
			break;
		if (str_istarts(line, name))
			return str_trim(str_skip(line, name.n));
	}
	return STR("");
}

/* "INVITE sip:1000@example.org", "183 Session Progress (INVITE)". */
static void add_summary(struct text *t, const struct trace_entry *entry)
{
	struct str text = { entry->text, entry->n }, rest = text;
	struct str line = without_cr(str_cut(&rest, '\n'));
	struct str method = header(text, STR("CSeq:"));

	str_word(&method); /* its number */
	if (str_starts(line, STR("SIP/2.0 "))) {
		add_plain(t, str_skip(line, 8));
		add(t, STR(" ("));
		add_plain(t, str_trim(method));
		add(t, STR(")"));
	} else if (str_ends(line, STR(" SIP/2.0"))) {
		add_plain(t, str_head(line, line.n - 8));
	} else {
		add_plain(t, line);
	}
}

static bool has_sdp(const struct trace_entry *entry)
{
	struct str text = { entry->text, entry->n };

	for (size_t i = 0; i + 4 <= text.n; i++)
		if (str_starts(str_skip(text, i), STR("\nv=0")))
			return true;
	return false;
}

/* One column: an arrow with what it carries, or nothing. */
static void add_column(struct text *t, const struct trace_entry *entry, bool to_the_right)
{
	struct text what = { 0 };
	struct str mark = STR("");
	size_t most = COLUMN - 6, n;

	if (!entry) {
		repeat(t, ' ', COLUMN);
		return;
	}
	add_summary(&what, entry);
	if (what.failed || !what.p) {
		t->failed = true;
		free(what.p);
		return;
	}
	if (has_sdp(entry))
		mark = STR(" +SDP");
	most -= mark.n;
	n = what.n > most ? most - 2 : what.n;
	add(t, to_the_right ? STR("- ") : STR("<- "));
	add(t, str_head(str_of(what.p), n));
	add(t, n < what.n ? STR("..") : STR(""));
	add(t, mark);
	add(t, STR(" "));
	repeat(t, '-', n < what.n ? 0 : most - n);
	add(t, to_the_right ? STR("-->") : STR("--"));
	free(what.p);
}

static uint64_t since(const struct trace *trace, uint64_t at_ms)
{
	return at_ms > trace->began_ms ? at_ms - trace->began_ms : 0;
}

static void add_rung(struct text *t, const struct trace *trace, const struct trace_entry *entry,
		     unsigned number)
{
	bool caller = entry->dialog == TRACE_CALLER;

	print(t, "%8llu  ", (unsigned long long)since(trace, entry->at_ms));
	if (entry->dialog == TRACE_NOTE) {
		add(t, STR("* "));
		add_plain(t, (struct str){ entry->text, entry->n });
		add(t, STR("\n"));
		return;
	}
	add(t, STR("|"));
	add_column(t, caller ? entry : NULL, !entry->sent);
	add(t, STR("|"));
	add_column(t, caller ? NULL : entry, entry->sent);
	print(t, "|  #%u %s %s", number, entry->via, entry->remote);
	if (!caller && trace->n_dialogs > 2)
		print(t, " callee %d", entry->dialog);
	add(t, STR("\n"));
}

static void add_message(struct text *t, const struct trace *trace, const struct trace_entry *entry,
			unsigned number)
{
	bool caller = entry->dialog == TRACE_CALLER;
	struct str rest = { entry->text, entry->n };
	char who[16] = "caller";

	if (!caller && trace->n_dialogs > 2)
		snprintf(who, sizeof(who), "callee %d", entry->dialog);
	else if (!caller)
		snprintf(who, sizeof(who), "callee");
	print(t, "\n#%u  %llu ms  %s -> %s  %s %s\n", number,
	      (unsigned long long)since(trace, entry->at_ms), entry->sent ? "gateway" : who,
	      entry->sent ? who : "gateway", entry->via, entry->remote);
	while (!str_empty(rest)) {
		struct str line = without_cr(str_cut(&rest, '\n'));

		add(t, str_empty(line) ? STR("") : STR("    "));
		add_plain(t, line);
		add(t, STR("\n"));
	}
}

static void add_heading(struct text *t, const struct trace *trace)
{
	time_t began = (time_t)(trace->began_ms / 1000);
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&began, &tm))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	print(t, "call %s  began %s.%03uZ  ", trace->id, date, (unsigned)(trace->began_ms % 1000));
	if (trace->ended_ms)
		print(t, "ended after %llu ms\n",
		      (unsigned long long)since(trace, trace->ended_ms));
	else
		add(t, STR("goes on\n"));
	for (size_t i = 0; i < trace->n_dialogs; i++) {
		if (i == 0)
			add(t, STR("caller    Call-ID: "));
		else
			print(t, "callee %-2zu Call-ID: ", i);
		add_plain(t, str_of(trace->dialogs[i].call_id));
		add(t, STR("\n"));
	}
	if (trace->dropped)
		print(t, "(%zu older entries are not kept)\n", trace->dropped);
	print(t, "\n%8s  %-*s %-*s %s\n", "ms", COLUMN, "caller", COLUMN - 3, "gateway", "callee");
}

char *traces_print(const struct traces *traces, struct str name)
{
	const struct trace *trace = trace_named(traces, name);
	struct text t = { 0 };
	unsigned number = 0;

	if (!trace)
		return NULL;
	add_heading(&t, trace);
	for (const struct trace_entry *e = trace->first; e; e = e->next)
		add_rung(&t, trace, e, e->dialog == TRACE_NOTE ? 0 : ++number);
	number = 0;
	for (const struct trace_entry *e = trace->first; e; e = e->next)
		if (e->dialog != TRACE_NOTE)
			add_message(&t, trace, e, ++number);
	if (t.failed) {
		free(t.p);
		return NULL;
	}
	return t.p;
}
