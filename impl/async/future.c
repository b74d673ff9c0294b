/* SPDX-License-Identifier: MIT
 *
 * What a future does for its caller. A future is settled once, by whoever looks at it after its call has ended; async.h
 * says when that is the dispatcher. Waiting looks at the call now and then, a millisecond apart: a worker that told of
 * every task would pay a system call a task.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pool/pool.h"
#include "sys/clock.h"

#define LOOK_NS 1000000u
#define LOOKS   64 /* before the first sleep */

/* ---------------------------------------------------------------------------------------- settling */

static struct job_call *call_of(const struct grain_future *future)
{
    return &future->batch->calls[future - future->batch->futures];
}

/* The failure's details, where there is memory for them. */
static void error_keep(struct grain_future *future, const struct grain_error *error)
{
    if (!future->extra)
        future->extra = calloc(1, sizeof *future->extra);
    if (future->extra)
        future->extra->error = *error;
}

static int settle_from_call(struct grain_future *future)
{
    const struct job_call *call = call_of(future);
    const struct job_errors *errors = future->batch->job.errors;
    switch (job_call_state(call)) {
    case CALL_DONE:
        /* seq_cst: pairs with grain_future_free: it sees that we settle and waits, or we see that it discards */
        if (future->result_size && !atomic_load_explicit(&future->is_discarded, memory_order_seq_cst))
            memcpy(future->result, call->result, future->result_size);
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

static int settle_from_job(struct grain_future *future)
{
    const struct batch *batch = future->batch;
    if (batch->status == 0 && batch->job.outcome.failed) {
        error_keep(future, &batch->job.outcome.first);
        return GRAIN_TASK_FAILED;
    }
    return batch->status;
}

static void report_fill(struct grain_future *future)
{
    const struct batch *batch = future->batch;
    struct grain_report *report = future->extra ? future->extra->report : NULL;
    /* seq_cst: as in settle_from_call */
    if (!report || atomic_load_explicit(&future->is_discarded, memory_order_seq_cst))
        return;
    struct job_outcome call = {.failed = future->status != 0, .first = {.code = future->status}};
    if (future->status == GRAIN_TASK_FAILED)
        call.first = future->extra->error;
    const struct job_outcome *outcome = batch->is_calls ? &call : &batch->job.outcome;
    report->failed = outcome->failed;
    if (outcome->failed)
        report->first = outcome->first;
    if (batch->is_calls && report->codes)
        report->codes[0] = outcome->failed ? outcome->first.code : 0;
}

static bool has_callback(const struct grain_future *future)
{
    const struct future_extra *extra = future->extra;
    return extra && !atomic_load_explicit(&future->is_discarded, memory_order_seq_cst) &&
           (future->status == 0 ? extra->callback != NULL : extra->error_callback != NULL);
}

/* seq_cst: see settle_from_call. */
static bool hold(struct grain_future *future)
{
    uint32_t state = FUTURE_PENDING;
    return atomic_compare_exchange_strong_explicit(&future->state, &state, FUTURE_HELD, memory_order_seq_cst,
                                                   memory_order_relaxed);
}

/* False: it is settled. */
static bool hold_or_see(struct grain_future *future)
{
    while (!hold(future)) {
        if (atomic_load_explicit(&future->state, memory_order_acquire) > FUTURE_HELD)
            return false;
        sched_yield();
    }
    return true;
}

static void let_go(struct grain_future *future)
{
    atomic_store_explicit(&future->state, FUTURE_PENDING, memory_order_release);
}

static bool settle_held(struct grain_future *future)
{
    future->status = future->batch->is_calls ? settle_from_call(future) : settle_from_job(future);
    if (future->extra)
        report_fill(future);
    bool is_delivered = has_callback(future);
    /* release: pairs with future_is_ready */
    atomic_store_explicit(&future->state, is_delivered ? FUTURE_DELIVERING : FUTURE_READY, memory_order_release);
    return is_delivered;
}

bool future_settle(struct grain_future *future)
{
    return hold_or_see(future) && settle_held(future);
}

/* Of a future that is held: its batch's calls are where they were. */
static bool has_ended(const struct grain_future *future)
{
    return job_call_state(call_of(future)) > CALL_RUNNING ||
           atomic_load_explicit(&future->batch->phase, memory_order_acquire) == BATCH_ENDED;
}

bool future_settle_early(struct grain_future *future)
{
    if (!hold(future))
        return false;
    if (has_ended(future))
        return settle_held(future);
    let_go(future);
    return false;
}

/* ----------------------------------------------------------------------------------------- looking */

static bool future_is_ready(const struct grain_future *future)
{
    return atomic_load_explicit(&future->state, memory_order_acquire) == FUTURE_READY;
}

/* Looking may settle the future: for the caller nothing changes but what it is about to be told. One with callbacks is
 * the delivery thread's, a map its dispatcher's. */
bool grain_future_ready(const struct grain_future *future)
{
    if (!future)
        return false;
    if (future_is_ready(future))
        return true;
    /* In a forked child the calls are the parent's, who may have used their memory again. */
    if (!future->has_callbacks && future->batch->is_calls && async_is_owner(future->batch->async))
        future_settle_early((struct grain_future *)(uintptr_t)future);
    return future_is_ready(future);
}

/* Sleeps until some batch is settled, at most until LOOK_NS from now or `until`. */
static void settled_await(const struct grain_future *future, uint64_t until)
{
    struct async *async = future->batch->async;
    uint64_t wake = clock_ns() + LOOK_NS;
    pthread_mutex_lock(&async->lock);
    if (!future_is_ready(future))
        async_wait_until(&async->settled, async, wake < until ? wake : until);
    pthread_mutex_unlock(&async->lock);
}

/* In a forked child; in a worker, which may be the one that the call waits for; or where only the calling thread itself
 * could make the future ready. */
static int wait_is_vain(const struct grain_future *future)
{
    const struct async *async = future->batch->async;
    if (!async_is_owner(async))
        return -EPERM;
    if (pool_is_inside(async->pool_id))
        return -EDEADLK;
    return future->has_callbacks && delivery_is_inside(async) ? -EDEADLK : 0;
}

/* 0; -ETIMEDOUT; -EPERM; -EDEADLK. */
static int future_await(struct grain_future *future, uint64_t timeout_ns)
{
    if (grain_future_ready(future))
        return 0;
    int status = wait_is_vain(future);
    if (status == 0 && timeout_ns == 0)
        status = -ETIMEDOUT;
    if (status)
        return status;
    if (atomic_load_explicit(&future->batch->phase, memory_order_relaxed) == BATCH_OPEN)
        async_hurry(future->batch);
    uint64_t until = clock_until_ns(timeout_ns);
    for (unsigned look = 0; !grain_future_ready(future); look++) {
        if (look < LOOKS)
            continue;
        if (clock_ns() >= until)
            return -ETIMEDOUT;
        settled_await(future, until);
    }
    return 0;
}

/* ------------------------------------------------------------------------------------- for callers */

int grain_future_wait(struct grain_future *future, uint64_t timeout_ns)
{
    if (!future)
        return refuse(-EINVAL, "future: NULL");
    if (delivery_is_of(future))
        return -EDEADLK;
    return future_await(future, timeout_ns);
}

int grain_future_get(struct grain_future *future, uint64_t timeout_ns)
{
    int status = grain_future_wait(future, timeout_ns);
    return status ? status : future->status;
}

int grain_future_successful(const struct grain_future *future)
{
    if (!future)
        return refuse(-EINVAL, "future: NULL");
    return grain_future_ready(future) ? future->status == 0 : -EAGAIN;
}

const struct grain_error *grain_future_error(const struct grain_future *future)
{
    bool has_failed = future && grain_future_ready(future) && future->status == GRAIN_TASK_FAILED;
    return has_failed && future->extra ? &future->extra->error : NULL;
}

/* A call that no worker has begun, wherever its batch is; a map whose batch is queued, which it stays under the
 * lock. */
static bool take_held_back(struct grain_future *future)
{
    struct batch *batch = future->batch;
    if (batch->is_calls)
        return atomic_load_explicit(&batch->phase, memory_order_acquire) != BATCH_ENDED &&
               job_call_claim(call_of(future), CALL_TAKEN_BACK);
    if (atomic_load_explicit(&batch->phase, memory_order_relaxed) >= BATCH_RUNNING)
        return false;
    job_abandon(&batch->job, -ECANCELED);
    batch->job.count = 0;
    batch->status = -ECANCELED;
    return true;
}

int grain_future_cancel(struct grain_future *future)
{
    if (!future)
        return refuse(-EINVAL, "future: NULL");
    struct async *async = future->batch->async;
    if (!async_is_owner(async))
        return -EPERM;
    int status = -EBUSY;
    pthread_mutex_lock(&async->lock);
    if (hold_or_see(future)) {
        if (take_held_back(future)) {
            status = 0;
            if (settle_held(future))
                delivery_push(async, future);
        } else {
            let_go(future);
        }
    }
    pthread_mutex_unlock(&async->lock);
    return status;
}

/* The results of a map are written where its caller wants them until its batch has ended. */
static void map_await(const struct batch *batch)
{
    while (atomic_load_explicit(&batch->phase, memory_order_acquire) != BATCH_ENDED)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

/* A worker that waited here could be the one that is waited for. */
static bool may_discard(const struct grain_future *future)
{
    bool is_short =
        future->batch->is_calls && atomic_load_explicit(&future->state, memory_order_acquire) != FUTURE_IN_CALLBACK;
    return is_short || !pool_is_inside(future->batch->async->pool_id);
}

/* After this nobody writes the result, the report, or calls a callback. */
static void discard(struct grain_future *future)
{
    atomic_store_explicit(&future->is_discarded, true, memory_order_seq_cst);
    for (uint32_t state; (state = atomic_load_explicit(&future->state, memory_order_seq_cst)) == FUTURE_HELD ||
                         (state == FUTURE_IN_CALLBACK && !delivery_is_of(future));)
        sched_yield();
    if (!future->batch->is_calls)
        map_await(future->batch);
}

void grain_future_free(struct grain_future *future)
{
    if (!future || !async_is_owner(future->batch->async))
        return;
    if (!future_is_ready(future)) {
        if (!may_discard(future))
            return;
        discard(future);
    }
    batch_release(future->batch);
}
