/* SPDX-License-Identifier: MIT
 *
 * summary.csv: one row a cell, derived from samples.jsonl, read by the figures and the report. The first
 * line names the columns; a figure that cannot be computed is an empty field (NAN in memory).
 */
#ifndef GRAIN_BENCH_SUMMARY_H
#define GRAIN_BENCH_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#include "../sweep/cell.h"
#include "../sweep/journal.h"

struct summary_row {
    struct cell cell;
    uint64_t tasks;                        /* tasks a call; less than the rows where a subset was run */
    int samples;                           /* rounds that count */
    double median_ns;                      /* of a call: median over the rounds (each the median of its own times) */
    double ci_low_ns, ci_high_ns;          /* 95 % bootstrap interval of that median */
    double ns_per_row;                     /* median / tasks */
    double overhead_ns_per_task;           /* (P_used * wall - W) / tasks */
    double speedup_loop, speedup_callback; /* medians of paired ratios, per task */
    double efficiency;                     /* W / (P_used * wall) */
    double efficiency_peak;                /* of what floor/peak does at the same kernel, rows and P_used; in pairs
                                              where the cell had it beside it */
    double handovers, steals;              /* a call */
    char quality[16];                      /* "ok", "noisy", "scaled" (subset), "incomplete", "missing" */
};

struct summary {
    struct summary_row *rows; /* sorted: kernel, rows, backend, call, schedule, workers, chunk */
    size_t count;
};

/* Computes the rows; usable_cpus decides P_used. 0 or -ENOMEM. */
int summary_make(struct summary *summary, const struct sample *samples, size_t count, int usable_cpus);

/* DIR/summary.csv, written aside and renamed; read back. 0 or -errno (-EBADMSG: not such a file). */
int summary_write(const struct summary *summary, const char *dir);
int summary_read(struct summary *summary, const char *dir);
void summary_free(struct summary *summary);

/* The schedule with which a backend's `map` is quickest: the lowest geometric mean of ns_per_row over the
 * chunks that all its schedules were measured at. "" when nothing was measured. */
const char *summary_best_schedule(const struct summary *summary, const char *kernel, const char *backend, int workers,
                                  uint64_t rows);

/* The row of one cell, or NULL. */
const struct summary_row *summary_find(const struct summary *summary, const struct cell *cell);

#endif
