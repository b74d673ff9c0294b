/* SPDX-License-Identifier: MIT
 *
 * The life of a pool: open, close, terminate, join, free; its counters and the memory that it gives out. Compiled with
 * -fexceptions, as call.c is: initializers and finalizers of `serial` run on the caller's thread. Who may come
 * in: pool/gate.c.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "async/async.h"
#include "options.h"
#include "sys/page.h"
#include "sys/signals.h"

/* --------------------------------------------------------------------------------- life of a pool */

/* relaxed: only that they differ matters. */
static void ids_set(struct backend_pool *core)
{
    static _Atomic uint64_t ids;
    const struct backend_pool *outer = job_current_pool();
    core->id = atomic_fetch_add_explicit(&ids, 1, memory_order_relaxed) + 1;
    if (!outer)
        return;
    core->outer_ids[0] = outer->id;
    memcpy(core->outer_ids + 1, outer->outer_ids, sizeof outer->outer_ids - sizeof outer->outer_ids[0]);
}

/* What ran out when the workers were started. -EPERM says something else of a pool. */
static const struct {
    int status, told;
    const char *text;
} shortages[] = {
    {-EAGAIN, -EAGAIN, "no more processes or threads (RLIMIT_NPROC, a control group's limit)"},
    {-EPERM, -EAGAIN, "this process may not start any"},
    {-ENOMEM, -ENOMEM, "no more memory (grain_pool_options.memory_limit, RLIMIT_AS, a control group's limit)"},
    {-EMFILE, -EMFILE, "no more descriptors (RLIMIT_NOFILE)"},
    {-ENFILE, -ENFILE, "no more descriptors (fs.file-max)"},
};

static int shortage_refuse(int status, const struct backend_pool *core)
{
    for (size_t i = 0; i < sizeof shortages / sizeof shortages[0]; i++)
        if (shortages[i].status == status)
            return refuse(shortages[i].told, "%d workers on %s: %s", core->workers, core->backend->name,
                          shortages[i].text);
    return status;
}

static int workers_start(struct backend_pool *core)
{
    signals_own_mask(&core->signals);
    /* State is aligned to cache lines, whatever a backend keeps in it. */
    size_t size = line_round_up(core->backend->state_size);
    core->state = aligned_alloc(64, size ? size : 64);
    if (!core->state)
        return -ENOMEM;
    memset(core->state, 0, size ? size : 64);
    return shortage_refuse(core->backend->open(core), core);
}

/* Gives back what a pool without workers still has. Where functions below have it, or the next, as a `cleanup`: a
 * finalizer or an initializer may throw, or end the thread, and on serial that is the caller's. */
