/* SPDX-License-Identifier: MIT
 *
 * Runs a plan: calibrates, then round by round every cell once, in shuffled order, each sample into the
 * journal as soon as it is there. Can be stopped and taken up again at any sample.
 */
#ifndef GRAIN_BENCH_RUN_H
#define GRAIN_BENCH_RUN_H

#include "journal.h"
#include "measure.h"
#include "plan.h"

struct run {
    const struct plan *plan;
    const struct measure *measure;
    struct journal *journal;
    const char *dir;
    uint64_t shuffle_seed;
    double budget_s; /* disturbed cells are run again while this lasts; 0: never */
    int verbosity;

    /* filled in: cells (not samples) of the journal by how they ended, the worst of their rounds */
    size_t ok, failed, timed_out, wrong, missing;
};

/* Returns 0 when every cell has its rounds; -EINTR: stopped; -errno: the journal cannot be written. */
int run_plan(struct run *run);

#endif
