/* SPDX-License-Identifier: MIT
 *
 * The order in which the cells of a process take turns: one that a seed draws, and back again, then another one. So
 * what changes evenly while they run, as a clock speed does, meets all of them alike.
 */
#ifndef GRAIN_BENCH_ORDER_H
#define GRAIN_BENCH_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* Writes turns times the numbers from 0 up to before count, as A B C C B A B A C C A B. The same seed gives the same
 * order everywhere. */
void order_draw(uint64_t seed, size_t count, size_t turns, size_t *order);

#endif
