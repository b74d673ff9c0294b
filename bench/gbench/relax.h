/* SPDX-License-Identifier: MIT
 *
 * One turn of a loop that waits for another CPU's store. With the pause: without it who waits takes the cache line back
 * between the other's two stores.
 */
#ifndef GRAIN_BENCH_RELAX_H
#define GRAIN_BENCH_RELAX_H

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
