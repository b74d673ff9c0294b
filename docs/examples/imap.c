/* SPDX-License-Identifier: MIT
 *
 * Pool.imap: results one by one, in order: the slow first one keeps all others waiting. */
#include <stdio.h>
#include <time.h>

#include "grain.h"

/* Returns its item; the first one takes its time. */
static int nap(const void *arg, void *result, struct grain_context *ctx)
{
    const int *i = arg;
    nanosleep(&(struct timespec){.tv_nsec = *i ? 0 : 200000000}, NULL);
    *(int *)result = *i;
    (void)ctx;
    return 0;
}

static int next(void *source, void *item)
{
    int *i = source;
    *(int *)item = *i;
    return (*i)++ < 6; /* 1: an item, 0: the end */
}

int main(void)
{
    struct grain_pool *pool;
    struct grain_iter *iter;
    int i = 0, result = -1;
    if (grain_pool_open(&pool, &(struct grain_pool_options){.workers = 2}) ||
        grain_imap(pool, nap, next, &i, sizeof i, sizeof result, NULL, &iter))
        return 1;
    while (grain_iter_next(iter, &result, NULL, GRAIN_FOREVER) == 1)
        printf("%d\n", result);
    grain_iter_free(iter);
    grain_pool_free(pool);
    return 0;
}
