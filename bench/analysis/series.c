/* SPDX-License-Identifier: MIT
 *
 * Groups the records of a journal by cell and takes the value of one round. This file alone knows which baseline
 * belongs to which backend and that a subset of the rows is compared task by task.
 */
#include "analysis/series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/statistics.h"

/* The order of the rows in summary.csv and in every table; what is not named here comes after. */
static const char *const kernel_order[] = {"howmany", NULL};
static const char *const backend_order[] = {
    "serial", "floor", "null", "fork", "fork-pipe", "pthread", "openmp", "openmp-as-shipped", "cpython", NULL};
static const char *const call_order[] = {"loop",
                                         "callback",
                                         "peak",
                                         "cacheline",
                                         "mailbox",
                                         "futex",
                                         "pipe",
                                         "fork",
                                         "open",
                                         "spawn",
                                         "apply",
                                         "apply_async",
                                         "apply_callback",
                                         "map",
                                         "map_async",
                                         "map_chunks",
                                         "map_chunks_async",
                                         "starmap",
                                         "starmap_async",
                                         "imap",
                                         "imap_unordered",
                                         "idle",
                                         NULL};
static const char *const schedule_order[] = {"-", "static", "dynamic", "guided", "steal", "taskloop", NULL};

static int compare_names(const char *a, const char *b, const char *const *order)
{
    size_t rank_a = 0, rank_b = 0;

    while (order[rank_a] != NULL && strcmp(order[rank_a], a) != 0)
        rank_a++;
    while (order[rank_b] != NULL && strcmp(order[rank_b], b) != 0)
        rank_b++;
    if (rank_a != rank_b)
        return rank_a < rank_b ? -1 : 1;
    return strcmp(a, b);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

int series_order(const struct cell *a, const struct cell *b)
{
    int order = compare_names(a->kernel, b->kernel, kernel_order);

    if (order == 0)
        order = compare_numbers(a->rows, b->rows);
    if (order == 0)
        order = compare_names(a->backend, b->backend, backend_order);
    if (order == 0)
        order = compare_names(a->call, b->call, call_order);
    if (order == 0)
        order = compare_names(a->schedule, b->schedule, schedule_order);
    if (order == 0)
        order = compare_numbers((uint64_t)a->workers, (uint64_t)b->workers);
    if (order == 0)
        order = compare_numbers(a->chunk, b->chunk);
    return order;
}

static int compare_series(const void *left, const void *right)
{
    const struct series *a = left, *b = right;
    int order = series_order(&a->cell, &b->cell);

    return order != 0 ? order : strcmp(a->name, b->name);
}

bool series_good(const struct sample *sample)
{
    return sample->status == SAMPLE_OK && sample->times > 0 && sample->times <= JOURNAL_TIMES_MAX;
}

static struct series *series_by_name(struct series_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->series[i].name, name) == 0)
            return &set->series[i];
    return NULL;
}

/* Adds one record; *at is where its series stands. room: how many records a series may get. */
static int series_add(struct series_set *set, const struct sample *sample, size_t room)
{
    struct series *series = series_by_name(set, sample->cell);
    const char *problem;

    if (series == NULL) {
        struct cell cell;

        if (cell_parse(sample->cell, &cell, &problem) != 0)
            return 0;
        series = &set->series[set->count];
        *series = (struct series){.cell = cell, .rounds = malloc(room * sizeof(struct sample *))};
        if (series->rounds == NULL)
            return -ENOMEM;
        strcpy(series->name, sample->cell); /* both hold CELL_NAME_MAX bytes */
        set->count++;
    }
    series->rounds[series->count++] = sample;
    series->good += series_good(sample);
    return 0;
}

/* Records that carry this name: how much room its series needs. */
static size_t series_room(const struct sample *samples, size_t count, const char *name)
{
    size_t room = 0;

    for (size_t i = 0; i < count; i++)
        room += strcmp(samples[i].cell, name) == 0;
    return room;
}

int series_collect(struct series_set *set, const struct sample *samples, size_t count)
{
    double *records = calloc(count > 0 ? count : 1, sizeof *records);
    int status = records == NULL ? -ENOMEM : 0;

    *set = (struct series_set){.series = calloc(count > 0 ? count : 1, sizeof *set->series)};
    if (set->series == NULL)
        status = -ENOMEM;
    for (size_t i = 0; i < count && status == 0; i++) {
        size_t room = series_by_name(set, samples[i].cell) ? 0 : series_room(samples + i, count - i, samples[i].cell);

        status = series_add(set, &samples[i], room);
    }
    if (status == 0) {
        qsort(set->series, set->count, sizeof *set->series, compare_series);
        for (size_t i = 0; i < set->count; i++)
            records[i] = (double)set->series[i].count;
        if (set->count > 0)
            set->planned = (size_t)statistics_median(records, set->count);
    } else {
        series_free(set);
    }
    free(records);
    return status;
}

void series_free(struct series_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->series[i].rounds);
    free(set->series);
    *set = (struct series_set){0};
}

