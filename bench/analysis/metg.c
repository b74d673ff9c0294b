/* SPDX-License-Identifier: MIT
 *
 * From the series of a study to curves, and metg.csv. What a curve says is in metg_value.c; read metg.h first.
 */
#include "analysis/metg.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/aside.h"

#define METG_KERNEL "compute:"

const double metg_thresholds[METG_THRESHOLDS] = {[METG_50] = 0.5, [METG_90] = 0.9};

static bool is_point(const struct series *series)
{
    static const char *const without[] = {"serial", "floor", "null", "cpython"};
    const struct cell *cell = &series->cell;
    bool is_map = strcmp(cell->call, "map") == 0; /* other calls hand over one task at a time */
    bool is_plain =
        cell->data == CELL_DATA_SHARED && cell->start == CELL_START_WARM && cell->wait == CELL_WAIT_ADAPTIVE;

    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
        if (strcmp(cell->backend, without[i]) == 0)
            return false;
    return series->good > 0 && is_plain && cell->rows > 0 && cell->chunk == (is_map ? 1 : 0) &&
           series_tasks(series) > 0 && strncmp(cell->kernel, METG_KERNEL, strlen(METG_KERNEL)) == 0 &&
           strcmp(cell->call, "spawn") != 0;
}

static bool is_same_curve(const struct cell *a, const struct cell *b)
{
    return strcmp(a->backend, b->backend) == 0 && strcmp(a->call, b->call) == 0 &&
           strcmp(a->schedule, b->schedule) == 0 && a->workers == b->workers;
}

/* A task length that was measured with several numbers of rows counts once, with the most. */
static void curve_add(struct metg_curve *curve, const struct series *series)
{
    double iterations = strtod(series->cell.kernel + strlen(METG_KERNEL), NULL);
    size_t at = 0;

    while (at < curve->count && curve->points[at].iterations < iterations)
        at++;
    if (at < curve->count && curve->points[at].iterations == iterations) {
        if (curve->points[at].series->cell.rows < series->cell.rows)
            curve->points[at].series = series;
        return;
    }
    if (curve->count == METG_POINTS_MAX)
        return;
    memmove(&curve->points[at + 1], &curve->points[at], (curve->count++ - at) * sizeof curve->points[0]);
    curve->points[at] = (struct metg_point){.series = series, .iterations = iterations};
}

static int compare_curves(const void *left, const void *right)
{
    const struct metg_curve *a = left, *b = right;

    return series_order(&a->cell, &b->cell);
}

/* The curves, with nothing but the series of their points. */
static int collect(struct metg *metg, const struct study *study)
{
    size_t kept = 0;

    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *series = &study->set.series[i];
        size_t at = 0;

        if (!is_point(series))
            continue;
        while (at < metg->count && !is_same_curve(&metg->curves[at].cell, &series->cell))
            at++;
        if (at == metg->count) {
            struct metg_curve *larger = reallocarray(metg->curves, metg->count + 1, sizeof *larger);

            if (larger == NULL)
                return -ENOMEM;
            metg->curves = larger;
            larger[metg->count++] = (struct metg_curve){.cell = series->cell};
            larger[at].cell.kernel[0] = '\0'; /* what differs between its points */
            larger[at].cell.rows = 0;
        }
        curve_add(&metg->curves[at], series);
    }
    for (size_t i = 0; i < metg->count; i++)
        if (metg->curves[i].count >= METG_POINTS_MIN)
            metg->curves[kept++] = metg->curves[i];
    metg->count = kept;
    if (kept > 0)
        qsort(metg->curves, kept, sizeof metg->curves[0], compare_curves);
    return 0;
}

/* The values of each good round. */
static int point_fill(struct metg_point *point, const struct study *study)
{
    const struct series *series = point->series;
    const int used = cell_workers_used(&series->cell, study->usable_cpus);
    double *values = malloc((1 + METG_BASES) * series->count * sizeof *values);
    struct cell floor;
    bool has_peak = cell_floor(&series->cell, study->usable_cpus, &floor) && strcmp(floor.call, "peak") == 0;
    int status = -ENOMEM;

    if (values == NULL)
        return status;
    point->tasks = (double)series_tasks(series);
    point->is_noisy = strcmp(study_row(study, series)->quality, "noisy") == 0;
    point->g_ns = values;
    for (int base = 0; base < METG_BASES; base++)
        point->efficiency[base] = values + (size_t)(1 + base) * series->count;
    for (size_t i = 0; i < series->count; i++) {
        const struct sample *sample = series->rounds[i];
        double work = series_speedup(series, sample, SERIES_WORK) / used;
        double g_ns = series_time(series, sample) * used / point->tasks;

        if (!(g_ns > 0))
            continue;
        point->g_ns[point->rounds] = g_ns;
        point->efficiency[METG_OF_WORK][point->rounds] = work;
        point->efficiency[METG_OF_PEAK][point->rounds++] = has_peak    ? 1 / series_over_floor(series, sample)
                                                           : used == 1 ? work
                                                                       : NAN;
    }
    status = statistics_estimate(point->g_ns, point->rounds, &point->g);
    for (int base = 0; base < METG_BASES && status == 0; base++)
        status = statistics_estimate(point->efficiency[base], point->rounds, &point->reached[base]);
    return status;
}

