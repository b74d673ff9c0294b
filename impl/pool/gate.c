/* SPDX-License-Identifier: MIT
 *
 * Who may come into a pool, and a job's way from there to the backend. How a pool begins and ends: api/pool.c.
 */
#include <errno.h>

#include "pool.h"

void pool_leave(struct grain_pool *pool)
{
    uint64_t before = atomic_fetch_sub_explicit(&pool->calls, 1, memory_order_seq_cst);
    if (before == 1 && atomic_load_explicit(&pool->phase, memory_order_seq_cst) != POOL_OPEN) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->idle);
        pthread_mutex_unlock(&pool->lock);
    }
}

int pool_phase(const struct grain_pool *pool)
{
    static const int refusal[] = {
        [POOL_OPEN] = 0,
        [POOL_CLOSED] = -ESHUTDOWN,
        [POOL_TERMINATED] = -ECANCELED,
    };
    return refusal[atomic_load_explicit(&pool->phase, memory_order_seq_cst)];
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

static int job_dispatch(struct grain_pool *pool, struct job *job)
{
    const struct grain_backend *backend = pool->core.backend;
    if (backend->run) {
        int status = backend->run(&pool->core, job);
        if (status != -ENOMEM || job->is_accounted || !backend->alloc)
            return status;
        batch_spares_trim(pool->async); /* nothing has run yet: what queued calls have left may be enough */
        return backend->run(&pool->core, job);
    }
    void *ticket;
    int status = backend->submit(&pool->core, job, &ticket);
    return status ? status : backend->wait(&pool->core, job, ticket);
}

int pool_dispatch(struct grain_pool *pool, struct job *job)
{
    int status = job_dispatch(pool, job);
    if (status)
        job_abandon(job, status);
    if (job->handovers)
        atomic_fetch_add_explicit(&pool->handovers, job->handovers, memory_order_relaxed);
    if (job->steals)
        atomic_fetch_add_explicit(&pool->steals, job->steals, memory_order_relaxed);
    return status;
}
