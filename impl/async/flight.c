/* SPDX-License-Identifier: MIT
 *
 * A batch on its way: sealed, submitted to the backend, collected when its job has ended. Any thread may do each of
 * these steps. While a batch is under way it counts as one of the pool's calls.
 */
#include <errno.h>
#include <sched.h>

#include "async.h"
#include "sys/clock.h"
#include "sys/inject.h"

/* How many calls come while one batch runs is the room of the next, for fresh memory is dear. It doubles when a batch
 * is full (queue.c), and halves after several that were nearly empty: among the large batches of a stream there are
 * small ones. */
static void room_learn(struct async *async, const struct batch *batch)
{
    async->small_batches = batch->count < async->next_room / 4 ? async->small_batches + 1 : 0;
    if (async->small_batches < BATCH_SMALL_MAX || async->next_room == BATCH_CALLS_MIN)
        return;
    async->next_room /= 2;
    async->small_batches = 0;
}

static void phase_set(struct batch *batch, enum batch_phase phase)
{
    atomic_store_explicit(&batch->phase, (int)phase, memory_order_release);
}

void async_push(struct async *async, struct batch *batch)
{
    *(async->first ? &async->last->next : &async->first) = batch;
    async->last = batch;
    batch->next = NULL;
}

/* From now on it has the references that it was given, and those alone. */
void batch_seal(struct batch *batch)
{
    phase_set(batch, BATCH_QUEUED);
    atomic_fetch_sub_explicit(&batch->references, 2 * batch->room - batch->handles - batch->callbacks,
                              memory_order_relaxed);
}

void async_seal(struct async *async)
{
    struct batch *batch = async_open_batch(async);
    if (!batch)
        return;
    batch_seal(batch);
    atomic_store_explicit(&async->has_open, false, memory_order_relaxed);
    room_learn(async, batch);
}

/* ------------------------------------------------------------------------------------------- the end */

/* In `flying`, and its phase is this thread's. */
static void batch_end(struct batch *batch, int status)
{
    struct async *async = batch->async;
    struct grain_pool *pool = async->pool;
    bool is_imitation = !(pool->core.backend->capabilities & BACKEND_RUNS_TASKS);
    if (status && batch->kind != BATCH_CALLS)
        job_abandon(&batch->job, status);
    batch->status = status;
    batch->status_unrun = status || is_imitation ? status : -ENOTRECOVERABLE;
    batch->is_lost = status == -ECANCELED || status == -ENOTRECOVERABLE;
    phase_set(batch, BATCH_ENDED);
    if (batch->kind != BATCH_CALLS || batch->must_complete)
        batch_complete(batch);
    lock_take(&async->lock);
    batch_unlist(batch);
    if (batch->kind == BATCH_CALLS) /* of what the pool has to complete when it goes */
        batch_list(&async->ended, batch);
    if (async->first && async->flying_count >= async->flying_most)
        service_call(async, 0); /* what waits for room */
    async->flying_count--;
    lock_drop(&async->lock);
    FENCE_AFTER_RMW(12); /* the lock's */
    events_tell(async->events, EVENT_BIT(EVENT_FUTURES) | (batch->has_callbacks ? EVENT_BIT(EVENT_CALLBACKS) : 0));
    batch_release(batch, 1);
    pool_leave(pool);
}

static void batch_collect(struct batch *batch)
{
    batch_end(batch, pool_wait(batch->async->pool, &batch->job, batch->ticket));
}

/* Takes a batch that flies from FLYING to this phase; else the phase that it has. */
static int batch_claim(struct batch *batch, enum batch_phase phase)
{
    int seen = BATCH_FLYING;
    while (!atomic_compare_exchange_strong_explicit(&batch->phase, &seen, (int)phase, memory_order_acquire,
                                                    memory_order_acquire)) {
        if (seen != BATCH_LOOKED_AT)
            return seen;
        sched_yield();
        seen = BATCH_FLYING;
    }
    return BATCH_FLYING;
}

static bool batch_look(struct batch *batch, unsigned watch, enum batch_phase if_done)
{
    struct backend_pool *core = &batch->async->pool->core;
    if (batch_claim(batch, BATCH_LOOKED_AT) != BATCH_FLYING)
        return false;
    bool is_done = core->backend->is_done(core, &batch->job, batch->ticket, watch);
    phase_set(batch, is_done ? if_done : BATCH_FLYING);
    return is_done;
}

bool batch_is_done(struct batch *batch, unsigned watch)
{
    return batch_look(batch, watch, BATCH_FLYING);
}

bool batch_reap(struct batch *batch, unsigned watch)
{
    if (atomic_load_explicit(&batch->phase, memory_order_acquire) == BATCH_ENDED)
        return true;
    if (!batch_look(batch, watch, BATCH_COLLECTING))
        return false;
    batch_collect(batch);
    return true;
}

