/* SPDX-License-Identifier: MIT
 *
 * Kernels: task, chunk and loop agree with each other and with figures worked out by hand or by a plain
 * second computation here; every oracle sees a single wrong result.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel_forms.h"

static void test_table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum kernel_items items;
        size_t item_size, result_size;
        const char *parameter;
    } expected[] = {
        {"howmany", KERNEL_ITEMS_ROWS, 20, 4, NULL},
        {"compute", KERNEL_ITEMS_SEEDS, 8, 8, "iterations"},
        {"outlier", KERNEL_ITEMS_SEEDS, 8, 8, "iterations"},
        {"memory", KERNEL_ITEMS_BLOCKS, 4096, 8, "bytes a task, a multiple of 64"},
        {"imbalance", KERNEL_ITEMS_LENGTHS, 16, 8, "iterations of the mean task"},
        {"imbalance-sorted", KERNEL_ITEMS_LENGTHS, 16, 8, "iterations of the mean task"},
        {"empty", KERNEL_ITEMS_ROWS, 20, 0, NULL},
    };
    struct kernel_params params = {.columns = 5, .block_bytes = 4096};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct kernel *kernel = kernel_find(expected[i].name);
        assert_non_null(kernel);
        assert_string_equal(kernel->name, expected[i].name);
        assert_int_equal(kernel->items, expected[i].items);
        assert_int_equal(kernel_item_size(kernel, &params), expected[i].item_size);
        assert_int_equal(kernel->result_size, expected[i].result_size);
        if (expected[i].parameter)
            assert_string_equal(kernel->parameter, expected[i].parameter);
        else
            assert_null(kernel->parameter);
    }
    size_t listed = 0;
    while (kernel_at(listed)) {
        const struct kernel *kernel = kernel_at(listed++);
        assert_ptr_equal(kernel_find(kernel->name), kernel);
        assert_true(kernel->task && kernel->chunk && kernel->star && kernel->loop && kernel->check &&
                    strlen(kernel->summary) > 10);
        assert_int_equal(kernel->fill != NULL, kernel->items != KERNEL_ITEMS_ROWS);
    }
    assert_int_equal(listed, sizeof expected / sizeof expected[0]);
    assert_null(kernel_at(SIZE_MAX));
}

static void test_find(void **state)
{
    (void)state;
    assert_ptr_equal(kernel_find("compute:1000"), kernel_find("compute"));
    static const char *const unknown[] = {"",          ":", ":5", "comput", "computer", "COMPUTE", "computer:1000",
                                          "imbalance-"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_null(kernel_find(unknown[i]));
    assert_null(kernel_find(NULL));
}

/* What a kernel's number may be; params stay as they were where it may not. */
static void test_configure(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_right;
        uint64_t number;
    } cases[] = {
        {"compute:1000", true, 1000},
        {"compute:0", true, 0},
        {"compute:18446744073709551615", true, UINT64_MAX},
        {"compute:18446744073709551616", false, 0},
        {"compute", false, 0},
        {"compute:", false, 0},
        {"compute:-1", false, 0},
        {"compute:1x", false, 0},
        {"howmany", true, 99},
        {"howmany:5", false, 0},
        {"outlier:92233720368547758", true, 92233720368547758},
        {"outlier:92233720368547759", false, 0}, /* 200 times as much has no place in 64 bits */
        {"memory:64", true, 64},
        {"memory:0", false, 0},
        {"memory:100", false, 0},
        {"memory:1073741824", true, 1 << 30},
        {"memory:1073741888", false, 0},
        {"imbalance:10000000000", true, 10000000000},
        {"imbalance-sorted:10000000001", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kernel_params params = {.iterations = 99};
        const char *problem = kernel_configure(kernel_find(cases[i].name), cases[i].name, &params);
        if (cases[i].is_right)
            assert_null(problem);
        else
            assert_true(problem && strlen(problem) > 20);
        assert_int_equal(params.iterations, cases[i].is_right ? cases[i].number : 99);
    }
}

/* The rows printed in the tutorial's notebook. */
static void test_howmany_notebook(void **state)
{
    (void)state;
    static const int32_t rows[5][5] = {
        {1, 2, 6, 2, 3}, {1, 3, 6, 5, 2}, {6, 6, 6, 7, 0}, {9, 0, 2, 3, 6}, {0, 6, 0, 8, 1}};
    static const int32_t counts[5] = {1, 2, 4, 1, 2};
    struct kernel_params params = {.columns = 5, .minimum = 4, .maximum = 8};
    const struct kernel *kernel = kernel_find("howmany");
    for (enum form form = 0; form < FORMS; form++) {
        int32_t results[5] = {-1, -1, -1, -1, -1};
        run(kernel, form, rows, results, 5, &params);
        assert_memory_equal(results, counts, sizeof counts);
        assert_int_equal(kernel->check(rows, results, 5, &params), 5);
    }
}

