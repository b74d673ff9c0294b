/* SPDX-License-Identifier: MIT
 *
 * The harness's own watch, for what is no sample: time left, budget, timeouts, and the date. Samples are
 * timed by Google Benchmark alone; a test checks that nothing else in sweep/ reads a clock.
 */
#ifndef GRAIN_BENCH_CLOCK_H
#define GRAIN_BENCH_CLOCK_H

#include <stddef.h>

/* Seconds since some moment, but for those in which the sweep stood still; never goes back. */
double clock_seconds(void);

/* Leaves out the last `seconds` before now: whoever looks often has found that nobody ran in them (Ctrl-Z, SIGSTOP, a
 * machine that was paused). */
void clock_stood_still(double seconds);

/* Local date and time: "2026-01-31T13:05:00+0100"; the day alone: "2026-01-31". */
void clock_date(char *text, size_t size);
void clock_day(char *text, size_t size);

#endif
