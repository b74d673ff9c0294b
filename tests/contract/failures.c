/* SPDX-License-Identifier: MIT
 *
 * Contract: a failing task ends only itself; the report has every code, the count, and the failure with
 * the lowest index with its message.
 */
#include <errno.h>
#include <string.h>

#include "contract.h"

#define COUNT 1000
static int codes[COUNT];

static int fails_at_sevens(const void *arg, void *result, struct grain_context *ctx)
{
    size_t index = grain_context_index(ctx);
    (void)arg;
    *(int *)result = (int)index;
    if (index % 7 == 3)
        return grain_context_fail(ctx, (int)index + 1, index == 3 ? "three is too small" : "no");
    return 0;
}

static void a_failing_task_ends_only_itself(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(3);
    static const enum grain_schedule schedules[] = {GRAIN_SCHEDULE_STATIC, GRAIN_SCHEDULE_DYNAMIC,
                                                    GRAIN_SCHEDULE_GUIDED, GRAIN_SCHEDULE_TASKLOOP,
                                                    GRAIN_SCHEDULE_STEAL};
    for (size_t s = 0; s < sizeof schedules / sizeof schedules[0]; s++) {
        if (!has_schedule(schedules[s]))
            continue;
        for (int64_t chunk = 1; chunk <= 64; chunk *= 8) {
            int results[COUNT];
            memset(results, 0xff, sizeof results);
            memset(codes, 0x55, sizeof codes);
            struct grain_report report = {.codes = codes};
            struct grain_call_options options = {.schedule = schedules[s], .chunk = chunk, .report = &report};
            assert_int_equal(grain_map(pool, fails_at_sevens, (struct grain_in){NULL, COUNT, 0},
                                       (struct grain_out){results, sizeof results[0]}, &options),
                             GRAIN_TASK_FAILED);
            assert_int_equal(report.failed, 143);
            assert_int_equal(report.first.index, 3);
            assert_int_equal(report.first.code, 4);
            assert_string_equal(report.first.message, "three is too small");
            for (int i = 0; i < COUNT; i++) {
                assert_int_equal(codes[i], i % 7 == 3 ? i + 1 : 0);
                if (i % 7 != 3)
                    assert_int_equal(results[i], i);
            }
        }
    }
    grain_pool_free(pool);
}

static int fails_in_many_ways(const void *arg, void *result, struct grain_context *ctx)
{
    static char long_text[1000];
    (void)arg;
    (void)result;
    switch (grain_context_index(ctx)) {
    case 0:
        grain_context_fail(ctx, 5, "said, but returned 0");
        return 0;
    case 1:
        memset(long_text, 'x', sizeof long_text - 1);
        return grain_context_fail(ctx, -EIO, long_text);
    case 2:
        return grain_context_fail(ctx, 0, "a code of 0 becomes -EINVAL");
    case 3:
        grain_context_fail(ctx, 9, "the first one counts");
        return grain_context_fail(ctx, 10, "not this");
    case 4:
        return 77;
    default:
        return 0;
    }
}

static void failures_are_told_as_they_were(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    static const int expected[] = {5, -EIO, -EINVAL, 9, 77, 0};
    int got[6];
    struct grain_report report = {.codes = got};
    struct grain_call_options options = {.chunk = 1, .report = &report};
    assert_int_equal(
        grain_map(pool, fails_in_many_ways, (struct grain_in){NULL, 6, 0}, (struct grain_out){NULL, 0}, &options),
        GRAIN_TASK_FAILED);
    assert_memory_equal(got, expected, sizeof got);
    assert_int_equal(report.failed, 5);
    assert_string_equal(report.first.message, "said, but returned 0");
    grain_pool_free(pool);
}

static int fails_long(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    return grain_context_fail(ctx, 1, arg);
}

static void a_long_message_is_cut_not_overrun(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(1);
    char text[1000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct grain_report report = {0};
    struct grain_call_options options = {.report = &report};
    assert_int_equal(grain_apply(pool, fails_long, text, sizeof text, NULL, 0, &options), GRAIN_TASK_FAILED);
    assert_int_equal(strlen(report.first.message), sizeof report.first.message - 1);
    assert_int_equal(report.failed, 1);
    /* without a report the status is all one gets */
    assert_int_equal(grain_apply(pool, fails_long, text, sizeof text, NULL, 0, NULL), GRAIN_TASK_FAILED);
    grain_pool_free(pool);
}

/* Chunk by chunk; a backend that has no such schedule does so by itself. */
static enum grain_schedule dynamic(void)
{
    return has_schedule(GRAIN_SCHEDULE_DYNAMIC) ? GRAIN_SCHEDULE_DYNAMIC : GRAIN_SCHEDULE_DEFAULT;
}

static int chunk_fails(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)items;
    (void)results;
    size_t first = grain_context_index(ctx);
    for (size_t i = first; i < first + count; i++)
        if (i % 10 == 5)
            grain_context_fail_at(ctx, i, 100 + (int)i, "five");
    return first >= 500 ? -EBADMSG : 0;
}

