/* SPDX-License-Identifier: MIT
 *
 * Contract: calls return what a serial loop returns, on every backend, schedule, chunk and number of
 * workers; and refuse what makes no sense.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "contract.h"

struct scale {
    int64_t factor, offset;
};

static int scaled(const void *arg, void *result, struct grain_context *ctx)
{
    const struct scale *scale = grain_context_params(ctx);
    *(int64_t *)result = *(const int64_t *)arg * scale->factor + scale->offset;
    return 0;
}

static int scaled_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    const int64_t *in = items;
    int64_t *out = results;
    const struct scale *scale = grain_context_params(ctx);
    for (size_t i = 0; i < count; i++)
        out[i] = in[i] * scale->factor + (int64_t)(grain_context_index(ctx) + i);
    return 0;
}

static const enum grain_schedule schedules[] = {GRAIN_SCHEDULE_DEFAULT, GRAIN_SCHEDULE_STATIC, GRAIN_SCHEDULE_DYNAMIC,
                                                GRAIN_SCHEDULE_GUIDED,  GRAIN_SCHEDULE_STEAL,  GRAIN_SCHEDULE_TASKLOOP};
#define SCHEDULES (sizeof schedules / sizeof schedules[0])

#define MOST 1000
static int64_t items[MOST], results[MOST];

static void map_once(struct grain_pool *pool, size_t count, enum grain_schedule schedule, int64_t chunk)
{
    struct scale scale = {7, 3};
    struct grain_call_options options = {
        .schedule = schedule, .chunk = chunk, .params = &scale, .params_size = sizeof scale};
    for (size_t i = 0; i < MOST; i++)
        results[i] = -1;
    struct grain_in in = {items, count, sizeof items[0]};
    struct grain_out out = {results, sizeof results[0]};
    int status = grain_map(pool, scaled, in, out, &options);
    if (!has_schedule(schedule)) {
        assert_int_equal(status, -ENOTSUP);
        return;
    }
    assert_int_equal(status, 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(results[i], items[i] * 7 + 3);
    for (size_t i = count; i < MOST; i++)
        assert_int_equal(results[i], -1);

    assert_int_equal(grain_map_chunks(pool, scaled_chunk, in, out, &options), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(results[i], items[i] * 7 + (int64_t)i);
}

static void map_equals_serial_on_every_schedule(void **state)
{
    (void)state;
    needs("runs tasks");
    static const size_t counts[] = {0, 1, 2, 97, 1000};
    static const int64_t chunks[] = {0, 1, 3, 20, 96, 97, 5000, GRAIN_CHUNK_PYTHON};
    static const int workers[] = {1, 2, 3, 7};
    for (size_t i = 0; i < MOST; i++)
        items[i] = (int64_t)(i * i) - 500;
    for (size_t w = 0; w < sizeof workers / sizeof workers[0]; w++) {
        struct grain_pool *pool = pool_with(workers[w]);
        for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++)
            for (size_t s = 0; s < SCHEDULES; s++)
                for (size_t c = 0; c < sizeof chunks / sizeof chunks[0]; c++)
                    map_once(pool, counts[n], schedules[s], chunks[c]);
        grain_pool_free(pool);
    }
}

static void apply_returns_f_of_arg(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    for (int64_t i = 0; i < 200; i++) {
        int64_t result = -1;
        struct scale scale = {i, 1};
        struct grain_call_options options = {.params = &scale, .params_size = sizeof scale};
        assert_int_equal(grain_apply(pool, scaled, &i, sizeof i, &result, sizeof result, &options), 0);
        assert_int_equal(result, i * i + 1);
    }
    grain_pool_free(pool);
}

static int visit(const void *arg, void *result, struct grain_context *ctx)
{
    unsigned char *visits = *(unsigned char *const *)grain_context_params(ctx); /* in the pool's memory */
    (void)arg;
    (void)result;
    visits[grain_context_index(ctx)]++;
    return 0;
}

static void every_task_runs_exactly_once(void **state)
{
    (void)state;
    needs("runs tasks");
    size_t count = 100003;
    struct grain_pool *pool = pool_with(3);
    unsigned char *visits;
    assert_int_equal(grain_alloc(pool, count, (void **)&visits), 0);
    for (size_t s = 0; s < SCHEDULES; s++) {
        if (!has_schedule(schedules[s]))
            continue;
        memset(visits, 0, count);
        struct grain_call_options options = {
            .schedule = schedules[s], .chunk = 1 + (int64_t)s * 5, .params = &visits, .params_size = sizeof visits};
        struct grain_out out = {NULL, 0};
        assert_int_equal(grain_map(pool, visit, (struct grain_in){NULL, count, 0}, out, &options), 0);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(visits[i], 1);
    }
    grain_release(pool, visits);
    grain_pool_free(pool);
}

static int where(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    *(const void **)result = arg;
    return 0;
}

