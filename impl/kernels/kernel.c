/* SPDX-License-Identifier: MIT
 *
 * The table of kernels: the one place that names them all. Next: howmany.c, the function of the tutorial.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builtin.h"

static const struct kernel *const kernels[] = {
    &kernel_howmany,   &kernel_compute,          &kernel_outlier, &kernel_memory,
    &kernel_imbalance, &kernel_imbalance_sorted, &kernel_empty,
};

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

const char *kernel_configure(const struct kernel *kernel, const char *name, struct kernel_params *params)
{
    const char *number = strchr(name, ':');
    if (kernel->parameter && !number)
        return "this kernel needs its number, as in compute:1000";
    if (!kernel->parameter)
        return number ? "this kernel takes no number" : NULL;
    number++;
    errno = 0;
    uint64_t value = strtoull(number, NULL, 10);
    if (number[0] == '\0' || number[strspn(number, "0123456789")] != '\0' || errno)
        return "the kernel's number is no whole number, or too large";
    bool is_within = value >= kernel->limits.least && (kernel->limits.most == 0 || value <= kernel->limits.most);
    if (!is_within || (kernel->limits.multiple > 0 && value % kernel->limits.multiple != 0))
        return kernel->limits.otherwise;
    params->iterations = value;
    return NULL;
}

size_t kernel_item_size(const struct kernel *kernel, const struct kernel_params *params)
{
    switch (kernel->items) {
    case KERNEL_ITEMS_ROWS:
        return params->columns > 0 ? (size_t)params->columns * sizeof(int32_t) : 0;
    case KERNEL_ITEMS_SEEDS:
        return sizeof(uint64_t);
    case KERNEL_ITEMS_LENGTHS:
        return sizeof(struct kernel_length);
    case KERNEL_ITEMS_BLOCKS:
        return params->block_bytes;
    }
    return 0;
}

uint64_t kernel_seed_mixed(uint64_t seed, uint64_t index)
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
        item[i] = kernel_seed_mixed(seed, i);
}
