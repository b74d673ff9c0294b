/* SPDX-License-Identifier: MIT
 *
 * What a future does for its caller. A future is settled once: by the dispatcher when its batch has ended, or before
 * that by whoever looks at it after its own call has ended. Waiting looks at the call now and then, a millisecond apart:
 * a worker that told of every task would pay a system call a task.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pool.h"

#define LOOK_NS 1000000u
#define LOOKS   64 /* before the first sleep */
#define SECOND  1000000000u

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

static int settle_from_call(struct grain_future *future, int batch_status)
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
        if (batch_status == 0 && !(future->batch->pool->core.backend->capabilities & BACKEND_RUNS_TASKS))
            return 0;
        return batch_status ? batch_status : -ENOTRECOVERABLE;
    }
}

static int settle_from_job(struct grain_future *future, int batch_status)
{
    const struct job_outcome *outcome = &future->batch->job.outcome;
    if (batch_status == 0 && outcome->failed) {
        error_keep(future, &outcome->first);
        return GRAIN_TASK_FAILED;
    }
    return batch_status;
}

static void report_fill(struct grain_future *future)
{
    const struct batch *batch = future->batch;
    struct grain_report *report = future->extra ? future->extra->report : NULL;
    /* seq_cst: as in settle_from_call */
    if (!report || atomic_load_explicit(&future->is_discarded, memory_order_seq_cst))
        return;
    bool has_failed = future->status == GRAIN_TASK_FAILED;
    report->failed = !has_failed ? 0 : batch->is_calls ? 1 : batch->job.outcome.failed;
    if (has_failed)
        report->first = future->extra->error;
    if (batch->is_calls && report->codes)
        report->codes[0] = has_failed ? future->extra->error.code : 0;
}

static bool has_callback(const struct grain_future *future)
{
    const struct future_extra *extra = future->extra;
    return extra && !atomic_load_explicit(&future->is_discarded, memory_order_seq_cst) &&
           (future->status == 0 ? extra->callback != NULL : extra->error_callback != NULL);
}

bool future_settle(struct grain_future *future, int batch_status)
{
    uint32_t state = FUTURE_PENDING;
    /* seq_cst: see settle_from_call */
    if (!atomic_compare_exchange_strong_explicit(&future->state, &state, FUTURE_SETTLING, memory_order_seq_cst,
                                                 memory_order_acquire)) {
        while (atomic_load_explicit(&future->state, memory_order_acquire) == FUTURE_SETTLING)
            sched_yield();
        return false;
    }
    future->status =
        future->batch->is_calls ? settle_from_call(future, batch_status) : settle_from_job(future, batch_status);
    report_fill(future);
    bool is_delivered = has_callback(future);
    /* release: pairs with future_is_ready */
    atomic_store_explicit(&future->state, is_delivered ? FUTURE_DELIVERING : FUTURE_READY, memory_order_release);
    return is_delivered;
}

bool future_has_ended(const struct grain_future *future)
{
    return future->batch->is_calls && job_call_state(call_of(future)) > CALL_RUNNING;
}

/* ----------------------------------------------------------------------------------------- looking */

static bool future_is_ready(const struct grain_future *future)
{
    return atomic_load_explicit(&future->state, memory_order_acquire) == FUTURE_READY;
}

/* Settles the future if its call has ended; not one that has callbacks: those are the delivery thread's. While the batch
 * is visited. */
static bool future_look(struct grain_future *future)
{
    if (!future_is_ready(future) && !future->has_callbacks && future_has_ended(future))
        future_settle(future, 0);
    return future_is_ready(future);
}

