/* SPDX-License-Identifier: MIT
 *
 * See faults.h.
 */
#include "faults.h"

#include <time.h>
#include <unistd.h>

const enum grain_schedule schedules[SCHEDULES] = {GRAIN_SCHEDULE_STATIC, GRAIN_SCHEDULE_DYNAMIC, GRAIN_SCHEDULE_GUIDED,
                                                  GRAIN_SCHEDULE_STEAL};

static pid_t first;

__attribute__((constructor)) static void remember_the_first_process(void)
{
    first = getpid();
}

/* Asked by LeakSanitizer, where there is one: a worker that calls exit() in the middle of a task leaves nothing behind
 * that would be a leak, and has no second to spare for the search. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return getpid() != first;
}

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
