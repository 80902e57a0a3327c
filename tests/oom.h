/* oom.h: the allocation-failure sweep.
 *
 * A scenario builds something, uses it and takes all of it down again. It
 * returns 0, or -ENOMEM if an allocation failed on the way; either way it has
 * freed everything. oom_sweep() runs it with the first allocation failing, then
 * the second, and so on, until a run needs no failing allocation any more.
 *
 * Linked with --wrap for malloc, calloc, realloc and free (the CMake function
 * does that), so it sees the allocations of our code, not of libraries. */
#pragma once

/* The number of runs made, or -1 (and a line on stdout) when a run returned
 * something else than 0 or -ENOMEM, or left memory behind. */
int oom_sweep(const char *name, int (*scenario)(void));
