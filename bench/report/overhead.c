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

/* ">= 1.45 (1.65)": what it must be, and the goal. */
static void asked_cell(struct table *table, const struct overhead_row *row)
{
    if (row->relation[0] == '\0')
        table_cell(table, "-");
    else if (isfinite(row->goal))
        table_cell(table, "%s %g (%g)", row->relation, row->must, row->goal);
    else
        table_cell(table, "%s %g", row->relation, row->must);
}

static void overhead_row(struct table *table, const struct overhead_row *row)
{
    char interval[2 * TABLE_NUMBER_MAX], number[TABLE_NUMBER_MAX], missed[48] = "";

    table_cell(table, "%s", row->text);
    asked_cell(table, row);
    table_cell(table, "%s%s", row->is_bound ? "<= " : "", table_number(row->got.median, number));
    table_cell(table, "%s", table_interval(row->got.low, row->got.high, interval));
    if (row->missed_by > 0)
        snprintf(missed, sizeof missed, ", by %s %%", table_number(100 * row->missed_by, number));
    table_cell(table, "%s%s%s", row->verdict, missed, row->is_noisy ? " ~" : "");
}

int part_overhead(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {
        {"figure", false}, {"must (goal)", true}, {"got", true}, {"95 %", true}, {"verdict", false}};
    const struct report *inside = report_inside(report, REPORT_OVERHEAD);
    struct overhead overhead;
    struct table *table;
    int status = overhead_make(&overhead, &inside->study, &inside->metg);

    if (status != 0 || !overhead.is_there)
        return status;
    table = table_open(columns, sizeof columns / sizeof columns[0]);
    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < overhead.count; i++)
        overhead_row(table, &overhead.rows[i]);
    fputs("## Overhead\n\n", out);
    part_source(report, inside, out);
    fputs(
        "Two workers, bound, warm; `map` is that of all rows at chunk 1, schedule `steal` where none is named, on "
        "data\n"
        "that is shared. Each figure is the time of the first over that of the second, a task, but for the first two\n"
        "and the last, which are speedups. It must lie on its side of the limit with its whole 95 % interval;\n"
        "\"by\": how far its median lies beyond. METG(50 %): the smallest granularity, core time a task with its\n"
        "hand-over, that half of the measured peak is reached with; `<=`: reached with the smallest task measured.\n"
        "Idle: of the pool's threads or processes, the supervisor included; a goal of 0 is met below 0.5 ms.\n"
        "~ rests on a noisy cell.\n\n",
        out);
    status = table_write(table, out);
    table_free(table);
    return status;
}
