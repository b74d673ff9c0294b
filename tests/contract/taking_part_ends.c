/* SPDX-License-Identifier: MIT
 *
 * Contract: what may happen while the calling thread of a pthread pool runs a task of its own call: the task ends the
 * thread, takes too long, asks its pool for more; others terminate, close, call, fork, or cancel the thread. The call
 * ends as it would have without that, and the thread goes on. Whose tasks it runs: taking_part.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

#define WORKERS  2
#define COUNT    8
#define ATTEMPTS 3000 /* of calls in which the caller has to be seen */

/* What a task does on the calling thread; elsewhere it sleeps for a millisecond. */
enum kind { NOTHING, LEAVES, WAITS, IS_LATE, ASKS };

static struct {
    enum kind kind;
    _Atomic int caller, on_caller, goes_on, wrong;
    struct grain_pool *pool;
} board;

static int items[COUNT], results[COUNT], codes[COUNT];

static void board_clear(enum kind kind)
{
    board.kind = kind;
    board.caller = gettid();
    board.on_caller = board.goes_on = board.wrong = 0;
    for (int i = 0; i < COUNT; i++)
        items[i] = i;
}

static void asks(void)
{
    struct grain_pool *nested = NULL;
    board.wrong += apply_twice(board.pool, 1) != -EDEADLK;
    board.wrong += grain_pool_open(&nested, NULL) != -EDEADLK;
    board.wrong += grain_pool_join(board.pool) != -EDEADLK;
}

static int task(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = 2 * *(const int *)arg;
    if (gettid() != board.caller) {
        sleep_ms(1);
        return 0;
    }
    board.on_caller++;
    if (board.kind == WAITS)
        while (!board.goes_on)
            sleep_ms(1);
    if (board.kind == IS_LATE)
        sleep_ms(40);
    if (board.kind == ASKS)
        asks();
    if (board.kind == LEAVES)
        pthread_exit(NULL);
    return 0;
}

/* Calls until the calling thread has run a task: what the last call came to. */
static int map_until_seen(struct grain_pool *pool, const struct grain_call_options *options)
{
    int status = 0;
    for (int i = 0; i < ATTEMPTS && board.on_caller == 0; i++)
        status = grain_map(pool, task, (struct grain_in){items, COUNT, sizeof items[0]},
                           (struct grain_out){results, sizeof results[0]}, options);
    return status;
}

static struct grain_pool *pool_of_threads(enum kind kind)
{
    board_clear(kind);
    return board.pool = pool_with(WORKERS);
}

static void a_task_that_ends_its_thread_fails_alone_and_the_call_goes_on(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_of_threads(LEAVES);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.report = &report};
    assert_int_equal(map_until_seen(pool, &options), GRAIN_TASK_FAILED);
    assert_true(report.failed > 0 && report.failed == (size_t)board.on_caller);
    for (int i = 0; i < COUNT; i++)
        if (codes[i])
            assert_int_equal(codes[i], -EOWNERDEAD);
        else
            assert_int_equal(results[i], 2 * i);
    board_clear(NOTHING);
    assert_int_equal(map_until_seen(pool, NULL), 0);
    assert_int_equal(board.wrong, 0);
    grain_pool_free(pool);
}

static void its_task_is_a_workers(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_of_threads(ASKS), *next;
    struct grain_call_options late = {.task_timeout_ns = 4000000, .chunk = 1};
    assert_int_equal(map_until_seen(pool, NULL), 0);
    assert_int_equal(board.wrong, 0);
    board_clear(IS_LATE);
    assert_int_equal(map_until_seen(pool, &late), GRAIN_TASK_FAILED);
    assert_int_equal(grain_pool_open(&next, NULL), 0); /* no worker any more */
    grain_pool_free(next);
    grain_pool_free(pool);
}

static void *calls(void *status)
{
    board.caller = gettid();
    *(int *)status = map_until_seen(board.pool, NULL);
    pthread_testcancel(); /* one that came meanwhile takes effect here */
    return NULL;
}

static pthread_t caller_in_its_task(int *status)
{
    pthread_t caller;
    pool_of_threads(WAITS);
    assert_int_equal(pthread_create(&caller, NULL, calls, status), 0);
    while (board.on_caller == 0)
        sleep_ms(1);
    return caller;
}

static void terminate_and_close_find_the_caller_in_its_task(void **state)
{
    (void)state;
    for (int is_close = 0; is_close < 2; is_close++) {
        int status = 1;
        pthread_t caller = caller_in_its_task(&status);
        assert_int_equal((is_close ? grain_pool_close : grain_pool_terminate)(board.pool), 0);
        board.goes_on = 1;
        pthread_join(caller, NULL);
        assert_int_equal(status, is_close ? 0 : -ECANCELED);
        assert_int_equal(grain_pool_join(board.pool), 0);
        grain_pool_free(board.pool);
    }
}

static void others_call_meanwhile_and_the_program_forks(void **state)
{
    (void)state;
    int status = 1, ended;
    pthread_t caller = caller_in_its_task(&status);
    pid_t child = fork();
    if (child == 0)
        _exit(apply_twice(board.pool, 1) == -EPERM ? 0 : 1);
    assert_int_equal(apply_twice(board.pool, 21), 42);
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_int_equal(ended, 0);
    board.goes_on = 1;
    pthread_join(caller, NULL);
    assert_int_equal(status, 0);
    assert_int_equal(board.wrong, 0);
    grain_pool_free(board.pool);
}

static void a_caller_that_is_cancelled_ends_its_call_first(void **state)
{
    (void)state;
    int status = 1;
    void *end;
    pthread_t caller = caller_in_its_task(&status);
    assert_int_equal(pthread_cancel(caller), 0);
    board.goes_on = 1;
    pthread_join(caller, &end);
    assert_int_equal(status, 0);
    assert_ptr_equal(end, PTHREAD_CANCELED);
    assert_int_equal(apply_twice(board.pool, 21), 42);
    grain_pool_free(board.pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    if (strcmp(backend, "pthread") != 0)
        return 77; /* no caller runs a task in the place of a worker */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_ends_its_thread_fails_alone_and_the_call_goes_on),
        cmocka_unit_test(its_task_is_a_workers),
        cmocka_unit_test(terminate_and_close_find_the_caller_in_its_task),
        cmocka_unit_test(others_call_meanwhile_and_the_program_forks),
        cmocka_unit_test(a_caller_that_is_cancelled_ends_its_call_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
