/* SPDX-License-Identifier: MIT
 *
 * A call that blocks returns results in order. It does not run the tasks in order. */
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "grain.h"

/* Returns when it began, as a number in a row: 0 for the first, ... */
static int note(const void *arg, void *result, struct grain_context *ctx)
{
    atomic_int *begun = *(atomic_int *const *)grain_context_params(ctx);
    *(int *)result = atomic_fetch_add(begun, 1);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    (void)arg;
    return 0;
}

int main(void)
{
    struct grain_pool *pool;
    void *begun; /* memory that every worker sees */
    int turn[8], in_order = 1;
    struct grain_call_options options = {.chunk = 4, .params = &begun, .params_size = sizeof begun};
    if (grain_pool_open(&pool, &(struct grain_pool_options){.workers = 2}) || grain_alloc(pool, 64, &begun) ||
        grain_map(pool, note, (struct grain_in){.count = 8}, (struct grain_out){turn, sizeof turn[0]}, &options))
        return 1;
    printf("task 0 to 7 began as number");
    for (int i = 0; i < 8; i++) {
        printf(" %d", turn[i]);
        in_order &= turn[i] == i;
    }
    printf("\ntasks began in order: %s\n", in_order ? "yes" : "no");
    grain_pool_free(pool);
    return 0;
}
