/* SPDX-License-Identifier: MIT
 *
 * Callers and tasks that become another user, and a task that overwrites what the stats are read from: the pool goes
 * on, limits, deaths and its end are what they were, and only the pool's own processes are ever killed. As root
 * alone.
 */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"
#include "pool/pool.h"

#define NOBODY 65534
#define COUNT  60

static int become_nobody(void)
{
    return setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY);
}

/* Runs a part in a child, which may change what it is. */
static void in_a_child(int (*part)(void))
{
    int status;
    if (geteuid() != 0)
        skip();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        _exit(part());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status)
        fail_msg("ended with status %#x", (unsigned)status);
}

#define WANT(condition)                                                                                                \
    do                                                                                                                 \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                                    \
            return 1;                                                                                                  \
        }                                                                                                              \
    while (0)

enum deed { PLAIN, CRASH, HANG, LONG };

static _Noreturn void hang(void)
{
    for (;;)
        pause();
}

/* params: the task's worker becomes nobody first. */
static int does(const void *arg, void *result, struct grain_context *ctx)
{
    enum deed deed = *(const enum deed *)arg;
    if (grain_context_params(ctx) && geteuid() == 0 && become_nobody())
        return 1;
    if (result)
        *(uid_t *)result = geteuid();
    if (deed == CRASH)
        abort();
    if (deed == HANG)
        hang();
    if (deed == LONG)
        sleep_ms(300);
    return 0;
}

static struct grain_pool *pool_of_root(void)
{
    struct grain_pool *pool = NULL;
    struct grain_pool_options options = {.backend = "fork", .workers = 2};
    return grain_pool_open(&pool, &options) ? NULL : pool;
}

/* Crashes, limits and what is right, of tasks that change user or not. */
static int pool_works(struct grain_pool *pool, const int *change, size_t change_size, uid_t expected)
{
    enum deed deeds[COUNT];
    uid_t users[COUNT];
    int codes[COUNT];
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {
        .chunk = 1, .report = &report, .params = change, .params_size = change_size, .task_timeout_ns = 100000000};
    for (size_t i = 0; i < COUNT; i++)
        deeds[i] = i % 20 == 7 ? CRASH : i == 13 || i == 50 ? HANG : PLAIN;
    WANT(grain_map(pool, does, (struct grain_in){deeds, COUNT, sizeof deeds[0]},
                   (struct grain_out){users, sizeof users[0]}, &options) == GRAIN_TASK_FAILED);
    for (size_t i = 0; i < COUNT; i++) {
        WANT(codes[i] == (deeds[i] == CRASH ? -EOWNERDEAD : deeds[i] == HANG ? -ETIMEDOUT : 0));
        WANT(deeds[i] != PLAIN || users[i] == expected);
    }
    WANT(report.failed == 5);
    return 0;
}

/* The end of a pool whose workers are in tasks that never end. */
static int pool_ends(struct grain_pool *pool, const int *change, size_t change_size, uint64_t most_ms)
{
    enum deed deed = HANG;
    struct grain_future *futures[4];
    struct grain_call_options options = {.params = change, .params_size = change_size};
    for (int i = 0; i < 4; i++)
        WANT(grain_apply_async(pool, does, &deed, sizeof deed, NULL, 0, &options, &futures[i]) == 0);
    WANT(grain_future_get(futures[0], 100000000) == -ETIMEDOUT);
    uint64_t start = now_ms();
    WANT(grain_pool_terminate(pool) == 0);
    for (int i = 0; i < 4; i++) {
        WANT(grain_future_get(futures[i], GRAIN_FOREVER) == -ECANCELED);
        grain_future_free(futures[i]);
    }
    grain_pool_free(pool);
    WANT(now_ms() - start < most_ms);
    return 0;
}

static int a_caller(void)
{
    struct grain_pool *pool = pool_of_root();
    WANT(pool && become_nobody() == 0);
    return pool_works(pool, NULL, 0, 0) || pool_ends(pool, NULL, 0, 20000);
}

static int tasks(void)
{
    static const int change = 1;
    struct grain_pool *pool = pool_of_root();
    WANT(pool);
    return pool_works(pool, &change, sizeof change, NOBODY) || pool_ends(pool, &change, sizeof change, 20000);
}

static int tells_supervisor(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(pid_t *)result = getppid();
    return 0;
}

static int tells_itself(const void *arg, void *result, struct grain_context *ctx)
{
    uid_t user;
    if (does(arg, &user, ctx))
        return 1;
    *(pid_t *)result = getpid();
    return user != NOBODY;
}

static bool is_gone_within(pid_t pid, uint64_t ms)
{
    char path[64], text[256];
    for (uint64_t end = now_ms() + ms; now_ms() < end; sleep_ms(5)) {
        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        FILE *stat = fopen(path, "re");
        size_t length = stat ? fread(text, 1, sizeof text - 1, stat) : 0;
        if (stat)
            fclose(stat);
        text[length] = '\0';
        const char *state = strrchr(text, ')');
        if (!state || state[2] == 'Z' || state[2] == 'X')
            return true;
    }
    return false;
}

