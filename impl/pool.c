/* SPDX-License-Identifier: MIT
 *
 * The life of a pool: open, close, terminate, join, free; and who may come in. What it is for: call.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pool.h"

#define WORKERS_MAX   1024
#define DEFAULT_GRACE (100 * 1000000ull)

/* --------------------------------------------------------------------------------- life of a pool */

static int options_check(const struct grain_pool_options *options)
{
    if (options->struct_size != 0 && options->struct_size != sizeof *options)
        return -EINVAL;
    if (options->workers < 0 || options->workers > WORKERS_MAX)
        return -EINVAL;
    if ((unsigned)options->wait > GRAIN_WAIT_PARK || (unsigned)options->bind > GRAIN_BIND_NONE ||
        (unsigned)options->transport > GRAIN_TRANSPORT_PIPE)
        return -EINVAL;
    if (job_current_pool() && !options->allow_nested)
        return -EDEADLK;
    return 0;
}

/* What only some backends can do: refused where it would have to be imitated. */
static int options_match(const struct grain_pool_options *options, unsigned capabilities)
{
    unsigned needed = 0;
    if (options->initializer || options->finalizer)
        needed |= BACKEND_INITIALIZES;
    if (options->max_tasks_per_worker)
        needed |= BACKEND_REPLACES;
    return (needed & ~capabilities) ? -ENOTSUP : 0;
}

static const struct grain_backend *backend_choose(const char *name)
{
    if (!name)
        name = getenv("GRAIN_BACKEND");
    if (!name || !*name)
        name = "pthread";
    return backend_find(name);
}

/* Through pipes a waiter sleeps in the kernel: it cannot spin; and nobody counts a worker's chunks. */
static int transport_check(const struct grain_backend *backend, const struct grain_pool_options *options)
{
    if (options->transport != GRAIN_TRANSPORT_PIPE)
        return 0;
    bool is_known = backend->capabilities & BACKEND_HAS_PIPES;
    return is_known && options->wait != GRAIN_WAIT_SPIN && !options->max_tasks_per_worker ? 0 : -ENOTSUP;
}

static int pool_start(struct grain_pool *pool, const struct grain_pool_options *options)
{
    struct backend_pool *core = &pool->core;
    core->workers = options->workers;
    core->wait = options->wait;
    core->bind = options->bind;
    core->transport = options->transport;
    core->schedules = core->backend->schedules;
    core->default_schedule = core->backend->default_schedule;
    core->memory_limit = options->memory_limit;
    core->grace_ns = options->grace_ns ? options->grace_ns : DEFAULT_GRACE;
    core->initializer = options->initializer;
    core->finalizer = options->finalizer;
    core->argument = options->argument;
    core->max_tasks_per_worker = options->max_tasks_per_worker;
    /* State is aligned to cache lines, whatever a backend keeps in it. */
    size_t size = (core->backend->state_size + 63) / 64 * 64;
    core->state = aligned_alloc(64, size ? size : 64);
    if (!core->state)
        return -ENOMEM;
    memset(core->state, 0, size ? size : 64);
    int status = backend_bind(core, options->cpus);
    if (status == 0) {
        status = core->backend->open(core);
        if (status)
            backend_unbind(core);
    }
    if (status)
        free(core->state);
    return status;
}

int grain_pool_open(struct grain_pool **out, const struct grain_pool_options *options)
{
    static const struct grain_pool_options defaults;
    if (!out)
        return -EINVAL;
    *out = NULL;
    if (!options)
        options = &defaults;
    int status = options_check(options);
    if (status)
        return status;
    const struct grain_backend *backend = backend_choose(options->backend);
    if (!backend)
        return -EINVAL;
    status = options_match(options, backend->capabilities);
    if (status == 0)
        status = transport_check(backend, options);
    if (status)
        return status;

    struct grain_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    pool->core.backend = backend;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->idle, NULL);
    status = async_open(&pool->async, pool);
    if (status == 0) {
        status = pool_start(pool, options);
        if (status)
            async_release(pool->async);
    }
    if (status) {
        pthread_cond_destroy(&pool->idle);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
        return status;
    }
    *out = pool;
    return 0;
}

static int phase_raise(struct grain_pool *pool, int phase)
{
    if (!pool)
        return -EINVAL;
    if (!pool_is_owner(pool))
        return -EPERM;
    int now = atomic_load_explicit(&pool->phase, memory_order_relaxed);
    while (now < phase && !atomic_compare_exchange_weak_explicit(&pool->phase, &now, phase, memory_order_seq_cst,
                                                                 memory_order_relaxed))
        ;
    return 0;
}

