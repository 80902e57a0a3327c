/* writer.c: see writer.h. */
#include "sdp/writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void writer_init(struct writer *w, char *mem, size_t cap)
{
	*w = (struct writer){ .mem = mem, .cap = cap };
}

void writer_put(struct writer *w, struct str s)
{
	if (w->overflow || s.n > w->cap - w->n) {
		w->overflow = true;
		return;
	}
	if (s.n)
		memcpy(w->mem + w->n, s.p, s.n);
	w->n += s.n;
}

void writer_char(struct writer *w, char c)
{
	writer_put(w, (struct str){ &c, 1 });
}

void writer_u64(struct writer *w, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	writer_put(w, (struct str){ digits + at, sizeof(digits) - at });
}

void writer_hex(struct writer *w, const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		writer_char(w, digits[bytes[i] >> 4]);
		writer_char(w, digits[bytes[i] & 15]);
	}
}

void writer_printf(struct writer *w, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		w->overflow = true;
		return;
	}
	writer_put(w, (struct str){ text, (size_t)n });
}

int writer_end(const struct writer *w, struct str *out)
{
	if (w->overflow)
		return -ENOBUFS;
	*out = (struct str){ w->mem, w->n };
	return 0;
}
