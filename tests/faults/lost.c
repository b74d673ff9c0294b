/* SPDX-License-Identifier: MIT
 *
 * When a pool is lost after all (its supervisor is killed, or its replacements die before they are ready), the calls in
 * flight hand over what has finished, and their reports say of each task what became of it.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults.h"

#define COUNT   400
#define WORKERS 2
#define FAILURE 9

/* In memory that all processes share. */
static struct board {
    _Atomic int ended, births, dies_from;
    _Atomic bool waits; /* tasks from the hundredth on take a millisecond */
    _Atomic pid_t supervisor;
    _Atomic unsigned char returned[COUNT];
} * board;

static int visit(size_t index, int *result)
{
    board->supervisor = getppid();
    *result = 3 * (int)index + 1;
    if (board->waits && index >= 100)
        sleep_ms(1);
    board->returned[index] = 1;
    board->ended++;
    return index % 7 == 3 ? FAILURE : 0;
}

static int task(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    return visit(grain_context_index(ctx), result);
}

/* Kills its worker, whose replacements die in the initializer. */
static int task_with_an_end(const void *arg, void *result, struct grain_context *ctx)
{
    if (grain_context_index(ctx) == COUNT / 2) {
        board->dies_from = board->births + 1;
        raise(SIGKILL);
    }
    return task(arg, result, ctx);
}

static int be_born(void *argument, struct grain_context *ctx)
{
    (void)argument;
    (void)ctx;
    int birth = ++board->births;
    if (board->dies_from && birth >= board->dies_from)
        raise(SIGKILL);
    return 0;
}

static struct grain_pool *pool_open(void)
{
    struct grain_pool *pool;
    struct grain_pool_options options = {.backend = "fork", .workers = WORKERS, .initializer = be_born};
    memset(board, 0, sizeof *board);
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    return pool;
}

static int codes[COUNT], results[COUNT];
static struct grain_report report;

/* Results of tasks that are said to have ended are there; few tasks have ended that are not said to have. */
static void report_checked(int unseen_most, size_t killer)
{
    size_t failed = 0, first = COUNT;
    int unseen = 0;
    for (size_t i = 0; i < COUNT; i++) {
        int own = i % 7 == 3 ? FAILURE : 0;
        if (!board->returned[i] || codes[i] != own)
            assert_true(codes[i] == -ENOTRECOVERABLE || (codes[i] == -EOWNERDEAD && i == killer));
        if (codes[i] == 0)
            assert_int_equal(results[i], 3 * (int)i + 1);
        unseen += board->returned[i] && codes[i] != own;
        failed += codes[i] != 0;
        first = codes[i] && first == COUNT ? i : first;
    }
    assert_in_range(unseen, 0, unseen_most);
    assert_int_equal(report.failed, failed);
    assert_int_equal(report.first.index, first);
    assert_int_equal(report.first.code, codes[first]);
}

static struct grain_call_options call_options(int64_t chunk, enum grain_schedule schedule)
{
    memset(codes, 0x55, sizeof codes);
    memset(results, 0, sizeof results);
    report = (struct grain_report){.codes = codes};
    return (struct grain_call_options){.chunk = chunk, .schedule = schedule, .report = &report};
}

static const struct grain_in in = {NULL, COUNT, 0};
static const struct grain_out out = {results, sizeof results[0]};

static void *supervisor_kill(void *argument)
{
    (void)argument;
    while (board->ended < 120)
        sleep_ms(1);
    kill(board->supervisor, SIGKILL);
    return NULL;
}

static void a_killed_supervisor_costs_what_had_not_ended(void **state)
{
    (void)state;
    static const int64_t chunks[] = {1, 7, 0};
    for (int round = 0; round < 6; round++) {
        struct grain_pool *pool = pool_open();
        struct grain_call_options options = call_options(chunks[round % 3], schedules[round % 4]);
        struct grain_future *future;
        pthread_t killer;
        board->waits = true;
        assert_int_equal(pthread_create(&killer, NULL, supervisor_kill, NULL), 0);
        if (round % 2) {
            assert_int_equal(grain_map(pool, task, in, out, &options), -ENOTRECOVERABLE);
        } else {
            assert_int_equal(grain_map_async(pool, task, in, out, &options, &future), 0);
            assert_int_equal(grain_future_get(future, GRAIN_FOREVER), -ENOTRECOVERABLE);
            grain_future_free(future);
        }
        pthread_join(killer, NULL);
        report_checked(WORKERS, COUNT);
        grain_pool_free(pool);
    }
}

