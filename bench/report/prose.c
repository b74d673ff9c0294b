/* SPDX-License-Identifier: MIT
 *
 * What stands around the tables: title, figures with captions, how to read it, what to distrust, the machine, the
 * command. Dates, names and figures come from env.json and from the samples: nothing here depends on today.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "report/parts.h"
#include "report/table.h"

#define COMMIT_SHOWN   12 /* characters of a commit's name that are enough in a sentence */
#define DISTRUST_NAMED 12 /* cells of one quality that are named; more are counted */

/* The commit, short where it is a hash. */
static const char *short_commit(const struct env *env, char text[ENV_TEXT_MAX])
{
    env_text(env, "commit", text);
    if (strlen(text) == 40 && strspn(text, "0123456789abcdef") == 40)
        text[COMMIT_SHOWN] = '\0';
    return text;
}

int part_title(const struct report *report, FILE *out)
{
    char cpu[ENV_TEXT_MAX], date[ENV_TEXT_MAX], profile[ENV_TEXT_MAX], commit[ENV_TEXT_MAX];
    const struct env *env = &report->env;

    fprintf(out, "# %sHow small may a task be before going parallel stops paying?\n\n", report->quick ? "QUICK: " : "");
    if (report->quick)
        fputs("**QUICK run: few rounds, coarse intervals. Good for a first look, not for quoting.**\n\n", out);
    fprintf(out, "Measured by `grain` on %s, %d usable %s, %s.\nProfile %s, commit %s, %zu rounds a cell.\n",
            env_text(env, "cpu_model", cpu), report->study.usable_cpus, report->study.usable_cpus == 1 ? "CPU" : "CPUs",
            env_text(env, "date", date), env_text(env, "profile", profile), short_commit(env, commit),
            report->study.set.planned);
    return 0;
}

void part_source(const struct report *report, const struct report *inside, FILE *out)
{
    char cpu[ENV_TEXT_MAX], date[ENV_TEXT_MAX], profile[ENV_TEXT_MAX], commit[ENV_TEXT_MAX];
    const struct env *env = &inside->env;

    if (inside != report)
        fprintf(out, "A sweep of its own: %s, %d usable %s, %s, profile %s, commit %s, %zu rounds a cell.\n",
                env_text(env, "cpu_model", cpu), inside->study.usable_cpus,
                inside->study.usable_cpus == 1 ? "CPU" : "CPUs", env_text(env, "date", date),
                env_text(env, "profile", profile), short_commit(env, commit), inside->study.set.planned);
}

int part_figures(const struct report *report, FILE *out)
{
    static const struct {
        const char *name, *caption;
        enum report_folder folder;
        const char *call; /* without a cell of it there is no figure */
    } figures[] = {
        {"fig_chunk",
         "Time a row against chunk: `dynamic` on the left, each backend's best schedule on the right. The bands are "
         "95 % intervals",
         REPORT_FOLDERS, NULL},
        {"fig_overhead", "Overhead a task: `apply` and `map` at three chunks", REPORT_FOLDERS, NULL},
        {"fig_speedup", "Speedup over the serial callback against workers, for small and for large tasks",
         REPORT_FOLDERS, NULL},
        {"fig_calls", "Time a task by call, CPython's calls beside", REPORT_CALLS, "apply_async"},
    };
    char cpu[ENV_TEXT_MAX], commit[ENV_TEXT_MAX];

    fputs("## Figures\n", out);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        const struct report *from =
            figures[i].folder < REPORT_FOLDERS ? report_inside(report, figures[i].folder) : report;

        if (figures[i].call != NULL && !study_measured(&from->study, figures[i].call))
            continue;
        fprintf(out, "\n![%s](figures/%s.svg)\n\n*%s%s.\n%s, P = %d, %llu rows, n = %zu rounds, commit %s.*\n",
                figures[i].name, figures[i].name, from->quick ? "QUICK. " : "", figures[i].caption,
                env_text(&from->env, "cpu_model", cpu), from->study.workers, (unsigned long long)from->study.rows,
                from->study.set.planned, short_commit(&from->env, commit));
    }
    return 0;
}

