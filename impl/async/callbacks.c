/* SPDX-License-Identifier: MIT
 *
 * The callback thread of a pool: calls callbacks, one at a time. It completes what has one as soon as the call has
 * ended, and takes all that is there at once; when there is nothing it lets the workers go on for a moment, and then
 * sleeps. So a burst of calls wakes it once.
 */
#include <errno.h>
#include <sched.h>

#include "async.h"
#include "sys/futex.h"
#include "sys/inject.h"
#include "sys/signals.h"

#define YIELDS 16 /* before it sleeps */

static _Thread_local const struct async *inside;
static _Thread_local const struct grain_future *current;

bool callbacks_is_inside(const struct async *async)
{
    return inside == async;
}

bool callbacks_is_of(const struct grain_future *future)
{
    return current == future;
}

/* ------------------------------------------------------------------------------------------- looking */

/* With the lock held batches stay in the list, and their calls where they are. */
static void calls_look(struct batch *batch)
{
    while (batch->completed_below < batch->count && atomic_load_explicit(&batch->futures[batch->completed_below].state,
                                                                         memory_order_acquire) >= FUTURE_DELIVERING)
        batch->completed_below++;
    for (size_t i = batch->completed_below; i < batch->count; i++) {
        struct grain_future *future = &batch->futures[i];
        if (!future->has_callbacks || job_call_state(&batch->calls[i]) <= CALL_RUNNING || !future_hold(future))
            continue;
        if (future_complete(future))
            future_deliver(future);
    }
}

/* Whether there is anything to do. may_come: there are calls under way. L */
static bool flying_look(struct async *async, unsigned watch, bool *may_come)
{
    bool is_done = false;
    *may_come = false;
    for (struct batch *batch = async->flying; batch; batch = batch->next_listed) {
        if (!batch->has_callbacks)
            continue;
        *may_come = true;
        is_done = batch_is_done(batch, watch) || is_done;
        if (batch->kind == BATCH_CALLS)
            calls_look(batch);
    }
    return is_done || async->deliver_first;
}

/* ------------------------------------------------------------------------------------------- calling */

static void callback_call(const struct grain_future *future)
{
    const struct future_extra *extra = future_extra(future);
    const struct batch *batch = future->batch;
    if (future->status == 0) {
        extra->callback(extra->user, future->result, batch->kind == BATCH_CALLS ? 1 : batch->job.count);
        return;
    }
    struct grain_error error = {.code = future->status};
    if (future->error)
        error = *future->error;
    extra->error_callback(extra->user, &error);
}

/* What is to be delivered, and how many references of one batch are to be given up. */
struct delivery {
    struct grain_future *next;
    struct batch *batch;
    size_t references;
};

/* seq_cst: pairs with grain_future_free: it sees that the callback runs and waits, or we see that it is not wanted. */
static void future_begin(struct delivery *delivery)
{
    struct grain_future *future = delivery->next;
    delivery->next = future_extra(future)->next;
    current = future;
    atomic_store_explicit(&future->state, FUTURE_IN_CALLBACK, memory_order_seq_cst);
}

/* The swap is F12. */
static void future_end(struct delivery *delivery)
{
    struct grain_future *future = (struct grain_future *)(uintptr_t)current;
    struct batch *batch = future->batch;
    current = NULL;
    if (delivery->batch != batch && delivery->references) {
        batch_release(delivery->batch, delivery->references);
        delivery->references = 0;
    }
    delivery->batch = batch;
    delivery->references++;
    atomic_exchange_explicit(&future->state, FUTURE_READY, memory_order_seq_cst);
    FENCE_AFTER_RMW(12);
    if (atomic_load_explicit(&future->is_awaited, memory_order_relaxed))
        events_tell(batch->async->events, EVENT_BIT(EVENT_FUTURES));
}

static void deliver(void *argument)
{
    struct delivery *delivery = argument;
    if (current) /* its callback ended the thread, and has returned by that */
        future_end(delivery);
    while (delivery->next) {
        future_begin(delivery);
        if (!atomic_load_explicit(&current->is_discarded, memory_order_seq_cst))
            callback_call(current);
        future_end(delivery);
    }
}

static void deliver_all(struct async *async)
{
    struct delivery delivery = {.next = async->deliver_first};
    async->deliver_first = NULL;
    lock_drop(&async->lock);
    while (delivery.next || current)
        job_guard_going_on(deliver, &delivery);
    if (delivery.references)
        batch_release(delivery.batch, delivery.references);
    lock_take(&async->lock);
}

/* ------------------------------------------------------------------------------------------- the thread */

static bool is_called(void *who)
{
    struct async *async = who;
    bool may_come;
    lock_take(&async->lock);
    bool is_there = flying_look(async, EVENT_BIT(EVENT_CALLBACKS), &may_come) || async->is_stopping;
    lock_drop(&async->lock);
    return is_there;
}

static bool lie_down(void *who)
{
    struct async *async = who;
    event_begin(async->events, EVENT_CALLBACKS);
    FENCE(11);
    return !is_called(async);
}

static void get_up(void *who)
{
    struct async *async = who;
    event_end(async->events, EVENT_CALLBACKS);
}

static void callbacks_sleep(struct async *async)
{
    static const struct wait_kind kind = {.is_over = is_called, .lie_down = lie_down, .get_up = get_up};
    struct wait_limits limits = {.word = (_Atomic uint32_t *)&async->events->of[EVENT_CALLBACKS].word,
                                 .sleep_ns = UINT64_MAX,
                                 .is_shared = async->events->is_shared};
    lock_drop(&async->lock);
    wait_once(&kind, &limits, async);
    lock_take(&async->lock);
}

static void *callbacks_main(void *argument)
{
    struct async *async = argument;
    bool may_come;
    inside = async;
    job_thread_keep();
    lock_take(&async->lock);
    for (unsigned turn = 0;;) {
        bool is_there = flying_look(async, 0, &may_come);
        if (async->deliver_first) {
            deliver_all(async);
            turn = 0;
        } else if (is_there) {
            async_reap(async);
        } else if (async->is_stopping && !may_come) {
            break;
        } else if (may_come && turn++ < YIELDS) {
            lock_drop(&async->lock);
            sched_yield();
            lock_take(&async->lock);
        } else {
            callbacks_sleep(async);
            turn = 0;
        }
    }
    lock_drop(&async->lock);
    return NULL;
}

int callbacks_start(struct async *async)
{
    if (async->has_callbacks)
        return 0;
    int status = signals_thread(&async->callbacks, &async->pool->core.signals, callbacks_main, async);
    async->has_callbacks = status == 0;
    return status;
}

void callbacks_stop(struct async *async)
{
    if (async->has_callbacks)
        pthread_join(async->callbacks, NULL);
    async->has_callbacks = false;
}
