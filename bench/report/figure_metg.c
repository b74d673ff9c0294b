/* SPDX-License-Identifier: MIT
 *
 * Figure (e): efficiency against granularity, a line each of a few chosen backends and calls, so that METG(x) is where
 * a line crosses x for the last time. Every line has its place, colour and shape whether others are there or not: what
 * `series` stands for in plots/fig_metg.gp is the order of the table here.
 */
#include <math.h>
#include <string.h>

#include "analysis/metg.h"
#include "figure.h"

static const struct {
    const char *backend, *call, *schedule, *label;
} lines[] = {
    {"fork", "map", "steal", "fork map steal"},         {"pthread", "map", "steal", "pthread map steal"},
    {"openmp", "map", "dynamic", "openmp map dynamic"}, {"tbb-simple", "map", "-", "TBB at grain 1"},
    {"fork", "map", "dynamic", "fork map dynamic"},     {"gomp-task", "map", "-", "gomp: a task each"},
    {"fork", "apply_async", "-", "fork apply_async"},   {"fork", "apply", "-", "fork apply (on 1 CPU)"},
};
#define LINES (sizeof lines / sizeof lines[0])

/* "fork map steal: 5.21 ns". */
static void entry_put(struct sheet *sheet, const struct metg_curve *curve, size_t line)
{
    static const char *const signs[] = {[METG_FOUND] = "", [METG_BELOW] = "< ", [METG_ABOVE] = "> "};
    const struct metg_value *value = &curve->values[METG_OF_PEAK][METG_50];
    char text[FIGURE_TEXT_MAX], time[32];

    if (value->censored == METG_UNKNOWN) {
        snprintf(text, sizeof text, "%s", lines[line].label);
    } else {
        figure_time(value->ns, time);
        snprintf(text, sizeof text, "%s: %s%s", lines[line].label, signs[value->censored], time);
    }
    sheet_series(sheet, "entry", 0, (int)line + 1, figure_find_backend(lines[line].backend), text);
}

static void curve_put(struct sheet *sheet, const struct metg_curve *curve, size_t line, struct span *x, struct span *y)
{
    for (size_t i = 0; i < curve->count; i++) {
        const struct metg_point *point = &curve->points[i];
        const struct estimate *reached = &point->reached[METG_OF_PEAK];

        if (!isfinite(point->g.median) || !isfinite(reached->median)) {
            continue;
        }
        sheet_put(sheet, &(struct sheet_mark){.kind = "point",
                                              .series = (int)line + 1,
                                              .backend = figure_find_backend(lines[line].backend),
                                              .x = point->g.median,
                                              .y = reached->median,
                                              .low = isfinite(reached->low) ? reached->low : reached->median,
                                              .high = isfinite(reached->high) ? reached->high : reached->median,
                                              .text = point->is_noisy ? "noisy" : "ok"});
        span_add(x, point->g.median);
        span_add(y, reached->median);
        span_add(y, reached->high);
    }
}

/* How far the peak itself is from P_used times the serial callback. */
static void peak_text(struct sheet *sheet, const struct metg *metg)
{
    struct span share = {NAN, NAN};
    char text[32];

    for (size_t i = 0; i < metg->count; i++) {
        for (size_t k = 0; k < metg->curves[i].count && strcmp(metg->curves[i].cell.call, "apply") != 0; k++) {
            const struct metg_point *point = &metg->curves[i].points[k];

            span_add(&share, point->reached[METG_OF_WORK].median / point->reached[METG_OF_PEAK].median);
        }
    }
    if (!isnan(share.low)) {
        span_text(&share, text);
        sheet_text(sheet, "subtitle2", 0, "peak: a copy of the kernel a CPU (%s × P callbacks)", text);
    }
}

void figure_metg(struct sheet *sheet, const struct figure_source *source)
{
    struct metg metg;
    struct span x = {NAN, NAN}, y = {NAN, NAN};

    if (metg_make(&metg, source->study) != 0) {
        return;
    }
    for (size_t i = 0; i < LINES; i++) {
        const struct metg_curve *curve = metg_find(&metg, lines[i].backend, lines[i].call, lines[i].schedule);

        if (curve) {
            entry_put(sheet, curve, i);
            curve_put(sheet, curve, i, &x, &y);
        }
    }
    sheet_text(sheet, "title", 0, "How short may a task be?");
    sheet_text(sheet, "subtitle", 0, "chunk 1; efficiency: time of the measured peak / time taken");
    peak_text(sheet, &metg);
    sheet_text(sheet, "xlabel", 0, "granularity (core time a task: wall time × P / tasks)");
    sheet_text(sheet, "ylabel", 0, "efficiency");
    sheet_text(sheet, "legendtitle", 0, "METG(50 %%): where the line reaches 50 %% for good");
    for (int i = 0; i < METG_THRESHOLDS; i++) {
        char text[16];

        snprintf(text, sizeof text, "%.0f %%", 100 * metg_thresholds[i]);
        sheet_put(sheet,
                  &(struct sheet_mark){
                      .kind = "threshold", .x = NAN, .y = metg_thresholds[i], .low = NAN, .high = NAN, .text = text});
    }
    sheet_put(sheet,
              &(struct sheet_mark){.kind = "threshold", .x = NAN, .y = 1, .low = NAN, .high = NAN, .text = "peak"});
    sheet->noisy_mark = "open";
    sheet->extent = "tasks of 1 ns to 10 ms";
    sheet_range(sheet, "xrange", 0, x.low / 1.6, x.high * 1.6);
    sheet_range(sheet, "yrange", 0, 0, fmax(1.05, 1.03 * y.high));
    metg_free(&metg);
}
