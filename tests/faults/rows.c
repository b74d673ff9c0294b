/* SPDX-License-Identifier: MIT
 *
 * Ends that come from outside a task: the caller becomes another program, somebody presses Ctrl-C, a task's code is not
 * there in the workers. docs/reliability.md says where the other rows are tested.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define GONE_MS 10000 /* the promise is a second, on a machine that has time */

static int tells_supervisor(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(pid_t *)result = getppid();
    return 0;
}

static pid_t supervisor_pid(struct grain_pool *pool)
{
    pid_t pid = 0;
    assert_int_equal(grain_apply(pool, tells_supervisor, NULL, 0, &pid, sizeof pid, NULL), 0);
    return pid;
}

/* Gone, or dead and waiting to be reaped by whatever process 1 is here. */
static bool is_gone(pid_t pid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *stat = fopen(path, "re");
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

static void a_caller_that_becomes_another_program_leaves_nothing(void **state)
{
    (void)state;
    int ends[2];
    pid_t pids[2];
    assert_int_equal(pipe(ends), 0);
    pid_t caller = fork();
    if (caller == 0) {
        struct grain_pool *pool = fork_pool(2);
        pids[0] = worker_pid(pool);
        pids[1] = supervisor_pid(pool);
        if (write(ends[1], pids, sizeof pids) == (ssize_t)sizeof pids)
            execlp("sleep", "sleep", "30", (char *)NULL);
        _exit(1);
    }
    assert_int_equal(read(ends[0], pids, sizeof pids), sizeof pids);
    bool are_gone = is_gone_within(pids[1], GONE_MS) && is_gone_within(pids[0], GONE_MS);
    kill(caller, SIGKILL);
    assert_int_equal(waitpid(caller, NULL, 0), caller);
    close(ends[0]);
    close(ends[1]);
    assert_true(are_gone);
}

static volatile sig_atomic_t interrupts;

static void on_interrupt(int signo)
{
    (void)signo;
    interrupts++;
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    sleep_ms(5);
    *(unsigned char *)result = 1;
    return 0;
}

/* The terminal sends it to the whole group, again and again. */
static void ctrl_c_is_the_callers_business_alone(void **state)
{
    (void)state;
    pid_t host = fork();
    if (host == 0) {
        unsigned char done[200] = {0};
        setpgid(0, 0);
        signal(SIGINT, on_interrupt);
        struct grain_pool *pool = fork_pool(2);
        struct grain_pool_stats stats;
        pid_t presser = fork();
        if (presser == 0) {
            signal(SIGINT, SIG_IGN);
            for (int i = 0; i < 20; i++) {
                sleep_ms(10);
                kill(0, SIGINT);
            }
            _exit(0);
        }
        int status = grain_map(pool, naps, (struct grain_in){NULL, 200, 0}, (struct grain_out){done, 1}, NULL);
        waitpid(presser, NULL, 0);
        grain_pool_stats(pool, &stats);
        bool is_whole = status == 0 && !memchr(done, 0, sizeof done) && stats.replaced == 0 && interrupts > 0;
        grain_pool_free(pool);
        _exit(is_whole ? 0 : 1);
    }
    int status;
    pid_t pid;
    do
        pid = waitpid(host, &status, 0);
    while (pid < 0 && errno == EINTR);
    assert_int_equal(pid, host);
    assert_int_equal(status, 0);
}

/* As of a library that the caller loaded after the open: the address means nothing in the workers. */
static void a_function_that_workers_do_not_have_fails_its_tasks_alone(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(2);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    grain_task_fn late;
    memcpy(&late, &page, sizeof late);
    struct grain_report report = {0};
    struct grain_call_options options = {.report = &report};
    assert_int_equal(grain_apply(pool, late, NULL, 0, NULL, 0, &options), GRAIN_TASK_FAILED);
    assert_int_equal(report.first.code, -EOWNERDEAD);
    assert_int_equal(report.first.signo, SIGSEGV);
    assert_true(worker_pid(pool) > 0);
    munmap(page, 4096);
    grain_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caller_that_becomes_another_program_leaves_nothing),
        cmocka_unit_test(ctrl_c_is_the_callers_business_alone),
        cmocka_unit_test(a_function_that_workers_do_not_have_fails_its_tasks_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