int grain_pool_close(struct grain_pool *pool)
{
    return phase_raise(pool, POOL_CLOSED);
}

int grain_pool_terminate(struct grain_pool *pool)
{
    int status = phase_raise(pool, POOL_TERMINATED);
    if (status)
        return status;
    /* Once joined, the backend is gone: there is nothing left to stop. */
    pthread_mutex_lock(&pool->lock);
    if (!pool->joined && pool->core.backend->cancel)
        pool->core.backend->cancel(&pool->core);
    pthread_mutex_unlock(&pool->lock);
    async_cancel(pool);
    return 0;
}

int grain_pool_join(struct grain_pool *pool)
{
    if (!pool)
        return -EINVAL;
    if (!pool_is_owner(pool))
        return -EPERM;
    if (job_current_pool() == &pool->core || delivery_is_inside(pool->async))
        return -EDEADLK;
    if (atomic_load_explicit(&pool->phase, memory_order_seq_cst) == POOL_OPEN)
        return -EINVAL;
    pthread_mutex_lock(&pool->lock);
    while (atomic_load_explicit(&pool->calls, memory_order_seq_cst) > 0 || (pool->is_joining && !pool->joined))
        pthread_cond_wait(&pool->idle, &pool->lock);
    bool is_first = !pool->is_joining;
    pool->is_joining = true;
    pthread_mutex_unlock(&pool->lock);
    if (!is_first)
        return 0;
    /* Without the lock: a dispatcher that has left its last call may be waiting for it, a finalizer may ask for the
     * stats, and while one takes long somebody may terminate. */
    async_stop(pool);
    if (pool->core.backend->quit)
        pool->core.backend->quit(&pool->core);
    pthread_mutex_lock(&pool->lock);
    pool->core.backend->close(&pool->core);
    pool->joined = true;
    pthread_cond_broadcast(&pool->idle);
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

static void *free_main(void *pool)
{
    grain_pool_free(pool);
    return NULL;
}

/* From one of its own callbacks: the delivery thread cannot wait for itself. */
static void free_afterwards(struct grain_pool *pool)
{
    pthread_t thread;
    grain_pool_terminate(pool);
    if (async_thread_start(&thread, free_main, pool) == 0)
        pthread_detach(thread);
}

void grain_pool_free(struct grain_pool *pool)
{
    if (!pool || !pool_is_owner(pool) || job_current_pool() == &pool->core)
        return;
    if (delivery_is_inside(pool->async)) {
        free_afterwards(pool);
        return;
    }
    grain_pool_terminate(pool);
    grain_pool_join(pool);
    for (struct pool_block *next, *block = pool->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    async_release(pool->async);
    pthread_cond_destroy(&pool->idle);
    pthread_mutex_destroy(&pool->lock);
    backend_unbind(&pool->core);
    free(pool->core.state);
    free(pool);
}

/* -------------------------------------------------------------------------------------- counters */

/* A process's CPU-time clock by its number, as clock_getcpuclockid() gives it, in nanoseconds. */
static uint64_t process_cpu_ns(int pid)
{
    clockid_t clock;
    struct timespec time;
    if (pid <= 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &time))
        return 0;
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

int grain_pool_stats(struct grain_pool *pool, struct grain_pool_stats *stats)
{
    if (!pool || !stats)
        return -EINVAL;
    if (!pool_is_owner(pool))
        return -EPERM;
    memset(stats, 0, sizeof *stats);
    stats->workers = pool->core.workers;
    stats->handovers = atomic_load_explicit(&pool->handovers, memory_order_relaxed);
    if (pool->core.singles)
        stats->handovers += __atomic_load_n(pool->core.singles, __ATOMIC_RELAXED);
    stats->steals = atomic_load_explicit(&pool->steals, memory_order_relaxed);
    pthread_mutex_lock(&pool->lock);
    if (!pool->joined) {
        const struct backend_pool *core = &pool->core;
        stats->replaced = core->replaced ? *core->replaced : 0;
        stats->call_bytes = core->call_bytes ? *core->call_bytes : 0;
        for (int i = 0; core->worker_pids && i < core->workers; i++)
            stats->cpu_ns += process_cpu_ns(core->worker_pids[i]);
    }
    pthread_mutex_unlock(&pool->lock);
    return 0;
}

/* --------------------------------------------------------------------------------- who may come in */

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

int pool_look(const struct grain_pool *pool)
{
    if (!pool)
        return -EINVAL;
    if (!pool_is_owner(pool))
        return -EPERM;
    return job_current_pool() == &pool->core ? -EDEADLK : 0;
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