int part_reading(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {{"word", false}, {"meaning", false}};
    static const char *const words[][2] = {
        {"task, chunk", "one row; how many rows a worker claims at a time"},
        {"P, P_used", "workers; min(P, usable CPUs), and 1 for `apply`, which has one task outstanding"},
        {"serial loop", "the best serial code: the kernel over all rows, no call a row"},
        {"serial callback", "one indirect call a row, the same object code that every worker runs; its time is W"},
        {"over loop, over callback", "time over that serial baseline: above 1 is slower than serial"},
        {"x loop, x call", "speedup over the serial loop, over the serial callback: above 1 is faster"},
        {"o/task, o/chunk", "(P_used * time - W) / tasks, in ns of core time; the same for each chunk"},
        {"eff", "W / (P_used * time); CPython's W is its own serial loop"},
        {"of peak", "eff over that of `floor peak`: what P CPUs can really do"},
        {"given", "hand-overs a call: how often work was taken from something shared"},
        {"95 %", "bootstrap interval of the median over the rounds"},
        {"quality", "ok, noisy (disturbed or scattered), scaled (a subset of the rows), incomplete, missing"},
    };
    struct table *table = table_open(columns, 2);
    int status;

    (void)report;
    if (table == NULL)
        return -ENOMEM;
    fputs("## How to read it\n\n", out);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        table_cell(table, "%s", words[i][0]);
        table_cell(table, "%s", words[i][1]);
    }
    status = table_write(table, out);
    table_free(table);
    fputs(
        "\n"
        "Every cell runs in a process of its own, turn by turn with both baselines. A ratio is the median of these\n"
        "pairs. Two cells are compared round by round, each in units of its own serial callback (CPython: of its own\n"
        "serial loop), so that a clock that speeds up or slows down cancels. A negative overhead is below noise; it "
        "is\n"
        "not rounded up to 0. Speedups are always given over both baselines: beating the callback alone is not yet\n"
        "beating good serial code.\n",
        out);
    return status;
}

static size_t count_quality(const struct summary *summary, const char *quality)
{
    size_t count = 0;

    for (size_t i = 0; i < summary->count; i++)
        count += strcmp(summary->rows[i].quality, quality) == 0;
    return count;
}

/* Names the rows of one quality, the first dozen of them; nothing when there are none. */
static void distrust_list(const struct summary *summary, const char *quality, const char *meaning, FILE *out)
{
    size_t count = count_quality(summary, quality), named = 0;
    char name[CELL_NAME_MAX];

    if (count == 0)
        return;
    fprintf(out, "- %zu of %zu cells %s %s: %s\n", count, summary->count, count == 1 ? "is" : "are", quality, meaning);
    for (size_t i = 0; i < summary->count && named < DISTRUST_NAMED; i++)
        if (strcmp(summary->rows[i].quality, quality) == 0 && cell_name(&summary->rows[i].cell, name) == 0) {
            fprintf(out, "  - `%s`\n", name);
            named++;
        }
    if (count > named)
        fprintf(out, "  - and %zu more: see the column quality of `summary.csv`\n", count - named);
}

/* What failed, each cell once with the first message. */
static void distrust_failures(const struct report *report, FILE *out)
{
    static const char *const statuses[] = {"ok", "failed", "timed out", "gave a wrong result", "missing"};
    const struct series_set *set = &report->study.set;

    for (size_t i = 0; i < set->count; i++)
        for (size_t k = 0; k < set->series[i].count; k++) {
            const struct sample *sample = set->series[i].rounds[k];
            char message[sizeof sample->message + 1];

            if (sample->status == SAMPLE_OK)
                continue;
            strcpy(message, sample->message);
            for (char *at = message; *at != '\0'; at++)
                if ((unsigned char)*at < 0x20)
                    *at = ' ';
            fprintf(out, "- `%s`, round %d: %s%s%s\n", set->series[i].name, sample->round, statuses[sample->status],
                    message[0] != '\0' ? ": " : "", message);
            break;
        }
}

