/* SPDX-License-Identifier: MIT
 *
 * One table that puts the notebook's figures, CPython on this machine and the backends side by side, and the
 * sentences that say from where on going parallel pays.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/parts.h"
#include "report/table.h"

struct comparison {
    const char *label, *backend;
    struct pick pick;
};

#define APPLY                                                                                                          \
    {                                                                                                                  \
        .call = "apply"                                                                                                \
    }
#define MAP_1                                                                                                          \
    {                                                                                                                  \
        .call = "map", .schedule = "dynamic", .chunk = PICK_CHUNK_FIXED, .fixed_chunk = 1                              \
    }

static const struct comparison comparisons[] = {
    {"CPython", "cpython", APPLY},
    {"CPython", "cpython", MAP_1},
    {"fork", "fork", APPLY},
    {"fork", "fork", MAP_1},
    {"pthread", "pthread", APPLY},
    {"pthread", "pthread", MAP_1},
    {"openmp", "openmp", APPLY},
    {"openmp", "openmp", MAP_1},
    {"openmp as shipped", "openmp-as-shipped", APPLY},
    {"openmp as shipped", "openmp-as-shipped", MAP_1},
};

/* The ratio; in a wide table with its interval. */
static void ratio_cell(struct table *table, const struct estimate *ratio, bool wide)
{
    char number[TABLE_NUMBER_MAX], interval[2 * TABLE_NUMBER_MAX];

    table_number(ratio->median, number);
    if (wide && isfinite(ratio->low))
        table_cell(table, "%s (%s)", number, table_interval(ratio->low, ratio->high, interval));
    else
        table_cell(table, "%s", number);
}

/* Whether the peer was asked for and is not on this machine. */
static bool is_missing(const struct summary *summary, const struct comparison *line)
{
    for (size_t i = 0; i < summary->count; i++)
        if (strcmp(summary->rows[i].cell.backend, line->backend) == 0 &&
            strcmp(summary->rows[i].cell.call, line->pick.call) == 0 &&
            strcmp(summary->rows[i].quality, "missing") == 0)
            return true;
    return false;
}

static int comparison_row(struct table *table, const struct report *report, const struct comparison *line, bool wide)
{
    const struct series *series = study_pick(&report->study, line->backend, &line->pick);
    const char *call = strcmp(line->pick.call, "apply") == 0 ? "apply" : "map, chunk 1";
    struct estimate loop, callback;

    table_cell(table, "%s", line->label);
    table_cell(table, "%s", call);
    if (series == NULL) {
        table_cell(table, "%s", is_missing(&report->study.summary, line) ? "missing" : "not measured");
        table_cell(table, "-");
        table_cell(table, "-");
        if (wide)
            table_cell(table, "-");
        return 0;
    }
    if (study_figure(&report->study, series, STUDY_OVER_LOOP, &loop) != 0 ||
        study_figure(&report->study, series, STUDY_OVER_CALLBACK, &callback) != 0)
        return -ENOMEM;
    table_figure(table, study_row(&report->study, series)->ns_per_row);
    ratio_cell(table, &loop, wide);
    ratio_cell(table, &callback, wide);
    if (wide)
        table_cell(table, "%s", study_row(&report->study, series)->quality);
    return 0;
}

static int comparison_write(const struct report *report, FILE *out, bool wide)
{
    static const struct table_column columns[] = {{"who", false},      {"call", false},         {"ns a row", true},
                                                  {"over loop", true}, {"over callback", true}, {"quality", false}};
    struct table *table = table_open(columns, sizeof columns / sizeof columns[0] - !wide);
    int status = table == NULL ? -ENOMEM : 0;

    if (status == 0) {
        table_cell(table, "the notebook");
        table_cell(table, "apply");
        table_figure(table, MODEL_NOTEBOOK_APPLY_S * 1e9 / MODEL_NOTEBOOK_ROWS);
        table_figure(table, MODEL_NOTEBOOK_APPLY_S / MODEL_NOTEBOOK_SERIAL_S);
        table_cell(table, "-");
        if (wide)
            table_cell(table, "as printed");
    }
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0] && status == 0; i++)
        status = comparison_row(table, report, &comparisons[i], wide);
    if (status == 0)
        status = table_write(table, out);
    table_free(table);
    return status;
}

