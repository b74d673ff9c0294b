/* SPDX-License-Identifier: MIT
 *
 * Pages of memory, and cache lines.
 */
#ifndef GRAIN_PAGE_H
#define GRAIN_PAGE_H

#include <stddef.h>

/* The multiple of a cache line at or above `bytes`. */
static inline size_t line_round_up(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

size_t page_size(void);

/* The multiple of the page size at or above `bytes`. */
size_t page_round_up(size_t bytes);

/* Makes and maps all pages that lie in [memory, memory + bytes) in one go (Linux 5.14): touched one by one each costs a
 * fault, which takes five times as long. 0, or -1: where it is refused, or memory is short, they come one by one. */
int page_populate(void *memory, size_t bytes);

#endif
