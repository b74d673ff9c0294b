/* SPDX-License-Identifier: MIT
 *
 * What the two files of profiles share: kernels of which both speak, and the second file's table.
 */
#ifndef GRAIN_BENCH_PROFILES_H
#define GRAIN_BENCH_PROFILES_H

#include "plan.h"

#define ARRAY(array) .rows = array, .row_count = sizeof array / sizeof *array

/* compute: tasks of about 50 us; 2000 of them are 100 ms of serial work. quick takes 12 ms: its time is short. */
#define COMPUTE "compute:40000"

/* memory: 64 MB in blocks of 4 KB, more than any L2 holds. */
#define MEMORY      "memory:4096"
#define MEMORY_ROWS "16384"

/* imbalance: 2000 tasks of about 50 us in the mean. */
#define IMBALANCE "imbalance:40000"
#define SORTED    "imbalance-sorted:40000"

/* outlier: short tasks of about 2 ms, the long one of 400 ms. */
#define OUTLIER "outlier:1600000"

/* profiles_inside.c */
extern const struct plan_profile plan_insides[];
extern const size_t plan_inside_count;

#endif
