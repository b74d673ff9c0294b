/* SPDX-License-Identifier: MIT
 *
 * How calls that nobody waits for get into the queue: a call of apply into the open batch, everything else as a batch
 * of its own. The memory they are written into: batch.c. Who runs them: async.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pool/pool.h"

#define SIZE_MOST ((size_t)1 << 46) /* sums of a few do not overflow; no machine has it */

/* What calls like this one take of the payload each; *slack: and how much more this one may. Of an array's items some
 * are more aligned by chance than their size asks for: that counts only where the batch before began with the same
 * one. */
static size_t room_of(struct async *async, const struct apply *apply, const void *params, size_t *slack)
{
    const void *data[] = {apply->arg, apply->result, params};
    const size_t sizes[] = {apply->arg_size, apply->result_size, apply->params_size};
    const void *const by_chance = (const void *)1;
    size_t room = 0;
    *slack = 2 * sizeof(struct job_terms);
    for (int i = 0; i < 3; i++) {
        room += job_align(sizes[i], job_alignment(async->begun_with[i] == data[i] ? data[i] : by_chance, sizes[i]));
        size_t alignment = job_alignment(data[i], sizes[i]); /* mostly no more than FIRM: then kept batches fit */
        *slack += 2 * (alignment > JOB_ALIGN_FIRM ? alignment : JOB_ALIGN_FIRM);
        async->begun_with[i] = data[i];
    }
    return room;
}

static void queue_push(struct async *async, struct batch *batch)
{
    *(async->first ? &async->last->next : &async->first) = batch;
    async->last = batch;
}

/* Room for a copy of `data`, or for what is copied there. */
static void *payload_take(struct batch *batch, const void *data, size_t size)
{
    uintptr_t at = job_align((uintptr_t)batch->payload, job_alignment(data, size));
    if (at > (uintptr_t)batch->payload_end || (uintptr_t)batch->payload_end - at < size)
        return NULL;
    batch->payload = (char *)at + size;
    return (void *)at;
}

/* --------------------------------------------------------------------------------------- submitting */

static int extra_make(struct grain_future *future, const struct grain_call_options *options)
{
    struct batch *batch = future->batch;
    future->extra = calloc(1, sizeof *future->extra);
    if (!future->extra)
        return -ENOMEM;
    future->extra->callback = options->callback;
    future->extra->error_callback = options->error_callback;
    future->extra->user = options->user;
    future->extra->report = options->report;
    if (!options->callback && !options->error_callback)
        return 0;
    int status = delivery_start(batch->async);
    if (status) {
        free(future->extra);
        future->extra = NULL;
        return status;
    }
    future->has_callbacks = true;
    batch->has_callbacks = true;
    batch->has_dues = true;
    return 0;
}

/* Takes the batch's next future. With async.lock held. */
static int future_take(struct batch *batch, void *result, size_t result_size, const struct grain_call_options *options,
                       struct grain_future **out)
{
    struct grain_future *future = &batch->futures[batch->count];
    *future = (struct grain_future){.batch = batch, .result = result, .result_size = (uint32_t)result_size};
    if (options->callback || options->error_callback || options->report) {
        int status = extra_make(future, options);
        if (status)
            return status;
    }
    batch->count++;
    if (out) {
        batch->handles++;
        *out = future;
    } else {
        batch->has_dues = true;
    }
    return 0;
}

static bool is_aligned_as(const void *copy, const void *data, size_t size)
{
    return ((uintptr_t)copy & (job_alignment(data, size) - 1)) == 0;
}

static bool is_same(const struct job_terms *terms, const struct apply *apply, const void *params)
{
    return terms->retries == apply->retries && terms->task_timeout_ns == apply->task_timeout_ns &&
           terms->params_size == apply->params_size &&
           (apply->params_size == 0 || (memcmp(terms->params, params, apply->params_size) == 0 &&
                                        is_aligned_as(terms->params, params, apply->params_size)));
}

/* The terms are the same from call to call, or some few take turns: they are copied once for as long as they stay so.
 * NULL: there is no room. */
