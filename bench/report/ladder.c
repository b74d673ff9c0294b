/* SPDX-License-Identifier: MIT
 *
 * The part "The ladder": where the time of one call goes, from CPython's pipes down to a cache line. Sentences only say
 * what the medians beside them say.
 */
#include "analysis/ladder.h"

#include <errno.h>
#include <math.h>

#include "report/parts.h"
#include "report/table.h"

static void rung_row(struct table *table, const struct study *study, const struct ladder_rung *rung,
                     const struct ladder_rung *before)
{
    char interval[2 * TABLE_NUMBER_MAX];

    table_cell(table, "%s", rung->name);
    table_cell(table, "%d", rung->series->cell.workers);
    table_figure(table, rung->call_ns.median);
    table_cell(table, "%s", table_interval(rung->call_ns.low, rung->call_ns.high, interval));
    table_cell(table, "%s", rung->trip);
    table_figure(table, rung->raw_ns.median);
    table_figure(table, rung->ratio.median);
    table_cell(table, "%s", table_interval(rung->ratio.low, rung->ratio.high, interval));
    table_figure(table, before != NULL ? before->call_ns.median - rung->call_ns.median : NAN);
    table_cell(table, "%s", study_row(study, rung->series)->quality);
}

static void share(FILE *out, double part_ns, double whole_ns, const char *what)
{
    char text[TABLE_NUMBER_MAX];

    fprintf(out, "%s (%.0f %%) %s", table_time(part_ns, text), 100 * part_ns / whole_ns, what);
}

/* Where CPython's time goes. The parts are differences of medians: one that is not above 0 is not told as a part. */
static void sentence_python(const struct ladder *ladder, FILE *out)
{
    const struct ladder_rung *python = &ladder->rungs[LADDER_CPYTHON], *pipe = &ladder->rungs[LADDER_PIPE];
    double whole = python->call_ns.median, ours = pipe->call_ns.median, raw = pipe->raw_ns.median;
    char text[TABLE_NUMBER_MAX];

    if (python->series == NULL || isnan(raw))
        return;
    if (!(raw < ours && ours < whole)) {
        fputs("Where CPython's time goes is not shown: its call, the pool's over pipes and the raw round trip do not\n"
              "lie in this order here.\n\n",
              out);
        return;
    }
    fprintf(out, "Of the %s that CPython takes for a call,\n", table_time(whole, text));
    share(out, raw, whole, "are two processes that pass the bytes to each other and back through two pipes,\n");
    share(out, ours - raw, whole,
          "what a pool in C adds to that: messages, `poll`, chunks, the caller's bookkeeping,\n");
    share(out, whole - ours, whole,
          "Python's own: pickling, locks, and the threads between the caller and the pipes.\n\n");
}

/* The steps below the pipes. */
static void sentence_steps(const struct ladder *ladder, FILE *out)
{
    static const struct {
        enum ladder_step step;
        const char *better, *worse;
    } steps[] = {
        {LADDER_FUTEX, "Shared memory and a futex instead of pipes save %s a call.\n",
         "Shared memory and a futex instead of pipes take %s more a call here: it is the waking that costs.\n"},
        {LADDER_SPIN, "Not sleeping at all saves %s more.\n", "Not sleeping at all takes %s more here.\n"},
    };
    const struct ladder_rung *before = &ladder->rungs[LADDER_PIPE], *spin = &ladder->rungs[LADDER_SPIN];
    char text[TABLE_NUMBER_MAX], number[TABLE_NUMBER_MAX];

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        const struct ladder_rung *rung = &ladder->rungs[steps[i].step];
        double saved = before->call_ns.median - rung->call_ns.median;

        if (rung->series == NULL)
            return;
        fprintf(out, saved > 0 ? steps[i].better : steps[i].worse, table_time(fabs(saved), text));
        before = rung;
    }
    if (!isnan(spin->ratio.median))
        fprintf(out, "What is left then, %s, is %s x the round trip of a cache line between the two CPUs.\n",
                table_time(spin->call_ns.median, text), table_number(spin->ratio.median, number));
}

int part_ladder(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {
        {"one call of apply", false}, {"P", true},       {"ns a call", true}, {"95 %", true},
        {"raw round trip", false},    {"ns", true},      {"x raw", true},     {"95 %", true},
        {"step saves", true},         {"quality", false}};
    const struct report *inside = report_inside(report, REPORT_LADDER);
    struct ladder ladder;
    int status = ladder_make(&ladder, &inside->study);

    if (status != 0 || !ladder.is_there)
        return status;
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0]);
    if (table == NULL)
        return -ENOMEM;
    const struct ladder_rung *before = NULL;
    for (int step = 0; step < LADDER_STEPS; step++) {
        if (ladder.rungs[step].series == NULL)
            continue;
        rung_row(table, &inside->study, &ladder.rungs[step], before);
        before = &ladder.rungs[step];
    }
    fputs("## The ladder\n\n", out);
    part_source(report, inside, out);
    fputs(
        "The same small task, handed to another process and back in ever quicker ways. Beside each way the raw round\n"
        "trip of its kind, measured turn by turn with it: two processes that do nothing but answer each other. "
        "(CPython\n"
        "cannot be measured beside one: its raw round trip is that of the line below.)\n\n",
        out);
    status = table_write(table, out);
    table_free(table);
    fputc('\n', out);
    sentence_python(&ladder, out);
    sentence_steps(&ladder, out);
    fprintf(out,
            "\n![fig_ladder](figures/fig_ladder.svg)\n\n*%sOne call in ever quicker ways, each beside its raw round "
            "trip (line).*\n",
            inside->quick ? "QUICK. " : "");
    return status;
}
