/* SPDX-License-Identifier: MIT
 *
 * The cells of one grain-bench process: those that were asked for, each with its two serial baselines and its
 * floor, or a set that is useful by hand.
 */
#ifndef GRAIN_BENCH_CELLS_H
#define GRAIN_BENCH_CELLS_H

#include "settings.h"
#include "subject.h"

struct cells {
    struct subject *subjects;
    size_t count, room;
    const struct settings *settings;
    struct verdict *verdict;
    uint64_t turns; /* of each cell, in an order from this seed; 0: each once, in the order in which they were added */
    uint64_t order_seed;
};

/* Fixed iteration counts; 0: Google Benchmark chooses. */
struct cells_iterations {
    uint64_t of[CELL_TURNS];
};

/* Adds a cell by its name, then its baselines and its floor, each only once. Returns NULL, or what is wrong. */
const char *cells_add(struct cells *cells, const char *name, const struct cells_iterations *iterations);

/* Adds a cell alone: one that takes turns with another. Likewise. */
const char *cells_add_rival(struct cells *cells, const char *name, uint64_t iterations);

/* Adds the baselines, then fork, pthread and openmp, in this order, then the floor. NULL or what is wrong. */
const char *cells_add_default(struct cells *cells);

/* Gives them to Google Benchmark, each turn of theirs; none may be added afterwards. 0 or -errno. */
int cells_register(struct cells *cells);

/* Closes pools, frees data. */
void cells_free(struct cells *cells);

#endif
