/* SPDX-License-Identifier: MIT
 *
 * The pool's own choice of a chunk beside the best there is: which chunk wins a sweep, and how far the pool's own,
 * taken turn by turn with that winner in one process, each called equally often a time, is from it. It holds when the
 * median of the rounds' ratios and the upper end of its 95 % interval are within the limits below.
 */
#ifndef GRAIN_BENCH_CHOICE_H
#define GRAIN_BENCH_CHOICE_H

#include "analysis/study.h"

#define CHOICE_MEDIAN_MAX 1.10
#define CHOICE_HIGH_MAX   1.15
#define CHOICE_ROUNDS_MIN 15
#define CHOICE_CHUNKS_MIN 12

/* The chunk of the quickest cell among those that differ from this one in nothing but the chunk; 0: there is none.
 * *tried: how many there are. */
uint64_t choice_winner(const struct summary *summary, const struct cell *cell, size_t *tried);

/* Not shown: too few rounds, or a winner of too few chunks. Reported: OpenMP as shipped, of which nothing is
 * claimed. */
enum choice_outcome { CHOICE_HOLDS, CHOICE_FAILS, CHOICE_NOT_SHOWN, CHOICE_REPORTED, CHOICE_OUTCOMES };

struct choice_row {
    const struct series *series;
    uint64_t winner;
    struct estimate ratio; /* the pool's choice over the winner, in time */
    enum choice_outcome outcome;
};

struct choice {
    struct choice_row *rows; /* in the order of the study */
    size_t count;
};

/* The cells of a study that have a winner beside them. tried: chunks that the winner of each was found among, at least.
 * The study must outlive it. 0 or -ENOMEM. */
int choice_make(struct choice *choice, const struct study *study, size_t tried);
void choice_free(struct choice *choice);

#endif
