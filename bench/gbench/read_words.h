/* SPDX-License-Identifier: MIT
 *
 * Reading memory as fast as a CPU can: a sum over 32-bit words, which cannot be had without reading them. Next:
 * kind_floor.c, which times it.
 */
#ifndef GRAIN_BENCH_READ_WORDS_H
#define GRAIN_BENCH_READ_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct read_words {
    const char *name;                                          /* "avx2", "plain" */
    uint32_t (*sum)(const unsigned char *words, size_t count); /* modulo 2^32; any alignment */
};

/* The ways of this build that this CPU has, the widest first; NULL past the last. */
const struct read_words *read_words_at(size_t index);

#endif
