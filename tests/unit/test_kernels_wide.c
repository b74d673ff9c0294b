/* SPDX-License-Identifier: MIT
 *
 * howmany, many values at a time: every variant that this CPU can run counts as a plain second count here does, for all
 * widths, odd bounds, any number of rows, wherever they lie, and writes and reads nothing beside; the kernel's loop and
 * chunk use the variant that is chosen.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel_forms.h"
#include "kernels/howmany.h"

static const struct bounds {
    int32_t minimum, maximum;
} bounds[] = {
    {4, 8},
    {0, 0},
    {5, 4},
    {INT32_MIN, INT32_MAX},
    {INT32_MIN, INT32_MIN},
    {INT32_MAX, INT32_MAX},
    {INT32_MIN, -1},
    {0, INT32_MAX},
    {-3, 3},
    {INT32_MAX, INT32_MIN},
    {INT32_MIN + 1, INT32_MAX - 1},
    {-1, -1},
    {1, INT32_MAX},
    {INT32_MIN, 6},
};

/* SplitMix64; small values, the extremes and their neighbours, and any. */
static int32_t value_made(uint64_t *state)
{
    static const int32_t extremes[] = {INT32_MIN, INT32_MIN + 1, -4, -1, 0, 1, INT32_MAX - 1, INT32_MAX};
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return z % 4 == 0 ? extremes[z / 4 % 8] : z % 4 == 1 ? (int32_t)(uint32_t)(z >> 32) : (int32_t)(z / 4 % 10);
}

static void count_here(const int32_t *row, int32_t *counts, size_t count, int32_t columns, struct bounds range)
{
    for (size_t i = 0; i < count; i++) {
        counts[i] = 0;
        for (int32_t column = 0; column < columns; column++, row++)
            counts[i] += *row >= range.minimum && *row <= range.maximum;
    }
}

/* One matrix, so placed that its rows are not aligned and end where the memory does. */
static void check_matrix(const struct howmany_variant *variant, size_t count, int32_t columns, struct bounds range,
                         uint64_t *state)
{
    size_t values = count * (size_t)columns, offset = (size_t)columns % 3;
    int32_t *memory = malloc((values + offset) * sizeof *memory + 1), *rows = memory + offset;
    int32_t *expected = malloc((count + 1) * sizeof *expected), *results = malloc((count + 2) * sizeof *results);
    assert_true(memory && expected && results);
    for (size_t i = 0; i < values; i++)
        rows[i] = value_made(state);
    count_here(rows, expected, count, columns, range);
    memset(results, 0x5a, (count + 2) * sizeof *results);
    uint32_t low = (uint32_t)range.minimum;
    variant->rows(rows, results + 1, count, columns, low, (uint32_t)range.maximum - low);
    assert_int_equal(results[0], 0x5a5a5a5a);
    assert_int_equal(results[count + 1], 0x5a5a5a5a);
    if (memcmp(results + 1, expected, count * sizeof *expected) != 0)
        fail_msg("%s: %zu rows of %d columns, %d to %d", variant->name, count, columns, range.minimum, range.maximum);
    free(memory);
    free(expected);
    free(results);
}

static void test_variants(void **state)
{
    (void)state;
    static const size_t counts[] = {63, 64, 65, 127, 200, 511, 512, 513, 1100};
    const struct howmany_variant *variant;
    for (size_t i = 0; (variant = howmany_variant_at(i)); i++) {
        if (!howmany_has(variant)) {
            print_message("this CPU cannot run %s: left out\n", variant->name);
            continue;
        }
        uint64_t random = 20 + i;
        for (int32_t columns = 1; columns <= 40; columns++) {
            size_t step = columns <= 9 ? 1 : 3; /* the first widths have code of their own */
            for (size_t b = (size_t)columns % step; b < sizeof bounds / sizeof *bounds; b += step) {
                if (bounds[b].minimum > bounds[b].maximum)
                    continue; /* not theirs: see howmany_loop() */
                for (size_t count = 0; count <= 40; count++)
                    check_matrix(variant, count, columns, bounds[b], &random);
                for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
                    check_matrix(variant, counts[c], columns, bounds[b], &random);
            }
        }
        check_matrix(variant, 3, 4096, bounds[0], &random);
    }
}

/* Loop and chunk with each variant, against the task. */
static void test_forms(void **state)
{
    (void)state;
    enum { ROWS = 333, COLUMNS_MAX = 17 };
    static int32_t rows[ROWS * COLUMNS_MAX], expected[ROWS], results[ROWS];
    const struct kernel *kernel = kernel_find("howmany");
    const struct howmany_variant *variant;
    uint64_t random = 7;
    for (size_t i = 0; i < ROWS * COLUMNS_MAX; i++)
        rows[i] = value_made(&random);
    for (size_t i = 0; (variant = howmany_variant_at(i)); i++) {
        if (!howmany_has(variant))
            continue;
        howmany_use(variant);
        for (int32_t columns = 1; columns <= COLUMNS_MAX; columns++)
            for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
                struct kernel_params params = {columns, bounds[b].minimum, bounds[b].maximum, {0}};
                run(kernel, BY_TASK, rows, expected, ROWS, &params);
                for (enum form form = BY_CHUNK; form < FORMS; form++) {
                    memset(results, 0xff, sizeof results);
                    run(kernel, form, rows, results, ROWS, &params);
                    assert_memory_equal(results, expected, sizeof results);
                    assert_int_equal(kernel->check(rows, results, ROWS, &params), ROWS);
                }
            }
    }
    howmany_use(NULL);
}

static size_t stranger_rows;

static void count_strangely(const int32_t *row, int32_t *restrict result, size_t count, int32_t columns, uint32_t low,
                            uint32_t span)
{
    stranger_rows += count;
    howmany_plain(row, result, count, columns, low, span);
}

/* What is chosen is used by loop and chunk, not by the task of one row; without a choice it is the best there is. */
static void test_choice(void **state)
{
    (void)state;
    static const struct howmany_variant stranger = {"stranger", NULL, count_strangely};
    const struct kernel *kernel = kernel_find("howmany");
    struct kernel_params params = {.columns = 1, .minimum = 1, .maximum = 2};
    int32_t rows[10] = {1}, results[10];
    howmany_use(&stranger);
    run(kernel, BY_TASK, rows, results, 10, &params);
    run(kernel, BY_STAR, rows, results, 10, &params);
    assert_int_equal(stranger_rows, 0);
    run(kernel, BY_LOOP, rows, results, 10, &params);
    assert_int_equal(stranger_rows, 10);
    run(kernel, BY_CHUNK, rows, results, 10, &params);
    assert_int_equal(stranger_rows, 20);
    howmany_use(NULL);
    run(kernel, BY_LOOP, rows, results, 10, &params);
    assert_int_equal(stranger_rows, 20);
}

/* The plain one stands last and runs everywhere, so there always is one. */
static void test_table(void **state)
{
    (void)state;
    size_t count = 0;
    while (howmany_variant_at(count))
        count++;
    assert_true(count > 0);
    const struct howmany_variant *last = howmany_variant_at(count - 1);
    assert_string_equal(last->name, "plain");
    assert_true(howmany_has(last));
    for (size_t i = 0; i + 1 < count; i++) {
        assert_true(howmany_variant_at(i)->rows != last->rows);
        assert_non_null(howmany_variant_at(i)->is_supported);
    }
    assert_null(howmany_variant_at(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variants),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
