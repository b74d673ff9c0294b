/* SPDX-License-Identifier: MIT
 *
 * Contract: a task that ends the thread it runs in (pthread_exit, a cancellation of its own) fails alone, in every
 * form of call, with a code and a text of grain's, and the pool keeps its number of workers. So do an initializer and
 * a callback that end their thread. A calling thread that runs the tasks itself: inside.c.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "contract.h"

#define COUNT 60

#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN 1 /* it is told of a stack that is left by pthread_exit, not by a cancellation */
#else
#define HAS_ASAN 0
#endif

/* Two ways to end a thread. */
static void leave(size_t index)
{
    if (index % 2 || HAS_ASAN)
        pthread_exit(NULL);
    pthread_cancel(pthread_self());
    pthread_testcancel();
    pthread_exit(NULL); /* in a thread that goes on after one end a second cancellation is not noticed */
}

/* Fewer where each costs a process. */
static bool is_leaver(size_t index)
{
    return is_fork() ? index % 20 == 3 : index % 7 == 3 || index % 7 == 4;
}

static int leaves(const void *arg, void *result, struct grain_context *ctx)
{
    size_t index = *(const size_t *)arg;
    (void)ctx;
    *(size_t *)result = index + 1;
    if (is_leaver(index))
        leave(index);
    return 0;
}

static int leaves_star(const void *const args[], void *result, struct grain_context *ctx)
{
    return leaves(args[0], result, ctx);
}

static int leaves_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    for (size_t i = 0; i < count; i++)
        leaves((const size_t *)items + i, (size_t *)results + i, ctx);
    return 0;
}

static size_t items[COUNT], results[COUNT];
static int codes[COUNT];

static void setup(void)
{
    for (size_t i = 0; i < COUNT; i++)
        items[i] = i;
    memset(results, 0, sizeof results);
    memset(codes, 0x55, sizeof codes);
}

static void error_check(const struct grain_error *error)
{
    assert_int_equal(error->code, -EOWNERDEAD);
    if (is_fork()) {
        assert_int_equal(error->exit_status, 0);
        assert_int_equal(error->signo, 0);
        assert_true(error->pid > 0);
    } else {
        assert_int_equal(error->pid, 0);
        assert_non_null(strstr(error->message, "pthread_exit"));
    }
}

/* chunk: tasks that fail together, each chunk that has a leaver; 1: the leavers alone. */
static void report_check(const struct grain_report *report, size_t chunk)
{
    size_t failed = 0, first = COUNT;
    for (size_t i = 0; i < COUNT; i++) {
        bool has_left = false;
        for (size_t k = i / chunk * chunk; k < i / chunk * chunk + chunk; k++)
            has_left = has_left || is_leaver(k);
        assert_int_equal(codes[i], has_left ? -EOWNERDEAD : 0);
        if (!has_left)
            assert_int_equal(results[i], i + 1);
        failed += has_left;
        first = has_left && i < first ? i : first;
    }
    assert_int_equal(report->failed, failed);
    assert_int_equal(report->first.index, first);
    error_check(&report->first);
}

static int who(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    sleep_ms(50);
    *(int *)result = grain_context_worker(ctx);
    return 0;
}

/* As many workers as before, at work at the same time. */
static void workers_check(struct grain_pool *pool, int workers)
{
    int ids[8] = {0}, seen = 0;
    struct grain_call_options options = {.chunk = 1, .schedule = GRAIN_SCHEDULE_DYNAMIC};
    assert_int_equal(apply_twice(pool, 21), 42);
    if (workers == 1)
        return;
    for (int attempt = 0; attempt < 20 && seen != (1 << workers) - 1;
         attempt++) { /* a busy machine may keep one back */
        assert_int_equal(grain_map(pool, who, (struct grain_in){NULL, (size_t)workers, 0},
                                   (struct grain_out){ids, sizeof ids[0]}, &options),
                         0);
        for (int i = 0; i < workers; i++)
            seen |= 1 << ids[i];
    }
    assert_int_equal(seen, (1 << workers) - 1);
}

static const struct grain_in in = {items, COUNT, sizeof items[0]};
static const struct grain_out out = {results, sizeof results[0]};

