/* SPDX-License-Identifier: MIT
 *
 * Signals and forked workers: the rows of the table in docs/reliability.md. What a worker, a program that a task starts,
 * a process of its own and the supervisor make of each class, and what a signal to the whole group costs.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"

extern char **environ;

/* In a process of its own, with its own group and dispositions: 0, or the line that failed. */
#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            _exit(1 + __LINE__ % 255);                                                                                 \
    } while (0)

static void in_a_group(void (*program)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        program();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status)
        print_message("line %d (or that and 255), status %x\n", WEXITSTATUS(status) - 1, (unsigned)status);
    assert_int_equal(status, 0);
}

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
static const int ends[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM};
/* By default they end a process, and nobody asks whether the caller will want them. */
static const int others[] = {SIGUSR1, SIGUSR2,   SIGALRM, SIGPROF, SIGVTALRM, SIGPIPE,
                             SIGIO,   SIGSTKFLT, SIGXCPU, SIGPWR,  SIGABRT,   0 /* SIGRTMIN + 3 */};
static const int harmless[] = {SIGCHLD, SIGWINCH, SIGURG, SIGCONT};
static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};

static const struct {
    const int *of;
    size_t count;
} classes[] = {{faults, 6}, {ends, 4}, {others, 12}, {harmless, 4}, {stops, 3}};
#define CLASSES (sizeof classes / sizeof classes[0])

static int signal_at(size_t class, size_t i)
{
    return classes[class].of[i] ? classes[class].of[i] : SIGRTMIN + 3;
}

static volatile sig_atomic_t handled;

static void on_signal(int signo)
{
    (void)signo;
    handled++;
}

/* -------------------------------------------------------------- what a worker, and who is started by it, finds */

/* As /proc tells of a process: a bit a signal. */
struct found {
    uint64_t blocked, ignored, caught;
};

static bool has(uint64_t set, int signo)
{
    return set >> (signo - 1) & 1;
}

static struct found found_of(pid_t pid)
{
    struct found found = {0};
    char path[64], line[256];
    unsigned long long value;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "SigBlk: %llx", &value) == 1)
            found.blocked = value;
        if (sscanf(line, "SigIgn: %llx", &value) == 1)
            found.ignored = value;
        if (sscanf(line, "SigCgt: %llx", &value) == 1)
            found.caught = value;
    }
    if (file)
        fclose(file);
    return found;
}

enum seen_by { BY_WORKER, BY_PROGRAM, BY_PROCESS, BY_SUPERVISOR, BY_ALL };

static int looks_at_itself(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    (void)ctx;
    *(struct found *)(uintptr_t) * (const uint64_t *)arg = found_of(getpid());
    return 0;
}

