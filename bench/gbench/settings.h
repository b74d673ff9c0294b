/* SPDX-License-Identifier: MIT
 *
 * What the --grain_* flags of grain-bench say, and how its runs went. Filled by main.c, read by the rest.
 */
#ifndef GRAIN_BENCH_SETTINGS_H
#define GRAIN_BENCH_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "data/matrix.h"

struct settings {
    int32_t columns, minimum, maximum;
    uint32_t seed;
    uint64_t tasks;      /* most tasks that `apply` runs in one call sequence */
    bool has_input;      /* --grain_input was given, and is read: */
    struct matrix input; /* rows and columns are the file's then */
};

/* What the exit status says in the end. */
struct verdict {
    bool wrong;  /* a result was wrong */
    bool failed; /* a call or a set-up failed, or is not supported */
};

#endif
