/* SPDX-License-Identifier: MIT
 *
 * The dispatchers: threads that take batches from the queue, run and settle them; async.h says how all of it fits
 * together. How calls get into batches: batch.c. What a future does for its caller: future.c. Callbacks: callbacks.c.
 */
#include "async.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "pool/pool.h"
#include "sys/clock.h"
#include "sys/signals.h"

#define SECOND 1000000000u

/* ------------------------------------------------------------------------------- what outlives the pool */

int async_open(struct async **out, struct grain_pool *pool)
{
    struct async *async = calloc(1, sizeof *async);
    if (!async)
        return -ENOMEM;
    async->owner = owner_self();
    async->pool = pool;
    atomic_store_explicit(&async->references, 1, memory_order_relaxed);
    pthread_mutex_init(&async->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&async->work, &clock);
    pthread_cond_init(&async->settled, &clock);
    pthread_cond_init(&async->deliveries, &clock);
    pthread_condattr_destroy(&clock);
    async->next_room = BATCH_CALLS_MIN;
    *out = async;
    return 0;
}

void async_wait_until(pthread_cond_t *cond, struct async *async, uint64_t until_ns)
{
    struct timespec at = {.tv_sec = (time_t)(until_ns / SECOND), .tv_nsec = (long)(until_ns % SECOND)};
    pthread_cond_timedwait(cond, &async->lock, &at);
}

void async_release(struct async *async)
{
    if (atomic_fetch_sub_explicit(&async->references, 1, memory_order_acq_rel) != 1)
        return;
    pthread_cond_destroy(&async->deliveries);
    pthread_cond_destroy(&async->settled);
    pthread_cond_destroy(&async->work);
    pthread_mutex_destroy(&async->lock);
    free(async);
}

/* ------------------------------------------------------------------------------------- dispatchers */

/* How many calls come while one batch runs is the room of the next, for fresh memory is dear. It doubles when a batch
 * is full (queue.c), and halves after several that were nearly empty: among the large batches of a stream there are
 * small ones. */
static void room_learn(struct async *async, const struct batch *batch)
{
    if (!batch->is_calls)
        return;
    async->small_batches = batch->count < async->next_room / 4 ? async->small_batches + 1 : 0;
    if (async->small_batches < BATCH_SMALL_MAX || async->next_room == BATCH_CALLS_MIN)
        return;
    async->next_room /= 2;
    async->small_batches = 0;
}

/* From the queue to the list of those that run; no call comes in any more. With async.lock held, as the next. */
static struct batch *batch_next(struct async *async)
{
    struct batch *batch = async->first;
    async->first = batch->next;
    room_learn(async, batch);
    if (batch->is_calls) {
        async->running_calls++;
        async->last_start_ns = clock_ns();
    }
    batch_list(&async->running, batch);
    atomic_store_explicit(&batch->phase, BATCH_RUNNING, memory_order_release);
    atomic_fetch_sub_explicit(&batch->references, batch->room - batch->handles, memory_order_relaxed);
    if (batch->has_callbacks) /* from now on the delivery thread looks into it */
        pthread_cond_signal(&async->deliveries);
    return batch;
}

/* Whether the first batch of the queue may run; if not, until when it has to wait. */
static bool may_run(const struct async *async, uint64_t *until_ns)
{
    const struct batch *batch = async->first;
    *until_ns = async->last_start_ns + (async->running_calls > 0 ? BATCH_GATHER_NS : BATCH_GATHER_FREE_NS);
    /* Nothing comes into one that is not the last. */
    return batch->is_wanted || batch->next || atomic_load_explicit(&batch->phase, memory_order_relaxed) != BATCH_OPEN ||
           clock_ns() >= *until_ns;
}

static struct batch *batch_take(struct async *async)
{
    uint64_t until_ns;
    async->idle++;
    while (!async->is_stopping && !(async->first && may_run(async, &until_ns))) {
        if (!async->first || async->is_watched) {
            pthread_cond_wait(&async->work, &async->lock);
        } else {
            async->is_watched = true;
            async_wait_until(&async->work, async, until_ns);
            async->is_watched = false;
        }
    }
    async->idle--;
    return async->first ? batch_next(async) : NULL;
}

static int batch_run(struct batch *batch)
{
    struct grain_pool *pool = batch->async->pool;
    struct job *job = &batch->job;
    if (atomic_load_explicit(&pool->phase, memory_order_seq_cst) == POOL_TERMINATED)
        return -ECANCELED;
    job->is_queued = true;
    if (batch->is_calls) {
        job->count = batch->count;
        job->chunk = 1;
        job->schedule = pool->core.default_schedule;
    }
    int status;
    while ((status = job->count > 0 ? pool_run(pool, job) : 0) == -EBUSY)
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    return status;
}

/* A map's results are there, and somebody may have to be told of calls. */
static void dues_settle(struct batch *batch)
{
    struct async *async = batch->async;
    for (size_t i = 0; i < batch->count; i++)
        if (future_settle(&batch->futures[i])) {
            pthread_mutex_lock(&async->lock);
            delivery_push(async, &batch->futures[i]);
            pthread_mutex_unlock(&async->lock);
        }
}