/* A program that this process starts stands still until it was looked at. */
static struct found found_in_a_program(void)
{
    char *arguments[] = {"sleep", "60", NULL};
    struct found found = {0};
    pid_t pid = fork();
    if (pid == 0) {
        execvp("sleep", arguments);
        _exit(127);
    }
    for (int i = 0; i < 5000; i++) {
        char path[64], name[64] = "";
        snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
        FILE *file = fopen(path, "re");
        bool is_there = file && fgets(name, sizeof name, file) && strcmp(name, "sleep\n") == 0;
        if (file)
            fclose(file);
        if (is_there)
            break;
        sleep_ms(1);
    }
    found = found_of(pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return found;
}

static int looks_around(const void *arg, void *result, struct grain_context *ctx)
{
    struct found *found = result;
    struct grain_process *process;
    struct found *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t where = (uintptr_t)shared;
    (void)arg;
    (void)ctx;
    found[BY_WORKER] = found_of(getpid());
    found[BY_PROGRAM] = found_in_a_program();
    if (grain_process_start(&process, NULL, looks_at_itself, &where, sizeof where))
        return 1;
    grain_process_join(process, GRAIN_FOREVER);
    grain_process_free(process);
    found[BY_PROCESS] = *shared;
    found[BY_SUPERVISOR] = found_of(getppid());
    return 0;
}

static struct found found[BY_ALL], host;

static void everybody_looks(void)
{
    struct grain_pool *pool = fork_pool(1);
    host = found_in_a_program();
    MUST(grain_apply(pool, looks_around, NULL, 0, found, sizeof found, NULL) == 0);
    grain_pool_free(pool);
}

static void everywhere(void (*handler)(int))
{
    for (size_t class = 0; class < CLASSES; class ++)
        for (size_t i = 0; i < classes[class].count; i++)
            MUST(signal(signal_at(class, i), handler) != SIG_ERR);
}

/* Programs, and processes of their own, find what they would find had the host started them. */
static void children_find_what_the_hosts_do(void)
{
    uint64_t faults_set = 0;
    for (size_t i = 0; i < 6; i++)
        faults_set |= UINT64_C(1) << (faults[i] - 1);
    for (int by = BY_PROGRAM; by <= BY_PROCESS; by++) {
        MUST((found[by].ignored | faults_set) == (host.ignored | faults_set));
        MUST((found[by].caught & 0x7fffffff) == 0);
        MUST(found[by].blocked == host.blocked);
    }
}

/* Whatever the host has: nothing but the two that it waits for is blocked or ends it. */
static void supervisor_is_safe(void)
{
    for (size_t class = 0; class < CLASSES; class ++) {
        for (size_t i = 0; i < classes[class].count; i++) {
            int signo = signal_at(class, i);
            bool is_awaited = signo == SIGCHLD || signo == SIGCONT;
            MUST(has(found[BY_SUPERVISOR].blocked, signo) == is_awaited);
            MUST(has(found[BY_SUPERVISOR].ignored, signo) == !is_awaited || signo == SIGTSTP);
        }
    }
}

static void by_default(void)
{
    everywhere(SIG_DFL);
    everybody_looks();
    MUST(found[BY_WORKER].ignored == host.ignored);
    MUST(found[BY_WORKER].blocked == 0);
    for (size_t class = 0; class < CLASSES; class ++)
        for (size_t i = 0; i < classes[class].count; i++)
            MUST(has(found[BY_WORKER].caught, signal_at(class, i)) == (classes[class].of == ends));
    children_find_what_the_hosts_do();
    supervisor_is_safe();
    MUST(!has(found[BY_SUPERVISOR].ignored, SIGTSTP)); /* it stops with the others */
}

static void when_ignored(void)
{
    everywhere(SIG_IGN);
    everybody_looks();
    for (size_t class = 0; class < CLASSES; class ++)
        for (size_t i = 0; i < classes[class].count; i++)
            MUST(has(found[BY_WORKER].ignored, signal_at(class, i)) == (classes[class].of != faults));
    MUST((found[BY_WORKER].caught & 0x7fffffff) == 0);
    children_find_what_the_hosts_do();
    supervisor_is_safe();
    MUST(has(found[BY_SUPERVISOR].ignored, SIGTSTP));
}

static void when_handled(void)
{
    everywhere(on_signal);
    everybody_looks();
    for (size_t class = 0; class < CLASSES; class ++)
        for (size_t i = 0; i < classes[class].count; i++)
            MUST(has(found[BY_WORKER].caught, signal_at(class, i)) == (classes[class].of != faults));
    children_find_what_the_hosts_do();
    supervisor_is_safe();
    MUST(has(found[BY_SUPERVISOR].ignored, SIGTSTP));
}

/* Of the mask, all but what faults raise is the opener's. */
static void when_blocked(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    everybody_looks();
    for (size_t class = 0; class < CLASSES; class ++)
        for (size_t i = 0; i < classes[class].count; i++)
            for (int by = BY_WORKER; by <= BY_PROCESS; by++)
                MUST(has(found[by].blocked, signal_at(class, i)) == (classes[class].of != faults));
    for (size_t i = 0; i < 6; i++)
        MUST(!has(found[BY_SUPERVISOR].blocked, faults[i]));
}

static void each_finds_what_the_table_says(void **state)
{
    (void)state;
    in_a_group(by_default);
    in_a_group(when_ignored);
    in_a_group(when_handled);
    in_a_group(when_blocked);
}

/* ----------------------------------------------------------------------------- a signal to the whole group */

#define COUNT 60
static unsigned char done[COUNT];

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    sleep_ms(2);
    *(unsigned char *)result = 1;
    return 0;
}

/* Each signal of the list to every process of the group, while a map runs; sender: one that ignores them all. */
static void group_is_sent(const int *list, size_t count, struct grain_pool *pool)
{
    struct grain_pool_stats stats;
    pid_t sender = fork();
    if (sender == 0) {
        everywhere(SIG_IGN);
        for (size_t i = 0; i < count; i++) {
            kill(0, list[i] ? list[i] : SIGRTMIN + 3);
            sleep_ms(2);
        }
        _exit(0);
    }
    memset(done, 0, sizeof done);
    MUST(grain_map(pool, naps, (struct grain_in){NULL, COUNT, 0}, (struct grain_out){done, 1}, NULL) == 0);
    MUST(!memchr(done, 0, sizeof done));
    int status;
    MUST(waitpid(sender, &status, 0) == sender && status == 0);
    MUST(grain_map(pool, naps, (struct grain_in){NULL, 4, 0}, (struct grain_out){done, 1}, NULL) == 0);
    MUST(grain_pool_stats(pool, &stats) == 0 && stats.replaced == 0);
}