/* Looking may settle the future: for the caller nothing changes but what it is about to be told. */
bool grain_future_ready(const struct grain_future *future)
{
    if (!future)
        return false;
    if (!future_is_ready(future) && batch_visit(future->batch)) {
        future_look((struct grain_future *)(uintptr_t)future);
        batch_leave(future->batch);
    }
    return future_is_ready(future);
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* Sleeps until some batch is settled, at most until LOOK_NS from now or `until`. */
static void settled_await(struct async *async, const struct grain_future *future, uint64_t until)
{
    uint64_t wake = clock_ns() + LOOK_NS;
    wake = wake < until ? wake : until;
    struct timespec at = {.tv_sec = (time_t)(wake / SECOND), .tv_nsec = (long)(wake % SECOND)};
    pthread_mutex_lock(&async->lock);
    if (!future_is_ready(future))
        pthread_cond_timedwait(&async->settled, &async->lock, &at);
    pthread_mutex_unlock(&async->lock);
}

/* In a forked child, or where only the calling thread itself could make the future ready. While the batch is visited. */
static int wait_is_vain(const struct grain_future *future)
{
    const struct grain_pool *pool = future->batch->pool;
    if (!pool_is_owner(pool))
        return -EPERM;
    return future->has_callbacks && delivery_is_inside(pool) ? -EDEADLK : 0;
}

/* Looks, and sleeps a while when there is nothing to see. 0, or why it is no use to go on. */
static int future_sleep(struct grain_future *future, uint64_t until)
{
    if (!batch_visit(future->batch)) {
        if (!future_is_ready(future)) /* its callback is running or queued */
            nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        return 0;
    }
    int status = wait_is_vain(future);
    if (status == 0 && !future_look(future))
        settled_await(&future->batch->pool->async, future, until);
    batch_leave(future->batch);
    return status;
}

/* 0; -ETIMEDOUT; -EPERM; -EDEADLK. */
static int future_await(struct grain_future *future, uint64_t timeout_ns)
{
    if (grain_future_ready(future))
        return 0;
    if (timeout_ns == 0)
        return -ETIMEDOUT;
    uint64_t now = clock_ns(), until = timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
    for (unsigned look = 0; !grain_future_ready(future); look++) {
        int status = look < LOOKS ? 0 : clock_ns() >= until ? -ETIMEDOUT : future_sleep(future, until);
        if (status)
            return status;
    }
    return 0;
}

/* ------------------------------------------------------------------------------------- for callers */

int grain_future_wait(struct grain_future *future, uint64_t timeout_ns)
{
    if (!future)
        return -EINVAL;
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
        return -EINVAL;
    return grain_future_ready(future) ? future->status == 0 : -EAGAIN;
}

const struct grain_error *grain_future_error(const struct grain_future *future)
{
    bool has_failed = future && grain_future_ready(future) && future->status == GRAIN_TASK_FAILED;
    return has_failed && future->extra ? &future->extra->error : NULL;
}

/* A call that no worker has begun, wherever its batch is; a map whose batch is queued, which it stays under the lock. */
static int take_back(struct grain_future *future, struct async *async)
{
    struct batch *batch = future->batch;
    int status = -EBUSY;
    pthread_mutex_lock(&async->lock);
    bool is_queued = atomic_load_explicit(&batch->phase, memory_order_relaxed) < BATCH_RUNNING;
    bool is_mine = batch->is_calls ? job_call_claim(call_of(future), CALL_TAKEN_BACK)
                                   : is_queued && batch->job.count > 0 && !future_is_ready(future);
    if (is_mine) {
        if (!batch->is_calls)
            batch->job.count = 0;
        if (future_settle(future, -ECANCELED))
            delivery_push(async, future);
        status = 0;
    }
    pthread_mutex_unlock(&async->lock);
    return status;
}

int grain_future_cancel(struct grain_future *future)
{
    int status = -EBUSY;
    if (!future)
        return -EINVAL;
    if (batch_visit(future->batch)) {
        status = pool_is_owner(future->batch->pool) ? take_back(future, &future->batch->pool->async) : -EPERM;
        batch_leave(future->batch);
    }
    return status;
}

/* The results of a map are written where its caller wants them until its batch is settled. Not so in a forked child. */
static void map_await(const struct batch *batch)
{
    while (atomic_load_explicit(&batch->phase, memory_order_seq_cst) != BATCH_SETTLED) {
        if (batch_visit((struct batch *)(uintptr_t)batch)) {
            bool is_owner = pool_is_owner(batch->pool);
            batch_leave((struct batch *)(uintptr_t)batch);
            if (!is_owner)
                return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
}

void grain_future_free(struct grain_future *future)
{
    if (!future)
        return;
    /* The results of a queued call lie with the batch until it is settled: it can be left alone. */
    atomic_store_explicit(&future->is_discarded, true, memory_order_seq_cst);
    for (uint32_t state; (state = atomic_load_explicit(&future->state, memory_order_seq_cst)) == FUTURE_SETTLING ||
                         (state == FUTURE_IN_CALLBACK && !delivery_is_of(future));)
        sched_yield();
    if (!future->batch->is_calls)
        map_await(future->batch);
    batch_release(future->batch);
}
