/* SPDX-License-Identifier: MIT
 *
 * Contract: task_timeout_ns fails what takes too long, and nothing else, in every form of call; retries leave alone
 * what returned a failure.
 */
#include <errno.h>
#include <string.h>

#include "contract.h"

#define COUNT    200
#define LIMIT_NS 300000000u /* short tasks stay below it on a busy machine too */
#define LATE_MS  450        /* > 1.25 x the limit + 10 ms: where workers are processes it is killed */

static int codes[COUNT], results[COUNT];

/* A limit that no task comes near: a busy machine may keep a worker waiting. */
static const struct grain_call_options generous = {.task_timeout_ns = GRAIN_FOREVER};

static int sleeps_at(size_t index, size_t where)
{
    if (index == where)
        sleep_ms(LATE_MS);
    return 0;
}

#define LATE 77

static int late_task(const void *arg, void *result, struct grain_context *ctx)
{
    *(int *)result = 2 * *(const int *)arg;
    return sleeps_at(grain_context_index(ctx), LATE);
}

static int late_star(const void *const args[], void *result, struct grain_context *ctx)
{
    *(int *)result = 2 * *(const int *)args[0];
    return sleeps_at(grain_context_index(ctx), LATE);
}

static int late_chunk(const void *items, void *out, size_t count, struct grain_context *ctx)
{
    for (size_t i = 0; i < count; i++)
        ((int *)out)[i] = 2 * ((const int *)items)[i];
    sleeps_at(grain_context_index(ctx), LATE / 10 * 10); /* the chunk that has LATE in it */
    return 0;
}

static int numbers[COUNT];

static int numbers_made(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        numbers[i] = i;
    return 0;
}

static struct grain_in input(void)
{
    return (struct grain_in){numbers, COUNT, sizeof numbers[0]};
}

static struct grain_out output(void)
{
    memset(results, 0xff, sizeof results);
    memset(codes, 0x55, sizeof codes);
    return (struct grain_out){results, sizeof results[0]};
}

/* Everything right but [first, last). */
static void check_late(const struct grain_report *report, int first, int last)
{
    for (int i = 0; i < COUNT; i++) {
        bool is_late = i >= first && i < last;
        assert_int_equal(codes[i], is_late ? -ETIMEDOUT : 0);
        if (!is_late)
            assert_int_equal(results[i], 2 * i);
    }
    assert_int_equal(report->failed, last - first);
    assert_int_equal(report->first.index, first);
    assert_int_equal(report->first.code, -ETIMEDOUT);
    assert_non_null(strstr(report->first.message, "its limit")); /* and how much that is */
    assert_non_null(strstr(report->first.message, "300.000 ms"));
    assert_int_equal(report->first.pid > 0, is_fork());
}

static void only_the_task_that_takes_too_long_fails(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("limits");
    struct grain_pool *pool = pool_with(3);
    for (int64_t chunk = 1; chunk <= 50; chunk += 49) {
        struct grain_report report = {.codes = codes};
        struct grain_call_options options = {.chunk = chunk, .report = &report, .task_timeout_ns = LIMIT_NS};
        assert_int_equal(grain_map(pool, late_task, input(), output(), &options), GRAIN_TASK_FAILED);
        check_late(&report, LATE, LATE + 1);
        struct grain_column column = {numbers, sizeof numbers[0], sizeof numbers[0]};
        assert_int_equal(grain_starmap(pool, late_star, &column, 1, COUNT, output(), &options), GRAIN_TASK_FAILED);
        check_late(&report, LATE, LATE + 1);
    }
    grain_pool_free(pool);
}

static void a_chunk_that_takes_too_long_fails_as_a_whole(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("limits");
    struct grain_pool *pool = pool_with(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = 10, .report = &report, .task_timeout_ns = LIMIT_NS};
    assert_int_equal(grain_map_chunks(pool, late_chunk, input(), output(), &options), GRAIN_TASK_FAILED);
    check_late(&report, LATE / 10 * 10, LATE / 10 * 10 + 10);
    grain_pool_free(pool);
}

static int sleeps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    sleep_ms(*(const int *)arg);
    *(int *)result = *(const int *)arg;
    return 0;
}

static void a_single_task_has_a_limit_too(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("limits");
    struct grain_pool *pool = pool_with(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.report = &report, .task_timeout_ns = LIMIT_NS};
    int late = LATE_MS, soon = 0, result = -1;
    codes[0] = 1;
    assert_int_equal(grain_apply(pool, sleeps, &late, sizeof late, &result, sizeof result, &options),
                     GRAIN_TASK_FAILED);
    assert_int_equal(report.first.code, -ETIMEDOUT);
    assert_int_equal(codes[0], -ETIMEDOUT);
    assert_int_equal(grain_apply(pool, sleeps, &soon, sizeof soon, &result, sizeof result, &options), 0);
    assert_int_equal(result, 0);
    assert_int_equal(codes[0], 0);
    assert_int_equal(grain_apply(pool, sleeps, &late, sizeof late, &result, sizeof result, &generous), 0);
    assert_int_equal(result, late);
    assert_int_equal(grain_apply(pool, sleeps, &late, sizeof late, &result, sizeof result, NULL), 0);
    grain_pool_free(pool);
}

