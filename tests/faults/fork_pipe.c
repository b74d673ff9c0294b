/* SPDX-License-Identifier: MIT
 *
 * What becomes of calls over the harness's pipes (bench/peers/fork_pipe.h) whose workers die: they end and say so,
 * nothing hangs, and nothing is left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults.h"
#include "peers/peers.h"

#define WORKERS 2
#define COUNT   1000
#define BAD     123

static struct grain_pool *pool_open(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork-pipe", .workers = WORKERS};
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    return pool;
}

static int open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* Each test begins and ends with no child and the same descriptors. */
static int descriptors_before;

static int begin(void **state)
{
    (void)state;
    descriptors_before = open_descriptors();
    alarm(60); /* ends what hangs */
    return 0;
}

static int end(void **state)
{
    (void)state;
    alarm(0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(open_descriptors(), descriptors_before);
    return 0;
}

enum death { KILLED, EXITED, WITHOUT_PIPES };

/* Three times a number; the bad one is its worker's last. */
static int triples(const void *arg, void *result, struct grain_context *ctx)
{
    int number = *(const int *)arg;
    enum death death = *(const enum death *)grain_context_params(ctx);
    *(int *)result = 3 * number;
    if (number != BAD)
        return 0;
    if (death == KILLED)
        raise(SIGKILL);
    if (death == EXITED)
        _exit(7);
    for (int fd = 3; fd < 200; fd++)
        close(fd);
    sleep_ms(1000000);
    return 0;
}

static void a_worker_that_dies_ends_its_call_and_the_pool(void **state)
{
    (void)state;
    static int items[COUNT], results[COUNT], codes[COUNT];
    for (enum death death = KILLED; death <= WITHOUT_PIPES; death++) {
        struct grain_pool *pool = pool_open();
        struct grain_report report = {.codes = codes};
        struct grain_call_options options = {
            .chunk = 5, .report = &report, .params = &death, .params_size = sizeof death};
        for (int i = 0; i < COUNT; i++)
            items[i] = i;
        memset(results, 0, sizeof results);
        struct grain_in in = {items, COUNT, sizeof items[0]};
        struct grain_out out = {results, sizeof results[0]};
        assert_int_equal(grain_map(pool, triples, in, out, &options), -ENOTRECOVERABLE);
        for (int i = 0; i < COUNT; i++) {
            bool is_lost = i >= BAD / 5 * 5 && i < BAD / 5 * 5 + 5;
            assert_true(is_lost ? codes[i] == -EOWNERDEAD : codes[i] == 0 || codes[i] == -ENOTRECOVERABLE);
            assert_true(codes[i] != 0 || results[i] == 3 * i);
        }
        assert_int_equal(grain_map(pool, triples, (struct grain_in){items, 5, sizeof items[0]}, out, &options),
                         -ENOTRECOVERABLE);
        assert_int_equal(report.failed, 5);
        grain_pool_free(pool);
    }
}

static void a_report_says_how_the_worker_ended(void **state)
{
    (void)state;
    for (enum death death = KILLED; death <= EXITED; death++) {
        struct grain_pool *pool = pool_open();
        struct grain_report report = {0};
        struct grain_call_options options = {.report = &report, .params = &death, .params_size = sizeof death};
        int item = BAD, result;
        assert_int_equal(grain_apply(pool, triples, &item, sizeof item, &result, sizeof result, &options),
                         -ENOTRECOVERABLE);
        assert_int_equal(report.failed, 1);
        assert_int_equal(report.first.code, -EOWNERDEAD);
        assert_int_equal(report.first.signo, death == KILLED ? SIGKILL : 0);
        assert_int_equal(report.first.exit_status, death == EXITED ? 7 : 0);
        assert_true(report.first.pid > 0);
        grain_pool_free(pool);
    }
}

static void queued_calls_end_too(void **state)
{
    (void)state;
    enum { CALLS = 50 };
    struct grain_pool *pool = pool_open();
    struct grain_future *futures[CALLS];
    enum death death = KILLED;
    struct grain_call_options options = {.params = &death, .params_size = sizeof death};
    int results[CALLS];
    for (int i = 0; i < CALLS; i++) {
        int item = i == 20 ? BAD : i;
        int status =
            grain_apply_async(pool, triples, &item, sizeof item, &results[i], sizeof results[i], &options, &futures[i]);
        assert_true(status == 0 || (i > 20 && status == -ENOTRECOVERABLE));
        if (status)
            futures[i] = NULL;
    }
    for (int i = 0; i < CALLS && futures[i]; i++) {
        int status = grain_future_get(futures[i], GRAIN_FOREVER);
        if (status == 0)
            assert_int_equal(results[i], 3 * i);
        else if (i == 20)
            assert_true(status == GRAIN_TASK_FAILED || status == -ENOTRECOVERABLE);
        else
            assert_int_equal(status, -ENOTRECOVERABLE);
        assert_true(i != 20 || status != 0);
        grain_future_free(futures[i]);
    }
    grain_pool_free(pool);
}

static int hangs(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    (void)ctx;
    sleep_ms(1000000);
    return 0;
}

static void *terminates(void *pool)
{
    sleep_ms(50);
    grain_pool_terminate(pool);
    return NULL;
}

static void terminate_ends_tasks_that_hang(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_open();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, terminates, pool), 0);
    assert_int_equal(grain_map(pool, hangs, (struct grain_in){NULL, 10, 0}, (struct grain_out){0}, NULL), -ECANCELED);
    pthread_join(thread, NULL);
    grain_pool_free(pool);
}

