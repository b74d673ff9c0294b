/* SPDX-License-Identifier: MIT
 *
 * Tasks that tell of a failure and die then: what they told stands, and nothing counts twice.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "faults.h"

#define COUNT 300
#define CHUNK 10
#define TOLD  -7

static int codes[COUNT];

static bool is_told(size_t index)
{
    return index % CHUNK == 2 || index % CHUNK == 5;
}

static bool is_deadly(size_t index)
{
    return index / CHUNK % 3 == 1;
}

static int tells_and_dies(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    size_t first = grain_context_index(ctx);
    (void)items;
    (void)results;
    for (size_t i = 0; i < count; i++)
        if (is_told(first + i))
            grain_context_fail_at(ctx, first + i, TOLD, "told");
    if (is_deadly(first))
        kill(getpid(), SIGKILL);
    return 0;
}

/* A guided claim is as long as it likes: not here. */
static void a_chunk_that_told_of_failures_and_died_counts_once(void **state)
{
    (void)state;
    static const enum grain_schedule even[] = {GRAIN_SCHEDULE_STATIC, GRAIN_SCHEDULE_DYNAMIC, GRAIN_SCHEDULE_STEAL};
    struct grain_pool *pool = fork_pool(2);
    for (size_t round = 0; round < 12; round++) {
        struct grain_report report = {.codes = round % 2 ? NULL : codes};
        struct grain_call_options options = {
            .chunk = CHUNK, .schedule = even[round % 3], .report = &report, .retries = round < 6 ? 0 : 2};
        size_t failed = 0;
        for (size_t i = 0; i < COUNT; i++)
            failed += is_told(i) || is_deadly(i);
        assert_int_equal(grain_map_chunks(pool, tells_and_dies, (struct grain_in){NULL, COUNT, 0},
                                          (struct grain_out){NULL, 0}, &options),
                         GRAIN_TASK_FAILED);
        assert_int_equal(report.failed, failed);
        assert_int_equal(report.first.index, 2);
        assert_int_equal(report.first.code, TOLD);
        for (size_t i = 0; i < COUNT && report.codes; i++)
            assert_int_equal(codes[i], is_told(i) ? TOLD : is_deadly(i) ? -EOWNERDEAD : 0);
    }
    grain_pool_free(pool);
}

/* All of them told: then the death adds nothing. */
static int tells_of_all_and_dies(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    size_t first = grain_context_index(ctx);
    (void)items;
    (void)results;
    for (size_t i = 0; i < count; i++)
        grain_context_fail_at(ctx, first + i, TOLD, "told");
    raise(SIGKILL);
    return 0;
}

static void a_death_after_all_was_told_adds_nothing(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(1);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.chunk = CHUNK, .report = &report};
    assert_int_equal(grain_map_chunks(pool, tells_of_all_and_dies, (struct grain_in){NULL, CHUNK, 0},
                                      (struct grain_out){NULL, 0}, &options),
                     GRAIN_TASK_FAILED);
    assert_int_equal(report.failed, CHUNK);
    assert_int_equal(report.first.index, 0);
    for (size_t i = 0; i < CHUNK; i++)
        assert_int_equal(codes[i], TOLD);
    grain_pool_free(pool);
}

/* One task a chunk, or a queued call. */
static int tells_and_dies_alone(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    (void)result;
    grain_context_fail(ctx, TOLD, "told");
    raise(SIGKILL);
    return 0;
}

static void a_task_that_told_and_died_keeps_its_own_failure(void **state)
{
    (void)state;
    struct grain_pool *pool = fork_pool(1);
    struct grain_report report = {.codes = codes};
    struct grain_call_options options = {.report = &report, .retries = 3};
    struct grain_future *future;
    assert_int_equal(
        grain_map(pool, tells_and_dies_alone, (struct grain_in){NULL, 3, 0}, (struct grain_out){NULL, 0}, &options),
        GRAIN_TASK_FAILED);
    assert_int_equal(report.failed, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(codes[i], TOLD);
    assert_int_equal(grain_apply_async(pool, tells_and_dies_alone, NULL, 0, NULL, 0, NULL, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), GRAIN_TASK_FAILED);
    assert_int_equal(grain_future_error(future)->code, TOLD);
    grain_future_free(future);
    grain_pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chunk_that_told_of_failures_and_died_counts_once),
        cmocka_unit_test(a_death_after_all_was_told_adds_nothing),
        cmocka_unit_test(a_task_that_told_and_died_keeps_its_own_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