/* Queued calls share a job, but each has its own limit. */
static void every_queued_call_has_its_own_limit(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("limits");
    struct grain_pool *pool = pool_with(2);
    static const struct {
        int ms;
        uint64_t limit_ns;
        int status;
    } calls[] = {{0, LIMIT_NS, 0},
                 {LATE_MS, 0, 0},
                 {LATE_MS, LIMIT_NS, GRAIN_TASK_FAILED},
                 {LATE_MS, GRAIN_FOREVER, 0},
                 {0, 0, 0},
                 {LATE_MS, LIMIT_NS, GRAIN_TASK_FAILED}};
    struct grain_future *futures[6];
    int got[6];
    for (size_t i = 0; i < 6; i++) {
        struct grain_call_options options = {.task_timeout_ns = calls[i].limit_ns};
        got[i] = -1;
        assert_int_equal(grain_apply_async(pool, sleeps, &calls[i].ms, sizeof calls[i].ms, &got[i], sizeof got[i],
                                           &options, &futures[i]),
                         0);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), calls[i].status);
        if (calls[i].status == 0)
            assert_int_equal(got[i], calls[i].ms);
        else
            assert_int_equal(grain_future_error(futures[i])->code, -ETIMEDOUT);
        grain_future_free(futures[i]);
    }
    grain_pool_free(pool);
}

static void a_map_that_nobody_waits_for_has_a_limit_too(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("limits");
    struct grain_pool *pool = pool_with(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = 50, .report = &report, .task_timeout_ns = LIMIT_NS};
    struct grain_future *future;
    assert_int_equal(grain_map_async(pool, late_task, input(), output(), &options, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), GRAIN_TASK_FAILED);
    check_late(&report, LATE, LATE + 1);
    grain_future_free(future);
    grain_pool_free(pool);
}

static int fails_at_sevens(const void *arg, void *result, struct grain_context *ctx)
{
    int value = *(const int *)arg;
    *(int *)result = 2 * value;
    if (value % 7 == 3) /* said and returned, only said, only returned */
        grain_context_fail(ctx, value, "seven");
    return value % 7 >= 3 && value % 7 < 5 ? value : 0;
}

static void what_a_task_returns_is_not_tried_again(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("limits");
    struct grain_pool *pool = pool_with(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {
        .chunk = 10, .report = &report, .retries = 3, .task_timeout_ns = GRAIN_FOREVER};
    assert_int_equal(grain_map(pool, fails_at_sevens, input(), output(), &options), GRAIN_TASK_FAILED);
    size_t failed = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(codes[i], i % 7 == 3 || i % 7 == 4 ? i : 0);
        assert_true(i % 7 == 3 || i % 7 == 4 || results[i] == 2 * i);
        failed += codes[i] != 0;
    }
    assert_int_equal(report.failed, failed);
    assert_string_equal(report.first.message, "seven");
    grain_pool_free(pool);
}

static int next_number(void *source, void *item)
{
    int *given = source;
    *(int *)item = *given;
    return (*given)++ < COUNT;
}

static int number_or_late(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = *(const int *)arg;
    return sleeps_at((size_t) * (const int *)arg, LATE);
}

static void an_iterator_goes_on_after_a_task_that_took_too_long(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("limits");
    struct grain_pool *pool = pool_with(2);
    struct grain_call_options options = {.task_timeout_ns = LIMIT_NS, .retries = 2};
    struct grain_iter *iter;
    int given = 0, result;
    assert_int_equal(grain_imap(pool, number_or_late, next_number, &given, sizeof(int), sizeof(int), &options, &iter),
                     0);
    for (int i = 0; i < COUNT; i++) {
        int status = grain_iter_next(iter, &result, NULL, GRAIN_FOREVER);
        assert_int_equal(status, i == LATE ? GRAIN_TASK_FAILED : 1);
        if (i == LATE)
            assert_int_equal(grain_iter_error(iter)->code, -ETIMEDOUT);
        else
            assert_int_equal(result, i);
    }
    assert_int_equal(grain_iter_next(iter, &result, NULL, GRAIN_FOREVER), 0);
    grain_iter_free(iter);
    grain_pool_free(pool);
}

static void negative_retries_are_refused(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(1);
    struct grain_call_options options = {.retries = -1};
    struct grain_future *future;
    struct grain_iter *iter;
    int given = 0, value = 1, result;
    assert_int_equal(grain_map(pool, fails_at_sevens, input(), output(), &options), -EINVAL);
    assert_int_equal(grain_apply(pool, sleeps, &value, sizeof value, &result, sizeof result, &options), -EINVAL);
    assert_int_equal(grain_apply_async(pool, sleeps, &value, sizeof value, &result, sizeof result, &options, &future),
                     -EINVAL);
    assert_null(future);
    assert_int_equal(grain_imap(pool, sleeps, next_number, &given, sizeof(int), sizeof(int), &options, &iter), -EINVAL);
    assert_int_equal(given, 0);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_task_that_takes_too_long_fails),
        cmocka_unit_test(a_chunk_that_takes_too_long_fails_as_a_whole),
        cmocka_unit_test(a_single_task_has_a_limit_too),
        cmocka_unit_test(every_queued_call_has_its_own_limit),
        cmocka_unit_test(a_map_that_nobody_waits_for_has_a_limit_too),
        cmocka_unit_test(what_a_task_returns_is_not_tried_again),
        cmocka_unit_test(an_iterator_goes_on_after_a_task_that_took_too_long),
        cmocka_unit_test(negative_retries_are_refused),
    };
    return cmocka_run_group_tests_name(backend, tests, numbers_made, NULL);
}
