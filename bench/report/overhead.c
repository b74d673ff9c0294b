/* SPDX-License-Identifier: MIT
 *
 * The part "Overhead": what a task costs on our pools, beside libgomp, oneTBB and what the machine can do at best. What
 * is computed stands in analysis/overhead.c; this file only lays it out.
 */
#include <errno.h>
#include <math.h>

#include "analysis/overhead.h"
#include "report/parts.h"
#include "report/table.h"

static void asked_cell(struct table *table, const struct overhead_row *row, double value)
{
    if (row->relation[0] != '\0' && isfinite(value))
        table_cell(table, "%s %g", row->relation, value);
    else
        table_cell(table, "-");
}

static void overhead_row(struct table *table, const struct overhead_row *row)
{
    char interval[2 * TABLE_NUMBER_MAX], number[TABLE_NUMBER_MAX], missed[48] = "";

    table_cell(table, "%s", row->text);
    asked_cell(table, row, row->must);
    asked_cell(table, row, row->goal);
    table_cell(table, "%s%s", row->is_bound ? "<= " : "", table_number(row->got.median, number));
    table_cell(table, "%s", table_interval(row->got.low, row->got.high, interval));
    if (row->missed_by > 0)
        snprintf(missed, sizeof missed, "; missed by %s %%", table_number(100 * row->missed_by, number));
    table_cell(table, "%s%s%s", row->verdict, missed, row->is_noisy ? " (rests on a noisy cell)" : "");
}

int part_overhead(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {{"figure", false}, {"must", true}, {"goal", true},
                                                  {"got", true},     {"95 %", true}, {"verdict", false}};
    const struct report *inside = report_inside(report, REPORT_OVERHEAD);
    struct overhead overhead;
    struct table *table;
    int status = overhead_make(&overhead, &inside->study);

    if (status != 0 || !overhead.is_there)
        return status;
    table = table_open(columns, sizeof columns / sizeof columns[0]);
    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < overhead.count; i++)
        overhead_row(table, &overhead.rows[i]);
    fputs("## Overhead\n\n", out);
    part_source(report, inside, out);
    fputs("Two workers, bound, warm, but where a line says otherwise. A figure must lie on its side of the limit with "
          "its\n"
          "whole 95 % interval; \"missed by\" is how far its median lies beyond. METG(50 %) is the smallest "
          "granularity,\n"
          "core time a task with its hand-over, that half of the measured peak is reached with; `<=`: it is reached "
          "with\n"
          "the smallest task that was measured. An idle pool's CPU time is that of its threads or processes,\n"
          "the supervisor included.\n\n",
          out);
    status = table_write(table, out);
    table_free(table);
    return status;
}
