/* SPDX-License-Identifier: MIT
 *
 * Kernels: the functions under test. Each is a pure function of its item and its params, in a
 * translation unit of its own (compiled without link-time optimisation, called through a pointer on
 * every backend), and brings its serial loop and its oracle: a second, different way to compute it.
 */
#ifndef GRAIN_KERNEL_H
#define GRAIN_KERNEL_H

#include "grain.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What kind of items a kernel reads. */
enum kernel_items {
    KERNEL_ITEMS_ROWS,    /* rows of `columns` int32_t, out of the data set; the others are made by the kernel's fill */
    KERNEL_ITEMS_SEEDS,   /* one uint64_t a task */
    KERNEL_ITEMS_LENGTHS, /* one struct kernel_length a task */
    KERNEL_ITEMS_BLOCKS   /* block_bytes bytes a task */
};

/* A task that says itself how long it is. */
struct kernel_length {
    uint64_t seed, iterations;
};

/* The params of every kernel: what the harness can set. Copied to the workers with the call: a call of apply sends them
 * in the cache line that its item travels in, so they are kept small. */
struct kernel_params {
    int32_t columns;          /* howmany, empty: values in a row */
    int32_t minimum, maximum; /* howmany: inclusive */
    union {                   /* the number in the kernel's name */
        uint64_t iterations;  /* compute, outlier, imbalance: length of the (short, mean) multiply-add chain */
        uint64_t block_bytes; /* memory */
    };
};

struct kernel {
    const char *name;                   /* `howmany`, ... */
    const char *summary;                /* one line for `grain list` */
    const char *parameter;              /* what N in the cell name `kernel:N` sets, or NULL */
    struct {                            /* which N there may be */
        uint64_t least, most, multiple; /* most 0: no limit; multiple 0: any */
        const char *otherwise;          /* what to say of another one */
    } limits;
    enum kernel_items items;
    size_t result_size; /* bytes a task, may be 0 */

    /* One task; one chunk of tasks; one task whose arguments are its item, minimum and maximum (int32_t).
     * params: struct kernel_params, through grain_context_params(). */
    grain_task_fn task;
    grain_chunk_fn chunk;
    grain_star_fn star;

    /* `serial loop`: the best serial code over count items, no call a row. */
    void (*loop)(const void *items, void *results, size_t count, const struct kernel_params *params);

    /* The oracle: the index of the first wrong result, or count when all are right. */
    size_t (*check)(const void *items, const void *results, size_t count, const struct kernel_params *params);

    /* Makes count items; the same seed gives the same items. NULL: they are rows of the data set. */
    void (*fill)(void *items, size_t count, uint64_t seed, const struct kernel_params *params);

    /* The work of the mean of count tasks, in tasks of compute:N for the same N. NULL: 1. */
    double (*mean)(size_t count);

    /* The longest task's share of the work of count tasks: no number of workers ends before it does. NULL: tasks are
     * alike, and so are halves of them. */
    double (*longest)(size_t count);
};

/* The index-th kernel, NULL past the last; the one with that name (up to a colon), or NULL. */
const struct kernel *kernel_at(size_t index);
const struct kernel *kernel_find(const char *name);

/* Takes the number off a name (`1000` of `compute:1000`) and puts it into params. Returns NULL, or what is wrong with
 * the number, a static text; params are then as they were. */
const char *kernel_configure(const struct kernel *kernel, const char *name, struct kernel_params *params);

/* Bytes an item takes, or 0 where params make no sense. */
size_t kernel_item_size(const struct kernel *kernel, const struct kernel_params *params);

#ifdef __cplusplus
}
#endif

#endif
