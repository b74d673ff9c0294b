/* SPDX-License-Identifier: MIT
 *
 * Pool.map_async: the caller goes on; results are in the order of the rows all the same. */
#include <stdio.h>

#include "grain.h"

static const int rows[5][5] = {{1, 2, 6, 2, 3}, {1, 3, 6, 5, 2}, {6, 6, 6, 7, 0}, {9, 0, 2, 3, 6}, {0, 6, 0, 8, 1}};

/* howmany_within_range(row, minimum, maximum): the row is the item, the rest are the params of the call. */
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
    struct grain_future *future;
    if (grain_map_async(pool, howmany, (struct grain_in){rows, 5, sizeof rows[0]},
                        (struct grain_out){counts, sizeof counts[0]}, &options, &future))
        return 1;
    int status = grain_future_get(future, GRAIN_FOREVER); /* until here, the caller was free for other things */
    grain_future_free(future);
    grain_pool_free(pool);
    if (status)
        return 1;
    printf("[%d, %d, %d, %d, %d]\n", counts[0], counts[1], counts[2], counts[3], counts[4]);
    return 0;
}
