/* SPDX-License-Identifier: MIT
 *
 * The finding, once as three sentences for RESULTS.md and once as three short lines for a terminal. Every sentence
 * has a wording for each outcome; which one is printed is decided by the claims alone.
 */
#include <math.h>
#include <string.h>

#include "report/parts.h"
#include "report/table.h"

#define LINE_MAX_CHARS 79
#define PART_CLAIMS    4

/* Some claims taken together: they hold when each does; one that does not hold decides. */
struct together {
    const struct claim *claims[PART_CLAIMS];
    size_t count;
    enum claim_outcome outcome;
    const char *reason; /* of the first claim that is not shown */
    const char *noisy;  /* " (rests on noisy cells)" or "" */
};

static struct together together(const struct report *report, const char *const *ids, size_t count)
{
    struct together all = {.count = count, .outcome = CLAIM_HOLDS, .reason = "", .noisy = ""};

    for (size_t i = 0; i < count; i++) {
        const struct claim *claim = all.claims[i] = claims_find(&report->claims, ids[i]);

        if (claim->note[0] != '\0')
            all.noisy = " (rests on noisy cells)";
        if (claim->outcome == CLAIM_NOT_SHOWN && all.outcome == CLAIM_HOLDS) {
            all.outcome = CLAIM_NOT_SHOWN;
            all.reason = strchr(claim->verdict, ':') + 2; /* "not shown: REASON" */
        }
        if (claim->outcome == CLAIM_FAILS)
            all.outcome = CLAIM_FAILS;
    }
    return all;
}

static const char *const fork_ids[] = {"fork-apply-slower-than-loop", "fork-apply-slower-than-callback",
                                       "fork-map1-slower-than-loop", "fork-map1-slower-than-callback"};
static const char *const cpython_ids[] = {"cpython-apply-slower-than-own-loop", "cpython-map1-slower-than-own-loop"};
static const char *const chunk_ids[] = {"fork-chunk1-costs-3x-best", "pthread-chunk1-costs-3x-best",
                                        "openmp-chunk1-costs-3x-best"};

/* How a sentence starts and ends, by outcome. */
struct wording {
    const char *start[3], *end[3];
};

static void write_start(FILE *out, const struct wording *wording, const struct together *all)
{
    fputs(wording->start[all->outcome], out);
    if (all->outcome == CLAIM_NOT_SHOWN)
        fprintf(out, " (%s)", all->reason);
}

static void write_end(FILE *out, const struct wording *wording, const struct together *all)
{
    fprintf(out, "%s%s.\n", wording->end[all->outcome], all->noisy);
}

static void write_ratio(FILE *out, const struct claim *claim)
{
    char number[TABLE_NUMBER_MAX], interval[2 * TABLE_NUMBER_MAX];

    if (isnan(claim->ratio.median))
        fputs("? x (not measured)", out);
    else if (isnan(claim->ratio.low))
        fprintf(out, "%s x (no interval)", table_number(claim->ratio.median, number));
    else
        fprintf(out, "%s x (%s)", table_number(claim->ratio.median, number),
                table_interval(claim->ratio.low, claim->ratio.high, interval));
}

static void sentence_fork(const struct report *report, FILE *out)
{
    static const struct wording wording = {.start = {"Handing over one row at a time loses",
                                                     "That handing over one row at a time loses does not hold here",
                                                     "Whether handing over one row at a time loses is not shown here"},
                                           .end = {"; all four 95 % intervals lie above 1, so this holds",
                                                   "; not all four ratios lie above 1, so this does not hold",
                                                   "; so this is not shown"}};
    struct together all = together(report, fork_ids, 4);

    fputs("1. ", out);
    write_start(out, &wording, &all);
    fprintf(out, ": with fork and %d %s, `apply` takes ", report->study.workers,
            report->study.workers == 1 ? "worker" : "workers");
    write_ratio(out, all.claims[0]);
    fputs(" the time of the serial loop and ", out);
    write_ratio(out, all.claims[1]);
    fputs(" that of the serial callback, and `map` (`dynamic`, chunk 1) ", out);
    write_ratio(out, all.claims[2]);
    fputs(" and ", out);
    write_ratio(out, all.claims[3]);
    write_end(out, &wording, &all);
}

