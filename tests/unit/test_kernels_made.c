/* SPDX-License-Identifier: MIT
 *
 * The kernels whose items are more than a seed: memory and imbalance. All forms agree with a plain second computation
 * here, oracles find a single wrong result, the same seed gives the same items, and lengths are distributed as they
 * should be.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel_forms.h"

static void *room(size_t bytes)
{
    void *memory = malloc(bytes);
    assert_non_null(memory);
    return memory;
}

/* ------------------------------------------------------------------------------------------ memory */

static void test_memory(void **state)
{
    (void)state;
    enum { COUNT = 9 };
    static const uint64_t sizes[] = {64, 128, 192, 4096, 65536};
    const struct kernel *kernel = kernel_find("memory");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct kernel_params params = {.block_bytes = sizes[s]};
        size_t words = sizes[s] / sizeof(uint64_t);
        uint64_t *items = room(COUNT * sizes[s]), expected[COUNT] = {0}, results[COUNT];
        assert_int_equal(kernel_item_size(kernel, &params), sizes[s]);
        kernel->fill(items, COUNT, 100, &params);
        items[words - 1] = UINT64_MAX; /* sums go beyond 64 bits */
        items[0] = UINT64_MAX;
        for (size_t i = 0; i < COUNT * words; i++)
            expected[i / words] += items[i];
        for (enum form form = 0; form < FORMS; form++) {
            memset(results, 0, sizeof results);
            run(kernel, form, items, results, COUNT, &params);
            assert_memory_equal(results, expected, sizeof results);
            assert_int_equal(kernel->check(items, results, COUNT, &params), COUNT);
        }
        free(items);
    }
}

/* Every word counts: whichever of them changes, its block's result is wrong, and no other's. */
static void test_memory_oracle(void **state)
{
    (void)state;
    enum { COUNT = 3, BYTES = 256, WORDS = BYTES / 8 };
    const struct kernel *kernel = kernel_find("memory");
    struct kernel_params params = {.block_bytes = BYTES};
    uint64_t items[COUNT * WORDS], results[COUNT];
    kernel->fill(items, COUNT, 5, &params);
    kernel->loop(items, results, COUNT, &params);
    for (size_t i = 0; i < COUNT * WORDS; i++) {
        uint64_t bit = UINT64_C(1) << (i * 7 % 64);
        items[i] ^= bit;
        assert_int_equal(kernel->check(items, results, COUNT, &params), i / WORDS);
        items[i] ^= bit;
    }
    results[COUNT - 1] ^= UINT64_C(1) << 63;
    assert_int_equal(kernel->check(items, results, COUNT, &params), COUNT - 1);
    assert_int_equal(kernel->check(items, results, COUNT - 1, &params), COUNT - 1);
}

/* Copied arguments may lie anywhere. */
static void test_memory_unaligned(void **state)
{
    (void)state;
    const struct kernel *kernel = kernel_find("memory");
    struct kernel_params params = {.block_bytes = 128};
    uint64_t item[16], result, moved_result;
    unsigned char moved[128 + 8];
    kernel->fill(item, 1, 1, &params);
    kernel->loop(item, &result, 1, &params);
    for (size_t offset = 0; offset <= 8; offset += 4) {
        memcpy(moved + offset, item, sizeof item);
        kernel->loop(moved + offset, &moved_result, 1, &params);
        assert_int_equal(moved_result, result);
    }
}

/* --------------------------------------------------------------------------------------- imbalance */

static const char *const imbalances[] = {"imbalance", "imbalance-sorted"};

static uint64_t chain(uint64_t x, uint64_t steps)
{
    for (; steps > 0; steps--)
        x = x * 6364136223846793005u + 1442695040888963407u;
    return x;
}

static void test_imbalance(void **state)
{
    (void)state;
    enum { COUNT = 101 };
    for (size_t k = 0; k < 2; k++) {
        const struct kernel *kernel = kernel_find(imbalances[k]);
        struct kernel_params params = {.iterations = 50};
        struct kernel_length items[COUNT];
        uint64_t expected[COUNT], results[COUNT];
        kernel->fill(items, COUNT, 100, &params);
        for (size_t i = 0; i < COUNT; i++)
            expected[i] = chain(items[i].seed, items[i].iterations);
        for (enum form form = 0; form < FORMS; form++) {
            memset(results, 0, sizeof results);
            run(kernel, form, items, results, COUNT, &params);
            assert_memory_equal(results, expected, sizeof results);
            assert_int_equal(kernel->check(items, results, COUNT, &params), COUNT);
        }
        for (size_t i = 0; i < COUNT; i++) {
            results[i] ^= 1;
            assert_int_equal(kernel->check(items, results, COUNT, &params), i);
            results[i] ^= 1;
        }
        items[60].iterations++; /* a task that was run too short */
        assert_int_equal(kernel->check(items, results, COUNT, &params), 60);
    }
}

