/* SPDX-License-Identifier: MIT
 *
 * The masks and dispositions that the table of signals in docs/reliability.md promises: of a worker, of a program that
 * a task starts, of a process of its own, and of the supervisor, for each class of signals and for each thing that the
 * host may have done with it.
 */
#include "classes.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_finds_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
