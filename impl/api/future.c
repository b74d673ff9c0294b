/* SPDX-License-Identifier: MIT
 *
 * What a future does for its caller. How its call ends, and who waits for it: async/.
 */
#include <errno.h>
#include <sched.h>

#include "async/async.h"

/* Looking may complete the future: for the caller nothing changes but what it is about to be told. In a forked child
 * the calls are the parent's, who may have used their memory again. */
bool grain_future_ready(const struct grain_future *future)
{
    if (!future)
        return false;
    return future_is_ready(future) ||
           (owner_is_self(future->batch->async->owner) && future_look((struct grain_future *)(uintptr_t)future, 0));
}

/* In a worker, which may be the one that the call waits for; or where only the calling thread itself could make the
 * future ready. */
static bool wait_is_vain(const struct grain_future *future)
{
    const struct async *async = future->batch->async;
    return pool_is_inside(async->pool_id) || (future->has_callbacks && callbacks_is_inside(async));
}

int grain_future_wait(struct grain_future *future, uint64_t timeout_ns)
{
    if (!future)
        return refuse(-EINVAL, "future: NULL");
    if (callbacks_is_of(future))
        return -EDEADLK;
    if (future_is_ready(future))
        return 0;
    if (!owner_is_self(future->batch->async->owner))
        return -EPERM;
    if (wait_is_vain(future))
        return future_look(future, 0) ? 0 : -EDEADLK;
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
    return has_failed ? future->error : NULL;
}

int grain_future_cancel(struct grain_future *future)
{
    if (!future)
        return refuse(-EINVAL, "future: NULL");
    if (!owner_is_self(future->batch->async->owner))
        return -EPERM;
    return future_take_back(future);
}

/* ---------------------------------------------------------------------------------------------- free */

/* A worker that waited here could be the one that is waited for. */
static bool may_discard(const struct grain_future *future)
{
    bool is_short = future->batch->kind != BATCH_MAP &&
                    atomic_load_explicit(&future->state, memory_order_acquire) != FUTURE_IN_CALLBACK;
    return is_short || !pool_is_inside(future->batch->async->pool_id);
}

/* The results of a map are written where its caller wants them until it has ended. */
static bool map_look(void *user, unsigned watch)
{
    struct grain_future *future = user;
    return batch_reap(future->batch, watch);
}

static bool callback_look(void *user, unsigned watch)
{
    struct grain_future *future = user;
    if (watch)
        atomic_exchange_explicit(&future->is_awaited, true, memory_order_seq_cst);
    return atomic_load_explicit(&future->state, memory_order_seq_cst) != FUTURE_IN_CALLBACK;
}

/* After this nobody writes the result, the report, or calls a callback. */
static void discard(struct grain_future *future)
{
    struct batch *batch = future->batch;
    atomic_store_explicit(&future->is_discarded, true, memory_order_seq_cst);
    if (batch->kind == BATCH_MAP) {
        async_flush(batch->async);
        async_await(batch->async, map_look, future, GRAIN_FOREVER);
    }
    while (atomic_load_explicit(&future->state, memory_order_seq_cst) == FUTURE_HELD)
        sched_yield();
    if (!callbacks_is_of(future))
        async_await(batch->async, callback_look, future, GRAIN_FOREVER);
}

void grain_future_free(struct grain_future *future)
{
    if (!future || !owner_is_self(future->batch->async->owner))
        return;
    if (!future_is_ready(future)) {
        if (!may_discard(future))
            return;
        discard(future);
    }
    batch_release(future->batch, 1);
}
