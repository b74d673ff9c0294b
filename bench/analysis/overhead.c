/* SPDX-License-Identifier: MIT
 *
 * See overhead.h. Every figure is a median over rounds with its interval; a row more in the table is a figure more.
 */
#include "analysis/overhead.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS        200000
#define IDLE_SHOWN  5.0 /* seconds that an idle pool's CPU time is told for; a cell sleeps less */
#define NS_IN_MS    1e6
#define METG_SHARE  0.5
#define POINTS_MAX  32
#define COUNT_OF(a) (sizeof(a) / sizeof(a)[0])

enum form {
    FORM_SPEEDUP,    /* serial callback over time */
    FORM_OVER_CELL,  /* time a task over that of the other cell */
    FORM_OVER_FLOOR, /* time over that of the floor beside it */
    FORM_OVER_LOOP,  /* time over that of the serial loop beside it */
    FORM_METG,       /* the smallest task that half of the machine's speed is reached with, in ns */
    FORM_IDLE        /* CPU time while nothing is asked, in ms */
};

#define STEAL(name)                                                                                                    \
    {                                                                                                                  \
        .backend = (name), .kernel = "howmany", .call = "map", .schedule = "steal", ONE                                \
    }
#define TASKS(name)                                                                                                    \
    {                                                                                                                  \
        .backend = (name), .kernel = "howmany", .call = "map", .schedule = "-", ONE                                    \
    }
#define LOOPS(name)                                                                                                    \
    {                                                                                                                  \
        .backend = (name), .kernel = "howmany", .call = "map", .schedule = "dynamic", ONE                              \
    }
#define SMALL(name, by)                                                                                                \
    {                                                                                                                  \
        .backend = (name), .kernel = "compute", .call = "map", .schedule = (by), ONE                                   \
    }
#define IDLE(name)                                                                                                     \
    {                                                                                                                  \
        .backend = (name), .kernel = "howmany", .call = "idle", .workers = 2                                           \
    }
#define ONE .chunk = PICK_CHUNK_FIXED, .fixed_chunk = 1, .workers = 2

static const struct kind {
    const char *text;
    enum form form;
    struct pick cell, other;
    const char *relation;
    double must, goal;
    double slack; /* the goal is told in units of which half may be missed: whole milliseconds */
    bool needs_cpus;
} kinds[] = {
    {"fork: map, steal, chunk 1, data shared: speedup over the serial callback",
     FORM_SPEEDUP,
     STEAL("fork"),
     {0},
     ">=",
     1.45,
     1.65,
     0,
     true},
    {"pthread: the same", FORM_SPEEDUP, STEAL("pthread"), {0}, "", NAN, NAN, 0, true},
    {"libgomp dynamic, chunk 1 / pthread steal, chunk 1", FORM_OVER_CELL, LOOPS("gomp"), STEAL("pthread"), ">=", 5, 8,
     0, true},
    {"oneTBB, grain 1 / the same", FORM_OVER_CELL, TASKS("tbb-simple"), STEAL("pthread"), ">=", 5, 8, 0, true},
    {"openmp as shipped, dynamic, chunk 1 / the same", FORM_OVER_CELL, LOOPS("openmp-as-shipped"), STEAL("pthread"), "",
     NAN, NAN, 0, true},
    {"fork: apply, 1 worker / a cache line's round trip",
     FORM_OVER_FLOOR,
     {.backend = "fork", .kernel = "howmany", .call = "apply", .workers = 1},
     {0},
     "<=",
     2.0,
     1.35,
     0,
     false},
    {"fork: apply_async + get of all rows, a task / libgomp: a task a row",
     FORM_OVER_CELL,
     {.backend = "fork", .kernel = "howmany", .call = "apply_async", .workers = 2},
     TASKS("gomp-task"),
     "<=",
     1.2,
     0.8,
     0,
     true},
    {"fork: METG(50 %) of map, chunk 1, ns", FORM_METG, SMALL("fork", "steal"), {0}, "<=", 15, 6, 0, true},
    {"pthread: METG(50 %) of map, chunk 1, ns", FORM_METG, SMALL("pthread", "steal"), {0}, "<=", 15, 6, 0, true},
    {"libgomp: METG(50 %) of a task a row, ns", FORM_METG, SMALL("gomp-task", "-"), {0}, "", NAN, NAN, 0, true},
    {"fork: idle pool, CPU time over 5 s, ms", FORM_IDLE, IDLE("fork"), {0}, "<=", 10, 0, 0.5, false},
    {"pthread: idle pool, CPU time over 5 s, ms", FORM_IDLE, IDLE("pthread"), {0}, "<=", 10, 0, 0.5, false},
    {"serial loop of howmany: share of the read bandwidth",
     FORM_OVER_LOOP,
     {.backend = "floor", .kernel = "howmany", .call = "bandwidth", .workers = 1},
     {0},
     ">=",
     0.7,
     NAN,
     0,
     false},
};
_Static_assert(COUNT_OF(kinds) <= OVERHEAD_ROWS_MAX, "rows of struct overhead");

