/* SPDX-License-Identifier: MIT
 *
 * Contract: signals in the threads that a pool makes. What runs user code has the opener's mask, everything else blocks
 * all signals, and nobody blocks what a fault raises; so a fault in a task finds the program's handler where tasks run
 * in its threads, and programs that tasks and callbacks start find an ordinary mask. Forked workers:
 * tests/faults/found.c.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

/* ThreadSanitizer has a thread of its own, and delivers signals by itself. */
#if defined(__SANITIZE_THREAD__)
#define HAS_OWN_SIGNALS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_OWN_SIGNALS 1
#endif
#endif
#ifndef HAS_OWN_SIGNALS
#define HAS_OWN_SIGNALS 0
#endif

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
#define FAULTS (sizeof faults / sizeof faults[0])

/* Of the calling thread. */
static uint64_t mask_now(void)
{
    sigset_t mask;
    uint64_t bits = 0;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int signo = 1; signo < NSIG; signo++)
        bits |= (uint64_t)(sigismember(&mask, signo) == 1) << (signo - 1);
    return bits;
}

static uint64_t bit(int signo)
{
    return UINT64_C(1) << (signo - 1);
}

static uint64_t fault_bits(void)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < FAULTS; i++)
        bits |= bit(faults[i]);
    return bits;
}

/* ------------------------------------------------------------------------------ where user code runs */

#define MASKS 64
/* In memory that all processes share: the masks that user code ran with, and how many there are. */
static struct seen {
    _Atomic int count;
    uint64_t masks[MASKS];
    pid_t threads[MASKS];
} * seen;

static void mask_tell(void)
{
    int at = seen->count++;
    if (at < MASKS) {
        seen->masks[at] = mask_now();
        seen->threads[at] = (pid_t)syscall(SYS_gettid);
    }
}

static int tells_mask(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    mask_tell();
    sleep_ms(2);
    return 0;
}

static int tells_at_start(void *argument, struct grain_context *ctx)
{
    (void)argument;
    (void)ctx;
    mask_tell();
    return 0;
}

static void tells_at_end(void *argument, struct grain_context *ctx)
{
    (void)argument;
    (void)ctx;
    mask_tell();
}

static void tells_in_callback(void *user, const void *results, size_t count)
{
    (void)user;
    (void)results;
    (void)count;
    mask_tell();
}

/* What the opener blocks, some calls, and all that they have run with. */
static void user_code_runs_with(const sigset_t *opened_with)
{
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, opened_with, &before);
    uint64_t expected = mask_now() & ~fault_bits();
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    if (!cannot("runs tasks")) {
        options.initializer = tells_at_start;
        options.finalizer = tells_at_end;
    }
    if (!cannot("replaces"))
        options.max_tasks_per_worker = 3;
    atomic_store(&seen->count, 0);
    int status = grain_pool_open(&pool, &options);
    /* On serial and null these run in the opener itself, with whatever it blocks. */
    int of_opener = seen->count;
    /* Who calls may have another mask than who opened. */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(status, 0);
    struct grain_call_options calls = {.callback = tells_in_callback, .chunk = 1};
    struct grain_future *futures[3];
    for (int i = 0; i < 2; i++)
        assert_int_equal(grain_apply_async(pool, tells_mask, NULL, 0, NULL, 0, &calls, &futures[i]), 0);
    assert_int_equal(
        grain_map_async(pool, tells_mask, (struct grain_in){NULL, 8, 0}, (struct grain_out){0}, &calls, &futures[2]),
        0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
        grain_future_free(futures[i]);
    }
    if (!cannot("parallel"))
        assert_int_equal(grain_map(pool, tells_mask, (struct grain_in){NULL, 8, 0}, (struct grain_out){0},
                                   &(struct grain_call_options){.chunk = 1}),
                         0);
    int all_but_ends = seen->count;
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    grain_pool_free(pool);
    assert_true(all_but_ends >= of_opener + 10 + 3);
    int first = cannot("parallel") ? of_opener : 0, last = cannot("parallel") ? all_but_ends : seen->count;
    for (int i = first; i < last && i < MASKS; i++)
        assert_int_equal(seen->masks[i], expected);
}

static void user_code_has_the_openers_mask(void **state)
{
    (void)state;
    needs("runs tasks");
    sigset_t mask;
    sigemptyset(&mask);
    user_code_runs_with(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGTERM);
    user_code_runs_with(&mask);
    sigfillset(&mask);
    user_code_runs_with(&mask);
    sigemptyset(&mask); /* of threads that outlive a pool: not what the last one wanted */
    user_code_runs_with(&mask);
}

/* ------------------------------------------------------------------------------ grain's other threads */

static uint64_t blocked_of(pid_t thread)
{
    char path[64], line[256];
    unsigned long long bits = UINT64_MAX;
    snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)thread);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "SigBlk: %llx", &bits) == 1)
            break;
    if (file)
        fclose(file);
    return bits;
}

static bool is_known(pid_t thread)
{
    for (int i = 0; i < seen->count && i < MASKS; i++)
        if (seen->threads[i] == thread)
            return true;
    return thread == getpid();
}

/* The C library keeps two for itself, which nobody can block. */
#define OURS_ALONE 0x7fffffffull

