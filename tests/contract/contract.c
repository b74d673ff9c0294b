/* SPDX-License-Identifier: MIT
 *
 * The shared part of the contract programs; see contract.h.
 */
#include "contract.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cannot.h"

const char *backend = "pthread";

struct grain_pool_options options_with(int workers)
{
    return (struct grain_pool_options){.backend = backend, .workers = workers};
}

bool has_schedule(enum grain_schedule schedule)
{
    return grain_backend_has_schedule(backend, schedule);
}

struct grain_pool *pool_with(int workers)
{
    struct grain_pool *pool = NULL;
    struct grain_pool_options options = options_with(workers);
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    assert_non_null(pool);
    return pool;
}

static const struct limit *find_limit(const char *behaviour)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (strcmp(limits[i].backend, backend) == 0 && strcmp(limits[i].behaviour, behaviour) == 0)
            return &limits[i];
    return NULL;
}

bool cannot(const char *behaviour)
{
    return find_limit(behaviour) != NULL;
}

void needs(const char *behaviour)
{
    const struct limit *limit = find_limit(behaviour);
    if (!limit)
        return;
    print_message("skipped on %s: %s\n", backend, limit->reason);
    skip();
}

bool is_fork(void)
{
    return strcmp(backend, "fork") == 0 || strcmp(backend, "fork-pipe") == 0;
}

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void sleep_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

int slowness(void)
{
    const char *times = getenv("GRAIN_TESTS_SLOW");
    int value = times ? atoi(times) : 1;
    return value > 1 ? value : 1;
}

bool is_within(uint64_t start_ns, long ms)
{
    return now_ns() - start_ns < (uint64_t)ms * 1000000u * (uint64_t)slowness();
}

int twice(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = 2 * *(const int *)arg;
    return 0;
}

int apply_twice(struct grain_pool *pool, int value)
{
    int result = -1;
    int status = grain_apply(pool, twice, &value, sizeof value, &result, sizeof result, NULL);
    return status ? status : result;
}

void contract_start(int argc, char **argv)
{
    if (argc > 1)
        backend = argv[1];
    if (!grain_backend_summary(backend)) {
        printf("backend %s is not built in\n", backend);
        exit(77);
    }
    printf("%-9s %-16s %s\n", "backend", "cannot", "because");
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        printf("%-9s %-16s %s\n", limits[i].backend, limits[i].behaviour, limits[i].reason);
    fflush(stdout);
}