static void batch_end(struct batch *batch, int status)
{
    struct async *async = batch->async;
    struct grain_pool *pool = async->pool;
    bool is_imitation = !(pool->core.backend->capabilities & BACKEND_RUNS_TASKS);
    if (status && !batch->is_calls)
        job_abandon(&batch->job, status);
    batch->status = status;
    batch->status_unrun = status || is_imitation ? status : -ENOTRECOVERABLE;
    batch->is_lost = status == -ECANCELED || status == -ENOTRECOVERABLE;
    /* release: pairs with future_has_ended */
    atomic_store_explicit(&batch->phase, BATCH_ENDED, memory_order_release);
    if (batch->has_dues)
        dues_settle(batch);
    pthread_mutex_lock(&async->lock);
    batch_unlist(batch);
    batch_list(&async->ended, batch);
    if (batch->is_calls)
        async->running_calls--;
    pthread_cond_broadcast(&async->settled);
    pthread_mutex_unlock(&async->lock);
    batch_release(batch);
    pool_leave(pool);
}

static void *dispatcher_main(void *argument)
{
    struct grain_pool *pool = argument;
    struct async *async = pool->async;
    job_thread_keep();
    for (;;) {
        pthread_mutex_lock(&async->lock);
        struct batch *batch = batch_take(async);
        if (async->first) /* several were queued while one was woken */
            async_wake(pool);
        pthread_mutex_unlock(&async->lock);
        if (!batch)
            return NULL;
        batch_end(batch, batch_run(batch));
    }
}

/* Without workers it runs the tasks. */
static int dispatcher_start(struct grain_pool *pool, pthread_t *thread)
{
    sigset_t mask = pool->core.signals;
    unsigned runs_tasks = BACKEND_RUNS_TASKS, others_do = BACKEND_IS_PARALLEL;
    if ((pool->core.backend->capabilities & (runs_tasks | others_do)) != runs_tasks)
        signals_service_mask(&mask);
    return signals_thread(thread, &mask, dispatcher_main, pool);
}

int async_wake(struct grain_pool *pool)
{
    struct async *async = pool->async;
    bool is_parallel = pool->core.backend->capabilities & BACKEND_IS_PARALLEL;
    int most = is_parallel ? pool->core.workers + 1 : 1; /* without workers it is the dispatcher who runs the tasks */
    most = most < ASYNC_DISPATCHERS_MAX ? most : ASYNC_DISPATCHERS_MAX;
    if (async->idle > 0) {
        pthread_cond_signal(&async->work);
        return 0;
    }
    if (async->dispatcher_count == most)
        return 0;
    int status = dispatcher_start(pool, &async->dispatchers[async->dispatcher_count]);
    if (status == 0)
        async->dispatcher_count++;
    return async->dispatcher_count > 0 ? 0 : status; /* those that are there will do */
}

void async_hurry(struct batch *batch)
{
    struct async *async = batch->async;
    pthread_mutex_lock(&async->lock);
    if (!batch->is_wanted && atomic_load_explicit(&batch->phase, memory_order_relaxed) == BATCH_OPEN) {
        batch->is_wanted = true;
        pthread_cond_broadcast(&async->work); /* the watcher may sleep until a later time */
    }
    pthread_mutex_unlock(&async->lock);
}

/* ------------------------------------------------------------------------------------------ the end */

/* Of what runs: calls that no worker has begun are taken back. With the lock held batches stay in the list. */
static void running_cancel(struct async *async)
{
    pthread_mutex_lock(&async->lock);
    for (struct batch *batch = async->running; batch; batch = batch->next_listed)
        for (size_t i = 0; batch->is_calls && i < batch->count; i++)
            job_call_claim(&batch->calls[i], CALL_TAKEN_BACK);
    pthread_cond_broadcast(&async->settled);
    pthread_mutex_unlock(&async->lock);
}

void async_cancel(struct grain_pool *pool)
{
    struct async *async = pool->async;
    running_cancel(async);
    for (;;) {
        pthread_mutex_lock(&async->lock);
        struct batch *batch = async->first ? batch_next(async) : NULL;
        pthread_mutex_unlock(&async->lock);
        if (!batch)
            return;
        batch_end(batch, -ECANCELED);
    }
}

/* Whoever asks from now on finds an answer, without pool or memory. */
static void ended_settle(struct async *async)
{
    pthread_mutex_lock(&async->lock);
    while (async->ended) {
        struct batch *batch = async->ended;
        for (size_t i = 0; i < batch->count; i++)
            future_settle(&batch->futures[i]); /* none has a callback: those were settled when the batch ended */
        batch_memory_put(batch);
        batch_unlist(batch);
    }
    batch_spares_drop(async);
    async->pool = NULL;
    pthread_mutex_unlock(&async->lock);
}

void async_stop(struct grain_pool *pool)
{
    struct async *async = pool->async;
    pthread_mutex_lock(&async->lock);
    async->is_stopping = true;
    pthread_cond_broadcast(&async->work);
    pthread_mutex_unlock(&async->lock);
    for (int i = 0; i < async->dispatcher_count; i++)
        pthread_join(async->dispatchers[i], NULL);
    async->dispatcher_count = 0;
    delivery_stop(async);
    ended_settle(async);
}
