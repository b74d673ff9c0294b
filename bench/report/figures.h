/* SPDX-License-Identifier: MIT
 *
 * The figures of a run. Each is drawn from one tidy CSV under DIR/figures/ that holds every number and every
 * label in it; the script of the same name under plots/ draws it and computes nothing.
 */
#ifndef GRAIN_BENCH_FIGURES_H
#define GRAIN_BENCH_FIGURES_H

#include <stdbool.h>
#include <stddef.h>

#define FIGURES_ERROR_MAX 512

struct figures_options {
    int width_mm;  /* 85 (a column; the files' names end in -85) or 170 (a page) */
    bool svg, png; /* which formats */
};

/* What stands in DIR/figures/ for the index-th figure, without folder and ending: "fig_chunk", or NULL past the
 * last. */
const char *figures_name(size_t index);

/* Whether it is drawn from cells that most sweeps do not have: nothing is amiss when it is not there. */
bool figures_is_optional(size_t index);

/* Draws one figure: writes DIR/figures/NAME.csv, then the pictures, each aside and renamed. A figure of a sweep of its
 * own (the calls, the ladder, METG) is drawn from the folder of it inside DIR where there is such, else from DIR.
 * return: 0; -ENODATA nothing was measured for it, no file is written; -ENOENT DIR has no summary.csv;
 *         -ENOPKG gnuplot is missing; -EINVAL no such figure; else -errno. One line in error. */
int figures_draw(const char *dir, const char *name, const struct figures_options *options,
                 char error[FIGURES_ERROR_MAX]);

#endif
