/* SPDX-License-Identifier: MIT
 *
 * Figure (d): the ladder: one call of apply as a bar on a log axis, a bar a rung, with the raw round trip of its kind
 * as a line across it.
 */
#include <math.h>
#include <string.h>

#include "analysis/ladder.h"
#include "figure.h"

static const struct figure_backend *looks_of(const struct ladder_rung *rung)
{
    for (int i = 0; i < FIGURE_BACKENDS; i++) {
        if (strcmp(figure_backends[i].name, rung->backend) == 0) {
            return &figure_backends[i];
        }
    }
    return NULL;
}

static void rung_put(struct sheet *sheet, const struct figure_source *source, const struct ladder_rung *rung, double y,
                     double edge)
{
    const struct estimate *call = &rung->call_ns;
    const struct summary_row *row = summary_find(source->summary, &rung->series->cell);
    bool noisy = row && strcmp(row->quality, "noisy") == 0;
    char text[FIGURE_TEXT_MAX], time[32];
    struct sheet_mark mark = {.kind = "name", .x = edge, .y = y, .low = NAN, .high = NAN, .text = rung->name};

    mark.backend = looks_of(rung);
    sheet_put(sheet, &mark);
    mark.kind = "bar";
    mark.x = call->median;
    mark.low = isfinite(call->low) ? call->low : call->median;
    mark.high = isfinite(call->high) ? call->high : call->median;
    mark.text = noisy ? "noisy" : NULL;
    sheet_put(sheet, &mark);
    figure_time(call->median, time);
    if (isfinite(rung->ratio.median)) {
        snprintf(text, sizeof text, "%s: %.*f × raw%s", time, rung->ratio.median < 10 ? 1 : 0, rung->ratio.median,
                 noisy ? " *" : "");
    } else {
        snprintf(text, sizeof text, "%s%s", time, noisy ? " *" : "");
    }
    mark.kind = "value";
    mark.x = fmax(mark.high, isfinite(rung->raw_ns.median) ? rung->raw_ns.median : 0);
    mark.low = mark.high = NAN;
    mark.text = text;
    sheet_put(sheet, &mark);
    if (isfinite(rung->raw_ns.median)) {
        mark.kind = "raw";
        mark.x = rung->raw_ns.median;
        mark.text = rung->trip;
        sheet_put(sheet, &mark);
    }
}

void figure_ladder(struct sheet *sheet, const struct figure_source *source)
{
    struct ladder made, *ladder = &made;
    struct span span = {NAN, NAN};
    double y = 0;

    if (ladder_make(ladder, source->study) != 0 || !ladder->is_there) {
        return;
    }
    for (int step = 0; step < LADDER_STEPS; step++) {
        const struct ladder_rung *rung = &ladder->rungs[step];
        span_add(&span, rung->call_ns.median);
        span_add(&span, rung->call_ns.high);
        span_add(&span, rung->raw_ns.median);
    }
    double edge = pow(10, floor(log10(span.low / 1.5)));
    for (int step = 0; step < LADDER_STEPS; step++) {
        if (ladder->rungs[step].series) {
            rung_put(sheet, source, &ladder->rungs[step], y -= 1, edge);
        }
    }
    sheet_text(sheet, "title", 0, "One call of apply: from pipes to a cache line");
    sheet_text(sheet, "subtitle", 0, "bar: the call; line across it: the raw round trip of its kind");
    sheet_text(sheet, "subtitle2", 0, "(two pipes or a futex or a cache line)");
    sheet_text(sheet, "xlabel", 0, "time of one call");
    sheet->noisy_mark = "*";
    sheet_range(sheet, "xrange", 0, edge,
                span.high * pow(span.high / edge, 0.8)); /* nearly half is left for the text */
    sheet_range(sheet, "yrange", 0, y - 0.7, -0.3);
}
