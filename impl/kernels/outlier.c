/* SPDX-License-Identifier: MIT
 *
 * outlier: chains as those of compute, but the first of every 200 tasks is 200 times as long as the others: as long as
 * all of them together, so that one task decides when the whole is done. The item says so, in its lowest bit; the
 * rest of it is the seed. It is the first one because a pool that does not know how long tasks are can then reach the
 * best possible time, and one that ties other tasks to the long one cannot.
 */
#include <stdbool.h>

#include "builtin.h"
#include "chain.h"

#define EVERY  200
#define FACTOR 200

static inline bool is_long(uint64_t item)
{
    return item & 1;
}

static void outlier_fill(void *items, size_t count, uint64_t seed, const struct kernel_params *params)
{
    uint64_t *item = items;
    kernel_fill_seeds(items, count, seed, params);
    for (size_t i = 0; i < count; i++)
        item[i] = (item[i] & ~UINT64_C(1)) | (i % EVERY == 0);
}

static inline __attribute__((always_inline)) uint64_t outlier_result(uint64_t item, uint64_t iterations)
{
    return chain_run(item, is_long(item) ? FACTOR * iterations : iterations);
}

static int outlier_task(const void *item, void *result, struct grain_context *ctx)
{
    const struct kernel_params *params = grain_context_params(ctx);
    *(uint64_t *)result = outlier_result(*(const uint64_t *)item, params->iterations);
    return 0;
}

static void outlier_loop(const void *items, void *results, size_t count, const struct kernel_params *params)
{
    const uint64_t *item = items;
    uint64_t *result = results, iterations = params->iterations;
    for (size_t i = 0; i < count; i++)
        result[i] = outlier_result(item[i], iterations);
}

/* It has no use for minimum and maximum. */
static int outlier_star(const void *const args[], void *result, struct grain_context *ctx)
{
    return outlier_task(args[0], result, ctx);
}

static int outlier_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    outlier_loop(items, results, count, grain_context_params(ctx));
    return 0;
}

static size_t outlier_check(const void *items, const void *results, size_t count, const struct kernel_params *params)
{
    const struct chain_jump jumps[] = {chain_jump(params->iterations), chain_jump(FACTOR * params->iterations)};
    const uint64_t *item = items, *result = results;
    for (size_t i = 0; i < count; i++) {
        const struct chain_jump *jump = &jumps[is_long(item[i])];
        if (result[i] != jump->m * item[i] + jump->d)
            return i;
    }
    return count;
}

/* In short tasks. */
static double outlier_work(size_t count)
{
    size_t longs = (count + EVERY - 1) / EVERY;
    return (double)(count + (FACTOR - 1) * longs);
}

static double outlier_mean(size_t count)
{
    return count > 0 ? outlier_work(count) / (double)count : 0;
}

static double outlier_longest(size_t count)
{
    return count > 0 ? FACTOR / outlier_work(count) : 0;
}

const struct kernel kernel_outlier = {
    .name = "outlier",
    .summary = "chains as in compute, the first of every 200 tasks 200 times as long as the others",
    .parameter = "iterations",
    .limits = {.most = UINT64_MAX / FACTOR, .otherwise = "outlier:N: a task 200 times as long as N has no end"},
    .items = KERNEL_ITEMS_SEEDS,
    .result_size = sizeof(uint64_t),
    .task = outlier_task,
    .chunk = outlier_chunk,
    .star = outlier_star,
    .loop = outlier_loop,
    .check = outlier_check,
    .fill = outlier_fill,
    .mean = outlier_mean,
    .longest = outlier_longest,
};
