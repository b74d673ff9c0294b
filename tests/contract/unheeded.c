/* SPDX-License-Identifier: MIT
 *
 * Contract: user code that has its thread cancelled, and returns before that takes effect, has succeeded; no thread of
 * grain's ends by that between two tasks, of this pool or the next. A cancellation that takes effect: leaving.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"

#define COUNT   20
#define TIMEOUT 20000000000u

static _Atomic int delivered;

static int cancels_unheeded(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = *(const int *)arg + 1;
    if (is_fork())
        fputs("text that waits, ", stdout); /* writing it could be the place where it takes effect */
    pthread_cancel(pthread_self());
    return 0;
}

static int goes_on(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = *(const int *)arg + 1;
    return 0;
}

static void callback_cancels(void *user, const void *result, size_t count)
{
    (void)user;
    (void)result;
    (void)count;
    atomic_fetch_add(&delivered, 1);
    pthread_cancel(pthread_self());
}

static void queued_checked(struct grain_pool *pool, grain_task_fn task, const struct grain_call_options *options)
{
    struct grain_future *future;
    int item = 4, result = 0;
    assert_int_equal(grain_apply_async(pool, task, &item, sizeof item, &result, sizeof result, options, &future), 0);
    assert_int_equal(grain_future_get(future, TIMEOUT), 0);
    assert_int_equal(result, 5);
    grain_future_free(future);
}

static void a_queued_call_that_has_its_thread_cancelled_disturbs_no_other(void **state)
{
    (void)state;
    needs("runs tasks");
    for (int round = 0; round < 3; round++) {
        struct grain_pool *pool = pool_with(2);
        queued_checked(pool, cancels_unheeded, NULL);
        sleep_ms(5); /* whoever ran it waits for the next one */
        queued_checked(pool, goes_on, NULL);
        grain_pool_free(pool);
    }
}

static void nor_does_a_callback(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_call_options options = {.callback = callback_cancels};
    for (int round = 1; round <= 3; round++) {
        struct grain_pool *pool = pool_with(2);
        queued_checked(pool, goes_on, &options);
        sleep_ms(5);
        queued_checked(pool, goes_on, &options);
        grain_pool_free(pool);
        assert_int_equal(delivered, 2 * round);
    }
}

/* A worker that goes on may have it take effect in a later task: then that one fails, once for each worker. */
static void map_checked(struct grain_pool *pool, grain_task_fn task, const int *items)
{
    int results[COUNT] = {0}, codes[COUNT], late = 0;
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.report = &report};
    int status = grain_map(pool, task, (struct grain_in){items, COUNT, sizeof items[0]},
                           (struct grain_out){results, sizeof results[0]}, &options);
    for (int i = 0; i < COUNT; i++) {
        late += codes[i] == -EOWNERDEAD;
        assert_true(codes[i] == -EOWNERDEAD || (codes[i] == 0 && results[i] == items[i] + 1));
    }
    assert_int_equal(status, late ? GRAIN_TASK_FAILED : 0);
    assert_in_range(late, 0, strcmp(backend, "openmp") ? 0 : 2);
}

/* Where tasks of a call that waits run on the calling thread, the cancellation is the caller's. */
static void nor_do_the_tasks_of_a_map(void **state)
{
    (void)state;
    needs("runs tasks");
    int items[COUNT];
    for (int i = 0; i < COUNT; i++)
        items[i] = i;
    for (int round = 0; round < 6; round++) {
        struct grain_pool *pool = NULL;
        struct grain_pool_options of_workers = options_with(2);
        of_workers.caller_waits = true;
        assert_int_equal(grain_pool_open(&pool, &of_workers), 0);
        grain_task_fn task = round % 2 || !strcmp(backend, "serial") ? goes_on : cancels_unheeded;
        map_checked(pool, task, items);
        grain_pool_free(pool);
    }
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queued_call_that_has_its_thread_cancelled_disturbs_no_other),
        cmocka_unit_test(nor_does_a_callback),
        cmocka_unit_test(nor_do_the_tasks_of_a_map),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
