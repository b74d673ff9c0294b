/* SPDX-License-Identifier: MIT
 *
 * The plan of a sweep: which cells, how many rounds, how often each cell is timed in a round. A profile
 * is a table of rows (profiles.c); each row is a grid of cells; lists from the command line select among
 * the names in a row and replace its numbers.
 */
#ifndef GRAIN_BENCH_PLAN_H
#define GRAIN_BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cell.h"

#define PLAN_PROBLEM_MAX 256
#define PLAN_ROWS        200000 /* N, as in the notebook */
#define PLAN_CELLS_MAX   10000  /* far over any profile: more were a slip of the hand, and would take days */

/* One grid: every field a list as in list.h, NULL meaning the first of its kind. */
struct plan_row {
    const char *kernels;   /* NULL: howmany */
    const char *backends;  /* NULL: fork, pthread, openmp */
    const char *calls;     /* NULL: map */
    const char *schedules; /* NULL: dynamic; ignored by calls that claim nothing */
    const char *chunks;    /* NULL: 1; ignored likewise */
    const char *workers;   /* NULL: P */
    const char *rows;      /* NULL: N */
    const char *datas;     /* NULL: shared */
    const char *starts;    /* NULL: warm */
    const char *waits;     /* NULL: adaptive */
    int repetitions;       /* times a round; 0: as the profile says */
    uint64_t tasks;        /* most tasks a call runs (apply, cpython); 0: all */
    /* Its partners: callback, floor, winner (the same with the chunk that won another sweep); "": none;
     * NULL: all it has, and the baselines as cells of their own. */
    const char *beside;
};

struct plan_profile {
    const char *name, *summary;
    int rounds, repetitions;
    double min_time_s; /* how long one repetition of a cell should at least take; 0: one call is enough */
    double budget_s;   /* disturbed cells are run again while this lasts; 0: never */
    const struct plan_row *rows;
    size_t row_count;
};

/* What the command line asks for; NULL and 0: what the profile says. */
struct plan_options {
    const char *profile;
    const char *kernels, *backends, *calls, *schedules; /* select */
    const char *chunks, *workers, *rows;                /* replace */
    const char *filter;                                 /* POSIX extended regular expression on names */
    int rounds;
    int cpus;            /* P: usable CPUs, or as asked for */
    uint64_t input_rows; /* rows of the input file, 0: no file */
};

struct plan_cell {
    struct cell cell;
    char name[CELL_NAME_MAX];
    int repetitions;
    uint64_t tasks;       /* most tasks a call runs; 0: all rows */
    const char *beside;   /* its partners; NULL: all it has */
    uint64_t rival_chunk; /* of its rival; 0: it has none, or not yet */
};

struct plan {
    const struct plan_profile *profile;
    struct plan_cell *cells; /* first the serial baselines */
    size_t count, capacity;
    size_t looked_at; /* combinations of what the lists name, while the plan is made */
    int rounds;
    size_t winners_tried; /* chunks that each cell's rival is the winner of, at least; 0: there are no rivals */
};

/* What a kernel with a number is measured with where neither a profile nor the command line says it. */
struct plan_usual {
    const char *kernel; /* with its number */
    const char *rows;
};

/* That of a kernel, whose name may have a number or not; NULL: it has none, and reads the data set. */
const struct plan_usual *plan_usual_find(const char *kernel);

/* The index-th profile, NULL past the last; the one with that name, or NULL. */
const struct plan_profile *plan_profile_at(size_t index);
const struct plan_profile *plan_profile_find(const char *name);

/* Returns 0, -EINVAL with one line in problem (what was asked for makes no sense), or -ENOMEM. */
int plan_make(struct plan *plan, const struct plan_options *options, char problem[PLAN_PROBLEM_MAX]);
void plan_free(struct plan *plan);

/* Whether a turn is taken beside a cell of a plan, and whose it is: cell_partner(), without what is left out. */
bool plan_partner(const struct plan_cell *planned, enum cell_turn turn, int cpus, struct cell *partner);

/* Whether a cell is to have the winner of another sweep beside it. */
bool plan_wants_winner(const struct plan_cell *planned);

/* Tells plans apart: cells, rounds, repetitions, tasks, partners. */
uint64_t plan_hash(const struct plan *plan);

#endif
