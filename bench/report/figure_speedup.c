/* SPDX-License-Identifier: MIT
 *
 * Figure (c): speedup over `serial callback` against workers, for `howmany` at chunk 1 and at its best chunk, and
 * for `compute` with 100 ms of serial work or more. The best chunk of a backend is the quickest, at P workers,
 * among the chunks that were measured at every worker count of that backend.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"

#define SPEEDUP_POINTS_MAX 64
#define SPEEDUP_WORK_NS    100e6

static int by_workers(const void *left, const void *right)
{
    const struct summary_row *a = *(const struct summary_row *const *)left;
    const struct summary_row *b = *(const struct summary_row *const *)right;

    return (a->cell.workers > b->cell.workers) - (a->cell.workers < b->cell.workers);
}

static size_t speedup_rows(const struct figure_source *source, const struct figure_line *line,
                           const struct summary_row *rows[SPEEDUP_POINTS_MAX])
{
    const struct summary_row *row;
    size_t count = 0, at = 0;

    while (count < SPEEDUP_POINTS_MAX && (row = figure_next(source, line, &at))) {
        if (isfinite(row->speedup_callback)) {
            rows[count++] = row;
        }
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is sorted */
    qsort(rows, count, sizeof rows[0], by_workers);
    return count;
}

/* How many worker counts a line has; of all chunks together when its chunk is 0. */
static int speedup_counts(const struct figure_source *source, const struct figure_line *line)
{
    int counts = 0, last = 0;
    const struct summary_row *row;

    do { /* the next larger count, until there is none */
        int next = 0;
        size_t at = 0;
        while ((row = figure_next(source, line, &at))) {
            int workers = row->cell.workers;
            next = workers > last && (!next || workers < next) ? workers : next;
        }
        last = next;
        counts += next > 0;
    } while (last);
    return counts;
}

/* Takes one candidate if it was measured at every worker count and is quicker than the best so far. */
static void speedup_try(const struct figure_source *source, struct figure_line line, uint64_t chunk, int counts,
                        double *best_ns, uint64_t *best)
{
    const struct summary_row *row;
    size_t at = 0;

    line.chunk = chunk;
    if (speedup_counts(source, &line) < counts) {
        return;
    }
    line.workers = source->workers;
    row = figure_next(source, &line, &at);
    if (row && row->ns_per_row < *best_ns) {
        *best_ns = row->ns_per_row;
        *best = chunk;
    }
}

/* 0: none. CPython's rule counts as one chunk, though its number depends on the workers. */
static uint64_t speedup_best_chunk(const struct figure_source *source, struct figure_line line)
{
    const struct summary_row *row;
    double best_ns = INFINITY;
    uint64_t best = 0;
    size_t at = 0;
    int counts = speedup_counts(source, &line);

    while ((row = figure_next(source, &line, &at))) {
        speedup_try(source, line, row->cell.chunk, counts, &best_ns, &best);
    }
    speedup_try(source, line, FIGURE_CHUNK_RULE, counts, &best_ns, &best);
    return best;
}

/* The compute cells with the least serial work that is enough, or else with the most work: kernel and rows go into
 * the line, the work is told in the title. false: none. */
static bool speedup_compute(const struct figure_source *source, struct figure_line *line, double *work_ns)
{
    *work_ns = 0;
    for (size_t i = 0; i < source->summary->count; i++) {
        const struct summary_row *row = &source->summary->rows[i];
        double work = row->speedup_callback * row->ns_per_row * (double)row->cell.rows;
        bool better = *work_ns < SPEEDUP_WORK_NS ? work > *work_ns : work >= SPEEDUP_WORK_NS && work < *work_ns / 1.5;
        if (better && strncmp(row->cell.kernel, "compute", 7) == 0 && strcmp(row->cell.call, "map") == 0) {
            *work_ns = work;
            line->kernel = row->cell.kernel;
            line->rows = row->cell.rows;
        }
    }
    return *work_ns > 0;
}

static void speedup_point(struct sheet *sheet, int panel, int series, const struct figure_backend *backend,
                          const struct summary_row *row, struct span *x, struct span *y)
{
    double wall = row->median_ns, speedup = row->speedup_callback;
    struct sheet_mark mark = {.kind = "point",
                              .panel = panel,
                              .series = series,
                              .backend = backend,
                              .x = row->cell.workers,
                              .y = speedup,
                              .low = speedup * wall / row->ci_high_ns,
                              .high = speedup * wall / row->ci_low_ns,
                              .text = row->quality};

    sheet_put(sheet, &mark);
    span_add(x, mark.x);
    span_add(y, mark.y);
    span_add(y, mark.low);
    span_add(y, mark.high);
}

/* One panel of the three, and what it found: the chunk of each backend's line, 0: no line. */
struct speedup_panel {
    struct figure_line line; /* kernel, rows; chunk 0: each backend's best */
    bool measured;
    char title[FIGURE_TEXT_MAX];
    uint64_t chunks[FIGURE_BACKENDS];
    struct span at_p; /* speedups at P workers */
};

static void speedup_draw(struct sheet *sheet, const struct figure_source *source, int number,
                         struct speedup_panel *panel, struct span *x, struct span *y)
{
    const struct summary_row *rows[SPEEDUP_POINTS_MAX];
    int series = 0;

