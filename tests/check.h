/* check.h: the unit tests' whole framework.
 *
 * A test is a function named as a sentence about behaviour. CHECK keeps going,
 * so one run shows all. A file ends with TESTS(first, second, ...), which makes
 * main(): it runs each, prints "ok NAME" or "not ok NAME", and exits 1 if any
 * failed. `./test_x NAME` runs one. */
#pragma once

#include "sdp/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int check_failures; /* of the test that is running */

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			check_failures++;                                                          \
			printf("  %s:%d: %s\n", __FILE__, __LINE__, #what);                        \
		}                                                                                  \
	} while (0)

/* Integers of any kind; prints both values. */
#define CHECK_EQ(got, want)                                                                        \
	do {                                                                                       \
		long long got_ = (long long)(got), want_ = (long long)(want);                      \
		if (got_ != want_) {                                                               \
			check_failures++;                                                          \
			printf("  %s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #got, got_,  \
			       want_);                                                             \
		}                                                                                  \
	} while (0)

/* A struct str against a literal; prints both texts. */
#define CHECK_STR(got, want)                                                                       \
	do {                                                                                       \
		struct str got_ = (got), want_ = STR(want);                                        \
		if (!str_eq(got_, want_)) {                                                        \
			check_failures++;                                                          \
			printf("  %s:%d: %s is \"%.*s\", not \"%.*s\"\n", __FILE__, __LINE__,      \
			       #got, STR_ARG(got_), STR_ARG(want_));                               \
		}                                                                                  \
	} while (0)

/* Gives up on the test at once: for what the rest cannot do without. */
#define REQUIRE(what)                                                                              \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			check_failures++;                                                          \
			printf("  %s:%d: required: %s\n", __FILE__, __LINE__, #what);              \
			return;                                                                    \
		}                                                                                  \
	} while (0)

struct check_test {
	const char *name;
	void (*run)(void);
};

static int check_main(const struct check_test *tests, size_t n, int argc, char **argv)
{
	size_t passed = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < n; i++) {
		if (argc > 1 && strcmp(argv[1], tests[i].name) != 0)
			continue;
		check_failures = 0;
		tests[i].run();
		printf("%s %s\n", check_failures ? "not ok" : "ok", tests[i].name);
		if (check_failures)
			failed++;
		else
			passed++;
	}
	if (passed + failed == 0) {
		printf("not ok no such test\n");
		return 1;
	}
	return failed ? 1 : 0;
}

#define CHECK_1(t) { #t, t },
#define CHECK_EACH_0(...)
#define CHECK_EACH(t, ...) CHECK_1(t) __VA_OPT__(CHECK_AGAIN CHECK_PARENS(__VA_ARGS__))
#define CHECK_PARENS	   ()
#define CHECK_AGAIN()	   CHECK_EACH
#define CHECK_X(...)	   CHECK_X1(CHECK_X1(CHECK_X1(CHECK_X1(__VA_ARGS__))))
#define CHECK_X1(...)	   CHECK_X2(CHECK_X2(CHECK_X2(CHECK_X2(__VA_ARGS__))))
#define CHECK_X2(...)	   CHECK_X3(CHECK_X3(CHECK_X3(CHECK_X3(__VA_ARGS__))))
#define CHECK_X3(...)	   __VA_ARGS__

/* Up to about 80 tests. */
#define TESTS(...)                                                                                 \
	int main(int argc, char **argv)                                                            \
	{                                                                                          \
		static const struct check_test tests[] = { CHECK_X(CHECK_EACH(__VA_ARGS__)) };     \
		return check_main(tests, sizeof(tests) / sizeof(tests[0]), argc, argv);            \
	}
