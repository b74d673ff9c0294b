/* SPDX-License-Identifier: MIT
 *
 * Finds the cells that a question is about, and compares two of them round by round.
 */
#include "analysis/study.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel.h"

#define MAIN_KERNEL "howmany"

static bool is_parallel(const struct cell *cell)
{
    static const char *const others[] = {"serial", "floor", "null"};

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (strcmp(cell->backend, others[i]) == 0)
            return false;
    return strcmp(cell->call, "apply") == 0 || strcmp(cell->call, "map") == 0;
}

static bool is_main(const struct series *series)
{
    return series->good > 0 && strcmp(series->cell.kernel, MAIN_KERNEL) == 0 && is_parallel(&series->cell);
}

/* The rows and workers that most cells of the main kernel share; of equals, those that fill the machine. */
static void study_settle(struct study *study)
{
    size_t best = 0;

    study->workers = study->usable_cpus;
    for (size_t i = 0; i < study->set.count; i++)
        if (strcmp(study->set.series[i].cell.kernel, MAIN_KERNEL) == 0)
            study->rows = study->set.series[i].cell.rows;
    for (size_t i = 0; i < study->set.count; i++) {
        const struct cell *cell = &study->set.series[i].cell;
        size_t same = 0;

        for (size_t k = 0; k < study->set.count && is_main(&study->set.series[i]); k++) {
            const struct series *other = &study->set.series[k];

            same += is_main(other) && other->cell.rows == cell->rows && other->cell.workers == cell->workers;
        }
        if (same > best || (same > 0 && same == best && cell->workers == study->usable_cpus)) {
            best = same;
            study->rows = cell->rows;
            study->workers = cell->workers;
        }
    }
}

/* floor/peak never runs more copies than there are usable CPUs; without it every worker count is all we know. */
static int guess_usable_cpus(const struct series_set *set)
{
    int peak = 0, any = 1;

    for (size_t i = 0; i < set->count; i++) {
        const struct cell *cell = &set->series[i].cell;

        if (strcmp(cell->call, "peak") == 0 && cell->workers > peak)
            peak = cell->workers;
        if (cell->workers > any)
            any = cell->workers;
    }
    return peak > 0 ? peak : any;
}

int study_open(struct study *study, const struct sample *samples, size_t count, int usable_cpus)
{
    int status;

    *study = (struct study){0};
    status = series_collect(&study->set, samples, count);
    if (status == 0 && study->set.count == 0)
        status = -ENODATA;
    if (status == 0) {
        study->usable_cpus = usable_cpus > 0 ? usable_cpus : guess_usable_cpus(&study->set);
        status = summary_make(&study->summary, samples, count, study->usable_cpus);
    }
    if (status == 0)
        study_settle(study);
    else
        study_close(study);
    return status;
}

void study_close(struct study *study)
{
    summary_free(&study->summary);
    series_free(&study->set);
}

uint64_t study_python_chunk(const struct study *study)
{
    return cell_python_chunk(study->rows, study->workers);
}

/* Whether the name is the kernel's, with or without a parameter. */
static bool is_kernel(const char *name, const char *kernel)
{
    size_t length = strlen(kernel);

    return strncmp(name, kernel, length) == 0 && (name[length] == '\0' || name[length] == ':');
}

static bool pick_chunk(const struct series *series, const struct pick *pick, bool cpython)
{
    const struct cell *cell = &series->cell;

    if (pick->chunk == PICK_CHUNK_FIXED)
        return cell->chunk == pick->fixed_chunk;
    if (pick->chunk == PICK_CHUNK_PYTHON) /* CPython picks it by itself, from the tasks it is given */
        return cell->chunk == cell_python_chunk(cell->rows, cell->workers) ||
               (cpython && (cell->chunk == 0 || cell->chunk == cell_python_chunk(series_tasks(series), cell->workers)));
    if (pick->chunk == PICK_CHUNK_BEST)
        return cell->chunk > 0;
    return true;
}

static bool pick_matches(const struct study *study, const struct series *series, const char *backend,
                         const struct pick *pick)
{
    const struct cell *cell = &series->cell;
    const char *kernel = pick->kernel != NULL ? pick->kernel : MAIN_KERNEL;
    const char *wanted = pick->backend != NULL ? pick->backend : backend;
    bool cpython = strcmp(wanted, "cpython") == 0;
    uint64_t rows = pick->rows > 0 ? pick->rows : study->rows;
    int factor = pick->workers_factor > 0 ? pick->workers_factor : 1;
    int workers = pick->workers > 0 ? pick->workers : study->workers * factor;

    if (series->good == 0 || strcmp(cell->backend, wanted) != 0 || strcmp(cell->call, pick->call) != 0)
        return false;
    if (!is_kernel(cell->kernel, kernel) || (cell->workers != workers && strcmp(cell->call, "spawn") != 0))
        return false; /* spawn has no pool */
    if (pick->kernel == NULL && cell->rows != rows && strcmp(cell->call, "open") != 0)
        return false; /* another kernel has as many tasks as it needs; opening a pool has none */
    if (pick->schedule != NULL && !cpython && strcmp(cell->schedule, pick->schedule) != 0)
        return false;
    if (cell->start != pick->start || cell->wait != CELL_WAIT_ADAPTIVE)
        return false;
    return (cpython || cell->data == pick->data) && pick_chunk(series, pick, cpython);
}

