/* SPDX-License-Identifier: MIT
 *
 * What a chunk costs, as one number a backend: the times of `map dynamic` over the chunks are fitted to
 *     T(c) = s + (W + o * ceil(n / c)) / P_used
 * by weighted least squares (GSL). o is the core time of one chunk, s the fixed start of a call.
 */
#ifndef GRAIN_BENCH_MODEL_H
#define GRAIN_BENCH_MODEL_H

#include "analysis/study.h"

/* The notebook's two figures, and what they say about one call of apply. */
#define MODEL_NOTEBOOK_SERIAL_S 0.213
#define MODEL_NOTEBOOK_APPLY_S  53.7
#define MODEL_NOTEBOOK_ROWS     200000

struct model {
    const char *backend;
    size_t chunks;                   /* how many chunk sizes were fitted; fewer than 3: no fit */
    double chunk_ns, chunk_error_ns; /* o and its standard error; NAN without a fit */
    double start_ns, start_error_ns; /* s likewise */
    double apply_ns;                 /* overhead of one call of apply; NAN when not measured */
};

int model_fit(struct model *model, const struct study *study, const char *backend);

/* (53.7 s - 0.213 s) / 200000, in ns. */
double model_notebook_ns(void);

#endif
