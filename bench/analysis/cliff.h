/* SPDX-License-Identifier: MIT
 *
 * The spin cliff: an OpenMP region that takes as long as a slice of the scheduler, because a thread that spins at the
 * region's end holds the CPU that the thread it waits for needs. It is looked for where it shows: in maps with the
 * largest chunk, whose own work is shorter than a slice.
 */
#ifndef GRAIN_BENCH_CLIFF_H
#define GRAIN_BENCH_CLIFF_H

#include <stdbool.h>

#include "analysis/study.h"

#define CLIFF_SLICE_NS 1e6 /* the shortest slice that a scheduler deals out */
#define CLIFF_WORK_NS  2e6 /* a map with a larger serial share hides it */

struct cliff_cell {
    const struct series *series;
    size_t rounds, slices;               /* good rounds; of them, those that took a slice longer than their share */
    double share_ns;                     /* median of the serial work over P_used: what it takes at best */
    double least_ns, median_ns, most_ns; /* over the rounds: time beyond that share */
    bool is_openmp;                      /* else it stands beside, to compare with */
};

struct cliff {
    struct cliff_cell *cells; /* in the order of the summary */
    size_t count;
    size_t openmp;               /* of OpenMP's: cells looked at */
    size_t fallen;               /* of those: cells with a round that took a slice */
    size_t rounds[2], slices[2]; /* sums, [1] for OpenMP's, [0] for the others */
};

/* The study must outlive it. 0 or -ENOMEM. */
int cliff_make(struct cliff *cliff, const struct study *study);
void cliff_free(struct cliff *cliff);

#endif
