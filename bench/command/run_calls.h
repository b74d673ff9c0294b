/* SPDX-License-Identifier: MIT
 *
 * The calls of `grain run`, in one table: each counts all rows of an input in its own way. run.c moves the data to
 * where the workers see it, then lets the call start (part of submit) and finish (collect).
 */
#ifndef GRAIN_BENCH_RUN_CALLS_H
#define GRAIN_BENCH_RUN_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#include "grain.h"
#include "kernels/kernel.h"

enum run_kind {
    RUN_BLOCKING, /* nothing to start: finish calls and waits */
    RUN_QUEUED,   /* start queues every call, finish gets every result */
    RUN_ITERATOR, /* start opens an iterator, finish takes the results from it */
    RUN_SPAWNING  /* no pool: finish starts one process per row */
};
#define RUN_KINDS 4

/* Options that mean something to a call. */
#define RUN_TAKES_CHUNK    1u
#define RUN_TAKES_SCHEDULE 2u

/* So many of the rows a spawning call is given unless --rows says otherwise: each costs a fork. */
#define RUN_SPAWN_ROWS 500u

/* What tasks read: the kernel's own params first, so that its task finds them; then which kernel it is. */
struct run_params {
    struct kernel_params base;
    const struct kernel *kernel;
};

struct run_pair {
    int64_t index;
    int32_t count;
};

struct run_input {
    struct run_params params;
    struct grain_in items; /* the rows, where workers see them, and as many counts */
    int32_t *counts;
    struct grain_call_options options;
    int workers;           /* spawn: processes at a time */
    uint64_t out_of_order; /* results that came after one with a larger index */

    /* Between start and finish; run_calls.c only. */
    struct grain_column columns[3];
    struct grain_future **futures;
    size_t future_count;
    struct run_pair *pairs, *arrived; /* apply_callback: where tasks write, and what callbacks collected */
    size_t arrived_count;
    struct grain_iter *iter;
    size_t given; /* rows that the iterator has taken */
};

struct run_call {
    const char *name, *summary;
    enum run_kind kind;
    unsigned takes;
    bool is_unordered; /* results arrive in any order; how many out of order is counted */
    int (*start)(struct grain_pool *pool, struct run_input *input);
    int (*finish)(struct grain_pool *pool, struct run_input *input);
};

/* The index-th call, NULL past the last. */
const struct run_call *run_call_at(size_t index);

/* Gives back what start and finish took, also after a failure of either; before the pool is closed. */
void run_call_clean(struct run_input *input);

#endif
