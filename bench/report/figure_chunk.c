/* SPDX-License-Identifier: MIT
 *
 * Figure (a): ns per row against chunk, once with the schedule `dynamic` on every backend, once with the schedule
 * that suits each backend best. Lines are drawn in the order of the chunks, so the rows are sorted here.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure.h"

#define CHUNK_POINTS_MAX 256

static int by_chunk(const void *left, const void *right)
{
    const struct summary_row *a = *(const struct summary_row *const *)left;
    const struct summary_row *b = *(const struct summary_row *const *)right;

    return (a->cell.chunk > b->cell.chunk) - (a->cell.chunk < b->cell.chunk);
}

static void chunk_point(struct sheet *sheet, int panel, int series, const struct figure_backend *backend,
                        const struct summary_row *row, struct span *y)
{
    double tasks = (double)row->tasks;

    sheet_put(sheet, &(struct sheet_mark){.kind = "point",
                                          .panel = panel,
                                          .series = series,
                                          .backend = backend,
                                          .x = (double)row->cell.chunk,
                                          .y = row->ns_per_row,
                                          .low = row->ci_low_ns / tasks,
                                          .high = row->ci_high_ns / tasks,
                                          .text = row->quality});
    span_add(y, row->ns_per_row);
    span_add(y, row->ci_low_ns / tasks);
    span_add(y, row->ci_high_ns / tasks);
}

/* One legend serves both panels; every line of (a) is in (b) too. */
static void chunk_legend(struct sheet *sheet, int series, const struct figure_backend *backend, const char *schedule)
{
    char text[FIGURE_TEXT_MAX];

    snprintf(text, sizeof text, backend->peer ? "%s Pool.map" : "%s (best: %s)", backend->label, schedule);
    sheet_series(sheet, "legend", 0, series, backend, text);
}

/* One backend's line in one panel; schedule NULL for a peer. Returns whether there is one. */
static bool chunk_line(struct sheet *sheet, const struct figure_source *source, int panel, int series,
                       const struct figure_backend *backend, const char *schedule, struct span *x, struct span *y)
{
    const struct figure_line line = {.kernel = "howmany",
                                     .call = "map",
                                     .backend = backend,
                                     .schedule = schedule,
                                     .workers = source->workers,
                                     .rows = source->rows};
    const struct summary_row *rows[CHUNK_POINTS_MAX], *row;
    size_t count = 0, at = 0;

    while (count < CHUNK_POINTS_MAX && (row = figure_next(source, &line, &at))) {
        rows[count++] = row;
    }
    if (count == 0) {
        return false;
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is sorted */
    qsort(rows, count, sizeof rows[0], by_chunk);
    sheet_series(sheet, "series", panel, series, backend, "");
    if (panel == 2) {
        chunk_legend(sheet, series, backend, schedule);
    }
    for (size_t i = 0; i < count; i++) {
        chunk_point(sheet, panel, series, backend, rows[i], y);
        span_add(x, (double)rows[i]->cell.chunk);
    }
    return true;
}

static void chunk_panel(struct sheet *sheet, const struct figure_source *source, int panel, struct span *x,
                        struct span *y)
{
    int series = 0;

    sheet_text(sheet, "panel", panel, panel == 1 ? "(a) schedule dynamic" : "(b) each backend's best schedule");
    for (size_t i = 0; i < FIGURE_BACKENDS; i++) {
        const struct figure_backend *backend = &figure_backends[i];
        const char *schedule = panel == 1 ? "dynamic"
                                          : summary_best_schedule(source->summary, "howmany", backend->name,
                                                                  source->workers, source->rows);
        if (backend->peer || schedule[0]) {
            series += chunk_line(sheet, source, panel, series + 1, backend, schedule, x, y);
        }
    }
    if (series == 0) {
        sheet_text(sheet, "none", panel, "not measured");
    }
}

/* "At chunk 1 ...": the range over grain's own backends, under `dynamic`. */
static void chunk_subtitle(struct sheet *sheet, const struct figure_source *source)
{
    struct span ratio = {NAN, NAN};

    for (size_t i = 0; i < FIGURE_BACKENDS; i++) {
        const struct figure_line line = {.kernel = "howmany",
                                         .call = "map",
                                         .backend = &figure_backends[i],
                                         .schedule = "dynamic",
                                         .chunk = 1,
                                         .workers = source->workers,
                                         .rows = source->rows};
        size_t at = 0;
        const struct summary_row *row = figure_backends[i].peer ? NULL : figure_next(source, &line, &at);
        if (row) {
            span_add(&ratio, 1 / row->speedup_callback);
        }
    }
    if (!isnan(ratio.low)) {
        char text[32];
        span_text(&ratio, text);
        sheet_text(sheet, "subtitle", 0, "dynamic at chunk 1: %s × the time of serial callback", text);
    }
}

/* Both serial baselines; the upper one is labelled above its line, the lower one below. */
static void chunk_baselines(struct sheet *sheet, const struct figure_source *source, struct span *y)
{
    double loop = figure_baseline(source, "loop"), callback = figure_baseline(source, "callback");

    for (int i = 0; i < 2; i++) {
        double value = i ? callback : loop;
        if (isfinite(value)) {
            bool above = isnan(i ? loop : callback) || value > (i ? loop : callback) || (i == 0 && loop == callback);
            sheet_put(sheet, &(struct sheet_mark){.kind = above ? "baseline_above" : "baseline_below",
                                                  .series = i + 1,
                                                  .x = NAN,
                                                  .y = value,
                                                  .low = NAN,
                                                  .high = NAN,
                                                  .text = i ? "serial\ncallback" : "serial\nloop"});
            span_add(y, value);
        }
    }
    if (isfinite(loop) && isfinite(callback)) {
        sheet_text(sheet, "subtitle2", 0, "serial loop %.2g; serial callback %.2g ns a row", loop, callback);
    }
}

void figure_chunk(struct sheet *sheet, const struct figure_source *source)
{
    struct span x = {NAN, NAN}, y = {NAN, NAN};
    double rule = (double)cell_python_chunk(source->rows, source->workers);
    char text[FIGURE_TEXT_MAX];

    sheet_text(sheet, "title", 0, "Time per row against chunk");
    chunk_subtitle(sheet, source);
    sheet_text(sheet, "xlabel", 0, "chunk (rows a worker claims at a time)");
    sheet_text(sheet, "ylabel", 0, "wall time (ns per row)");
    for (int panel = 1; panel <= 2; panel++) {
        chunk_panel(sheet, source, panel, &x, &y);
    }
    chunk_baselines(sheet, source, &y);
    snprintf(text, sizeof text, "CPython's rule ⌈n/4P⌉ = %.0f", rule);
    sheet_put(sheet, &(struct sheet_mark){.kind = "rule", .x = rule, .y = NAN, .low = NAN, .high = NAN, .text = text});
    span_add(&x, rule);
    sheet_range(sheet, "xrange", 0, x.low / 1.5, x.high * 1.5);
    sheet_range(sheet, "yrange", 0, y.low / 2.5, y.high * 1.6);
}
