/* SPDX-License-Identifier: MIT
 *
 * Linked into grain-bench in place of kernel_find(): the kernels, with a fault in their functions that
 * $GRAIN_TEST_FAULT names. What grain-bench cannot notice here it would not notice in a backend either.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernels/kernel.h"

const struct kernel *__wrap_kernel_find(const char *name);
const struct kernel *__real_kernel_find(const char *name);

static const struct kernel *real;
static int runs; /* over all rows, in one thread */

/* One result is wrong. */
static int task_wrong(const void *item, void *result, struct grain_context *ctx)
{
    int code = real->task(item, result, ctx);
    if (grain_context_index(ctx) == 123)
        *(int32_t *)result += 1;
    return code;
}

/* The same in its other forms; of the loop over one row alone, which is what a process of its own runs. */
static int star_wrong(const void *const args[], void *result, struct grain_context *ctx)
{
    int code = real->star(args, result, ctx);
    if (grain_context_index(ctx) == 123)
        *(int32_t *)result += 1;
    return code;
}

static int chunk_wrong(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    size_t begin = grain_context_index(ctx);
    int code = real->chunk(items, results, count, ctx);
    if (begin <= 123 && 123 < begin + count)
        ((int32_t *)results)[123 - begin] += 1;
    return code;
}

static void loop_wrong(const void *items, void *results, size_t count, const struct kernel_params *params)
{
    real->loop(items, results, count, params);
    if (count == 1)
        *(int32_t *)results += 1;
}

/* Every result, and every task: calls of one task each have no index. */
static int task_always_wrong(const void *item, void *result, struct grain_context *ctx)
{
    int code = real->task(item, result, ctx);
    *(int32_t *)result += 1;
    return code;
}

static int task_always_fails(const void *item, void *result, struct grain_context *ctx)
{
    (void)item, (void)result;
    return grain_context_fail(ctx, 5, "bad luck");
}

/* A process that ends before its result is there. */
static void loop_exits(const void *items, void *results, size_t count, const struct kernel_params *params)
{
    real->loop(items, results, count, params);
    if (count == 1)
        _exit(3);
}

static int task_fail(const void *item, void *result, struct grain_context *ctx)
{
    if (grain_context_index(ctx) == 7)
        return grain_context_fail(ctx, 5, "seven is unlucky");
    return real->task(item, result, ctx);
}

/* Works once over all rows and never again: only results that are cleared tell. */
static int task_stale(const void *item, void *result, struct grain_context *ctx)
{
    if (grain_context_index(ctx) == 0)
        runs++;
    return runs > 1 ? 0 : real->task(item, result, ctx);
}

const struct kernel *__wrap_kernel_find(const char *name)
{
    static const struct {
        const char *fault;
        grain_task_fn task;
        grain_star_fn star;
        grain_chunk_fn chunk;
        void (*loop)(const void *, void *, size_t, const struct kernel_params *);
    } faults[] = {
        {"wrong", task_wrong, star_wrong, chunk_wrong, NULL},
        {"fail", task_fail, NULL, NULL, NULL},
        {"stale", task_stale, NULL, NULL, NULL},
        {"wrong-row", task_always_wrong, NULL, NULL, loop_wrong},
        {"fail-row", task_always_fails, NULL, NULL, loop_exits},
    };
    static struct kernel faulty;
    const char *fault = getenv("GRAIN_TEST_FAULT");
    real = __real_kernel_find(name);
    if (!real || !fault)
        return real;
    faulty = *real;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp(fault, faults[i].fault) == 0) {
            faulty.task = faults[i].task ? faults[i].task : real->task;
            faulty.star = faults[i].star ? faults[i].star : real->star;
            faulty.chunk = faults[i].chunk ? faults[i].chunk : real->chunk;
            faulty.loop = faults[i].loop ? faults[i].loop : real->loop;
        }
    return &faulty;
}
