/* SPDX-License-Identifier: MIT
 *
 * Processes of their own: exit codes, signals, joining with a time limit, the sentinel, and a host that takes the
 * status first.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "grain.h"

static int as_told(const void *arg, void *result, struct grain_context *ctx)
{
    int how = *(const int *)arg;
    (void)result;
    (void)ctx;
    if (how >= 1000)
        exit(how - 1000);
    if (how == -100)
        pause();
    return how;
}

static struct grain_process *started(int how)
{
    static int told;
    struct grain_process *process;
    told = how;
    assert_int_equal(grain_process_start(&process, NULL, as_told, &told, sizeof told), 0);
    assert_non_null(process);
    return process;
}

static int code_of(int how)
{
    struct grain_process *process = started(how);
    int code = -1;
    assert_int_equal(grain_process_join(process, GRAIN_FOREVER), 0);
    assert_false(grain_process_is_alive(process));
    assert_int_equal(grain_process_exitcode(process, &code), 0);
    grain_process_free(process);
    return code;
}

static void exit_codes_are_told(void **state)
{
    (void)state;
    assert_int_equal(code_of(0), 0);
    assert_int_equal(code_of(7), 7);
    assert_int_equal(code_of(1003), 3);       /* exit(3) */
    assert_int_equal(code_of(1000), 0);       /* exit(0) */
    assert_int_equal(code_of(1000 + 259), 3); /* of exit() the system keeps 8 bits */
    assert_int_equal(code_of(255), 255);
    assert_int_equal(code_of(256 + 9), 9);
    assert_int_equal(code_of(-1), 255);
    assert_int_equal(code_of(-EIO), 256 - EIO);
    assert_int_equal(code_of(256), 255); /* not mistaken for success */
    assert_int_equal(code_of(-512), 255);
}

static void signals_are_told_as_negative_codes(void **state)
{
    (void)state;
    struct grain_process *process = started(-100);
    int code;
    assert_true(grain_process_is_alive(process));
    assert_int_equal(grain_process_exitcode(process, &code), -EAGAIN);
    assert_int_equal(grain_process_join(process, 0), -ETIMEDOUT);
    assert_int_equal(grain_process_join(process, 20000000), -ETIMEDOUT);
    assert_int_equal(grain_process_terminate(process), 0);
    assert_int_equal(grain_process_join(process, GRAIN_FOREVER), 0);
    assert_int_equal(grain_process_exitcode(process, &code), 0);
    assert_int_equal(code, -SIGTERM);
    assert_int_equal(grain_process_kill(process), 0); /* nothing is left to kill */
    grain_process_free(process);

    process = started(-100);
    assert_int_equal(grain_process_kill(process), 0);
    assert_int_equal(grain_process_join(process, GRAIN_FOREVER), 0);
    assert_int_equal(grain_process_exitcode(process, &code), 0);
    assert_int_equal(code, -SIGKILL);
    grain_process_free(process);
}

static void the_sentinel_becomes_readable_at_the_end(void **state)
{
    (void)state;
    struct grain_process *process = started(-100);
    struct pollfd end = {.fd = grain_process_sentinel(process), .events = POLLIN};
    if (end.fd == -ENOTSUP) {
        grain_process_kill(process);
        grain_process_join(process, GRAIN_FOREVER);
        grain_process_free(process);
        skip();
    }
    assert_int_equal(poll(&end, 1, 20), 0);
    assert_true(grain_process_pid(process) > 0);
    assert_int_equal(kill(grain_process_pid(process), SIGKILL), 0);
    assert_int_equal(poll(&end, 1, 60000), 1);
    assert_int_equal(grain_process_join(process, GRAIN_FOREVER), 0);
    grain_process_free(process);
}

static void a_status_that_the_host_took_is_echild(void **state)
{
    (void)state;
    struct grain_process *process = started(5);
    int status, code;
    assert_int_equal(waitpid(grain_process_pid(process), &status, 0), grain_process_pid(process));
    assert_int_equal(grain_process_join(process, GRAIN_FOREVER), -ECHILD);
    assert_int_equal(grain_process_exitcode(process, &code), -ECHILD);
    grain_process_free(process);
}

static void a_hundred_come_and_go_and_leave_nothing(void **state)
{
    (void)state;
    struct grain_process *processes[100];
    int code;
    for (int i = 0; i < 100; i++)
        processes[i] = started(i % 2 ? -100 : i);
    for (int i = 0; i < 100; i++) {
        if (i % 2)
            assert_int_equal(grain_process_kill(processes[i]), 0);
        assert_int_equal(grain_process_join(processes[i], GRAIN_FOREVER), 0);
        assert_int_equal(grain_process_exitcode(processes[i], &code), 0);
        assert_int_equal(code, i % 2 ? -SIGKILL : i);
        grain_process_free(processes[i]);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static int twice(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = 2 * *(const int *)arg;
    return 0;
}

static int opens_a_pool(const void *arg, void *result, struct grain_context *ctx)
{
    const char *backend = arg;
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = backend, .workers = 2};
    int in = 21, out = 0;
    (void)result;
    (void)ctx;
    if (grain_pool_open(&pool, &options) || grain_apply(pool, twice, &in, sizeof in, &out, sizeof out, NULL))
        return 1;
    grain_pool_free(pool);
    return out;
}

static void a_process_may_open_a_pool_of_its_own(void **state)
{
    (void)state;
    static const char *const backends[] = {"fork", "pthread"};
    for (int i = 0; i < 2; i++) {
        struct grain_process *process;
        int code;
        assert_int_equal(grain_process_start(&process, NULL, opens_a_pool, backends[i], 5), 0);
        assert_int_equal(grain_process_join(process, GRAIN_FOREVER), 0);
        assert_int_equal(grain_process_exitcode(process, &code), 0);
        assert_int_equal(code, 42);
        grain_process_free(process);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct grain_process *process = (struct grain_process *)&state;
    int code;
    assert_int_equal(grain_process_start(NULL, NULL, as_told, NULL, 0), -EINVAL);
    assert_int_equal(grain_process_start(&process, NULL, NULL, NULL, 0), -EINVAL);
    assert_null(process);
    assert_int_equal(grain_process_start(&process, NULL, as_told, NULL, 4), -EINVAL);
    assert_int_equal(grain_process_join(NULL, 0), -EINVAL);
    assert_int_equal(grain_process_exitcode(NULL, &code), -EINVAL);
    assert_int_equal(grain_process_terminate(NULL), -EINVAL);
    assert_int_equal(grain_process_sentinel(NULL), -EINVAL);
    assert_false(grain_process_is_alive(NULL));
    grain_process_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes_are_told),
        cmocka_unit_test(signals_are_told_as_negative_codes),
        cmocka_unit_test(the_sentinel_becomes_readable_at_the_end),
        cmocka_unit_test(a_status_that_the_host_took_is_echild),
        cmocka_unit_test(a_hundred_come_and_go_and_leave_nothing),
        cmocka_unit_test(a_process_may_open_a_pool_of_its_own),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
