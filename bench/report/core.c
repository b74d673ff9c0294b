/* SPDX-License-Identifier: MIT
 *
 * The part "The pool's core": what the pool itself costs, figure by figure, beside what it must and what it should
 * reach. Every row is a claim; this file only lays them out.
 */
#include <errno.h>
#include <math.h>

#include "report/parts.h"
#include "report/table.h"

static void asked_cell(struct table *table, const struct claim *claim, double value)
{
    if (claim->relation[0] != '\0' && value > 0)
        table_cell(table, "%s %g", claim->relation, value);
    else
        table_cell(table, "-");
}

static void core_row(struct table *table, const struct claim *claim)
{
    char interval[2 * TABLE_NUMBER_MAX], number[TABLE_NUMBER_MAX];

    table_cell(table, "%s", claim->text);
    asked_cell(table, claim, claim->limit);
    asked_cell(table, claim, claim->goal);
    table_figure(table, claim->ratio.median);
    table_cell(table, "%s", table_interval(claim->ratio.low, claim->ratio.high, interval));
    if (claim->over_loop.values > 0)
        table_cell(table, "%s (%s)", table_number(claim->over_loop.median, number),
                   table_interval(claim->over_loop.low, claim->over_loop.high, interval));
    else
        table_cell(table, "-");
    table_cell(table, "%s%s%s%s%s", claim->verdict, claim->reaches_goal ? ", and so does the goal" : "",
               claim->note[0] != '\0' ? " (" : "", claim->note, claim->note[0] != '\0' ? ")" : "");
}

int part_core(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {{"figure", false}, {"must", true}, {"goal", true},
                                                  {"got", true},     {"95 %", true}, {"over loop", true},
                                                  {"verdict", false}};
    const struct report *inside = report_inside(report, REPORT_CORE);
    const struct claims *claims = &inside->claims;
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    int status = 0;

    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < claims->count; i++)
        if (claims->claims[i].is_core)
            core_row(table, &claims->claims[i]);
    if (table_rows(table) > 0) {
        fputs("## The pool's core\n\n", out);
        part_source(report, inside, out);
        fputs(
            "What the pool itself costs, beside what it must reach. Pairs of one process are compared where there are\n"
            "such; a figure must lie on its side of the limit with its whole 95 % interval. A speedup is given over "
            "the\n"
            "serial callback and, in a column of its own, over the serial loop.\n\n",
            out);
        status = table_write(table, out);
    }
    table_free(table);
    return status;
}