static const struct job_terms *terms_place(struct batch *batch, const struct apply *apply, const void *params)
{
    unsigned known = batch->terms_count < BATCH_TERMS ? batch->terms_count : BATCH_TERMS;
    for (unsigned i = 1; i <= known; i++)
        if (is_same(batch->terms[(batch->terms_count - i) % BATCH_TERMS], apply, params))
            return batch->terms[(batch->terms_count - i) % BATCH_TERMS];
    struct job_terms *terms = payload_take(batch, NULL, sizeof *terms);
    void *copy = terms && apply->params_size ? payload_take(batch, params, apply->params_size) : NULL;
    if (!terms || (apply->params_size && !copy))
        return NULL;
    *terms = (struct job_terms){
        .params_size = apply->params_size, .task_timeout_ns = apply->task_timeout_ns, .retries = apply->retries};
    terms->params = copy ? memcpy(copy, params, apply->params_size) : NULL;
    batch->terms[batch->terms_count++ % BATCH_TERMS] = terms;
    uint64_t *least = &batch->job.task_timeout_ns;
    if (apply->task_timeout_ns && (*least == 0 || apply->task_timeout_ns < *least))
        *least = apply->task_timeout_ns;
    return terms;
}

/* Writes the call behind the last one of the batch; false when there is no room. */
static bool call_append(struct batch *batch, const struct apply *apply, const void *params_data)
{
    void *arg = NULL, *result = NULL;
    const struct job_terms *terms;
    if (batch->count == batch->room || !(terms = terms_place(batch, apply, params_data)) ||
        (apply->arg_size && !(arg = payload_take(batch, apply->arg, apply->arg_size))) ||
        (apply->result_size && !(result = payload_take(batch, apply->result, apply->result_size))))
        return false;
    if (arg)
        memcpy(arg, apply->arg, apply->arg_size);
    batch->calls[batch->count] = (struct job_call){.task = apply->task, .arg = arg, .result = result, .terms = terms};
    return true;
}

static bool is_open(const struct batch *batch)
{
    return batch && batch->is_calls && atomic_load_explicit(&batch->phase, memory_order_relaxed) == BATCH_OPEN;
}

/* Writes the call into the open batch at the end of the queue; NULL: it has no place there, or there is none. */
static struct batch *last_append(struct async *async, const struct apply *apply, const void *params)
{
    struct batch *last = async->first ? async->last : NULL;
    return is_open(last) && call_append(last, apply, params) ? last : NULL;
}

/* Nothing more comes into the last batch, if it was open. */
static void last_seal(struct grain_pool *pool)
{
    struct async *async = pool->async;
    struct batch *last = async->first ? async->last : NULL;
    if (!is_open(last))
        return;
    atomic_store_explicit(&last->phase, BATCH_SEALED, memory_order_relaxed);
    if (last->count >= async->next_room / 2 && async->next_room < BATCH_CALLS_MAX) /* full, as far as can be told */
        async->next_room *= 2;
    async_wake(pool);
}

/* A batch that begins with this call, at the end of the queue. It counts as one of the pool's calls until it has ended:
 * while it is open the pool cannot go, nor while the lock is let go for its memory. Somebody else may have begun one
 * meanwhile that takes this call too. With async.lock held. */
static int batch_begin(struct grain_pool *pool, const struct apply *apply, const void *params, struct batch **out)
{
    int status = pool_enter(pool);
    if (status)
        return status;
    size_t slack, call_size = room_of(pool->async, apply, params, &slack);
    struct batch *batch = batch_get(pool, call_size, slack);
    *out = last_append(pool->async, apply, params);
    if (*out || !batch) {
        if (batch)
            batch_keep(batch);
        pool_leave(pool);
        return *out ? 0 : -ENOMEM;
    }
    last_seal(pool);
    batch_start(pool, batch);
    if (!call_append(batch, apply, params)) { /* never: batch_get() was told what the first one needs */
        batch_drop(batch);
        pool_leave(pool);
        return -ENOMEM;
    }
    queue_push(pool->async, batch);
    *out = batch;
    return 0;
}

