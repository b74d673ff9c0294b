/* SPDX-License-Identifier: MIT
 *
 * Binding the calling thread for a while: the serial baselines and the peak are bound as workers are, but
 * a caller that stayed bound would fight the worker on its CPU.
 */
#ifndef GRAIN_BENCH_BOUND_H
#define GRAIN_BENCH_BOUND_H

#include <stdbool.h>
#include <stddef.h>

#define BOUND_CPUS_MAX 16384

/* The affinity mask to go back to. */
struct bound {
    bool is_bound;
    unsigned char mask[BOUND_CPUS_MAX / 8];
    size_t mask_size;
};

/* Binds the calling thread to a CPU. Where that is refused nothing changes: workers are not bound there either. */
void bound_enter(struct bound *bound, int cpu);

/* The mask as it was before. */
void bound_leave(struct bound *bound);

/* The CPU of a single worker: where the baselines run. -errno when it cannot be told. */
int bound_first_cpu(void);

#endif