static void pool_drop(struct grain_pool **out)
{
    struct grain_pool *pool = *out;
    if (!pool)
        return;
    for (struct pool_block *next, *block = pool->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    backend_unbind(&pool->core);
    free(pool->core.state);
    if (pool->async)
        async_release(pool->async);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

int grain_pool_open_sized(struct grain_pool **out, const struct grain_pool_options *options, size_t size)
{
    if (!out)
        return refuse(-EINVAL, "pool: NULL");
    *out = NULL;
    struct grain_pool *pool __attribute__((cleanup(pool_drop))) = calloc(1, sizeof *pool);
    if (!pool)
        return -ENOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    ids_set(&pool->core);
    int status = options_take_pool(&pool->core, options, size);
    if (status == 0)
        status = async_open(&pool->async, pool);
    if (status)
        return status;
    pool->owner = owner_self();
    pool->spares_trim = batch_spares_trim;
    status = workers_start(&pool->core);
    if (status)
        return status;
    async_begin(pool->async);
    *out = pool;
    pool = NULL;
    return 0;
}

static int phase_raise(struct grain_pool *pool, int phase)
{
    if (!pool)
        return refuse(-EINVAL, "pool: NULL");
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

static void join_finish(struct grain_pool **out)
{
    struct grain_pool *pool = *out;
    pthread_mutex_lock(&pool->lock);
    pool->core.backend->close(&pool->core);
    pool->joined = true;
    events_tell(pool->core.events, EVENT_BIT(EVENT_FUTURES));
    pthread_mutex_unlock(&pool->lock);
}

static bool is_joined(void *user, unsigned watch)
{
    struct grain_pool *pool = user;
    (void)watch; /* told in any case */
    pthread_mutex_lock(&pool->lock);
    bool is_joined = pool->joined;
    pthread_mutex_unlock(&pool->lock);
    return is_joined;
}

/* True: the calling thread is to join the pool; false: somebody else has. */
static bool join_begin(struct grain_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    bool is_first = !pool->is_joining;
    pool->is_joining = true;
    if (is_first)
        pool->is_idle = atomic_fetch_or_explicit(&pool->calls, POOL_JOINING, memory_order_seq_cst) == 0;
    pthread_mutex_unlock(&pool->lock);
    if (!is_first)
        async_await(pool->async, is_joined, pool, GRAIN_FOREVER);
    return is_first;
}

int grain_pool_join(struct grain_pool *pool)
{
    if (!pool)
        return refuse(-EINVAL, "pool: NULL");
    if (!pool_is_owner(pool))
        return -EPERM;
    if (pool_is_inside(pool->core.id) || callbacks_is_inside(pool->async))
        return -EDEADLK;
    if (atomic_load_explicit(&pool->phase, memory_order_seq_cst) == POOL_OPEN)
        return refuse(-EINVAL, "pool: neither closed nor terminated");
    if (!join_begin(pool))
        return 0;
    async_drain(pool);
    /* Without the lock: a finalizer may ask for the stats, and while one takes long somebody may terminate. */
    async_stop(pool);
    struct grain_pool *joining __attribute__((cleanup(join_finish))) = pool;
    if (joining->core.backend->quit)
        joining->core.backend->quit(&joining->core);
    return 0;
}

static void *free_main(void *pool)
{
    grain_pool_free(pool);
    return NULL;
}

/* From one of its own callbacks: the callback thread cannot wait for itself. */
static void free_afterwards(struct grain_pool *pool)
{
    pthread_t thread;
    grain_pool_terminate(pool);
    if (signals_thread(&thread, &pool->core.signals, free_main, pool) == 0) /* finalizers may run there */
        pthread_detach(thread);
}

void grain_pool_free(struct grain_pool *pool)
{
    if (!pool || !pool_is_owner(pool) || pool_is_inside(pool->core.id))
        return;
    if (callbacks_is_inside(pool->async)) {
        free_afterwards(pool);
        return;
    }
    struct grain_pool *dropped __attribute__((cleanup(pool_drop))) = pool;
    grain_pool_terminate(dropped);
    grain_pool_join(dropped);
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

static void stats_fill(struct grain_pool *pool, struct grain_pool_stats *stats)
{
    stats->workers = pool->core.workers;
    stats->handovers = atomic_load_explicit(&pool->handovers, memory_order_relaxed);
    if (pool->core.singles)
        stats->handovers += __atomic_load_n(pool->core.singles, __ATOMIC_RELAXED);
    stats->steals = atomic_load_explicit(&pool->steals, memory_order_relaxed);
    pthread_mutex_lock(&pool->lock);
    if (!pool->joined) {
        const struct backend_pool *core = &pool->core;
        stats->replaced = core->replaced ? *core->replaced : 0;
        stats->call_bytes = __atomic_load_n(&core->call_bytes, __ATOMIC_RELAXED);
        for (int i = 0; core->worker_pids && i < core->workers; i++)
            stats->cpu_ns += process_cpu_ns(core->worker_pids[i]);
    }
    pthread_mutex_unlock(&pool->lock);
}

int grain_pool_stats_sized(struct grain_pool *pool, struct grain_pool_stats *stats, size_t size)
{
    struct grain_pool_stats known = {0};
    if (stats)
        options_give_stats(stats, size, &known);
    if (!pool || !stats)
        return refuse(-EINVAL, "%s: NULL", pool ? "stats" : "pool");
    if (!pool_is_owner(pool))
        return -EPERM;
    stats_fill(pool, &known);
    options_give_stats(stats, size, &known);
    return 0;
}

/* ------------------------------------------------------------------------------- memory that workers share */

int grain_alloc(struct grain_pool *pool, size_t size, void **memory)
{
    if (memory)
        *memory = NULL;
    if (!memory)
        return refuse(-EINVAL, "memory: NULL");
    if (size == 0 || size > PTRDIFF_MAX - 256)
        return refuse(-EINVAL, "size: %zu bytes; it takes 1 to PTRDIFF_MAX - 256", size);
    int status = pool_enter(pool);
    if (status)
        return status;
    status = pool_memory_get(pool, size, memory);
    if (status == -ENOMEM) { /* what queued calls have left is the next ones', unless it is wanted here */
        batch_spares_trim(pool->async);
        status = pool_memory_get(pool, size, memory);
    }
    if (status == 0)
        memset(*memory, 0, size);
    pool_leave(pool);
    return status;
}

void grain_release(struct grain_pool *pool, void *memory)
{
    if (pool && memory && pool_is_owner(pool))
        pool_memory_put(pool, memory);
}

/* The pool cannot be joined meanwhile: it was entered. */
int grain_pool_trim(struct grain_pool *pool)
{
    int status = pool_enter(pool);
    if (status)
        return status;
    const struct grain_backend *backend = pool->core.backend;
    void *unused = NULL;
    batch_spares_trim(pool->async);
    if (backend->alloc)
        backend->alloc(&pool->core, 0, &unused);
    malloc_trim(0); /* spare batches, and on threads all of their memory, came from malloc */
    pool_leave(pool);
    return 0;
}