int metg_make(struct metg *metg, const struct study *study)
{
    int status;

    *metg = (struct metg){0};
    status = collect(metg, study);
    for (size_t i = 0; i < metg->count && status == 0; i++) {
        for (size_t k = 0; k < metg->curves[i].count && status == 0; k++)
            status = point_fill(&metg->curves[i].points[k], study);
        if (status == 0)
            status = metg_curve_values(&metg->curves[i]);
    }
    if (status != 0)
        metg_free(metg);
    return status;
}

void metg_free(struct metg *metg)
{
    for (size_t i = 0; i < metg->count; i++)
        for (size_t k = 0; k < metg->curves[i].count; k++)
            free(metg->curves[i].points[k].g_ns); /* the efficiencies are in the same block */
    free(metg->curves);
    *metg = (struct metg){0};
}

const struct metg_curve *metg_find(const struct metg *metg, const char *backend, const char *call, const char *schedule)
{
    const struct metg_curve *found = NULL;

    for (size_t i = 0; i < metg->count; i++) {
        const struct cell *cell = &metg->curves[i].cell;

        if (strcmp(cell->backend, backend) == 0 && strcmp(cell->call, call) == 0 &&
            strcmp(cell->schedule, schedule) == 0 && (found == NULL || cell->workers > found->cell.workers))
            found = &metg->curves[i];
    }
    return found;
}

bool metg_is_noisy(const struct metg_curve *curve, const struct metg_value *value)
{
    return value->censored != METG_UNKNOWN &&
           (curve->points[value->at].is_noisy || curve->points[value->below].is_noisy);
}

bool metg_knows(const struct metg *metg, enum metg_base base)
{
    for (size_t i = 0; i < metg->count; i++)
        if (metg->curves[i].values[base][METG_50].censored != METG_UNKNOWN)
            return true;
    return false;
}

/* ------------------------------------------------------------------------------------------ metg.csv */

/* An empty field where nothing is known, or an interval is open. */
static void write_figure(FILE *out, double value)
{
    if (isfinite(value) && value > 0)
        fprintf(out, "%.10g", value);
    fputc(',', out);
}

static void write_curve(FILE *out, const struct metg_curve *curve)
{
    static const char *const censored[] = {
        [METG_FOUND] = "no", [METG_BELOW] = "below", [METG_ABOVE] = "above", [METG_UNKNOWN] = "unknown"};
    static const char *const bases[METG_BASES] = {[METG_OF_PEAK] = "peak", [METG_OF_WORK] = "work"};

    for (int base = 0; base < METG_BASES; base++)
        for (int threshold = 0; threshold < METG_THRESHOLDS; threshold++) {
            const struct metg_value *value = &curve->values[base][threshold];

            fprintf(out, "%s,%s,%s,%d,%g,", curve->cell.backend, curve->cell.call, curve->cell.schedule,
                    curve->cell.workers, metg_thresholds[threshold]);
            write_figure(out, value->ns);
            write_figure(out, value->low_ns);
            write_figure(out, value->high_ns);
            fprintf(out, "%s,", censored[value->censored]);
            write_figure(out, value->fitted_ns);
            fprintf(out, "%zu,%s\n", curve->count, bases[base]);
        }
}

int metg_write(const struct metg *metg, const char *dir)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int status;

    if (out == NULL)
        return -ENOMEM;
    fputs("backend,call,schedule,workers,threshold,metg_ns,ci_low_ns,ci_high_ns,censored,fitted_ns,points,against\n",
          out);
    for (size_t i = 0; i < metg->count; i++)
        write_curve(out, &metg->curves[i]);
    status = fclose(out) == 0 ? aside_replace(dir, "metg.csv", text, size) : -ENOMEM;
    free(text);
    return status;
}
