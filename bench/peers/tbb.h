/* SPDX-License-Identifier: MIT
 *
 * What C sees of oneTBB: an arena, and three ways to run a job in it. No exception comes through.
 */
#ifndef GRAIN_BENCH_PEERS_TBB_H
#define GRAIN_BENCH_PEERS_TBB_H

#include "crew.h"

#ifdef __cplusplus
extern "C" {
#endif

struct tbb_arena;

/* NULL: no memory, or no threads. The crew must outlive it. */
struct tbb_arena *tbb_arena_open(struct crew *crew);
void tbb_arena_close(struct tbb_arena *arena);

/* Run a job whose chunks are of so many tasks, and return when it has ended. 0 or -ENOMEM. */
int tbb_run_simple(struct tbb_arena *arena, const struct job *job, size_t chunk);
int tbb_run_auto(struct tbb_arena *arena, const struct job *job, size_t chunk);
int tbb_run_tasks(struct tbb_arena *arena, const struct job *job, size_t chunk);

#ifdef __cplusplus
}
#endif

#endif
