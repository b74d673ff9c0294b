/* SPDX-License-Identifier: MIT
 *
 * The table of kernels: the one place that names them all. Next: howmany.c, the function of the tutorial.
 */
#include <string.h>

#include "builtin.h"

static const struct kernel *const kernels[] = {&kernel_howmany, &kernel_compute, &kernel_outlier, &kernel_empty};

const struct kernel *kernel_at(size_t index)
{
    return index < sizeof kernels / sizeof kernels[0] ? kernels[index] : NULL;
}

const struct kernel *kernel_find(const char *name)
{
    if (!name)
        return NULL;
    size_t length = strcspn(name, ":");
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        if (strlen(kernels[i]->name) == length && memcmp(kernels[i]->name, name, length) == 0)
            return kernels[i];
    return NULL;
}

size_t kernel_item_size(const struct kernel *kernel, const struct kernel_params *params)
{
    if (kernel->items == KERNEL_ITEMS_SEEDS)
        return sizeof(uint64_t);
    return params->columns > 0 ? (size_t)params->columns * sizeof(int32_t) : 0;
}

/* SplitMix64 of seed + index.
 * source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
static uint64_t seed_mixed(uint64_t seed, uint64_t index)
{
    uint64_t z = seed + (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void kernel_fill_seeds(void *items, size_t count, uint64_t seed, const struct kernel_params *params)
{
    uint64_t *item = items;
    (void)params;
    for (size_t i = 0; i < count; i++)
        item[i] = seed_mixed(seed, i);
}