/* Where a whole chunk is lost with its worker, each has one task. */
static int64_t chunk_most(void)
{
    return cannot("cursor") ? 1 : 5;
}

/* Whether a task that ends its thread ends the test's own. */
static bool is_callers_thread(void)
{
    return strcmp(backend, "serial") == 0;
}

static void in_a_call_that_waits(void **state)
{
    (void)state;
    needs("runs tasks");
    if (is_callers_thread())
        skip();
    struct grain_pool *pool = pool_with(2);
    struct grain_report report = {.codes = codes};
    struct grain_column column = {items, sizeof items[0], sizeof items[0]};
    for (int schedule = GRAIN_SCHEDULE_STATIC; schedule < GRAIN_SCHEDULE_COUNT; schedule++) {
        if (schedule == GRAIN_SCHEDULE_GUIDED && cannot("cursor"))
            continue; /* its chunks are larger */
        for (int64_t chunk = 1; chunk <= chunk_most() && has_schedule((enum grain_schedule)schedule); chunk += 4) {
            struct grain_call_options options = {
                .report = &report, .chunk = chunk, .schedule = (enum grain_schedule)schedule};
            setup();
            assert_int_equal(grain_map(pool, leaves, in, out, &options), GRAIN_TASK_FAILED);
            report_check(&report, 1);
            setup();
            assert_int_equal(grain_starmap(pool, leaves_star, &column, 1, COUNT, out, &options), GRAIN_TASK_FAILED);
            report_check(&report, 1);
            if (chunk != 5 || schedule == GRAIN_SCHEDULE_GUIDED)
                continue;
            setup();
            assert_int_equal(grain_map_chunks(pool, leaves_chunk, in, out, &options), GRAIN_TASK_FAILED);
            report_check(&report, 5);
        }
    }
    struct grain_call_options limited = {.report = &report, .chunk = 1};
    limited.task_timeout_ns = cannot("limits") ? 0 : 60000000000u;
    setup();
    assert_int_equal(grain_map(pool, leaves, in, out, &limited), GRAIN_TASK_FAILED);
    report_check(&report, 1);
    workers_check(pool, 2);
    grain_pool_free(pool);
}

static void in_a_single_call(void **state)
{
    (void)state;
    needs("runs tasks");
    if (is_callers_thread())
        skip();
    struct grain_pool *pool = pool_with(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.report = &report};
    struct grain_pool_stats stats;
    setup();
    for (size_t i = 0; i < COUNT; i++) {
        int status = grain_apply(pool, leaves, &items[i], sizeof items[i], &results[i], sizeof results[i], &options);
        assert_int_equal(status, is_leaver(i) ? GRAIN_TASK_FAILED : 0);
        assert_int_equal(codes[0], is_leaver(i) ? -EOWNERDEAD : 0);
        if (status)
            error_check(&report.first);
        else
            assert_int_equal(results[i], i + 1);
    }
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    if (strcmp(backend, "openmp") != 0)
        assert_int_equal(stats.replaced, is_fork() ? 3 : 17);
    workers_check(pool, 2);
    grain_pool_free(pool);
}

static void in_calls_that_are_queued(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    struct grain_future *futures[COUNT], *map, *chunks;
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.report = &report, .chunk = chunk_most()};
    setup();
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(grain_apply_async(pool, leaves, &items[i], sizeof items[i], &results[i], sizeof results[i],
                                           NULL, &futures[i]),
                         0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), is_leaver(i) ? GRAIN_TASK_FAILED : 0);
        if (is_leaver(i))
            error_check(grain_future_error(futures[i]));
        else
            assert_int_equal(results[i], i + 1);
        grain_future_free(futures[i]);
    }
    setup();
    assert_int_equal(grain_map_async(pool, leaves, in, out, &options, &map), 0);
    assert_int_equal(grain_future_get(map, GRAIN_FOREVER), GRAIN_TASK_FAILED);
    report_check(&report, 1);
    setup();
    options.schedule = GRAIN_SCHEDULE_DYNAMIC;
    assert_int_equal(grain_map_chunks_async(pool, leaves_chunk, in, out, &options, &chunks), 0);
    assert_int_equal(grain_future_get(chunks, GRAIN_FOREVER), GRAIN_TASK_FAILED);
    report_check(&report, (size_t)chunk_most());
    workers_check(pool, is_callers_thread() ? 1 : 2);
    grain_future_free(map);
    grain_future_free(chunks);
    grain_pool_free(pool);
}

