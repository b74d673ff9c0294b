/* SPDX-License-Identifier: MIT
 *
 * Asynchronous calls: results as those of the blocking ones, futures, cancelling, and what happens to pending
 * calls when a pool ends. Callbacks: callbacks.c.
 */
#include <errno.h>
#include <string.h>

#include "contract.h"

#define COUNT 5000
static int in[COUNT], out[COUNT];

static void setup(void)
{
    needs("runs tasks");
    for (int i = 0; i < COUNT; i++)
        in[i] = i;
    memset(out, 0xff, sizeof out);
}

static int sum_star(const void *const args[], void *result, struct grain_context *ctx)
{
    const int *low = args[1], *extra = grain_context_params(ctx);
    *(int *)result = *(const int *)args[0] + *low + (extra ? *extra : 0);
    return 0;
}

static int twice_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    for (size_t i = 0; i < count; i++)
        twice((const int *)items + i, (int *)results + i, ctx);
    return 0;
}

static void async_twins_equal_the_blocking_calls(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(2);
    struct grain_in items = {in, COUNT, sizeof in[0]};
    struct grain_out results = {out, sizeof out[0]};
    struct grain_future *future;
    assert_int_equal(grain_map_async(pool, twice, items, results, NULL, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    assert_int_equal(grain_future_get(future, 0), 0); /* repeatable */
    assert_int_equal(grain_future_successful(future), 1);
    grain_future_free(future);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(out[i], 2 * i);
    memset(out, 0xff, sizeof out);
    assert_int_equal(grain_map_chunks_async(pool, twice_chunk, items, results, NULL, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    grain_future_free(future);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(out[i], 2 * i);
    int ten = 10, hundred = 100;
    struct grain_call_options options = {.params = &hundred, .params_size = sizeof hundred};
    {
        struct grain_column columns[2] = {{in, sizeof in[0], sizeof in[0]}, {&ten, sizeof ten, 0}};
        assert_int_equal(grain_starmap_async(pool, sum_star, columns, 2, COUNT, results, &options, &future), 0);
        memset(columns, 0, sizeof columns); /* the table was copied, and so were the params */
        hundred = 0;
    }
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    grain_future_free(future);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(out[i], i + 110);
    grain_pool_free(pool);
}

static void starmap_passes_columns_with_strides_and_broadcasts(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(3);
    int ten = 10;
    for (int64_t chunk = 0; chunk < 40; chunk += 13) {
        struct grain_column columns[2] = {{in, sizeof in[0], 2 * sizeof in[0]}, {&ten, sizeof ten, 0}};
        struct grain_call_options options = {.chunk = chunk};
        memset(out, 0xff, sizeof out);
        assert_int_equal(
            grain_starmap(pool, sum_star, columns, 2, COUNT / 2, (struct grain_out){out, sizeof out[0]}, &options), 0);
        for (int i = 0; i < COUNT / 2; i++)
            assert_int_equal(out[i], 2 * i + 10);
    }
    struct grain_column none = {NULL, 4, 4};
    assert_int_equal(grain_starmap(pool, sum_star, NULL, 2, 5, (struct grain_out){out, 4}, NULL), -EINVAL);
    assert_int_equal(grain_starmap(pool, sum_star, &none, 0, 5, (struct grain_out){out, 4}, NULL), -EINVAL);
    assert_int_equal(grain_starmap(pool, sum_star, &none, 1, 5, (struct grain_out){out, 4}, NULL), -EINVAL);
    none.stride = SIZE_MAX / 2;
    assert_int_equal(grain_starmap(pool, sum_star, &none, 1, 5, (struct grain_out){out, 4}, NULL), -EOVERFLOW);
    grain_pool_free(pool);
}

static void many_calls_of_apply_are_collected_in_order(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(2);
    static struct grain_future *futures[COUNT];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            int value = i + round; /* copied before the call returns */
            assert_int_equal(
                grain_apply_async(pool, twice, &value, sizeof value, &out[i], sizeof out[i], NULL, &futures[i]), 0);
        }
        for (int i = 0; i < COUNT; i++) {
            assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
            assert_int_equal(out[i], 2 * (i + round));
            grain_future_free(futures[i]);
        }
    }
    grain_pool_free(pool);
}

static int fails_odd(const void *arg, void *result, struct grain_context *ctx)
{
    int value = *(const int *)arg;
    *(int *)result = value;
    if (grain_context_index(ctx) != 0)
        return grain_context_fail(ctx, -99, "a call of its own has index 0");
    return value % 2 ? grain_context_fail(ctx, value, "odd") : 0;
}

static void a_failing_call_fails_only_its_own_future(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(2);
    struct grain_future *futures[40];
    for (int i = 0; i < 40; i++)
        assert_int_equal(grain_apply_async(pool, fails_odd, &i, sizeof i, &out[i], sizeof out[i], NULL, &futures[i]),
                         0);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), i % 2 ? GRAIN_TASK_FAILED : 0);
        assert_int_equal(grain_future_successful(futures[i]), i % 2 == 0);
        const struct grain_error *error = grain_future_error(futures[i]);
        if (i % 2) {
            assert_non_null(error);
            assert_int_equal(error->code, i);
            assert_int_equal(error->index, 0);
            assert_string_equal(error->message, "odd");
        } else {
            assert_null(error);
            assert_int_equal(out[i], i);
        }
        grain_future_free(futures[i]);
    }
    grain_pool_free(pool);
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    sleep_ms(*(const int *)arg);
    *(int *)result = *(const int *)arg;
    return 0;
}