/* The batch that this call was written into. With async.lock held. */
static int batch_append(struct grain_pool *pool, const struct apply *apply, const void *params, struct batch **out)
{
    *out = last_append(pool->async, apply, params);
    if (*out)
        return 0;
    last_seal(pool);
    return batch_begin(pool, apply, params, out);
}

int async_apply(struct grain_pool *pool, const struct apply *apply, const struct grain_call_options *options,
                struct grain_future **future)
{
    struct async *async = pool->async;
    struct batch *batch;
    int status;
    if (apply->result_size > UINT32_MAX)
        return refuse(-EOVERFLOW, "the result: %zu bytes; of a queued call at most 4 GiB - 1", apply->result_size);
    if (apply->arg_size > SIZE_MOST || apply->params_size > SIZE_MOST)
        return -ENOMEM;
    pthread_mutex_lock(&async->lock);
    status = pool_phase(pool); /* one that is being joined starts no thread any more */
    if (status == 0 && async->dispatcher_count == 0)
        status = async_wake(pool);
    if (status == 0)
        status = batch_append(pool, apply, options->params, &batch);
    if (status == 0) {
        status = future_take(batch, apply->result, apply->result_size, options, future);
        if (batch->count <=
            1) /* later ones go with it: whoever was woken takes all. Empty, it has to go all the same */
            async_wake(pool);
    }
    pthread_mutex_unlock(&async->lock);
    return status;
}

/* What params take of a batch's tail, so that they and what lies behind them can be aligned. */
static size_t params_room(const struct job *job)
{
    return job->params_size ? job->params_size + job_alignment(job->params, job->params_size) + JOB_ALIGN_LEAST : 0;
}

/* Params and the table of columns need not outlive the call that hands them over: they are copied behind the future. */
static void job_copy(struct batch *batch, const struct job *job)
{
    uintptr_t tail = (uintptr_t)batch_tail(batch);
    job_describe(&batch->job, job);
    if (job->params_size) {
        tail = job_align(tail, job_alignment(job->params, job->params_size));
        batch->job.params = memcpy((void *)tail, job->params, job->params_size);
        tail = job_align(tail + job->params_size, JOB_ALIGN_LEAST);
    }
    if (job->column_count)
        batch->job.columns = memcpy((void *)tail, job->columns, job->column_count * sizeof *job->columns);
}

/* Nothing to do: nothing is queued, no callback is called. */
static void future_ready_at_once(struct batch *batch, struct grain_report *report, struct grain_future **out)
{
    struct grain_future *future = &batch->futures[0];
    if (report)
        report->failed = 0;
    batch->count = 1;
    *future = (struct grain_future){.batch = batch};
    atomic_store_explicit(&future->state, FUTURE_READY, memory_order_relaxed);
    atomic_store_explicit(&batch->phase, BATCH_ENDED, memory_order_relaxed);
    batch_release(batch);
    if (out)
        *out = future;
    else
        batch_release(batch);
}

int async_job(struct grain_pool *pool, const struct job *job, const struct grain_call_options *options,
              struct grain_future **future)
{
    struct async *async = pool->async;
    size_t tail = params_room(job) + job->column_count * sizeof *job->columns;
    struct batch *batch = batch_new(async, 1, tail);
    if (!batch)
        return -ENOMEM;
    atomic_store_explicit(&batch->references, 2, memory_order_relaxed);
    job_copy(batch, job);
    if (job->count == 0) {
        future_ready_at_once(batch, options->report, future);
        pool_leave(pool);
        return 0;
    }
    pthread_mutex_lock(&async->lock);
    int status = async->dispatcher_count == 0 ? async_wake(pool) : 0;
    if (status == 0)
        status = future_take(batch, job->results, 0, options, future);
    if (status == 0) {
        batch->has_dues = true;
        atomic_store_explicit(&batch->phase, BATCH_SEALED, memory_order_relaxed);
        queue_push(async, batch);
        async_wake(pool);
    }
    pthread_mutex_unlock(&async->lock);
    if (status)
        batch_drop(batch);
    return status;
}
