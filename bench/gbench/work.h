/* SPDX-License-Identifier: MIT
 *
 * What the calls of a cell share: which functions go over the rows, the options of a call, how the results are spoilt,
 * and how long starting a call and collecting its results take. Used by kind.c and the files kind_*.c.
 */
#ifndef GRAIN_BENCH_WORK_H
#define GRAIN_BENCH_WORK_H

#include <time.h>

#include "gbench.h"
#include "subject.h"

/* The kernel's functions, or those that spoil the results. */
struct work {
    grain_task_fn task;
    grain_chunk_fn chunk;
    grain_star_fn star;
    const void *params;
    size_t params_size;
};

struct work work_kernel(const struct subject *subject);
struct work work_poison(const struct subject *subject);

/* Its report is the subject's: of calls that are not alone it is to be left out. */
struct grain_call_options work_options(struct subject *subject, const struct work *work);
struct grain_in work_items(const struct subject *subject);
struct grain_out work_results(const struct subject *subject);

/* How many tasks a run hands over one by one: all where the clock runs, to warm up `warm` of them. */
size_t work_tasks(const struct subject *subject, const struct gbench_state *state, size_t warm);
#define WARM_SINGLES 100      /* more calls, one after the other, would warm nothing more */
#define WARM_TASKS   SIZE_MAX /* all: what is pending takes memory that is fresh the first time */

/* Spoils the results on the calling thread. 0. */
int work_poison_here(struct subject *subject);

/* Has every worker of a fork pool read each page of items and results that they share with it: every process has page
 * tables of its own, and where claims go to whoever comes first, no run that is like the timed one fills them all. What
 * the call came to; 0 where there is nothing to do. */
int work_touch(struct subject *subject);

/* Memory that lives as long as the subject, shared with processes that are forked later, zeroed, each page touched: no
 * page fault is left for the clock. Once a subject. NULL: there is none. */
void *work_scratch(struct subject *subject, size_t bytes);

/* Why one task of a call that has no report of its own failed; error may be NULL. GRAIN_TASK_FAILED. */
int work_failed(struct subject *subject, size_t index, const struct grain_error *error);

/* The clock of the phases, and one more call's: begun, everything handed over, and now everything collected. */
uint64_t work_clock(void);
void work_phases(struct subject *subject, uint64_t begun_ns, uint64_t submitted_ns);

#define COLD_SLEEP_NS 2000000 /* long enough for every waiter to have stopped spinning */

/* With start:cold, lets the workers fall asleep while the clock stands. */
static inline void nap(const struct subject *subject, struct gbench_state *state)
{
    if (!state || subject->cell.start != CELL_START_COLD)
        return;
    gbench_pause(state);
    nanosleep(&(struct timespec){.tv_nsec = COLD_SLEEP_NS}, NULL);
    gbench_resume(state);
}

#endif
