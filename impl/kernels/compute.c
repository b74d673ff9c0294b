/* SPDX-License-Identifier: MIT
 *
 * compute: a chain of `iterations` multiply-adds on the task's seed, x = x * a + c modulo 2^64, each
 * waiting for the one before: about 1 ns an iteration, so tasks of 1 ns to 10 ms as `compute:N` likes
 * (the CPU overlaps the ends of short chains, in the loop and in tasks alike). It touches no memory. The
 * oracle jumps to the end of the chain in O(log iterations) steps.
 */
#include "builtin.h"

/* Knuth's MMIX generator (The Art of Computer Programming, volume 2, 3.3.4). */
#define MULTIPLIER UINT64_C(6364136223846793005)
#define INCREMENT  UINT64_C(1442695040888963407)

/* The empty statement makes x opaque at each step: no compiler can then fold steps, or run several
 * tasks' chains side by side in one vector, which would make the loop another program than the task. */
static inline __attribute__((always_inline)) uint64_t chain(uint64_t x, uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++) {
        x = x * MULTIPLIER + INCREMENT;
        __asm__("" : "+r"(x));
    }
    return x;
}

static int compute_task(const void *item, void *result, struct grain_context *ctx)
{
    const struct kernel_params *params = grain_context_params(ctx);
    *(uint64_t *)result = chain(*(const uint64_t *)item, params->iterations);
    return 0;
}

static void compute_loop(const void *items, void *results, size_t count, const struct kernel_params *params)
{
    const uint64_t *seed = items;
    uint64_t *result = results, iterations = params->iterations;
    for (size_t i = 0; i < count; i++)
        result[i] = chain(seed[i], iterations);
}

static int compute_chunk(const void *items, void *results, size_t count, struct grain_context *ctx)
{
    compute_loop(items, results, count, grain_context_params(ctx));
    return 0;
}

/* n steps at once are one step with other constants, x -> m * x + d; they are put together from the
 * steps of 1, 2, 4 ... by the bits of n.
 * source: F. B. Brown, "Random number generation with arbitrary strides", Trans. ANS 71 (1994). */
static size_t compute_check(const void *items, const void *results, size_t count, const struct kernel_params *params)
{
    uint64_t jump_m = 1, jump_d = 0, step_m = MULTIPLIER, step_d = INCREMENT;
    for (uint64_t n = params->iterations; n > 0; n >>= 1) {
        if (n & 1) {
            jump_m *= step_m;
            jump_d = jump_d * step_m + step_d;
        }
        step_d *= step_m + 1;
        step_m *= step_m;
    }
    const uint64_t *seed = items, *result = results;
    for (size_t i = 0; i < count; i++)
        if (result[i] != jump_m * seed[i] + jump_d)
            return i;
    return count;
}

const struct kernel kernel_compute = {
    .name = "compute",
    .summary = "a chain of dependent multiply-adds, about 1 ns each: tasks of any length, no memory",
    .parameter = "iterations",
    .items = KERNEL_ITEMS_SEEDS,
    .result_size = sizeof(uint64_t),
    .task = compute_task,
    .chunk = compute_chunk,
    .loop = compute_loop,
    .check = compute_check,
};
