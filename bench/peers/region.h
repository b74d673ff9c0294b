/* SPDX-License-Identifier: MIT
 *
 * A bare OpenMP loop over the rows, as a program writes it that knows no pool: what small calls are held against. In
 * the runtime that the compiler links.
 */
#ifndef GRAIN_BENCH_REGION_H
#define GRAIN_BENCH_REGION_H

#include <stddef.h>

#include "grain.h"

struct region {
    grain_task_fn task;
    const void *params;
    const char *items;
    char *results;
    size_t item_size, result_size, count;
    int threads;
};

/* Binds the threads that a loop has, the calling one too; cpus has one for each. It stays bound. -ENOTSUP: this build
 * has no OpenMP. */
int region_bind(int threads, const int *cpus);

/* `parallel for schedule(static)`. 0, the code of a task that failed, or -ENOTSUP. */
int region_run(const struct region *region);

#endif
