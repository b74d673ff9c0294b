/* SPDX-License-Identifier: MIT
 *
 * Pool.starmap: a task of three arguments, from three columns; a stride of 0 gives every task the same. */
#include <stdio.h>

#include "grain.h"

static const int rows[5][5] = {{1, 2, 6, 2, 3}, {1, 3, 6, 5, 2}, {6, 6, 6, 7, 0}, {9, 0, 2, 3, 6}, {0, 6, 0, 8, 1}};

static int howmany(const void *const args[], void *result, struct grain_context *ctx)
{
    const int *row = args[0], *minimum = args[1], *maximum = args[2];
    int count = 0;
    for (int k = 0; k < 5; k++)
        count += row[k] >= *minimum && row[k] <= *maximum;
    *(int *)result = count;
    (void)ctx;
    return 0;
}

int main(void)
{
    struct grain_pool *pool;
    const int minimum = 4, maximum = 8;
    int counts[5];
    const struct grain_column columns[] = {
        {rows, sizeof rows[0], sizeof rows[0]}, {&minimum, sizeof minimum, 0}, {&maximum, sizeof maximum, 0}};
    if (grain_pool_open(&pool, &(struct grain_pool_options){.workers = 2}))
        return 1;
    int status = grain_starmap(pool, howmany, columns, 3, 5, (struct grain_out){counts, sizeof counts[0]}, NULL);
    grain_pool_free(pool);
    if (status)
        return 1;
    printf("[%d, %d, %d, %d, %d]\n", counts[0], counts[1], counts[2], counts[3], counts[4]);
    return 0;
}
