/* SPDX-License-Identifier: MIT
 *
 * Batches, and the dispatchers that run them; async.h says how they fit together. What a future does for its caller:
 * future.c. Callbacks: delivery.c.
 */
#include "async.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

#define FIRST_ROOM 16
#define ALIGN      16

static size_t round_up(size_t size)
{
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

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

void batch_release(struct batch *batch)
{
    if (atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < batch->count; i++)
        free(batch->futures[i].extra);
    free(batch);
}

/* ---------------------------------------------------------------------------------------- batches */

/* tail: bytes behind the futures. */
static struct batch *batch_new(struct grain_pool *pool, size_t room, size_t tail)
{
    size_t futures = round_up(room * sizeof(struct grain_future));
    struct batch *batch = calloc(1, round_up(sizeof *batch) + futures + tail);
    if (!batch)
        return NULL;
    batch->pool = pool;
    batch->room = room;
    atomic_store_explicit(&batch->references, 1, memory_order_relaxed);
    job_clear(&batch->job);
    return batch;
}

/* A batch for calls of this size: calls, errors, then arguments and results as they come. */
static struct batch *batch_of_calls(struct grain_pool *pool, size_t call_size)
{
    struct async *async = &pool->async;
    size_t room = async->next_room, fitting = BATCH_PAYLOAD_MAX / (call_size ? call_size : 1);
    room = room < fitting ? room : fitting > 0 ? fitting : 1;
    struct batch *batch = batch_new(pool, room, 0);
    if (!batch)
        return NULL;
    size_t calls = round_up(room * sizeof *batch->calls), errors = round_up(sizeof(struct job_errors));
    size_t total = calls + errors + room * call_size;
    void *memory;
    if (pool_memory_get(pool, total, &memory)) {
        free(batch);
        return NULL;
    }
    batch->is_calls = true;
    batch->calls = memory;
    batch->job.form = JOB_CALLS;
    batch->job.items = memory;
    batch->job.item_size = sizeof *batch->calls;
    batch->job.errors = (struct job_errors *)((char *)memory + calls);
    batch->payload = (char *)memory + calls + errors;
    batch->payload_end = (char *)memory + total;
    return batch;
}

static void queue_push(struct async *async, struct batch *batch)
{
    *(async->first ? &async->last->next : &async->first) = batch;
    async->last = batch;
}

static void *payload_take(struct batch *batch, size_t size)
{
    char *at = batch->payload;
    size = round_up(size);
    if ((size_t)(batch->payload_end - at) < size)
        return NULL;
    batch->payload += size;
    return at;
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
        job->schedule = backend->default_schedule;
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

/* One more dispatcher where all are busy, up to one more than workers. With async.lock held. */
static int dispatcher_wake(struct grain_pool *pool)
{
    struct async *async = &pool->async;
    int most = pool->core.workers + 1 < ASYNC_DISPATCHERS_MAX ? pool->core.workers + 1 : ASYNC_DISPATCHERS_MAX;
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

/* --------------------------------------------------------------------------------------- submitting */

static int extra_make(struct grain_pool *pool, struct grain_future *future, const struct grain_call_options *options)
{
    if (!options->callback && !options->error_callback && !options->report)
        return 0;
    future->extra = calloc(1, sizeof *future->extra);
    if (!future->extra)
        return -ENOMEM;
    future->extra->callback = options->callback;
    future->extra->error_callback = options->error_callback;
    future->extra->user = options->user;
    future->extra->report = options->report;
    if (!options->callback && !options->error_callback)
        return 0;
    future->has_callbacks = true;
    future->batch->has_callbacks = true;
    return delivery_start(pool);
}

/* Takes the batch's next future. With async.lock held. */
static int future_take(struct grain_pool *pool, struct batch *batch, const struct job *job,
                       const struct grain_call_options *options, struct grain_future **out)
{
    struct grain_future *future = &batch->futures[batch->count];
    *future = (struct grain_future){.batch = batch, .result = job->results, .result_size = (uint32_t)job->result_size};
    int status = extra_make(pool, future, options);
    if (status) {
        free(future->extra);
        future->extra = NULL;
        return status;
    }
    if (out) {
        atomic_fetch_add_explicit(&batch->references, 1, memory_order_relaxed);
        *out = future;
    }
    return 0;
}

/* Params are the same from call to call: they are copied once for as long as they stay so. */
static bool params_place(struct batch *batch, const struct job *job, const void **params)
{
    if (job->params_size && batch->params && batch->params_size == job->params_size &&
        memcmp(batch->params, job->params, job->params_size) == 0) {
        *params = batch->params;
        return true;
    }
    void *memory = job->params_size ? payload_take(batch, job->params_size) : NULL;
    if (job->params_size && !memory)
        return false;
    if (memory)
        batch->params = memcpy(memory, job->params, job->params_size);
    batch->params_size = job->params_size;
    *params = memory;
    return true;
}

/* Writes the call behind the last one of the open batch; false when there is no room. */
static bool call_append(struct batch *batch, const struct job *job)
{
    struct job_call *call = &batch->calls[batch->count];
    char *before = batch->payload;
    void *arg = NULL, *result = NULL;
    const void *params;
    if (batch->count == batch->room || !params_place(batch, job, &params))
        return false;
    if ((job->item_size && !(arg = payload_take(batch, job->item_size))) ||
        (job->result_size && !(result = payload_take(batch, job->result_size)))) {
        batch->payload = before;
        batch->params = NULL;
        return false;
    }
    if (arg)
        memcpy(arg, job->items, job->item_size);
    *call = (struct job_call){.task = job->task, .arg = arg, .result = result, .params = params};
    return true;
}

static bool is_open(const struct batch *batch)
{
    return batch && batch->is_calls && atomic_load_explicit(&batch->phase, memory_order_relaxed) == BATCH_OPEN;
}

/* The batch that this call was written into; NULL: out of memory. With async.lock held. */
static struct batch *batch_append(struct grain_pool *pool, const struct job *job)
{
    struct async *async = &pool->async;
    struct batch *batch = async->first ? async->last : NULL;
    if (is_open(batch)) {
        if (call_append(batch, job))
            return batch;
        atomic_store_explicit(&batch->phase, BATCH_SEALED, memory_order_relaxed);
    }
    batch = batch_of_calls(pool, round_up(job->item_size) + round_up(job->result_size) + round_up(job->params_size));
    if (!batch)
        return NULL;
    call_append(batch, job); /* there is room for one at least */
    queue_push(async, batch);
    return batch;
}

int async_apply(struct grain_pool *pool, const struct job *job, const struct grain_call_options *options,
                struct grain_future **future)
{
    struct async *async = &pool->async;
    int status = 0;
    if (job->result_size > UINT32_MAX)
        return -EOVERFLOW;
    pthread_mutex_lock(&async->lock);
    if (async->dispatcher_count == 0)
        status = dispatcher_wake(pool);
    struct batch *batch = status == 0 ? batch_append(pool, job) : NULL;
    if (status == 0)
        status = batch ? future_take(pool, batch, job, options, future) : -ENOMEM;
    if (status == 0 && ++batch->count == 1) /* later ones go with it: whoever was woken takes all */
        dispatcher_wake(pool);
    pthread_mutex_unlock(&async->lock);
    return status;
}

/* Params and the table of columns need not outlive the call that hands them over: they are copied behind the future. */
static void job_copy(struct batch *batch, const struct job *job)
{
    char *tail = (char *)batch + round_up(sizeof *batch) + round_up(sizeof(struct grain_future));
    job_describe(&batch->job, job);
    if (job->params_size)
        batch->job.params = memcpy(tail, job->params, job->params_size);
    tail += round_up(job->params_size);
    if (job->column_count)
        batch->job.columns = memcpy(tail, job->columns, job->column_count * sizeof *job->columns);
}

/* Nothing to do: nothing is queued, no callback is called. */
static void future_ready_at_once(struct grain_pool *pool, struct batch *batch, struct grain_future **out)
{
    struct grain_future *future = &batch->futures[0];
    batch->count = 1;
    *future = (struct grain_future){.batch = batch};
    atomic_store_explicit(&future->state, FUTURE_READY, memory_order_relaxed);
    atomic_store_explicit(&batch->phase, BATCH_SETTLED, memory_order_seq_cst);
    if (out)
        *out = future;
    else
        batch_release(batch);
    pool_leave(pool);
}

int async_job(struct grain_pool *pool, const struct job *job, const struct grain_call_options *options,
              struct grain_future **future)
{
    struct async *async = &pool->async;
    size_t tail = round_up(job->params_size) + job->column_count * sizeof *job->columns;
    struct batch *batch = batch_new(pool, 1, tail);
    if (!batch)
        return -ENOMEM;
    job_copy(batch, job);
    if (job->count == 0) {
        future_ready_at_once(pool, batch, future);
        return 0;
    }
    pthread_mutex_lock(&async->lock);
    int status = async->dispatcher_count == 0 ? dispatcher_wake(pool) : 0;
    if (status == 0)
        status = future_take(pool, batch, job, options, future);
    if (status == 0) {
        batch->count = 1;
        atomic_store_explicit(&batch->phase, BATCH_SEALED, memory_order_relaxed);
        queue_push(async, batch);
        dispatcher_wake(pool);
    } else {
        free(batch);
    }
    pthread_mutex_unlock(&async->lock);
    return status;
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
