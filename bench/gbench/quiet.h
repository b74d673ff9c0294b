/* SPDX-License-Identifier: MIT
 *
 * What the other threads of this process do: those of OpenMP's runtimes spin for milliseconds after a region, LLVM's
 * for 200, and would take a CPU from what is measured next.
 */
#ifndef GRAIN_BENCH_QUIET_H
#define GRAIN_BENCH_QUIET_H

/* CPU time that the other threads have used so far, in ns. */
double quiet_others_ns(void);

/* Sleeps until none of them runs or wants to, for half a second at most, or some more; where that was not enough, never
 * again. By one thread. */
void quiet_wait(void);

#endif
