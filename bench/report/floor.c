/* SPDX-License-Identifier: MIT
 *
 * The part of "The floor" that a sweep of profile floor adds: what the machine itself takes, and how many times that a
 * pool takes for the same. A cell that had its floor beside it is compared in pairs; a claim is compared with an add
 * that was measured in a process of its own, round by round, each in units of the serial callback beside it.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernel.h"
#include "report/parts.h"
#include "report/table.h"

#define MAIN_KERNEL "howmany"

static bool is_of_study(const struct study *study, const struct series *series)
{
    const struct cell *cell = &series->cell;

    return series->good > 0 && strcmp(cell->kernel, MAIN_KERNEL) == 0 && cell->data == CELL_DATA_SHARED &&
           cell->start == CELL_START_WARM && (cell->rows == study->rows || cell->rows == 0);
}

static const char *mark(const struct study *study, const struct series *series)
{
    return strcmp(study_row(study, series)->quality, "noisy") == 0 ? " *" : "";
}

/* ------------------------------------------------------------------------------------- the machine */

/* In the order of the table: whose time it is, how many CPUs are at it, of what one the time is. */
static const struct raw {
    const char *backend, *call, *name, *one;
    enum { CPUS_WORKERS, CPUS_TWO, CPUS_ONE } cpus;
} raws[] = {
    {"serial", "loop", "serial loop", "row", CPUS_ONE},
    {"serial", "callback", "serial callback", "row", CPUS_ONE},
    {"floor", "peak", "peak", "row", CPUS_WORKERS},
    {"floor", "bandwidth", "bandwidth", "row", CPUS_WORKERS},
    {"floor", "atomic", "atomic", "add", CPUS_WORKERS},
    {"floor", "cacheline", "cacheline", "round trip", CPUS_TWO},
    {"floor", "mailbox", "mailbox", "round trip", CPUS_TWO},
    {"floor", "futex", "futex", "round trip", CPUS_TWO},
    {"floor", "pipe", "pipe", "round trip", CPUS_TWO},
    {"floor", "thread", "thread", "thread", CPUS_ONE},
    {"floor", "fork", "fork", "process", CPUS_ONE},
};

static bool is_raw(const struct study *study, const struct series *series, const struct raw *raw)
{
    return is_of_study(study, series) && strcmp(series->cell.backend, raw->backend) == 0 &&
           strcmp(series->cell.call, raw->call) == 0;
}

/* Bytes of a row: what its time moves. */
static double row_bytes(const struct report *report)
{
    const struct kernel_params params = {.columns = (int32_t)env_number(&report->env, "columns", 5)};

    return (double)kernel_item_size(kernel_find(MAIN_KERNEL), &params);
}

static void raw_row(struct table *table, const struct report *report, const struct series *series,
                    const struct raw *raw)
{
    const struct summary_row *row = study_row(&report->study, series);
    double tasks = row->tasks > 0 ? (double)row->tasks : NAN, unit = row->ns_per_row >= 1000 ? 1000 : 1;
    char text[TABLE_NUMBER_MAX], interval[2 * TABLE_NUMBER_MAX];
    bool reads = strcmp(raw->call, "bandwidth") == 0;

    table_cell(table, "%s%s", raw->name, mark(&report->study, series));
    table_cell(table, "%d", raw->cpus == CPUS_WORKERS ? series->cell.workers : raw->cpus == CPUS_TWO ? 2 : 1);
    table_cell(table, "%s", raw->one);
    table_cell(table, "%s", table_time(row->ns_per_row, text));
    table_cell(table, "%s", table_interval(row->ci_low_ns / tasks / unit, row->ci_high_ns / tasks / unit, interval));
    table_figure(table, reads ? row_bytes(report) / row->ns_per_row : NAN);
}

static int raw_table(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {{"floor", false}, {"CPUs", true}, {"one", false},
                                                  {"takes", true},  {"95 %", true}, {"GB/s", true}};
    const struct series_set *set = &report->study.set;
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    int status;

    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof raws / sizeof raws[0]; i++)
        for (size_t k = 0; k < set->count; k++)
            if (is_raw(&report->study, &set->series[k], &raws[i]))
                raw_row(table, report, &set->series[k], &raws[i]);
    status = table_write(table, out);
    table_free(table);
    return status;
}

