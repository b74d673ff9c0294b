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

#define IDLE_SHOWN  5.0 /* seconds that an idle pool's CPU time is told for; a cell sleeps less */
#define NS_IN_MS    1e6
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
    {"fork map, over serial callback", FORM_SPEEDUP, STEAL("fork"), {0}, ">=", 1.45, 1.65, 0, true},
    {"pthread map, likewise", FORM_SPEEDUP, STEAL("pthread"), {0}, "", NAN, NAN, 0, true},
    {"libgomp dynamic / pthread map", FORM_OVER_CELL, LOOPS("gomp"), STEAL("pthread"), ">=", 5, 8, 0, true},
    {"oneTBB, grain 1 / pthread map", FORM_OVER_CELL, TASKS("tbb-simple"), STEAL("pthread"), ">=", 5, 8, 0, true},
    {"openmp shipped / pthread map", FORM_OVER_CELL, LOOPS("openmp-as-shipped"), STEAL("pthread"), "", NAN, NAN, 0,
     true},
    {"fork apply, P = 1 / cache line",
     FORM_OVER_FLOOR,
     {.backend = "fork", .kernel = "howmany", .call = "apply", .workers = 1},
     {0},
     "<=",
     2.0,
     1.35,
     0,
     false},
    {"fork apply_async / libgomp task",
     FORM_OVER_CELL,
     {.backend = "fork", .kernel = "howmany", .call = "apply_async", .workers = 2},
     TASKS("gomp-task"),
     "<=",
     1.2,
     0.8,
     0,
     true},
    {"fork map: METG(50 %), ns", FORM_METG, SMALL("fork", "steal"), {0}, "<=", 15, 6, 0, true},
    {"pthread map: METG(50 %), ns", FORM_METG, SMALL("pthread", "steal"), {0}, "<=", 15, 6, 0, true},
    {"libgomp task: METG(50 %), ns", FORM_METG, SMALL("gomp-task", "-"), {0}, "", NAN, NAN, 0, true},
    {"fork idle: CPU ms over 5 s", FORM_IDLE, IDLE("fork"), {0}, "<=", 10, 0, 0.5, false},
    {"pthread idle: CPU ms over 5 s", FORM_IDLE, IDLE("pthread"), {0}, "<=", 10, 0, 0.5, false},
    {"serial loop / read bandwidth",
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

/* Of the curve against the measured peak; beyond what was tested, `got` is the side that is known. */
static void metg_figure(struct overhead_row *row, const struct metg *metg, const struct pick *pick)
{
    const struct metg_curve *curve = metg_find(metg, pick->backend, pick->call, pick->schedule);

    if (curve == NULL || curve->cell.workers != pick->workers)
        return;
    const struct metg_value *value = &curve->values[METG_OF_PEAK][METG_50];

    if (value->censored == METG_ABOVE)
        snprintf(row->verdict, sizeof row->verdict, "not reached: more than %.3g ns", value->ns);
    else
        row->got = (struct estimate){value->ns, value->low_ns, value->high_ns, value->rounds};
    row->is_bound = value->censored == METG_BELOW;
    row->is_noisy = metg_is_noisy(curve, value);
}

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

static int figure(struct overhead_row *row, const struct study *study, const struct metg *metg, const struct kind *kind)
{
    static const enum study_figure figures[] = {[FORM_SPEEDUP] = STUDY_TIMES_CALLBACK,
                                                [FORM_OVER_FLOOR] = STUDY_OVER_FLOOR,
                                                [FORM_OVER_LOOP] = STUDY_OVER_LOOP};
    struct pick picks[2] = {kind->cell, kind->other};
    const struct series *series[2] = {NULL, NULL};

    if (kind->form == FORM_METG) {
        metg_figure(row, metg, &kind->cell);
        return 0;
    }
    for (size_t i = 0; i < 2 && picks[i].call != NULL; i++) {
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
        snprintf(verdict, size, "holds%s", is_within(row, row->goal + kind->slack) ? ", goal too" : "");
    else if (is_beyond(row, row->must))
        snprintf(verdict, size, "does not hold");
    else
        snprintf(verdict, size, "not shown: spans %g", row->must);
}

int overhead_make(struct overhead *overhead, const struct study *study, const struct metg *metg)
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
        status = figure(row, study, metg, &kinds[i]);
        judge(row, study, &kinds[i]);
    }
    return status;
}