/* On a busy machine anything may come late: what must be quick has to be it in one of so many attempts. A call that
 * waits for what it must not wait for is late in all of them. */
#define ATTEMPTS 10

/* Whether the call came back, and was asked, while the task still ran. */
static bool get_waits(struct grain_pool *pool)
{
    struct grain_future *future;
    int ms = 200 * slowness(), result = 0;
    uint64_t start = now_ns();
    assert_int_equal(grain_apply_async(pool, naps, &ms, sizeof ms, &result, sizeof result, NULL, &future), 0);
    bool is_early = grain_future_get(future, 0) == -ETIMEDOUT && grain_future_get(future, 20000000) == -ETIMEDOUT &&
                    !grain_future_ready(future) && grain_future_successful(future) == -EAGAIN && is_within(start, 150);
    assert_int_equal(grain_future_wait(future, GRAIN_FOREVER), 0);
    assert_false(is_within(start, 195));
    bool is_in_time = is_within(start, 2000);
    assert_int_equal(grain_future_get(future, 0), 0);
    assert_int_equal(result, ms);
    grain_future_free(future);
    return is_early && is_in_time;
}

static void get_waits_about_as_long_as_the_task_and_not_longer_than_told(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(2);
    bool was_quick = false;
    for (int i = 0; i < ATTEMPTS && !was_quick; i++)
        was_quick = get_waits(pool);
    assert_true(was_quick);
    grain_pool_free(pool);
}

static void a_short_call_is_ready_before_a_long_one_that_came_first(void **state)
{
    (void)state;
    setup();
    needs("overlap");
    struct grain_pool *pool = pool_with(2);
    struct grain_future *futures[50];
    int results[50];
    bool was_quick = false;
    for (int attempt = 0; attempt < ATTEMPTS && !was_quick; attempt++) {
        int ms = 400 * slowness();
        uint64_t start = now_ns();
        for (int i = 0; i < 50; i++) {
            assert_int_equal(
                grain_apply_async(pool, naps, &ms, sizeof ms, &results[i], sizeof results[i], NULL, &futures[i]), 0);
            ms = 0;
        }
        for (int i = 49; i > 0; i--)
            assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
        was_quick = is_within(start, 350);
        for (int i = 0; i < 50; i++) {
            assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
            grain_future_free(futures[i]);
        }
    }
    assert_true(was_quick);
    grain_pool_free(pool);
}

static void calls_that_come_at_once_run_at_once(void **state)
{
    (void)state;
    setup();
    needs("overlap");
    struct grain_pool *pool = pool_with(4);
    struct grain_future *futures[3];
    int ms[1] = {400 * slowness()};
    bool was_quick[2] = {false, false};
    /* Both workers are asleep when three calls come. */
    for (int count = 2, attempt = 0; count <= 3 && attempt < ATTEMPTS; attempt++) {
        uint64_t start = now_ns();
        for (int i = 0; i < count; i++)
            assert_int_equal(grain_map_async(pool, naps, (struct grain_in){ms, 1, sizeof ms[0]},
                                             (struct grain_out){&out[i], sizeof out[0]}, NULL, &futures[i]),
                             0);
        for (int i = 0; i < count; i++) {
            assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
            grain_future_free(futures[i]);
        }
        was_quick[count - 2] = is_within(start, 750);
        count += was_quick[count - 2];
        sleep_ms(20);
    }
    assert_true(was_quick[0] && was_quick[1]);
    grain_pool_free(pool);
}

