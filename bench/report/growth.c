/* SPDX-License-Identifier: MIT
 *
 * The part "Growth": how time and memory of one call grow with the rows and with the workers. Each row of the table is
 * compared with the one before it; where a pool scales, time grows as the rows do and memory a claim unit stays.
 */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "report/parts.h"
#include "report/table.h"

#define GROWTH_KERNEL "compute:1"

static bool is_growth(const struct series *series, const char *backend)
{
    const struct cell *cell = &series->cell;

    return series->good > 0 && strcmp(cell->kernel, GROWTH_KERNEL) == 0 && strcmp(cell->backend, backend) == 0 &&
           strcmp(cell->call, "map") == 0 && strcmp(cell->schedule, "steal") == 0 && cell->chunk == 1 &&
           cell->data == CELL_DATA_SHARED && cell->start == CELL_START_WARM && cell->wait == CELL_WAIT_ADAPTIVE;
}

static bool is_same(const struct cell *a, const struct cell *b, bool by_rows)
{
    return by_rows ? a->workers == b->workers : a->rows == b->rows;
}

/* The cell whose line (its workers over all rows, or its rows over all workers) has the most points; NULL: no line has
 * two. */
static const struct series *longest_line(const struct study *study, const char *backend, bool by_rows)
{
    const struct series *found = NULL;
    size_t most = 1;

    for (size_t i = 0; i < study->set.count; i++) {
        const struct series *series = &study->set.series[i];
        size_t points = 0;

        for (size_t k = 0; k < study->set.count && is_growth(series, backend); k++)
            points += is_growth(&study->set.series[k], backend) &&
                      is_same(&study->set.series[k].cell, &series->cell, by_rows);
        if (points > most) {
            most = points;
            found = series;
        }
    }
    return found;
}

static void growth_row(struct table *table, const struct summary_row *row, const struct summary_row *before,
                       const struct series *series)
{
    double tasks = (double)row->tasks, units = ceil(tasks / (double)row->cell.chunk);
    char interval[2 * TABLE_NUMBER_MAX];

    table_cell(table, "%s", row->cell.backend);
    table_cell(table, "%llu", (unsigned long long)row->cell.rows);
    table_cell(table, "%d", row->cell.workers);
    table_figure(table, row->ns_per_row);
    table_cell(table, "%s", table_interval(row->ci_low_ns / tasks, row->ci_high_ns / tasks, interval));
    table_figure(table, before != NULL ? row->ns_per_row / before->ns_per_row : NAN);
    table_figure(table, series_median(series, offsetof(struct sample, call_bytes)) / units);
    table_cell(table, "%s", row->quality);
}

/* The rows of one line, in the order of the summary: rising. */
static void growth_line(struct table *table, const struct study *study, const char *backend, bool by_rows)
{
    const struct series *line = longest_line(study, backend, by_rows);
    const struct summary_row *before = NULL;

    for (size_t i = 0; i < study->set.count && line != NULL; i++) {
        const struct series *series = &study->set.series[i];

        if (!is_growth(series, backend) || !is_same(&series->cell, &line->cell, by_rows))
            continue;
        growth_row(table, study_row(study, series), before, series);
        before = study_row(study, series);
    }
}

int part_growth(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {{"backend", false}, {"rows", true},    {"P", true},
                                                  {"ns/row", true},   {"95 %", true},    {"growth", true},
                                                  {"B/unit", true},   {"quality", false}};
    static const char *const backends[] = {"fork", "pthread"};
    const struct report *inside = report_inside(report, REPORT_GROWTH);
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    int status = 0;

    if (table == NULL)
        return -ENOMEM;
    for (int by_rows = 1; by_rows >= 0; by_rows--)
        for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++)
            growth_line(table, &inside->study, backends[i], by_rows != 0);
    if (table_rows(table) > 0) {
        fputs("## Growth\n\n", out);
        part_source(report, inside, out);
        fprintf(
            out,
            "Tasks of a nanosecond (kernel `%s`), `map`, `steal`, chunk 1: more rows, then more workers. growth is\n"
            "the time over that of the line before, divided by the rows over those before: 1 is in proportion.\n"
            "B/unit: bytes of shared memory a call takes beside its data, for each claim unit; 0 on threads.\n\n",
            GROWTH_KERNEL);
        status = table_write(table, out);
    }
    table_free(table);
    return status;
}
