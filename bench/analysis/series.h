/* SPDX-License-Identifier: MIT
 *
 * A series: all records of one cell, and what one round of it says. The round is the unit of every statistic: its
 * value is the median over its own repetitions, and a ratio is taken within a repetition, where cell and baseline
 * ran turn by turn in one process. Summary, claims and model are all computed from here.
 */
#ifndef GRAIN_BENCH_SERIES_H
#define GRAIN_BENCH_SERIES_H

#include <stddef.h>

#include "../sweep/cell.h"
#include "../sweep/journal.h"

struct series {
    char name[CELL_NAME_MAX];
    struct cell cell;
    const struct sample **rounds; /* every record of the cell, good or not, in the order of the journal */
    size_t count;                 /* records */
    size_t good;                  /* records with at least one time */
};

struct series_set {
    struct series *series; /* sorted: kernel, rows, backend, call, schedule, workers, chunk */
    size_t count;
    size_t planned; /* rounds of the sweep: the median number of records a cell has */
};

/* What a time is compared with. */
enum series_base {
    SERIES_LOOP,     /* serial loop */
    SERIES_CALLBACK, /* serial callback: the serial work W */
    SERIES_WORK      /* W where there is one: serial callback, or for cpython its own serial loop */
};

/* Groups samples by cell. samples must outlive the set. Records with a name that is no cell are left out.
 * Returns 0 or -ENOMEM. */
int series_collect(struct series_set *set, const struct sample *samples, size_t count);
void series_free(struct series_set *set);

/* The series of one cell, or NULL. */
const struct series *series_find(const struct series_set *set, const struct cell *cell);

/* The order of cells in summary.csv and in every table: below 0 where a comes first, 0 where nothing of that
 * differs. */
int series_order(const struct cell *a, const struct cell *b);

/* Whether a record counts: it went well and has a time. */
bool series_good(const struct sample *sample);

/* One round's value, NAN when unknown:
 * the time of a call; time over baseline, a task each (> 1: slower than serial); baseline over time (a speedup);
 * the time of the cell's floor, of as many tasks; time over it; time over that of its rival, of all tasks; core time
 * beyond the serial work, in ns a task. */
double series_time(const struct series *series, const struct sample *sample);
double series_slowdown(const struct series *series, const struct sample *sample, enum series_base base);
double series_speedup(const struct series *series, const struct sample *sample, enum series_base base);
double series_floor(const struct series *series, const struct sample *sample);
double series_over_floor(const struct series *series, const struct sample *sample);
double series_over_rival(const struct series *series, const struct sample *sample);
double series_overhead(const struct series *series, const struct sample *sample, int workers_used);

/* The time of a call, scaled to all rows where it ran fewer tasks; of a call without tasks, as it is. */
double series_all_rows(const struct series *series, const struct sample *sample);

/* Median over the good rounds of a figure, named by its offset in struct sample; NAN: not known. */
double series_median(const struct series *series, size_t offset);

/* The tasks of a call (those of the first good record). */
uint64_t series_tasks(const struct series *series);

#endif