static void pending_futures_are_cancelled_by_terminate_and_outlive_the_pool(void **state)
{
    (void)state;
    setup();
    needs("cancel");
    struct grain_pool *pool = pool_with(2);
    static struct grain_future *futures[200];
    int ms = 100 * slowness(), cancelled = 0;
    for (int i = 0; i < 200; i++)
        assert_int_equal(grain_apply_async(pool, naps, &ms, sizeof ms, &out[i], sizeof out[i], NULL, &futures[i]), 0);
    sleep_ms(50);
    uint64_t start = now_ns();
    assert_int_equal(grain_pool_terminate(pool), 0);
    grain_pool_free(pool);
    assert_true(is_within(start, 8000)); /* all would take 10 s on two workers */
    for (int i = 0; i < 200; i++) {
        int status = grain_future_get(futures[i], GRAIN_FOREVER);
        assert_true(status == 0 || status == -ECANCELED);
        cancelled += status == -ECANCELED;
        grain_future_free(futures[i]);
    }
    assert_true(cancelled > 0);
}

static void a_queued_call_can_be_taken_back(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(1);
    struct grain_future *futures[30];
    int ms = 30, taken = 0, done = 0;
    for (int i = 0; i < 30; i++)
        assert_int_equal(grain_apply_async(pool, naps, &ms, sizeof ms, &out[i], sizeof out[i], NULL, &futures[i]), 0);
    for (int i = 29; i >= 0; i--) {
        int status = grain_future_cancel(futures[i]);
        assert_true(status == 0 || status == -EBUSY);
        if (status == 0) {
            assert_true(grain_future_ready(futures[i]));
            assert_int_equal(grain_future_get(futures[i], 0), -ECANCELED);
            assert_int_equal(out[i], -1);
            taken++;
        }
    }
    for (int i = 0; i < 30; i++) {
        done += grain_future_get(futures[i], GRAIN_FOREVER) == 0;
        grain_future_free(futures[i]);
    }
    assert_int_equal(done + taken, 30);
    assert_true(taken >= 20); /* 30 naps of 30 ms on one worker: few can have begun */
    grain_pool_free(pool);
}

struct line {
    _Alignas(64) int value;
};

static int aligned_line(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    ((struct line *)result)->value = ((const struct line *)arg)->value;
    return (uintptr_t)arg % 64 || (uintptr_t)result % 64;
}

static void arguments_and_results_are_aligned_as_their_types_want(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(2);
    static struct grain_future *futures[50];
    static struct line lines[50];
    for (int i = 0; i < 50; i++) {
        struct line line = {.value = i};
        char odd = (char)i;
        assert_int_equal(
            grain_apply_async(pool, aligned_line, &line, sizeof line, &lines[i], sizeof lines[i], NULL, &futures[i]),
            0);
        assert_int_equal(grain_apply_async(pool, fails_odd, &(int){2 * i}, sizeof(int), &out[i], sizeof out[i],
                                           &(struct grain_call_options){.params = &odd, .params_size = 1}, NULL),
                         0);
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(grain_future_get(futures[i], GRAIN_FOREVER), 0);
        assert_int_equal(lines[i].value, i);
        grain_future_free(futures[i]);
    }
    grain_pool_free(pool);
}

static int counts_args(const void *const args[], void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(int *)result = *(const int *)args[0];
    return 0;
}

static void a_column_of_nothing_is_no_harm(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(2);
    struct grain_column columns[2] = {{in, sizeof in[0], sizeof in[0]}, {NULL, 0, 8}};
    assert_int_equal(grain_starmap(pool, counts_args, columns, 2, 100, (struct grain_out){out, sizeof out[0]}, NULL),
                     0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(out[i], i);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(async_twins_equal_the_blocking_calls),
        cmocka_unit_test(starmap_passes_columns_with_strides_and_broadcasts),
        cmocka_unit_test(many_calls_of_apply_are_collected_in_order),
        cmocka_unit_test(a_failing_call_fails_only_its_own_future),
        cmocka_unit_test(get_waits_about_as_long_as_the_task_and_not_longer_than_told),
        cmocka_unit_test(a_short_call_is_ready_before_a_long_one_that_came_first),
        cmocka_unit_test(calls_that_come_at_once_run_at_once),
        cmocka_unit_test(pending_futures_are_cancelled_by_terminate_and_outlive_the_pool),
        cmocka_unit_test(a_queued_call_can_be_taken_back),
        cmocka_unit_test(arguments_and_results_are_aligned_as_their_types_want),
        cmocka_unit_test(a_column_of_nothing_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