    sheet_text(sheet, "panel", number, "%s", panel->title);
    for (size_t i = 0; panel->measured && i < FIGURE_BACKENDS; i++) {
        struct figure_line line = panel->line;
        line.backend = &figure_backends[i];
        line.chunk = line.chunk ? line.chunk : speedup_best_chunk(source, line);
        size_t count = line.chunk && !line.backend->peer ? speedup_rows(source, &line, rows) : 0;
        if (count > 0) {
            panel->chunks[i] = line.chunk;
            sheet_series(sheet, "series", number, ++series, line.backend, "");
        }
        for (size_t k = 0; k < count; k++) {
            speedup_point(sheet, number, series, line.backend, rows[k], x, y);
            span_add(&panel->at_p, rows[k]->cell.workers == source->workers ? rows[k]->speedup_callback : NAN);
        }
    }
    if (series == 0) {
        sheet_text(sheet, "none", number, "not measured");
    }
}

/* "fork (chunk b: 4096; c: 16)": one legend for all panels. */
static void speedup_legend(struct sheet *sheet, const struct speedup_panel panels[3])
{
    int series = 0;

    for (size_t i = 0; i < FIGURE_BACKENDS; i++) {
        char text[FIGURE_TEXT_MAX], chunk[32];
        int used = snprintf(text, sizeof text, "%s", figure_backends[i].label), first = used;
        if (!panels[0].chunks[i] && !panels[1].chunks[i] && !panels[2].chunks[i]) {
            continue;
        }
        for (int k = 1; k < 3; k++) {
            if (panels[k].chunks[i]) {
                snprintf(chunk, sizeof chunk, "%llu", (unsigned long long)panels[k].chunks[i]);
                used += snprintf(text + used, sizeof text - (size_t)used, "%s%c: %s", used == first ? " (chunk " : "; ",
                                 "abc"[k], panels[k].chunks[i] == FIGURE_CHUNK_RULE ? "⌈n/4P⌉" : chunk);
            }
        }
        snprintf(text + used, sizeof text - (size_t)used, "%s", used == first ? "" : ")");
        sheet_series(sheet, "legend", 0, ++series, &figure_backends[i], text);
    }
}

/* "at 2 workers: a 0.08 to 0.14; b 1.8 to 1.9". */
static void speedup_subtitle(struct sheet *sheet, const struct figure_source *source,
                             const struct speedup_panel panels[3])
{
    char text[FIGURE_TEXT_MAX];
    int used = snprintf(text, sizeof text, "at %d workers:", source->workers);
    bool any = false;

    if (source->usable_cpus == 1) {
        sheet_text(sheet, "subtitle2", 0, "not shown: 1 usable CPU");
        return;
    }
    for (int i = 0; i < 3; i++) {
        const struct span *at_p = &panels[i].at_p;
        if (!isnan(at_p->low)) {
            char range[32];
            span_text(at_p, range);
            used += snprintf(text + used, sizeof text - (size_t)used, "%s %c %s", any ? ";" : "", "abc"[i], range);
            any = true;
        }
    }
    if (any) {
        sheet_text(sheet, "subtitle2", 0, "%s", text);
    }
}

static void speedup_plan(const struct figure_source *source, struct speedup_panel panels[3])
{
    const struct figure_line howmany = {
        .kernel = "howmany", .call = "map", .schedule = "dynamic", .rows = source->rows};
    double work_ns;
    char work[32] = "≥ 100 ms";

    for (int i = 0; i < 3; i++) {
        panels[i] = (struct speedup_panel){.line = howmany, .measured = true, .at_p = {NAN, NAN}};
    }
    panels[0].line.chunk = 1;
    panels[2].measured = speedup_compute(source, &panels[2].line, &work_ns);
    if (panels[2].measured) {
        figure_time(work_ns, work);
    }
    snprintf(panels[0].title, FIGURE_TEXT_MAX, "(a) howmany: chunk 1");
    snprintf(panels[1].title, FIGURE_TEXT_MAX, "(b) howmany: best chunk");
    snprintf(panels[2].title, FIGURE_TEXT_MAX, "(c) compute: %s of work", work);
}

/* min(P, usable CPUs): a slope up to the CPUs, then flat. */
static void speedup_ideal(struct sheet *sheet, const struct figure_source *source, struct span *x, struct span *y)
{
    double cpus = source->usable_cpus ? source->usable_cpus : x->high;
    double corners[] = {x->low, fmin(fmax(cpus, x->low), x->high), x->high};

    for (int i = 0; i < 3; i++) {
        double ideal = fmin(corners[i], cpus);
        sheet_put(sheet, &(struct sheet_mark){.kind = "ideal",
                                              .x = corners[i],
                                              .y = ideal,
                                              .low = NAN,
                                              .high = NAN,
                                              .text = "ideal: as many CPUs as workers"});
        span_add(y, ideal);
    }
    if (x->high > cpus) {
        sheet_range(sheet, "shade", 0, cpus * 1.12, x->high * 1.25);
        sheet_text(sheet, "shadelabel", 0, "more workers than CPUs (%.0f)", cpus);
    }
}

void figure_speedup(struct sheet *sheet, const struct figure_source *source)
{
    struct span x = {NAN, NAN}, y = {NAN, NAN};
    struct speedup_panel panels[3];

    sheet_text(sheet, "title", 0, "Speedup against workers");
    sheet_text(sheet, "subtitle", 0, "over serial callback; map; schedule dynamic; log scales");
    sheet_text(sheet, "xlabel", 0, "workers");
    sheet_text(sheet, "ylabel", 0, "speedup over serial callback");
    speedup_plan(source, panels);
    for (int i = 0; i < 3; i++) {
        speedup_draw(sheet, source, i + 1, &panels[i], &x, &y);
    }
    if (isnan(x.low)) {
        return;
    }
    speedup_subtitle(sheet, source, panels);
    speedup_legend(sheet, panels);
    span_add(&y, 1);
    speedup_ideal(sheet, source, &x, &y);
    sheet_range(sheet, "xrange", 0, x.low / 1.25, x.high * 1.25);
    sheet_range(sheet, "yrange", 0, y.low / 1.6, y.high * 1.6);
}
