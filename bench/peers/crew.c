/* SPDX-License-Identifier: MIT
 *
 * See crew.h.
 */
#include "crew.h"

#include <errno.h>
#include <stdlib.h>

#include "sys/machine.h"

#define CHUNKS_A_WORKER 32

/* Which pool, and as which worker, this thread was placed for: libraries keep their threads from pool to pool. */
static _Thread_local uint64_t placed_for;
static _Thread_local int placed_as;

/* What this thread goes back to when it is let go. */
static _Thread_local struct {
    bool is_on;
    uint64_t bound_for; /* the pool that it was bound for last; 0: none yet */
    cpu_set_t mask;
} holding;

static void place(const struct crew *crew, int worker)
{
    if (crew->pool->cpus)
        machine_bind_self(crew->pool->cpus[worker % crew->pool->cpu_count]);
    else if (crew->pool->mask)
        machine_confine_self(crew->pool->mask);
    else
        sched_setaffinity(0, sizeof crew->mask, &crew->mask);
}

int crew_open(struct crew *crew, struct backend_pool *pool)
{
    static uint64_t serials;
    size_t count = (size_t)pool->workers;
    crew->pool = pool;
    crew->serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
    crew->workers = aligned_alloc(64, count * sizeof *crew->workers);
    if (!crew->workers)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        crew->workers[i] = (struct crew_worker){.ctx = {.worker = (int)i}};
        crew->workers[i].ctx.outcome = &crew->workers[i].outcome;
        crew->workers[i].ctx.stop = &crew->is_cancelled;
        crew->workers[i].ctx.stop_at = 1;
    }
    sched_getaffinity(0, sizeof crew->mask, &crew->mask);
    pthread_mutex_init(&crew->lock, NULL);
    return 0;
}

void crew_close(struct crew *crew)
{
    pthread_mutex_destroy(&crew->lock);
    free(crew->workers);
}

/* relaxed: whoever looks too early looks again before its next chunk. */
void crew_cancel(struct crew *crew)
{
    __atomic_store_n(&crew->is_cancelled, 1, __ATOMIC_RELAXED);
}

void crew_begin(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    for (int i = 0; i < crew->pool->workers; i++) {
        job_outcome_clear(&crew->workers[i].outcome);
        crew->workers[i].claims = 0;
    }
}

int crew_end(struct crew *crew, struct job *job)
{
    for (int i = 0; i < crew->pool->workers; i++) {
        job_outcome_merge(&job->outcome, &crew->workers[i].outcome);
        job->handovers += crew->workers[i].claims;
    }
    int status = __atomic_load_n(&crew->is_cancelled, __ATOMIC_RELAXED) ? -ECANCELED : 0;
    pthread_mutex_unlock(&crew->lock);
    return status;
}

/* Bound for the time of the job only, unless it is held: the thread is the user's. */
void crew_join(struct crew *crew)
{
    crew->outer = job_enter(crew->pool);
    if (!crew->pool->cpus || (holding.is_on && holding.bound_for == crew->serial))
        return;
    if (holding.is_on)
        holding.bound_for = crew->serial;
    else
        sched_getaffinity(0, sizeof crew->caller_mask, &crew->caller_mask);
    machine_bind_self(crew->pool->cpus[0]);
}

void crew_leave(struct crew *crew)
{
    if (crew->pool->cpus && !holding.is_on)
        sched_setaffinity(0, sizeof crew->caller_mask, &crew->caller_mask);
    job_leave(crew->outer);
}

void crew_hold(void)
{
    sched_getaffinity(0, sizeof holding.mask, &holding.mask);
    holding.is_on = true;
    holding.bound_for = 0;
}

void crew_let_go(void)
{
    if (holding.is_on && holding.bound_for)
        sched_setaffinity(0, sizeof holding.mask, &holding.mask);
    holding.is_on = false;
}

void crew_place(const struct crew *crew, int worker)
{
    if (placed_for == crew->serial && placed_as == worker)
        return;
    placed_for = crew->serial;
    placed_as = worker;
    place(crew, worker);
}

size_t crew_chunk(const struct crew *crew, const struct job *job)
{
    size_t chunks = CHUNKS_A_WORKER * (size_t)crew->pool->workers;
    return job->chunk ? job->chunk : (job->count + chunks - 1) / chunks;
}
