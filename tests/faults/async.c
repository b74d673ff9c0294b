/* SPDX-License-Identifier: MIT
 *
 * Workers die under asynchronous calls: only the call that killed its worker fails, its future says how; nothing hangs
 * when all workers are gone.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define COUNT 1000

static int kills_at_thirteens(const void *arg, void *result, struct grain_context *ctx)
{
    int value = *(const int *)arg;
    (void)ctx;
    if (value % 100 == 13)
        kill(getpid(), SIGKILL);
    if (value % 100 == 57)
        _exit(3);
    *(int *)result = 3 * value;
    return 0;
}

static bool is_deadly(int value)
{
    return value % 100 == 13 || value % 100 == 57;
}

static void only_the_call_that_killed_its_worker_fails(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(3);
    static struct grain_future *futures[COUNT];
    static int results[COUNT];
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(grain_apply_async(pool, kills_at_thirteens, &i, sizeof i, &results[i], sizeof results[i], NULL,
                                           &futures[i]),
                         0);
    for (int i = 0; i < COUNT; i++) {
        int status = grain_future_get(futures[i], GRAIN_FOREVER);
        if (is_deadly(i)) {
            const struct grain_error *error = grain_future_error(futures[i]);
            assert_int_equal(status, GRAIN_TASK_FAILED);
            assert_non_null(error);
            assert_int_equal(error->code, -EOWNERDEAD);
            assert_int_equal(error->signo, i % 100 == 13 ? SIGKILL : 0);
            assert_int_equal(error->exit_status, i % 100 == 57 ? 3 : 0);
            assert_true(error->pid > 0);
        } else {
            assert_int_equal(status, 0);
            assert_int_equal(results[i], 3 * i);
        }
        grain_future_free(futures[i]);
    }
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
}

static int next_number(void *source, void *item)
{
    int *given = source;
    *(int *)item = *given;
    return (*given)++ < COUNT;
}

static void an_iterator_goes_on_after_a_death(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    struct grain_iter *iter;
    int given = 0, result;
    size_t index;
    assert_int_equal(grain_imap(pool, kills_at_thirteens, next_number, &given, sizeof(int), sizeof(int), NULL, &iter),
                     0);
    for (int i = 0; i < COUNT; i++) {
        int status = grain_iter_next(iter, &result, &index, GRAIN_FOREVER);
        assert_int_equal(index, i);
        assert_int_equal(status, is_deadly(i) ? GRAIN_TASK_FAILED : 1);
        if (is_deadly(i))
            assert_int_equal(grain_iter_error(iter)->code, -EOWNERDEAD);
        else
            assert_int_equal(result, 3 * i);
    }
    assert_int_equal(grain_iter_next(iter, &result, &index, GRAIN_FOREVER), 0);
    grain_iter_free(iter);
    grain_pool_free(pool);
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(pid_t *)result = getppid();
    sleep_ms(20);
    return 0;
}

static void without_a_supervisor_pending_futures_are_not_recoverable(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    struct grain_future *futures[200];
    static pid_t supervisors[200];
    int lost = 0;
    for (int i = 0; i < 200; i++)
        assert_int_equal(
            grain_apply_async(pool, naps, NULL, 0, &supervisors[i], sizeof supervisors[i], NULL, &futures[i]), 0);
    assert_int_equal(grain_future_get(futures[0], GRAIN_FOREVER), 0);
    kill(supervisors[0], SIGKILL);
    uint64_t start = now_ms();
    for (int i = 0; i < 200; i++) {
        int status = grain_future_get(futures[i], GRAIN_FOREVER);
        assert_true(status == 0 || status == -ENOTRECOVERABLE);
        lost += status != 0;
        grain_future_free(futures[i]);
    }
    assert_true(lost > 0);
    assert_true(now_ms() - start < 30000);
    grain_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_call_that_killed_its_worker_fails),
        cmocka_unit_test(an_iterator_goes_on_after_a_death),
        cmocka_unit_test(without_a_supervisor_pending_futures_are_not_recoverable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
