/* SPDX-License-Identifier: MIT
 *
 * The contract between the pool and a backend: one struct of eight hooks. A new one begins as a copy of
 * bench/peers/null.c. No _Atomic types, so that C++ can include this.
 */
#ifndef GRAIN_BACKEND_H
#define GRAIN_BACKEND_H

#include <signal.h>

#include "job/job.h"
#include "sys/event.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BACKEND_WORKERS_MAX 1024 /* of a pool */

#define BACKEND_SCHEDULE(name) (1u << GRAIN_SCHEDULE_##name)

enum backend_capability {
    BACKEND_RUNS_TASKS = 1u << 0,    /* tasks are run: results mean something */
    BACKEND_IS_PARALLEL = 1u << 1,   /* workers other than the caller run the tasks */
    BACKEND_SHARES_MEMORY = 1u << 2, /* tasks see the caller's memory as it is now */
    BACKEND_BINDS = 1u << 3,         /* honours grain_pool_options.bind and .cpus */
    BACKEND_INITIALIZES = 1u << 4,   /* ... initializer and finalizer */
    BACKEND_REPLACES = 1u << 5,      /* ... max_tasks_per_worker */
    BACKEND_PILOTS = 1u << 6         /* chooses the chunk of `dynamic` itself: a job may come with chunk 0 */
};

struct machine_mask;

/* Pools in workers of pools: so many levels up are remembered. */
#define BACKEND_DEPTH 8

/* What a backend sees of a pool. */
struct backend_pool {
    const struct grain_backend *backend;
    void *state; /* state_size zeroed bytes, the backend's own */
    int workers; /* >= 1: options.workers may be 0 */
    /* So that a worker is known as one of every pool that waits for it: a number that no other pool has; of the pools
     * in whose workers this one was opened, 0: none; and, while serial runs a worker's call, that worker's pool. */
    uint64_t id;
    uint64_t outer_ids[BACKEND_DEPTH];
    const struct backend_pool *caller;
    struct grain_pool_options options; /* checked; lists and strings are the opener's, while it opens */
    int *cpus;                         /* worker w is bound to cpus[w % cpu_count]; NULL: workers are not bound */
    int cpu_count;                     /* how many CPUs the workers may use */
    struct machine_mask *mask; /* workers may run on these alone; NULL: wherever the opener may, or they are bound */
    sigset_t signals;          /* the opener's mask, without the signals of faults: for threads that run user code */
    const volatile int *worker_pids;     /* `workers` process ids, or NULL where workers are threads */
    const volatile uint64_t *replaced;   /* how many workers were replaced, or NULL */
    uint64_t call_bytes_now, call_bytes; /* of shared memory: backend_bytes_take(); 0 where nothing is shared */
    struct events *events;               /* moved on as is_done says; NULL: nobody watches */
    const volatile uint64_t *singles;    /* hand-overs that job->handovers leaves out: of single tasks; or NULL */
};

struct grain_backend {
    const char *name;    /* as in grain_pool_options.backend; lower case */
    const char *summary; /* one line for `grain list` */
    unsigned schedules;  /* BACKEND_SCHEDULE(...) or'ed */
    enum grain_schedule default_schedule;
    unsigned capabilities;
    size_t state_size;

    /* Required. Once. Starts the workers; after a failure everything is undone and no other hook is called. Returns 0
     * or a negative errno value. */
    int (*open)(struct backend_pool *pool);

    /* Starts a job, and never waits for its end. NULL: there is nothing to do before wait. Any caller thread, several
     * at once. Where all places for jobs are taken it waits for one; for a job that is queued (job->is_queued) it
     * returns -EBUSY instead. Returns 0, and in *ticket what wait wants: job is then the backend's until wait has
     * returned; -ECANCELED, -ENOMEM, -ENOTRECOVERABLE: no task has run, and wait is not called. */
    int (*submit)(struct backend_pool *pool, struct job *job, void **ticket);

