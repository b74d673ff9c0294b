/* SPDX-License-Identifier: MIT
 *
 * Contract: how a task learns that its pool is terminated.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "contract.h"

/* In memory that all processes share. */
static struct seen {
    _Atomic int running, cancelled;
} * seen;

static int waits_to_be_cancelled(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    signal(SIGTERM, SIG_IGN); /* a forked worker is sent it, and would be gone before it looks */
    seen->running += !grain_context_cancelled(ctx);
    for (int i = 0; i < 5000 && !grain_context_cancelled(ctx); i++)
        sleep_ms(1);
    seen->cancelled += grain_context_cancelled(ctx);
    return 0;
}

static void *apply_of_it(void *pool)
{
    return (void *)(intptr_t)grain_apply(pool, waits_to_be_cancelled, NULL, 0, NULL, 0, NULL);
}

static void a_task_learns_that_its_pool_is_terminated(void **state)
{
    (void)state;
    needs("cancel");
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    options.grace_ns = 5000000000u;
    void *status;
    pthread_t caller;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    assert_int_equal(pthread_create(&caller, NULL, apply_of_it, pool), 0);
    for (int i = 0; i < 5000 && !seen->running; i++)
        sleep_ms(1);
    assert_int_equal(seen->running, 1);
    assert_int_equal(seen->cancelled, 0);
    assert_int_equal(grain_pool_terminate(pool), 0);
    pthread_join(caller, &status);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_int_equal(seen->cancelled, 1);
    grain_pool_free(pool);
}

static int says_cancelled(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    *(int *)result = grain_context_cancelled(ctx);
    return 0;
}

static void no_task_is_cancelled_by_a_close(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    struct grain_future *future;
    int result = -1;
    assert_int_equal(grain_apply_async(pool, says_cancelled, NULL, 0, &result, sizeof result, NULL, &future), 0);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_int_equal(grain_future_get(future, 0), 0);
    assert_int_equal(result, 0);
    grain_future_free(future);
    grain_pool_free(pool);
}

#define COUNT 60

static int is_inside;

static int leaves_when_cancelled(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    __atomic_store_n(&is_inside, 1, __ATOMIC_RELEASE); /* pairs with the acquire below */
    while (!grain_context_cancelled(ctx))
        sleep_ms(1);
    pthread_exit(NULL);
}

/* Each of them ends its thread: the first stands for the rest, which is dropped. */
static void a_task_that_ends_its_thread_then_is_the_last(void **state)
{
    (void)state;
    needs("cancel");
    if (is_fork())
        skip(); /* the worker is told by SIGTERM */
    struct grain_pool *pool = pool_with(1);
    struct grain_future *map;
    static int codes[COUNT];
    struct grain_report report = {.codes = codes};
    struct grain_in in = {NULL, COUNT, 0};
    struct grain_out out = {NULL, 0};
    struct grain_call_options options = {.report = &report, .chunk = 30};
    is_inside = 0;
    assert_int_equal(grain_map_async(pool, leaves_when_cancelled, in, out, &options, &map), 0);
    while (!__atomic_load_n(&is_inside, __ATOMIC_ACQUIRE))
        sleep_ms(1);
    assert_int_equal(grain_pool_terminate(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_int_equal(grain_future_get(map, 0), -ECANCELED);
    assert_int_equal(report.failed, COUNT);
    assert_int_equal(codes[0], -EOWNERDEAD);
    for (int i = 1; i < COUNT; i++)
        assert_true(codes[i] == -ECANCELED || (i == 1 && codes[i] == -EOWNERDEAD));
    grain_future_free(map);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_learns_that_its_pool_is_terminated),
        cmocka_unit_test(no_task_is_cancelled_by_a_close),
        cmocka_unit_test(a_task_that_ends_its_thread_then_is_the_last),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
