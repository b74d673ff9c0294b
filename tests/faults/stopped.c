/* SPDX-License-Identifier: MIT
 *
 * Ctrl-Z: every process of the job stands still, goes on with the others, and the time in between is nobody's.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define WORKERS    2
#define PROCESSES  (WORKERS + 2)
#define TASKS      12
#define TASK_MS    50
#define LIMIT_MS   500
#define STOP_MS    900 /* more than the limit */
#define PATIENCE_S 20

/* Written by the job, read by the test. */
static struct shared {
    volatile pid_t pids[PROCESSES]; /* the workers, their supervisor, the caller */
    volatile int begun, status, failed;
} * shared;

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    int ms = *(const int *)arg;
    (void)result;
    shared->pids[grain_context_worker(ctx)] = getpid();
    shared->pids[WORKERS] = getppid();
    shared->begun++;
    for (uint64_t until = now_ms() + (uint64_t)ms; now_ms() < until;)
        sleep_ms(1);
    return 0;
}

static char state_of(pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 'X';
    size_t length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = '\0';
    const char *end = strrchr(line, ')');
    return end ? end[2] : 'X';
}

static bool is_all_stopped(void)
{
    int count = 0;
    for (int i = 0; i < PROCESSES; i++)
        count += shared->pids[i] > 0 && state_of(shared->pids[i]) == 'T';
    return count == PROCESSES;
}

static bool are_all_stopped_soon(void)
{
    for (int i = 0; i < PATIENCE_S * 100; i++, sleep_ms(10))
        if (is_all_stopped())
            return true;
    return false;
}

/* A job of its own, as a shell starts one: `signo` to its group, SIGCONT after a while. Its tasks have a limit; they
 * sleep for less than that, as long as nobody counts how long they stood still. */
static void job_run(void)
{
    int ms[TASKS];
    for (int i = 0; i < TASKS; i++)
        ms[i] = TASK_MS;
    setpgid(0, 0);
    struct grain_pool *pool;
    struct grain_pool_options pool_options = {.backend = "fork", .workers = WORKERS};
    struct grain_report report = {0};
    struct grain_call_options options = {
        .report = &report, .chunk = 1, .task_timeout_ns = LIMIT_MS * UINT64_C(1000000)};
    shared->pids[WORKERS + 1] = getpid();
    if (grain_pool_open(&pool, &pool_options))
        _exit(1);
    shared->status = grain_map(pool, naps, (struct grain_in){ms, TASKS, sizeof ms[0]}, (struct grain_out){0}, &options);
    shared->failed = (int)report.failed;
    /* The pool works, and so do limits: this one is over. */
    ms[0] = 30000;
    bool is_stopped = grain_apply(pool, naps, ms, sizeof ms[0], NULL, 0, &options) == GRAIN_TASK_FAILED &&
                      report.first.code == -ETIMEDOUT;
    grain_pool_free(pool);
    _exit(is_stopped ? 0 : 2);
}

static void stopped_by(int signo)
{
    int status = -1;
    memset(shared, 0, sizeof *shared);
    fflush(stdout);
    pid_t job = fork();
    if (job == 0)
        job_run();
    for (int i = 0; i < PATIENCE_S * 100 && shared->begun < WORKERS; i++)
        sleep_ms(10);
    assert_true(shared->begun >= WORKERS);
    for (int i = 0; i < PATIENCE_S * 100 && !(shared->pids[0] && shared->pids[1]); i++)
        sleep_ms(10);
    kill(-job, signo);
    bool are_stopped = are_all_stopped_soon();
    int begun = shared->begun;
    sleep_ms(STOP_MS);
    bool is_still = begun == shared->begun;
    kill(-job, SIGCONT);
    assert_int_equal(waitpid(job, &status, 0), job);
    assert_true(are_stopped);
    assert_true(is_still);
    assert_int_equal(status, 0);
    assert_int_equal(shared->status, 0);
    assert_int_equal(shared->failed, 0);
}

static void a_stopped_job_loses_neither_task_nor_time(void **state)
{
    (void)state;
    stopped_by(SIGTSTP);
    stopped_by(SIGSTOP);
}

/* As when Ctrl-Z stops them, and the caller, which handles it since the open, goes on. */
static void a_pool_that_stands_still_can_be_freed(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(1);
    int ms = 0;
    memset(shared, 0, sizeof *shared);
    assert_int_equal(grain_apply(pool, naps, &ms, sizeof ms, NULL, 0, NULL), 0);
    kill(shared->pids[WORKERS], SIGSTOP);
    kill(shared->pids[0], SIGSTOP);
    while (state_of(shared->pids[WORKERS]) != 'T' || state_of(shared->pids[0]) != 'T')
        sleep_ms(1);
    grain_pool_free(pool);
}

int main(void)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_job_loses_neither_task_nor_time),
        cmocka_unit_test(a_pool_that_stands_still_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
