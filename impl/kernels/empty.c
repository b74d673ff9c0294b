/* SPDX-License-Identifier: MIT
 *
 * empty: a task that does nothing with its row and has no result. What a backend needs for it is the
 * floor of its hand-over: every nanosecond is overhead.
 */
#include "builtin.h"

static int empty_task(const void *item, void *result, struct grain_context *ctx)
{
    (void)item, (void)result, (void)ctx;
    return 0;
}

/* The empty statement keeps the loop: without it gcc deletes it, and the baseline would be no loop over
 * the items but nothing at all. */
static void empty_loop(const void *items, void *results, size_t count, const struct kernel_params *params)
{
    (void)items, (void)results, (void)params;
    for (size_t i = 0; i < count; i++)
        __asm__ volatile("");
}

/* It has no use for minimum and maximum. */
static int empty_star(const void *const args[], void *result, struct grain_context *ctx)
{
    return empty_task(args[0], result, ctx);
}

static int empty_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)ctx;
    empty_loop(items, results, count, NULL);
    return 0;
}

/* There is no result, so there is nothing to check: always right. That every task ran cannot be seen
 * here; `howmany` and `compute` show it for the same backends and calls. */
static size_t empty_check(const void *items, const void *results, size_t count, const struct kernel_params *params)
{
    (void)items, (void)results, (void)params;
    return count;
}

const struct kernel kernel_empty = {
    .name = "empty",
    .summary = "does nothing: the floor of what handing over a task costs (no result, so nothing to check)",
    .items = KERNEL_ITEMS_ROWS,
    .result_size = 0,
    .task = empty_task,
    .chunk = empty_chunk,
    .star = empty_star,
    .loop = empty_loop,
    .check = empty_check,
};
