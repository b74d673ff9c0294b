/* SPDX-License-Identifier: MIT
 *
 * Callbacks: once a call, one at a time, in the pool's delivery thread; what is not allowed inside; what is not called.
 */
#include <errno.h>
#include <stdatomic.h>
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

static int fails_odd(const void *arg, void *result, struct grain_context *ctx)
{
    int value = *(const int *)arg;
    *(int *)result = value;
    if (grain_context_index(ctx) != 0)
        return grain_context_fail(ctx, -99, "a call of its own has index 0");
    return value % 2 ? grain_context_fail(ctx, value, "odd") : 0;
}

static int naps(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    sleep_ms(*(const int *)arg);
    *(int *)result = *(const int *)arg;
    return 0;
}

struct tally {
    _Atomic int calls, errors, inside, most;
    _Atomic long sum;
    struct grain_pool *pool;
    struct grain_future *_Atomic future;
    _Atomic int deadlocks;
};

static void on_result(void *user, const void *results, size_t count)
{
    struct tally *tally = user;
    int inside = ++tally->inside;
    if (inside > tally->most)
        tally->most = inside;
    for (size_t i = 0; i < count; i++)
        tally->sum += ((const int *)results)[i];
    tally->calls++;
    tally->inside--;
}

static void on_error(void *user, const struct grain_error *error)
{
    struct tally *tally = user;
    tally->errors += error->code;
}

static void callbacks_come_once_a_call_and_one_at_a_time(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(2);
    struct tally tally = {.pool = pool};
    struct grain_call_options options = {.callback = on_result, .error_callback = on_error, .user = &tally};
    long expected = 0;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(grain_apply_async(pool, twice, &in[i], sizeof in[i], &out[i], sizeof out[i], &options, NULL),
                         0);
        expected += 2 * i;
    }
    struct grain_future *future;
    struct grain_in items = {in, 10, sizeof in[0]};
    assert_int_equal(
        grain_map_async(pool, twice, items, (struct grain_out){out + 1000, sizeof out[0]}, &options, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0); /* follows its own callback */
    assert_true(tally.calls >= 1);
    grain_future_free(future);
    int five = 5;
    assert_int_equal(grain_apply_async(pool, fails_odd, &five, sizeof five, &out[0], sizeof out[0], &options, &future),
                     0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), GRAIN_TASK_FAILED);
    assert_int_equal(tally.errors, 5);
    grain_future_free(future);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    assert_int_equal(tally.calls, 1001);
    assert_int_equal(tally.sum, expected + 90);
    assert_int_equal(tally.most, 1);
    grain_pool_free(pool);
}

static void tries_to_deadlock(void *user, const void *results, size_t count)
{
    struct tally *tally = user;
    (void)results;
    (void)count;
    while (!tally->future)
        sleep_ms(1);
    tally->deadlocks += grain_future_get(tally->future, GRAIN_FOREVER) == -EDEADLK;
    grain_pool_close(tally->pool);
    tally->deadlocks += grain_pool_join(tally->pool) == -EDEADLK;
}

static void inside_a_callback_join_and_get_of_its_own_future_are_edeadlk(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(2);
    struct tally tally = {.pool = pool};
    struct grain_call_options options = {.callback = tries_to_deadlock, .user = &tally};
    struct grain_future *future;
    assert_int_equal(grain_apply_async(pool, twice, &in[1], sizeof in[1], &out[1], sizeof out[1], &options, &future),
                     0);
    tally.future = future;
    assert_int_equal(grain_future_wait(future, GRAIN_FOREVER), 0);
    assert_int_equal(tally.deadlocks, 2);
    grain_future_free(future);
    grain_pool_free(pool);
}

/* The quick call and the long one are queued together: its callback must not wait for the long one. */
static void a_callback_does_not_wait_for_the_rest_of_its_batch(void **state)
{
    (void)state;
    setup();
    needs("overlap");
    struct grain_pool *pool = pool_with(2);
    for (int round = 0; round < 5; round++) {
        struct tally tally = {.pool = pool};
        struct grain_call_options options = {.callback = on_result, .user = &tally};
        struct grain_future *quick, *nap;
        int ms = 400, result;
        sleep_ms(20); /* the delivery thread sleeps */
        assert_int_equal(grain_apply_async(pool, twice, &in[1], sizeof in[1], &out[1], sizeof out[1], &options, &quick),
                         0);
        assert_int_equal(grain_apply_async(pool, naps, &ms, sizeof ms, &result, sizeof result, NULL, &nap), 0);
        assert_int_equal(grain_future_get(quick, 300000000), 0);
        assert_int_equal(tally.calls, 1);
        assert_int_equal(grain_future_get(nap, GRAIN_FOREVER), 0);
        grain_future_free(quick);
        grain_future_free(nap);
    }
    grain_pool_free(pool);
}

static void what_is_given_up_writes_into_nothing(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(1);
    struct tally tally = {.pool = pool};
    int ms = 100;
    for (int i = 0; i < 20; i++) {
        struct grain_report *report = calloc(1, sizeof *report);
        int *result = malloc(sizeof *result);
        struct grain_future *future;
        struct grain_call_options options = {.report = report, .callback = on_result, .user = &tally};
        assert_int_equal(grain_apply_async(pool, naps, &ms, sizeof ms, result, sizeof *result, &options, &future), 0);
        grain_future_free(future);
        free(report); /* the sanitizer sees who writes here */
        free(result);
        ms = 0;
    }
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0);
    grain_pool_free(pool);
}

static void an_empty_call_is_ready_at_once(void **state)
{
    (void)state;
    setup();
    struct grain_pool *pool = pool_with(2);
    struct tally tally = {.pool = pool};
    struct grain_call_options options = {.callback = on_result, .user = &tally};
    struct grain_future *future;
    assert_int_equal(
        grain_map_async(pool, twice, (struct grain_in){NULL, 0, 4}, (struct grain_out){NULL, 4}, &options, &future), 0);
    assert_true(grain_future_ready(future));
    assert_int_equal(grain_future_get(future, 0), 0);
    assert_int_equal(tally.calls, 0);
    grain_future_free(future);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(
        grain_map_async(pool, twice, (struct grain_in){in, 5, 4}, (struct grain_out){out, 4}, NULL, &future),
        -ESHUTDOWN);
    assert_null(future);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_come_once_a_call_and_one_at_a_time),
        cmocka_unit_test(inside_a_callback_join_and_get_of_its_own_future_are_edeadlk),
        cmocka_unit_test(a_callback_does_not_wait_for_the_rest_of_its_batch),
        cmocka_unit_test(what_is_given_up_writes_into_nothing),
        cmocka_unit_test(an_empty_call_is_ready_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
