/* SPDX-License-Identifier: MIT
 *
 * Counting many rows at once, for howmany's loop and chunk: the variants of it, of which the first that the CPU can run
 * is used. Between howmany.c (the plain one, and the kernel) and howmany_wide.c (the others, and the choice).
 */
#ifndef GRAIN_KERNELS_HOWMANY_H
#define GRAIN_KERNELS_HOWMANY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many values of each of count rows lie in [low, low + span], modulo 2^32. columns >= 1. */
typedef void howmany_rows(const int32_t *row, int32_t *restrict result, size_t count, int32_t columns, uint32_t low,
                          uint32_t span);

struct howmany_variant {
    const char *name;
    bool (*is_supported)(void); /* by this CPU; NULL: by every one */
    howmany_rows *rows;
};

/* The portable one, in howmany.c. */
howmany_rows howmany_plain;

/* The index-th variant, NULL past the last; the best come first, the plain one is the last. */
const struct howmany_variant *howmany_variant_at(size_t index);

/* Whether this CPU can run it. */
bool howmany_has(const struct howmany_variant *variant);

/* Counts by the variant in use. */
howmany_rows howmany_count;

/* For tests: from now on a variant that this CPU can run; NULL: the best again. Not while tasks run. */
void howmany_use(const struct howmany_variant *variant);

#endif
