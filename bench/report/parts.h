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
#include "analysis/metg.h"
#include "analysis/study.h"
#include "report/env.h"
#include "report/results.h"

#define REPORT_BACKENDS 3

/* Sweeps of their own that may lie in folders inside that of a sweep, and have their parts on its page. */
enum report_folder {
    REPORT_CORE,
    REPORT_GROWTH,
    REPORT_CALLS,
    REPORT_LADDER,
    REPORT_FLOOR,
    REPORT_METG,
    REPORT_OVERHEAD,
    REPORT_PEERS,
    REPORT_CHOICE,
    REPORT_FOLDERS, /* how many; as a place: the page's own sweep */
};

struct report {
    char *dir;
    struct env env;
    struct sample *samples;
    size_t sample_count;
    size_t cut; /* lines of the journal that are no whole records */
    struct study study;
    struct claims claims;
    struct metg metg;
    struct model models[REPORT_BACKENDS];
    bool quick;
    struct report *inside[REPORT_FOLDERS]; /* NULL: there is no such folder */
};

/* The report whose sweep a part is about: the one inside, where there is one. */
const struct report *report_inside(const struct report *report, enum report_folder folder);

/* A line on where the numbers of such a part come from; nothing when they are the page's own. */
void part_source(const struct report *report, const struct report *inside, FILE *out);

/* The backends with a chapter of their own. */
extern const char *const report_backends[REPORT_BACKENDS];

int part_title(const struct report *report, FILE *out);
int part_finding(const struct report *report, FILE *out);
int part_comparison(const struct report *report, FILE *out);
int part_pays(const struct report *report, FILE *out);
int part_cliff(const struct report *report, FILE *out);
int part_core(const struct report *report, FILE *out);
int part_overhead(const struct report *report, FILE *out);
int part_growth(const struct report *report, FILE *out);
int part_calls(const struct report *report, FILE *out);
int part_tutorial(const struct report *report, FILE *out);
int part_metg(const struct report *report, FILE *out);
int part_ladder(const struct report *report, FILE *out);
int part_peers(const struct report *report, FILE *out);
int part_choice(const struct report *report, FILE *out);
int part_figures(const struct report *report, FILE *out);
int part_backends(const struct report *report, FILE *out);
int part_floor(const struct report *report, FILE *out);
int part_raw(const struct report *report, FILE *out);
int part_model(const struct report *report, FILE *out);
int part_claims(const struct report *report, FILE *out);
int part_reading(const struct report *report, FILE *out);
int part_distrust(const struct report *report, FILE *out);
int part_machine(const struct report *report, FILE *out);
int part_command(const struct report *report, FILE *out);

#endif
