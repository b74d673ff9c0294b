/* SPDX-License-Identifier: MIT
 *
 * The callback thread of a pool: calls callbacks, one at a time. It completes what has one as soon as the call has
 * ended, and takes all that is there at once; when there is nothing it lets the workers go on for a moment, and then
 * sleeps. So a burst of calls wakes it once.
 */
#include "async.h"
#include "sys/futex.h"
#include "sys/inject.h"
#include "sys/signals.h"

#define YIELDS     16 /* before it sleeps */
#define LOOK_CALLS 64 /* that have not ended, in a row, before it calls what has */

static _Thread_local const struct async *inside;
static _Thread_local struct grain_future *current;

bool callbacks_is_inside(const struct async *async)
{
    return inside == async;
}

bool callbacks_is_of(const struct grain_future *future)
{
    return current == future;
}

/* ------------------------------------------------------------------------------------------- calling */

/* What is to be called; and how many references of one batch are then to be given up. */
struct delivery {
    struct future_list list;
    struct batch *batch;
    size_t references;
};

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

static void references_give(struct delivery *delivery)
{
    if (delivery->references)
        batch_release(delivery->batch, delivery->references);
    delivery->references = 0;
}

/* The swap is F12. */
static void current_end(struct delivery *delivery)
{
    struct grain_future *future = current;
    struct batch *batch = future->batch;
    current = NULL;
    if (delivery->batch != batch)
        references_give(delivery);
    delivery->batch = batch;
    delivery->references++;
    atomic_exchange_explicit(&future->state, FUTURE_READY, memory_order_seq_cst);
    FENCE_AFTER_RMW(12);
    if (atomic_load_explicit(&future->is_awaited, memory_order_relaxed))
        events_tell(batch->async->events, EVENT_BIT(EVENT_FUTURES));
}

/* seq_cst: pairs with grain_future_free: it sees that the callback runs and waits, or we see that it is not wanted. */
static void deliver(void *argument)
{
    struct delivery *delivery = argument;
    if (current) /* its callback ended the thread, and has returned by that */
        current_end(delivery);
    while (delivery->list.first) {
        current = delivery->list.first;
        delivery->list.first = future_extra(current)->next;
        atomic_store_explicit(&current->state, FUTURE_IN_CALLBACK, memory_order_seq_cst);
        if (!atomic_load_explicit(&current->is_discarded, memory_order_seq_cst))
            callback_call(current);
        current_end(delivery);
    }
}

static void deliver_all(struct delivery *delivery)
{
    while (delivery->list.first || current)
        job_guard_going_on(deliver, delivery);
    references_give(delivery);
}

/* ------------------------------------------------------------------------------------------- looking */

/* Completes those of the batch's calls that have ended; looks no further than so many in a row that have not: their
 * lines are the workers'. list NULL: whether there are any. */
static bool calls_look(struct batch *batch, size_t most, struct future_list *list)
{
    size_t pending = 0;
    while (batch->completed_below < batch->count && atomic_load_explicit(&batch->futures[batch->completed_below].state,
                                                                         memory_order_acquire) >= FUTURE_DELIVERING)
        batch->completed_below++;
    for (size_t i = batch->completed_below; i < batch->count && pending < most; i++) {
        struct grain_future *future = &batch->futures[i];
        bool has_ended = job_call_state(&batch->calls[i]) > CALL_RUNNING;
        pending = has_ended ? 0 : pending + 1;
        if (!has_ended || !future->has_callbacks ||
            atomic_load_explicit(&future->state, memory_order_acquire) != FUTURE_PENDING)
            continue;
        if (!list)
            return true;
        if (future_hold(future) && future_complete(future))
            future_list_add(list, future);
    }
    return false;
}

/* The batches under way that have callbacks, with a reference each: so their calls stay where they are, and others may
 * have the lock. */
static int flying_take(struct async *async, struct batch *batches[FLYING_MOST], struct future_list *list)
{
    int count = 0;
    lock_take(&async->lock);
    for (struct batch *batch = async->flying; batch; batch = batch->next_listed)
        if (batch->has_callbacks) {
            atomic_fetch_add_explicit(&batch->references, 1, memory_order_relaxed);
            batches[count++] = batch;
        }
    *list = async->to_deliver;
    async->to_deliver.first = NULL;
    lock_drop(&async->lock);
    return count;
}

/* Calls what can be called. False: there was nothing, as far as it looked. may_come: calls are under way. */
static bool callbacks_work(struct async *async, size_t most, bool *may_come)
{
    struct batch *batches[FLYING_MOST];
    struct delivery delivery = {.batch = NULL};
    bool has_ended = false;
    int count = flying_take(async, batches, &delivery.list);
    for (int i = 0; i < count; i++) {
        if (batches[i]->kind == BATCH_CALLS)
            calls_look(batches[i], most, &delivery.list);
        has_ended = batch_reap(batches[i], 0) || has_ended;
        batch_release(batches[i], 1);
    }
    bool has_called = delivery.list.first;
    deliver_all(&delivery);
    *may_come = count > 0;
    return has_called || has_ended;
}

static bool is_called(void *who)
{
    struct async *async = who;
    lock_take(&async->lock);
    bool is_there = async_is_stopping(async) || async->to_deliver.first;
    for (struct batch *batch = async->flying; batch && !is_there; batch = batch->next_listed)
        is_there = batch->has_callbacks && (batch_is_done(batch, EVENT_BIT(EVENT_CALLBACKS)) ||
                                            (batch->kind == BATCH_CALLS && calls_look(batch, SIZE_MAX, NULL)));
    lock_drop(&async->lock);
    return is_there;
}

/* ------------------------------------------------------------------------------------------- the thread */

static bool is_over(void *who)
{
    (void)who;
    return false;
}

static void *callbacks_main(void *argument)
{
    static const struct wait_kind pause = {.is_over =
                                               is_over}; /* a microsecond or two: looking takes the calls' lines */
    struct async *async = argument;
    bool may_come;
    inside = async;
    job_thread_keep();
    for (unsigned turn = 0;;) {
        if (callbacks_work(async, turn == 0 ? LOOK_CALLS : SIZE_MAX, &may_come)) {
            turn = 0;
        } else if (may_come && turn++ < YIELDS) {
            wait_spin(&pause, 0, async);
        } else if (!may_come && async_is_stopping(async)) {
            return NULL;
        } else {
            event_wait(async->events, EVENT_CALLBACKS, is_called, async, UINT64_MAX);
            turn = 0;
        }
    }
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
