/* SPDX-License-Identifier: MIT
 *
 * The one clock of the library.
 */
#ifndef GRAIN_CLOCK_H
#define GRAIN_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t clock_ns(void);

/* When a timeout that begins now is over; UINT64_MAX: never. */
uint64_t clock_until_ns(uint64_t timeout_ns);

#endif
