/* oom.c: see oom.h. */
#include "tests/oom.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *old, size_t bytes);
void __real_free(void *p);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *old, size_t bytes);
void __wrap_free(void *p);

enum { OOM_MOST_RUNS = 100000 };

/* Atomic, as programs under test have threads. */
static atomic_bool sweeping;
static atomic_long countdown; /* allocations until one fails */
static atomic_long live;      /* allocations not freed yet */

static bool fails(void)
{
	return sweeping && --countdown == 0;
}

void *__wrap_malloc(size_t bytes)
{
	void *p = fails() ? NULL : __real_malloc(bytes);

	live += p != NULL;
	return p;
}

void *__wrap_calloc(size_t n, size_t bytes)
{
	void *p = fails() ? NULL : __real_calloc(n, bytes);

	live += p != NULL;
	return p;
}

void *__wrap_realloc(void *old, size_t bytes)
{
	void *p = fails() ? NULL : __real_realloc(old, bytes);

	live += p != NULL && old == NULL;
	return p;
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

int oom_sweep(const char *name, int (*scenario)(void))
{
	for (int run = 1; run < OOM_MOST_RUNS; run++) {
		long before = live;

		countdown = run;
		sweeping = true;
		int err = scenario();
		sweeping = false;

		if (err != 0 && err != -ENOMEM) {
			printf("  %s: allocation %d failing gave %d\n", name, run, err);
			return -1;
		}
		if (live != before) {
			printf("  %s: allocation %d failing left %ld blocks\n", name, run,
			       live - before);
			return -1;
		}
		if (countdown > 0) {
			if (err == 0)
				return run;
			printf("  %s: -ENOMEM although no allocation failed\n", name);
			return -1;
		}
	}
	printf("  %s: never ended\n", name);
	return -1;
}
