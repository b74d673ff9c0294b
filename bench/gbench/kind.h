/* SPDX-License-Identifier: MIT
 *
 * The calls that a cell can be of: what is timed, and how the results are spoilt before, so that those of an
 * earlier run cannot pass for those of the timed one.
 */
#ifndef GRAIN_BENCH_KIND_H
#define GRAIN_BENCH_KIND_H

#include "gbench.h"
#include "subject.h"

/* No kernel gives a result of such bytes alone (by accident with a chance of 2^-64). */
#define KIND_POISON 0xa5

struct kind {
    const char *call;
    const char *backend; /* the only backend that it goes with, on a serial pool; NULL: any pool */
    bool is_serial;      /* runs on the caller's thread, which is bound meanwhile */
    bool has_data;       /* items, results, and a pool to go over them */
    int warm_runs;       /* how many runs it takes until nothing is new to it any more; 0: one */
    bool is_one_by_one;  /* its tasks run one after the other: at most --grain_tasks of them */
    bool counts_cpu;     /* run() counts CPU time itself: what surrounds a call would be most of it */

    /* What is timed: all the cell's tasks once. state: NULL when the clock stands. 0 or a status. */
    int (*run)(struct subject *subject, struct gbench_state *state);

    /* Makes what it needs beside data and pool, once; NULL: nothing. 0 or a status. subject_drop() undoes it. */
    int (*open)(struct subject *subject);

    /* Around a repetition: what spins between them disturbs nobody outside. NULL: nothing to do. */
    void (*enter)(struct subject *subject);
    void (*leave)(struct subject *subject);

    /* Spoils the results: by the very workers that will write them, where there are such, so that the memory
     * lies in their caches just as after a run. NULL: there are no results. 0 or a status. */
    int (*poison)(struct subject *subject);

    /* How many tasks a run of a call without rows is. NULL: none. */
    size_t (*tasks)(const struct subject *subject);

    /* Whether all runs so far did what they should; if not, problem says what they did not. NULL: it is the kernel's
     * results that are looked at, where there are data. */
    bool (*check)(struct subject *subject);
};

/* The kind of a call, or NULL. */
const struct kind *kind_find(const char *call);

#endif