static void sentence_cpython(const struct report *report, FILE *out)
{
    static const struct wording wording = {
        .start = {"CPython's `multiprocessing` loses likewise",
                  "That CPython's `multiprocessing` loses likewise does not hold here",
                  "Whether CPython's `multiprocessing` loses likewise is not shown here"},
        .end = {"; both intervals lie above 1, so this holds", "; not both ratios lie above 1, so this does not hold",
                "; so this is not shown"}};
    struct together all = together(report, cpython_ids, 2);

    fputs("2. ", out);
    write_start(out, &wording, &all);
    fputs(": `Pool.apply` takes ", out);
    write_ratio(out, all.claims[0]);
    fputs(" the time of its own serial loop and `Pool.map` with chunk 1 ", out);
    write_ratio(out, all.claims[1]);
    write_end(out, &wording, &all);
}

static void sentence_chunk(const struct report *report, FILE *out)
{
    static const struct wording wording = {
        .start = {"The chunk decides", "That the chunk decides does not hold on every backend here",
                  "Whether the chunk decides is not shown here"},
        .end = {"; at least 3 x holds on each of them", "; at least 3 x does not hold on each of them",
                "; at least 3 x is not shown for each of them"}};
    struct together all = together(report, chunk_ids, REPORT_BACKENDS);

    fputs("3. ", out);
    write_start(out, &wording, &all);
    fputs(": compared with the backend's own best chunk, `dynamic` at chunk 1 costs ", out);
    for (size_t i = 0; i < all.count; i++) {
        fputs(i == 0 ? "" : i + 1 < all.count ? ", " : " and ", out);
        write_ratio(out, all.claims[i]);
        fprintf(out, " on %s", report_backends[i]);
        if (all.claims[i]->chunk > 0)
            fprintf(out, " (best: chunk %llu)", (unsigned long long)all.claims[i]->chunk);
    }
    write_end(out, &wording, &all);
}

int part_finding(const struct report *report, FILE *out)
{
    fputs("## The finding\n\n", out);
    sentence_fork(report, out);
    sentence_cpython(report, out);
    sentence_chunk(report, out);
    return 0;
}

/* Writes text, broken at blanks so that no line is longer than a terminal; what follows is indented. */
static void write_wrapped(FILE *out, const char *text)
{
    while (strlen(text) > LINE_MAX_CHARS) {
        const char *cut = text + LINE_MAX_CHARS;

        while (cut > text && *cut != ' ')
            cut--;
        if (cut == text)
            break;
        fprintf(out, "%.*s\n  ", (int)(cut - text), text);
        text = cut + 1;
    }
    fprintf(out, "%s\n", text);
}

/* The smaller of two ratios: what holds against both baselines. */
static double smaller(const struct claim *a, const struct claim *b)
{
    return fmin(a->ratio.median, b->ratio.median);
}

static const char *line_start(const struct together *all)
{
    static const char *const starts[] = {"Holds", "Does not hold", "Not shown"};

    return starts[all->outcome];
}

static const char *line_end(const struct together *all, char text[128])
{
    bool shown = all->outcome != CLAIM_NOT_SHOWN;

    snprintf(text, 128, "%s%s%s%s", shown ? "" : " (", shown ? "" : all->reason, shown ? "" : ")",
             all->noisy[0] != '\0' ? " (noisy)" : "");
    return text;
}

int report_finding(const struct report *report, FILE *out)
{
    struct together processes = together(report, fork_ids, 4);
    struct together cpython = together(report, cpython_ids, 2);
    struct together chunk = together(report, chunk_ids, REPORT_BACKENDS);
    char line[512], a[TABLE_NUMBER_MAX], b[TABLE_NUMBER_MAX], c[TABLE_NUMBER_MAX], end[128];

    snprintf(line, sizeof line, "%s: fork apply takes %s x, map chunk 1 %s x the serial time%s", line_start(&processes),
             table_number(smaller(processes.claims[0], processes.claims[1]), a),
             table_number(smaller(processes.claims[2], processes.claims[3]), b), line_end(&processes, end));
    write_wrapped(out, line);
    snprintf(line, sizeof line, "%s: CPython apply takes %s x, map chunk 1 %s x its own loop%s", line_start(&cpython),
             table_number(cpython.claims[0]->ratio.median, a), table_number(cpython.claims[1]->ratio.median, b),
             line_end(&cpython, end));
    write_wrapped(out, line);
    snprintf(line, sizeof line, "%s: chunk 1 costs 3 x the best: fork %s, pthread %s, openmp %s%s", line_start(&chunk),
             table_number(chunk.claims[0]->ratio.median, a), table_number(chunk.claims[1]->ratio.median, b),
             table_number(chunk.claims[2]->ratio.median, c), line_end(&chunk, end));
    write_wrapped(out, line);
    return 0;
}
