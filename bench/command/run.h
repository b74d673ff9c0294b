/* SPDX-License-Identifier: MIT
 *
 * `grain run`: what was asked for, what was measured, and the two ways to print it. run.c measures,
 * run_options.c reads the command line, run_print.c prints.
 */
#ifndef GRAIN_BENCH_RUN_H
#define GRAIN_BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "data/matrix.h"
#include "grain.h"

enum run_phase { RUN_OPEN, RUN_SUBMIT, RUN_COLLECT, RUN_CLOSE, RUN_PHASES };

struct run_input;

struct run_call {
    const char *name;
    int (*run)(struct grain_pool *pool, const struct run_input *input);
    bool claims_chunks; /* --chunk and --schedule mean something */
};

struct run_asked {
    const char *backend;
    const struct run_call *call;
    enum grain_schedule schedule;
    int64_t chunk; /* as in grain_call_options */
    int workers;   /* 0: as many as usable CPUs */
    uint64_t rows;
    int32_t columns;
    uint32_t seed;
    const char *input; /* a file instead of rows, columns and seed */
    int32_t minimum, maximum;
    bool json;
    unsigned given; /* which options were named on the command line */
};

struct run_cpu {
    uint64_t user_us, sys_us;
};

#define RUN_FIRST_ROWS 5 /* so many are printed */

struct run_measured {
    struct matrix data; /* after the run only the first rows have values */
    int32_t *counts;    /* one a row */
    uint64_t wrong_row; /* the first row with a wrong count; as many as rows when all are right */
    int workers;        /* those the pool really had */
    uint64_t phase_ns[RUN_PHASES], wall_ns;
    struct run_cpu caller, everyone; /* everyone: the caller and its workers */
};

/* The index-th call, NULL past the last. */
const struct run_call *run_call_at(size_t index);

/* The parser of the command line; its input is a struct run_asked that starts as run_defaults(). */
struct argp;
extern const struct argp run_argp;
struct run_asked run_defaults(void);

/* Both write to standard output. run_print_json: 0, or -1 for no memory. */
void run_print_text(const struct run_asked *asked, const struct run_measured *measured);
int run_print_json(const struct run_asked *asked, const struct run_measured *measured);

#endif
