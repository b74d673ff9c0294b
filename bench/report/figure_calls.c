/* SPDX-License-Identifier: MIT
 *
 * Figure (d): the calls of the tutorial on one log axis of ns a task, from a process a task down to a map: a group a
 * call, a point a backend and CPython, its time beside it; the serial loops as lines.
 */
#include <math.h>
#include <string.h>

#include "figure.h"

#define GROUP_GAP 0.9 /* between two groups, in rows */

enum { GROUP_SPAWN, GROUP_APPLY, GROUP_APPLY_ASYNC, GROUP_MAP_1, GROUP_MAP_PYTHON, GROUP_MAP_AUTO, GROUPS };

static const struct calls_group {
    const char *call, *label;
    uint64_t chunk; /* 0: does not apply */
} groups[GROUPS] = {
    [GROUP_SPAWN] = {"spawn", "spawn\na process a task", 0},
    [GROUP_APPLY] = {"apply", "apply\none call a task", 0},
    [GROUP_APPLY_ASYNC] = {"apply_async", "apply_async\nand get", 0},
    [GROUP_MAP_1] = {"map", "map\nchunk 1", 1},
    [GROUP_MAP_PYTHON] = {"map", "map\nCPython's chunk", FIGURE_CHUNK_RULE},
    [GROUP_MAP_AUTO] = {"map", "map\nthe pool's choice", FIGURE_CHUNK_AUTO},
};

static const struct summary_row *calls_row(const struct figure_source *source, const struct calls_group *group,
                                           const struct figure_backend *backend)
{
    const struct figure_line line = {.kernel = "howmany",
                                     .call = group->call,
                                     .backend = backend,
                                     .chunk = group->chunk,
                                     .workers = strcmp(group->call, "spawn") == 0 ? 0 : source->workers,
                                     .rows = source->rows};
    size_t at = 0;

    return figure_next(source, &line, &at);
}

/* Only the sweep of the calls has this one: other sweeps' maps and apply are in other figures. */
static bool calls_measured(const struct figure_source *source)
{
    for (size_t i = 0; i < FIGURE_BACKENDS; i++) {
        if (calls_row(source, &groups[GROUP_APPLY_ASYNC], &figure_backends[i])) {
            return true;
        }
    }
    return false;
}

static void calls_point(struct sheet *sheet, const struct figure_backend *backend, const struct summary_row *row,
                        double y, struct span *x)
{
    double tasks = (double)row->tasks;
    struct sheet_mark mark = {.kind = "point",
                              .backend = backend,
                              .x = row->ns_per_row,
                              .y = y,
                              .low = row->ci_low_ns / tasks,
                              .high = row->ci_high_ns / tasks,
                              .text = row->quality};
    char time[32];

    sheet_put(sheet, &mark);
    span_add(x, mark.x);
    span_add(x, mark.low);
    span_add(x, mark.high);
    figure_time(row->ns_per_row, time);
    mark.kind = "value"; /* its text stands to the right of point and interval */
    mark.x = isfinite(mark.high) ? fmax(mark.x, mark.high) : mark.x;
    mark.low = mark.high = NAN;
    mark.text = time;
    sheet_put(sheet, &mark);
}

/* All groups, from the top down. Returns the y of the last row. */
static double calls_groups(struct sheet *sheet, const struct figure_source *source, bool seen[FIGURE_BACKENDS],
                           struct span *x)
{
    double y = GROUP_GAP;

    for (size_t g = 0; g < GROUPS; g++) {
        double first = y - GROUP_GAP - 1;
        size_t points = 0;

        for (size_t i = 0; i < FIGURE_BACKENDS; i++) {
            const struct summary_row *row = calls_row(source, &groups[g], &figure_backends[i]);
            if (row) {
                calls_point(sheet, &figure_backends[i], row, first - (double)points++, x);
                seen[i] = true;
            }
        }
        if (points > 0) {
            y = fmin(first - (double)(points - 1), first - 1); /* a label's two lines need two rows */
            sheet_put(
                sheet,
                &(struct sheet_mark){
                    .kind = "group", .x = NAN, .y = (first + y) / 2, .low = NAN, .high = NAN, .text = groups[g].label});
        }
    }
    return y;
}

