/* SPDX-License-Identifier: MIT
 *
 * exit() and quick_exit() in forked children: they end with that code, and do nothing that is the host's to do.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

#define LINES 12

static int log_fd; /* where handlers say that they ran: a byte each */

static void says_that_it_ran(void)
{
    if (write(log_fd, "x", 1) != 1)
        abort();
}

static void says_its_status(int status, void *argument)
{
    (void)status;
    (void)argument;
    says_that_it_ran();
}

/* More than the C library has room for without asking for memory, before and after others. */
#define HANDLERS 40
static void handlers_register(void)
{
    for (int i = 0; i < HANDLERS; i++) {
        atexit(says_that_it_ran);
        at_quick_exit(says_that_it_ran);
    }
    on_exit(says_its_status, NULL);
}

static long log_bytes(void)
{
    return (long)lseek(log_fd, 0, SEEK_END);
}

enum way { WAY_EXIT, WAY_QUICK_EXIT, WAY_IN_A_THREAD, WAY_LAST_THREAD, WAYS };

static void *exits(void *code)
{
    exit(*(int *)code);
}

static int leaves(const void *arg, void *result, struct grain_context *ctx)
{
    int way = *(const int *)arg, code = 40 + way;
    pthread_t thread;
    (void)result;
    (void)ctx;
    printf("<way %d>", way);
    if (way == WAY_QUICK_EXIT)
        quick_exit(code);
    if (way == WAY_LAST_THREAD)
        pthread_exit(NULL); /* the last one of its process: exit(0) */
    if (way == WAY_IN_A_THREAD) {
        pthread_create(&thread, NULL, exits, &code);
        pthread_join(thread, NULL);
    }
    exit(code);
}

/* In a process of its own, for its handlers and streams: 0, or the line that failed. */
#define MUST(condition)                                                                                                \
    if (!(condition))                                                                                                  \
    _exit(1 + __LINE__ % 255)

