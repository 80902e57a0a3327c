/* trace.c: keeps what happened; see trace.h. One allocation for each message and
 * note, nothing for packets. Without memory an entry is counted as dropped. */
#include "gateway/trace_internal.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#define TRACE_HIDDEN " (not kept)\r\n"

enum { TRACE_MOST_HIDDEN = 16 }; /* lines of one message that have room for that */

/* ---- finding ---- */

static uint64_t hash_text(const struct hash *h, struct str text)
{
	return hash_of(h, &text, 1);
}

static struct trace *find_call(const struct traces *traces, struct str id)
{
	struct hash_node *node = hash_first(&traces->calls, hash_text(&traces->calls, id));

	for (; node; node = hash_next(node)) {
		struct trace *trace = HASH_OWNER(node, struct trace, node);

		if (str_eq(str_of(trace->id), id))
			return trace;
	}
	return NULL;
}

/* A Call-ID may come twice (a proxy that forks to two pages of ours): a call that
 * goes on is meant rather than one that has ended. */
static struct trace_dialog *find_dialog(const struct traces *traces, struct str call_id)
{
	struct hash_node *node = hash_first(&traces->dialogs, hash_text(&traces->dialogs, call_id));
	struct trace_dialog *found = NULL;

	for (; node; node = hash_next(node)) {
		struct trace_dialog *dialog = HASH_OWNER(node, struct trace_dialog, node);

		if (!str_eq(str_of(dialog->call_id), call_id))
			continue;
		if (!dialog->trace->ended_ms)
			return dialog;
		if (!found)
			found = dialog;
	}
	return found;
}

static const struct trace *later(const struct trace *a, const struct trace *b)
{
	return !a || (b && b->number > a->number) ? b : a;
}

const struct trace *trace_named(const struct traces *traces, struct str name)
{
	bool last = str_eq(name, STR("last"));
	const struct trace *found = last ? NULL : find_call(traces, name);
	const struct trace_dialog *dialog = last ? NULL : find_dialog(traces, name);

	if (found)
		return found;
	if (dialog)
		return dialog->trace;
	if (!last && name.n < 4)
		return NULL;
	for (const struct trace *t = traces->live; t; t = t->next)
		if (last || str_starts(str_of(t->id), name))
			found = later(found, t);
	for (size_t i = 0; i < TRACES_KEPT; i++)
		if (traces->ended[i] && (last || str_starts(str_of(traces->ended[i]->id), name)))
			found = later(found, traces->ended[i]);
	return found;
}

/* ---- entries ---- */

static size_t cost(const struct trace_entry *entry)
{
	return sizeof(*entry) + entry->n;
}

static void append(struct trace *trace, struct trace_entry *entry)
{
	if (!entry) {
		trace->dropped++;
		return;
	}
	entry->next = NULL;
	if (trace->last)
		trace->last->next = entry;
	else
		trace->first = entry;
	trace->last = entry;
	trace->bytes += cost(entry);
	while (trace->bytes > TRACE_BYTES && trace->first != entry) {
		struct trace_entry *old = trace->first;

		trace->first = old->next;
		trace->bytes -= cost(old);
		trace->dropped++;
		free(old);
	}
}

