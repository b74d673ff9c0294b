/* SPDX-License-Identifier: MIT
 *
 * Linked into grain-bench in place of kernel_find(): the kernels, with a fault in their task that
 * $GRAIN_TEST_FAULT names. What grain-bench cannot notice here it would not notice in a backend either.
 */
#include <stdlib.h>
#include <string.h>

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
    } faults[] = {{"wrong", task_wrong}, {"fail", task_fail}, {"stale", task_stale}};
    static struct kernel faulty;
    const char *fault = getenv("GRAIN_TEST_FAULT");
    real = __real_kernel_find(name);
    if (!real || !fault)
        return real;
    faulty = *real;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (strcmp(fault, faults[i].fault) == 0)
            faulty.task = faults[i].task;
    return &faulty;
}
