/* SPDX-License-Identifier: MIT
 *
 * `grain run`: what was asked for, what was measured, and the ways to print it. run.c measures one call,
 * run_calls.c makes it, run_all.c goes through many, run_options.c reads the command line, run_print.c prints.
 */
#ifndef GRAIN_BENCH_RUN_H
#define GRAIN_BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "data/matrix.h"
#include "grain.h"

enum run_phase { RUN_OPEN, RUN_SUBMIT, RUN_COLLECT, RUN_CLOSE, RUN_PHASES };

struct run_call; /* run_calls.h */

struct run_asked {
    const char *backend;
    const struct run_call *call;
    bool all_backends, all_calls; /* `all` instead of a name: a table of runs */
    enum grain_schedule schedule;
    int64_t chunk; /* as in grain_call_options */
    int workers;   /* 0: as many as usable CPUs */
    uint64_t rows; /* 0: 200000, and of them as many as the call is for */
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
    struct matrix data;    /* after the run only the first rows have values */
    uint64_t rows_offered; /* so many there were; a call may be given only the first of them */
    int32_t *counts;       /* one a row */
    uint64_t wrong_row;    /* the first row with a wrong count; as many as rows when all are right */
    uint64_t out_of_order; /* results that came after one with a larger index, of calls that promise no order */
    int workers;           /* those the pool really had; without a pool: processes at a time */
    uint64_t phase_ns[RUN_PHASES], wall_ns;
    struct run_cpu caller, everyone; /* everyone: the caller and its workers */
};

/* The parser of the command line; its input is a struct run_asked that starts as run_defaults(). */
struct argp;
extern const struct argp run_argp;
struct run_asked run_defaults(void);

/* One run of asked->call on asked->backend, checked; what went wrong is said. Returns an exit_code. The caller ends it
 * with run_forget(), however it went. */
int run_once(const struct run_asked *asked, struct run_measured *measured);
void run_forget(struct run_measured *measured);

/* Whether the data can be had, before many runs fail for the same reason; if not, why is said. Returns an exit_code. */
int run_check_input(const struct run_asked *asked);

/* Whether a backend runs nothing (`null`); if so, that is said. */
bool run_counts_nothing(const char *backend);

/* Every call, or every backend, or both: a table. Returns the worst exit_code. */
int run_all(const struct run_asked *asked);

/* Writes to standard output. */
void run_print_text(const struct run_asked *asked, const struct run_measured *measured);

/* The same object, for a list of them; NULL for no memory. */
struct json_t *run_json(const struct run_asked *asked, const struct run_measured *measured);

#endif