/* Both bounds belong to the range; every value between the extremes of int32_t is legal, as is a range that
 * is empty because its bounds are the wrong way round. */
static void test_howmany_bounds(void **state)
{
    (void)state;
    static const int32_t row[] = {INT32_MIN, INT32_MIN + 1, -5, -1, 0, 1, 5, INT32_MAX - 1, INT32_MAX};
    static const struct {
        int32_t minimum, maximum, inside;
    } cases[] = {
        {INT32_MIN, INT32_MAX, 9},
        {INT32_MIN, INT32_MIN, 1},
        {INT32_MAX, INT32_MAX, 1},
        {-1, 1, 3},
        {-5, 5, 5},
        {-4, 4, 3},
        {0, 0, 1},
        {2, 4, 0},
        {1, INT32_MAX, 4},
        {INT32_MIN, -1, 4},
        {5, 4, 0},
        {INT32_MAX, INT32_MIN, 0},
        {1, -1, 0},
        {INT32_MIN + 1, 5, 6},
    };
    const struct kernel *kernel = kernel_find("howmany");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kernel_params params = {.columns = 9, .minimum = cases[i].minimum, .maximum = cases[i].maximum};
        for (enum form form = 0; form < FORMS; form++) {
            int32_t result = -1;
            run(kernel, form, row, &result, 1, &params);
            assert_int_equal(result, cases[i].inside);
            assert_int_equal(kernel->check(row, &result, 1, &params), 1);
        }
    }
}

/* Every width up to some beyond those that have code of their own, and a large one. */
static void test_howmany_columns(void **state)
{
    (void)state;
    enum { ROWS = 101 };
    const struct kernel *kernel = kernel_find("howmany");
    srand(7);
    for (int32_t columns = 1; columns <= 4096; columns = columns < 20 ? columns + 1 : columns * 8) {
        int32_t *rows = malloc(ROWS * (size_t)columns * sizeof *rows), expected[ROWS] = {0}, results[ROWS + 1];
        assert_non_null(rows);
        for (int32_t i = 0; i < ROWS * columns; i++) {
            rows[i] = rand() % 10;
            expected[i / columns] += strchr("45678", '0' + rows[i]) != NULL;
        }
        struct kernel_params params = {.columns = columns, .minimum = 4, .maximum = 8};
        for (enum form form = 0; form < FORMS; form++) {
            memset(results, 0xff, sizeof results);
            run(kernel, form, rows, results, ROWS, &params);
            assert_memory_equal(results, expected, sizeof expected);
            assert_int_equal(results[ROWS], -1);
        }
        free(rows);
    }
}

static void test_compute_chain(void **state)
{
    (void)state;
    static const uint64_t lengths[] = {0, 1, 2, 3, 7, 8, 1000, 4097}, seeds[] = {0, 1, 42, UINT64_MAX, 1ull << 63};
    enum { SEEDS = sizeof seeds / sizeof seeds[0] };
    const struct kernel *kernel = kernel_find("compute:1000");
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct kernel_params params = {.iterations = lengths[i]};
        uint64_t expected[SEEDS];
        for (size_t k = 0; k < SEEDS; k++) {
            expected[k] = seeds[k];
            for (uint64_t n = 0; n < lengths[i]; n++)
                expected[k] = expected[k] * 6364136223846793005u + 1442695040888963407u;
        }
        for (enum form form = 0; form < FORMS; form++) {
            uint64_t results[SEEDS] = {0};
            run(kernel, form, seeds, results, SEEDS, &params);
            assert_memory_equal(results, expected, sizeof expected);
            assert_int_equal(kernel->check(seeds, results, SEEDS, &params), SEEDS);
        }
    }
}

/* A chain as long as a task of 10 ms; the oracle needs 24 steps for it. */
static void test_compute_long(void **state)
{
    (void)state;
    const struct kernel *kernel = kernel_find("compute");
    struct kernel_params params = {.iterations = 9999991};
    uint64_t seed = 12345, result = 0;
    kernel->loop(&seed, &result, 1, &params);
    assert_int_equal(kernel->check(&seed, &result, 1, &params), 1);
    params.iterations--;
    assert_int_equal(kernel->check(&seed, &result, 1, &params), 0);
}

/* The seeds that every published sample of compute was taken with: SplitMix64's, and a longer fill has the same
 * head. */