static void in_a_program(void (*program)(void))
{
    char name[] = "/tmp/grain-exits-XXXXXX";
    int status, input = mkstemp(name);
    assert_true(input >= 0);
    unlink(name);
    for (int i = 1; i <= LINES; i++)
        dprintf(input, "%d\n", i);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char log_name[] = "/tmp/grain-exits-XXXXXX", out_name[] = "/tmp/grain-exits-XXXXXX";
        log_fd = mkstemp(log_name);
        int out = mkstemp(out_name);
        unlink(log_name);
        unlink(out_name);
        lseek(input, 0, SEEK_SET);
        dup2(input, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
        handlers_register();
        program();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(input);
    if (status)
        print_message("line %d\n", WEXITSTATUS(status) - 1);
    assert_int_equal(status, 0);
}

/* The host reads on behind each child that ended: were its place in the file put back, lines would come again. */
static int next_line(void)
{
    char line[32];
    return fgets(line, sizeof line, stdin) ? atoi(line) : 0;
}

static bool has_printed(const char *word)
{
    char text[4096];
    ssize_t length = pread(STDOUT_FILENO, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return strstr(text, word);
}

static void tasks_exit(void)
{
    char word[32];
    MUST(next_line() == 1);
    struct grain_pool *pool;
    MUST(grain_pool_open(&pool, &(struct grain_pool_options){.backend = "fork", .workers = 1}) == 0);
    for (int way = 0; way < WAYS; way++) {
        struct grain_report report = {0};
        struct grain_call_options options = {.report = &report};
        MUST(grain_apply(pool, leaves, &way, sizeof way, NULL, 0, &options) == GRAIN_TASK_FAILED);
        MUST(report.first.code == -EOWNERDEAD && report.first.signo == 0);
        MUST(report.first.exit_status == (way == WAY_LAST_THREAD ? 0 : 40 + way));
        MUST(next_line() == 2 + way);
        snprintf(word, sizeof word, "<way %d>", way);
        MUST(has_printed(word));
    }
    MUST(worker_pid(pool) > 0);
    grain_pool_free(pool);
    MUST(log_bytes() == 0);
}

static void exit_in_a_task_ends_its_worker_and_nothing_else(void **state)
{
    (void)state;
    in_a_program(tasks_exit);
}

static void processes_exit(void)
{
    MUST(next_line() == 1);
    for (int way = 0; way < WAYS; way++) {
        struct grain_process *process;
        int code = -1;
        MUST(grain_process_start(&process, NULL, leaves, &way, sizeof way) == 0);
        MUST(grain_process_join(process, GRAIN_FOREVER) == 0);
        MUST(grain_process_exitcode(process, &code) == 0);
        MUST(code == (way == WAY_LAST_THREAD ? 0 : 40 + way));
        grain_process_free(process);
        MUST(next_line() == 2 + way);
    }
    MUST(log_bytes() == 0);
}

static void exit_in_a_process_of_its_own_likewise(void **state)
{
    (void)state;
    in_a_program(processes_exit);
}

/* Closing a stream puts the place in its file back to where its reader is: of a copy, that is another reader. */
static int gives_up_input(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    return freopen("/dev/null", "r", stdin) ? 0 : 1;
}

static void tasks_close(void)
{
    struct grain_pool *pool;
    MUST(next_line() == 1);
    MUST(grain_pool_open(&pool, &(struct grain_pool_options){.backend = "fork", .workers = 1}) == 0);
    for (int i = 2; i < 4; i++) {
        MUST(grain_apply(pool, gives_up_input, NULL, 0, NULL, 0, NULL) == 0);
        MUST(next_line() == i);
    }
    /* What is not read ahead yet comes from the file itself. */
    while (next_line() < LINES)
        MUST(!feof(stdin));
    MUST(next_line() == 0 && feof(stdin));
    grain_pool_free(pool);
}

static void a_task_that_closes_stdin_moves_nothing(void **state)
{
    (void)state;
    in_a_program(tasks_close);
}

/* One that a task starts, and one that a task forks by itself; handlers that tasks register are theirs. */
static int starts_others(const void *arg, void *result, struct grain_context *ctx)
{
    int way = WAY_EXIT, code = -1, status = -1;
    struct grain_process *process;
    (void)arg;
    (void)ctx;
    if (grain_process_start(&process, NULL, leaves, &way, sizeof way) || grain_process_join(process, GRAIN_FOREVER) ||
        grain_process_exitcode(process, &code))
        return 1;
    grain_process_free(process);
    pid_t pid = fork();
    if (pid == 0)
        exit(9);
    waitpid(pid, &status, 0);
    *(int *)result = code == 40 && WEXITSTATUS(status) == 9;
    atexit(says_that_it_ran);
    return 0;
}

static void children_of_tasks(void)
{
    int result = 0, way = WAY_EXIT;
    MUST(next_line() == 1);
    struct grain_pool *pool;
    MUST(grain_pool_open(&pool, &(struct grain_pool_options){.backend = "fork", .workers = 1}) == 0);
    MUST(grain_apply(pool, starts_others, NULL, 0, &result, sizeof result, NULL) == 0 && result == 1);
    MUST(log_bytes() == 0);
    MUST(next_line() == 2);
    /* What the task registered in its worker runs there, once. */
    MUST(grain_apply(pool, leaves, &way, sizeof way, NULL, 0, NULL) == GRAIN_TASK_FAILED);
    MUST(log_bytes() == 1);
    MUST(next_line() == 3);
    grain_pool_free(pool);
}

static void children_of_tasks_end_the_same_way(void **state)
{
    (void)state;
    in_a_program(children_of_tasks);
}

/* The host's own exit runs its handlers as ever, also behind pools and processes, each once. */
static int host_status(void)
{
    char name[] = "/tmp/grain-exits-XXXXXX";
    int status = -1;
    log_fd = mkstemp(name);
    unlink(name);
    pid_t pid = fork();
    if (pid == 0) {
        struct grain_process *process;
        handlers_register();
        for (int i = 0; i < 3; i++) {
            int way = WAY_EXIT;
            grain_pool_free(fork_pool(1));
            grain_process_start(&process, NULL, leaves, &way, sizeof way);
            grain_process_join(process, GRAIN_FOREVER);
            grain_process_free(process);
        }
        exit(5);
    }
    waitpid(pid, &status, 0);
    return status;
}

static void the_hosts_own_exit_is_what_it_was(void **state)
{
    (void)state;
    fflush(stdout);
    int status = host_status();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 5);
    assert_int_equal(log_bytes(), HANDLERS + 1);
    close(log_fd);
}

/* ------------------------------------------------------------------------------ the parent's death */

/* As a change of credentials does, in the initializer or in a task. */
static int forgets_its_parent(void *argument, struct grain_context *ctx)
{
    (void)ctx;
    if (argument)
        prctl(PR_SET_PDEATHSIG, 0);
    return 0;
}

static int forgets_and_tells(const void *arg, void *result, struct grain_context *ctx)
{
    forgets_its_parent(*(const int *)arg % 3 ? result : NULL, ctx);
    ((pid_t *)result)[0] = getpid();
    ((pid_t *)result)[1] = getppid();
    return 0;
}

static int hangs_for_long(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    (void)ctx;
    if (write(*(const int *)arg, "x", 1) == 1)
        sleep_ms(60000);
    return 0;
}

/* Dead, whoever is to reap it. */
static bool is_dead(pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return true;
    size_t length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = '\0';
    const char *end_of_name = strrchr(line, ')');
    return !end_of_name || end_of_name[2] == 'Z' || end_of_name[2] == 'X';
}

static bool is_dead_within(pid_t pid, uint64_t ms)
{
    for (uint64_t end = now_ms() + ms; now_ms() < end; sleep_ms(5))
        if (is_dead(pid))
            return true;
    return false;
}

/* where: 0 in the initializer, then in a long task; 1 in a task, then asleep. */
static void dies_with_its_supervisor(int where)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {
        .backend = "fork", .workers = 1, .initializer = forgets_its_parent, .argument = where == 0 ? &options : NULL};
    pid_t pids[2];
    int ends[2];
    char byte;
    struct grain_future *future = NULL;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    assert_int_equal(grain_apply(pool, forgets_and_tells, &where, sizeof where, pids, sizeof pids, NULL), 0);
    if (where == 0) {
        assert_int_equal(grain_apply_async(pool, hangs_for_long, &ends[1], sizeof ends[1], NULL, 0, NULL, &future), 0);
        assert_int_equal(read(ends[0], &byte, 1), 1);
    } else {
        sleep_ms(100); /* it goes to sleep; where that takes longer it looks before it sleeps */
    }
    kill(pids[1], SIGKILL);
    assert_true(is_dead_within(pids[0], 30000));
    grain_future_free(future);
    grain_pool_free(pool);
    close(ends[0]);
    close(ends[1]);
}

static void a_worker_that_lost_its_death_signal_asks_for_it_again(void **state)
{
    (void)state;
    for (int where = 0; where < 2; where++)
        dies_with_its_supervisor(where);
}

/* Nobody else waits for the workers then; the kernel kills them. */
static void a_pool_without_supervisor_leaves_no_worker(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct grain_pool *pool = fork_pool(2);
        int where = 3;
        pid_t pids[2];
        assert_int_equal(grain_apply(pool, forgets_and_tells, &where, sizeof where, pids, sizeof pids, NULL), 0);
        kill(pids[1], SIGKILL);
        grain_pool_free(pool);
        assert_true(is_dead(pids[0]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_in_a_task_ends_its_worker_and_nothing_else),
        cmocka_unit_test(exit_in_a_process_of_its_own_likewise),
        cmocka_unit_test(a_task_that_closes_stdin_moves_nothing),
        cmocka_unit_test(children_of_tasks_end_the_same_way),
        cmocka_unit_test(the_hosts_own_exit_is_what_it_was),
        cmocka_unit_test(a_worker_that_lost_its_death_signal_asks_for_it_again),
        cmocka_unit_test(a_pool_without_supervisor_leaves_no_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
