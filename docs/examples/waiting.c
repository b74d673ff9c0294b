/* SPDX-License-Identifier: MIT
 *
 * Asynchronous says who waits, not who works: a result that is asked for at once makes apply_async an apply. */
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "grain.h"

/* Returns how many ran when it began, itself included. */
static int work(const void *arg, void *result, struct grain_context *ctx)
{
    atomic_int *running = *(atomic_int *const *)arg;
    *(int *)result = atomic_fetch_add(running, 1) + 1;
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    atomic_fetch_sub(running, 1);
    (void)ctx;
    return 0;
}

int main(void)
{
    struct grain_pool *pool;
    struct grain_future *futures[4];
    void *running; /* memory that every worker sees */
    int ran[4];
    if (grain_pool_open(&pool, &(struct grain_pool_options){.workers = 2}) || grain_alloc(pool, 64, &running))
        return 1;
    for (int later = 0, most = 0; later < 2; later++) {
        for (int i = 0; i < 4; i++)
            if (grain_apply_async(pool, work, &running, sizeof running, &ran[i], sizeof ran[i], NULL, &futures[i]) ||
                (!later && grain_future_get(futures[i], GRAIN_FOREVER)))
                return 1;
        for (int i = 0; i < 4; i++) {
            grain_future_wait(futures[i], GRAIN_FOREVER);
            grain_future_free(futures[i]);
            most = ran[i] > most ? ran[i] : most;
        }
        printf("%s: at most %d at a time\n", later ? "asked later" : "asked at once", most);
    }
    grain_pool_free(pool);
    return 0;
}
