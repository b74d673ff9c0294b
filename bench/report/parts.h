/* SPDX-License-Identifier: MIT
 *
 * Inside bench/report: what a report knows, and the parts that RESULTS.md is made of, in the order of the page.
 * Each part writes itself to a stream; 0 or -ENOMEM. One that has no data writes nothing.
 */
#ifndef GRAIN_BENCH_REPORT_PARTS_H
#define GRAIN_BENCH_REPORT_PARTS_H

#include <stdbool.h>
#include <stdio.h>

#include "analysis/claims.h"
#include "analysis/study.h"
#include "report/env.h"
#include "report/results.h"

#define REPORT_BACKENDS 3

struct report {
    char *dir;
    struct env env;
    struct sample *samples;
    size_t sample_count;
    size_t cut; /* lines of the journal that are no whole records */
    struct study study;
    struct claims claims;
    struct model models[REPORT_BACKENDS];
    bool quick;
};

/* The backends with a chapter of their own. */
extern const char *const report_backends[REPORT_BACKENDS];

int part_title(const struct report *report, FILE *out);
int part_finding(const struct report *report, FILE *out);
int part_comparison(const struct report *report, FILE *out);
int part_pays(const struct report *report, FILE *out);
int part_core(const struct report *report, FILE *out);
int part_figures(const struct report *report, FILE *out);
int part_backends(const struct report *report, FILE *out);
int part_floor(const struct report *report, FILE *out);
int part_model(const struct report *report, FILE *out);
int part_claims(const struct report *report, FILE *out);
int part_reading(const struct report *report, FILE *out);
int part_distrust(const struct report *report, FILE *out);
int part_machine(const struct report *report, FILE *out);
int part_command(const struct report *report, FILE *out);

#endif