static void replacements_that_die_unready_cost_what_had_not_ended(void **state)
{
    (void)state;
    for (size_t round = 0; round < 2 * SCHEDULES; round++) {
        struct grain_pool *pool = pool_open();
        struct grain_call_options options = call_options(1 + 6 * (int64_t)(round % 2), schedules[round / 2]);
        assert_int_equal(grain_map(pool, task_with_an_end, in, out, &options), -ENOTRECOVERABLE);
        report_checked(WORKERS, COUNT / 2);
        assert_in_range(board->births, WORKERS + 1, WORKERS + 20);
        assert_true(board->ended > 0);
        grain_pool_free(pool);
    }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SMALL_STACK (1u << 20)
#else
#define SMALL_STACK 20480u
#endif

static void *maps(void *pool)
{
    struct grain_call_options options = call_options(1, GRAIN_SCHEDULE_DYNAMIC);
    return (void *)(intptr_t)grain_map(pool, task, in, out, &options);
}

static void a_caller_with_a_small_stack_is_told_too(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_open();
    pthread_attr_t small;
    pthread_t killer, caller;
    void *status;
    board->waits = true;
    pthread_attr_init(&small);
    assert_int_equal(pthread_attr_setstacksize(&small, SMALL_STACK), 0);
    assert_int_equal(pthread_create(&killer, NULL, supervisor_kill, NULL), 0);
    assert_int_equal(pthread_create(&caller, &small, maps, pool), 0);
    pthread_join(caller, &status);
    pthread_join(killer, NULL);
    pthread_attr_destroy(&small);
    assert_int_equal((intptr_t)status, -ENOTRECOVERABLE);
    report_checked(WORKERS, COUNT);
    grain_pool_free(pool);
}

/* Nobody asks for a report: the results that there are arrive nevertheless. */
static void results_arrive_without_a_report(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_open();
    struct grain_call_options options = call_options(1, GRAIN_SCHEDULE_DYNAMIC);
    options.report = NULL;
    assert_int_equal(grain_map(pool, task_with_an_end, in, out, &options), -ENOTRECOVERABLE);
    for (size_t i = 0; i < COUNT; i++)
        if (board->returned[i])
            assert_int_equal(results[i], 3 * (int)i + 1);
    /* and who comes later is told at once, with codes too */
    options = call_options(1, GRAIN_SCHEDULE_DYNAMIC);
    assert_int_equal(grain_map(pool, task, in, out, &options), -ENOTRECOVERABLE);
    assert_int_equal(report.failed, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(codes[i], -ENOTRECOVERABLE);
    assert_int_equal(grain_apply(pool, task, NULL, 0, &results[0], sizeof results[0], &options), -ENOTRECOVERABLE);
    assert_int_equal(report.failed, 1);
    assert_int_equal(codes[0], -ENOTRECOVERABLE);
    grain_pool_free(pool);
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    sleep_ms(1);
    return task(arg, result, ctx);
}

static void queued_calls_say_what_became_of_them(void **state)
{
    (void)state;
    enum { CALLS = 100 };
    struct grain_pool *pool = pool_open();
    struct grain_future *futures[CALLS];
    struct grain_report reports[CALLS];
    int lost = 0;
    for (int i = 0; i < CALLS; i++) {
        reports[i] = (struct grain_report){.codes = &codes[i], .failed = 55};
        struct grain_call_options options = {.report = &reports[i]};
        codes[i] = 55;
        assert_int_equal(grain_apply_async(pool, naps, NULL, 0, &results[i], sizeof results[i], &options, &futures[i]),
                         0);
    }
    assert_int_equal(grain_future_get(futures[0], GRAIN_FOREVER), 0);
    kill(board->supervisor, SIGKILL);
    for (int i = 0; i < CALLS; i++) {
        int status = grain_future_get(futures[i], GRAIN_FOREVER);
        assert_true(status == 0 || status == -ENOTRECOVERABLE);
        assert_int_equal(codes[i], status);
        assert_int_equal(reports[i].failed, status != 0);
        lost += status != 0;
        grain_future_free(futures[i]);
    }
    assert_true(lost > 0);
    grain_pool_free(pool);
}

int main(void)
{
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_supervisor_costs_what_had_not_ended),
        cmocka_unit_test(replacements_that_die_unready_cost_what_had_not_ended),
        cmocka_unit_test(a_caller_with_a_small_stack_is_told_too),
        cmocka_unit_test(results_arrive_without_a_report),
        cmocka_unit_test(queued_calls_say_what_became_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
