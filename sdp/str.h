/* str.h: a borrowed piece of text, and the only way this tree reads numbers.
 *
 * A struct str never owns its bytes and is never terminated by NUL. Whoever
 * keeps one longer than the buffer it points into copies it with str_dup(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *p; /* may be NULL only when n is 0 */
	size_t n;      /* bytes */
};

/* A literal as a slice: STR("Via"). */
#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })

/* For printf("%.*s", STR_ARG(s)). Never for the log: see log_quote(). */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

/* A C string of our own making (never from the wire) as a slice; NULL is empty. */
static inline struct str str_of(const char *z)
{
	return z ? (struct str){ z, strlen(z) } : (struct str){ NULL, 0 };
}

static inline bool str_empty(struct str s)
{
	return s.n == 0;
}

/* Equal octet by octet. */
bool str_eq(struct str a, struct str b);

/* Equal but for the case of ASCII letters. */
bool str_ieq(struct str a, struct str b);

bool str_starts(struct str s, struct str prefix);
bool str_istarts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_iends(struct str s, struct str suffix);

/* Position of the first `c`, or s.n when there is none. */
size_t str_find(struct str s, char c);

/* The part from `from` (clipped to the end). */
struct str str_skip(struct str s, size_t from);

/* The first `n` octets (clipped). */
struct str str_head(struct str s, size_t n);

/* Without blanks (SP and HTAB) at either end. */
struct str str_trim(struct str s);

/* Takes the piece before the first `sep` off `*rest` and gives it; the
 * separator goes too. Without a separator the whole rest is given and `*rest`
 * becomes empty. Call while (!str_empty(rest)). */
struct str str_cut(struct str *rest, char sep);

/* Like str_cut, at runs of SP and HTAB; leading blanks are skipped first. */
struct str str_word(struct str *rest);

/* Decimal digits only (no sign, no blanks, at least one digit), with
 * min <= value <= max. False otherwise, and then *out is untouched. */
bool str_to_u32(struct str s, uint32_t min, uint32_t max, uint32_t *out);
bool str_to_u64(struct str s, uint64_t min, uint64_t max, uint64_t *out);

/* `n` octets as 2n hexadecimal digits of either case; false on anything else. */
bool str_to_hex(struct str s, uint8_t *out, size_t n);

/* A copy with a NUL behind it, made with malloc(); NULL when out of memory. */
char *str_dup(struct str s);

/* Copies into `buf` of `size` octets and ends it with NUL. 0 or -ENOBUFS. */
int str_copy(struct str s, char *buf, size_t size);
