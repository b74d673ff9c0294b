/* SPDX-License-Identifier: MIT
 *
 * Workers, supervisor and caller die, in tasks and idle: nothing hangs, what is lost is told, everything
 * else is delivered exactly once.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"

#define COUNT 2000
static int codes[COUNT];
static unsigned char *visits; /* in the pool's memory */

/* arg says how to end: 0 not at all, > 0 by that signal, < 0 by exit(-arg), from -100 on by _exit. */
static int ends_as_told(const void *arg, void *result, struct grain_context *ctx)
{
    int how = *(const int *)arg;
    (void)ctx;
    ++*(unsigned char *)result;
    if (how > 0)
        kill(getpid(), how);
    if (how <= -100)
        _exit(-how);
    if (how < 0)
        exit(-how);
    return 0;
}

static void only_the_task_that_killed_its_worker_is_lost(void **state)
{
    (void)state;
    static const int ends[] = {SIGKILL, SIGSEGV, SIGABRT, -3, -1};
    int *how = calloc(COUNT, sizeof *how);
    for (int i = 0, k = 0; i < COUNT; i += 97, k++)
        how[i] = ends[k % 5];
    for (int workers = 1; workers <= 4; workers++) {
        struct grain_pool *pool = fork_pool(workers);
        assert_int_equal(grain_alloc(pool, COUNT, (void **)&visits), 0);
        for (size_t s = 0; s < 2 * SCHEDULES; s++) {
            memset(visits, 0, COUNT);
            struct grain_report report = {.codes = codes};
            struct grain_call_options options = {
                .chunk = s < SCHEDULES ? 1 : 50, .schedule = schedules[s % SCHEDULES], .report = &report};
            struct grain_in in = {how, COUNT, sizeof how[0]};
            assert_int_equal(grain_map(pool, ends_as_told, in, (struct grain_out){visits, 1}, &options),
                             GRAIN_TASK_FAILED);
            for (int i = 0; i < COUNT; i++) {
                assert_int_equal(visits[i], 1);
                assert_int_equal(codes[i], how[i] ? -EOWNERDEAD : 0);
            }
            assert_int_equal(report.failed, (COUNT + 96) / 97);
            assert_int_equal(report.first.index, 0);
            assert_int_equal(report.first.signo, SIGKILL);
            assert_true(report.first.pid > 0);
            assert_non_null(strstr(report.first.message, "signal 9"));
        }
        struct grain_pool_stats stats;
        assert_int_equal(grain_pool_stats(pool, &stats), 0);
        assert_int_equal(stats.replaced, 2 * SCHEDULES * ((COUNT + 96) / 97));
        grain_pool_free(pool);
    }
    free(how);
}

static void an_exit_code_is_told(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    int how = -107;
    unsigned char byte = 0;
    struct grain_report report = {0};
    struct grain_call_options options = {.report = &report};
    assert_int_equal(grain_apply(pool, ends_as_told, &how, sizeof how, &byte, 1, &options), GRAIN_TASK_FAILED);
    assert_int_equal(report.first.code, -EOWNERDEAD);
    assert_int_equal(report.first.exit_status, 107);
    assert_int_equal(report.first.signo, 0);
    grain_pool_free(pool);
}

static void a_worker_killed_idle_is_replaced_and_nothing_lost(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(1);
    for (int i = 0; i < 20; i++) {
        pid_t pid = worker_pid(pool);
        kill(pid, SIGKILL);
        pid_t next = worker_pid(pool);
        assert_int_not_equal(next, pid);
        sleep_ms(i % 3);
    }
    grain_pool_free(pool);
}

static int tells_supervisor(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(pid_t *)result = getppid();
    return 0;
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(50);
    return 0;
}

static void *kill_later(void *argument)
{
    sleep_ms(100);
    kill(*(pid_t *)argument, SIGKILL);
    return NULL;
}

/* Gone, or dead and waiting to be reaped by whatever process 1 is here. */
static bool is_gone(pid_t pid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "r");
    if (!stat)
        return true;
    size_t length = fread(text, 1, sizeof text - 1, stat);
    fclose(stat);
    const char *state = length ? strrchr(text, ')') : NULL;
    return !state || state[2] == 'Z' || state[2] == 'X';
}

static bool is_gone_within(pid_t pid, uint64_t ms)
{
    for (uint64_t end = now_ms() + ms; now_ms() < end; sleep_ms(5))
        if (is_gone(pid))
            return true;
    return false;
}

