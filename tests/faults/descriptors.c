/* SPDX-License-Identifier: MIT
 *
 * Which descriptors a fork pool's processes have: those that the caller had, or with close_descriptors none but the
 * standard ones and a list, so that a reader of a pipe sees its end while the pool is open. And pools of a program
 * whose standard streams are closed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

static struct grain_pool *pool_open(bool closes, const int *kept, size_t count)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {
        .backend = "fork", .workers = 2, .close_descriptors = closes, .keep_descriptors = kept, .keep_count = count};
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    return pool;
}

/* Whether a descriptor is open in the worker, and a byte got through it. */
static int writes(const void *arg, void *result, struct grain_context *ctx)
{
    int fd = *(const int *)arg;
    (void)ctx;
    *(int *)result = fcntl(fd, F_GETFD) < 0 ? -errno : write(fd, "x", 1) == 1;
    return 0;
}

static int dies(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    raise(SIGKILL);
    return 0;
}

static int written(struct grain_pool *pool, int fd)
{
    int result = 0;
    assert_int_equal(grain_apply(pool, writes, &fd, sizeof fd, &result, sizeof result, NULL), 0);
    return result;
}

static void workers_replace(struct grain_pool *pool)
{
    for (int i = 0; i < 6; i++)
        assert_int_equal(grain_apply(pool, dies, NULL, 0, NULL, 0, NULL), GRAIN_TASK_FAILED);
}

static bool has_ended(int fd, int ms)
{
    char byte;
    struct pollfd end = {.fd = fd, .events = POLLIN};
    return poll(&end, 1, ms) == 1 && read(fd, &byte, 1) == 0;
}

static void a_reader_sees_the_end_while_the_pool_is_open(void **state)
{
    (void)state;
    int ends[2], other[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(other), 0);
    assert_int_equal(fcntl(ends[1], F_DUPFD, 600), 600); /* far from the others */
    struct grain_pool *pool = pool_open(true, &other[1], 1);
    assert_int_equal(written(pool, ends[1]), -EBADF);
    close(ends[1]);
    close(600);
    assert_true(has_ended(ends[0], 10000));
    workers_replace(pool);
    assert_int_equal(written(pool, 600), -EBADF);
    assert_int_equal(written(pool, other[1]), 1);
    grain_pool_free(pool);
    close(other[1]);
    char byte;
    assert_int_equal(read(other[0], &byte, 1), 1);
    assert_true(has_ended(other[0], 10000));
    close(ends[0]);
    close(other[0]);
}

static void without_the_option_workers_have_what_the_caller_had(void **state)
{
    (void)state;
    int ends[2];
    char bytes[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct grain_pool *pool = pool_open(false, NULL, 0);
    assert_int_equal(written(pool, ends[1]), 1);
    workers_replace(pool);
    assert_int_equal(written(pool, ends[1]), 1);
    close(ends[1]);
    assert_int_equal(read(ends[0], bytes, 2), 2);
    assert_false(has_ended(ends[0], 50)); /* the workers could still write: what the option is there for */
    grain_pool_free(pool);
    assert_true(has_ended(ends[0], 10000));
    close(ends[0]);
}

/* What stands behind the descriptors of a process beyond the standard ones, of which those named are left out. */
static int others_of(pid_t pid, const char *own)
{
    char path[64], target[256];
    int others = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        ssize_t length = readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        if (length <= 0 || atoi(entry->d_name) < 3)
            continue;
        target[length] = '\0';
        bool is_own = false;
        for (const char *name = own; *name; name += strlen(name) + 1)
            is_own = is_own || strncmp(target, name, strlen(name)) == 0;
        others += !is_own;
    }
    closedir(folder);
    return others;
}

static int tells_supervisor(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(pid_t *)result = getppid();
    return 0;
}

static void supervisor_and_workers_keep_nothing_else(void **state)
{
    (void)state;
    int ends[2];
    pid_t supervisor = 0;
    assert_int_equal(pipe(ends), 0);
    struct grain_pool *pool = pool_open(true, NULL, 0);
    assert_int_equal(grain_apply(pool, tells_supervisor, NULL, 0, &supervisor, sizeof supervisor, NULL), 0);
    static const char of_supervisor[] = "socket:\0anon_inode:\0";
    assert_int_equal(others_of(supervisor, of_supervisor), 0);
    assert_int_equal(others_of(worker_pid(pool), "\0"), 0);
    grain_pool_free(pool);
    close(ends[0]);
    close(ends[1]);
}

static void a_list_that_is_wrong_is_refused(void **state)
{
    (void)state;
    static const int shut = 999, open = 1;
    const struct grain_pool_options wrong[] = {
        {.backend = "fork", .close_descriptors = true, .keep_descriptors = &shut, .keep_count = 1},
        {.backend = "fork", .close_descriptors = true, .keep_count = 1},
        {.backend = "fork", .keep_descriptors = &open, .keep_count = 1},
        {.backend = "pthread", .close_descriptors = true, .keep_descriptors = &shut, .keep_count = 1},
    };
    struct grain_pool *pool;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(grain_pool_open(&pool, &wrong[i]), -EINVAL);
        assert_non_null(strstr(grain_last_message(), "keep_"));
    }
    /* where nothing is inherited there is nothing to close */
    struct grain_pool_options options = {.backend = "pthread", .workers = 1, .close_descriptors = true};
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    assert_int_equal(fcntl(1, F_GETFD) < 0, 0);
    grain_pool_free(pool);
}

