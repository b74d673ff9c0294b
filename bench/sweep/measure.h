/* SPDX-License-Identifier: MIT
 *
 * One sample: one fresh process that runs one cell and, turn by turn with it, its partners. Google
 * Benchmark owns the clock and the iterations (CPython's script, for its cells, its own).
 */
#ifndef GRAIN_BENCH_MEASURE_H
#define GRAIN_BENCH_MEASURE_H

#include <signal.h>

#include "child.h"
#include "dataset.h"
#include "journal.h"
#include "plan.h"

/* The programs that take samples, and what all of them are told. */
struct measure {
    char *bench;  /* grain-bench */
    char *script; /* cpython.py, or NULL */
    struct dataset *dataset;
    double limit_s; /* of one process, on top of what it should take */
    int cpus;
    double min_time_s;
    const volatile sig_atomic_t *stop;
};

/* How often a cell and its partners are called for one time; 0: Google Benchmark chooses. */
struct measure_counts {
    uint64_t of[CELL_TURNS];
};

/* The names of a cell and of its partners in the same process; "" where there is none. */
struct measure_names {
    char of[CELL_TURNS][CELL_NAME_MAX];
};

/* Finds grain-bench ($GRAIN_BENCH, else beside this program) and cpython.py (beside it, else in the source
 * tree). Returns 0; -ENOENT: no grain-bench. */
int measure_find_programs(struct measure *measure);
void measure_free(struct measure *measure);

/* Takes one sample; what goes wrong is its status and message. order_seed draws the order in which the cell and its
 * partners take turns.
 * Returns 0; -EINTR: stopped, there is no sample; -ENOMEM. */
int measure_sample(const struct measure *measure, const struct plan_cell *cell, const struct measure_counts *counts,
                   int round, uint64_t order_seed, struct sample *sample);

/* Lets Google Benchmark choose: fills those of counts that are 0, which they stay where the process fails.
 * Returns 0, -EINTR or -ENOMEM. */
int measure_calibrate(const struct measure *measure, const struct plan_cell *cell, struct measure_counts *counts);

struct measure_names measure_names(const struct measure *measure, const struct plan_cell *cell);

#endif