/* ------------------------------------------------------------------------------------------- METG(50 %)
 * Only for this table: the smallest granularity (core time a task, hand-over included) that half of the floor's speed
 * is reached with, between the two points around it linear in its logarithm. */

struct point {
    double granularity_ns, efficiency;
};

static int compare_points(const void *left, const void *right)
{
    const struct point *a = left, *b = right;

    return (a->granularity_ns > b->granularity_ns) - (a->granularity_ns < b->granularity_ns);
}

/* Points of one sweep from large tasks to small ones, as long as the share is reached. NAN: not even with the largest. */
static double metg_of(struct point *points, size_t count, bool *is_bound)
{
    *is_bound = false;
    qsort(points, count, sizeof *points, compare_points);
    if (count == 0 || points[count - 1].efficiency < METG_SHARE)
        return NAN;
    for (size_t i = count - 1; i > 0; i--) {
        const struct point *large = &points[i], *small = &points[i - 1];

        if (small->efficiency >= METG_SHARE)
            continue;
        double part = (METG_SHARE - small->efficiency) / (large->efficiency - small->efficiency);
        return exp(log(small->granularity_ns) + part * log(large->granularity_ns / small->granularity_ns));
    }
    *is_bound = true;
    return points[0].granularity_ns;
}

static const struct sample *round_of(const struct series *series, int round)
{
    for (size_t i = 0; i < series->count; i++)
        if (series->rounds[i]->round == round && series_good(series->rounds[i]))
            return series->rounds[i];
    return NULL;
}

static bool is_point(const struct series *series, const struct pick *pick)
{
    const struct cell *cell = &series->cell;
    size_t length = strlen(pick->kernel);

    return series->good > 0 && strncmp(cell->kernel, pick->kernel, length) == 0 && cell->kernel[length] == ':' &&
           strcmp(cell->backend, pick->backend) == 0 && strcmp(cell->call, pick->call) == 0 &&
           strcmp(cell->schedule, pick->schedule) == 0 && cell->chunk == pick->fixed_chunk &&
           cell->workers == pick->workers && cell->data == CELL_DATA_SHARED && cell->start == CELL_START_WARM &&
           cell->wait == CELL_WAIT_ADAPTIVE;
}

/* What one round says of one cell; its efficiency is over the floor beside it, without one over its serial work. */
static bool point_of(const struct study *study, const struct series *series, int round, struct point *point)
{
    const struct sample *sample = round_of(series, round);
    double used = cell_workers_used(&series->cell, study->usable_cpus), share;

    if (sample == NULL || sample->tasks == 0)
        return false;
    share = 1 / series_over_floor(series, sample);
    if (isnan(share))
        share = series_speedup(series, sample, SERIES_WORK) / used;
    *point = (struct point){used * series_time(series, sample) / (double)sample->tasks, share};
    return isfinite(share) && point->granularity_ns > 0;
}

static int metg_figure(struct overhead_row *row, const struct study *study, const struct kind *kind)
{
    struct point points[POINTS_MAX];
    size_t rounds = study->set.planned, bounds = 0, known = 0;
    double *values = calloc(rounds > 0 ? rounds : 1, sizeof *values);
    int status = values == NULL ? -ENOMEM : 0;

    for (size_t round = 0; round < rounds && status == 0; round++) {
        size_t count = 0;
        bool is_bound;

        for (size_t i = 0; i < study->set.count && count < POINTS_MAX; i++)
            if (is_point(&study->set.series[i], &kind->cell))
                count += point_of(study, &study->set.series[i], (int)round, &points[count]);
        values[round] = metg_of(points, count, &is_bound);
        bounds += is_bound;
        known += isfinite(values[round]) ? 1 : 0;
        if (count > 0 && strcmp(row->verdict, "") == 0)
            strcpy(row->verdict, "not reached");
    }
    if (status == 0)
        status = statistics_estimate(values, rounds, &row->got);
    row->is_bound = 2 * bounds > known;
    free(values);
    return status;
}

/* ---------------------------------------------------------------------------------------- the others */