/* Runs what may change this process in a child of its own; 0, or where it went wrong. */
static void in_a_child(int (*part)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        _exit(part());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* From now on the kernel says that it has no close_range. */
static int forget_close_range(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 436, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int reader_on_an_older_kernel(void)
{
    int ends[2], result = 0;
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork", .workers = 2, .close_descriptors = true};
    if (forget_close_range())
        return 0; /* nor can it be told so: nothing to see here */
    if (syscall(436, 5000, 5000, 0) == 0 || pipe(ends) || fcntl(ends[1], F_DUPFD, 600) != 600)
        return 1;
    if (grain_pool_open(&pool, &options) ||
        grain_apply(pool, writes, &ends[1], sizeof ends[1], &result, sizeof result, NULL) || result != -EBADF)
        return 2;
    close(ends[1]);
    close(600);
    if (!has_ended(ends[0], 10000))
        return 3;
    grain_pool_free(pool);
    return 0;
}

static void a_kernel_without_close_range_does_too(void **state)
{
    (void)state;
    in_a_child(reader_on_an_older_kernel);
}

/* ------------------------------------------------------------------------------- closed standard streams */

static int standard_streams_open(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    int open = 0;
    for (int fd = 0; fd < 3; fd++)
        open += fcntl(fd, F_GETFD) >= 0;
    *(int *)result = open;
    printf("this goes nowhere\n");
    fprintf(stderr, "nor does this\n");
    return 0;
}

static int pools_without_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    for (int round = 0; round < 2; round++) {
        struct grain_pool *pool;
        struct grain_future *future;
        struct grain_pool_options options = {.backend = "fork", .workers = 2, .close_descriptors = round > 0};
        int open[100], later = -1;
        pid_t supervisor = 0;
        char path[64];
        if (grain_pool_open(&pool, &options))
            return 1;
        for (int part = 0; part < 2; part++) {
            memset(open, 0xff, sizeof open);
            if (grain_map(pool, standard_streams_open, (struct grain_in){NULL, 100, 0},
                          (struct grain_out){open, sizeof open[0]}, NULL))
                return 2;
            for (int i = 0; i < 100; i++)
                if (open[i] != 0)
                    return 3;
            for (int i = 0; i < 4 && part == 0; i++)
                if (grain_apply(pool, dies, NULL, 0, NULL, 0, NULL) != GRAIN_TASK_FAILED)
                    return 4;
        }
        if (grain_apply_async(pool, standard_streams_open, NULL, 0, &later, sizeof later, NULL, &future) ||
            grain_future_get(future, GRAIN_FOREVER) || later != 0)
            return 5;
        grain_future_free(future);
        if (grain_apply(pool, tells_supervisor, NULL, 0, &supervisor, sizeof supervisor, NULL))
            return 6;
        for (int fd = 0; fd < 3; fd++) {
            snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)supervisor, fd);
            if (fcntl(fd, F_GETFD) >= 0 || faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 7;
        }
        grain_pool_free(pool);
    }
    return 0;
}

static int ends_with_two(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    return 2;
}

static int processes_without_streams(void)
{
    struct grain_process *process;
    int code = 0;
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    if (grain_process_start(&process, NULL, ends_with_two, NULL, 0))
        return 1;
    if (grain_process_sentinel(process) >= 0 && grain_process_sentinel(process) < 3)
        return 2;
    if (grain_process_join(process, GRAIN_FOREVER) || grain_process_exitcode(process, &code) || code != 2)
        return 3;
    grain_process_free(process);
    return 0;
}

static void a_program_without_standard_streams_has_pools_too(void **state)
{
    (void)state;
    in_a_child(pools_without_streams);
    in_a_child(processes_without_streams);
}

/* Three times a number, but for the seventh: that one kills its worker. */
static int triples(const void *arg, void *result, struct grain_context *ctx)
{
    if (grain_context_index(ctx) == 7)
        raise(SIGKILL);
    *(int *)result = 3 * *(const int *)arg;
    return 0;
}

static void a_limit_on_descriptors_that_is_lowered_later_stops_no_call(void **state)
{
    (void)state;
    int items[100], results[100], codes[100];
    struct grain_pool *pool = fork_pool(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = 1, .report = &report};
    struct rlimit before, low;
    for (int i = 0; i < 100; i++)
        items[i] = i;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){.rlim_cur = 2, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    int status = grain_map(pool, triples, (struct grain_in){items, 100, sizeof *items},
                           (struct grain_out){results, sizeof *results}, &options);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, GRAIN_TASK_FAILED);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(codes[i], i == 7 ? -EOWNERDEAD : 0);
        assert_true(i == 7 || results[i] == 3 * i);
    }
    grain_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_on_descriptors_that_is_lowered_later_stops_no_call),
        cmocka_unit_test(a_reader_sees_the_end_while_the_pool_is_open),
        cmocka_unit_test(without_the_option_workers_have_what_the_caller_had),
        cmocka_unit_test(supervisor_and_workers_keep_nothing_else),
        cmocka_unit_test(a_list_that_is_wrong_is_refused),
        cmocka_unit_test(a_kernel_without_close_range_does_too),
        cmocka_unit_test(a_program_without_standard_streams_has_pools_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
