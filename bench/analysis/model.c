/* SPDX-License-Identifier: MIT
 *
 * The overhead model's fit. Only chunks up to CPython's rule take part: with fewer than four chunks a worker, what is
 * left over at the end costs more than the chunks do. Weights are 1 / T^2: each time counts by its relative error.
 */
#include "analysis/model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <gsl/gsl_fit.h>

#include "analysis/statistics.h"

/* Time beyond the serial work's share, median over the rounds. */
static double model_excess(const struct series *series, int used)
{
    double *values = statistics_room(series->count);
    double excess = NAN;

    if (values == NULL)
        return NAN;
    for (size_t i = 0; i < series->count; i++)
        values[i] = series_overhead(series, series->rounds[i], used) * (double)series_tasks(series) / used;
    excess = statistics_median(values, series->count);
    free(values);
    return excess;
}

static bool model_uses(const struct study *study, const struct series *series, const char *backend)
{
    const struct cell *cell = &series->cell;

    return strcmp(cell->backend, backend) == 0 && strcmp(cell->kernel, "howmany") == 0 &&
           strcmp(cell->call, "map") == 0 && strcmp(cell->schedule, "dynamic") == 0 && series->good > 0 &&
           cell->rows == study->rows && cell->workers == study->workers && cell->start == CELL_START_WARM &&
           cell->wait == CELL_WAIT_ADAPTIVE && cell->data == CELL_DATA_SHARED && cell->chunk > 0 &&
           cell->chunk <= study_python_chunk(study);
}

static void model_solve(struct model *model, const double *x, const double *weight, const double *y)
{
    double start, slope, cov00, cov01, cov11, residual;

    if (model->chunks < 3)
        return;
    gsl_fit_wlinear(x, 1, weight, 1, y, 1, model->chunks, &start, &slope, &cov00, &cov01, &cov11, &residual);
    /* The weights are relative, so the scatter around the line gives the scale of the errors. */
    residual /= (double)(model->chunks - 2);
    model->start_ns = start;
    model->chunk_ns = slope;
    model->start_error_ns = sqrt(cov00 * residual);
    model->chunk_error_ns = sqrt(cov11 * residual);
}

int model_fit(struct model *model, const struct study *study, const char *backend)
{
    static const struct pick apply_pick = {.call = "apply"};
    const struct series *apply = study_pick(study, backend, &apply_pick);
    double *x = calloc(study->set.count, sizeof *x);
    double *y = calloc(study->set.count, sizeof *y);
    double *weight = calloc(study->set.count, sizeof *weight);

    *model = (struct model){.backend = backend,
                            .chunk_ns = NAN,
                            .chunk_error_ns = NAN,
                            .start_ns = NAN,
                            .start_error_ns = NAN,
                            .apply_ns = apply != NULL ? study_row(study, apply)->overhead_ns_per_task : NAN};
    for (size_t i = 0; i < study->set.count && x != NULL && y != NULL && weight != NULL; i++) {
        const struct series *series = &study->set.series[i];
        double time_ns, excess_ns;
        int used;

        if (!model_uses(study, series, backend))
            continue;
        used = cell_workers_used(&series->cell, study->usable_cpus);
        time_ns = study_row(study, series)->median_ns;
        excess_ns = model_excess(series, used);
        if (!isfinite(excess_ns) || !(time_ns > 0))
            continue;
        x[model->chunks] = ceil((double)series->cell.rows / (double)series->cell.chunk) / used;
        y[model->chunks] = excess_ns;
        weight[model->chunks++] = 1 / (time_ns * time_ns);
    }
    if (x != NULL && y != NULL && weight != NULL)
        model_solve(model, x, weight, y);
    free(weight);
    free(y);
    free(x);
    return x != NULL && y != NULL && weight != NULL ? 0 : -ENOMEM;
}

double model_notebook_ns(void)
{
    return (MODEL_NOTEBOOK_APPLY_S - MODEL_NOTEBOOK_SERIAL_S) * 1e9 / MODEL_NOTEBOOK_ROWS;
}
