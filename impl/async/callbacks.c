/* SPDX-License-Identifier: MIT
 *
 * The delivery thread of a pool: calls callbacks, one at a time. Futures come to it when their batch is settled; of
 * batches with callbacks that still run it looks for calls that have ended, a millisecond apart.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "pool/pool.h"
#include "sys/clock.h"
#include "sys/signals.h"

#define LOOK_NS 1000000

static _Thread_local const struct async *delivering_pool;
static _Thread_local const struct grain_future *delivering;

bool delivery_is_inside(const struct async *async)
{
    return delivering_pool == async;
}

bool delivery_is_of(const struct grain_future *future)
{
    return delivering == future;
}

void delivery_push(struct async *async, struct grain_future *future)
{
    future->extra->next = NULL;
    if (async->deliver_first)
        async->deliver_last->extra->next = future;
    else
        async->deliver_first = future;
    async->deliver_last = future;
    /* Its batch may be settled and its handle freed before the callback runs. */
    atomic_fetch_add_explicit(&future->batch->references, 1, memory_order_relaxed);
    pthread_cond_signal(&async->deliveries);
}

static struct grain_future *delivery_pop(struct async *async)
{
    struct grain_future *future = async->deliver_first;
    if (future)
        async->deliver_first = future->extra->next;
    return future;
}

/* With the lock held batches stay in the list, and their calls where they are. */
static bool running_look(struct async *async)
{
    bool has_callbacks = false;
    for (struct batch *batch = async->running; batch; batch = batch->next_listed) {
        if (!batch->has_callbacks || !batch->is_calls)
            continue;
        has_callbacks = true;
        while (batch->settled_below < batch->count && atomic_load_explicit(&batch->futures[batch->settled_below].state,
                                                                           memory_order_acquire) >= FUTURE_DELIVERING)
            batch->settled_below++;
        for (size_t i = batch->settled_below; i < batch->count; i++) {
            if (future_settle_early(&batch->futures[i]))
                delivery_push(async, &batch->futures[i]);
        }
    }
    return has_callbacks;
}

static void callback_call(void *argument)
{
    const struct grain_future *future = argument;
    const struct future_extra *extra = future->extra;
    const struct batch *batch = future->batch;
    if (future->status == 0) {
        extra->callback(extra->user, future->result, batch->is_calls ? 1 : batch->job.count);
        return;
    }
    struct grain_error error = extra->error;
    if (future->status != GRAIN_TASK_FAILED)
        error = (struct grain_error){.code = future->status};
    extra->error_callback(extra->user, &error);
}

static void deliver(struct async *async, struct grain_future *future)
{
    delivering = future;
    /* seq_cst: pairs with grain_future_free: it sees that the callback runs and waits, or we see that it is not
     * wanted */
    atomic_store_explicit(&future->state, FUTURE_IN_CALLBACK, memory_order_seq_cst);
    if (!atomic_load_explicit(&future->is_discarded, memory_order_seq_cst))
        job_guard_going_on(callback_call, future); /* one that ends its thread has returned */
    delivering = NULL;
    pthread_mutex_lock(&async->lock);
    atomic_store_explicit(&future->state, FUTURE_READY, memory_order_release);
    pthread_cond_broadcast(&async->settled);
    pthread_mutex_unlock(&async->lock);
    batch_release(future->batch);
}

static void delivery_sleep(struct async *async, bool may_come)
{
    if (may_come)
        async_wait_until(&async->deliveries, async, clock_ns() + LOOK_NS);
    else
        pthread_cond_wait(&async->deliveries, &async->lock);
}

static void *delivery_main(void *argument)
{
    struct async *async = argument;
    delivering_pool = async;
    job_thread_keep();
    pthread_mutex_lock(&async->lock);
    for (;;) {
        bool may_come = running_look(async);
        struct grain_future *future = delivery_pop(async);
        if (future) {
            pthread_mutex_unlock(&async->lock);
            deliver(async, future);
            pthread_mutex_lock(&async->lock);
        } else if (async->is_stopping && !may_come) {
            break;
        } else {
            delivery_sleep(async, may_come);
        }
    }
    pthread_mutex_unlock(&async->lock);
    return NULL;
}

int delivery_start(struct async *async)
{
    if (async->has_delivery)
        return 0;
    int status = signals_thread(&async->delivery, &async->pool->core.signals, delivery_main, async);
    async->has_delivery = status == 0;
    return status;
}

void delivery_stop(struct async *async)
{
    if (!async->has_delivery)
        return;
    pthread_mutex_lock(&async->lock);
    pthread_cond_signal(&async->deliveries);
    pthread_mutex_unlock(&async->lock);
    pthread_join(async->delivery, NULL);
    async->has_delivery = false;
}
