/* SPDX-License-Identifier: MIT
 *
 * Types that are loaded with aligned instructions arrive where those do not fault: vectors of 16, 32 and 64 bytes, and
 * __float128. Which alignment is promised in general: alignment.c.
 */
#include <string.h>

#include "contract.h"

#define COUNT 5

typedef float four __attribute__((vector_size(16)));

static int doubles_four(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    const four *value = arg;
    *(four *)result = *value + *value;
    return 0;
}

#ifdef __x86_64__
/* Written out: a compiler may choose an unaligned move even where it knows better. */
__attribute__((target("avx"))) static int doubles_eight(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    __asm__ volatile("vmovaps (%0), %%ymm0\n\tvaddps (%0), %%ymm0, %%ymm0\n\tvmovaps %%ymm0, (%1)\n\tvzeroupper"
                     :
                     : "r"(arg), "r"(result)
                     : "xmm0", "memory");
    return 0;
}

__attribute__((target("avx512f"))) static int doubles_sixteen(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    __asm__ volatile("vmovaps (%0), %%zmm0\n\tvaddps (%0), %%zmm0, %%zmm0\n\tvmovaps %%zmm0, (%1)\n\tvzeroupper"
                     :
                     : "r"(arg), "r"(result)
                     : "xmm0", "memory");
    return 0;
}
#endif

#ifdef __SIZEOF_FLOAT128__
static int doubles_quad(const void *arg, void *result, struct grain_context *ctx)
{
    (void)ctx;
    const __float128 *value = arg;
    *(__float128 *)result = *value + *value;
    return 0;
}

static void quads_are_loaded_where_they_lie(void **state)
{
    (void)state;
    needs("runs tasks");
    struct grain_pool *pool = pool_with(2);
    __float128 in[COUNT], out[COUNT];
    for (int i = 0; i < COUNT; i++)
        in[i] = i;
    for (size_t count = 1; count <= COUNT; count += COUNT - 1) {
        struct grain_in items = {in, count, sizeof in[0]};
        memset(out, 0xff, sizeof out);
        assert_int_equal(grain_map(pool, doubles_quad, items, (struct grain_out){out, sizeof out[0]}, NULL), 0);
        for (size_t i = 0; i < count; i++)
            assert_true(out[i] == 2 * in[i]);
    }
    assert_int_equal(grain_apply(pool, doubles_quad, &in[3], sizeof in[0], out, sizeof out[0], NULL), 0);
    assert_true(out[0] == 6);
    grain_pool_free(pool);
}
#endif

/* Floats in items of `width` bytes, in every call that copies in a way of its own. */
static void floats_are_doubled(grain_task_fn task, size_t width)
{
    static _Alignas(64) float in[COUNT * 16], out[COUNT * 16];
    struct grain_pool *pool = pool_with(2);
    struct grain_future *future;
    for (int i = 0; i < COUNT * 16; i++)
        in[i] = (float)i;
    for (size_t count = 1; count <= COUNT; count += COUNT - 1) {
        memset(out, 0xff, sizeof out);
        assert_int_equal(
            grain_map(pool, task, (struct grain_in){in, count, width}, (struct grain_out){out, width}, NULL), 0);
        for (size_t i = 0; i < count * width / sizeof in[0]; i++)
            assert_true(out[i] == 2 * in[i]);
    }
    memset(out, 0xff, sizeof out);
    assert_int_equal(grain_apply(pool, task, in, width, out, width, NULL), 0);
    assert_true(out[width / sizeof in[0] - 1] == 2 * in[width / sizeof in[0] - 1]);
    memset(out, 0xff, sizeof out);
    assert_int_equal(grain_apply_async(pool, task, in, width, out, width, NULL, &future), 0);
    assert_int_equal(grain_future_get(future, GRAIN_FOREVER), 0);
    grain_future_free(future);
    assert_true(out[width / sizeof in[0] - 1] == 2 * in[width / sizeof in[0] - 1]);
    grain_pool_free(pool);
}

static void vectors_are_loaded_where_they_lie(void **state)
{
    (void)state;
    needs("runs tasks");
    floats_are_doubled(doubles_four, 16);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx"))
        floats_are_doubled(doubles_eight, 32);
    if (__builtin_cpu_supports("avx512f"))
        floats_are_doubled(doubles_sixteen, 64);
#endif
}

int main(int argc, char **argv)
{
    contract_start(argc, argv);
    const struct CMUnitTest tests[] = {
#ifdef __SIZEOF_FLOAT128__
        cmocka_unit_test(quads_are_loaded_where_they_lie),
#endif
        cmocka_unit_test(vectors_are_loaded_where_they_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
