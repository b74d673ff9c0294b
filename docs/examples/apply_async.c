/* SPDX-License-Identifier: MIT
 *
 * Pool.apply_async with result objects: all calls are under way before the first result is asked for. */
#include <stdio.h>

#include "grain.h"

static const int rows[5][5] = {{1, 2, 6, 2, 3}, {1, 3, 6, 5, 2}, {6, 6, 6, 7, 0}, {9, 0, 2, 3, 6}, {0, 6, 0, 8, 1}};

/* howmany_within_range(row, minimum, maximum) */
static int howmany(const void *arg, void *result, struct grain_context *ctx)
{
    const int *row = arg, *range = grain_context_params(ctx);
    int count = 0;
    for (int k = 0; k < 5; k++)
        count += row[k] >= range[0] && row[k] <= range[1];
    *(int *)result = count;
    return 0;
}

int main(void)
{
    struct grain_pool *pool;
    int counts[5];
    const int range[2] = {4, 8};
    struct grain_call_options options = {.params = range, .params_size = sizeof range};
    if (grain_pool_open(&pool, &(struct grain_pool_options){.workers = 2}))
        return 1;
    struct grain_future *futures[5];
    for (int i = 0; i < 5; i++)
        if (grain_apply_async(pool, howmany, rows[i], sizeof rows[i], &counts[i], sizeof(int), &options, &futures[i]))
            return 1;
    for (int i = 0; i < 5; i++)
        if (grain_future_get(futures[i], GRAIN_FOREVER))
            return 1;
        else
            grain_future_free(futures[i]);
    grain_pool_free(pool);
    printf("[%d, %d, %d, %d, %d]\n", counts[0], counts[1], counts[2], counts[3], counts[4]);
    return 0;
}
