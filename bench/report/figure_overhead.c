/* SPDX-License-Identifier: MIT
 *
 * Figure (b): overhead per task, as bars on a log axis, a group a way of handing tasks over. What is not above the
 * noise (the interval reaches down to 0) has no length on a log axis: an open marker on the edge, with its value.
 */
#include <math.h>
#include <string.h>

#include "figure.h"

struct overhead_group {
    const char *call, *label;
    int chunk; /* 0: does not apply; -1: CPython's rule */
};

static const struct overhead_group groups[] = {
    {.call = "apply", .label = "apply: one call a row"},
    {.call = "map", .label = "map: chunk 1", .chunk = 1},
    {.call = "map", .label = "map: chunk 64", .chunk = 64},
    {.call = "map", .label = "map: chunk by CPython's rule", .chunk = -1},
};
#define GROUPS        (sizeof groups / sizeof groups[0])
#define GROUP_CHUNK_1 1

struct overhead_bar {
    const struct figure_backend *backend;
    const struct summary_row *row; /* NULL: not measured */
    double low, high;              /* interval of the overhead; NAN: not known */
};

static const struct summary_row *overhead_row(const struct figure_source *source, const struct overhead_group *group,
                                              const struct figure_backend *backend)
{
    const struct figure_line line = {.kernel = "howmany",
                                     .call = group->call,
                                     .backend = backend,
                                     .schedule = strcmp(group->call, "map") == 0 ? "dynamic" : NULL,
                                     .chunk = group->chunk < 0 ? cell_python_chunk(source->rows, source->workers)
                                                               : (uint64_t)group->chunk,
                                     .workers = source->workers,
                                     .rows = source->rows};
    const struct summary_row *row;
    size_t at = 0;

    do {
        row = figure_next(source, &line, &at);
    } while (row && !isfinite(row->overhead_ns_per_task));
    return row;
}

static bool overhead_has(const struct figure_source *source, const struct figure_backend *backend)
{
    for (size_t i = 0; i < GROUPS; i++) {
        if (overhead_row(source, &groups[i], backend)) {
            return true;
        }
    }
    return false;
}

/* The interval is that of the wall time, carried over. */
static void overhead_measure(const struct figure_source *source, struct overhead_bar *bar)
{
    const struct summary_row *row = bar->row;
    double used = figure_used(source, row), tasks = (double)row->tasks;

    bar->low = row->overhead_ns_per_task + used * (row->ci_low_ns - row->median_ns) / tasks;
    bar->high = row->overhead_ns_per_task + used * (row->ci_high_ns - row->median_ns) / tasks;
}

static bool overhead_open(const struct overhead_bar *bar)
{
    return bar->row->overhead_ns_per_task <= 0 || bar->low <= 0;
}

static void overhead_put(struct sheet *sheet, const struct overhead_bar *bar, double y, double edge)
{
    char text[FIGURE_TEXT_MAX], time[32];
    bool open = bar->row && overhead_open(bar);
    struct sheet_mark mark = {.backend = bar->backend, .x = edge, .y = y, .low = NAN, .high = NAN, .text = text};

    mark.kind = "name";
    mark.text = bar->backend->label;
    sheet_put(sheet, &mark);
    mark.text = text;
    if (bar->row) {
        figure_time(bar->row->overhead_ns_per_task, time);
        snprintf(text, sizeof text, open ? "%s: below noise%s" : "%s%s", time,
                 strcmp(bar->row->quality, "noisy") == 0 ? " *" : "");
        mark.kind = open ? "open" : "bar";
        sheet->noisy += strcmp(bar->row->quality, "noisy") == 0;
        mark.x = bar->row->overhead_ns_per_task;
        mark.low = bar->low;
        mark.high = bar->high;
        sheet_put(sheet, &mark);
    }
    /* where its text stands: to the right of bar and interval, or at the edge */
    mark.kind = "value";
    mark.x = !bar->row || open ? edge : fmax(mark.x, isfinite(mark.high) ? mark.high : mark.x);
    mark.low = mark.high = NAN;
    if (!bar->row) {
        snprintf(text, sizeof text, "not measured");
    }
    mark.series = open; /* 1: an open marker stands before the text */
    sheet_put(sheet, &mark);
}

/* All bars, from the top down; the axis must reach from below the smallest bar to well past the largest, for the
 * text. First pass (edge NAN): only the span. Returns the y of the lowest bar. */
static double overhead_bars(struct sheet *sheet, const struct figure_source *source, struct span *span, double edge)
{
    double y = 0;

    for (size_t g = 0; g < GROUPS; g++) {
        y -= 1.4;
        if (!isnan(edge)) {
            sheet_put(sheet, &(struct sheet_mark){
                                 .kind = "group", .x = edge, .y = y, .low = NAN, .high = NAN, .text = groups[g].label});
        }
        for (size_t i = 0; i < FIGURE_BACKENDS; i++) {
            struct overhead_bar bar = {.backend = &figure_backends[i]};
            if (!overhead_has(source, bar.backend)) {
                continue;
            }
            y -= 1;
            bar.row = overhead_row(source, &groups[g], bar.backend);
            if (bar.row) {
                overhead_measure(source, &bar);
                if (!overhead_open(&bar)) {
                    span_add(span, isfinite(bar.low) ? bar.low : bar.row->overhead_ns_per_task);
                    span_add(span, isfinite(bar.high) ? bar.high : bar.row->overhead_ns_per_task);
                }
            }
            if (!isnan(edge)) {
                overhead_put(sheet, &bar, y, edge);
            }
        }
    }
    return y;
}

/* The range over grain's own backends. */
static void overhead_subtitle(struct sheet *sheet, const struct figure_source *source, double work)
{
    struct span ratio = {NAN, NAN};

    for (size_t i = 0; i < FIGURE_BACKENDS; i++) {
        const struct summary_row *row = overhead_row(source, &groups[GROUP_CHUNK_1], &figure_backends[i]);
        if (row && !figure_backends[i].peer) {
            span_add(&ratio, row->overhead_ns_per_task / work);
        }
    }
    if (!isnan(ratio.low)) {
        char text[32];
        span_text(&ratio, text);
        sheet_text(sheet, "subtitle2", 0, "map (dynamic) at chunk 1: %s × a task's work", text);
    }
}

void figure_overhead(struct sheet *sheet, const struct figure_source *source)
{
    struct span span = {NAN, NAN};
    double work = figure_baseline(source, "callback");
    char text[FIGURE_TEXT_MAX];

    overhead_bars(sheet, source, &span, NAN);
    span_add(&span, isfinite(work) ? work : 1);
    double edge = pow(10, floor(log10(span.low / 2)));
    double bottom = overhead_bars(sheet, source, &span, edge);
    sheet_text(sheet, "title", 0, "What handing over one task costs");
    sheet->noisy_mark = "*";
    sheet_text(sheet, "subtitle", 0, "(CPUs used × wall − serial callback) / tasks");
    overhead_subtitle(sheet, source, work);
    sheet_text(sheet, "xlabel", 0, "overhead (core time per task)");
    sheet_range(sheet, "xrange", 0, edge, span.high * cbrt(span.high / edge)); /* a quarter is left for the text */
    sheet_range(sheet, "yrange", 0, bottom - 0.8, -0.6);
    if (isfinite(work)) {
        snprintf(text, sizeof text, "work of one task: %.2g ns", work);
        sheet_put(sheet,
                  &(struct sheet_mark){.kind = "rule", .x = work, .y = NAN, .low = NAN, .high = NAN, .text = text});
    }
}