int part_distrust(const struct report *report, FILE *out)
{
    const struct summary *summary = &report->study.summary;
    size_t planned = env_count(&report->env, "cells");
    char text[ENV_TEXT_MAX];

    fputs("## What to distrust\n\n", out);
    if (report->quick)
        fputs("- This is a QUICK run: few rounds, so the intervals are coarse.\n", out);
    if (report->study.usable_cpus == 1)
        fputs("- One usable CPU: nothing can run in parallel here, so no claim about speedup is made.\n", out);
    if (report->study.set.planned < STATISTICS_VALUES_MIN)
        fprintf(out, "- %zu %s a cell: no interval can be computed from fewer than %d.\n", report->study.set.planned,
                report->study.set.planned == 1 ? "round" : "rounds", STATISTICS_VALUES_MIN);
    if (planned > summary->count)
        fprintf(out, "- %zu of %zu planned cells have no record: the sweep was not finished.\n",
                planned - summary->count, planned);
    if (report->cut > 0)
        fprintf(out, "- %zu %s of samples.jsonl %s no whole records and left out.\n", report->cut,
                report->cut == 1 ? "line" : "lines", report->cut == 1 ? "is" : "are");
    if (strcmp(env_text(&report->env, "dirty", text), "yes") == 0)
        fputs("- The source tree had changes that are not in the commit.\n", out);
    if (2 * count_quality(summary, "noisy") > summary->count)
        fputs("- Most cells are noisy: the machine was busy. Measure again when it is idle.\n", out);
    distrust_failures(report, out);
    distrust_list(summary, "noisy", "disturbed from outside, or scattered; no claim should rest on them alone.", out);
    distrust_list(summary, "incomplete", "fewer good rounds than planned.", out);
    distrust_list(summary, "scaled", "a subset of the rows was run and scaled.", out);
    fputs("- Other machines give other times. Compare ratios, and only within one run.\n", out);
    return 0;
}

int part_machine(const struct report *report, FILE *out)
{
    static const struct table_column columns[] = {{"what", false}, {"value", false}};
    static const char *const keys[][2] = {
        {"CPU", "cpu_model"},
        {"usable CPUs", "usable_cpus"},
        {"CPU quota", "quota"},
        {"threads a core", "threads_per_core"},
        {"frequency governor", "governor"},
        {"clock source", "clocksource"},
        {"kernel", "kernel_release"},
        {"host", "host"},
        {"load at the start", "load"},
        {"C library", "libc"},
        {"compiler", "compiler"},
        {"flags", "flags"},
        {"build type", "build_type"},
        {"OpenMP runtime", "openmp_runtime"},
        {"Python", "python"},
        {"packages", "packages"},
        {"commit", "commit"},
        {"uncommitted changes", "dirty"},
        {"date", "date"},
        {"profile", "profile"},
        {"rows", "rows"},
        {"columns", "columns"},
        {"input", "input"},
        {"counted from", "minimum"},
        {"counted to", "maximum"},
        {"seed of the data", "seed"},
        {"seed of the order", "shuffle_seed"},
        {"rounds", "rounds"},
        {"repetitions a round", "repetitions"},
        {"finished", "finished"},
    };
    struct table *table = table_open(columns, 2);
    char text[ENV_TEXT_MAX];
    int status;

    if (table == NULL)
        return -ENOMEM;
    fputs("## Machine and provenance\n\n", out);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        table_cell(table, "%s", keys[i][0]);
        table_cell(table, "%s", env_text(&report->env, keys[i][1], text));
    }
    status = table_write(table, out);
    table_free(table);
    return status;
}

int part_command(const struct report *report, FILE *out)
{
    char text[ENV_TEXT_MAX];

    fprintf(out,
            "## The exact command\n\n"
            "```sh\n%s\n```\n\n"
            "Then `grain report DIR` and `grain plot DIR`, with the folder that the sweep wrote.\n",
            env_text(&report->env, "command", text));
    return 0;
}
