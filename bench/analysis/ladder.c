/* SPDX-License-Identifier: MIT
 *
 * See ladder.h. A rung's times are those of a call, each round the median of its repetitions.
 */
#include "analysis/ladder.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics.h"

static const struct {
    const char *name, *trip, *backend, *looks;
    enum cell_wait wait;
} steps[LADDER_STEPS] = {
    [LADDER_CPYTHON] = {"CPython", "two pipes", "cpython", "cpython", CELL_WAIT_ADAPTIVE},
    [LADDER_PIPE] = {"grain: pipes", "two pipes", "fork-pipe", "fork", CELL_WAIT_ADAPTIVE},
    [LADDER_FUTEX] = {"grain: futex", "futex", "fork", "fork", CELL_WAIT_PARK},
    [LADDER_SPIN] = {"grain: spinning", "cache line", "fork", "fork", CELL_WAIT_SPIN},
    [LADDER_ADAPTIVE] = {"grain: adaptive", "cache line", "fork", "fork", CELL_WAIT_ADAPTIVE},
};

/* With the fewest workers: a call of apply keeps no more than one busy. */
static const struct series *find(const struct study *study, enum ladder_step step)
{
    const struct series *found = NULL;

    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *series = &study->set.series[i];
        const struct cell *cell = &series->cell;

        if (series->good == 0 || strcmp(cell->call, "apply") != 0 || strcmp(cell->kernel, "howmany") != 0 ||
            strcmp(cell->backend, steps[step].backend) != 0 || cell->wait != steps[step].wait ||
            cell->start != CELL_START_WARM || cell->data != CELL_DATA_SHARED)
            continue;
        if (found == NULL || cell->workers < found->cell.workers)
            found = series;
    }
    return found;
}

static double call_time(const struct series *series, const struct sample *sample)
{
    return series_time(series, sample) / (double)sample->tasks;
}

static double raw_time(const struct series *series, const struct sample *sample)
{
    return series_floor(series, sample) / (double)sample->tasks;
}

static int measure(const struct series *series, double (*value)(const struct series *, const struct sample *),
                   struct estimate *estimate)
{
    double *values = statistics_room(series->count);
    int status = -ENOMEM;

    if (values != NULL) {
        for (size_t i = 0; i < series->count; i++)
            values[i] = value(series, series->rounds[i]);
        status = statistics_estimate(values, series->count, estimate);
    }
    free(values);
    return status;
}

static int rung_make(struct ladder_rung *rung, const struct study *study, enum ladder_step step)
{
    static const struct estimate unknown = {NAN, NAN, NAN, 0};
    int status = 0;

    *rung = (struct ladder_rung){.name = steps[step].name,
                                 .trip = steps[step].trip,
                                 .backend = steps[step].looks,
                                 .series = find(study, step),
                                 .call_ns = unknown,
                                 .raw_ns = unknown,
                                 .ratio = unknown};
    if (rung->series == NULL)
        return 0;
    status = measure(rung->series, call_time, &rung->call_ns);
    if (status == 0)
        status = measure(rung->series, raw_time, &rung->raw_ns);
    if (status == 0)
        status = measure(rung->series, series_over_floor, &rung->ratio);
    rung->is_paired = !isnan(rung->ratio.median);
    return status;
}

int ladder_make(struct ladder *ladder, const struct study *study)
{
    struct ladder_rung *python = &ladder->rungs[LADDER_CPYTHON];
    const struct ladder_rung *pipe = &ladder->rungs[LADDER_PIPE];
    int status = 0, count = 0;

    for (int step = 0; step < LADDER_STEPS && status == 0; step++) {
        status = rung_make(&ladder->rungs[step], study, (enum ladder_step)step);
        count += ladder->rungs[step].series != NULL;
    }
    if (status != 0)
        return status;
    ladder->is_there = pipe->series != NULL && count > 1;
    if (python->series != NULL && !python->is_paired) {
        python->raw_ns = pipe->raw_ns;
        python->ratio.median = python->call_ns.median / pipe->raw_ns.median;
    }
    return 0;
}
