/* SPDX-License-Identifier: MIT
 *
 * Pool.starmap_async: a result may be anything of a fixed size, here the pair (i, count). */
#include <stdio.h>

#include "grain.h"

static const int rows[5][5] = {{1, 2, 6, 2, 3}, {1, 3, 6, 5, 2}, {6, 6, 6, 7, 0}, {9, 0, 2, 3, 6}, {0, 6, 0, 8, 1}};

static int howmany(const void *const args[], void *result, struct grain_context *ctx)
{
    const int *row = args[0], *range = args[1];
    int *pair = result;
    pair[0] = (int)grain_context_index(ctx);
    pair[1] = 0;
    for (int k = 0; k < 5; k++)
        pair[1] += row[k] >= range[0] && row[k] <= range[1];
    return 0;
}

int main(void)
{
    struct grain_pool *pool;
    struct grain_future *future;
    const int range[2] = {4, 8};
    int pairs[5][2];
    const struct grain_column columns[] = {{rows, sizeof rows[0], sizeof rows[0]}, {range, sizeof range, 0}};
    if (grain_pool_open(&pool, &(struct grain_pool_options){.workers = 2}))
        return 1;
    struct grain_out out = {pairs, sizeof pairs[0]};
    if (grain_starmap_async(pool, howmany, columns, 2, 5, out, NULL, &future))
        return 1;
    int status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    grain_pool_free(pool);
    for (int i = 0; i < 5; i++)
        printf("(%d, %d)\n", pairs[i][0], pairs[i][1]);
    return status != 0;
}