static void calls_baseline(struct sheet *sheet, const char *kind, int series, double value, const char *label,
                           struct span *x)
{
    char text[FIGURE_TEXT_MAX], time[32];

    if (isfinite(value)) {
        figure_time(value, time);
        snprintf(text, sizeof text, "%s %s", label, time);
        sheet_put(sheet,
                  &(struct sheet_mark){
                      .kind = kind, .series = series, .x = value, .y = NAN, .low = NAN, .high = NAN, .text = text});
        span_add(x, value);
    }
}

/* The loop's text stands left of its line, the callback's right of it: the two are close to each other. */
static void calls_baselines(struct sheet *sheet, const struct figure_source *source, struct span *x)
{
    const struct figure_line own = {
        .kernel = "howmany", .call = "loop", .backend = figure_find_backend("cpython"), .rows = source->rows};
    size_t at = 0;
    const struct summary_row *row = figure_next(source, &own, &at);

    calls_baseline(sheet, "baseline_left", 1, figure_baseline(source, "loop"), "serial loop", x);
    calls_baseline(sheet, "baseline_right", 2, figure_baseline(source, "callback"), "serial callback", x);
    calls_baseline(sheet, "baseline_above", 3, row ? row->ns_per_row : NAN, "CPython's loop", x);
}

/* The time of one cell over that of another, round by round, as the claims have it. NAN: not known. */
static double calls_ratio(const struct figure_source *source, const struct summary_row *row,
                          const struct summary_row *other)
{
    const struct series *series = row ? series_find(&source->study->set, &row->cell) : NULL;
    const struct series *beside = other ? series_find(&source->study->set, &other->cell) : NULL;
    struct estimate ratio = {.median = NAN};

    return series && beside && study_compare(series, beside, &ratio) == 0 ? ratio.median : NAN;
}

/* How many times as long CPython takes as fork, for the calls between two groups. */
static void calls_subtitle(struct sheet *sheet, const struct figure_source *source, const char *kind, size_t first,
                           size_t last)
{
    static const char *const names[GROUPS] = {
        [GROUP_APPLY] = "apply", [GROUP_APPLY_ASYNC] = "apply_async", [GROUP_MAP_1] = "map at chunk 1"};
    const struct figure_backend *fork = figure_find_backend("fork"), *cpython = figure_find_backend("cpython");
    char text[FIGURE_TEXT_MAX] = "";
    size_t used = 0;

    for (size_t g = first; g <= last; g++) {
        double ratio = calls_ratio(source, calls_row(source, &groups[g], cpython), calls_row(source, &groups[g], fork));

        if (isfinite(ratio)) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*f × (%s)", used > 0 ? "; " : "", ratio < 10,
                                     ratio, names[g]);
        }
    }
    if (used > 0) {
        sheet_text(sheet, kind, 0, "CPython over fork: %s", text);
    }
}

void figure_calls(struct sheet *sheet, const struct figure_source *source)
{
    bool seen[FIGURE_BACKENDS] = {false};
    struct span x = {NAN, NAN};
    int legends = 0;

    if (!calls_measured(source)) {
        return;
    }
    double bottom = calls_groups(sheet, source, seen, &x);
    for (size_t i = 0; i < FIGURE_BACKENDS; i++) {
        if (seen[i]) {
            sheet_series(sheet, "legend", 0, ++legends, &figure_backends[i], figure_backends[i].label);
        }
    }
    calls_baselines(sheet, source, &x);
    sheet_text(sheet, "title", 0, "What one task costs by each call");
    calls_subtitle(sheet, source, "subtitle", GROUP_APPLY, GROUP_APPLY_ASYNC);
    calls_subtitle(sheet, source, "subtitle2", GROUP_MAP_1, GROUP_MAP_1);
    sheet_text(sheet, "xlabel", 0, "wall time (per task)");
    sheet_range(sheet, "xrange", 0, x.low / 2, x.high * 12); /* a decade is left for the text */
    sheet_range(sheet, "yrange", 0, bottom - 0.9, -0.1);
}
