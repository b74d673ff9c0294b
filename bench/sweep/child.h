/* SPDX-License-Identifier: MIT
 *
 * Runs one program to its end: clean environment (no OMP_*, GOMP_*, KMP_*, GRAIN_*: the library binds and
 * waits by its own rules), a process group of its own, output collected, a time limit, and an end when the
 * user asks for one. Nothing of it outlives the call. Time in which the caller was stopped does not count; when the
 * user stops the caller (Ctrl-Z), the program is stopped with it.
 */
#ifndef GRAIN_BENCH_CHILD_H
#define GRAIN_BENCH_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct child {
    /* set by the caller */
    const char *const *argv; /* argv[0] is looked up in PATH when it has no slash; ends with NULL */
    double limit_s;
    const char *preload;               /* a library to load before all others, or NULL */
    const volatile sig_atomic_t *stop; /* stop when it becomes non-zero; may be NULL */

    /* filled in */
    char *output, *errors; /* standard output and standard error, closed by 0; never NULL after success */
    size_t output_size, errors_size;
    int exit_status; /* what it exited with, or -1 */
    int signo;       /* what killed it, or 0 */
    bool timed_out, stopped;
    bool was_suspended; /* it, or the caller, was stopped and continued: its times are worth nothing */
};

/* Returns 0 when the program was started and has ended, however; -ENOENT when there is no such program. */
int child_run(struct child *child);

void child_free(struct child *child);

#endif
