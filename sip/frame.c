/* frame.c: see frame.h.
 *
 *   BETWEEN --first octet--> HEADERS --empty line--> BODY --all there--> BETWEEN
 *
 * What has been searched for the empty line is not searched again, so a peer
 * that sends octet by octet costs no more than one that sends all at once. */
#include "sip/frame.h"

#include "sip/lex.h"
#include "sip/names.h"

#include <errno.h>
#include <stdlib.h>

enum state { BETWEEN, HEADERS, BODY, BROKEN };

enum {
	FIRST_ROOM = 2048, /* also how much is taken at a time before the length is known */
	KEPT_ROOM = 8192,  /* a bigger buffer is not kept for the next message */
};

struct sip_framer {
	const struct sip_framer_events *events;
	void *arg;
	enum state state;
	int err;   /* of BROKEN */
	char *mem; /* the message so far */
	size_t n, cap;
	size_t searched; /* octets known to hold no empty line */
	size_t whole;	 /* in BODY: octets of the whole message */
	unsigned crlfs;	 /* in BETWEEN: octets of CR LF CR LF seen, 0..3 */
	uint64_t due_headers_ms, due_message_ms;
	unsigned depth; /* > 0: a callback is on the stack */
	bool freed;
};

int sip_framer_new(const struct sip_framer_events *events, void *arg, struct sip_framer **out)
{
	struct sip_framer *framer = calloc(1, sizeof(*framer));

	if (!framer)
		return -ENOMEM;
	framer->events = events;
	framer->arg = arg;
	*out = framer;
	return 0;
}

void sip_framer_free(struct sip_framer *framer)
{
	if (!framer)
		return;
	framer->freed = true;
	if (framer->depth > 0)
		return;
	free(framer->mem);
	free(framer);
}

uint64_t sip_framer_due(const struct sip_framer *framer)
{
	switch (framer->state) {
	case HEADERS:
		return framer->due_headers_ms;
	case BODY:
		return framer->due_message_ms;
	case BETWEEN:
	case BROKEN:
		break;
	}
	return UINT64_MAX;
}

static int make_room(struct sip_framer *framer, size_t bytes)
{
	size_t cap = framer->cap ? framer->cap : FIRST_ROOM;

	while (cap < bytes)
		cap *= 2;
	if (cap == framer->cap)
		return 0;
	char *mem = realloc(framer->mem, cap);
	if (!mem)
		return -ENOMEM;
	framer->mem = mem;
	framer->cap = cap;
	return 0;
}

/* Between messages: CR and LF are eaten, a CRLF CRLF is a ping. */
static struct str eat_crlf(struct sip_framer *framer, struct str bytes)
{
	static const char ping[4] = { '\r', '\n', '\r', '\n' };

	while (!str_empty(bytes) && !framer->freed && (bytes.p[0] == '\r' || bytes.p[0] == '\n')) {
		if (bytes.p[0] == ping[framer->crlfs])
			framer->crlfs++;
		else
			framer->crlfs = bytes.p[0] == '\r';
		bytes = str_skip(bytes, 1);
		if (framer->crlfs == 4) {
			framer->crlfs = 0;
			framer->events->on_ping(framer->arg);
		}
	}
	return bytes;
}

/* Could what is there be the start of a SIP message? A request starts with a
 * token and a blank, a response with "SIP/". Decided as early as possible, so
 * that a TLS hello or an HTTP request need not time out. */
static bool may_be_sip(const struct sip_framer *framer)
{
	struct str line = str_head((struct str){ framer->mem, framer->n }, SIP_MAX_TOKEN + 1);

	line = str_head(line, str_find(line, '\r'));
	if (str_istarts(line, str_head(STR("SIP/"), line.n)))
		return true;
	struct str method = str_head(line, str_find(line, ' '));
	return str_empty(method) ? framer->n == 0 : lex_token(method) && method.n <= SIP_MAX_TOKEN;
}

/* The value of Content-Length of complete headers. Exactly one, and it must be
 * beyond doubt: what two readers cut differently is how requests are smuggled.
 * Nothing is accepted here that msg_parse.c would read as another number. */
