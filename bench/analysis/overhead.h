/* SPDX-License-Identifier: MIT
 *
 * Overhead: the figures of the pool beside those of its peers and of the machine, each with what it must and what it
 * should reach. Computed from the sweep of profile `overhead`; RESULTS.md lays it out.
 */
#ifndef GRAIN_BENCH_OVERHEAD_H
#define GRAIN_BENCH_OVERHEAD_H

#include <stdbool.h>

#include "analysis/metg.h"
#include "analysis/study.h"

#define OVERHEAD_ROWS_MAX 16

struct overhead_row {
    const char *text;     /* what it is, with its unit */
    const char *relation; /* of figure and limit: ">=", "<="; "" where it is only reported */
    double must, goal;    /* NAN: there is none */
    struct estimate got;
    bool is_bound;     /* the figure is at most `got`: nothing smaller was measured */
    double missed_by;  /* how far the median lies beyond the limit, as a share of it; 0: it does not, or nobody knows */
    char verdict[128]; /* "holds, goal too", "does not hold", "not shown: REASON", "reported", ... */
    bool is_noisy;     /* rests on a noisy cell */
};

struct overhead {
    struct overhead_row rows[OVERHEAD_ROWS_MAX];
    size_t count;
    bool is_there; /* a cell that only this profile has was measured: else there is nothing to show */
};

/* metg: the curves of the study. 0 or -ENOMEM. */
int overhead_make(struct overhead *overhead, const struct study *study, const struct metg *metg);

#endif
