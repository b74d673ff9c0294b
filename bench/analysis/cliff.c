/* SPDX-License-Identifier: MIT
 *
 * See cliff.h. The round is the unit: its time beyond the share is that of its repetitions' median.
 */
#include "analysis/cliff.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a backend's map ends with: OpenMP's own barrier, or our pools' waiting, to compare with. */
static const struct {
    const char *backend; /* "gomp" finds "gomp-task" as well */
    bool is_openmp;
} backends[] = {{"openmp", true}, {"gomp", true}, {"libomp", true}, {"fork", false}, {"pthread", false}};

/* 1: one of OpenMP's; 0: one to compare with; -1: neither. */
static int kind_of(const struct cell *cell)
{
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        size_t length = strlen(backends[i].backend);
        char next = strncmp(cell->backend, backends[i].backend, length) == 0 ? cell->backend[length] : '?';

        if (next == '\0' || (next == '-' && backends[i].is_openmp))
            return backends[i].is_openmp;
    }
    return -1;
}

/* Two cells that differ in nothing but the chunk. */
static bool is_same_map(const struct cell *a, const struct cell *b)
{
    return strcmp(a->kernel, b->kernel) == 0 && strcmp(a->backend, b->backend) == 0 && strcmp(a->call, b->call) == 0 &&
           strcmp(a->schedule, b->schedule) == 0 && a->workers == b->workers && a->rows == b->rows &&
           a->data == b->data && a->start == b->start && a->wait == b->wait;
}

/* At smaller chunks it is the hand-overs that take time. A chunk of 0 is the pool's own: not comparable. */
static bool is_largest(const struct study *study, const struct series *series)
{
    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *other = &study->set.series[i];

        if (other->good > 0 && is_same_map(&other->cell, &series->cell) && other->cell.chunk > series->cell.chunk)
            return false;
    }
    return series->cell.chunk > 1;
}

/* One region a call, more than one thread, workers awake. */
static bool is_looked_at(const struct study *study, const struct series *series)
{
    const struct cell *cell = &series->cell;

    return series->good > 0 && strcmp(cell->call, "map") == 0 && cell->workers > 1 && cell->rows > 0 &&
           cell->start == CELL_START_WARM && cell->data == CELL_DATA_SHARED && kind_of(cell) >= 0 &&
           is_largest(study, series);
}

/* Time beyond the share; *share is the serial work over P_used. Both NAN where there is no pair. */
static double beyond(const struct series *series, const struct sample *sample, int used, double *share)
{
    double time = series_time(series, sample);

    *share = time * series_speedup(series, sample, SERIES_CALLBACK) / used;
    return time - *share;
}

static int look(struct cliff *cliff, const struct study *study, const struct series *series)
{
    int used = cell_workers_used(&series->cell, study->usable_cpus);
    struct cliff_cell cell = {.series = series, .is_openmp = kind_of(&series->cell) == 1};
    double *values = malloc(2 * series->count * sizeof *values), *shares;

    if (values == NULL)
        return -ENOMEM;
    shares = values + series->count;
    cell.least_ns = INFINITY;
    for (size_t i = 0; i < series->count; i++) {
        values[i] = beyond(series, series->rounds[i], used, &shares[i]);
        if (!isfinite(values[i]))
            continue;
        cell.rounds++;
        cell.slices += values[i] >= CLIFF_SLICE_NS;
        cell.least_ns = fmin(cell.least_ns, values[i]);
        cell.most_ns = cell.rounds > 1 ? fmax(cell.most_ns, values[i]) : values[i];
    }
    cell.median_ns = statistics_median(values, series->count);
    cell.share_ns = statistics_median(shares, series->count);
    free(values);
    if (cell.rounds == 0 || !(cell.share_ns <= CLIFF_WORK_NS))
        return 0;
    cliff->openmp += cell.is_openmp;
    cliff->fallen += cell.is_openmp && cell.slices > 0;
    cliff->rounds[cell.is_openmp] += cell.rounds;
    cliff->slices[cell.is_openmp] += cell.slices;
    cliff->cells[cliff->count++] = cell;
    return 0;
}

int cliff_make(struct cliff *cliff, const struct study *study)
{
    int status = 0;

    *cliff = (struct cliff){.cells = calloc(study->set.count > 0 ? study->set.count : 1, sizeof *cliff->cells)};
    if (cliff->cells == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < study->set.count && status == 0; i++)
        if (is_looked_at(study, &study->set.series[i]))
            status = look(cliff, study, &study->set.series[i]);
    if (status != 0)
        cliff_free(cliff);
    return status;
}

void cliff_free(struct cliff *cliff)
{
    free(cliff->cells);
    *cliff = (struct cliff){0};
}
