/* SPDX-License-Identifier: MIT
 *
 * The part "The spin cliff": whether OpenMP's regions took slices of the scheduler in this run, which, how often, how
 * long; and whether our own pools, at the same moments of the same run, did too. Computed in analysis/cliff.c.
 */
#include <errno.h>
#include <math.h>

#include "analysis/cliff.h"
#include "report/parts.h"
#include "report/table.h"

static const char *verdict_of(const struct cliff_cell *cell)
{
    if (cell->slices == 0)
        return "no";
    return 2 * cell->slices >= cell->rounds ? "takes slices" : "now and then";
}

/* Cells that took slices, our own pools' too; where none of OpenMP's did, those that were looked at. */
static int cells_table(const struct cliff *cliff, FILE *out)
{
    static const struct table_column columns[] = {
        {"cell", false},     {"schedule", false},  {"chunk", true},         {"P", true},      {"rows", true},
        {"share, us", true}, {"beyond, us", true}, {"least to most", true}, {"slices", true}, {"verdict", false}};
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    char interval[2 * TABLE_NUMBER_MAX];
    int status;

    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < cliff->count; i++) {
        const struct cliff_cell *cell = &cliff->cells[i];
        const struct cell *of = &cell->series->cell;

        if (cell->slices == 0 && (cliff->fallen > 0 || !cell->is_openmp))
            continue;
        table_cell(table, "%s %s", of->kernel, of->backend);
        table_cell(table, "%s", of->schedule);
        table_cell(table, "%llu", (unsigned long long)of->chunk);
        table_cell(table, "%d", of->workers);
        table_cell(table, "%llu", (unsigned long long)of->rows);
        table_figure(table, cell->share_ns / 1e3);
        table_figure(table, cell->median_ns / 1e3);
        table_cell(table, "%s", table_interval(cell->least_ns / 1e3, cell->most_ns / 1e3, interval));
        table_cell(table, "%zu/%zu", cell->slices, cell->rounds);
        table_cell(table, "%s", verdict_of(cell));
    }
    status = table_write(table, out);
    table_free(table);
    return status;
}

static void sentence(const struct cliff *cliff, FILE *out)
{
    if (cliff->fallen == 0)
        fprintf(
            out,
            "It did not happen in this run: in none of %zu %s of OpenMP, %zu rounds, did a map take a\nslice longer.\n",
            cliff->openmp, cliff->openmp == 1 ? "cell" : "cells", cliff->rounds[1]);
    else
        fprintf(out, "It happened in this run: in %zu of %zu %s of OpenMP, %zu of all their %zu rounds.\n",
                cliff->fallen, cliff->openmp, cliff->openmp == 1 ? "cell" : "cells", cliff->slices[1],
                cliff->rounds[1]);
    if (cliff->rounds[0] > 0)
        fprintf(out, "On fork and pthread, which share the run, %zu of %zu rounds took as long.\n", cliff->slices[0],
                cliff->rounds[0]);
    if (cliff->fallen > 0)
        fputs("`grain doctor` measures regions on this machine and says what to do.\n", out);
}

int part_cliff(const struct report *report, FILE *out)
{
    struct cliff cliff;
    int status = cliff_make(&cliff, &report->study);

    if (status == 0 && cliff.openmp > 0) {
        fprintf(
            out,
            "## The spin cliff\n\n"
            "Threads of OpenMP spin at the end of a region until all have come. When one of them holds the CPU that\n"
            "another one needs to get there, the region takes what the scheduler deals out: milliseconds, not\n"
            "microseconds, whatever the chunk. Looked at: `map` at its largest chunk, where the serial share (the\n"
            "serial callback over P_used) is at most %g ms; a round, the mean of as many calls as fill its time, "
            "counts\n"
            "when it took %g ms or more beyond it. Where P is above the CPUs, a slice is to be expected.\n\n",
            CLIFF_WORK_NS / 1e6, CLIFF_SLICE_NS / 1e6);
        sentence(&cliff, out);
        fputc('\n', out);
        status = cells_table(&cliff, out);
    }
    cliff_free(&cliff); /* nothing is in it after a failure */
    return status;
}