/* What must not be kept: lines that begin so, without their value. */
static bool is_secret(struct str line, bool in_body, size_t *keep)
{
	static const struct str names[] = {
		{ "authorization", 13 },       { "proxy-authorization", 19 },
		{ "authentication-info", 19 }, { "proxy-authentication-info", 25 },
		{ "hookswitch-token", 16 },
	};
	size_t colon = str_find(line, ':');

	*keep = colon + 1;
	if (colon == line.n)
		return false;
	if (in_body) /* the keys of SDES (RFC 4568) */
		return str_istarts(line, STR("a=crypto:"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_ieq(str_trim(str_head(line, colon)), names[i]))
			return true;
	return false;
}

static bool is_blank(struct str line)
{
	return str_eq(line, STR("\r\n")) || str_eq(line, STR("\n"));
}

/* Copies a message without its secrets; what does not fit is left out. */
static void copy_message(struct writer *w, struct str rest)
{
	bool in_body = false, hiding = false;
	size_t keep;

	while (!str_empty(rest)) {
		struct str line = str_head(rest, str_find(rest, '\n') + 1);

		rest = str_skip(rest, line.n);
		if (in_body || (line.p[0] != ' ' && line.p[0] != '\t'))
			hiding = is_secret(line, in_body, &keep);
		else if (hiding)
			continue; /* the rest of a folded value */
		else
			keep = line.n;
		writer_put(w, hiding ? str_head(line, keep) : line);
		if (hiding)
			writer_put(w, STR(TRACE_HIDDEN));
		in_body |= is_blank(line);
	}
}

static struct trace_entry *message_entry(uint64_t at_ms, int dialog, const struct sip_flow *flow,
					 bool sent, struct str text)
{
	struct str most = str_head(text, TRACE_MOST_TEXT);
	size_t cap = most.n + TRACE_MOST_HIDDEN * sizeof(TRACE_HIDDEN);
	struct trace_entry *entry = malloc(sizeof(*entry) + cap), *smaller;
	char remote[SIP_ADDR_TEXT];
	struct writer w;

	if (!entry)
		return NULL;
	*entry = (struct trace_entry){ .at_ms = at_ms, .dialog = dialog, .sent = sent };
	snprintf(entry->via, sizeof(entry->via), "%s", flow->transport->via);
	str_copy(sip_addr_print(&flow->remote, remote), entry->remote, sizeof(entry->remote));
	writer_init(&w, entry->text, cap);
	copy_message(&w, most);
	entry->n = w.n;
	smaller = realloc(entry, sizeof(*entry) + entry->n);
	return smaller ? smaller : entry;
}

static void drop_unclaimed(struct traces *traces)
{
	free(traces->unclaimed);
	traces->unclaimed = NULL;
}

static void keep_unclaimed(struct traces *traces, struct str call_id, const struct sip_flow *flow,
			   struct str text)
{
	drop_unclaimed(traces);
	if (str_copy(call_id, traces->unclaimed_call_id, sizeof(traces->unclaimed_call_id)) == 0)
		traces->unclaimed = message_entry(traces->unix_ms(traces->arg), TRACE_CALLER, flow,
						  true, text);
}

void traces_wire(struct traces *traces, const char *call_id, const struct sip_flow *flow, bool sent,
		 struct str text)
{
	struct trace *trace = find_call(traces, str_of(call_id));

	if (trace)
		append(trace,
		       message_entry(traces->unix_ms(traces->arg), TRACE_CALLER, flow, sent, text));
}

void traces_wire_of(struct traces *traces, struct str sip_call_id, const struct sip_flow *flow,
		    bool sent, struct str text)
{
	struct trace_dialog *dialog = str_empty(sip_call_id) ? NULL
							     : find_dialog(traces, sip_call_id);

	if (dialog)
		append(dialog->trace,
		       message_entry(traces->unix_ms(traces->arg),
				     (int)(dialog - dialog->trace->dialogs), flow, sent, text));
	else if (sent && !str_empty(sip_call_id) && str_starts(text, STR("INVITE ")))
		keep_unclaimed(traces, sip_call_id, flow, text);
}

void traces_note(struct traces *traces, const char *call_id, const char *who, const char *text)
{
	struct trace *trace = find_call(traces, str_of(call_id));
	struct str name = str_of(who), what = str_head(str_of(text), TRACE_MOST_TEXT);
	struct trace_entry *entry;

	if (!trace)
		return;
	entry = malloc(sizeof(*entry) + name.n + 2 + what.n);
	if (entry) {
		struct writer w;

		*entry = (struct trace_entry){ .at_ms = traces->unix_ms(traces->arg),
					       .dialog = TRACE_NOTE };
		writer_init(&w, entry->text, name.n + 2 + what.n);
		writer_put(&w, name);
		writer_put(&w, STR(": "));
		writer_put(&w, what);
		entry->n = w.n;
	}
	append(trace, entry);
}

/* ---- calls ---- */

static void trace_free(struct traces *traces, struct trace *trace)
{
	if (!trace)
		return;
	hash_remove(&traces->calls, &trace->node);
	for (size_t i = 0; i < trace->n_dialogs; i++) {
		hash_remove(&traces->dialogs, &trace->dialogs[i].node);
		free(trace->dialogs[i].call_id);
	}
	while (trace->first) {
		struct trace_entry *entry = trace->first;

		trace->first = entry->next;
		free(entry);
	}
	free(trace);
}

void traces_begin(struct traces *traces, const char *call_id)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (!trace)
		return;
	if (str_copy(str_of(call_id), trace->id, sizeof(trace->id)) != 0) {
		free(trace);
		return;
	}
	trace->began_ms = traces->unix_ms(traces->arg);
	trace->number = ++traces->begun;
	trace->next = traces->live;
	if (trace->next)
		trace->next->prev = trace;
	traces->live = trace;
	hash_put(&traces->calls, &trace->node, hash_text(&traces->calls, str_of(trace->id)));
}

