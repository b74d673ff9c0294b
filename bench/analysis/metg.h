/* SPDX-License-Identifier: MIT
 *
 * METG(x), the minimum effective task granularity: how short a task may be while the workers still do x of what they
 * could. A curve is one backend, call, schedule and number of workers over `compute:N` for growing N; each of its
 * points is a granularity g (core time a task: wall * P_used / tasks) with an efficiency. METG(x) is the smallest g
 * from which on efficiency is at least x: where the curve crosses x for the last time, linear in log g between the two
 * points around it. What no point brackets is censored, never invented.
 * source: Slaughter et al., "Task Bench: A Parameterized Benchmark for Evaluating Parallel Runtime Performance", SC'20.
 */
#ifndef GRAIN_BENCH_METG_H
#define GRAIN_BENCH_METG_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/study.h"

/* With fewer task lengths there is no curve. */
#define METG_POINTS_MIN 3
#define METG_POINTS_MAX 64 /* more are left out */

/* What 100 % is: what floor/peak does beside the cell (one copy of the kernel a CPU; where one CPU works, `apply`, that
 * is the serial callback), or P_used times the serial callback, W. */
enum metg_base { METG_OF_PEAK, METG_OF_WORK, METG_BASES };

enum metg_threshold { METG_50, METG_90, METG_THRESHOLDS };

enum metg_censored {
    METG_FOUND,
    METG_BELOW,  /* even the shortest tasks reach x: METG(x) is at most the smallest g tested */
    METG_ABOVE,  /* the longest tasks do not: not reached, METG(x) is more than the largest g tested */
    METG_UNKNOWN /* no point */
};

struct metg_pair {
    double g_ns, efficiency;
    size_t point; /* whose pair it is */
};

struct metg_value {
    enum metg_censored censored;
    double ns;              /* METG(x); censored: the smallest or largest g tested; NAN: not known */
    double low_ns, high_ns; /* 95 % bootstrap interval: 0 and INFINITY where it is open; NAN: too few rounds */
    double fitted_ns;       /* of the model, o / (1 - x); NAN: no fit, or one that says no overhead */
    size_t rounds;          /* that the points around it have at least */
    size_t below, at;       /* those points; the same one where it is censored */
};

struct metg_point {
    const struct series *series;
    double iterations;                      /* N of compute:N */
    double tasks;                           /* a call */
    size_t rounds;                          /* good ones, and the values of each: */
    double *g_ns, *efficiency[METG_BASES];  /* NAN: no partner */
    struct estimate g, reached[METG_BASES]; /* over the rounds */
    bool is_noisy;
};

struct metg_curve {
    struct cell cell;                          /* backend, call, schedule, workers; nothing else in it counts */
    struct metg_point points[METG_POINTS_MAX]; /* by growing N */
    size_t count;
    double overhead_ns[METG_BASES]; /* o of T = s + (W + o * n) / P_used, fitted over the points; NAN: no fit */
    struct metg_value values[METG_BASES][METG_THRESHOLDS];
};

struct metg {
    struct metg_curve *curves; /* by backend, call, schedule, workers */
    size_t count;
};

extern const double metg_thresholds[METG_THRESHOLDS];

/* Every curve of a study that has one; the study must outlive it. 0 or -ENOMEM. */
int metg_make(struct metg *metg, const struct study *study);
void metg_free(struct metg *metg);

/* The curve of most workers, or NULL. */
const struct metg_curve *metg_find(const struct metg *metg, const char *backend, const char *call,
                                   const char *schedule);

/* Whether a point that the value rests on is noisy. */
bool metg_is_noisy(const struct metg_curve *curve, const struct metg_value *value);

/* Whether anything is known of any curve against a base. */
bool metg_knows(const struct metg *metg, enum metg_base base);

/* Sorts pairs by g and finds the last crossing. Pairs with something unknown must not be among them. */
struct metg_value metg_cross(struct metg_pair *pairs, size_t count, double threshold);

/* Fills overhead and values of a curve whose points are complete. 0 or -ENOMEM. */
int metg_curve_values(struct metg_curve *curve);

/* DIR/metg.csv, written aside and renamed; one row a curve, threshold and base. 0 or -errno. */
int metg_write(const struct metg *metg, const char *dir);

#endif