/* A floor at so many workers (0: at the most that were measured); NULL: not measured. */
static const struct series *raw_at(const struct study *study, const char *call, int workers)
{
    const struct raw wanted = {.backend = "floor", .call = call};
    const struct series *found = NULL;

    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *series = &study->set.series[i];

        if (!is_raw(study, series, &wanted) || (workers > 0 && series->cell.workers != workers))
            continue;
        if (found == NULL || series->cell.workers > found->cell.workers)
            found = series;
    }
    return found;
}

static void ratio_sentence(const struct estimate *ratio, const char *before, const char *behind, FILE *out)
{
    char number[TABLE_NUMBER_MAX], interval[2 * TABLE_NUMBER_MAX];

    if (isfinite(ratio->median))
        fprintf(out, "%s %s x (%s) %s\n", before, table_number(ratio->median, number),
                table_interval(ratio->low, ratio->high, interval), behind);
}

static int raw_sentences(const struct study *study, FILE *out)
{
    const struct series *one = raw_at(study, "bandwidth", 1), *alone = raw_at(study, "atomic", 1);
    const struct series *peak = raw_at(study, "peak", 0), *all = raw_at(study, "atomic", 0);
    struct estimate ratio;
    char before[80];
    int status = one != NULL ? study_figure(study, one, STUDY_TIMES_LOOP, &ratio) : 0;

    if (one != NULL && status == 0)
        ratio_sentence(&ratio, "The serial loop takes", "the time of reading its rows on one CPU.", out);
    if (peak != NULL && peak->cell.workers > 1 && status == 0) {
        status = study_figure(study, peak, STUDY_TIMES_CALLBACK, &ratio);
        snprintf(before, sizeof before, "%d copies of the kernel at once do", peak->cell.workers);
        if (status == 0)
            ratio_sentence(&ratio, before, "the work of the serial callback in its time.", out);
    }
    if (alone != NULL && all != alone && status == 0) {
        status = study_compare(all, alone, &ratio);
        snprintf(before, sizeof before, "An add to a word that %d CPUs want takes each of them", all->cell.workers);
        if (status == 0)
            ratio_sentence(&ratio, before, "an add alone.", out);
    }
    return status;
}

/* --------------------------------------------------------------------------------------- the pools */

/* What is compared. chunk 0: the pool's choice, or none; CHUNK_PYTHON: CPython's rule. */
#define CHUNK_PYTHON UINT64_MAX
static const struct taking {
    const char *name, *backend, *call, *schedule;
    uint64_t chunk;
    enum cell_wait wait;
    const char *apart; /* the floor, where it is a cell of its own; NULL: the one beside it */
} takings[] = {
    {"fork apply", "fork", "apply", "-", 0, CELL_WAIT_ADAPTIVE, NULL},
    {"fork apply, parked", "fork", "apply", "-", 0, CELL_WAIT_PARK, NULL},
    {"fork-pipe apply", "fork-pipe", "apply", "-", 0, CELL_WAIT_ADAPTIVE, NULL},
    {"fork open", "fork", "open", "-", 0, CELL_WAIT_ADAPTIVE, NULL},
    {"pthread open", "pthread", "open", "-", 0, CELL_WAIT_ADAPTIVE, NULL},
    {"fork dynamic 1", "fork", "map", "dynamic", 1, CELL_WAIT_ADAPTIVE, "atomic"},
    {"pthread dynamic 1", "pthread", "map", "dynamic", 1, CELL_WAIT_ADAPTIVE, "atomic"},
    {"openmp dynamic 1", "openmp", "map", "dynamic", 1, CELL_WAIT_ADAPTIVE, "atomic"},
    {"shipped dynamic 1", "openmp-as-shipped", "map", "dynamic", 1, CELL_WAIT_ADAPTIVE, "atomic"},
    {"fork steal 1", "fork", "map", "steal", 1, CELL_WAIT_ADAPTIVE, NULL},
    {"pthread steal 1", "pthread", "map", "steal", 1, CELL_WAIT_ADAPTIVE, NULL},
    {"fork map", "fork", "map", "dynamic", CHUNK_PYTHON, CELL_WAIT_ADAPTIVE, NULL},
    {"pthread map", "pthread", "map", "dynamic", CHUNK_PYTHON, CELL_WAIT_ADAPTIVE, NULL},
    {"openmp map", "openmp", "map", "dynamic", CHUNK_PYTHON, CELL_WAIT_ADAPTIVE, NULL},
    {"fork map_chunks", "fork", "map_chunks", "steal", 0, CELL_WAIT_ADAPTIVE, NULL},
    {"pthread map_chunks", "pthread", "map_chunks", "steal", 0, CELL_WAIT_ADAPTIVE, NULL},
    {"openmp map_chunks", "openmp", "map_chunks", "dynamic", 0, CELL_WAIT_ADAPTIVE, NULL},
};

