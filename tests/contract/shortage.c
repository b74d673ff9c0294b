/* SPDX-License-Identifier: MIT
 *
 * Contract: a pool is opened where something is missing: processes and threads, descriptors, the right to start any,
 * /proc. It opens and works, or says why not and leaves nothing behind. Each try is a process of its own, which may
 * end: OpenMP's runtime ends the program that it gets no thread in.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

/* ThreadSanitizer has a thread of its own, from the first thread of the program's on. */
#if defined(__SANITIZE_THREAD__)
#define HAS_OWN_THREADS true
#else
#define HAS_OWN_THREADS false
#endif

#define WORKERS 4
#define COUNT   200
#define REFUSED 10 /* exit code: the pool did not open, as it should not */

static int numbers[COUNT], results[COUNT];

static int count_of(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(folder);
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static int descriptor_count(void)
{
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Whether a map on it is right; frees it. */
static bool works(struct grain_pool *pool)
{
    for (int i = 0; i < COUNT; i++)
        numbers[i] = i;
    memset(results, 0xff, sizeof results);
    struct grain_in in = {numbers, COUNT, sizeof *numbers};
    struct grain_out out = {results, sizeof *results};
    bool is_right = grain_map(pool, twice, in, out, &(struct grain_call_options){.chunk = 1}) == 0;
    for (int i = 0; i < COUNT && !cannot("runs tasks"); i++)
        is_right = is_right && results[i] == 2 * i;
    grain_pool_free(pool);
    return is_right;
}

/* Opens a pool where `expected` may be missing. What is returned is the exit code: 0 it works, REFUSED, or which check
 * failed. */
static int try_open(int expected, const char *named)
{
    struct grain_pool_options options = options_with(WORKERS);
    struct grain_pool *pool;
    int fds = descriptor_count(), threads = count_of("/proc/self/task");
    int status = grain_pool_open(&pool, &options);
    if (status == 0)
        return works(pool) ? 0 : 1;
    if (status != expected || pool)
        return 2;
    if (!strstr(grain_last_message(), named))
        return 3;
    if (descriptor_count() != fds)
        return 4;
    /* A thread that was joined may be seen for a moment longer. */
    for (uint64_t start = now_ns(); count_of("/proc/self/task") != threads && !HAS_OWN_THREADS;)
        if (!is_within(start, 10000))
            return 5;
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? REFUSED : 6;
}

/* The exit code of body(argument) in a child. */
static int in_child(int (*body)(int), int argument)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(body(argument));
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
        fail_msg("killed by signal %d with %d", WTERMSIG(status), argument);
    return WEXITSTATUS(status);
}

static bool limit(__rlimit_resource_t resource, int most)
{
    struct rlimit limits;
    if (getrlimit(resource, &limits))
        return false;
    limits.rlim_cur = (rlim_t)most;
    return setrlimit(resource, &limits) == 0;
}

static int with_processes(int most)
{
    /* A user who has nothing but this; root has no limit. */
    uid_t user = 1000000u + (uid_t)getpid();
    if (setresuid(user, user, user) || !limit(RLIMIT_NPROC, most))
        return 20;
    prctl(PR_SET_DUMPABLE, 1); /* /proc/self is its own again */
    return try_open(-EAGAIN, "RLIMIT_NPROC");
}

/* From one process, which is this one, to plenty. */
static void processes_run_out(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    int least = 0;
    for (int most = 1; most <= WORKERS + 6; most++) {
        int code = in_child(with_processes, most);
        if (code != 0 && code != REFUSED)
            fail_msg("exit code %d with at most %d processes", code, most);
        if (code == REFUSED)
            assert_int_equal(least, 0); /* once there are enough, more are enough too */
        else if (!least)
            least = most;
    }
    assert_int_not_equal(least, 0);
    if (!cannot("parallel"))
        assert_true(least > WORKERS);
}

/* A pool that has worked and is gone leaves room for the next: OpenMP's runtime keeps its threads. */
static int with_processes_again(int most)
{
    int code = with_processes(most);
    if (code)
        return code;
    /* What has ended counts for a moment longer. */
    for (uint64_t start = now_ns(); (code = try_open(-EAGAIN, "RLIMIT_NPROC")) == REFUSED && is_within(start, 5000);)
        sleep_ms(10);
    return code;
}

static void those_of_a_pool_before_are_used_again(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    int most = 1;
    while (most < WORKERS + 6 && in_child(with_processes, most) == REFUSED)
        most++;
    /* One more, for the thread that forks the supervisor may be gone by the time that the last worker is forked, or
     * not. */
    assert_int_equal(in_child(with_processes_again, most + 1), 0);
}

static int with_descriptors(int more)
{
    int lowest = dup(0);
    if (lowest < 0 || close(lowest) || !limit(RLIMIT_NOFILE, lowest + more))
        return 20;
    int code = try_open(-EMFILE, "RLIMIT_NOFILE");
    if (code != REFUSED)
        return code;
    return limit(RLIMIT_NOFILE, 256) && try_open(-EMFILE, "") == 0 ? REFUSED : 21;
}

static void descriptors_run_out(void **state)
{
    (void)state;
    enum { PLENTY = 24 };
    for (int more = 0; more <= PLENTY; more++) {
        int code = in_child(with_descriptors, more);
        bool may_be_few = is_fork() || strcmp(backend, "openmp") == 0; /* LLVM's runtime wants one too */
        if (code != 0 && !(code == REFUSED && may_be_few && more < PLENTY))
            fail_msg("exit code %d with %d descriptors", code, more);
    }
}

/* As a sandbox does: the kernel refuses to start anything. */
static int without_permission(int unused)
{
    (void)unused;
#define REFUSE(call)                                                                                                   \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        REFUSE(__NR_clone),
        REFUSE(__NR_clone3),
#ifdef __NR_fork
        REFUSE(__NR_fork),
#endif
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return 77;
    return try_open(-EAGAIN, "workers");
}

static void nothing_may_be_started(void **state)
{
    (void)state;
    int code = in_child(without_permission, 0);
    if (code == 77)
        skip();
    assert_int_equal(code, cannot("parallel") ? 0 : REFUSED);
}

/* ------------------------------------------------------------------------------- while a pool runs */

static void supervisor_limit(pid_t supervisor, rlim_t most)
{
    struct rlimit limits = {most, 12};
    prlimit(supervisor, RLIMIT_NPROC, &limits, NULL);
}

static int tells_supervisor(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(pid_t *)result = getppid();
    return 0;
}

static int dies(const void *arg, void *result, struct grain_context *ctx)
{
    if (*(const int *)arg == 7)
        raise(SIGKILL);
    return twice(arg, result, ctx);
}

/* Before, it takes care that there is no process for its replacement. */
static int dies_for_good(const void *arg, void *result, struct grain_context *ctx)
{
    if (*(const int *)arg == 7)
        supervisor_limit(getppid(), 1);
    return dies(arg, result, ctx);
}

/* A worker dies and cannot be replaced for longer than a second. */
static int short_of_a_replacement(int unused)
{
    (void)unused;
    uid_t user = 1000000u + (uid_t)getpid();
    pid_t supervisor = 0;
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    struct grain_report report = {0};
    struct grain_in in = {numbers, COUNT, sizeof *numbers};
    struct grain_out out = {results, sizeof *results};
    if (setresuid(user, user, user) || grain_pool_open(&pool, &options) ||
        grain_apply(pool, tells_supervisor, NULL, 0, &supervisor, sizeof supervisor, NULL))
        return 20;
    for (int i = 0; i < COUNT; i++)
        numbers[i] = i;
    pid_t helper = fork();
    if (helper == 0) {
        struct rlimit limits = {0};
        while (prlimit(supervisor, RLIMIT_NPROC, NULL, &limits) == 0 && limits.rlim_cur != 1)
            sleep_ms(1);
        sleep_ms(2500);
        supervisor_limit(supervisor, 12);
        _exit(0);
    }
    uint64_t start = now_ns();
    int status = grain_map(pool, dies_for_good, in, out, &(struct grain_call_options){.chunk = 1, .report = &report});
    if (status != GRAIN_TASK_FAILED || report.failed != 1 || report.first.index != 7)
        return 40;
    if (now_ns() - start < 2000u * 1000000u)
        return 42; /* nothing was tried */
    return works(pool) && waitpid(helper, NULL, 0) == helper ? 0 : 41;
}

static void a_worker_without_a_replacement_costs_no_pool(void **state)
{
    (void)state;
    if (getuid() != 0 || !is_fork())
        skip();
    assert_int_equal(in_child(short_of_a_replacement, 0), 0);
}

/* --------------------------------------------------------------------------------------------- /proc */

static int never(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(60000);
    return 0;
}

static int fine(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    return 7;
}

/* Deaths and limits where workers are processes. */
static int workers_die(struct grain_pool *pool)
{
    struct grain_report report = {0};
    struct grain_in in = {numbers, 20, sizeof *numbers};
    struct grain_out out = {results, sizeof *results};
    if (grain_map(pool, dies, in, out, &(struct grain_call_options){.chunk = 1, .report = &report}) !=
            GRAIN_TASK_FAILED ||
        report.failed != 1 || report.first.index != 7 || report.first.signo != SIGKILL)
        return 30;
    struct grain_call_options call = {.report = &report, .task_timeout_ns = 50 * 1000000u};
    if (cannot("limits"))
        return 0;
    int status = grain_apply(pool, never, NULL, 0, NULL, 0, &call);
    return status == GRAIN_TASK_FAILED && report.first.code == -ETIMEDOUT ? 0 : 31;
}

static char empty_folder[] = "/tmp/grain-shortage-XXXXXX";

static int without_files(int unused)
{
    (void)unused;
    struct grain_pool_options options = options_with(WORKERS);
    struct grain_pool *pool;
    struct grain_process *process;
    int code;
    if (chroot(empty_folder) || chdir("/"))
        return 77;
    if (grain_cpu_count() < 1)
        return 1;
    int status = grain_pool_open(&pool, &options);
    if (status == -ENOTSUP && strstr(grain_last_message(), "/dev/shm"))
        return 77; /* LLVM's runtime */
    if (status)
        return 1;
    for (int i = 0; i < COUNT; i++)
        numbers[i] = i;
    if (is_fork() && (code = workers_die(pool)))
        return code;
    if (!works(pool))
        return 2;
    if (grain_process_start(&process, NULL, fine, NULL, 0) || grain_process_join(process, GRAIN_FOREVER) ||
        grain_process_exitcode(process, &code) || code != 7)
        return 3;
    grain_process_free(process);
    return 0;
}

static void there_is_no_proc(void **state)
{
    (void)state;
    if (getuid() != 0)
        skip();
    assert_non_null(mkdtemp(empty_folder));
    int code = in_child(without_files, 0);
    rmdir(empty_folder);
    if (code == 77)
        skip();
    assert_int_equal(code, 0);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_run_out),
        cmocka_unit_test(those_of_a_pool_before_are_used_again),
        cmocka_unit_test(descriptors_run_out),
        cmocka_unit_test(nothing_may_be_started),
        cmocka_unit_test(a_worker_without_a_replacement_costs_no_pool),
        cmocka_unit_test(there_is_no_proc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