#define LARGE ((size_t)1 << 20)

static int copies(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    memcpy(result, arg, LARGE);
    return 0;
}

/* The kernel reads the items, and says so in the middle of a message. */
static void items_that_cannot_be_read_end_the_call(void **state)
{
    (void)state;
    enum { ITEMS = 8 };
    struct grain_pool *pool = pool_open();
    char *items = mmap(NULL, ITEMS * LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *results = mmap(NULL, ITEMS * LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(items != MAP_FAILED && results != MAP_FAILED);
    struct grain_in in = {items, ITEMS, LARGE};
    struct grain_out out = {results, LARGE};
    struct grain_call_options options = {.chunk = 1};
    memset(items, 7, ITEMS * LARGE);
    assert_int_equal(grain_map(pool, copies, in, out, &options), 0); /* many times what a pipe holds, both ways */
    assert_memory_equal(items, results, ITEMS * LARGE);
    assert_int_equal(mprotect(items + ITEMS / 2 * LARGE + LARGE / 2, ITEMS / 2 * LARGE - LARGE / 2, PROT_NONE), 0);
    assert_int_equal(grain_map(pool, copies, in, out, &options), -EFAULT);
    grain_pool_free(pool);
    munmap(items, ITEMS * LARGE);
    munmap(results, ITEMS * LARGE);
}

/* They have copies of a pipe's end. */
static void workers_end_with_their_caller(void **state)
{
    (void)state;
    int ends[2];
    pid_t workers[WORKERS];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t caller = fork();
    if (caller == 0) {
        struct grain_pool *pool;
        struct grain_pool_options options = {.backend = "fork-pipe", .workers = WORKERS};
        struct grain_in in = {NULL, WORKERS, 0};
        close(ends[0]);
        if (grain_pool_open(&pool, &options) == 0 &&
            grain_map(pool, tells_pid, in, (struct grain_out){workers, sizeof workers[0]},
                      &(struct grain_call_options){.schedule = GRAIN_SCHEDULE_STATIC}) == 0)
            raise(SIGKILL);
        _exit(1);
    }
    close(ends[1]);
    int status;
    assert_int_equal(waitpid(caller, &status, 0), caller);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* nobody has the other end any more: all are gone */
    close(ends[0]);
}

static void nobody_spins(void **state)
{
    (void)state;
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork-pipe", .workers = WORKERS, .wait = GRAIN_WAIT_SPIN};
    assert_int_equal(grain_pool_open(&pool, &options), -ENOTSUP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_worker_that_dies_ends_its_call_and_the_pool, begin, end),
        cmocka_unit_test_setup_teardown(a_report_says_how_the_worker_ended, begin, end),
        cmocka_unit_test_setup_teardown(queued_calls_end_too, begin, end),
        cmocka_unit_test_setup_teardown(terminate_ends_tasks_that_hang, begin, end),
        cmocka_unit_test_setup_teardown(items_that_cannot_be_read_end_the_call, begin, end),
        cmocka_unit_test_setup_teardown(workers_end_with_their_caller, begin, end),
        cmocka_unit_test_setup_teardown(nobody_spins, begin, end),
    };
    peers_register_own();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
