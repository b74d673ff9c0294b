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

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_learns_that_its_pool_is_terminated),
        cmocka_unit_test(no_task_is_cancelled_by_a_close),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