static int compare_lengths(const void *a, const void *b)
{
    const struct kernel_length *left = a, *right = b;
    return (left->iterations > right->iterations) - (left->iterations < right->iterations);
}

/* The same seed, the same items; another seed, other seeds and another order of the same lengths. */
static void test_imbalance_seed(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static struct kernel_length first[COUNT], again[COUNT], other[COUNT], sorted[COUNT];
    const struct kernel *kernel = kernel_find("imbalance");
    struct kernel_params params = {.iterations = 100000};
    kernel->fill(first, COUNT, 1, &params);
    kernel->fill(again, COUNT, 1, &params);
    kernel->fill(other, COUNT, 2, &params);
    kernel_find("imbalance-sorted")->fill(sorted, COUNT, 1, &params);
    assert_memory_equal(first, again, sizeof first);
    size_t in_place = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(first[i].seed != other[i].seed && first[i].seed == sorted[i].seed);
        in_place += first[i].iterations == other[i].iterations || first[i].iterations == sorted[i].iterations;
        assert_true(i == 0 || sorted[i].iterations >= sorted[i - 1].iterations);
    }
    assert_true(in_place < 20); /* two are to be expected */
    qsort(first, COUNT, sizeof *first, compare_lengths);
    qsort(other, COUNT, sizeof *other, compare_lengths);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(first[i].iterations == sorted[i].iterations && other[i].iterations == sorted[i].iterations);
}

/* Exponential: mean and deviation are N, 1 - 1/e are shorter than the mean; each quantile is where libm has it. */
static void test_imbalance_distribution(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    const double mean = 1e6;
    const struct kernel *kernel = kernel_find("imbalance-sorted");
    struct kernel_params params = {.iterations = (uint64_t)mean};
    struct kernel_length *items = room(COUNT * sizeof *items);
    kernel->fill(items, COUNT, 3, &params);
    double sum = 0, squares = 0, halves[2] = {0};
    size_t below = 0;
    for (size_t i = 0; i < COUNT; i++) {
        double length = (double)items[i].iterations, expected = -log(1 - ((double)i + 0.5) / COUNT) * mean;
        assert_true(fabs(length - expected) < 1 + 1e-6 * expected);
        sum += length;
        squares += length * length;
        below += length < mean;
    }
    assert_true(fabs(sum / COUNT / mean - 1) < 0.001);
    assert_true(fabs(sqrt(squares / COUNT - (sum / COUNT) * (sum / COUNT)) / mean - 1) < 0.01);
    assert_true(fabs((double)below / COUNT - (1 - exp(-1))) < 0.001);

    /* In random order the first half is half of the work; sorted it is 15 % of it. */
    for (size_t i = 0; i < COUNT / 2; i++)
        halves[1] += (double)items[i].iterations;
    kernel_find("imbalance")->fill(items, COUNT, 3, &params);
    for (size_t i = 0; i < COUNT / 2; i++)
        halves[0] += (double)items[i].iterations;
    assert_true(fabs(halves[0] / sum - 0.5) < 0.02);
    assert_true(fabs(halves[1] / sum - (0.5 - 0.5 * log(2))) < 0.01);
    free(items);
}

/* What is said of mean and longest task is what the items have. */
static void test_imbalance_longest(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 3, 10, 100, 2000, 54321};
    for (size_t k = 0; k < 2; k++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            const struct kernel *kernel = kernel_find(imbalances[k]);
            struct kernel_params params = {.iterations = 10000000000};
            struct kernel_length *items = room(counts[c] * sizeof *items);
            double sum = 0, longest = 0;
            kernel->fill(items, counts[c], 8, &params);
            for (size_t i = 0; i < counts[c]; i++) {
                sum += (double)items[i].iterations;
                longest = fmax(longest, (double)items[i].iterations);
            }
            assert_true(fabs(kernel->longest(counts[c]) / (longest / sum) - 1) < 0.004);
            assert_true(fabs(kernel->mean(counts[c]) / (sum / (double)counts[c] / 1e10) - 1) < 0.004);
            free(items);
        }
    const struct kernel *kernel = kernel_find("imbalance");
    assert_true(kernel->longest(0) == 0 && kernel->mean(0) == 0 && kernel->longest(1) == 1);
    assert_true(kernel_find("imbalance-sorted")->longest(77) == kernel->longest(77));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memory_oracle),
        cmocka_unit_test(test_memory_unaligned),
        cmocka_unit_test(test_imbalance),
        cmocka_unit_test(test_imbalance_seed),
        cmocka_unit_test(test_imbalance_distribution),
        cmocka_unit_test(test_imbalance_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