static int content_length(struct str headers, size_t *out)
{
	bool found = false;
	uint32_t length = 0;
	struct str line;

	lex_line(&headers, &line); /* the start line */
	while (lex_line(&headers, &line)) {
		size_t colon = str_find(line, ':');
		struct str value = str_trim(str_skip(line, colon + 1));

		/* a continuation belongs to the header before it (§7.3.1) */
		if (lex_blank(line) || colon == line.n ||
		    sip_header_find(str_trim(str_head(line, colon))) != SIP_HEADER_CONTENT_LENGTH)
			continue;
		if (str_empty(value) && lex_blank(headers) && lex_line(&headers, &line))
			value = str_trim(line);
		if (found || lex_blank(headers) || !str_to_u32(value, 0, INT32_MAX, &length))
			return -EBADMSG;
		found = true;
	}
	if (!found)
		return -EBADMSG;
	*out = length;
	return 0;
}

/* Where the headers end, counting the empty line; 0: not there yet. */
static size_t find_end(struct sip_framer *framer)
{
	for (size_t at = framer->searched; at + 3 < framer->n; at++)
		if (memcmp(framer->mem + at, "\r\n\r\n", 4) == 0)
			return at + 4;
	framer->searched = framer->n > 3 ? framer->n - 3 : 0;
	return 0;
}

/* Looks at what has been gathered. */
static int advance(struct sip_framer *framer)
{
	size_t length;

	if (framer->state == HEADERS) {
		size_t end = find_end(framer);

		if (!may_be_sip(framer))
			return -EBADMSG;
		if (end == 0)
			return framer->n >= SIP_MAX_MESSAGE ? -EMSGSIZE : 0;
		int err = content_length((struct str){ framer->mem, end - 2 }, &length);
		if (err) {
			if (framer->events->on_refused)
				framer->events->on_refused(framer->arg,
							   (struct str){ framer->mem, end });
			return err;
		}
		if (length > SIP_MAX_MESSAGE - end)
			return -EMSGSIZE;
		framer->whole = end + length;
		framer->state = BODY;
	}
	return 0;
}

static void hand_over(struct sip_framer *framer)
{
	struct str message = { framer->mem, framer->whole };

	framer->state = BETWEEN;
	framer->n = 0;
	framer->searched = 0;
	framer->crlfs = 0;
	framer->events->on_message(framer->arg, message);
	if (framer->cap > KEPT_ROOM) {
		free(framer->mem);
		framer->mem = NULL;
		framer->cap = 0;
	}
}

/* Takes as much of `*bytes` as belongs to this message. */
static int gather(struct sip_framer *framer, struct str *bytes)
{
	size_t room = framer->state == BODY ? framer->whole - framer->n
					    : SIP_MAX_MESSAGE - framer->n;
	struct str part = str_head(*bytes, room);
	size_t before = framer->n;

	if (framer->state == HEADERS)
		part = str_head(part, FIRST_ROOM);
	int err = make_room(framer, framer->n + part.n);
	if (err)
		return err;
	memcpy(framer->mem + framer->n, part.p, part.n);
	framer->n += part.n;
	err = advance(framer);
	if (err)
		return err;
	if (framer->state == BODY && framer->n > framer->whole) { /* the next one's octets */
		framer->n = framer->whole;
		part.n = framer->whole - before;
	}
	*bytes = str_skip(*bytes, part.n);
	if (framer->state == BODY && framer->n == framer->whole)
		hand_over(framer);
	return 0;
}

int sip_framer_put(struct sip_framer *framer, struct str bytes, uint64_t now_ms)
{
	int err = framer->state == BROKEN ? framer->err : 0;

	framer->depth++;
	while (!err && !framer->freed && !str_empty(bytes)) {
		if (framer->state == BETWEEN) {
			bytes = eat_crlf(framer, bytes);
			if (str_empty(bytes) || framer->freed)
				break;
			framer->crlfs = 0;
			framer->state = HEADERS;
			framer->due_headers_ms = now_ms + SIP_FRAME_HEADER_MS;
			framer->due_message_ms = now_ms + SIP_FRAME_MESSAGE_MS;
		}
		err = gather(framer, &bytes);
	}
	framer->depth--;

	if (err) {
		framer->state = BROKEN;
		framer->err = err;
	}
	if (framer->freed && framer->depth == 0)
		sip_framer_free(framer);
	return err;
}