    /* Required. Waits for the end of a submitted job, once, in any thread, and fills its outcome and results. A backend
     * that runs jobs in the thread that waits does so here; it serialises what it cannot do at once. Returns 0 when
     * every task has ended (failed ones included: they are in job->outcome), -ECANCELED after cancel, -ENOMEM,
     * -ENOTRECOVERABLE. Where it fails and some tasks were run, it drops those that were not, or not to their end
     * (job_drop), and sets job->is_accounted; else all count as not run. */
    int (*wait)(struct backend_pool *pool, struct job *job, void *ticket);

    /* Whether wait would return at once. If not, and watch is not 0: those of pool->events (bits of enum event) move
     * on when it would, and no worker that could help is left asleep (job->is_watched). One thread at a time, none that
     * waits. NULL: the job runs inside wait. */
    bool (*is_done)(struct backend_pool *pool, struct job *job, void *ticket, unsigned watch);

    /* Any thread, more than once. Stops as soon as it can: queued work is dropped, waiting calls return -ECANCELED.
     * NULL: no calls can be outstanding. */
    void (*cancel)(struct backend_pool *pool);

    /* Once, after the last call has returned. Waits until the workers are gone and their finalizers with them;
     * meanwhile others may call cancel, finalizers among them. NULL: nothing runs. */
    void (*quit)(struct backend_pool *pool);

    /* Required. The same thread, after quit: gives back what open took. No other hook is called any more. */
    void (*close)(struct backend_pool *pool);

    /* Any caller thread. Memory that workers see without a copy: size > 0 gives memory, 64-byte aligned; size 0
     * releases *memory; of a NULL *memory it gives the system back all that is unused. NULL: ordinary memory is good
     * enough. Returns 0 or -ENOMEM. */
    int (*alloc)(struct backend_pool *pool, size_t size, void **memory);
};

/* Before open: decides where workers run, by options.bind and options.cpus, or $GRAIN_CPUS where that is NULL; and how
 * many there are where `workers` is 0. 0; -EINVAL a bad list; -ENOTSUP a list for a backend that does not bind;
 * -ENOMEM. What it takes is given back by the second one, after close. */
int backend_bind(struct backend_pool *pool);
void backend_unbind(struct backend_pool *pool);

/* How many CPUs there are for the pool's workers, and its caller, to spin on. */
int backend_usable_cpus(const struct backend_pool *pool);

/* Bytes of shared memory that a call takes beside what grain_alloc gave, and gives back. Any caller thread; relaxed: a
 * figure for the stats, nothing rests on it. */
static inline void backend_bytes_note(struct backend_pool *pool, uint64_t bytes)
{
    uint64_t most = __atomic_load_n(&pool->call_bytes, __ATOMIC_RELAXED);
    while (bytes > most &&
           !__atomic_compare_exchange_n(&pool->call_bytes, &most, bytes, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static inline void backend_bytes_take(struct backend_pool *pool, uint64_t bytes)
{
    backend_bytes_note(pool, __atomic_add_fetch(&pool->call_bytes_now, bytes, __ATOMIC_RELAXED));
}

static inline void backend_bytes_give(struct backend_pool *pool, uint64_t bytes)
{
    __atomic_sub_fetch(&pool->call_bytes_now, bytes, __ATOMIC_RELAXED);
}

/* How often a worker's initializer is tried before the pool is given up. */
#define BACKEND_TRIES 4

/* In a worker that came to be, before its first task: runs the pool's initializer, where there is one, up to `tries`
 * times. *state: what it left in grain_context_state(). 0 or -ENOTRECOVERABLE. */
int backend_initialize(const struct backend_pool *pool, int worker, int pid, int tries, void **state);

/* In a worker that leaves: the finalizer. */
void backend_finalize(const struct backend_pool *pool, int worker, int pid, void **state);

/* The built-in ones, an object per file; only registry.c names them. */
extern const struct grain_backend backend_serial, backend_fork, backend_pthread, backend_openmp;

/* The index-th backend, NULL past the last; the one with that name, or NULL. */
const struct grain_backend *backend_at(size_t index);
const struct grain_backend *backend_find(const char *name);

/* Adds a backend from outside the library. Not thread-safe: call it first thing in main.
 * Returns 0, -EEXIST, -EINVAL (a required hook is missing), -ENOSPC. */
int backend_register(const struct grain_backend *backend);

#ifdef __cplusplus
}
#endif

#endif