/* The kernel forgets whose death a process depends on when it becomes another user's. */
static int tasks_without_a_supervisor(void)
{
    static const int change = 1;
    enum deed deed = PLAIN;
    pid_t worker = 0, supervisor = 0;
    struct grain_pool *pool = pool_of_root();
    struct grain_call_options options = {.params = &change, .params_size = sizeof change};
    WANT(pool && grain_apply(pool, tells_itself, &deed, sizeof deed, &worker, sizeof worker, &options) == 0);
    WANT(grain_apply(pool, tells_supervisor, NULL, 0, &supervisor, sizeof supervisor, NULL) == 0);
    sleep_ms(100);
    kill(supervisor, SIGKILL);
    WANT(is_gone_within(worker, 10000));
    WANT(grain_apply(pool, tells_supervisor, NULL, 0, &supervisor, sizeof supervisor, NULL) == -ENOTRECOVERABLE);
    grain_pool_free(pool);
    return 0;
}

/* Root, but not allowed to signal other users' processes: as in some containers. */
static int kill_capability_drop(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &head, data))
        return -1;
    data[0].effective &= ~(1u << CAP_KILL);
    data[0].permitted &= ~(1u << CAP_KILL);
    data[0].inheritable &= ~(1u << CAP_KILL);
    return syscall(SYS_capset, &head, data) ? -1 : 0;
}

static int tasks_out_of_reach(void)
{
    static const int change = 1;
    enum deed deed = LONG, deeds[2] = {LONG, LONG};
    uid_t users[2];
    pid_t worker = 0;
    int codes[2];
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {
        .params = &change, .params_size = sizeof change, .task_timeout_ns = 20000000, .report = &report, .chunk = 1};
    WANT(kill_capability_drop() == 0);
    struct grain_pool *pool = pool_of_root();
    WANT(pool);
    /* nobody can stop it: it fails when it returns */
    WANT(grain_map(pool, does, (struct grain_in){deeds, 2, sizeof deeds[0]}, (struct grain_out){users, sizeof users[0]},
                   &options) == GRAIN_TASK_FAILED);
    WANT(codes[0] == -ETIMEDOUT && codes[1] == -ETIMEDOUT && users[0] == NOBODY);
    options.task_timeout_ns = 0;
    WANT(grain_apply(pool, does, &deed, sizeof deed, &users[0], sizeof users[0], &options) == 0);
    deed = PLAIN;
    WANT(grain_apply(pool, tells_itself, &deed, sizeof deed, &worker, sizeof worker, &options) == 0);
    /* terminated while both are in a task: neither the call nor the free waits for ever */
    struct grain_future *future;
    deeds[0] = deeds[1] = HANG;
    WANT(grain_map_async(pool, does, (struct grain_in){deeds, 2, sizeof deeds[0]},
                         (struct grain_out){users, sizeof users[0]}, &options, &future) == 0);
    sleep_ms(100);
    uint64_t start = now_ms();
    WANT(grain_pool_terminate(pool) == 0);
    WANT(grain_future_get(future, GRAIN_FOREVER) == -ECANCELED);
    WANT(codes[0] == -ECANCELED && codes[1] == -ECANCELED);
    grain_pool_free(pool);
    grain_future_free(future);
    WANT(now_ms() - start < 20000);
    WANT(kill(worker, 0) < 0 && errno == EPERM); /* what nobody may end */
    return 0;
}

static void a_caller_that_becomes_another_user_keeps_its_pool(void **state)
{
    (void)state;
    in_a_child(a_caller);
}

static void tasks_that_become_another_user_are_ended_as_others_are(void **state)
{
    (void)state;
    in_a_child(tasks);
}

static void workers_of_another_user_end_with_their_supervisor(void **state)
{
    (void)state;
    in_a_child(tasks_without_a_supervisor);
}

static void workers_out_of_reach_keep_nobody_waiting(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* who is left in the end is this process's, which may kill it */
    in_a_child(tasks_out_of_reach);
    for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) >= 0;) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
        FILE *list = fopen(path, "re");
        while (list && fscanf(list, "%d", &pid) == 1)
            kill(pid, SIGKILL);
        if (list)
            fclose(list);
        sleep_ms(1);
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* A task that writes where it should not: the numbers that lie in shared memory are a stranger's. */
static void only_the_pools_own_processes_are_killed(void **state)
{
    (void)state;
    pid_t victim = fork();
    assert_true(victim >= 0);
    if (victim == 0)
        hang();
    struct grain_pool *pool = pool_of_root();
    enum deed deed = HANG;
    struct grain_call_options options = {.task_timeout_ns = 50000000};
    struct grain_future *future;
    assert_non_null(pool);
    for (int i = 0; i < 2; i++)
        *(volatile int *)(uintptr_t)&pool->core.worker_pids[i] = victim;
    assert_int_equal(grain_apply(pool, does, &deed, sizeof deed, NULL, 0, &options), GRAIN_TASK_FAILED);
    assert_int_equal(grain_apply_async(pool, does, &deed, sizeof deed, NULL, 0, NULL, &future), 0);
    assert_int_equal(grain_future_get(future, 50000000), -ETIMEDOUT);
    for (int i = 0; i < 2; i++)
        *(volatile int *)(uintptr_t)&pool->core.worker_pids[i] = victim;
    grain_pool_free(pool);
    grain_future_free(future);
    assert_int_equal(waitpid(victim, NULL, WNOHANG), 0);
    kill(victim, SIGKILL);
    assert_int_equal(waitpid(victim, NULL, 0), victim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caller_that_becomes_another_user_keeps_its_pool),
        cmocka_unit_test(tasks_that_become_another_user_are_ended_as_others_are),
        cmocka_unit_test(workers_of_another_user_end_with_their_supervisor),
        cmocka_unit_test(workers_out_of_reach_keep_nobody_waiting),
        cmocka_unit_test(only_the_pools_own_processes_are_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
