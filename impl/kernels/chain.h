/* SPDX-License-Identifier: MIT
 *
 * The chain of multiply-adds that `compute` and `outlier` are made of: x = x * a + c modulo 2^64, each step waiting
 * for the one before, about 1 ns each; and its end in O(log n) steps, which their oracles compare with.
 */
#ifndef GRAIN_KERNELS_CHAIN_H
#define GRAIN_KERNELS_CHAIN_H

#include <stdint.h>

/* Knuth's MMIX generator (The Art of Computer Programming, volume 2, 3.3.4). */
#define CHAIN_MULTIPLIER UINT64_C(6364136223846793005)
#define CHAIN_INCREMENT  UINT64_C(1442695040888963407)

/* The empty statement makes x opaque at each step: no compiler can then fold steps, or run several
 * tasks' chains side by side in one vector, which would make the loop another program than the task. */
static inline __attribute__((always_inline)) uint64_t chain_run(uint64_t x, uint64_t iterations)
{
    for (uint64_t i = 0; i < iterations; i++) {
        x = x * CHAIN_MULTIPLIER + CHAIN_INCREMENT;
        __asm__("" : "+r"(x));
    }
    return x;
}

/* n steps as one: x -> m * x + d. */
struct chain_jump {
    uint64_t m, d;
};

/* The steps of 1, 2, 4 ... are put together by the bits of n.
 * source: F. B. Brown, "Random number generation with arbitrary strides", Trans. ANS 71 (1994). */
static inline struct chain_jump chain_jump(uint64_t n)
{
    struct chain_jump jump = {.m = 1, .d = 0};
    uint64_t step_m = CHAIN_MULTIPLIER, step_d = CHAIN_INCREMENT;
    for (; n > 0; n >>= 1) {
        if (n & 1) {
            jump.m *= step_m;
            jump.d = jump.d * step_m + step_d;
        }
        step_d *= step_m + 1;
        step_m *= step_m;
    }
    return jump;
}

#endif