/* One line of the table. */
struct taken {
    const struct taking *taking;
    const struct series *series;
    const char *floor;
    double takes_ns, floor_ns;
    struct estimate ratio;
};

/* A call of apply keeps one worker busy: the cell with the fewest; of others that with the workers of the study. */
static const struct series *taking_find(const struct study *study, const struct taking *taking)
{
    uint64_t chunk = taking->chunk == CHUNK_PYTHON ? study_python_chunk(study) : taking->chunk;
    bool is_apply = strcmp(taking->call, "apply") == 0;
    const struct series *found = NULL;

    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *series = &study->set.series[i];
        const struct cell *cell = &series->cell;

        if (!is_of_study(study, series) || strcmp(cell->backend, taking->backend) != 0 ||
            strcmp(cell->call, taking->call) != 0 || strcmp(cell->schedule, taking->schedule) != 0 ||
            cell->chunk != chunk || cell->wait != taking->wait || (!is_apply && cell->workers != study->workers))
            continue;
        if (found == NULL || cell->workers < found->cell.workers)
            found = series;
    }
    return found;
}

/* The floor beside it: of a task, or of a pool's whole life. */
static int taken_in_pairs(struct taken *taken, const struct study *study)
{
    const struct series *series = taken->series;
    double tasks = series_tasks(series) > 0 ? (double)series_tasks(series) : 1;
    double *values = malloc(series->count * sizeof *values);
    struct cell floor;

    if (values == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < series->count; i++)
        values[i] = series_floor(series, series->rounds[i]);
    taken->floor_ns = statistics_median(values, series->count) / tasks;
    taken->takes_ns = study_row(study, series)->median_ns / tasks;
    free(values);
    if (cell_floor(&series->cell, study->usable_cpus, &floor))
        for (size_t i = 0; i < sizeof raws / sizeof raws[0]; i++)
            if (strcmp(raws[i].call, floor.call) == 0)
                taken->floor = raws[i].name;
    return study_figure(study, series, STUDY_OVER_FLOOR, &taken->ratio);
}

/* A claim as one CPU sees it, beside an add as one CPU sees it. Chunks are of one row, so claims are tasks. */
static int taken_apart(struct taken *taken, const struct study *study)
{
    int used = cell_workers_used(&taken->series->cell, study->usable_cpus);
    const struct series *floor = raw_at(study, taken->taking->apart, used);
    int status = floor != NULL ? study_compare(taken->series, floor, &taken->ratio) : 0;

    if (floor == NULL)
        return 0;
    taken->floor = taken->taking->apart;
    taken->floor_ns = study_row(study, floor)->ns_per_row;
    taken->takes_ns = used * study_row(study, taken->series)->ns_per_row;
    taken->ratio.median *= used;
    taken->ratio.low *= used;
    taken->ratio.high *= used;
    return status;
}

/* Two digits behind the point where there is one before it: a third says nothing of such a ratio. */
static const char *times_text(double ratio, char text[TABLE_NUMBER_MAX])
{
    if (ratio >= 9.995 || !isfinite(ratio))
        return table_number(ratio, text);
    snprintf(text, TABLE_NUMBER_MAX, "%.2f", ratio);
    return text;
}