int part_comparison(const struct report *report, FILE *out)
{
    int status;
    char notebook[TABLE_NUMBER_MAX];

    fprintf(out,
            "## The notebook, CPython and the backends\n\n"
            "The notebook printed 53.7 s for `Pool.apply` and 0.213 s for its serial loop: 53.7 / 0.213 = %s.\n"
            "Below, the same on this machine, %d %s, %llu rows: time over serial loop and over serial callback, each\n"
            "with its 95 %% interval. Above 1 is slower than serial.\n"
            "CPython is compared with its own serial loop; it has no serial callback.\n\n",
            table_number(MODEL_NOTEBOOK_APPLY_S / MODEL_NOTEBOOK_SERIAL_S, notebook), report->study.workers,
            report->study.workers == 1 ? "worker" : "workers", (unsigned long long)report->study.rows);
    status = comparison_write(report, out, true);
    return status;
}

int report_comparison(const struct report *report, FILE *out)
{
    return comparison_write(report, out, false);
}

static const struct claim *claim_of(const struct report *report, const char *backend, const char *kind)
{
    char id[64];

    snprintf(id, sizeof id, "%s-%s", backend, kind);
    return claims_find(&report->claims, id);
}

/* Against which baseline it pays from which chunk on. Where only the callback is beaten, the sentence says so. */
static void break_even_sentence(const struct report *report, const char *backend, FILE *out)
{
    const struct claim *loop = claim_of(report, backend, "break-even-loop");
    const struct claim *callback = claim_of(report, backend, "break-even-callback");
    const char *noisy = loop->note[0] != '\0' || callback->note[0] != '\0' ? " (rests on noisy cells)" : "";
    const struct claim *won = loop->chunk > 0 ? loop : callback, *other = won == loop ? callback : loop;

    fprintf(out, "- %s: ", backend);
    if (loop->chunk > 0 && callback->chunk > 0)
        fprintf(out, "`dynamic` beats the serial loop %s and the serial callback %s", loop->answer, callback->answer);
    else if (won->chunk > 0)
        fprintf(out, "`dynamic` beats only the serial %s, %s; against the serial %s: %s",
                won == loop ? "loop" : "callback", won->answer, other == loop ? "loop" : "callback",
                other->outcome == CLAIM_FAILS ? "at no measured chunk" : other->verdict);
    else if (loop->outcome == CLAIM_FAILS && callback->outcome == CLAIM_FAILS)
        fputs("`dynamic` beats neither baseline from any measured chunk on", out);
    else
        fprintf(out, "from which chunk on `dynamic` pays is %s",
                loop->outcome == CLAIM_NOT_SHOWN ? loop->verdict : callback->verdict);
    fprintf(out, "%s.\n", noisy);
}

/* "  WHAT it reaches 0.97 (0.96 to 0.98) of the measured peak: at least 0.9 holds." */
static void peak_sentence(const struct claim *claim, const char *what, FILE *out)
{
    static const char *const ends[] = {"at least 0.9 holds", "at least 0.9 does not hold"};
    char number[TABLE_NUMBER_MAX], interval[2 * TABLE_NUMBER_MAX];

    fprintf(out, "  %s ", what);
    if (!isfinite(claim->ratio.median))
        fprintf(out, "the share of the measured peak is %s.\n", claim->verdict);
    else
        fprintf(out, "it reaches %s (%s) of the measured peak: %s%s.\n", table_number(claim->ratio.median, number),
                table_interval(claim->ratio.low, claim->ratio.high, interval),
                claim->outcome == CLAIM_NOT_SHOWN ? claim->verdict : ends[claim->outcome],
                claim->note[0] != '\0' ? " (rests on a noisy cell)" : "");
}

int part_pays(const struct report *report, FILE *out)
{
    fprintf(out,
            "## Where it pays\n\nMeasured chunks up to CPython's rule, %llu. \"From chunk c on\": c and every larger "
            "one.\n\n",
            (unsigned long long)study_python_chunk(&report->study));
    for (size_t i = 0; i < REPORT_BACKENDS; i++) {
        const char *backend = report_backends[i];

        break_even_sentence(report, backend, out);
        peak_sentence(claim_of(report, backend, "pays-at-2m-rows"), "At 2 million rows, chunk 25000,", out);
        peak_sentence(claim_of(report, backend, "compute-reaches-peak"), "With kernel `compute` at chunk 1,", out);
    }
    return 0;
}
