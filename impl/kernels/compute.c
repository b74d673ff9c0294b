/* SPDX-License-Identifier: MIT
 *
 * compute: a chain of `iterations` multiply-adds on the task's seed, x = x * a + c modulo 2^64, each
 * waiting for the one before: about 1 ns an iteration, so tasks of 1 ns to 10 ms as `compute:N` likes
 * (the CPU overlaps the ends of short chains, in the loop and in tasks alike). It touches no memory. The
 * oracle jumps to the end of the chain in O(log iterations) steps.
 */
#include "builtin.h"
#include "chain.h"

static int compute_task(const void *item, void *result, struct grain_context *ctx)
{
    const struct kernel_params *params = grain_context_params(ctx);
    *(uint64_t *)result = chain_run(*(const uint64_t *)item, params->iterations);
    return 0;
}

static void compute_loop(const void *items, void *results, size_t count, const struct kernel_params *params)
{
    const uint64_t *seed = items;
    uint64_t *result = results, iterations = params->iterations;
    for (size_t i = 0; i < count; i++)
        result[i] = chain_run(seed[i], iterations);
}

/* It has no use for minimum and maximum. */
static int compute_star(const void *const args[], void *result, struct grain_context *ctx)
{
    return compute_task(args[0], result, ctx);
}

static int compute_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    compute_loop(items, results, count, grain_context_params(ctx));
    return 0;
}

static size_t compute_check(const void *items, const void *results, size_t count, const struct kernel_params *params)
{
    const struct chain_jump jump = chain_jump(params->iterations);
    const uint64_t *seed = items, *result = results;
    for (size_t i = 0; i < count; i++)
        if (result[i] != jump.m * seed[i] + jump.d)
            return i;
    return count;
}

const struct kernel kernel_compute = {
    .name = "compute",
    .summary = "a chain of dependent multiply-adds, about 1 ns each: tasks of any length, no memory",
    .parameter = "iterations",
    .items = KERNEL_ITEMS_SEEDS,
    .result_size = sizeof(uint64_t),
    .task = compute_task,
    .chunk = compute_chunk,
    .star = compute_star,
    .loop = compute_loop,
    .check = compute_check,
    .fill = kernel_fill_seeds,
};
