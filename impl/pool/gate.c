/* SPDX-License-Identifier: MIT
 *
 * Who may come into a pool, and a job's way from there to the backend. How a pool begins and ends: api/pool.c.
 */
#include <errno.h>

#include "pool.h"

/* Whoever joins may free the pool as soon as it sees that it is idle, and does not look without the lock. */
void pool_leave(struct grain_pool *pool)
{
    if (atomic_fetch_sub_explicit(&pool->calls, 1, memory_order_seq_cst) != (POOL_JOINING | 1))
        return;
    pthread_mutex_lock(&pool->lock);
    pool->is_idle = true;
    events_tell(pool->core.events, EVENT_BIT(EVENT_FUTURES)); /* who has looked before, with the lock, sleeps by now */
    pthread_mutex_unlock(&pool->lock);
}

bool pool_is_idle(struct grain_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool is_idle = pool->is_idle;
    pthread_mutex_unlock(&pool->lock);
    return is_idle;
}

int pool_phase(const struct grain_pool *pool)
{
    int phase = atomic_load_explicit(&pool->phase, memory_order_seq_cst);
    return phase == POOL_OPEN ? 0 : phase == POOL_CLOSED ? -ESHUTDOWN : -ECANCELED;
}

static bool is_below(const struct backend_pool *pool, uint64_t id)
{
    bool is_found = pool->id == id;
    for (int i = 0; i < BACKEND_DEPTH && pool->outer_ids[i]; i++)
        is_found = is_found || pool->outer_ids[i] == id;
    return is_found;
}

bool pool_is_inside(uint64_t id)
{
    for (const struct backend_pool *pool = job_current_pool(); pool; pool = pool->caller)
        if (is_below(pool, id))
            return true;
    return false;
}

int pool_look(const struct grain_pool *pool)
{
    if (!pool)
        return refuse(-EINVAL, "pool: NULL");
    if (!pool_is_owner(pool))
        return -EPERM;
    return job_current_pool() && pool_is_inside(pool->core.id) ? -EDEADLK : 0;
}

int pool_enter(struct grain_pool *pool)
{
    int status = pool_look(pool);
    if (status)
        return status;
    atomic_fetch_add_explicit(&pool->calls, 1, memory_order_seq_cst);
    status = pool_phase(pool);
    if (status)
        pool_leave(pool);
    return status;
}

int pool_submit(struct grain_pool *pool, struct job *job, void **ticket)
{
    const struct grain_backend *backend = pool->core.backend;
    *ticket = NULL;
    return backend->submit ? backend->submit(&pool->core, job, ticket) : 0;
}

int pool_wait(struct grain_pool *pool, struct job *job, void *ticket)
{
    int status = pool->core.backend->wait(&pool->core, job, ticket);
    if (job->handovers)
        atomic_fetch_add_explicit(&pool->handovers, job->handovers, memory_order_relaxed);
    if (job->steals)
        atomic_fetch_add_explicit(&pool->steals, job->steals, memory_order_relaxed);
    return status;
}

static int job_try(struct grain_pool *pool, struct job *job)
{
    void *ticket;
    int status = pool_submit(pool, job, &ticket);
    return status ? status : pool_wait(pool, job, ticket);
}

int pool_run(struct grain_pool *pool, struct job *job)
{
    int status = job_try(pool, job);
    if (status == -ENOMEM && !job->is_accounted && pool->core.backend->alloc) {
        pool->spares_trim(pool->async); /* nothing has run yet: what queued calls have left may be enough */
        status = job_try(pool, job);
    }
    if (status)
        job_abandon(job, status);
    return status;
}
