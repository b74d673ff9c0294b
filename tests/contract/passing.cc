/* SPDX-License-Identifier: MIT
 *
 * Contract, for C++: what is thrown on the calling thread passes through grain, and leaves nothing behind: tasks of
 * calls that wait on serial, the initializer and the finalizer on serial and null, the source of an iterator
 * everywhere.
 */
#include "throws.h"

namespace
{

template <typename Call> void passes(grain_pool *pool, Call call)
{
    bool has_passed = false;
    setup();
    try {
        call();
    } catch (const std::runtime_error &error) {
        has_passed = strcmp(error.what(), "no 4") == 0;
    }
    assert_true(has_passed);
    assert_int_equal(Alive::now, 0);
    assert_int_equal(apply_twice(pool, 3), 6); /* this thread is no worker any more, and it is nobody's turn */
}

void on_the_calling_thread_it_passes_and_leaves_nothing(void **)
{
    if (!is_named("serial"))
        skip();
    grain_pool *pool = pool_with(1);
    grain_column column = {items, sizeof items[0], sizeof items[0]};
    int four = 4;
    grain_call_options limited = {};
    limited.task_timeout_ns = GRAIN_FOREVER;
    passes(pool, [&] { grain_apply(pool, throws, &four, sizeof four, results, sizeof results[0], nullptr); });
    passes(pool, [&] { grain_map(pool, throws, in(), out(), nullptr); });
    passes(pool, [&] { grain_map(pool, throws, in(), out(), &limited); });
    passes(pool, [&] { grain_map_chunks(pool, throws_chunk, in(), out(), nullptr); });
    passes(pool, [&] { grain_starmap(pool, throws_star, &column, 1, count, out(), nullptr); });
    grain_future *future;
    int value = 4, result;
    assert_int_equal(grain_apply_async(pool, twice, &value, sizeof value, &result, sizeof result, nullptr, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    grain_future_free(future);
    assert_int_equal(grain_pool_close(pool), 0);
    assert_int_equal(grain_pool_join(pool), 0); /* no call is left */
    grain_pool_free(pool);
}

int throws_once(void *argument, grain_context *)
{
    if (--*static_cast<int *>(argument) >= 0)
        throw std::runtime_error("not yet");
    return 0;
}

void throws_at_the_end(void *, grain_context *)
{
    throw std::runtime_error("the end");
}

bool is_calling_thread()
{
    return is_named("serial") || is_named("null");
}

void initializers_and_finalizers_of_the_calling_thread_may_throw(void **)
{
    if (!is_calling_thread())
        skip();
    grain_pool *pool = nullptr;
    grain_pool_options options = options_with(1);
    int left = 1, thrown = 0;
    options.initializer = throws_once;
    options.argument = &left;
    try {
        grain_pool_open(&pool, &options);
    } catch (const std::exception &) {
        thrown++;
    }
    assert_null(pool);
    options.initializer = nullptr;
    options.finalizer = throws_at_the_end;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(grain_pool_open(&pool, &options), 0); /* nested, had the mark stayed */
        try {
            grain_pool_close(pool);
            if (i == 0)
                grain_pool_join(pool);
            else
                grain_pool_free(pool);
        } catch (const std::exception &) {
            thrown++;
        }
        if (i == 0) {
            assert_int_equal(grain_pool_join(pool), 0); /* it is joined: the finalizer runs once */
            grain_pool_free(pool);
        }
    }
    assert_int_equal(thrown, 3);
}

struct Source {
    int given, throws_at;
};

int next_item(void *source, void *item)
{
    Source *self = static_cast<Source *>(source);
    if (self->given == self->throws_at)
        throw std::runtime_error("the source");
    if (self->given == 300)
        return 0;
    *static_cast<int *>(item) = self->given++;
    return 1;
}

/* Asked on the calling thread, whoever the workers are. */
void a_source_may_throw(void **)
{
    needs("runs tasks");
    grain_pool *pool = pool_with(2);
    grain_call_options options = {};
    grain_iter *iter = nullptr;
    Source early = {0, 3}, late = {0, 200};
    int thrown = 0, value, got = 0;
    options.chunk = 4;
    try {
        grain_imap(pool, twice, next_item, &early, sizeof(int), sizeof(int), &options, &iter);
    } catch (const std::exception &) {
        thrown++;
    }
    assert_null(iter);
    assert_int_equal(grain_imap(pool, twice, next_item, &late, sizeof(int), sizeof(int), &options, &iter), 0);
    for (;;) {
        try {
            int status = grain_iter_next(iter, &value, nullptr, GRAIN_FOREVER);
            if (status == 0)
                break;
            assert_int_equal(status, 1);
        } catch (const std::exception &) {
            late.throws_at = -1;
            thrown++;
        }
        assert_int_equal(value, 2 * got); /* the result was taken before the source was asked */
        got++;
    }
    assert_int_equal(got, 300);
    assert_int_equal(thrown, 2);
    grain_iter_free(iter);
    grain_pool_free(pool);
}

} // namespace

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_calling_thread_it_passes_and_leaves_nothing),
        cmocka_unit_test(initializers_and_finalizers_of_the_calling_thread_may_throw),
        cmocka_unit_test(a_source_may_throw),
    };
    return cmocka_run_group_tests_name(backend, tests, nullptr, nullptr);
}
