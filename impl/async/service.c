/* SPDX-License-Identifier: MIT
 *
 * The beginning and the end of a pool's asynchronous side, and its service thread: seals the open batch when calls have
 * been gathered for long enough, submits what found no room, collects what nobody waits for. Where jobs do not fly
 * (serial) it runs them. It starts when it is first needed, and sleeps until it is called or a batch is due.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "async.h"
#include "sys/clock.h"
#include "sys/futex.h"
#include "sys/inject.h"
#include "sys/page.h"
#include "sys/signals.h"

#define CROWDED_NS 2000000u /* until it looks again whether the backend has room: hundreds of calls are in progress */

/* When the open batch is due, or there may be room again. 0: at once. L */
static uint64_t queue_due_ns(const struct async *async)
{
    if (async_is_stopping(async) || (async_is_full(async) && !async_can_fly(async)))
        return 0;
    if (async->is_crowded)
        return clock_ns() + CROWDED_NS;
    bool has_room = async->flying_count < async->flying_most;
    if (async_is_full(async))
        return has_room ? 0 : UINT64_MAX;
    if (!async_open_batch(async) || !has_room)
        return UINT64_MAX;
    return async->last_start_ns + (async->flying_count ? BATCH_GATHER_NS : BATCH_GATHER_FREE_NS);
}

/* When it has to look, if nobody calls it. L */
static uint64_t due_ns(const struct async *async)
{
    uint64_t due = queue_due_ns(async);
    return due < async->hurry_ns ? due : async->hurry_ns;
}

/* L */
static void hurry(struct async *async)
{
    if (async->hurry_ns == UINT64_MAX || clock_ns() < async->hurry_ns)
        return;
    async->hurry_ns = UINT64_MAX;
    for (struct batch *batch = async->flying; batch; batch = batch->next_listed)
        if (batch->kind == BATCH_CALLS)
            batch_is_done(batch, EVENT_NOBODY);
}

/* Whether one of those that it looks after has ended; if not, it is told. L */
static bool has_ended(struct async *async)
{
    bool needs_room = async->first && async->flying_count >= async->flying_most, is_done = false;
    for (struct batch *batch = async->flying; batch; batch = batch->next_listed)
        if (needs_room || (batch->must_complete && !batch->has_callbacks))
            is_done = batch_is_done(batch, EVENT_BIT(EVENT_SERVICE)) || is_done;
    return is_done;
}

struct sleeper {
    struct async *async;
    uint64_t until_ns; /* how long it is about to sleep */
};

static bool is_called(void *who)
{
    struct sleeper *sleeper = who;
    struct async *async = sleeper->async;
    lock_take(&async->lock);
    bool is_called = due_ns(async) < sleeper->until_ns || (async_can_fly(async) && has_ended(async));
    async->service_ns = is_called ? 0 : sleeper->until_ns;
    lock_drop(&async->lock);
    return is_called;
}

static void service_sleep(struct async *async, uint64_t until_ns)
{
    struct sleeper sleeper = {async, until_ns};
    uint64_t now = until_ns == UINT64_MAX ? 0 : clock_ns();
    lock_drop(&async->lock);
    if (now < until_ns)
        event_wait(async->events, EVENT_SERVICE, is_called, &sleeper,
                   until_ns == UINT64_MAX ? until_ns : until_ns - now);
    lock_take(&async->lock);
    async->service_ns = 0;
}

static void *service_main(void *argument)
{
    struct async *async = argument;
    job_thread_keep();
    lock_take(&async->lock);
    while (!async_is_stopping(async)) {
        async->is_crowded = false;
        hurry(async);
        if (async_can_fly(async))
            async_reap(async);
        async_advance(async);
        if (async_open_batch(async) && !async_is_full(async) && queue_due_ns(async) <= clock_ns()) {
            async->last_start_ns = clock_ns();
            async_seal(async);
            async_advance(async);
        }
        if (!async_can_fly(async) && async_end_first(async, 0))
            continue;
        uint64_t until_ns = due_ns(async);
        if (until_ns)
            service_sleep(async, until_ns);
    }
    lock_drop(&async->lock);
    return NULL;
}

/* Where jobs do not fly it may run the user's code. */
int service_start(struct async *async)
{
    if (async->has_service)
        return 0;
    const struct backend_pool *core = &async->pool->core;
    bool runs_tasks = !async_can_fly(async) && (core->backend->capabilities & BACKEND_RUNS_TASKS);
    int status = signals_thread(&async->service, runs_tasks ? &core->signals : NULL, service_main, async);
    async->has_service = status == 0;
    return status;
}

void service_advance(struct async *async)
{
    async_advance(async);
    if (async_is_full(async))
        service_start(async);
}

/* ------------------------------------------------------------------------------- open and stop */

static int events_make(struct async *async)
{
    void *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return -errno;
    async->events = page;
    async->events->is_shared = true;
    return 0;
}

int async_open(struct async **out, struct grain_pool *pool)
{
    struct async *async = calloc(1, sizeof *async);
    int status = async ? events_make(async) : -ENOMEM;
    if (status) {
        free(async);
        return status;
    }
    async->owner = owner_self();
    async->pool = pool;
    async->pool_id = pool->core.id;
    atomic_store_explicit(&async->references, 1, memory_order_relaxed);
    async->next_room = BATCH_CALLS_MIN;
    async->hurry_ns = UINT64_MAX;
    pool->core.events = async->events;
    *out = async;
    return 0;
}

void async_begin(struct async *async)
{
    const struct backend_pool *core = &async->pool->core;
    int workers = core->workers;
    async->wait = core->options.wait;
    async->may_spin = core->options.wait != GRAIN_WAIT_PARK &&
                      (workers < backend_usable_cpus(core) || core->options.wait == GRAIN_WAIT_SPIN);
    async->flying_most = workers + 1 < FLYING_MOST ? workers + 1 : FLYING_MOST;
}

/* After terminate: what no worker has begun. */
void async_cancel(struct grain_pool *pool)
{
    struct async *async = pool->async;
    lock_take(&async->lock);
    for (struct batch *batch = async->flying; batch; batch = batch->next_listed)
        for (size_t i = 0; batch->kind == BATCH_CALLS && i < batch->count; i++)
            job_call_claim(&batch->calls[i], CALL_TAKEN_BACK);
    async_seal(async);
    while (async_end_first(async, -ECANCELED))
        ;
    lock_drop(&async->lock);
    events_tell(async->events, EVENT_ALL); /* the swaps were F12 */
}

/* Whoever asks from now on finds an answer, without pool or memory. */
static void ended_complete(struct async *async)
{
    lock_take(&async->lock);
    while (async->ended) {
        struct batch *batch = async->ended;
        for (size_t i = 0; i < batch->count; i++)
            if (future_hold(&batch->futures[i]))
                future_complete(&batch->futures[i]); /* none has a callback: those were completed when it ended */
        batch_memory_put(batch);
        batch_unlist(batch);
    }
    batch_spares_drop(async);
    async->pool = NULL;
    lock_drop(&async->lock);
}

void async_stop(struct grain_pool *pool)
{
    struct async *async = pool->async;
    lock_take(&async->lock);
    atomic_store_explicit(&async->is_stopping, true, memory_order_relaxed);
    lock_drop(&async->lock);
    FENCE(12);
    events_tell(async->events, EVENT_ALL);
    if (async->has_service)
        pthread_join(async->service, NULL);
    async->has_service = false;
    callbacks_stop(async);
    ended_complete(async);
}
