/* SPDX-License-Identifier: MIT
 *
 * Pool.apply_async with a callback: called as calls end, in no order; so pairs are collected, and sorted. */
#include <stdio.h>
#include <time.h>

#include "grain.h"

static struct pair {
    int i, square;
} arrived[5], results[5];

/* The first call takes longest. */
static int square(const void *arg, void *result, struct grain_context *ctx)
{
    const int *i = arg;
    nanosleep(&(struct timespec){.tv_nsec = *i ? 0 : 200000000}, NULL);
    *(struct pair *)result = (struct pair){*i, *i * *i};
    (void)ctx;
    return 0;
}

static void collect(void *count, const void *pair, size_t n)
{
    arrived[(*(int *)count)++] = *(const struct pair *)pair;
    (void)n;
}

int main(void)
{
    struct grain_pool *pool;
    int count = 0;
    struct grain_call_options options = {.callback = collect, .user = &count};
    if (grain_pool_open(&pool, &(struct grain_pool_options){.workers = 2}))
        return 1;
    for (int i = 0; i < 5; i++)
        if (grain_apply_async(pool, square, &i, sizeof i, &results[i], sizeof results[i], &options, NULL))
            return 1;
    if (grain_pool_close(pool) || grain_pool_join(pool))
        return 1;
    printf("%d arrived, the last was (%d, %d)\n", count, arrived[4].i, arrived[4].square);
    grain_pool_free(pool);
    return 0;
}