static void of_all_but_faults(void (*handler)(int))
{
    for (enum grain_transport transport = GRAIN_TRANSPORT_SHARED; transport <= GRAIN_TRANSPORT_PIPE; transport++) {
        struct grain_pool *pool;
        struct grain_pool_options options = {.backend = "fork", .workers = 2, .transport = transport};
        everywhere(handler);
        MUST(grain_pool_open(&pool, &options) == 0);
        signal(SIGCHLD, SIG_DFL); /* the status of the sender is wanted */
        for (size_t class = 1; class < CLASSES; class ++)
            group_is_sent(classes[class].of, classes[class].count, pool);
        grain_pool_free(pool);
    }
}

static void host_ignores(void)
{
    of_all_but_faults(SIG_IGN);
}

static void host_handles(void)
{
    of_all_but_faults(on_signal);
    MUST(handled > 0);
}

/* As a program does that opens its pool first. */
static void host_handles_later(void)
{
    struct grain_pool *pool = fork_pool(2);
    for (size_t i = 0; i < 4; i++)
        signal(ends[i], on_signal);
    group_is_sent(ends, 4, pool);
    MUST(handled > 0);
    grain_pool_free(pool);
}

static void what_the_host_survives_costs_no_task(void **state)
{
    (void)state;
    in_a_group(host_ignores);
    in_a_group(host_handles);
    in_a_group(host_handles_later);
}

/* ------------------------------------------------------------------------------------------------ the end */

static int sleeps_on(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    (void)ctx;
    if (write(*(const int *)arg, "x", 1) != 1)
        return 1;
    for (uint64_t until = now_ms() + 60000; now_ms() < until;)
        sleep_ms(1000); /* also when a signal ends one of them */
    return 0;
}

/* The caller handles SIGTERM, so workers bear it; the pool's own ends them at once, long before the grace is over. */
static void terminates(void)
{
    int lane[2];
    char byte;
    struct grain_pool *pool;
    struct grain_future *future;
    struct grain_pool_options options = {.backend = "fork", .workers = 1, .grace_ns = 30000000000u};
    MUST(pipe(lane) == 0);
    signal(SIGTERM, on_signal);
    MUST(grain_pool_open(&pool, &options) == 0);
    MUST(grain_apply_async(pool, sleeps_on, &lane[1], sizeof lane[1], NULL, 0, NULL, &future) == 0);
    MUST(read(lane[0], &byte, 1) == 1);
    uint64_t start = now_ms();
    grain_pool_terminate(pool);
    grain_pool_join(pool);
    MUST(now_ms() - start < 15000);
    grain_future_free(future);
    grain_pool_free(pool);
}

static int forks_and_ends_it(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    pid_t pid = fork();
    if (pid == 0) {
        sleep_ms(60000);
        _exit(0);
    }
    kill(pid, SIGTERM);
    return waitpid(pid, (int *)result, 0) == pid ? 0 : 1;
}

static int naps_for_long(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(60000);
    return 0;
}

static int starts_and_ends_it(const void *arg, void *result, struct grain_context *ctx)
{
    struct grain_process *process;
    (void)arg;
    (void)ctx;
    if (grain_process_start(&process, NULL, naps_for_long, NULL, 0) || grain_process_terminate(process) ||
        grain_process_join(process, 20000000000u) || grain_process_exitcode(process, result))
        return 1;
    grain_process_free(process);
    return 0;
}

/* A worker bears SIGTERM; what a task forks, or starts, ends by it as it would with the host. */
static void children_end(void)
{
    struct grain_pool *pool = fork_pool(1);
    int status = 0;
    MUST(grain_apply(pool, forks_and_ends_it, NULL, 0, &status, sizeof status, NULL) == 0);
    MUST(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    MUST(grain_apply(pool, starts_and_ends_it, NULL, 0, &status, sizeof status, NULL) == 0);
    MUST(status == -SIGTERM);
    grain_pool_free(pool);
    signal(SIGTERM, on_signal);
    pool = fork_pool(1);
    MUST(grain_apply(pool, starts_and_ends_it, NULL, 0, &status, sizeof status, NULL) == 0);
    MUST(status == -SIGTERM);
    grain_pool_free(pool);
}

static void a_termination_ends_what_it_is_sent_to(void **state)
{
    (void)state;
    in_a_group(terminates);
    in_a_group(children_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_finds_what_the_table_says),
        cmocka_unit_test(what_the_host_survives_costs_no_task),
        cmocka_unit_test(a_termination_ends_what_it_is_sent_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
