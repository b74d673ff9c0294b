/* SPDX-License-Identifier: MIT
 *
 * Waiting for futures, and for the end of all calls. Who waits looks, spins where a CPU is left over for it or lets the
 * workers go on for a moment, says what it waits for, and sleeps until it is told.
 */
#include <errno.h>
#include <sched.h>

#include "async.h"
#include "sys/clock.h"
#include "sys/futex.h"
#include "sys/inject.h"

#define YIELDS 8 /* of who may not spin, before it sleeps */

/* Of a call in a batch. The call is told by who ends it; that it will not be run is known when its job has ended. */
static void call_look(struct grain_future *future, unsigned watch)
{
    if (!future_hold(future))
        return;
    if (watch) {
        job_call_watch(future_call(future), watch);
        FENCE(11);
    }
    if (future_has_ended(future))
        future_complete(future);
    else
        future_unhold(future);
}

bool future_look(struct grain_future *future, unsigned watch)
{
    if (future_is_ready(future))
        return true;
    struct batch *batch = future->batch;
    if (future->has_callbacks) { /* the callback thread's; the swap is F11 */
        if (watch)
            atomic_exchange_explicit(&future->is_awaited, true, memory_order_seq_cst);
        return future_is_ready(future);
    }
    if (batch->kind == BATCH_CALLS)
        call_look(future, watch);
    if (!future_is_ready(future) && batch_reap(batch, watch) && batch->kind == BATCH_CALLS)
        call_look(future, 0);
    return future_is_ready(future);
}

struct waiter {
    bool (*look)(void *user, unsigned watch);
    void *user;
};

static bool is_over(void *who)
{
    const struct waiter *waiter = who;
    return waiter->look(waiter->user, 0);
}

static bool is_over_or_watched(void *who)
{
    const struct waiter *waiter = who;
    return waiter->look(waiter->user, EVENT_BIT(EVENT_FUTURES));
}

/* Yielding lets the workers of the CPU that this thread is on go on: what comes of many short tasks is there at once
 * afterwards. */
int async_await(struct async *async, bool (*look)(void *user, unsigned watch), void *user, uint64_t timeout_ns)
{
    static const struct wait_kind kind = {.is_over = is_over};
    struct waiter waiter = {look, user};
    uint64_t until = clock_until_ns(timeout_ns);
    bool is_there = look(user, 0);
    for (int i = 0; !is_there && !async->may_spin && async->wait != GRAIN_WAIT_PARK && i < YIELDS; i++) {
        sched_yield();
        is_there = look(user, 0);
    }
    while (!is_there) {
        uint64_t now = until == UINT64_MAX ? 0 : clock_ns(), left = until == UINT64_MAX ? until : until - now;
        if (now >= until)
            return -ETIMEDOUT;
        if (async->may_spin)
            wait_spin(&kind, left < WAIT_SPIN_NS ? left : WAIT_SPIN_NS, &waiter);
        if (async->wait != GRAIN_WAIT_SPIN)
            event_wait(async->events, EVENT_FUTURES, is_over_or_watched, &waiter, left);
        is_there = look(user, 0);
    }
    return 0;
}

static bool look_at(void *user, unsigned watch)
{
    return future_look(user, watch);
}

/* A job of its own is waited for as a call of apply waits: nobody has to be told. */
int future_await(struct grain_future *future, uint64_t timeout_ns)
{
    struct batch *batch = future->batch;
    struct async *async = batch->async;
    bool is_own = batch->kind != BATCH_CALLS && !future->has_callbacks && timeout_ns == GRAIN_FOREVER;
    if (!is_own && future_look(future, 0))
        return 0;
    if (timeout_ns == 0)
        return -ETIMEDOUT;
    atomic_store_explicit(&async->was_waited, true, memory_order_relaxed);
    async_flush(async);
    return is_own && batch_await(batch) ? 0 : async_await(async, look_at, future, timeout_ns);
}

/* ------------------------------------------------------------------------------------------- join */

/* Whether one of those under way has ended; if not, these are told. L */
static bool flying_look(struct async *async, unsigned watch)
{
    bool is_done = false;
    for (struct batch *batch = async->flying; watch && batch; batch = batch->next_listed)
        is_done = (!batch->has_callbacks && batch_is_done(batch, watch)) || is_done;
    return is_done;
}

static bool calls_look(void *user, unsigned watch)
{
    struct grain_pool *pool = user;
    struct async *async = pool->async;
    bool can_fly = async_can_fly(async);
    lock_take(&async->lock);
    do {
        async_seal(async);
        if (can_fly)
            async_reap(async);
        async_advance(async);
    } while (can_fly && flying_look(async, watch));
    lock_drop(&async->lock);
    return pool_is_idle(pool);
}

void async_drain(struct grain_pool *pool)
{
    async_await(pool->async, calls_look, pool, GRAIN_FOREVER);
}
