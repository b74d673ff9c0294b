/* SPDX-License-Identifier: MIT
 *
 * A future is completed once, by whoever looks at it after its call has ended: it gets its status, its caller the
 * result, the report and the failure. Who looks: async.h.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "async.h"

/* The failure's details, where there is memory for them. */
static void error_keep(struct grain_future *future, const struct grain_error *error)
{
    future->error = malloc(sizeof *future->error);
    if (future->error)
        *future->error = *error;
    atomic_store_explicit(&future->batch->has_errors, true, memory_order_relaxed);
}

/* seq_cst: pairs with grain_future_free: it sees that we complete and waits, or we see that it discards. */
static void result_copy(const struct grain_future *future, const void *result)
{
    if (future->result_size && !atomic_load_explicit(&future->is_discarded, memory_order_seq_cst))
        memcpy(future->result, result, future->result_size);
}

static int complete_from_call(struct grain_future *future)
{
    const struct job_call *call = future_call(future);
    const struct job_errors *errors = future->batch->job.errors;
    switch (job_call_state(call)) {
    case CALL_DONE:
        result_copy(future, call->result);
        return 0;
    case CALL_FAILED:
        error_keep(future, call->error ? &errors->errors[call->error - 1] : &(struct grain_error){.code = call->code});
        return GRAIN_TASK_FAILED;
    case CALL_TAKEN_BACK:
        return -ECANCELED;
    default: /* left alone: by a backend that runs nothing, or by one that lost its workers */
        return future->batch->status_unrun;
    }
}

static int complete_from_job(struct grain_future *future)
{
    struct batch *batch = future->batch;
    if (batch->status)
        return batch->status;
    if (batch->job.outcome.failed) {
        future->error = &batch->job.outcome.first;
        return GRAIN_TASK_FAILED;
    }
    result_copy(future, batch->job.results);
    return 0;
}

static void report_fill(const struct grain_future *future)
{
    const struct batch *batch = future->batch;
    struct grain_report *report = future_extra(future)->report;
    /* seq_cst: as in result_copy */
    if (!report || atomic_load_explicit(&future->is_discarded, memory_order_seq_cst))
        return;
    struct job_outcome call = {.failed = future->status != 0, .first = {.code = future->status}};
    if (future->error)
        call.first = *future->error;
    const struct job_outcome *outcome = batch->kind == BATCH_CALLS ? &call : &batch->job.outcome;
    report->failed = outcome->failed;
    if (outcome->failed)
        report->first = outcome->first;
    if (batch->kind == BATCH_CALLS && report->codes)
        report->codes[0] = outcome->failed ? outcome->first.code : 0;
}

static bool has_callback(const struct grain_future *future)
{
    if (!future->has_callbacks || atomic_load_explicit(&future->is_discarded, memory_order_seq_cst))
        return false;
    const struct future_extra *extra = future_extra(future);
    return future->status == 0 ? extra->callback != NULL : extra->error_callback != NULL;
}

/* seq_cst: see result_copy. */
static bool try_hold(struct grain_future *future)
{
    uint32_t state = FUTURE_PENDING;
    return atomic_compare_exchange_strong_explicit(&future->state, &state, FUTURE_HELD, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

bool future_hold(struct grain_future *future)
{
    while (!try_hold(future)) {
        if (atomic_load_explicit(&future->state, memory_order_acquire) > FUTURE_HELD)
            return false;
        sched_yield();
    }
    return true;
}

void future_unhold(struct grain_future *future)
{
    atomic_store_explicit(&future->state, FUTURE_PENDING, memory_order_release);
}

bool future_has_ended(const struct grain_future *future)
{
    bool is_call = future->batch->kind == BATCH_CALLS;
    return (is_call && job_call_state(future_call(future)) > CALL_RUNNING) ||
           atomic_load_explicit(&future->batch->phase, memory_order_acquire) == BATCH_ENDED;
}

bool future_complete(struct grain_future *future)
{
    future->status = future->batch->kind == BATCH_CALLS ? complete_from_call(future) : complete_from_job(future);
    if (future->has_extra)
        report_fill(future);
    bool is_delivered = has_callback(future);
    bool gives_reference = future->has_callbacks && !is_delivered;
    struct batch *batch = future->batch;
    /* release: pairs with future_is_ready */
    atomic_store_explicit(&future->state, is_delivered ? FUTURE_DELIVERING : FUTURE_READY, memory_order_release);
    if (gives_reference) /* a callback that will not be called */
        batch_release(batch, 1);
    return is_delivered;
}

void future_list_add(struct future_list *list, struct grain_future *future)
{
    future_extra(future)->next = NULL;
    *(list->first ? &future_extra(list->last)->next : &list->first) = future;
    list->last = future;
}

void batch_complete(struct batch *batch)
{
    struct async *async = batch->async;
    struct future_list list = {NULL, NULL};
    for (size_t i = 0; i < batch->count; i++)
        if (future_hold(&batch->futures[i]) && future_complete(&batch->futures[i]))
            future_list_add(&list, &batch->futures[i]);
    if (!list.first)
        return;
    lock_take(&async->lock);
    if (async->to_deliver.first)
        future_extra(async->to_deliver.last)->next = list.first;
    else
        async->to_deliver.first = list.first;
    async->to_deliver.last = list.last;
    lock_drop(&async->lock);
}

/* A call that no worker has begun, wherever its batch is; a map that is queued, which it stays under the lock. */
static bool held_take_back(struct grain_future *future)
{
    struct batch *batch = future->batch;
    int phase = atomic_load_explicit(&batch->phase, memory_order_acquire);
    if (batch->kind == BATCH_CALLS)
        return phase != BATCH_ENDED && job_call_claim(future_call(future), CALL_TAKEN_BACK);
    if (phase != BATCH_QUEUED)
        return false;
    job_abandon(&batch->job, -ECANCELED);
    batch->job.count = 0;
    batch->status = -ECANCELED;
    return true;
}

int future_take_back(struct grain_future *future)
{
    struct async *async = future->batch->async;
    int status = -EBUSY;
    lock_take(&async->lock);
    if (future_hold(future)) {
        status = held_take_back(future) ? 0 : -EBUSY;
        if (status)
            future_unhold(future);
        else if (future_complete(future))
            future_list_add(&async->to_deliver, future);
    }
    lock_drop(&async->lock);
    if (status == 0)
        events_tell(async->events, EVENT_BIT(EVENT_FUTURES) | EVENT_BIT(EVENT_CALLBACKS)); /* the lock was F12 */
    return status;
}