static void taken_row(struct table *table, const struct study *study, const struct taken *taken)
{
    char takes[TABLE_NUMBER_MAX], ratio[TABLE_NUMBER_MAX], low[TABLE_NUMBER_MAX], high[TABLE_NUMBER_MAX];

    table_cell(table, "%s%s", taken->taking->name, mark(study, taken->series));
    table_cell(table, "%s", table_time(taken->takes_ns, takes));
    table_cell(table, "%s", taken->floor);
    table_cell(table, "%s", table_time(taken->floor_ns, takes));
    times_text(taken->ratio.median, ratio);
    if (isfinite(taken->ratio.low))
        table_cell(table, "%s (%s to %s)", ratio, times_text(taken->ratio.low, low),
                   times_text(taken->ratio.high, high));
    else
        table_cell(table, "%s", ratio);
}

/* Which pool is nearest to its floor, which farthest. */
static void taken_sentence(const struct taken *near, const struct taken *far, FILE *out)
{
    char number[TABLE_NUMBER_MAX], other[TABLE_NUMBER_MAX];

    if (near->taking != NULL && near->taking != far->taking)
        fprintf(out, "\nNearest to its floor is `%s`, with %s x; farthest is `%s`, with %s x.\n", near->taking->name,
                times_text(near->ratio.median, number), far->taking->name, times_text(far->ratio.median, other));
}

static int taken_table(const struct study *study, FILE *out)
{
    static const struct table_column columns[] = {
        {"what", false}, {"takes", true}, {"floor", false}, {"takes", true}, {"x the floor", false}};
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    struct taken near = {.taking = NULL}, far = near;
    int status = 0;

    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof takings / sizeof takings[0] && status == 0; i++) {
        struct taken taken = {.taking = &takings[i], .floor = "-", .series = taking_find(study, &takings[i])};

        taken.floor_ns = taken.takes_ns = taken.ratio.median = NAN;
        if (taken.series == NULL)
            continue;
        status = takings[i].apart != NULL ? taken_apart(&taken, study) : taken_in_pairs(&taken, study);
        if (status != 0 || !isfinite(taken.ratio.median))
            continue;
        taken_row(table, study, &taken);
        if (near.taking == NULL || taken.ratio.median < near.ratio.median)
            near = taken;
        if (far.taking == NULL || taken.ratio.median > far.ratio.median)
            far = taken;
    }
    if (status == 0)
        status = table_write(table, out);
    table_free(table);
    if (status == 0)
        taken_sentence(&near, &far, out);
    return status;
}

int part_raw(const struct report *report, FILE *out)
{
    const struct report *inside = report_inside(report, REPORT_FLOOR);
    const struct study *study = &inside->study;
    int status;

    if (!study_measured(study, "atomic"))
        return 0;
    fputs("### What the machine itself takes\n\n", out);
    part_source(report, inside, out);
    fputs("No pool, no queue. bandwidth reads the rows and nothing else, each CPU its share;\n"
          "GB/s is what all of them read together. atomic: all CPUs add to the same word at\n"
          "once, each as often as the others, and an add is told as one CPU sees it. thread\n"
          "is create and join, fork is fork, exit and wait, one after the other.\n"
          "`*`: a noisy cell.\n\n",
          out);
    status = raw_table(inside, out);
    fputc('\n', out);
    if (status == 0)
        status = raw_sentences(study, out);
    fprintf(out,
            "\n### What the pools take of it\n\n"
            "The same with a pool of %d %s around it (apply: one), beside its floor: a call\n"
            "of apply; opening and freeing a pool; a claim of one row with `dynamic`, its row\n"
            "included, as one CPU sees it; else a row of `map` (`steal` at chunk 1; at chunk\n"
            "%llu) and of `map_chunks`.\n\n",
            study->workers, study->workers == 1 ? "worker" : "workers", (unsigned long long)study_python_chunk(study));
    return status == 0 ? taken_table(study, out) : status;
}
