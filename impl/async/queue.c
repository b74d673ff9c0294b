/* SPDX-License-Identifier: MIT
 *
 * How calls that nobody waits for come in: a call of apply alone, or into the open batch, everything else as a batch of
 * its own. The memory they are written into: batch.c. What becomes of it: flight.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"
#include "sys/clock.h"

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

/* Room for a copy of `data`, or for what is copied there. */
static void *payload_take(struct batch *batch, const void *data, size_t size)
{
    uintptr_t at = job_align((uintptr_t)batch->payload, job_alignment(data, size));
    if (at > (uintptr_t)batch->payload_end || (uintptr_t)batch->payload_end - at < size)
        return NULL;
    batch->payload = (char *)at + size;
    return (void *)at;
}

/* True also where there is nothing to copy. */
static bool payload_copy(struct batch *batch, const void *data, size_t size, const void **copy)
{
    void *memory = size ? payload_take(batch, data, size) : NULL;
    *copy = memory ? memcpy(memory, data, size) : NULL;
    return memory || size == 0;
}

/* --------------------------------------------------------------------------------------- futures */

static int extra_make(struct grain_future *future, const struct grain_call_options *options)
{
    struct batch *batch = future->batch;
    if (!batch->extras && !(batch->extras = malloc(batch->room * sizeof *batch->extras)))
        return -ENOMEM;
    *future_extra(future) = (struct future_extra){.callback = options->callback,
                                                  .error_callback = options->error_callback,
                                                  .user = options->user,
                                                  .report = options->report};
    future->has_extra = true;
    if (!options->callback && !options->error_callback)
        return 0;
    int status = callbacks_start(batch->async);
    if (status)
        return status;
    future->has_callbacks = true;
    batch->callbacks++;
    batch->has_callbacks = true;
    batch->must_complete = true;
    return 0;
}

/* Takes the batch's next future. L */
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
        batch->must_complete = true;
    }
    return 0;
}

/* --------------------------------------------------------------------------------------- calls of apply */

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
    const void *copy;
    if (!terms || !payload_copy(batch, params, apply->params_size, &copy))
        return NULL;
    *terms = (struct job_terms){copy, apply->params_size, apply->task_timeout_ns, apply->retries};
    batch->terms[batch->terms_count++ % BATCH_TERMS] = terms;
    uint64_t *least = &batch->job.task_timeout_ns;
    if (apply->task_timeout_ns && (*least == 0 || apply->task_timeout_ns < *least))
        *least = apply->task_timeout_ns;
    return terms;
}

/* Writes the call behind the last one of the batch; false when there is no room. */
static bool call_append(struct batch *batch, const struct apply *apply, const struct grain_call_options *options)
{
    const void *arg;
    void *result = NULL;
    const struct job_terms *terms;
    if (batch->count == batch->room || !(terms = terms_place(batch, apply, options->params)) ||
        !payload_copy(batch, apply->arg, apply->arg_size, &arg) ||
        (apply->result_size && !(result = payload_take(batch, apply->result, apply->result_size))))
        return false;
    bool has_callback = options->callback || options->error_callback;
    batch->calls[batch->count] = (struct job_call){.task = apply->task, .arg = arg, .result = result, .terms = terms};
    batch->calls[batch->count].watch = has_callback ? EVENT_BIT(EVENT_CALLBACKS) : 0;
    return true;
}

/* Writes the call into the open batch; NULL: it has no place there, or there is none. */
static struct batch *open_append(struct async *async, const struct apply *apply,
                                 const struct grain_call_options *options)
{
    struct batch *open = async_open_batch(async);
    return open && call_append(open, apply, options) ? open : NULL;
}

static void full_seal(struct async *async)
{
    if (async->next_room < BATCH_CALLS_MAX)
        async->next_room *= 2;
    async_seal(async);
    service_advance(async);
}

/* A batch that begins with this call, at the end of the queue. It counts as one of the pool's calls until it has ended:
 * while it is open the pool cannot go, nor while the lock is let go for its memory. Somebody else may have begun one
 * meanwhile that takes this call too. L */
static int batch_begin(struct async *async, const struct apply *apply, const struct grain_call_options *options,
                       struct batch **out)
{
    int status = pool_enter(async->pool);
    if (status)
        return status;
    size_t slack, call_size = room_of(async, apply, options->params, &slack);
    struct batch *batch = batch_get(async, call_size, slack);
    *out = batch ? open_append(async, apply, options) : NULL;
    if (*out || !batch) {
        if (batch)
            batch_keep(batch);
        pool_leave(async->pool);
        return *out ? 0 : -ENOMEM;
    }
    async_seal(async);
    batch_start(batch);
    if (!call_append(batch, apply, options)) { /* never: batch_get() was told what the first one needs */
        batch_drop(batch);
        pool_leave(async->pool);
        return -ENOMEM;
    }
    async_push(async, batch);
    atomic_store_explicit(&async->has_open, true, memory_order_relaxed);
    *out = batch;
    return 0;
}

/* The batch that this call was written into. L */
static int batch_append(struct async *async, const struct apply *apply, const struct grain_call_options *options,
                        struct batch **out)
{
    *out = open_append(async, apply, options);
    if (*out)
        return 0;
    if (async_open_batch(async))
        full_seal(async);
    return batch_begin(async, apply, options, out);
}

/* Whether a call goes at once: nothing is gathered, and what went before was waited for, or began long ago. L */
static bool goes_at_once(struct async *async)
{
    if (async->first)
        return false;
    if (async->flying_count == 0 && atomic_load_explicit(&async->was_waited, memory_order_relaxed))
        return true;
    uint64_t now = clock_ns();
    if (now < async->last_start_ns + (async->flying_count ? BATCH_GATHER_NS : BATCH_GATHER_FREE_NS))
        return false;
    async->last_start_ns = now;
    return async->flying_count < async->flying_most;
}