static void a_killed_supervisor_is_noticed(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    pid_t supervisor, worker = worker_pid(pool);
    assert_int_equal(grain_apply(pool, tells_supervisor, NULL, 0, &supervisor, sizeof supervisor, NULL), 0);
    pthread_t killer;
    assert_int_equal(pthread_create(&killer, NULL, kill_later, &supervisor), 0);
    uint64_t start = now_ms();
    struct grain_in in = {NULL, 1000, 0};
    assert_int_equal(grain_map(pool, naps, in, (struct grain_out){NULL, 0}, NULL), -ENOTRECOVERABLE);
    assert_true(now_ms() - start < 30000);
    pthread_join(killer, NULL);
    assert_true(is_gone_within(worker, 20000));
    grain_pool_free(pool);
}

static void a_killed_caller_takes_everything_with_it(void **state)
{
    (void)state;
    int ends[2];
    pid_t pids[2];
    assert_int_equal(pipe(ends), 0);
    pid_t caller = fork();
    if (caller == 0) {
        struct grain_pool *pool = fork_pool(2);
        pids[0] = worker_pid(pool);
        grain_apply(pool, tells_supervisor, NULL, 0, &pids[1], sizeof pids[1], NULL);
        if (write(ends[1], pids, sizeof pids) != (ssize_t)sizeof pids)
            _exit(1);
        grain_map(pool, naps, (struct grain_in){NULL, 100000, 0}, (struct grain_out){NULL, 0}, NULL);
        _exit(0);
    }
    assert_int_equal(read(ends[0], pids, sizeof pids), sizeof pids);
    sleep_ms(50);
    kill(caller, SIGKILL);
    assert_int_equal(waitpid(caller, NULL, 0), caller);
    assert_true(is_gone_within(pids[1], 10000));
    assert_true(is_gone_within(pids[0], 10000));
    close(ends[0]);
    close(ends[1]);
}

static _Atomic int handled;

static void on_child(int signo)
{
    (void)signo;
    handled++;
}

static void the_hosts_own_children_are_left_alone(void **state)
{
    (void)state;
    signal(SIGCHLD, on_child);
    pid_t own = fork();
    if (own == 0)
        _exit(9);
    struct grain_pool *pool = fork_pool(2);
    pid_t worker = worker_pid(pool);
    kill(worker, SIGKILL);
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
    int status = 0;
    assert_int_equal(waitpid(own, &status, 0), own);
    assert_int_equal(WEXITSTATUS(status), 9);
    signal(SIGCHLD, SIG_DFL);
}

static void a_host_that_ignores_or_reaps_children_is_tolerated(void **state)
{
    (void)state;
    signal(SIGCHLD, SIG_IGN);
    struct grain_pool *pool = fork_pool(2);
    assert_true(worker_pid(pool) > 0);
    grain_pool_free(pool);
    signal(SIGCHLD, SIG_DFL);

    pool = fork_pool(2);
    pid_t supervisor;
    assert_int_equal(grain_apply(pool, tells_supervisor, NULL, 0, &supervisor, sizeof supervisor, NULL), 0);
    kill(supervisor, SIGKILL);
    assert_int_equal(waitpid(-1, NULL, 0), supervisor); /* the host takes it first */
    assert_int_equal(grain_apply(pool, naps, NULL, 0, NULL, 0, NULL), -ENOTRECOVERABLE);
    grain_pool_free(pool);
}

static void memory_that_runs_out_is_enomem_and_the_pool_usable(void **state)
{
    (void)state;
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork", .workers = 1, .memory_limit = 8 << 20};
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    void *memory;
    assert_int_equal(grain_alloc(pool, 64 << 20, &memory), -ENOMEM);
    char *big = calloc(1, 64 << 20);
    struct grain_in in = {big, 64, 1 << 20};
    assert_int_equal(grain_map(pool, naps, in, (struct grain_out){NULL, 0}, NULL), -ENOMEM);
    assert_true(worker_pid(pool) > 0);
    assert_int_equal(grain_alloc(pool, 1 << 20, &memory), 0);
    free(big);
    grain_pool_free(pool);
}

static void buffered_text_is_printed_once(void **state)
{
    (void)state;
    int ends[2];
    char text[64] = "";
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        printf("before open\n"); /* stays in the buffer: a pipe is fully buffered */
        struct grain_pool *pool = fork_pool(3);
        worker_pid(pool);
        grain_pool_free(pool);
        exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)got;
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_string_equal(strstr(text, "before open"), "before open\n");
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_task_that_killed_its_worker_is_lost),
        cmocka_unit_test(an_exit_code_is_told),
        cmocka_unit_test(a_worker_killed_idle_is_replaced_and_nothing_lost),
        cmocka_unit_test(a_killed_supervisor_is_noticed),
        cmocka_unit_test(a_killed_caller_takes_everything_with_it),
        cmocka_unit_test(the_hosts_own_children_are_left_alone),
        cmocka_unit_test(a_host_that_ignores_or_reaps_children_is_tolerated),
        cmocka_unit_test(memory_that_runs_out_is_enomem_and_the_pool_usable),
        cmocka_unit_test(buffered_text_is_printed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
