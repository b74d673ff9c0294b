/* SPDX-License-Identifier: MIT
 *
 * Batches: where calls that nobody waits for are collected, each with a future. Who runs them: async.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pool.h"

#define ALIGN     64
#define SIZE_MOST ((size_t)1 << 46) /* sums of a few do not overflow; no machine has it */

static size_t round_up(size_t size)
{
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

/* A type's size is a multiple of its alignment: the lowest bit of the size bounds it. */
static size_t alignment_of(size_t size)
{
    size_t lowest = size & (~size + 1);
    return lowest < 8 ? 8 : lowest < ALIGN ? lowest : ALIGN;
}

/* What a piece of the payload takes at most. */
static size_t room_of(size_t size)
{
    return size ? size + alignment_of(size) - 1 : 0;
}

void batch_release(struct batch *batch)
{
    if (atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < batch->count; i++)
        free(batch->futures[i].extra);
    free(batch);
}

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
    uintptr_t at = (uintptr_t)batch->payload, alignment = alignment_of(size);
    at = (at + alignment - 1) / alignment * alignment;
    if (at > (uintptr_t)batch->payload_end || (uintptr_t)batch->payload_end - at < size)
        return NULL;
    batch->payload = (char *)at + size;
    return (void *)at;
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
    job_call_limit(&batch->job, call, job);
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
    batch = batch_of_calls(pool, room_of(job->item_size) + room_of(job->result_size) + room_of(job->params_size));
    if (batch && call_append(batch, job)) {
        queue_push(async, batch);
        return batch;
    }
    if (batch)
        pool_memory_put(pool, batch->calls);
    free(batch);
    return NULL;
}

int async_apply(struct grain_pool *pool, const struct job *job, const struct grain_call_options *options,
                struct grain_future **future)
{
    struct async *async = &pool->async;
    int status = 0;
    if (job->result_size > UINT32_MAX)
        return -EOVERFLOW;
    if (job->item_size > SIZE_MOST || job->params_size > SIZE_MOST)
        return -ENOMEM;
    pthread_mutex_lock(&async->lock);
    if (async->dispatcher_count == 0)
        status = async_wake(pool);
    struct batch *batch = status == 0 ? batch_append(pool, job) : NULL;
    if (status == 0)
        status = batch ? future_take(pool, batch, job, options, future) : -ENOMEM;
    if (status == 0 && ++batch->count == 1) /* later ones go with it: whoever was woken takes all */
        async_wake(pool);
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
static void future_ready_at_once(struct grain_pool *pool, struct batch *batch, struct grain_report *report,
                                 struct grain_future **out)
{
    struct grain_future *future = &batch->futures[0];
    if (report)
        report->failed = 0;
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
        future_ready_at_once(pool, batch, options->report, future);
        return 0;
    }
    pthread_mutex_lock(&async->lock);
    int status = async->dispatcher_count == 0 ? async_wake(pool) : 0;
    if (status == 0)
        status = future_take(pool, batch, job, options, future);
    if (status == 0) {
        batch->count = 1;
        atomic_store_explicit(&batch->phase, BATCH_SEALED, memory_order_relaxed);
        queue_push(async, batch);
        async_wake(pool);
    } else {
        free(batch);
    }
    pthread_mutex_unlock(&async->lock);
    return status;
}
