/* SPDX-License-Identifier: MIT
 *
 * The kernels that kernel.c lists, one file each. To add one: its file, a line here, a row in the table.
 */
#ifndef GRAIN_KERNELS_BUILTIN_H
#define GRAIN_KERNELS_BUILTIN_H

#include "kernel.h"

extern const struct kernel kernel_howmany;
extern const struct kernel kernel_compute;
extern const struct kernel kernel_empty;
extern const struct kernel kernel_outlier;
extern const struct kernel kernel_memory;
extern const struct kernel kernel_imbalance, kernel_imbalance_sorted;

/* SplitMix64 of seed + index: numbers without a pattern.
 * source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
uint64_t kernel_seed_mixed(uint64_t seed, uint64_t index);

/* A fill for items that are a seed each. */
void kernel_fill_seeds(void *items, size_t count, uint64_t seed, const struct kernel_params *params);

#endif