const struct series *study_pick(const struct study *study, const char *backend, const struct pick *pick)
{
    const struct series *found = NULL;
    double best = NAN;

    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *series = &study->set.series[i];
        double speedup;

        if (!pick_matches(study, series, backend, pick))
            continue;
        if (pick->chunk != PICK_CHUNK_BEST)
            return series;
        speedup = study_row(study, series)->efficiency;
        if (found == NULL || speedup > best) {
            found = series;
            best = speedup;
        }
    }
    return found;
}

const struct series *study_pick_below(const struct study *study, const char *backend, const struct pick *pick,
                                      uint64_t below)
{
    const struct series *found = NULL;

    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *series = &study->set.series[i];
        uint64_t chunk = series->cell.chunk;

        if (chunk > 0 && chunk < below && pick_matches(study, series, backend, pick) &&
            (found == NULL || chunk > found->cell.chunk))
            found = series;
    }
    return found;
}

const struct series *study_peak(const struct study *study, const struct series *series)
{
    int used = cell_workers_used(&series->cell, study->usable_cpus);

    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *peak = &study->set.series[i];

        if (peak->good > 0 && strcmp(peak->cell.call, "peak") == 0 && peak->cell.rows == series->cell.rows &&
            strcmp(peak->cell.kernel, series->cell.kernel) == 0 && peak->cell.workers == used)
            return peak;
    }
    return NULL;
}

bool study_measured(const struct study *study, const char *call)
{
    for (size_t i = 0; i < study->set.count; i++)
        if (study->set.series[i].good > 0 && strcmp(study->set.series[i].cell.call, call) == 0)
            return true;
    return false;
}

/* Summary and series are in the same order. */
const struct summary_row *study_row(const struct study *study, const struct series *series)
{
    return &study->summary.rows[series - study->set.series];
}

/* The shortest time that P_used workers can take, over W: the longest task is not divided. */
static double best_share(const struct study *study, const struct series *series)
{
    const struct kernel *kernel = kernel_find(series->cell.kernel);
    double even = 1.0 / cell_workers_used(&series->cell, study->usable_cpus);

    return kernel != NULL && kernel->longest != NULL ? fmax(even, kernel->longest(series->cell.rows)) : even;
}

static double figure_of(const struct study *study, const struct series *series, const struct sample *sample,
                        enum study_figure figure)
{
    switch (figure) {
    case STUDY_OVER_LOOP:
        return series_slowdown(series, sample, SERIES_LOOP);
    case STUDY_OVER_CALLBACK:
        return series_slowdown(series, sample, SERIES_CALLBACK);
    case STUDY_TIMES_LOOP:
        return series_speedup(series, sample, SERIES_LOOP);
    case STUDY_TIMES_CALLBACK:
        return series_speedup(series, sample, SERIES_CALLBACK);
    case STUDY_OVER_FLOOR:
        return series_over_floor(series, sample);
    case STUDY_SHARE_OF_FLOOR:
        return 1 / series_over_floor(series, sample);
    case STUDY_OVER_BEST:
        return series_slowdown(series, sample, SERIES_CALLBACK) / best_share(study, series);
    case STUDY_OUT_OF_ORDER:
        return series_good(sample) ? sample->out_of_order : NAN;
    }
    return NAN;
}

int study_figure(const struct study *study, const struct series *series, enum study_figure figure,
                 struct estimate *estimate)
{
    double *values = statistics_room(series->count);
    int status = -ENOMEM;

    if (values != NULL) {
        for (size_t i = 0; i < series->count; i++)
            values[i] = figure_of(study, series, series->rounds[i], figure);
        status = statistics_estimate(values, series->count, estimate);
    }
    free(values);
    return status;
}

static bool is_cpython(const struct series *series)
{
    return strcmp(series->cell.backend, "cpython") == 0;
}

static bool is_open(const struct series *series)
{
    return strcmp(series->cell.call, "open") == 0;
}

int study_compare(const struct series *series, const struct series *other, struct estimate *ratio)
{
    bool plain = is_cpython(series) != is_cpython(other) || is_open(series) || is_open(other);
    double *values = statistics_room(series->count);
    int status = -ENOMEM;

    if (values == NULL)
        return status;
    for (size_t i = 0; i < series->count; i++) {
        values[i] = NAN;
        for (size_t k = 0; k < other->count; k++)
            if (other->rounds[k]->round == series->rounds[i]->round)
                values[i] = plain
                                ? series_all_rows(series, series->rounds[i]) / series_all_rows(other, other->rounds[k])
                                : series_slowdown(series, series->rounds[i], SERIES_WORK) /
                                      series_slowdown(other, other->rounds[k], SERIES_WORK);
    }
    status = statistics_estimate(values, series->count, ratio);
    free(values);
    return status;
}
