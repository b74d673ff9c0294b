/* SPDX-License-Identifier: MIT
 *
 * imbalance: chains as those of compute, whose lengths are exponentially distributed with mean N: most tasks are short,
 * one in twenty is three times the mean or longer. An item holds its seed and its length.
 *
 * The lengths of n tasks are the n quantiles -ln((k + 1/2) / n) * N, k = 0 to n - 1, each once: so the whole work, and
 * the longest task, ln(2n) * N, do not depend on the seed, and how good a time is can be said. What the seed decides is
 * their order. `imbalance-sorted` has the same lengths from the shortest to the longest: equal numbers of tasks are
 * then anything but equal work, and what is handed out last is the longest.
 *
 * Logarithms are taken in whole numbers: lengths are then the same on every platform, and the library needs no libm.
 */
#include "builtin.h"
#include "chain.h"

#define FRACTION_BITS 24
#define LN2           0.693147180559945309
#define LN2_FIXED     UINT64_C(2977044472)  /* in units of 2^-32 */
#define MEAN_LIMIT    UINT64_C(10000000000) /* times 2^FRACTION_BITS and the longest task, below 2^64 */

/* log2(x) in units of 2^-FRACTION_BITS, for x >= 1: squaring a number doubles its logarithm, so each square shows one
 * more bit of it. What is cut off of a 32-bit square is lost below 2^-29.
 * source: D. E. Knuth, The Art of Computer Programming, volume 1, 1.2.2. */
static uint64_t log2_fixed(uint64_t x)
{
    uint64_t log = 63 - (uint64_t)__builtin_clzll(x);
    uint64_t mantissa = log > 31 ? x >> (log - 31) : x << (31 - log); /* from 1 to below 2, in units of 2^-31 */
    for (int bit = 0; bit < FRACTION_BITS; bit++) {
        mantissa = mantissa * mantissa >> 31;
        log = log << 1 | mantissa >> 32;
        mantissa >>= mantissa >> 32;
    }
    return log;
}

/* -ln((k + 1/2) / n) * mean, rounded. */
static uint64_t quantile(uint64_t k, uint64_t log2_of_2n, uint64_t mean)
{
    uint64_t log2_fixed_of_k = log2_fixed(2 * k + 1);
    uint64_t halvings = log2_of_2n > log2_fixed_of_k ? log2_of_2n - log2_fixed_of_k : 0;
    uint64_t natural = halvings * LN2_FIXED >> 32;
    return (natural * mean + (UINT64_C(1) << (FRACTION_BITS - 1))) >> FRACTION_BITS;
}

/* From the shortest to the longest. */
static void sorted_fill(void *items, size_t count, uint64_t seed, const struct kernel_params *params)
{
    struct kernel_length *item = items;
    const uint64_t log2_of_2n = count > 0 ? log2_fixed(2 * (uint64_t)count) : 0;
    for (size_t i = 0; i < count; i++)
        item[i] =
            (struct kernel_length){kernel_seed_mixed(seed, i), quantile(count - 1 - i, log2_of_2n, params->iterations)};
}

/* The same, their lengths dealt out anew: Fisher and Yates. The seeds behind those of the items are used for it. */
static void shuffled_fill(void *items, size_t count, uint64_t seed, const struct kernel_params *params)
{
    struct kernel_length *item = items;
    sorted_fill(items, count, seed, params);
    for (size_t left = count; left > 1; left--) {
        size_t other = (size_t)(kernel_seed_mixed(seed, count + left) % left);
        uint64_t length = item[left - 1].iterations;
        item[left - 1].iterations = item[other].iterations;
        item[other].iterations = length;
    }
}

static int imbalance_task(const void *item, void *result, struct grain_context *ctx)
{
    const struct kernel_length *length = item;
    (void)ctx;
    *(uint64_t *)result = chain_run(length->seed, length->iterations);
    return 0;
}

static void imbalance_loop(const void *items, void *results, size_t count, const struct kernel_params *params)
{
    const struct kernel_length *item = items;
    uint64_t *result = results;
    (void)params;
    for (size_t i = 0; i < count; i++)
        result[i] = chain_run(item[i].seed, item[i].iterations);
}

/* It has no use for minimum and maximum. */
static int imbalance_star(const void *const args[], void *result, struct grain_context *ctx)
{
    return imbalance_task(args[0], result, ctx);
}

static int imbalance_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    imbalance_loop(items, results, count, grain_context_params(ctx));
    return 0;
}

static size_t imbalance_check(const void *items, const void *results, size_t count, const struct kernel_params *params)
{
    const struct kernel_length *item = items;
    const uint64_t *result = results;
    (void)params;
    for (size_t i = 0; i < count; i++) {
        struct chain_jump jump = chain_jump(item[i].iterations);
        if (result[i] != jump.m * item[i].seed + jump.d)
            return i;
    }
    return count;
}

/* The sum of the quantiles over N: n ln(2n) - ln(1 * 3 * 5 ... (2n - 1)), which Stirling's series for (2n)! / (2^n n!)
 * makes n - ln(2) / 2 + 1 / 24n. */
static double imbalance_work(size_t count)
{
    double n = (double)count;
    return n - LN2 / 2 + 1 / (24 * n);
}

static double imbalance_mean(size_t count)
{
    return count > 0 ? imbalance_work(count) / (double)count : 0;
}

static double imbalance_longest(size_t count)
{
    double log2_of_2n = count > 0 ? (double)log2_fixed(2 * (uint64_t)count) / (double)(1 << FRACTION_BITS) : 0;
    return count > 1 ? LN2 * log2_of_2n / imbalance_work(count) : (double)count;
}

#define IMBALANCE(name_, summary_, fill_)                                                                              \
    {                                                                                                                  \
        .name = name_, .summary = summary_, .parameter = "iterations of the mean task",                                \
        .limits = {.most = MEAN_LIMIT, .otherwise = name_ ":N: N is the iterations of the mean task, at most 10^10"},  \
        .items = KERNEL_ITEMS_LENGTHS, .result_size = sizeof(uint64_t), .task = imbalance_task,                        \
        .chunk = imbalance_chunk, .star = imbalance_star, .loop = imbalance_loop, .check = imbalance_check,            \
        .fill = fill_, .mean = imbalance_mean, .longest = imbalance_longest,                                           \
    }

const struct kernel kernel_imbalance =
    IMBALANCE("imbalance", "chains as in compute, of exponentially distributed lengths in random order", shuffled_fill);

const struct kernel kernel_imbalance_sorted =
    IMBALANCE("imbalance-sorted", "the same lengths, from the shortest to the longest", sorted_fill);
