/* SPDX-License-Identifier: MIT
 *
 * Contract: while one thread joins a pool and some finalizer takes its time, everybody else can still ask for the stats
 * and terminate it; so can the finalizer. When it is joined its threads are gone, but for those of OpenMP's runtime.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "contract.h"

#define WORKERS   2
#define LONG_MS   3000
#define AT_ONCE   (1000u * 1000000u)
#define PATIENCE  30000 /* milliseconds until a finalizer must have begun */
#define NOT_ASKED 1

/* In memory that all processes share. */
static struct board {
    _Atomic int begun, stats, terminated;
} * board;

static void board_clear(void)
{
    board->begun = 0;
    board->stats = board->terminated = NOT_ASKED;
}

static struct grain_pool *pool_to_finish(grain_final_fn finalizer, struct grain_pool **seen)
{
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(WORKERS);
    options.finalizer = finalizer;
    options.argument = seen;
    board_clear();
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    apply_twice(pool, 1); /* OpenMP: a worker is one that has been seen */
    return pool;
}

static void asks_the_pool(void *argument, struct grain_context *ctx)
{
    struct grain_pool *pool = *(struct grain_pool **)argument;
    struct grain_pool_stats stats;
    (void)ctx;
    board->stats = grain_pool_stats(pool, &stats);
    board->terminated = grain_pool_terminate(pool);
    board->begun++;
}

static void a_finalizer_may_ask_the_pool_that_is_joined(void **state)
{
    (void)state;
    static struct grain_pool *pool; /* processes see it as it was when they were forked: NULL */
    pool = NULL;
    pool = pool_to_finish(asks_the_pool, &pool);
    int expected = is_fork() ? -EINVAL : 0;
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_true(board->begun > 0);
    assert_int_equal(board->stats, expected);
    assert_int_equal(board->terminated, expected);
    grain_pool_free(pool);
}

static void takes_long(void *argument, struct grain_context *ctx)
{
    (void)argument;
    (void)ctx;
    board->begun++;
    sleep_ms(LONG_MS);
}

static void *join_main(void *pool)
{
    static int status;
    status = grain_pool_join(pool);
    return &status;
}

static void terminate_does_not_wait_for_a_finalizer(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_to_finish(takes_long, NULL);
    struct grain_pool_stats stats;
    pthread_t joiner;
    void *status;
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(pthread_create(&joiner, NULL, join_main, pool), 0);
    for (int ms = 0; ms < PATIENCE && board->begun == 0; ms++)
        sleep_ms(1);
    assert_true(board->begun > 0);
    uint64_t begin = now_ns();
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    assert_int_equal(grain_pool_terminate(pool), 0);
    assert_true(now_ns() - begin < AT_ONCE);
    pthread_join(joiner, &status);
    assert_int_equal(*(int *)status, 0);
    if (is_fork()) /* processes can be stopped */
        assert_true(now_ns() - begin < (uint64_t)LONG_MS * 1000000u - AT_ONCE);
    grain_pool_free(pool);
}

/* Of this process. */
static int threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static void on_result(void *user, const void *values, size_t count)
{
    (void)values;
    (void)count;
    ++*(int *)user;
}

static void *nothing(void *argument)
{
    return argument;
}

/* Workers, one that dispatches, one for callbacks. A thread that was joined may stand in /proc for
 * a moment still. */
static void the_threads_of_a_pool_are_gone_after_join(void **state)
{
    (void)state;
    pthread_t first; /* a sanitizer starts a thread of its own with the first one of the program */
    assert_int_equal(pthread_create(&first, NULL, nothing, NULL), 0);
    pthread_join(first, NULL);
    sleep_ms(20); /* gone from /proc too */
    int before = threads(), called = 0, value = 4, doubled, left;
    struct grain_pool *pool = pool_with(WORKERS);
    struct grain_future *future;
    struct grain_call_options options = {.callback = on_result, .user = &called};
    assert_int_equal(grain_apply_async(pool, twice, &value, sizeof value, &doubled, sizeof doubled, &options, &future),
                     0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    assert_int_equal(called, 1);
    grain_future_free(future);
    assert_true(threads() > before);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    uint64_t begin = now_ns();
    bool has_runtime = strcmp(backend, "openmp") == 0;
    while ((left = threads() - before) > 0 && !has_runtime && now_ns() - begin < 5000000000u)
        sleep_ms(1);
    if (has_runtime)
        assert_in_range(left, 1, WORKERS + 2); /* the driver, and its team; and what was just joined */
    else
        assert_int_equal(left, 0);
    grain_pool_free(pool);
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    sleep_ms(1);
    *(int *)result = *(const int *)arg;
    return 0;
}

/* Workers that are threads, and, once calls do not wait, at most two more: one that gathers and collects, one for
 * callbacks; on fork a third one, which waits for the supervisor's end. However many calls and batches are under way. */
static void the_threads_of_a_pool_are_few(void **state)
{
    (void)state;
    enum { CALLS = 100 };
    static int items[CALLS], results[CALLS];
    struct grain_future *futures[CALLS], *maps[8];
    struct grain_in in = {items, CALLS, sizeof items[0]};
    static int mapped[8][CALLS];
    int called = 0, most = 0, before = threads();
    struct grain_pool *pool = pool_with(WORKERS);
    struct grain_call_options options = {.callback = on_result, .user = &called};
    if (strcmp(backend, "pthread") == 0)
        before += WORKERS;
    if (strcmp(backend, "openmp") != 0) /* whose runtime keeps what it likes */
        assert_int_equal(threads(), before);
    assert_int_equal(grain_map(pool, naps, in, (struct grain_out){results, sizeof results[0]}, NULL), 0);
    int with_workers = threads();
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(grain_apply_async(pool, naps, &items[i], sizeof items[i], &results[i], sizeof results[i],
                                           i % 3 ? NULL : &options, &futures[i]),
                         0);
    for (int i = 0; i < 8; i++)
        assert_int_equal(
            grain_map_async(pool, naps, in, (struct grain_out){mapped[i], sizeof mapped[i][0]}, NULL, &maps[i]), 0);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
        grain_future_free(futures[i]);
        most = threads() > most ? threads() : most;
    }
    for (int i = 0; i < 8; i++) {
        assert_int_equal(grain_future_get(maps[i], GRAIN_FOREVER), 0);
        grain_future_free(maps[i]);
    }
    assert_true(most <= with_workers + (is_fork() ? 3 : 2));
    grain_pool_free(pool);
}

static int shared_board(void **state)
{
    (void)state;
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return board == MAP_FAILED;
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_threads_of_a_pool_are_gone_after_join),
        cmocka_unit_test(the_threads_of_a_pool_are_few),
        cmocka_unit_test(a_finalizer_may_ask_the_pool_that_is_joined),
        cmocka_unit_test(terminate_does_not_wait_for_a_finalizer),
    };
    return cmocka_run_group_tests(tests, shared_board, NULL);
}
