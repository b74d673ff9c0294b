/* SPDX-License-Identifier: MIT
 *
 * What `grain sweep` was asked for.
 */
#ifndef GRAIN_BENCH_SWEEP_OPTIONS_H
#define GRAIN_BENCH_SWEEP_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

#include "sweep/dataset.h"
#include "sweep/plan.h"

struct sweep_asked {
    struct plan_options plan;
    struct dataset data;
    const char *out, *winners;
    double budget_s, timeout_s;
    bool is_resume, is_dry_run, is_json;
    bool is_out_given, is_data_given; /* --out; one of --rows, --cols, --seed */
    char *command;                    /* as it was typed, quoted for a shell */
};

/* Reads the command line; a wrong one ends the program with exit code 2. False: no memory. The caller frees
 * asked->command and the data. */
bool sweep_options(struct sweep_asked *asked, int argc, char **argv);

/* Writes a word as a shell reads it back: as it is, or between quotes. */
void sweep_quote(FILE *out, const char *text);

#endif