/* A call with nothing to say but task, data and result goes as a job of one task. */
static bool is_plain(const struct apply *apply, const struct grain_call_options *options, bool has_handle)
{
    return has_handle && !options->callback && !options->error_callback && !options->report && !apply->retries &&
           !apply->task_timeout_ns;
}

/* False: it is not small enough, or there is no memory: it takes the other way. L */
static bool lone_submit(struct async *async, const struct apply *apply, const struct grain_call_options *options,
                        struct grain_future **future)
{
    if (apply->arg_size + apply->result_size + apply->params_size > LONE_BYTES / 2 || pool_enter(async->pool))
        return false;
    struct batch *batch = batch_lone(async);
    const void *arg, *params;
    void *result = NULL;
    if (!batch || !payload_copy(batch, apply->arg, apply->arg_size, &arg) ||
        !payload_copy(batch, options->params, apply->params_size, &params) ||
        (apply->result_size && !(result = payload_take(batch, apply->result, apply->result_size)))) {
        if (batch)
            batch_drop(batch);
        pool_leave(async->pool);
        return false;
    }
    struct job *job = &batch->job;
    job_clear(job);
    job->task = apply->task;
    job->items = arg;
    job->results = result;
    job->params = params;
    job->params_size = apply->params_size;
    job->item_size = apply->arg_size;
    job->result_size = apply->result_size;
    job->count = job->chunk = 1;
    job->schedule = async->pool->core.backend->default_schedule;
    batch->futures[0] =
        (struct grain_future){.batch = batch, .result = apply->result, .result_size = (uint32_t)apply->result_size};
    *future = &batch->futures[0];
    atomic_store_explicit(&batch->references, 2, memory_order_relaxed);
    atomic_store_explicit(&batch->phase, BATCH_QUEUED, memory_order_relaxed);
    async_push(async, batch);
    service_advance(async);
    return true;
}

/* L */
static int apply_queue(struct async *async, const struct apply *apply, const struct grain_call_options *options,
                       struct grain_future **future)
{
    bool can_fly = async_can_fly(async), has_callback = options->callback || options->error_callback;
    if (can_fly && async->flying && !async->first)
        async_reap(async);
    bool is_lone = !apply->is_gathered && goes_at_once(async);
    if (is_lone && can_fly && async->flying_count == 0 && is_plain(apply, options, future != NULL) &&
        lone_submit(async, apply, options, future)) {
        atomic_store_explicit(&async->was_waited, false, memory_order_relaxed);
        return 0;
    }
    bool needs_service = !can_fly || !is_lone || apply->task_timeout_ns || (!future && !has_callback);
    int status = needs_service ? service_start(async) : 0;
    struct batch *batch;
    if (status == 0)
        status = batch_append(async, apply, options, &batch);
    if (status)
        return status;
    status = future_take(batch, apply->result, apply->result_size, options, future);
    if (is_lone || batch->count == batch->room) {
        atomic_store_explicit(&async->was_waited, false, memory_order_relaxed);
        is_lone ? async_seal(async) : full_seal(async);
        service_advance(async);
    } else if (batch->count <= 1) { /* empty, it has to go all the same */
        if (apply->is_gathered)
            async->last_start_ns = clock_ns();
        service_call(async, async_is_full(async) ? 0 : async->last_start_ns + BATCH_GATHER_FREE_NS);
    }
    return status;
}

int async_apply(struct grain_pool *pool, const struct apply *apply, const struct grain_call_options *options,
                struct grain_future **future)
{
    struct async *async = pool->async;
    if (apply->result_size > UINT32_MAX)
        return refuse(-EOVERFLOW, "the result: %zu bytes; of a queued call at most 4 GiB - 1", apply->result_size);
    if (apply->arg_size > SIZE_MOST || apply->params_size > SIZE_MOST)
        return -ENOMEM;
    lock_take(&async->lock);
    int status = pool_phase(pool); /* one that is being joined starts no thread any more */
    if (status == 0)
        status = apply_queue(async, apply, options, future);
    lock_drop(&async->lock);
    return status;
}

void async_flush(struct async *async)
{
    if (!atomic_load_explicit(&async->has_open, memory_order_relaxed))
        return;
    lock_take(&async->lock);
    if (async_open_batch(async)) {
        async_seal(async);
        service_advance(async);
    }
    lock_drop(&async->lock);
}

/* --------------------------------------------------------------------------------------- everything else */

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
    batch_release(batch, out ? 2 : 3);
    if (out)
        *out = future;
}

int async_job(struct grain_pool *pool, const struct job *job, const struct grain_call_options *options,
              struct grain_future **future)
{
    struct async *async = pool->async;
    struct batch *batch = batch_new(async, 1, params_room(job) + job->column_count * sizeof *job->columns);
    if (!batch)
        return -ENOMEM;
    batch->kind = BATCH_MAP;
    job_copy(batch, job);
    if (job->count == 0) {
        future_ready_at_once(batch, options->report, future);
        pool_leave(pool);
        return 0;
    }
    bool needs_service = !async_can_fly(async) || job->task_timeout_ns || !future;
    lock_take(&async->lock);
    if (async->flying_count >= async->flying_most)
        async_reap(async);
    int status = needs_service || async->first || async->flying_count >= async->flying_most ? service_start(async) : 0;
    if (status == 0)
        status = future_take(batch, job->results, 0, options, future);
    if (status == 0) {
        async_seal(async);
        batch_seal(batch);
        async_push(async, batch);
        service_advance(async);
    }
    lock_drop(&async->lock);
    if (status)
        batch_drop(batch);
    return status;
}
