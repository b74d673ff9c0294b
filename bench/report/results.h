/* SPDX-License-Identifier: MIT
 *
 * The report of a sweep: DIR/env.json and DIR/samples.jsonl in; DIR/summary.csv, DIR/claims.json and DIR/RESULTS.md
 * out, and DIR/metg.csv where task lengths were swept. Everything is computed from those two files alone: the same
 * folder always gives the same bytes. DIR/core, DIR/growth, DIR/calls and the like may hold more sweeps: their parts go
 * on the page too.
 */
#ifndef GRAIN_BENCH_RESULTS_H
#define GRAIN_BENCH_RESULTS_H

#include <stdio.h>

#define REPORT_ERROR_MAX 512

struct report;

/* Reads and computes; writes nothing. Returns 0, or with one line in error: -ENOENT, -ENOTDIR, -EBADMSG, -ENODATA
 * (DIR is not the folder of a sweep with samples: bad input), else -errno. */
int report_open(struct report **report, const char *dir, char error[REPORT_ERROR_MAX]);
void report_close(struct report *report);

/* Writes these files, each aside and renamed, after all of them are complete in memory. 0 or -errno. */
int report_write(const struct report *report, char error[REPORT_ERROR_MAX]);

/* The finding: three lines of at most 79 characters (longer ones are wrapped), numbers and verdicts computed. */
int report_finding(const struct report *report, FILE *out);

/* The comparison of all backends in at most 80 columns; the claims as JSON. 0 or -ENOMEM. */
int report_comparison(const struct report *report, FILE *out);
int report_claims(const struct report *report, FILE *out);

#endif
