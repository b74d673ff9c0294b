/* SPDX-License-Identifier: MIT
 *
 * Contract: how queued calls end that do not end by themselves in peace: after a failure that is told of early, when
 * the pool is terminated around them, when it is gone, and in a forked child.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

#define LATE    -3
#define QUICK   100
#define LONG_MS 1500
#define WORKERS 2

struct board {
    _Atomic int begun, ended, is_open;
};

static struct board *board_of(struct grain_pool *pool)
{
    void *memory;
    assert_int_equal(grain_alloc(pool, sizeof(struct board), &memory), 0);
    return memory;
}

static int fails_and_goes_on(const void *arg, void *result, struct grain_context *ctx)
{
    struct board *board = *(struct board *const *)arg;
    (void)result;
    grain_context_fail(ctx, LATE, "this is told long before the end");
    sleep_ms(100);
    atomic_store(&board->ended, 1);
    return 0;
}

static void a_call_that_failed_has_not_ended_before_it_returns(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    struct board *board = board_of(pool);
    struct grain_future *future;
    assert_int_equal(grain_apply_async(pool, fails_and_goes_on, &board, sizeof board, NULL, 0, NULL, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), GRAIN_TASK_FAILED);
    assert_int_equal(atomic_load(&board->ended), 1);
    assert_int_equal(grain_future_error(future)->code, LATE);
    assert_string_equal(grain_future_error(future)->message, "this is told long before the end");
    grain_future_free(future);
    grain_pool_free(pool);
}

static int takes_long(const void *arg, void *result, struct grain_context *ctx)
{
    struct board *board = *(struct board *const *)arg;
    (void)result;
    (void)ctx;
    atomic_fetch_add(&board->begun, 1);
    sleep_ms(LONG_MS);
    return 0;
}

static void terminate_ends_what_waits_behind_long_tasks_at_once(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(WORKERS);
    struct board *board = board_of(pool);
    struct grain_future *futures[QUICK];
    for (int i = 0; i < QUICK; i++)
        assert_int_equal(grain_apply_async(pool, takes_long, &board, sizeof board, NULL, 0, NULL, &futures[i]), 0);
    for (int i = 0; i < 5000 && atomic_load(&board->begun) == 0; i++)
        sleep_ms(1);
    uint64_t begin = now_ns();
    assert_int_equal(grain_pool_terminate(pool), 0);
    int ended = 0;
    while (ended < QUICK - 2 * WORKERS && now_ns() - begin < (uint64_t)LONG_MS * 1000000u / 2) {
        ended = 0; /* which of them run nobody can tell: OpenMP takes the last first */
        for (int i = 0; i < QUICK; i++)
            ended += grain_future_get(futures[i], 0) == -ECANCELED;
        sleep_ms(1);
    }
    assert_true(ended >= QUICK - 2 * WORKERS);
    grain_pool_free(pool);
    for (int i = 0; i < QUICK; i++)
        grain_future_free(futures[i]);
}

static int threads_of_this_process(void)
{
    char line[128];
    int threads = 0;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Threads: %d", &threads) == 1)
            break;
    fclose(file);
    return threads;
}

static void a_call_that_is_refused_starts_no_thread(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    struct grain_future *future;
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    int threads = threads_of_this_process();
    for (int i = 0; i < 10; i++)
        assert_int_equal(grain_apply_async(pool, twice, &i, sizeof i, &(int){0}, sizeof(int), NULL, &future),
                         -ESHUTDOWN);
    assert_int_equal(threads_of_this_process(), threads);
    grain_pool_free(pool);
}

static int waits_for_the_board(const void *arg, void *result, struct grain_context *ctx)
{
    struct board *board = *(struct board *const *)arg;
    (void)ctx;
    while (!atomic_load(&board->is_open))
        sleep_ms(1);
    *(int *)result = 7;
    return 0;
}

static void a_forked_child_is_refused_the_futures_of_its_parent(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    struct board *board = board_of(pool);
    struct grain_future *future;
    int result = 0, status;
    assert_int_equal(
        grain_apply_async(pool, waits_for_the_board, &board, sizeof board, &result, sizeof result, NULL, &future), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool is_refused = grain_future_get(future, 0) == -EPERM && grain_future_get(future, GRAIN_FOREVER) == -EPERM &&
                          grain_future_cancel(future) == -EPERM && !grain_future_ready(future);
        grain_future_free(future);
        _exit(is_refused ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    atomic_store(&board->is_open, 1);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    assert_int_equal(result, 7);
    grain_future_free(future);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_failed_has_not_ended_before_it_returns),
        cmocka_unit_test(terminate_ends_what_waits_behind_long_tasks_at_once),
        cmocka_unit_test(a_call_that_is_refused_starts_no_thread),
        cmocka_unit_test(a_forked_child_is_refused_the_futures_of_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