static void all_other_threads_block_everything(void **state)
{
    (void)state;
    needs("runs tasks");
    if (HAS_OWN_SIGNALS)
        skip();
    struct grain_pool *pool; /* with its service thread: nobody else waits for the first call */
    struct grain_pool_options options = options_with(2);
    if (!cannot("replaces"))
        options.max_tasks_per_worker = 100000;
    atomic_store(&seen->count, 0);
    options.initializer = tells_at_start; /* every worker is known */
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    struct grain_call_options calls = {.callback = tells_in_callback, .chunk = 1};
    struct grain_future *future;
    assert_int_equal(grain_apply_async(pool, tells_mask, NULL, 0, NULL, 0, NULL, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            grain_map_async(pool, tells_mask, (struct grain_in){NULL, 4, 0}, (struct grain_out){0}, &calls, &future),
            0);
        assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
        grain_future_free(future);
    }
    DIR *tasks = opendir("/proc/self/task");
    int others = 0;
    assert_non_null(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));) {
        pid_t thread = atoi(entry->d_name);
        uint64_t blocked = thread == 0 || is_known(thread) ? UINT64_MAX : blocked_of(thread);
        /* Known, or gone; or an OpenMP thread of an earlier test's pool: the runtime's. */
        if (blocked == UINT64_MAX || (blocked == 0 && strcmp(backend, "openmp") == 0))
            continue;
        others++;
        uint64_t expected = OURS_ALONE & ~fault_bits() & ~bit(SIGKILL) & ~bit(SIGSTOP);
        for (int turn = 0; turn < 5000 && (blocked & OURS_ALONE) != expected; turn++, blocked = blocked_of(thread))
            sleep_ms(1); /* it is about to start */
        assert_int_equal(blocked & OURS_ALONE, expected);
    }
    closedir(tasks);
    assert_true(cannot("parallel") || others > 0);
    grain_pool_free(pool);
}

/* ------------------------------------------------------------------------------ faults, and who is started */

static int stores_nowhere(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    (void)ctx;
    **(volatile int *const *)arg = 1;
    return 0;
}

static void on_fault(int signo)
{
    (void)signo;
    _exit(42);
}

static void a_fault_finds_the_programs_handler(void **state)
{
    (void)state;
    needs("runs tasks");
    if (is_fork() || HAS_OWN_SIGNALS) /* in a forked worker it is the worker's alone */
        skip();
    int status;
    /* Not NULL, of which sanitizers would tell in their own way. */
    volatile int *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(nowhere != MAP_FAILED);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t mask; /* blocked, it would kill instead */
        sigemptyset(&mask);
        sigaddset(&mask, SIGSEGV);
        signal(SIGSEGV, on_fault);
        if (!cannot("parallel"))
            pthread_sigmask(SIG_BLOCK, &mask, NULL);
        struct grain_pool *pool = pool_with(2);
        grain_apply(pool, stores_nowhere, &nowhere, sizeof nowhere, NULL, 0, NULL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 42);
}

static _Atomic pid_t handled_by;

static void on_user(int signo)
{
    (void)signo;
    handled_by = (pid_t)syscall(SYS_gettid);
}

/* When all threads of the program's own block a signal, a thread that runs user code takes it. */
static void a_handler_may_run_on_a_worker_thread(void **state)
{
    (void)state;
    needs("runs tasks");
    if (is_fork() || HAS_OWN_SIGNALS)
        skip();
    struct grain_pool *pool = pool_with(2);
    struct grain_future *future;
    struct sigaction before, action = {.sa_handler = on_user};
    sigset_t mask, mask_before;
    /* So that there are such threads, on every backend. */
    assert_int_equal(grain_apply_async(pool, tells_mask, NULL, 0, NULL, 0, NULL, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    grain_future_free(future);
    sigaction(SIGUSR2, &action, &before);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &mask, &mask_before);
    handled_by = 0;
    kill(getpid(), SIGUSR2);
    for (int i = 0; i < 20000 && !handled_by; i++)
        sleep_ms(1);
    pthread_sigmask(SIG_SETMASK, &mask_before, NULL);
    sigaction(SIGUSR2, &before, NULL);
    grain_pool_free(pool);
    assert_true(handled_by != 0);
    assert_true(handled_by != getpid());
}

static int naps_for_long(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(60000);
    return 0;
}

/* Its exit code once it was terminated. */
static int started_and_terminated(void)
{
    struct grain_process *process;
    int code = 1;
    if (grain_process_start(&process, NULL, naps_for_long, NULL, 0))
        return 2;
    grain_process_terminate(process);
    if (grain_process_join(process, 20000000000u))
        grain_process_kill(process);
    else
        grain_process_exitcode(process, &code);
    grain_process_free(process);
    return code;
}

static int starts_one(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)ctx;
    *(int *)result = started_and_terminated();
    return 0;
}

static void starts_one_in_callback(void *user, const void *results, size_t count)
{
    (void)results;
    (void)count;
    *(int *)user = started_and_terminated();
}

static void what_tasks_and_callbacks_start_can_be_terminated(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    struct grain_future *future;
    int in_task = 0, in_queued = 0, in_callback = 0;
    struct grain_call_options options = {.callback = starts_one_in_callback, .user = &in_callback};
    assert_int_equal(grain_apply(pool, starts_one, NULL, 0, &in_task, sizeof in_task, NULL), 0);
    assert_int_equal(grain_apply_async(pool, starts_one, NULL, 0, &in_queued, sizeof in_queued, &options, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    grain_future_free(future);
    grain_pool_free(pool);
    assert_int_equal(in_task, -SIGTERM);
    assert_int_equal(in_queued, -SIGTERM);
    assert_int_equal(in_callback, -SIGTERM);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seen == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_code_has_the_openers_mask),
        cmocka_unit_test(all_other_threads_block_everything),
        cmocka_unit_test(a_fault_finds_the_programs_handler),
        cmocka_unit_test(a_handler_may_run_on_a_worker_thread),
        cmocka_unit_test(what_tasks_and_callbacks_start_can_be_terminated),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