static void allocated_memory_is_passed_without_a_copy(void **state)
{
    (void)state;
    needs("runs tasks");
    needs("no copy");
    struct grain_pool *pool = pool_with(2);
    char *memory;
    const void **seen;
    assert_int_equal(grain_alloc(pool, 640, (void **)&memory), 0);
    assert_int_equal(grain_alloc(pool, 10 * sizeof *seen, (void **)&seen), 0);
    assert_int_equal((uintptr_t)memory % 64, 0);
    for (size_t i = 0; i < 640; i++)
        assert_int_equal(memory[i], 0);
    struct grain_in in = {memory, 10, 64};
    struct grain_out out = {seen, sizeof *seen};
    assert_int_equal(grain_map(pool, where, in, out, NULL), 0);
    for (size_t i = 0; i < 10; i++)
        assert_ptr_equal(seen[i], memory + 64 * i);
    grain_release(pool, memory);
    grain_release(pool, seen);
    grain_release(pool, NULL);
    grain_pool_free(pool);
}

static void allocated_memory_is_zeroed_when_reused(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(1);
    for (int round = 0; round < 5; round++) {
        unsigned char *memory;
        assert_int_equal(grain_alloc(pool, 70000, (void **)&memory), 0);
        for (size_t i = 0; i < 70000; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, 70000);
        grain_release(pool, memory);
    }
    /* What is not released goes with the pool, in any order: a leak checker watches. */
    void *kept[3], *memory;
    for (int i = 0; i < 3; i++)
        assert_int_equal(grain_alloc(pool, 100, &kept[i]), 0);
    grain_release(pool, kept[1]);
    assert_int_equal(grain_alloc(pool, 0, &memory), -EINVAL);
    assert_int_equal(grain_alloc(pool, 10, NULL), -EINVAL);
    assert_int_equal(grain_alloc(NULL, 10, &memory), -EINVAL);
    grain_pool_free(pool);
}

static int fill(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    memset(result, *(const unsigned char *)arg, 1 << 20);
    return 0;
}

static void results_of_a_megabyte_come_back_whole(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    size_t size = 1 << 20, count = 5;
    unsigned char *big = malloc(size * count);
    const unsigned char bytes[] = {1, 2, 3, 4, 5};
    struct grain_in in = {bytes, count, 1};
    assert_int_equal(grain_map(pool, fill, in, (struct grain_out){big, size}, NULL), 0);
    for (size_t i = 0; i < size * count; i++)
        if (big[i] != bytes[i / size])
            fail_msg("byte %zu is %d", i, big[i]);
    free(big);
    grain_pool_free(pool);
}

static int count_params(const void *arg, void *result, struct grain_context *ctx)
{
    (void)arg;
    *(int *)result = grain_context_params(ctx) == NULL;
    return 0;
}

static void params_are_null_when_there_are_none(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    int is_null = 0;
    assert_int_equal(grain_apply(pool, count_params, NULL, 0, &is_null, sizeof is_null, NULL), 0);
    assert_int_equal(is_null, 1);
    grain_pool_free(pool);
}

static void nonsense_is_refused_before_anything_runs(void **state)
{
    (void)state;
    struct grain_pool *pool = pool_with(2);
    int64_t value = 1;
    struct grain_in in = {&value, 1, sizeof value};
    struct grain_out out = {&value, sizeof value};
    struct grain_call_options options = {0};
    assert_int_equal(grain_map(NULL, scaled, in, out, NULL), -EINVAL);
    assert_int_equal(grain_map(pool, NULL, in, out, NULL), -EINVAL);
    assert_int_equal(grain_map(pool, scaled, (struct grain_in){NULL, 1, 8}, out, NULL), -EINVAL);
    assert_int_equal(grain_map(pool, scaled, in, (struct grain_out){NULL, 8}, NULL), -EINVAL);
    assert_int_equal(grain_map(pool, scaled, (struct grain_in){&value, SIZE_MAX / 4, 8}, out, NULL), -EOVERFLOW);
    assert_int_equal(grain_map(pool, scaled, (struct grain_in){&value, SIZE_MAX, 1}, out, NULL), -EOVERFLOW);
    options.chunk = -1;
    assert_int_equal(grain_map(pool, scaled, in, out, &options), -EINVAL);
    options = (struct grain_call_options){.struct_size = 3};
    assert_int_equal(grain_map(pool, scaled, in, out, &options), -EINVAL);
    options = (struct grain_call_options){.params_size = 8};
    assert_int_equal(grain_map(pool, scaled, in, out, &options), -EINVAL);
    options = (struct grain_call_options){.schedule = (enum grain_schedule)99};
    assert_int_equal(grain_map(pool, scaled, in, out, &options), -EINVAL);
    grain_pool_free(pool);
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_equals_serial_on_every_schedule),
        cmocka_unit_test(apply_returns_f_of_arg),
        cmocka_unit_test(every_task_runs_exactly_once),
        cmocka_unit_test(allocated_memory_is_passed_without_a_copy),
        cmocka_unit_test(allocated_memory_is_zeroed_when_reused),
        cmocka_unit_test(results_of_a_megabyte_come_back_whole),
        cmocka_unit_test(params_are_null_when_there_are_none),
        cmocka_unit_test(nonsense_is_refused_before_anything_runs),
    };
    return cmocka_run_group_tests_name(backend, tests, NULL, NULL);
}
