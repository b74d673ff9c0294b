/* SPDX-License-Identifier: MIT
 *
 * The ladder: one call of apply, handed to a process in ever quicker ways, each beside the raw round trip of its kind.
 * Found in a study; the part of RESULTS.md and the figure say the same.
 */
#ifndef GRAIN_BENCH_LADDER_H
#define GRAIN_BENCH_LADDER_H

#include <stdbool.h>

#include "analysis/study.h"

enum ladder_step { LADDER_CPYTHON, LADDER_PIPE, LADDER_FUTEX, LADDER_SPIN, LADDER_ADAPTIVE, LADDER_STEPS };

struct ladder_rung {
    const char *name, *trip;     /* text of both */
    const char *backend;         /* whose looks a figure gives it */
    const struct series *series; /* NULL: not measured */
    struct estimate call_ns;     /* of one call */
    struct estimate raw_ns;      /* of one raw round trip: measured turn by turn with it */
    struct estimate ratio;       /* of the pairs; CPython, which has none, over the median of fork-pipe's raw trips */
    bool is_paired;
};

struct ladder {
    struct ladder_rung rungs[LADDER_STEPS];
    bool is_there; /* the rung over pipes and another one were measured: else there is nothing to show */
};

/* The study must outlive it. 0 or -ENOMEM. */
int ladder_make(struct ladder *ladder, const struct study *study);

#endif
