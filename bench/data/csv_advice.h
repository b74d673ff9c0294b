/* SPDX-License-Identifier: MIT
 *
 * What to do about a cell of a .csv file that is no whole number, where its text shows the cause.
 */
#ifndef GRAIN_BENCH_CSV_ADVICE_H
#define GRAIN_BENCH_CSV_ADVICE_H

#include <stdbool.h>
#include <stddef.h>

struct csv_cell {
    const char *text; /* not empty, without the spaces round it; any bytes */
    size_t length;
    bool is_first; /* of the file */
    bool is_cut;   /* there is more of it than that */
};

#define CSV_ADVICE_NAMES  "; a line of column names must be removed"
#define CSV_ADVICE_LABELS "; a column of names must be removed"

/* "; " and a remedy, or "" where no cause is sure. */
const char *csv_advice(const struct csv_cell *cell);

/* Whether the file's first cell looks like a name. */
bool csv_is_name(const struct csv_cell *cell);

bool csv_is_whole(const struct csv_cell *cell);

#endif
