/* SPDX-License-Identifier: MIT
 *
 * imap and imap_unordered: order, ends, failures of tasks and of the source, time limits, constant memory.
 */
#include <errno.h>
#include <string.h>

#include "contract.h"

struct source {
    int given, most;    /* most < 0: no end */
    int fails_at, code; /* at this item, again and again; -1: never */
};

static int next_number(void *user, void *item)
{
    struct source *source = user;
    if (source->fails_at == source->given)
        return source->code;
    if (source->most >= 0 && source->given == source->most)
        return 0;
    *(int *)item = source->given++;
    return 1;
}

static struct grain_iter *iter_over(struct grain_pool *pool, grain_task_fn task, struct source *source, int64_t chunk,
                                    bool is_ordered)
{
    struct grain_iter *iter = NULL;
    struct grain_call_options options = {.chunk = chunk};
    int status = is_ordered
                     ? grain_imap(pool, task, next_number, source, sizeof(int), sizeof(int), &options, &iter)
                     : grain_imap_unordered(pool, task, next_number, source, sizeof(int), sizeof(int), &options, &iter);
    assert_int_equal(status, 0);
    return iter;
}

static void imap_delivers_in_order_then_ends(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    static const int64_t chunks[] = {0, 1, 7, 100};
    for (size_t c = 0; c < 4; c++) {
        struct source source = {.most = 1000, .fails_at = -1};
        struct grain_iter *iter = iter_over(pool, twice, &source, chunks[c], true);
        int result;
        size_t index;
        for (int i = 0; i < 1000; i++) {
            assert_int_equal(grain_iter_next(iter, &result, &index, GRAIN_FOREVER), 1);
            assert_int_equal(result, 2 * i);
            assert_int_equal(index, i);
        }
        assert_int_equal(grain_iter_next(iter, &result, &index, GRAIN_FOREVER), 0);
        assert_int_equal(grain_iter_next(iter, &result, &index, GRAIN_FOREVER), 0);
        grain_iter_free(iter);
    }
    grain_pool_free(pool);
}

static void imap_unordered_delivers_every_item_once_with_its_index(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(3);
    struct source source = {.most = 997, .fails_at = -1};
    struct grain_iter *iter = iter_over(pool, twice, &source, 10, false);
    unsigned char seen[997] = {0};
    int result;
    size_t index;
    for (int i = 0; i < 997; i++) {
        assert_int_equal(grain_iter_next(iter, &result, &index, GRAIN_FOREVER), 1);
        assert_true(index < 997);
        assert_int_equal(result, 2 * (int)index);
        assert_int_equal(seen[index]++, 0);
    }
    assert_int_equal(grain_iter_next(iter, &result, &index, GRAIN_FOREVER), 0);
    grain_iter_free(iter);
    grain_pool_free(pool);
}

static int fails_at_seven(const void *arg, void *result, struct grain_context *ctx)
{
    int value = *(const int *)arg;
    *(int *)result = value;
    return value == 7 ? grain_context_fail(ctx, 77, "seven") : 0;
}

static void a_failing_task_is_told_and_iteration_goes_on(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    struct source source = {.most = 20, .fails_at = -1};
    struct grain_iter *iter = iter_over(pool, fails_at_seven, &source, 0, true);
    int result;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(grain_iter_next(iter, &result, NULL, GRAIN_FOREVER), i == 7 ? GRAIN_TASK_FAILED : 1);
        if (i == 7) {
            assert_non_null(grain_iter_error(iter));
            assert_int_equal(grain_iter_error(iter)->code, 77);
            assert_int_equal(grain_iter_error(iter)->index, 7);
            assert_string_equal(grain_iter_error(iter)->message, "seven");
        } else {
            assert_null(grain_iter_error(iter));
            assert_int_equal(result, i);
        }
    }
    assert_int_equal(grain_iter_next(iter, &result, NULL, GRAIN_FOREVER), 0);
    grain_iter_free(iter);
    grain_pool_free(pool);
}

