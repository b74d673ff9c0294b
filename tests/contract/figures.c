/* SPDX-License-Identifier: MIT
 *
 * The most bytes of shared memory that calls took, as grain_pool_stats tells it: of every call, and of nothing else.
 */
#include <errno.h>
#include <string.h>

#include "contract.h"

#define MIB  ((size_t)1 << 20)
#define AREA (512 * (size_t)1024)

static int does_nothing(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg, (void)result, (void)ctx;
    return 0;
}

static int chunk_does_nothing(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    (void)items, (void)results, (void)count, (void)ctx;
    return 0;
}

static int columns_do_nothing(const void *const args[], void *result, struct grain_context *ctx)
{
    (void)args, (void)result, (void)ctx;
    return 0;
}

static int gives_two(void *source, void *item)
{
    (void)item;
    return (*(int *)source)++ < 2;
}

enum call { APPLY, APPLY_ASYNC, MAP_OF_ONE, MAP, MAP_ASYNC, MAP_CHUNKS, STARMAP, IMAP, CALLS_OF_A_KIND };

/* A call that takes AREA bytes of arguments and as many of results, at least. */
static int call_make(struct grain_pool *pool, enum call call, const void *in, void *out)
{
    struct grain_in items = {in, 64, AREA / 64}, one = {in, 1, AREA};
    struct grain_out results = {out, AREA / 64}, result = {out, AREA};
    struct grain_column column = {in, AREA / 64, AREA / 64};
    struct grain_future *future = NULL;
    struct grain_iter *iter;
    int status = 0, given = 0;
    switch (call) {
    case APPLY:
        return grain_apply(pool, does_nothing, in, AREA, out, AREA, NULL);
    case MAP_OF_ONE:
        return grain_map(pool, does_nothing, one, result, NULL);
    case MAP:
        return grain_map(pool, does_nothing, items, results, NULL);
    case MAP_CHUNKS:
        return grain_map_chunks(pool, chunk_does_nothing, items, results, NULL);
    case STARMAP:
        return grain_starmap(pool, columns_do_nothing, &column, 1, 64, results, NULL);
    case APPLY_ASYNC:
        status = grain_apply_async(pool, does_nothing, in, AREA, out, AREA, NULL, &future);
        break;
    case MAP_ASYNC:
        status = grain_map_async(pool, does_nothing, items, results, NULL, &future);
        break;
    default:
        status = grain_imap(pool, does_nothing, gives_two, &given, AREA, AREA, NULL, &iter);
        while (status == 0 && grain_iter_next(iter, out, NULL, GRAIN_FOREVER) == 1)
            ;
        grain_iter_free(iter);
        return status;
    }
    if (status == 0)
        status = grain_future_get(future, GRAIN_FOREVER);
    grain_future_free(future);
    return status;
}

static uint64_t call_bytes(struct grain_pool *pool)
{
    struct grain_pool_stats stats;
    assert_int_equal(grain_pool_stats(pool, &stats), 0);
    return stats.call_bytes;
}

static void the_figures_know_every_call(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("no copy"); /* or nothing that is shared */
    unsigned char *in = calloc(1, AREA), *out = malloc(AREA);
    assert_true(in && out);
    for (enum call call = APPLY; call < CALLS_OF_A_KIND; call++) {
        struct grain_pool *pool = pool_with(2);
        assert_int_equal(call_bytes(pool), 0);
        void *mine;
        assert_int_equal(grain_alloc(pool, 4 * AREA, &mine), 0);
        assert_int_equal(call_bytes(pool), 0);
        assert_int_equal(call_make(pool, call, in, out), 0);
        uint64_t first = call_bytes(pool);
        if (!is_fork())
            assert_int_equal(first, 0);
        else if (first < 2 * AREA || first > 5 * AREA)
            fail_msg("call %d of %zu bytes: %llu", call, 2 * AREA, (unsigned long long)first);
        for (int i = 0; i < 10; i++)
            assert_int_equal(call_make(pool, call, in, out), 0);
        /* The most, not the sum. Of calls that nobody waits for, some may not have been put away yet. */
        bool is_waited_for = call != IMAP && call != APPLY_ASYNC && call != MAP_ASYNC;
        if (call_bytes(pool) > (is_waited_for ? first : 6 * first))
            fail_msg("call %d ten times: %llu after %llu", call, (unsigned long long)call_bytes(pool),
                     (unsigned long long)first);
        grain_pool_free(pool);
    }
    free(out);
    free(in);
}

static void a_call_without_memory_leaves_the_figures_right(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool;
    struct grain_pool_options options = options_with(2);
    options.memory_limit = 4 * MIB;
    assert_int_equal(grain_pool_open(&pool, &options), 0);
    unsigned char *in = calloc(1, 8 * MIB);
    assert_non_null(in);
    for (int round = 0; round < 3; round++) {
        int status = grain_map(pool, does_nothing, (struct grain_in){in, 8, MIB}, (struct grain_out){NULL, 0}, NULL);
        assert_true(status == 0 || status == -ENOMEM);
        assert_int_equal(apply_twice(pool, 3), 6);
        assert_true(call_bytes(pool) <= 4 * MIB);
    }
    free(in);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_figures_know_every_call),
        cmocka_unit_test(a_call_without_memory_leaves_the_figures_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
