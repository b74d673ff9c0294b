/* SPDX-License-Identifier: MIT
 *
 * The inside of a plan: one row of a profile becomes cells. Used by plan.c alone.
 */
#ifndef GRAIN_BENCH_GRID_H
#define GRAIN_BENCH_GRID_H

#include <regex.h>
#include <stdbool.h>

#include "list.h"
#include "plan.h"

/* One row, and what it is expanded with. */
struct grid {
    struct plan *plan;
    const struct plan_options *options;
    const struct plan_row *row;
    struct list_meaning meaning;
    const regex_t *filter;
    char *problem;
};

/* Adds the row's cells to the plan. Returns 0, -EINVAL with one line in problem, or -ENOMEM. */
int grid_expand(const struct grid *grid);

/* A zeroed cell more at the end of the plan; NULL: no memory. */
struct plan_cell *grid_append(struct plan *plan);

/* Whether there is such a backend (the library's, "openmp-as-shipped", "fork-pipe", "floor", "cpython", a peer
 * that was built in), such a call. */
bool grid_is_backend(const char *word);
bool grid_is_call(const char *word);

/* A kernel is chosen by its whole name, or by what stands before its parameter; list may be NULL. */
bool grid_chooses_kernel(const char *list, const char *kernel);

#endif