static void test_fill(void **state)
{
    (void)state;
    const struct kernel *kernel = kernel_find("compute");
    struct kernel_params params = {.iterations = 1};
    uint64_t first[3], more[100], other[3];
    kernel->fill(first, 3, 1234567, &params);
    kernel->fill(more, 100, 1234567, &params);
    kernel->fill(other, 3, 1234568, &params);
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u};
    assert_memory_equal(first, expected, sizeof expected);
    assert_memory_equal(first, more, sizeof first);
    assert_memory_not_equal(first, other, sizeof first);
}

/* The first of every 200 tasks is 200 chains long; all forms and the oracle agree, and see it when it is not. */
static void test_outlier(void **state)
{
    (void)state;
    enum { COUNT = 450 };
    const struct kernel *kernel = kernel_find("outlier:5");
    struct kernel_params params = {.iterations = 5};
    uint64_t items[COUNT], expected[COUNT], results[COUNT];
    kernel->fill(items, COUNT, 100, &params);
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t steps = i % 200 == 0 ? 1000 : 5;
        assert_int_equal(items[i] & 1, i % 200 == 0);
        expected[i] = items[i];
        for (uint64_t n = 0; n < steps; n++)
            expected[i] = expected[i] * 6364136223846793005u + 1442695040888963407u;
    }
    for (enum form form = 0; form < FORMS; form++) {
        memset(results, 0, sizeof results);
        run(kernel, form, items, results, COUNT, &params);
        assert_memory_equal(results, expected, sizeof results);
        assert_int_equal(kernel->check(items, results, COUNT, &params), COUNT);
    }
    items[200] ^= 1; /* a long task that was run as a short one */
    assert_int_equal(kernel->check(items, results, COUNT, &params), 200);
    assert_true(kernel->longest(200) == 200.0 / 399);
    assert_true(kernel->longest(1) == 1);
    assert_true(kernel->longest(201) == 200.0 / (199 + 400));
    assert_true(kernel->longest(0) == 0);
    assert_true(kernel->mean(200) == 399.0 / 200 && kernel->mean(0) == 0);
    assert_null(kernel_find("compute")->longest);
}

/* One wrong result among right ones is found wherever it is, and so is the first of two. */
static void test_oracles(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    static const char *const names[] = {"howmany", "compute", "outlier"};
    uint64_t items[COUNT * 3];
    srand(3);
    for (size_t i = 0; i < COUNT * 3; i++)
        items[i] = (uint64_t)(rand() % 10) << 32 | (uint64_t)(rand() % 10);
    struct kernel_params params = {.columns = 5, .minimum = 4, .maximum = 8, .iterations = 17};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        const struct kernel *kernel = kernel_find(names[k]);
        unsigned char results[COUNT * sizeof(uint64_t)];
        kernel->loop(items, results, COUNT, &params);
        assert_int_equal(kernel->check(items, results, COUNT, &params), COUNT);
        results[(COUNT - 1) * kernel->result_size] ^= 1;
        for (size_t i = COUNT; i-- > 0;) {
            if (i < COUNT - 1)
                results[i * kernel->result_size] ^= 1;
            assert_int_equal(kernel->check(items, results, COUNT, &params), i);
            if (i < COUNT - 1)
                results[i * kernel->result_size] ^= 1;
            /* What lies behind the items that are asked about is not looked at. */
            assert_int_equal(kernel->check(items, results, COUNT - 1, &params), COUNT - 1);
        }
    }
}

/* No result, nothing to check; what can be said is that nothing is written. */
static void test_empty(void **state)
{
    (void)state;
    const struct kernel *kernel = kernel_find("empty");
    struct kernel_params params = {.columns = 1};
    int32_t rows[8] = {0}, results[8] = {1, 2, 3, 4, 5, 6, 7, 8}, before[8];
    memcpy(before, results, sizeof before);
    for (enum form form = 0; form < FORMS; form++)
        run(kernel, form, rows, results, 8, &params);
    run(kernel, BY_LOOP, NULL, NULL, 0, &params);
    assert_memory_equal(results, before, sizeof before);
    assert_int_equal(kernel->check(rows, NULL, 8, &params), 8);
    assert_int_equal(kernel->result_size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),          cmocka_unit_test(test_find),
        cmocka_unit_test(test_configure),      cmocka_unit_test(test_howmany_notebook),
        cmocka_unit_test(test_howmany_bounds), cmocka_unit_test(test_howmany_columns),
        cmocka_unit_test(test_compute_chain),  cmocka_unit_test(test_compute_long),
        cmocka_unit_test(test_fill),           cmocka_unit_test(test_outlier),
        cmocka_unit_test(test_oracles),        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