bool batch_await(struct batch *batch)
{
    if (batch_claim(batch, BATCH_COLLECTING) != BATCH_FLYING)
        return false;
    batch_collect(batch);
    return true;
}

void async_reap(struct async *async)
{
    for (struct batch *batch = async->flying; batch;) {
        bool is_left = batch->has_callbacks && async->flying_count < async->flying_most;
        if (is_left || !batch_look(batch, 0, BATCH_COLLECTING)) {
            batch = batch->next_listed;
            continue;
        }
        lock_drop(&async->lock);
        batch_collect(batch);
        lock_take(&async->lock);
        batch = async->flying;
    }
}

/* --------------------------------------------------------------------------------------- submitting */

/* The first of the queue, which is sealed, begins to fly. */
static struct batch *first_take(struct async *async, enum batch_phase phase)
{
    struct batch *batch = async->first;
    async->first = batch->next;
    batch_list(&async->flying, batch);
    async->flying_count++;
    phase_set(batch, phase);
    if (batch->kind == BATCH_CALLS) {
        batch->job.count = batch->count;
        batch->job.chunk = 1;
        batch->job.schedule = async->pool->core.backend->default_schedule;
        batch->job.is_watched = async->has_service && batch->count > 1;
    }
    batch->job.is_queued = true;
    if (batch->job.task_timeout_ns) /* the supervisor looks as long as it is not collected */
        batch->must_complete = true;
    return batch;
}

/* A map has no task left when it was taken back. */
static int batch_refusal(const struct batch *batch)
{
    const struct grain_pool *pool = batch->async->pool;
    bool is_over = batch->job.count == 0 || atomic_load_explicit(&pool->phase, memory_order_seq_cst) == POOL_TERMINATED;
    return is_over ? -ECANCELED : 0;
}

/* What queued calls have left is the next ones', unless it is wanted here. The data of a map are copied without the
 * lock: that may take long. */
static int batch_submit(struct batch *batch)
{
    struct async *async = batch->async;
    bool is_map = batch->kind == BATCH_MAP;
    int status = batch_refusal(batch);
    if (status)
        return status;
    if (is_map)
        lock_drop(&async->lock);
    status = pool_submit(async->pool, &batch->job, &batch->ticket);
    if (is_map)
        lock_take(&async->lock);
    if (status == -ENOMEM && async->spare) {
        batch_spares_drop(async);
        return batch_submit(batch);
    }
    return status;
}

/* Who slept before it could be watched looks again. */
static void batch_fly(struct batch *batch)
{
    unsigned whom = batch->kind == BATCH_MAP || batch->had_no_room ? EVENT_ALL : 0;
    if (batch->must_complete)
        whom |= EVENT_BIT(batch->has_callbacks ? EVENT_CALLBACKS : EVENT_SERVICE);
    phase_set(batch, BATCH_FLYING);
    if (!whom)
        return;
    FENCE(12);
    events_tell(batch->async->events, whom);
}

static void batch_back(struct batch *batch)
{
    struct async *async = batch->async;
    batch_unlist(batch);
    async->flying_count--;
    phase_set(batch, BATCH_QUEUED);
    if (!async->first)
        async->last = batch;
    batch->next = async->first;
    async->first = batch;
    batch->had_no_room = true;
    async->is_crowded = true;
}

static void first_submit(struct async *async)
{
    struct batch *batch = first_take(async, BATCH_SUBMITTING);
    int status = batch_submit(batch);
    if (status == 0) {
        batch_fly(batch);
        if (batch->kind == BATCH_CALLS && batch->job.is_watched && async->hurry_ns == UINT64_MAX) {
            async->hurry_ns = clock_ns() + BATCH_HURRY_NS;
            service_call(async, async->hurry_ns);
        }
    } else if (status == -EBUSY) {
        batch_back(batch);
    } else {
        lock_drop(&async->lock);
        batch_end(batch, status);
        lock_take(&async->lock);
    }
}

void async_advance(struct async *async)
{
    bool can_fly = async_can_fly(async);
    if (can_fly && async_is_full(async) && async->flying_count >= async->flying_most)
        async_reap(async);
    while (can_fly && async_is_full(async) && async->flying_count < async->flying_most && !async->is_crowded)
        first_submit(async);
    if (async_is_full(async))
        service_call(async, 0);
}

bool async_end_first(struct async *async, int status)
{
    if (!async_is_full(async))
        return false;
    struct batch *batch = first_take(async, BATCH_COLLECTING);
    lock_drop(&async->lock);
    if (status == 0)
        status = batch_refusal(batch);
    batch_end(batch, status ? status : pool_run(async->pool, &batch->job));
    lock_take(&async->lock);
    return true;
}
