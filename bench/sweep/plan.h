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
    const char *beside; /* its partners: callback, floor; NULL: all it has, and the baselines as cells of their own */
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
    uint64_t tasks;     /* most tasks a call runs; 0: all rows */
    const char *beside; /* its partners; NULL: all it has */
};

struct plan {
    const struct plan_profile *profile;
    struct plan_cell *cells; /* first the serial baselines */
    size_t count, capacity;
    size_t looked_at; /* combinations of what the lists name, while the plan is made */
    int rounds;
};

/* The index-th profile, NULL past the last; the one with that name, or NULL. */
const struct plan_profile *plan_profile_at(size_t index);
const struct plan_profile *plan_profile_find(const char *name);

/* Returns 0, -EINVAL with one line in problem (what was asked for makes no sense), or -ENOMEM. */
int plan_make(struct plan *plan, const struct plan_options *options, char problem[PLAN_PROBLEM_MAX]);
void plan_free(struct plan *plan);

/* Whether a turn is taken beside a cell of a plan, and whose it is: cell_partner(), without what is left out. */
bool plan_partner(const struct plan_cell *planned, enum cell_turn turn, int cpus, struct cell *partner);

/* Tells plans apart: cells, rounds, repetitions, tasks, partners. */
uint64_t plan_hash(const struct plan *plan);

#endif