const struct series *series_find(const struct series_set *set, const struct cell *cell)
{
    char name[CELL_NAME_MAX];

    if (cell_name(cell, name) != 0)
        return NULL;
    return series_by_name((struct series_set *)set, name);
}

uint64_t series_tasks(const struct series *series)
{
    for (size_t i = 0; i < series->count; i++)
        if (series_good(series->rounds[i]))
            return series->rounds[i]->tasks;
    return 0;
}

/* The i-th baseline time of a round, over all rows. A baseline is its own partner, so that its ratio is exactly 1. */
static double series_base_ns(const struct series *series, const struct sample *sample, enum series_base base, int i)
{
    bool cpython = strcmp(series->cell.backend, "cpython") == 0;
    bool loop = base == SERIES_LOOP || (base == SERIES_WORK && cpython);

    if (strcmp(series->cell.backend, "null") == 0 || (cpython && !loop))
        return NAN; /* null does no work; CPython has no serial callback of its own */
    if ((cpython || strcmp(series->cell.backend, "serial") == 0) &&
        strcmp(series->cell.call, loop ? "loop" : "callback") == 0)
        return sample->times_ns[i];
    return loop ? sample->loop_ns[i] : sample->callback_ns[i];
}

double series_median(const struct series *series, size_t offset)
{
    double *values = statistics_room(series->count), median;

    if (values == NULL)
        return NAN;
    for (size_t i = 0; i < series->count; i++) {
        const char *sample = (const char *)series->rounds[i];

        values[i] = series_good(series->rounds[i]) ? *(const double *)(const void *)(sample + offset) : NAN;
    }
    median = statistics_median(values, series->count);
    free(values);
    return median;
}

double series_all_rows(const struct series *series, const struct sample *sample)
{
    double share = sample->tasks > 0 ? (double)series->cell.rows / (double)sample->tasks : 1;

    return series_time(series, sample) * share;
}

double series_time(const struct series *series, const struct sample *sample)
{
    (void)series;
    return series_good(sample) ? statistics_median(sample->times_ns, (size_t)sample->times) : NAN;
}

/* Median over the repetitions of a round: time a task over baseline a row, or the other way round. */
static double series_ratio(const struct series *series, const struct sample *sample, enum series_base base,
                           bool speedup)
{
    double ratios[JOURNAL_TIMES_MAX];

    if (!series_good(sample) || sample->tasks == 0 || series->cell.rows == 0)
        return NAN;
    for (int i = 0; i < sample->times; i++) {
        double task = sample->times_ns[i] / (double)sample->tasks;
        double row = series_base_ns(series, sample, base, i) / (double)series->cell.rows;

        ratios[i] = !(task > 0 && row > 0) ? NAN : speedup ? row / task : task / row;
    }
    return statistics_median(ratios, (size_t)sample->times);
}

double series_slowdown(const struct series *series, const struct sample *sample, enum series_base base)
{
    return series_ratio(series, sample, base, false);
}

double series_speedup(const struct series *series, const struct sample *sample, enum series_base base)
{
    return series_ratio(series, sample, base, true);
}

double series_floor(const struct series *series, const struct sample *sample)
{
    double times[JOURNAL_TIMES_MAX];

    (void)series;
    if (!series_good(sample))
        return NAN;
    for (int i = 0; i < sample->times; i++)
        times[i] = sample->floor_ns[i] > 0 ? sample->floor_ns[i] : NAN;
    return statistics_median(times, (size_t)sample->times);
}

/* Median over the repetitions of a round: time over that of a partner, of as many tasks. */
static double series_over_partner(const struct sample *sample, const double *partner_ns)
{
    double ratios[JOURNAL_TIMES_MAX];

    if (!series_good(sample))
        return NAN;
    for (int i = 0; i < sample->times; i++)
        ratios[i] = sample->times_ns[i] > 0 && partner_ns[i] > 0 ? sample->times_ns[i] / partner_ns[i] : NAN;
    return statistics_median(ratios, (size_t)sample->times);
}

double series_over_floor(const struct series *series, const struct sample *sample)
{
    (void)series;
    return series_over_partner(sample, sample->floor_ns);
}

double series_over_rival(const struct series *series, const struct sample *sample)
{
    (void)series;
    return series_over_partner(sample, sample->rival_ns);
}

double series_overhead(const struct series *series, const struct sample *sample, int workers_used)
{
    double overhead[JOURNAL_TIMES_MAX];
    bool works = strcmp(series->cell.backend, "null") != 0;

    if (!series_good(sample) || sample->tasks == 0 || series->cell.rows == 0)
        return NAN;
    for (int i = 0; i < sample->times; i++) {
        double task = workers_used * sample->times_ns[i] / (double)sample->tasks;
        double row = series_base_ns(series, sample, SERIES_WORK, i) / (double)series->cell.rows;

        overhead[i] = works ? task - row : task;
    }
    return statistics_median(overhead, (size_t)sample->times);
}
