/* SPDX-License-Identifier: MIT
 *
 * See faults.h.
 */
#include "faults.h"

#include <time.h>
#include <unistd.h>

const enum grain_schedule schedules[SCHEDULES] = {GRAIN_SCHEDULE_STATIC, GRAIN_SCHEDULE_DYNAMIC, GRAIN_SCHEDULE_GUIDED,
                                                  GRAIN_SCHEDULE_STEAL};

void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

struct grain_pool *fork_pool(int workers)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork", .workers = workers};
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    return pool;
}

int tells_pid(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(pid_t *)result = getpid();
    return 0;
}

pid_t worker_pid(struct grain_pool *pool)
{
    pid_t pid = 0;
    assert_int_equal(grain_apply(pool, tells_pid, NULL, 0, &pid, sizeof pid, NULL), 0);
    return pid;
}
