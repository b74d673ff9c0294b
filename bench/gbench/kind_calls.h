/* SPDX-License-Identifier: MIT
 *
 * The calls that stand in files of their own: what kind.c puts into its table. Each is a hook of struct kind.
 */
#ifndef GRAIN_BENCH_KIND_CALLS_H
#define GRAIN_BENCH_KIND_CALLS_H

#include "gbench.h"
#include "subject.h"

/* kind_map.c: the calls over all rows at once, and their asynchronous twins. */
int run_map(struct subject *subject, struct gbench_state *state);
int run_map_chunks(struct subject *subject, struct gbench_state *state);
int run_starmap(struct subject *subject, struct gbench_state *state);
int run_map_async(struct subject *subject, struct gbench_state *state);
int run_map_chunks_async(struct subject *subject, struct gbench_state *state);
int run_starmap_async(struct subject *subject, struct gbench_state *state);
int poison_map(struct subject *subject);
int poison_map_chunks(struct subject *subject);
int poison_starmap(struct subject *subject);

/* kind_async.c: one call per row, all under way together, or each by itself. */
int open_apply_async(struct subject *subject);
int run_apply_async(struct subject *subject, struct gbench_state *state);
int run_apply_async_mixed(struct subject *subject, struct gbench_state *state);
int run_apply_async_get(struct subject *subject, struct gbench_state *state);
int open_apply_callback(struct subject *subject);
int run_apply_callback(struct subject *subject, struct gbench_state *state);

/* kind_iter.c: a source of rows. */
int run_imap(struct subject *subject, struct gbench_state *state);
int open_imap_unordered(struct subject *subject);
int run_imap_unordered(struct subject *subject, struct gbench_state *state);

/* kind_spawn.c: one process per row. */
int open_spawn(struct subject *subject);
int run_spawn(struct subject *subject, struct gbench_state *state);
int poison_spawn(struct subject *subject);

/* kind.c: the helpers of peak.c awake, and asleep again. */
void enter_peak(struct subject *subject);
void leave_peak(struct subject *subject);

/* kind_floor.c: one word, threads, the items read, a bare OpenMP loop. */
int open_atomic(struct subject *subject);
int run_atomic(struct subject *subject, struct gbench_state *state);
bool check_atomic(struct subject *subject);
size_t tasks_thread(const struct subject *subject);
int open_thread(struct subject *subject);
int run_thread(struct subject *subject, struct gbench_state *state);
bool check_thread(struct subject *subject);
int open_bandwidth(struct subject *subject);
void enter_bandwidth(struct subject *subject);
int run_bandwidth(struct subject *subject, struct gbench_state *state);
bool check_bandwidth(struct subject *subject);
int open_region(struct subject *subject);
void enter_region(struct subject *subject);
void leave_region(struct subject *subject);
int run_region(struct subject *subject, struct gbench_state *state);
/* kind_wait.c: tasks that sleep; a future that is waited for. */
size_t tasks_workers(const struct subject *subject);
int open_pool(struct subject *subject);
int run_sleep(struct subject *subject, struct gbench_state *state);
int run_waiting(struct subject *subject, struct gbench_state *state);

/* kind_idle.c: an open pool of which nothing is asked. */
int open_idle(struct subject *subject);
int run_idle(struct subject *subject, struct gbench_state *state);

#endif