static void chunk_tasks_fail_by_item_or_as_a_whole(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = 50, .schedule = dynamic(), .report = &report};
    assert_int_equal(
        grain_map_chunks(pool, chunk_fails, (struct grain_in){NULL, COUNT, 0}, (struct grain_out){NULL, 0}, &options),
        GRAIN_TASK_FAILED);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(codes[i], i % 10 == 5 ? 100 + i : i >= 500 ? -EBADMSG : 0);
    assert_int_equal(report.failed, 550);
    assert_int_equal(report.first.index, 5);
    assert_string_equal(report.first.message, "five");
    grain_pool_free(pool);
}

static void a_pool_works_on_after_failures(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    for (int i = 0; i < 100; i++) {
        int result = -1, results[COUNT];
        struct grain_report report = {.codes = codes};
        struct grain_call_options options = {.report = &report, .chunk = 1, .schedule = dynamic()};
        assert_int_equal(grain_map(pool, fails_at_sevens, (struct grain_in){NULL, COUNT, 0},
                                   (struct grain_out){results, sizeof results[0]}, &options),
                         GRAIN_TASK_FAILED);
        assert_int_equal(report.failed, 143);
        /* nothing of that is left in the next call */
        assert_int_equal(grain_apply(pool, fails_at_sevens, NULL, 0, &result, sizeof result, &options), 0);
        assert_int_equal(result, 0);
        assert_int_equal(report.failed, 0);
        assert_int_equal(codes[0], 0);
    }
    grain_pool_free(pool);
}

static int comes_to(const void *arg, void *result, struct grain_context *ctx)
{
    (void)result;
    (void)ctx;
    return *(const int *)arg;
}

static int column_comes_to(const void *const args[], void *result, struct grain_context *ctx)
{
    return comes_to(args[0], result, ctx);
}

static int chunk_comes_to(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)count;
    return comes_to(items, results, ctx);
}

enum one { ONE_APPLY, ONE_MAP, ONE_STARMAP, ONE_CHUNK, ONE_APPLY_ASYNC, ONE_MAP_ASYNC, ONE_COUNT };

static int one_run(struct grain_pool *pool, enum one call, const int *own, const struct grain_call_options *options)
{
    struct grain_in in = {own, 1, sizeof *own};
    struct grain_out out = {NULL, 0};
    struct grain_column column = {own, sizeof *own, 0};
    struct grain_future *future = NULL;
    int status = 0;
    switch (call) {
    case ONE_APPLY:
        return grain_apply(pool, comes_to, own, sizeof *own, NULL, 0, options);
    case ONE_MAP:
        return grain_map(pool, comes_to, in, out, options);
    case ONE_STARMAP:
        return grain_starmap(pool, column_comes_to, &column, 1, 1, out, options);
    case ONE_CHUNK:
        return grain_map_chunks(pool, chunk_comes_to, in, out, options);
    case ONE_APPLY_ASYNC:
        status = grain_apply_async(pool, comes_to, own, sizeof *own, NULL, 0, options, &future);
        break;
    default:
        status = grain_map_async(pool, comes_to, in, out, options, &future);
    }
    assert_int_equal(status, 0);
    status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    return status;
}

static void a_call_of_one_task_has_its_code_too(void **state)
{
    (void)state;
    needs("runs tasks");
    static const int own[] = {7, 0, -EBADMSG, GRAIN_TASK_FAILED};
    struct grain_pool *pool = pool_with(2);
    for (int call = ONE_APPLY; call < ONE_COUNT; call++)
        for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
            int code = 12345;
            struct grain_report report = {.codes = &code, .failed = 99};
            struct grain_call_options options = {.report = &report};
            assert_int_equal(one_run(pool, (enum one)call, &own[i], &options), own[i] ? GRAIN_TASK_FAILED : 0);
            assert_int_equal(code, own[i]);
            assert_int_equal(report.failed, own[i] != 0);
            assert_true(own[i] == 0 || report.first.code == own[i]);
        }
    grain_pool_free(pool);
}

static void every_status_has_a_sentence(void **state)
{
    (void)state;
    static const int all[] = {
        0,          GRAIN_TASK_FAILED, -EINVAL,     -ENOMEM,          -EPERM,     -EDEADLK, -ESHUTDOWN,
        -ECANCELED, -ENOTSUP,          -EOWNERDEAD, -ENOTRECOVERABLE, -EOVERFLOW, 12345,    -99999};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        assert_true(strlen(grain_strerror(all[i])) > 3);
    assert_string_equal(grain_strerror(-99999), "unknown status");
    assert_string_not_equal(grain_strerror(-ENOMEM), grain_strerror(-EINVAL));
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_task_ends_only_itself),     cmocka_unit_test(failures_are_told_as_they_were),
        cmocka_unit_test(a_long_message_is_cut_not_overrun),   cmocka_unit_test(chunk_tasks_fail_by_item_or_as_a_whole),
        cmocka_unit_test(a_pool_works_on_after_failures),      cmocka_unit_test(every_status_has_a_sentence),
        cmocka_unit_test(a_call_of_one_task_has_its_code_too),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
