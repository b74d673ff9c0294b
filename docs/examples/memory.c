/* SPDX-License-Identifier: MIT
 *
 * Separate memory: what a task writes into a variable reaches the caller from a thread, not from a process. */
#include <stdio.h>

#include "grain.h"

static int count; /* every process has its own */

static int increment(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg, (void)ctx;
    *(int *)result = ++count;
    return 0;
}

int main(void)
{
    static const char *const backends[] = {"fork", "pthread"};
    for (int i = 0; i < 2; i++) {
        struct grain_pool *pool;
        int result;
        count = 10;
        if (grain_pool_open(&pool, &(struct grain_pool_options){.backend = backends[i], .workers = 1}))
            return 1;
        count = 20; /* a process was copied before this, a thread was not copied */
        if (grain_apply(pool, increment, NULL, 0, &result, sizeof result, NULL))
            return 1;
        grain_pool_free(pool);
        printf("%s: the task made it %d, the caller has %d\n", backends[i], result, count);
    }
    return 0;
}
