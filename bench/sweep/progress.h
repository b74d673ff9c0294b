/* SPDX-License-Identifier: MIT
 *
 * What the user sees while a sweep runs: on a terminal one line that is rewritten; elsewhere a line a cell
 * in the first round, then one line per round. Everything on standard error.
 */
#ifndef GRAIN_BENCH_PROGRESS_H
#define GRAIN_BENCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "journal.h"

struct progress {
    bool is_quiet, is_terminal;
    size_t done, total; /* samples */
    int rounds;
};

/* verbosity: below 0 shows nothing. */
void progress_start(struct progress *progress, int verbosity, size_t total, int rounds);

/* A cell starts; `what` is "calibrating" or "round 2/11"; left_s: seconds to the end of the sweep. */
void progress_cell(const struct progress *progress, const char *what, const char *cell, double left_s);

/* A sample has been taken; failed ones are always told. */
void progress_sample(struct progress *progress, const struct sample *sample);

/* A round is over. */
void progress_round(const struct progress *progress, int round, double left_s);

/* Clears the line. */
void progress_end(const struct progress *progress);

/* "1:05" or "2:01:00". */
void progress_time(double seconds, char text[32]);

#endif