static int tells_and_leaves(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    grain_context_fail(ctx, 77, "told before");
    pthread_exit(NULL);
}

static void a_failure_told_before_stands(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("cursor");
    if (is_callers_thread())
        skip();
    struct grain_pool *pool = pool_with(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.report = &report, .chunk = 1};
    assert_int_equal(
        grain_map(pool, tells_and_leaves, (struct grain_in){NULL, 5, 0}, (struct grain_out){NULL, 0}, &options),
        GRAIN_TASK_FAILED);
    assert_int_equal(report.failed, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(codes[i], 77);
    assert_string_equal(report.first.message, "told before");
    grain_pool_free(pool);
}

/* -------------------------------------------------------------------------- initializers, callbacks */

static int leaves_first(void *argument, struct grain_context *ctx)
{
    int *left = argument;
    (void)ctx;
    if (__atomic_fetch_sub(left, 1, __ATOMIC_RELAXED) > 0)
        pthread_exit(NULL);
    return 0;
}

static void in_an_initializer_it_is_one_try(void **state)
{
    (void)state;
    needs("parallel");
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    int left = 2, result;
    options.initializer = leaves_first;
    options.argument = &left;
    if (!is_fork()) { /* there each worker has its own `left`, and each replacement too */
        assert_int_equal(grain_pool_open(&pool, &options), 0);
        workers_check(pool, 2);
        grain_pool_free(pool);
    }
    left = 1000;
    int status = grain_pool_open(&pool, &options);
    if (status == 0) { /* openmp: it turns out later */
        status = grain_apply(pool, twice, &left, sizeof left, &result, sizeof result, NULL);
        grain_pool_free(pool);
    }
    assert_int_equal(status, -ENOTRECOVERABLE);
    assert_true(left >= 1000 - 8);
}

static void leaves_at_the_end(void *argument, struct grain_context *ctx)
{
    (void)ctx;
    __atomic_fetch_add((int *)argument, 1, __ATOMIC_RELAXED);
    pthread_exit(NULL);
}

static void in_a_finalizer_the_pool_ends_all_the_same(void **state)
{
    (void)state;
    needs("parallel");
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    int ended = 0;
    options.finalizer = leaves_at_the_end;
    options.argument = &ended;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    workers_check(pool, 2);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_int_equal(ended, is_fork() ? 0 : 2);
    grain_pool_free(pool);
}

static void counts_and_leaves(void *user, const void *values, size_t count)
{
    (void)values;
    (void)count;
    __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED);
    pthread_exit(NULL);
}

static void in_a_callback_the_next_one_comes_all_the_same(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    struct grain_future *futures[5];
    int called = 0, value = 1, doubled[5];
    struct grain_call_options options = {.callback = counts_and_leaves, .user = &called};
    for (int i = 0; i < 5; i++)
        assert_int_equal(
            grain_apply_async(pool, twice, &value, sizeof value, &doubled[i], sizeof doubled[i], &options, &futures[i]),
            0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
        grain_future_free(futures[i]);
    }
    assert_int_equal(called, 5);
    grain_pool_free(pool);
}

/* ------------------------------------------------------------------ threads that replace each other */

static void with_a_limit_on_tasks_a_worker_too(void **state)
{
    (void)state;
    needs("replaces");
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options call = {.report = &report, .chunk = 1};
    options.max_tasks_per_worker = 4;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    setup();
    assert_int_equal(grain_map(pool, leaves, in, out, &call), GRAIN_TASK_FAILED);
    report_check(&report, 1);
    workers_check(pool, 2);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_call_that_waits),
        cmocka_unit_test(in_a_single_call),
        cmocka_unit_test(in_calls_that_are_queued),
        cmocka_unit_test(a_failure_told_before_stands),
        cmocka_unit_test(in_an_initializer_it_is_one_try),
        cmocka_unit_test(in_a_finalizer_the_pool_ends_all_the_same),
        cmocka_unit_test(in_a_callback_the_next_one_comes_all_the_same),
        cmocka_unit_test(with_a_limit_on_tasks_a_worker_too),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