static void a_failing_source_is_told_after_the_items_before_it(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    for (int fails_at = 0; fails_at <= 3; fails_at += 3)
        for (int64_t chunk = 1; chunk <= 4; chunk *= 2)
            for (int twice_over = 0; twice_over < 2; twice_over++) {
                struct source source = {.most = 10, .fails_at = fails_at, .code = -EIO};
                struct grain_iter *iter = iter_over(pool, twice, &source, chunk, true);
                int result;
                for (int i = 0; i < fails_at; i++) {
                    assert_int_equal(grain_iter_next(iter, &result, NULL, GRAIN_FOREVER), 1);
                    assert_int_equal(result, 2 * i);
                }
                assert_int_equal(grain_iter_next(iter, &result, NULL, GRAIN_FOREVER), -EIO);
                assert_int_equal(grain_iter_next(iter, &result, NULL, GRAIN_FOREVER), 0);
                grain_iter_free(iter);
            }
    assert_int_equal(apply_twice(pool, 4), 8); /* the pool is none the worse for it */
    grain_pool_free(pool);
}

static int naps_then_twice(const void *arg, void *result, struct grain_context *ctx)
{
    sleep_ms(150);
    return twice(arg, result, ctx);
}

static void what_timed_out_is_delivered_later(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(1);
    struct source source = {.most = 1, .fails_at = -1};
    struct grain_iter *iter = iter_over(pool, naps_then_twice, &source, 1, true);
    int result = -1;
    assert_int_equal(grain_iter_next(iter, &result, NULL, 0), -ETIMEDOUT);
    assert_int_equal(grain_iter_next(iter, &result, NULL, 10000000), -ETIMEDOUT);
    assert_int_equal(grain_iter_next(iter, &result, NULL, GRAIN_FOREVER), 1);
    assert_int_equal(result, 0);
    grain_iter_free(iter);
    grain_pool_free(pool);
}

static void an_endless_source_is_asked_for_a_window_only(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    for (int is_ordered = 0; is_ordered < 2; is_ordered++) {
        struct source source = {.most = -1, .fails_at = -1};
        struct grain_iter *iter = iter_over(pool, twice, &source, 8, is_ordered);
        int result;
        size_t index;
        for (int i = 0; i < 20000; i++) {
            assert_int_equal(grain_iter_next(iter, &result, &index, GRAIN_FOREVER), 1);
            assert_int_equal(result, 2 * (int)index);
            assert_true(source.given <= i + 1 + 2 * 2 * 8);
        }
        grain_iter_free(iter); /* with calls under way */
    }
    assert_int_equal(apply_twice(pool, 21), 42);
    grain_pool_free(pool);
}

static int adds_params(const void *arg, void *result, struct grain_context *ctx)
{
    *(int *)result = *(const int *)arg + *(const int *)grain_context_params(ctx);
    return 0;
}

static void params_need_not_outlive_the_call(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    struct source source = {.most = 100, .fails_at = -1};
    struct grain_iter *iter;
    int thousand = 1000, result;
    struct grain_call_options options = {.chunk = 1, .params = &thousand, .params_size = sizeof thousand};
    assert_int_equal(grain_imap(pool, adds_params, next_number, &source, sizeof(int), sizeof(int), &options, &iter), 0);
    thousand = 5;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(grain_iter_next(iter, &result, NULL, GRAIN_FOREVER), 1);
        assert_int_equal(result, 1000 + i);
    }
    grain_iter_free(iter);
    grain_pool_free(pool);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    struct source source = {.most = 5, .fails_at = -1};
    struct grain_iter *iter;
    struct grain_call_options options = {.chunk = -3};
    assert_int_equal(grain_imap(pool, NULL, next_number, &source, 4, 4, NULL, &iter), -EINVAL);
    assert_int_equal(grain_imap(pool, twice, NULL, &source, 4, 4, NULL, &iter), -EINVAL);
    assert_int_equal(grain_imap(pool, twice, next_number, &source, 4, 4, &options, &iter), -EINVAL);
    assert_int_equal(grain_imap(pool, twice, next_number, &source, 4, SIZE_MAX / 2, NULL, &iter), -EOVERFLOW);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_imap(pool, twice, next_number, &source, 4, 4, NULL, &iter), -ESHUTDOWN);
    assert_null(iter);
    assert_int_equal(grain_iter_next(NULL, NULL, NULL, 0), -EINVAL);
    grain_iter_free(NULL);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(imap_delivers_in_order_then_ends),
        cmocka_unit_test(imap_unordered_delivers_every_item_once_with_its_index),
        cmocka_unit_test(a_failing_task_is_told_and_iteration_goes_on),
        cmocka_unit_test(a_failing_source_is_told_after_the_items_before_it),
        cmocka_unit_test(what_timed_out_is_delivered_later),
        cmocka_unit_test(an_endless_source_is_asked_for_a_window_only),
        cmocka_unit_test(params_need_not_outlive_the_call),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
