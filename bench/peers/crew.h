/* SPDX-License-Identifier: MIT
 *
 * What every peer needs beside its library: a context per worker, CPUs to bind to, one job at a time, and the sums when
 * it has ended. A peer hands out chunks in its library's own way; what a chunk does is crew_run(), the same for all.
 * No atomics in here: C++ reads this header.
 */
#ifndef GRAIN_BENCH_CREW_H
#define GRAIN_BENCH_CREW_H

#include <pthread.h>
#include <sched.h>

#include "backend/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* On cache lines of its own, so that workers do not disturb each other. */
struct crew_worker {
    struct grain_context ctx;
    struct job_outcome outcome;
    uint64_t claims;
} __attribute__((aligned(64)));

struct crew {
    struct backend_pool *pool;
    uint64_t serial; /* tells pools apart that came to lie at the same address */
    struct crew_worker *workers;
    cpu_set_t mask; /* the opener's: where unbound threads may run that no pool->mask confines */
    uint32_t is_cancelled;
    pthread_mutex_t lock; /* one job at a time */
    const void *outer;    /* the rest is the running job's: whose worker its caller is elsewhere */
    cpu_set_t caller_mask;
};

/* 0 or -ENOMEM; everything is undone then. */
int crew_open(struct crew *crew, struct backend_pool *pool);
void crew_close(struct crew *crew);

/* Any thread; chunks that have not begun are dropped. */
void crew_cancel(struct crew *crew);

/* Around a job, in the thread that calls; the second one fills outcome and hand-overs. 0 or -ECANCELED. */
void crew_begin(struct crew *crew);
int crew_end(struct crew *crew, struct job *job);

/* Where the caller works too: between the two it is worker 0, bound like the others. */
void crew_join(struct crew *crew);
void crew_leave(struct crew *crew);

/* From hold to let_go the calling thread stays bound from job to job. */
void crew_hold(void);
void crew_let_go(void);

/* The calling thread, which is the library's, becomes this worker: it is bound, or, in a pool that is not, may run
 * anywhere again. Costs nothing when it is that worker already. */
void crew_place(const struct crew *crew, int worker);

/* Tasks per chunk: those asked for, else 32 chunks per worker, for libraries that have no choice of their own. */
size_t crew_chunk(const struct crew *crew, const struct job *job);

/* Runs the tasks [begin, end) as that worker. */
static inline void crew_run(struct crew *crew, const struct job *job, int worker, size_t begin, size_t end)
{
    if (__atomic_load_n(&crew->is_cancelled, __ATOMIC_RELAXED))
        return;
    struct crew_worker *self = &crew->workers[worker];
    self->claims++;
    job_run(job, begin, end, &self->ctx);
}

/* The same for a chunk by its number. */
static inline void crew_run_unit(struct crew *crew, const struct job *job, int worker, size_t unit, size_t chunk)
{
    size_t begin = unit * chunk, left = job->count - begin;
    crew_run(crew, job, worker, begin, left > chunk ? begin + chunk : job->count);
}

#ifdef __cplusplus
}
#endif

#endif
