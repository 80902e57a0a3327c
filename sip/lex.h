/* lex.h: the character classes and list rules of RFC 3261 §25 that the parsers
 * of this folder share. Internal to sip/. */
#pragma once

#include "sdp/str.h"

/* A token of §25.1, at least one octet long. */
bool lex_token(struct str s);

/* Only letters, digits, '-', '.' and '_': a host name or IPv4 address; or, with
 * `ipv6`, only what an IPv6 literal is made of. At least one octet. */
bool lex_host(struct str s, bool ipv6);

/* Position of the first octet of `stops` that stands outside of quoted strings
 * and, with `brackets`, outside of <...>; s.n when there is none. A quote that
 * never closes swallows the rest. */
size_t lex_find(struct str s, const char *stops, bool brackets);

/* Like str_cut(), but heeds quotes and brackets, and trims the piece. */
struct str lex_cut(struct str *rest, char sep);

/* The length of the quoted string that `s` starts with, its quotes included;
 * 0 if there is none or it does not end. */
size_t lex_quoted(struct str s);

/* A list of parameters "a=b;c" as in a Via or after a name-addr: names are
 * tokens, values tokens, hosts or quoted strings, none is empty, at most
 * `most` of them. With `in_uri`, the wider character set of URI parameters and
 * no blanks. The empty list is fine. */
bool lex_params(struct str params, size_t most, bool in_uri);

/* Takes one line off `*rest` and gives it without its CRLF; false when there is
 * no CRLF any more. */
bool lex_line(struct str *rest, struct str *line);

/* Starts with SP or HTAB: the continuation of the line before (§7.3.1). */
bool lex_blank(struct str s);

/* No control character but HTAB. With `quoted_pairs`, for headers whose grammar
 * has a name-addr, a quoted string may hold any octet but CR and LF behind a
 * backslash. */
bool lex_clean(struct str value, bool quoted_pairs);