void traces_end(struct traces *traces, const char *call_id)
{
	struct trace *trace = find_call(traces, str_of(call_id));
	size_t at = traces->n_ended % TRACES_KEPT;

	if (!trace || trace->ended_ms)
		return;
	trace->ended_ms = traces->unix_ms(traces->arg);
	if (!trace->ended_ms)
		trace->ended_ms = 1; /* 0 means that it goes on */
	if (trace->prev)
		trace->prev->next = trace->next;
	else
		traces->live = trace->next;
	if (trace->next)
		trace->next->prev = trace->prev;
	trace_free(traces, traces->ended[at]);
	traces->ended[at] = trace;
	traces->n_ended++;
}

void traces_dialog(struct traces *traces, const char *call_id, struct str sip_call_id)
{
	struct trace *trace = find_call(traces, str_of(call_id));
	struct trace_dialog *dialog;

	if (!trace || trace->n_dialogs == TRACES_MOST_DIALOGS || str_empty(sip_call_id) ||
	    sip_call_id.n >= TRACE_MOST_CALL_ID)
		return;
	for (size_t i = 0; i < trace->n_dialogs; i++)
		if (str_eq(str_of(trace->dialogs[i].call_id), sip_call_id))
			return;
	dialog = &trace->dialogs[trace->n_dialogs];
	dialog->call_id = str_dup(sip_call_id);
	if (!dialog->call_id)
		return;
	dialog->trace = trace;
	hash_put(&traces->dialogs, &dialog->node, hash_text(&traces->dialogs, sip_call_id));
	trace->n_dialogs++;
	if (traces->unclaimed && str_eq(str_of(traces->unclaimed_call_id), sip_call_id)) {
		traces->unclaimed->dialog = (int)(dialog - trace->dialogs);
		append(trace, traces->unclaimed);
		traces->unclaimed = NULL;
	}
}

/* ---- all ---- */

int traces_new(uint64_t (*unix_ms)(void *arg), void *arg, struct traces **out)
{
	struct traces *traces = calloc(1, sizeof(*traces));
	uint64_t keys[4];

	if (!traces)
		return -ENOMEM;
	traces->unix_ms = unix_ms;
	traces->arg = arg;
	if (RAND_bytes((unsigned char *)keys, sizeof(keys)) != 1 ||
	    hash_init(&traces->calls, keys) != 0 || hash_init(&traces->dialogs, keys + 2) != 0) {
		traces_free(traces);
		return -ENOMEM;
	}
	*out = traces;
	return 0;
}

void traces_free(struct traces *traces)
{
	if (!traces)
		return;
	while (traces->live) {
		struct trace *trace = traces->live;

		traces->live = trace->next;
		trace_free(traces, trace);
	}
	for (size_t i = 0; i < TRACES_KEPT; i++)
		trace_free(traces, traces->ended[i]);
	drop_unclaimed(traces);
	hash_free(&traces->calls);
	hash_free(&traces->dialogs);
	free(traces);
}
