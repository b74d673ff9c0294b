/* SPDX-License-Identifier: MIT
 *
 * A forked worker's life, from its initializer to its finalizer, and how far all of them have come: what the supervisor
 * (supervisor.c) and the opener (supervisor_start.c) know of it.
 */
#include <limits.h>
#include <unistd.h>

#include "supervisor.h"
#include "sys/child.h"
#include "sys/futex.h"

/* release: pairs with supervisor_start */
void start_tell(struct supervisor_shared *shared, uint32_t word)
{
    uint32_t starting = SUPERVISOR_STARTING;
    if (atomic_compare_exchange_strong_explicit(&shared->start, &starting, word, memory_order_release,
                                                memory_order_relaxed))
        wait_wake(&shared->start, INT_MAX, true);
}

/* seq_cst: of two workers that become ready at once, one sees the other. */
uint32_t stage_of(const struct supervisor_shared *shared, int id)
{
    return atomic_load_explicit(&shared->stages[id], memory_order_seq_cst);
}

void stage_set(struct supervisor_shared *shared, int id, enum worker_stage stage)
{
    atomic_store_explicit(&shared->stages[id], (uint32_t)stage, memory_order_seq_cst);
}

/* Where there is an initializer, the open returns when it has run in every worker. */
void ready_tell(struct supervisor_shared *shared)
{
    for (int i = 0; i < shared->team->workers && shared->pool->initializer; i++)
        if (stage_of(shared, i) < STAGE_READY)
            return;
    start_tell(shared, SUPERVISOR_STARTED);
}

/* A whole life, but for its end. Where the pool is being stopped workers are killed, and no finalizer runs. */
static enum worker_stage worker_live(struct supervisor_shared *shared, int id, bool is_replacement)
{
    void *state;
    if (backend_initialize(shared->pool, id, getpid(), 1, &state))
        return STAGE_REFUSED;
    child_depend_again(); /* it may have changed credentials */
    child_flush();
    stage_set(shared, id, STAGE_READY);
    if (shared->pool->initializer)
        ready_tell(shared);
    supervisor_follow(shared, &shared->team->slots[id].ctx);
    bool is_retired = team_work(shared->team, id, getpid(), state, is_replacement);
    state = shared->team->slots[id].ctx.state; /* a task may have put another one there */
    enum worker_stage end = is_retired ? STAGE_RETIRED : STAGE_LEFT;
    stage_set(shared, id, end);
    if (atomic_load_explicit(&shared->team->phase, memory_order_acquire) < TEAM_STOP)
        backend_finalize(shared->pool, id, getpid(), &state);
    return end;
}

void supervisor_life(void *argument)
{
    struct supervisor_life *life = argument;
    life->stage = worker_live(life->shared, life->id, life->is_replacement);
}
