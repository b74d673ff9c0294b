/* SPDX-License-Identifier: MIT
 *
 * The dispatchers: threads that take batches from the queue, run and settle them; async.h says how all of it fits
 * together. How calls get into batches: batch.c. What a future does for its caller: future.c. Callbacks: delivery.c.
 */
#include "async.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

#define FIRST_ROOM 16

int async_init(struct async *async)
{
    memset(async, 0, sizeof *async);
    pthread_mutex_init(&async->lock, NULL);
    pthread_cond_init(&async->work, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&async->settled, &clock);
    pthread_cond_init(&async->deliveries, &clock);
    pthread_condattr_destroy(&clock);
    async->next_room = FIRST_ROOM;
    return 0;
}

void async_drop(struct async *async)
{
    pthread_cond_destroy(&async->deliveries);
    pthread_cond_destroy(&async->settled);
    pthread_cond_destroy(&async->work);
    pthread_mutex_destroy(&async->lock);
}

/* ------------------------------------------------------------------------------------- dispatchers */

/* From the queue to the list of those that run. With async.lock held, as the next. */
static struct batch *batch_next(struct async *async)
{
    struct batch *batch = async->first;
    async->first = batch->next;
    if (batch->count == batch->room && async->next_room < BATCH_CALLS_MAX)
        async->next_room *= 2;
    batch->next = async->running;
    async->running = batch;
    atomic_store_explicit(&batch->phase, BATCH_RUNNING, memory_order_release);
    if (batch->has_callbacks) /* from now on the delivery thread looks into it */
        pthread_cond_signal(&async->deliveries);
    return batch;
}

static struct batch *batch_take(struct async *async)
{
    async->idle++;
    while (!async->first && !async->is_stopping)
        pthread_cond_wait(&async->work, &async->lock);
    async->idle--;
    return async->first ? batch_next(async) : NULL;
}

static int batch_run(struct batch *batch)
{
    struct grain_pool *pool = batch->pool;
    const struct grain_backend *backend = pool->core.backend;
    struct job *job = &batch->job;
    if (atomic_load_explicit(&pool->phase, memory_order_seq_cst) == POOL_TERMINATED)
        return -ECANCELED;
    if (batch->is_calls) {
        job->count = batch->count;
        job->chunk = 1;
        job->schedule = pool->core.default_schedule;
    }
    if (job->count == 0)
        return 0;
    int status;
    if (backend->run) {
        status = backend->run(&pool->core, job);
    } else {
        void *ticket;
        status = backend->submit(&pool->core, job, &ticket);
        status = status ? status : backend->wait(&pool->core, job, ticket);
    }
    atomic_fetch_add_explicit(&pool->handovers, job->handovers, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->steals, job->steals, memory_order_relaxed);
    return status;
}

static void running_remove(struct async *async, struct batch *batch)
{
    struct batch **link = &async->running;
    while (*link != batch)
        link = &(*link)->next;
    *link = batch->next;
}

/* Settles what nobody has settled yet, then gives the pool's memory back, when nobody looks at it any more. */
static void batch_settle(struct batch *batch, int status)
{
    struct grain_pool *pool = batch->pool;
    struct async *async = &pool->async;
    size_t count = batch->count;
    for (size_t i = 0; i < count; i++)
        if (future_settle(&batch->futures[i], status)) {
            pthread_mutex_lock(&async->lock);
            delivery_push(async, &batch->futures[i]);
            pthread_mutex_unlock(&async->lock);
        }
    pthread_mutex_lock(&async->lock);
    running_remove(async, batch);
    /* seq_cst: pairs with batch_visit: a visitor sees this phase, or we see the visitor */
    atomic_store_explicit(&batch->phase, BATCH_SETTLED, memory_order_seq_cst);
    pthread_cond_broadcast(&async->settled);
    pthread_mutex_unlock(&async->lock);
    while (atomic_load_explicit(&batch->visitors, memory_order_seq_cst) > 0)
        sched_yield(); /* they see that their futures are ready, and leave */
    /* Where workers were stopped in the middle they may still be in it: it goes with the pool. */
    if (batch->is_calls && status != -ECANCELED && status != -ENOTRECOVERABLE)
        pool_memory_put(pool, batch->calls);
    batch_release(batch);
    while (count-- > 0)
        pool_leave(pool);
}

bool batch_visit(struct batch *batch)
{
    atomic_fetch_add_explicit(&batch->visitors, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&batch->phase, memory_order_seq_cst) != BATCH_SETTLED)
        return true;
    atomic_fetch_sub_explicit(&batch->visitors, 1, memory_order_release);
    return false;
}

void batch_leave(struct batch *batch)
{
    atomic_fetch_sub_explicit(&batch->visitors, 1, memory_order_release);
}

static void *dispatcher_main(void *argument)
{
    struct grain_pool *pool = argument;
    struct async *async = &pool->async;
    for (;;) {
        pthread_mutex_lock(&async->lock);
        struct batch *batch = batch_take(async);
        if (async->first) /* several were queued while one was woken */
            async_wake(pool);
        pthread_mutex_unlock(&async->lock);
        if (!batch)
            return NULL;
        batch_settle(batch, batch_run(batch));
    }
}

/* Threads of the pool take no signals: the host's handlers run on the host's threads. */
int async_thread_start(pthread_t *thread, void *(*main)(void *), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int status = -pthread_create(thread, NULL, main, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

int async_wake(struct grain_pool *pool)
{
    struct async *async = &pool->async;
    bool is_parallel = pool->core.backend->capabilities & BACKEND_IS_PARALLEL;
    int most = is_parallel ? pool->core.workers + 1 : 1; /* without workers it is the dispatcher who runs the tasks */
    most = most < ASYNC_DISPATCHERS_MAX ? most : ASYNC_DISPATCHERS_MAX;
    if (async->idle > 0) {
        pthread_cond_signal(&async->work);
        return 0;
    }
    if (async->dispatcher_count == most)
        return 0;
    int status = async_thread_start(&async->dispatchers[async->dispatcher_count], dispatcher_main, pool);
    if (status == 0)
        async->dispatcher_count++;
    return async->dispatcher_count > 0 ? 0 : status; /* those that are there will do */
}

/* ------------------------------------------------------------------------------------------ the end */

void async_cancel(struct grain_pool *pool)
{
    struct async *async = &pool->async;
    for (;;) {
        pthread_mutex_lock(&async->lock);
        struct batch *batch = async->first ? batch_next(async) : NULL;
        pthread_mutex_unlock(&async->lock);
        if (!batch)
            return;
        batch_settle(batch, -ECANCELED);
    }
}

void async_stop(struct grain_pool *pool)
{
    struct async *async = &pool->async;
    pthread_mutex_lock(&async->lock);
    async->is_stopping = true;
    pthread_cond_broadcast(&async->work);
    pthread_mutex_unlock(&async->lock);
    for (int i = 0; i < async->dispatcher_count; i++)
        pthread_join(async->dispatchers[i], NULL);
    async->dispatcher_count = 0;
    delivery_stop(async);
}
