/* SPDX-License-Identifier: MIT
 *
 * What the figures share (inside bench/report only): where the numbers come from, which rows of summary.csv a line
 * is made of, and the sheet: the CSV that a plots/fig_*.gp draws. A sheet has the columns
 *
 *   kind,panel,series,backend,style,x,y,low,high,text
 *
 * `point` and `bar` rows are measurements; all other kinds are labels, ranges and marks. An empty field is "none".
 */
#ifndef GRAIN_BENCH_FIGURE_H
#define GRAIN_BENCH_FIGURE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/study.h"
#include "analysis/summary.h"

#define FIGURE_TEXT_MAX 160

/* A backend in a figure; its index + 1 is its line style in plots/style.gp, the same in all figures. */
struct figure_backend {
    const char *name, *label;
    bool peer; /* measured by a program of its own: it has its own way with schedules and data */
};
extern const struct figure_backend figure_backends[];
#define FIGURE_BACKENDS 5

/* One of them, or NULL. */
const struct figure_backend *figure_find_backend(const char *name);

#define FIGURE_CHUNK_RULE UINT64_MAX
#define FIGURE_CHUNK_AUTO (UINT64_MAX - 1)

struct figure_source {
    const struct summary *summary;
    const struct study *study; /* of a figure with a sweep of its own: its rounds too; else NULL */
    int usable_cpus;           /* 0: unknown */
    int workers;               /* P: the worker count that most cells were measured with */
    uint64_t rows;             /* n: likewise */
    bool quick;
    char cpu_model[FIGURE_TEXT_MAX], rounds[FIGURE_TEXT_MAX], commit[FIGURE_TEXT_MAX];
};

/* Which rows of the summary a line is made of. */
struct figure_line {
    const char *kernel, *call;
    const struct figure_backend *backend;
    const char *schedule; /* NULL: any */
    uint64_t chunk;       /* 0: any above 0; FIGURE_CHUNK_RULE: CPython's rule, another number at each P;
                             FIGURE_CHUNK_AUTO: the pool's own choice */
    int workers;          /* 0: any */
    uint64_t rows;        /* 0: any */
};

/* The next matching row after index *at (start with 0), or NULL. Only rows that have a time. */
const struct summary_row *figure_next(const struct figure_source *source, const struct figure_line *line, size_t *at);

/* serial/loop or serial/callback of `howmany`, ns a row; NAN when it was not measured. */
double figure_baseline(const struct figure_source *source, const char *call);

/* Usable CPUs that P workers have. */
int figure_used(const struct figure_source *source, const struct summary_row *row);

struct sheet {
    FILE *file;
    size_t points, noisy;   /* measurements; those marked as noisy */
    const char *noisy_mark; /* how the figure marks them */
    const char *extent;     /* in the place of the number of rows, where cells differ in that; NULL: they do not */
};

struct sheet_mark {
    const char *kind;
    int panel, series;                    /* 0: none */
    const struct figure_backend *backend; /* NULL: none */
    double x, y, low, high;               /* NAN: none */
    const char *text;                     /* NULL: none */
};

void sheet_put(struct sheet *sheet, const struct sheet_mark *mark);
void sheet_text(struct sheet *sheet, const char *kind, int panel, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void sheet_range(struct sheet *sheet, const char *kind, int panel, double low, double high);
/* kind "series": a line in a panel; "legend": an entry of the figure's legend. */
void sheet_series(struct sheet *sheet, const char *kind, int panel, int series, const struct figure_backend *backend,
                  const char *text);

/* Low and high of everything seen so far; both NAN at the start. */
struct span {
    double low, high;
};
void span_add(struct span *span, double value); /* NAN is ignored */

/* "7.3 to 13", or "13" when both read the same. */
void span_text(const struct span *span, char text[32]);

/* "23 ns", "1.8 us", "94 ms": three digits at most. */
void figure_time(double time_ns, char text[32]);

void figure_calls(struct sheet *sheet, const struct figure_source *source);
void figure_chunk(struct sheet *sheet, const struct figure_source *source);
void figure_overhead(struct sheet *sheet, const struct figure_source *source);
void figure_speedup(struct sheet *sheet, const struct figure_source *source);
void figure_metg(struct sheet *sheet, const struct figure_source *source);
void figure_ladder(struct sheet *sheet, const struct figure_source *source);

#endif