static int idle_figure(struct overhead_row *row, const struct series *series)
{
    double *values = malloc(series->count * sizeof *values);
    int status = -ENOMEM;

    if (values != NULL) {
        for (size_t i = 0; i < series->count; i++) {
            const struct sample *sample = series->rounds[i];
            double slept_s = series_time(series, sample) / 1e9;

            values[i] = (sample->cpu_ns + sample->workers_cpu_ns) / slept_s * IDLE_SHOWN / NS_IN_MS;
        }
        status = statistics_estimate(values, series->count, &row->got);
    }
    free(values);
    return status;
}

static void note_quality(struct overhead_row *row, const struct study *study, const struct series *series)
{
    row->is_noisy = row->is_noisy || strcmp(study_row(study, series)->quality, "noisy") == 0;
}

static int figure(struct overhead_row *row, const struct study *study, const struct kind *kind)
{
    static const enum study_figure figures[] = {[FORM_SPEEDUP] = STUDY_TIMES_CALLBACK,
                                                [FORM_OVER_FLOOR] = STUDY_OVER_FLOOR,
                                                [FORM_OVER_LOOP] = STUDY_OVER_LOOP};
    struct pick picks[2] = {kind->cell, kind->other};
    const struct series *series[2] = {NULL, NULL};

    if (kind->form == FORM_METG)
        return metg_figure(row, study, kind);
    for (size_t i = 0; i < 2 && picks[i].call != NULL; i++) {
        picks[i].rows = ROWS;
        series[i] = study_pick(study, picks[i].backend, &picks[i]);
        if (series[i] == NULL)
            return 0;
        note_quality(row, study, series[i]);
    }
    if (kind->form == FORM_OVER_CELL)
        return study_compare(series[0], series[1], &row->got);
    return kind->form == FORM_IDLE ? idle_figure(row, series[0])
                                   : study_figure(study, series[0], figures[kind->form], &row->got);
}

/* ------------------------------------------------------------------------------------------- judging */

/* Whether the whole interval lies on the side of a limit that it should be on; on the other one. */
static bool is_within(const struct overhead_row *row, double limit)
{
    return strcmp(row->relation, ">=") == 0 ? row->got.low >= limit : row->got.high <= limit;
}

static bool is_beyond(const struct overhead_row *row, double limit)
{
    return strcmp(row->relation, ">=") == 0 ? row->got.high < limit : row->got.low > limit && !row->is_bound;
}

static void judge(struct overhead_row *row, const struct study *study, const struct kind *kind)
{
    const struct estimate *got = &row->got;
    double sign = strcmp(row->relation, ">=") == 0 ? 1 : -1;
    char *verdict = row->verdict;
    size_t size = sizeof row->verdict;

    if (kind->needs_cpus && study->usable_cpus == 1) {
        row->got = (struct estimate){NAN, NAN, NAN, 0};
        snprintf(verdict, size, "not shown: 1 usable CPU");
        return;
    }
    if (isnan(got->median)) {
        if (verdict[0] == '\0')
            snprintf(verdict, size, "not measured");
        return;
    }
    if (row->relation[0] != '\0' && !row->is_bound)
        row->missed_by = fmax(0, sign * (row->must - got->median) / row->must);
    if (isnan(got->low))
        snprintf(verdict, size, "not shown: %zu %s, an interval needs %d", got->values,
                 got->values == 1 ? "round" : "rounds", STATISTICS_VALUES_MIN);
    else if (row->relation[0] == '\0')
        snprintf(verdict, size, "reported");
    else if (is_within(row, row->must))
        snprintf(verdict, size, "holds%s", is_within(row, row->goal + kind->slack) ? ", and so does the goal" : "");
    else if (is_beyond(row, row->must))
        snprintf(verdict, size, "does not hold");
    else
        snprintf(verdict, size, "not shown: the interval spans %g", row->must);
}

int overhead_make(struct overhead *overhead, const struct study *study)
{
    int status = 0;

    *overhead = (struct overhead){.is_there = study_measured(study, "idle")};
    for (size_t i = 0; i < COUNT_OF(kinds) && status == 0; i++) {
        struct overhead_row *row = &overhead->rows[overhead->count++];

        *row = (struct overhead_row){.text = kinds[i].text,
                                     .relation = kinds[i].relation,
                                     .must = kinds[i].must,
                                     .goal = kinds[i].goal,
                                     .got = {.median = NAN, .low = NAN, .high = NAN}};
        status = figure(row, study, &kinds[i]);
        judge(row, study, &kinds[i]);
    }
    return status;
}
