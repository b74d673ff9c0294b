/* SPDX-License-Identifier: MIT
 *
 * A study: one sweep as the claims and the report see it. It knows which worker count and how many rows the main
 * comparison is made at, and finds cells by what they are for. Ratios between two cells are taken round by round,
 * each cell in units of its own process's serial callback: a clock that speeds up or slows down cancels.
 */
#ifndef GRAIN_BENCH_STUDY_H
#define GRAIN_BENCH_STUDY_H

#include <stdbool.h>

#include "analysis/series.h"
#include "analysis/statistics.h"
#include "analysis/summary.h"

struct study {
    struct series_set set;
    struct summary summary;
    int usable_cpus;
    int workers;   /* P of the main comparison: the count that most cells of `howmany` were measured at */
    uint64_t rows; /* its rows, likewise */
};

enum pick_chunk { PICK_CHUNK_ANY, PICK_CHUNK_FIXED, PICK_CHUNK_PYTHON, PICK_CHUNK_BEST };

/* What a cell is picked by. Zero means: backend of the asker, kernel howmany, rows and P of the study. */
struct pick {
    const char *backend;
    const char *kernel; /* "compute" finds "compute:40000" as well */
    const char *call;
    const char *schedule; /* not looked at for cpython, which has none */
    enum pick_chunk chunk;
    uint64_t fixed_chunk;
    int workers_factor;
    int workers; /* instead of P and the factor */
    uint64_t rows;
    enum cell_data data; /* not looked at for cpython */
    enum cell_start start;
};

/* samples must outlive the study. usable_cpus <= 0: not known, taken from the widest floor/peak cell.
 * Returns 0, -ENODATA (no record of a cell), -ENOMEM. */
int study_open(struct study *study, const struct sample *samples, size_t count, int usable_cpus);
void study_close(struct study *study);

/* The cell with at least one good round, or NULL. */
const struct series *study_pick(const struct study *study, const char *backend, const struct pick *pick);

/* Of the cells that match, the one with the largest chunk below a limit (0 is no chunk); NULL: none. */
const struct series *study_pick_below(const struct study *study, const char *backend, const struct pick *pick,
                                      uint64_t below);

/* floor/peak with the kernel, rows and workers used of a cell; NULL when it was not measured. */
const struct series *study_peak(const struct study *study, const struct series *series);

/* Whether any cell of a call was measured. */
bool study_measured(const struct study *study, const char *call);

/* The cell's row of the summary. */
const struct summary_row *study_row(const struct study *study, const struct series *series);

/* What one cell's pairs say. */
enum study_figure {
    STUDY_OVER_LOOP,     /* time over the baseline: above 1 is slower than serial */
    STUDY_OVER_CALLBACK, /* likewise */
    STUDY_TIMES_LOOP,    /* speedup: above 1 is faster than serial */
    STUDY_TIMES_CALLBACK,
    STUDY_OVER_FLOOR,     /* time over the floor's */
    STUDY_SHARE_OF_FLOOR, /* speed over the floor's */
    STUDY_OVER_BEST,      /* time over max(W / P_used, the longest task) */
    STUDY_OUT_OF_ORDER    /* results that arrived after one with a larger index, a call */
};

/* Its median over the rounds, no value known where there are no pairs. 0 or -ENOMEM. */
int study_figure(const struct study *study, const struct series *series, enum study_figure figure,
                 struct estimate *estimate);

/* Time of `series` over that of `other`, where both have the round: each in units of its own serial work. CPython's
 * work is another, and opening a pool is none: then it is the plain times that are compared, those of all rows. 0 or
 * -ENOMEM. */
int study_compare(const struct series *series, const struct series *other, struct estimate *ratio);

/* CPython's default chunk at the study's rows and workers. */
uint64_t study_python_chunk(const struct study *study);

#endif
